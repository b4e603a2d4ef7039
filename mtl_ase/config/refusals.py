"""Values that a library refuses: wrong use, as opposed to a fault of ours."""

from __future__ import annotations

import itertools
import sys
import traceback
from collections.abc import Sequence

from lightning.fabric.utilities.exceptions import MisconfigurationException

REFUSALS = (
    MisconfigurationException,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ImportError,
)
"""What libraries raise when a value does not suit them; an optional package may be missing too."""
HYDRA = "hydra._internal"
TRAINER = "lightning.pytorch.trainer.trainer"
COMPOSERS = {"antlr4", "hydra", "omegaconf", "yaml"}
LIBRARIES = COMPOSERS | {
    "lightning",
    "lightning_utilities",
    "timm",
    "torch",
    "torchmetrics",
}


def is_refused(error: BaseException) -> bool:
    """Whether a library's constructor, called by Hydra, raised it over a value of the config.

    The traceback tells: from where Hydra builds, down to where it was raised, there are libraries
    only. With a line of ours, or of code that the user brought, it is a fault of that code, and so
    is a call that never arrived in the library.
    """
    modules = _trailing(error)
    return isinstance(error, REFUSALS) and any(
        module.startswith(HYDRA) and not below.startswith(HYDRA)
        for module, below in itertools.pairwise(modules)
    )


def is_refused_by_trainer(error: BaseException) -> bool:
    """Whether Lightning's trainer raised it over its settings once it runs.

    Nothing but Lightning is called in between: not the module, a callback or a loader of ours.
    """
    modules = _trailing(error)
    return (
        isinstance(error, MisconfigurationException | ValueError)
        and modules[:1] == [TRAINER]
        and not any(module.partition(".")[0] == "torch" for module in modules)
    )


def is_of_composing(error: BaseException) -> bool:
    """Whether it comes out of Hydra or OmegaConf themselves, not out of a resolver of ours."""
    return any(module.partition(".")[0] in COMPOSERS for module in _trailing(error))


def is_of_hydra(error: BaseException) -> bool:
    """Whether Hydra itself raised it, with no constructor in between."""
    modules = _trailing(error)
    return any(module.partition(".")[0] == "hydra" for module in modules) and (
        modules[-1].partition(".")[0] in COMPOSERS
    )


def is_of_folders(error: BaseException) -> bool:
    """Whether Hydra could not make a folder that the command line names."""
    return isinstance(error, OSError) and any(m.startswith("hydra.") for m in _trailing(error))


def is_unknown_name(error: BaseException) -> bool:
    """Whether a module or class does not exist; one that fails while it is imported does."""
    return "pkgutil" in _trailing(error)


def _trailing(error: BaseException) -> Sequence[str]:
    """The modules of the last calls, from after the last one that is neither library nor Python."""
    modules = [
        str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)
    ]
    others = [number for number, module in enumerate(modules) if not _is_library(module)]
    return modules[others[-1] + 1 if others else 0 :]


def _is_library(module: str) -> bool:
    package = module.partition(".")[0]
    return package in LIBRARIES or (package in sys.stdlib_module_names and package != "__main__")
