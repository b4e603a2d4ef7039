"""Weights & Biases: a run folder has one wandb id, under which every start of the run logs."""

from __future__ import annotations

import inspect
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import WandbLogger

from mtl_ase.base.atomic_files import write_atomically
from mtl_ase.base.errors import UserError

if TYPE_CHECKING:
    from wandb.sdk.lib import RunDisabled
    from wandb.wandb_run import Run

ID_FILE = "wandb_id"


class WandbLog(WandbLogger):
    """Lightning's logger, which goes on under the id that the run folder holds.

    The id is made by the first start and kept in `wandb_id`. A run that goes on after a kill logs
    the steps since its last checkpoint again: wandb's own counter of rows only grows, and the
    charts' axis is `trainer/global_step`, so that they are drawn twice in the same place.

    Args:
        folder: of the run.
        project: of wandb.
        name: of the run, for people.
        offline: write to the disk only; WANDB_MODE in the environment is stronger.
        options: further arguments of `wandb.init`, e.g. `+logger.wandb.group=NAME`.

    Raises:
        UserError: wandb has no such option.
    """

    def __init__(
        self,
        folder: str,
        project: str,
        name: str | None = None,
        offline: bool = True,
        **options: Any,
    ) -> None:
        refuse_unknown(options)
        mode = "offline" if offline and "WANDB_MODE" not in os.environ else None
        super().__init__(name=name, save_dir=folder, project=project, mode=mode, **options)
        self._wandb_init.pop("anonymous")  # wandb warns of it, whatever its value
        self.id_file = Path(folder) / ID_FILE

    @property
    @rank_zero_experiment
    def experiment(self) -> Run | RunDisabled:
        """The run of wandb; the first process begins it, with the folder's id, when asked for.

        Raises:
            UserError: wandb does not let it begin, e.g. without a login.
        """
        if self._experiment is None:
            self._id = self._wandb_init["id"] = kept_id(self.id_file)
        import wandb  # not at the top: most runs never need it, and it is slow

        try:
            return super().experiment
        except wandb.Error as error:
            raise UserError(
                f"wandb does not begin: {error} Log in, or leave logger.wandb.offline=true."
            ) from error


def refuse_unknown(options: Mapping[str, Any]) -> None:
    """Refuse arguments that neither Lightning's logger nor `wandb.init` takes.

    Raises:
        UserError: names the first.
    """
    import wandb

    known = [
        name
        for function in (wandb.init, WandbLogger)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind != parameter.VAR_KEYWORD
    ]
    for option in options:
        if option not in known:
            raise UserError(
                f"logger.wandb.{option} is no option of wandb; it takes {', '.join(known)}."
            )


def kept_id(path: Path) -> str:
    """The id in a file; made if there is none."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, uuid.uuid4().hex[:12].encode())
    return path.read_text(encoding="ascii")
