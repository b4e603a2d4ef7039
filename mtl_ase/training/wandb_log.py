"""Weights & Biases logger; a resumed run continues its wandb run, by an id in the run folder."""

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
from mtl_ase.base.run_files import RunFiles

if TYPE_CHECKING:
    from wandb.sdk.lib import RunDisabled
    from wandb.wandb_run import Run

OPTIONS = ("entity", "group", "job_type", "notes", "tags")
"""Arguments of wandb.init that a config may set: descriptions of the run, no destinations."""


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
        options: further arguments of `wandb.init`, those of `OPTIONS`.

    Raises:
        UserError: an option is not in `OPTIONS`.
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
        self._wandb_init.pop("anonymous")  # wandb warns about this argument, whatever its value
        self.id_file = RunFiles(Path(folder)).wandb_id

    @property
    @rank_zero_experiment
    def experiment(self) -> Run | RunDisabled:
        """The wandb run; rank 0 starts it on first access, with the id of the run folder.

        Raises:
            UserError: wandb can't start the run, e.g. without a login.
        """
        if self._experiment is None:
            self._id = self._wandb_init["id"] = stored_id(self.id_file)
        import wandb  # not at the top: most runs never need it, and it is slow

        try:
            return super().experiment
        except wandb.Error as error:
            raise UserError(
                f"wandb does not begin: {error} Log in, or leave logger.wandb.offline=true."
            ) from error


def stored_id(path: Path) -> str:
    """The id in a file; a new random one is written if the file does not exist.

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
