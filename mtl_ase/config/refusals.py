"""Tells values that a library rejects (user errors) from bugs."""

from __future__ import annotations

import itertools
import sys
import traceback
from collections.abc import Sequence

REFUSALS = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ImportError,
)
"""What libraries raise for invalid values, and for missing optional packages; see `_refusals`."""
HYDRA = "hydra._internal"
TRAINER = "lightning.pytorch.trainer.trainer"
COMPOSERS = {"antlr4", "hydra", "omegaconf", "yaml"}
LIBRARIES = COMPOSERS | {
    "lightning",
    "lightning_utilities",
    "timm",
    "torch",
    "torchjd",
    "torchmetrics",
}


def is_refused(error: BaseException) -> bool:
    """Whether a library's constructor, called by Hydra, rejected a value of the config.

    This is so if the traceback has only library frames between Hydra's instantiation and the
    raise. A frame of our code or the user's in between makes it a bug of that code, and so does a
    call that failed before it entered the library.
    """
    modules = _trailing(error)
    return isinstance(error, _refusals(REFUSALS)) and any(
        module.startswith(HYDRA) and not below.startswith(HYDRA)
        for module, below in itertools.pairwise(modules)
    )


def is_refused_by_trainer(error: BaseException) -> bool:
    """Whether Lightning's trainer rejected its settings while running.

    The traceback then has only frames of Lightning, none of our module, callbacks or loaders.
    """
    modules = _trailing(error)
    return (
        modules[:1] == [TRAINER]
        and isinstance(error, _refusals((ValueError,)))
        and not any(module.partition(".")[0] == "torch" for module in modules)
    )


def is_of_composing(error: BaseException) -> bool:
    """Whether Hydra or OmegaConf raised it themselves, not one of our resolvers."""
    return any(module.partition(".")[0] in COMPOSERS for module in _trailing(error))


def is_of_hydra(error: BaseException) -> bool:
    """Whether Hydra itself raised it, with no constructor in between."""
    modules = _trailing(error)
    return any(module.partition(".")[0] == "hydra" for module in modules) and (
        modules[-1].partition(".")[0] in COMPOSERS
    )


def is_of_folders(error: BaseException) -> bool:
    """Whether Hydra could not create a folder given on the command line."""
    named = isinstance(error, OSError) and error.filename is not None
    return named and any(module.startswith("hydra.") for module in _trailing(error))


def is_unknown_name(error: BaseException) -> bool:
    """Whether a module or class does not exist, as opposed to failing during its import."""
    return "pkgutil" in _trailing(error)


def _refusals(others: tuple[type[Exception], ...]) -> tuple[type[Exception], ...]:
    """Lightning's own exception, imported late: it takes seconds; and others."""
    from lightning.fabric.utilities.exceptions import MisconfigurationException

    return (MisconfigurationException, *others)


def _trailing(error: BaseException) -> Sequence[str]:
    """Modules of the traceback's frames after the last one of our code or the user's."""
    modules = [
        str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)
    ]
    others = [number for number, module in enumerate(modules) if not _is_library(module)]
    return modules[others[-1] + 1 if others else 0 :]


def _is_library(module: str) -> bool:
    package = module.partition(".")[0]
    return package in LIBRARIES or (package in sys.stdlib_module_names and package != "__main__")
