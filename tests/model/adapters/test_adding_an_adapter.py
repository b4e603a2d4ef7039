"""The page on adapters of one's own: its code and configs are written to files and really run."""

from __future__ import annotations

import importlib
import re
import shlex
import sys

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.config import CONFIGS, check_targets
from mtl_ase.config.arguments import check_arguments
from mtl_ase.config.resolvers import register_resolvers
from mtl_ase.model.adapters import Adapter
from tests.model.adapters import network_properties, properties
from tests.model.adapters.cases import TINY, WIDTHS, Case, build_network
from tests.model.adapters.network_properties import losses_of
from tests.pages import ROOT, files_of, run_in, small_run, written

PAGE = (ROOT / "docs" / "adding_an_adapter.md").read_text()
FILES = files_of(PAGE)
COMMANDS = re.findall(r"^python (train\.py .*my_configs.*)$", PAGE, re.MULTILINE)
TRUSTED = ("my_adapters.", "my_encoders.", "my_decoders.")
OVERRIDES = ["model/adapter=task_weighted"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A user's folder with the files of the page, whose modules can be imported."""
    modules = ("my_adapters", "my_encoders", "my_decoders")
    with written(FILES, tmp_path_factory.mktemp("user"), modules) as root:
        yield root


@pytest.fixture(scope="module")
def config_of(folder):
    """Composes the config's part `model`, with the user's folder on the search path."""

    def compose_config(*overrides):
        register_resolvers()
        with initialize_config_dir(str(CONFIGS), version_base="1.3"):
            path = f"hydra.searchpath=[file://{folder / 'my_configs'}]"
            config = compose("train", [*TINY, path, *overrides])
        OmegaConf.resolve(config.model)
        return OmegaConf.masked_copy(config, "model")

    return compose_config


@pytest.fixture(scope="module")
def adapter_config(config_of):
    return config_of(*OVERRIDES)


@pytest.fixture(scope="module")
def oracle(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder / "tests/model/adapters/oracles")
        yield importlib.import_module("task_weighted")
    del sys.modules["task_weighted"]


def of_check(check):
    return check.__name__


def test_the_page_has_the_files_and_they_are_short():
    lines = {name: len(text.splitlines()) for name, text in FILES.items()}
    assert lines["my_adapters.py"] <= 40
    assert lines["my_configs/model/adapter/task_weighted.yaml"] <= 10
    assert {"my_encoders.py", "my_decoders.py"} <= set(lines)
    assert len(lines) == 7


@pytest.mark.parametrize("check", properties.PROPERTIES, ids=of_check)
@pytest.mark.parametrize("site", WIDTHS)
def test_the_adapter_at_a_site(adapter_config, oracle, site, check):
    make = instantiate(adapter_config.model.adapter)
    check(Case(make, site, oracle, oracle.num_parameters))


@pytest.mark.parametrize("check", network_properties.PROPERTIES, ids=of_check)
def test_the_adapter_in_a_network(adapter_config, check):
    check(adapter_config.model)


def test_it_is_refused_unless_trusted(adapter_config):
    with pytest.raises(UserError, match=r"my_adapters\.TaskWeighted is outside"):
        check_targets(adapter_config)
    check_targets(adapter_config, TRUSTED)


@pytest.mark.parametrize(
    "overrides",
    [
        OVERRIDES,
        ["model/encoder=patches", "model/adapter=none"],
        ["model/decoder=linear"],
        ["model/encoder=patches", "model/adapter=none", "model/decoder=linear"],
    ],
    ids=" ".join,
)
def test_a_network_with_parts_of_the_page_learns(config_of, overrides):
    config = config_of(*overrides)
    check_targets(config, TRUSTED)
    check_arguments(config.model, "model", ["channels"])
    network = build_network(config.model)
    sum(losses_of(network).values()).backward()
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert any(parameter.grad.any() for parameter in trained)
    assert all(parameter.grad.isfinite().all() for parameter in trained)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_compose(config_of, command):
    overrides = [word for word in shlex.split(command)[1:] if not word.startswith("-")]
    assert "_target_" in config_of(*(re.sub(",.*", "", word) for word in overrides)).model


def test_the_table_names_what_an_adapter_has():
    names = set(re.findall(r"[a-z_]+", "".join(re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE))))
    public = {name for name in vars(Adapter) if not name.startswith("_")}
    assert names >= public - {"merge", "mergeable", "routing"}


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for c in COMMANDS if " -m " not in c])
def test_the_commands_train(folder, tmp_path, command):
    score = (
        "import sys; from mtl_ase.commands.evaluate import evaluate; "
        "evaluate(sys.argv[1:], trusted=('my_adapters.', 'my_encoders.', 'my_decoders.'))"
    )
    run_in(folder, [*shlex.split(command), *small_run(tmp_path)])
    run_in(folder, ["-c", score, f"run={tmp_path / 'run'}"])
    assert (tmp_path / "run" / "DONE").exists()
    assert "_target_: my_" in (tmp_path / "run" / "config.yaml").read_text()
