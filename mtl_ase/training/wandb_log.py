"""Weights & Biases logger; a resumed run continues its wandb run, by an id in the run folder."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import WandbLogger

from mtl_ase.base.atomic_files import write_atomically
from mtl_ase.base.run_files import RunFiles

if TYPE_CHECKING:
    from wandb.sdk.lib import RunDisabled
    from wandb.wandb_run import Run


class WandbLog(WandbLogger):
    """Lightning's WandbLogger with the run id that is stored in the run folder.

    The first start writes the id to `wandb_id`. A run that is resumed after a kill logs the steps
    since its last checkpoint a second time: wandb's row counter only increases, and the charts'
    x axis is `trainer/global_step`, so both values are drawn at the same place.

    Args:
        folder: the run folder.
        project: name of the wandb project.
        name: display name of the run.
        offline: log to disk only; the environment variable WANDB_MODE takes precedence.
        options: further arguments of `wandb.init`, e.g. `+logger.wandb.group=NAME`.
    """

    def __init__(
        self,
        folder: str,
        project: str,
        name: str | None = None,
        offline: bool = True,
        **options: Any,
    ) -> None:
        mode = "offline" if offline and "WANDB_MODE" not in os.environ else None
        super().__init__(name=name, save_dir=folder, project=project, mode=mode, **options)
        self._wandb_init.pop("anonymous")  # wandb warns about this argument, whatever its value
        self.id_file = RunFiles(Path(folder)).wandb_id

    @property
    @rank_zero_experiment
    def experiment(self) -> Run | RunDisabled:
        """The wandb run; rank 0 starts it on first access, with the id of the run folder."""
        if self._experiment is None:
            self._id = self._wandb_init["id"] = stored_id(self.id_file)
        return super().experiment


def stored_id(path: Path) -> str:
    """The id in a file; a new random one is written if the file does not exist."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, uuid.uuid4().hex[:12].encode())
    return path.read_text(encoding="ascii")
