"""The checkpoint with the best score, which a resumed run and a moved folder keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint


class BestCheckpoint(ModelCheckpoint):
    """Lightning's, with two differences when a run goes on.

    Lightning forgets the last score, and, in a folder that was moved, also the best one, so that
    the next validation would replace the best checkpoint whatever it says.
    """

    @property
    def state_key(self) -> str:
        """That of Lightning's class, as in the checkpoints of older runs."""
        return super().state_key.replace(type(self).__qualname__, ModelCheckpoint.__qualname__, 1)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the scores; where the folder holds no such checkpoint, begin without any."""
        before, now = state_dict["dirpath"], None if self.dirpath is None else str(self.dirpath)
        if before is not None and now is not None and before != now:
            if not (Path(now) / Path(state_dict["best_model_path"]).name).is_file():
                return  # a run that goes on in a folder of its own
            state_dict = _moved(state_dict, before, now)
        super().load_state_dict(state_dict)
        self.current_score = state_dict["current_score"]


def _moved(content: Any, before: str, now: str) -> Any:
    """The same, with paths in another folder."""
    if isinstance(content, dict):
        return {_moved(k, before, now): _moved(v, before, now) for k, v in content.items()}
    if isinstance(content, str) and (content == before or content.startswith(f"{before}/")):
        return now + content[len(before) :]
    return content
