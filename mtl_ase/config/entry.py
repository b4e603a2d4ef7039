"""Entry points: a Hydra main whose wrong use ends in one sentence and exit code 2."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from mtl_ase.config.precision import fast_precision
from mtl_ase.errors import UserError

CONFIGS = Path(__file__).parents[2] / "configs"


def run_main(command: Callable[[DictConfig], object], config_name: str) -> None:
    """Compose the config from the command line and run a command, or each job of a sweep, on it.

    Exit codes: 0 done, 2 wrong use (one sentence on stderr), 1 anything else (a traceback).
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra hands its errors to us instead of printing them
    _register_resolvers()
    main = hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name=config_name)(command)
    exit_on_wrong_use(main)


def run_once(command: Callable[[DictConfig], object], overrides: Sequence[str]) -> None:
    """Compose the training config and run a command on it that needs no run folder."""
    _register_resolvers()

    def composed() -> None:
        with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
            config = hydra.compose("train", list(overrides), return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        with open_dict(config):
            del config["hydra"]
        command(config)

    exit_on_wrong_use(composed)


def exit_on_wrong_use(main: Callable[[], object]) -> None:
    """Run something; what the user did wrong becomes one sentence and exit code 2."""
    try:
        main()
    except (UserError, HydraException, OmegaConfBaseException) as error:
        sentence = explain(error)
        if sentence is None:
            raise
        print(f"error: {sentence}", file=sys.stderr)
        sys.exit(2)


def explain(error: BaseException) -> str | None:
    """One sentence for wrong use, or None for a fault that needs its traceback."""
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, UserError):
            return str(cause)
    if any(not isinstance(c, HydraException | OmegaConfBaseException) for c in chain[1:]):
        kinds = (TypeError, ValueError, KeyError, AttributeError, SyntaxError)
        if not all(isinstance(c, (HydraException, OmegaConfBaseException, *kinds)) for c in chain):
            return None
    return _sentence(chain)


def _register_resolvers() -> None:
    OmegaConf.register_new_resolver("fast_precision", fast_precision, replace=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _sentence(chain: list[BaseException]) -> str:
    texts = [" ".join(line.strip() for line in str(c).splitlines() if line.strip()) for c in chain]
    text = next((t for t in texts if t), type(chain[0]).__name__)
    text = re.sub(r"\s*(full_key: \S+|object_type=\w+|reference_type=\S+)", "", text)
    return text + _suggestion(text)


def _suggestion(text: str) -> str:
    """The nearest known key or option for one that is not known."""
    unknown = re.search(r"(?:Could not override|Could not find) '([\w./@]+)'", text)
    if unknown is None:
        return ""
    name = re.split(r"[./]", unknown[1])[-1]
    close = difflib.get_close_matches(name, _known_names(), n=1)
    return f" Did you mean {close[0]!r}?" if close and close[0] != name else ""


def _known_names() -> list[str]:
    names = {path.stem for path in CONFIGS.rglob("*.yaml")}
    for path in CONFIGS.rglob("*.yaml"):
        names.update(re.findall(r"^ *(\w+):", path.read_text(), flags=re.MULTILINE))
    return sorted(names)
