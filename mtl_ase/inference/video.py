"""Videos as sequences of pictures, read and written by OpenCV.

Legend: C = 3 channels (red, green, blue), H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mtl_ase.base.errors import BadFile
from mtl_ase.tasks import Picture

CODEC = "mp4v"
USUAL_RATE = 25.0
"""Frames per second of a file that does not say."""


class VideoReader:
    """The frames of a video.

    Args:
        path: the file.

    Attributes:
        frames_per_second: the rate at which it is played.
        num_frames: their number according to the file; 0 if it does not say.

    Raises:
        BadFile: the file is missing, or no video.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise BadFile(f"{path} can't be read as a video; check the file.")
        self.frames_per_second = self._capture.get(cv2.CAP_PROP_FPS) or USUAL_RATE
        self.num_frames = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def __iter__(self) -> Iterator[Picture]:
        """The frames that can be decoded, as RGB bytes (H, W, 3)."""
        while True:
            found, frame = self._capture.read()
            if not found:
                self._capture.release()
                return
            yield np.ascontiguousarray(frame[..., ::-1]).astype(np.uint8, copy=False)


class VideoWriter:
    """Writes an MP4 file, frame by frame; all frames have the size of the first.

    Args:
        path: the file; its folder is created if needed.
        frames_per_second: the rate at which it is played.
    """

    def __init__(self, path: Path, frames_per_second: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.frames_per_second = path, frames_per_second
        self._writer: cv2.VideoWriter | None = None

    def write(self, frame_HWC: Picture) -> None:
        """Add a frame; a last odd row and column are cut off, which the codec does not take.

        Raises:
            BadFile: the file can't be written.
        """
        height, width = (size // 2 * 2 for size in frame_HWC.shape[:2])
        if self._writer is None:
            codec = cv2.VideoWriter.fourcc(*CODEC)
            self._writer = cv2.VideoWriter(
                str(self.path), codec, self.frames_per_second, (width, height)
            )
            if not self._writer.isOpened():
                raise BadFile(f"{self.path} can't be written as a video; give another output=DIR.")
        self._writer.write(np.ascontiguousarray(frame_HWC[:height, :width, ::-1]))

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()
