"""Weights & Biases: a run folder has one wandb id, under which every start of the run logs."""

from __future__ import annotations

import os
import re
import uuid
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
OPTIONS = ("entity", "group", "job_type", "notes", "tags")


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
        options: further arguments of `wandb.init`, e.g. `+logger.wandb.group=NAME`; those that say
            what a run is, not where it goes or to which server.

    Raises:
        UserError: another option.
    """

    def __init__(
        self,
        folder: str | Path,
        project: str,
        name: str | None = None,
        offline: bool = True,
        **options: Any,
    ) -> None:
        for option in options.keys() - OPTIONS:
            raise UserError(
                f"logger.wandb.{option} can't be set here; there are {', '.join(OPTIONS)}, and the "
                "variables of wandb's own in the environment."
            )
        mode = "offline" if offline and "WANDB_MODE" not in os.environ else None
        super().__init__(name=name, save_dir=folder, project=project, mode=mode, **options)
        self._wandb_init.pop("anonymous")  # wandb warns of it, whatever its value
        self.id_file = Path(folder) / ID_FILE

    @property
    @rank_zero_experiment
    def experiment(self) -> Run | RunDisabled:
        """The run of wandb; the first process begins it, with the folder's id, when asked for."""
        if self._experiment is None:
            self._id = self._wandb_init["id"] = kept_id(self.id_file)
        return super().experiment


def kept_id(path: Path) -> str:
    """The id in a file; made if there is none.

    Raises:
        UserError: the file holds something else.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, uuid.uuid4().hex[:12].encode())
    known = path.read_text(encoding="utf-8", errors="replace")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", known):
        raise UserError(f"{path} holds no id of wandb; delete it, and the run gets a new one.")
    return known
