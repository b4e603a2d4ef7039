"""ModelCheckpoint whose best score survives resuming, also in a moved folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint


class BestCheckpoint(ModelCheckpoint):
    """Lightning's ModelCheckpoint, with two differences on resuming.

    Lightning loses the last score and, in a moved folder, also the best one, so that the next
    validation would overwrite the best checkpoint whatever its score.
    """

    @property
    def state_key(self) -> str:
        """The key of Lightning's class, for compatibility with older checkpoints."""
        return super().state_key.replace(type(self).__qualname__, ModelCheckpoint.__qualname__, 1)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the scores, unless the best checkpoint is missing from the folder."""
        before, now = state_dict["dirpath"], None if self.dirpath is None else str(self.dirpath)
        if before is not None and now is not None and before != now:
            if not (Path(now) / Path(state_dict["best_model_path"]).name).is_file():
                return  # resumed in a new folder
            state_dict = _moved(state_dict, before, now)
        super().load_state_dict(state_dict)
        self.current_score = state_dict["current_score"]


def _moved(content: Any, before: str, now: str) -> Any:
    """The same content, with paths below `before` moved to `now`."""
    if isinstance(content, dict):
        return {_moved(k, before, now): _moved(v, before, now) for k, v in content.items()}
    if isinstance(content, str) and (content == before or content.startswith(f"{before}/")):
        return now + content[len(before) :]
    return content
