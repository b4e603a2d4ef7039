"""The predict command: maps, overlays and a contact sheet of pictures and videos."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image
from rich.progress import track
from torch import Tensor

from mtl_ase.base.errors import BadFile, UserError
from mtl_ase.commands.options import make_folder
from mtl_ase.commands.predict_arguments import PredictArguments
from mtl_ase.evaluation import write_prediction
from mtl_ase.inference import Model, SlidingWindows, load
from mtl_ase.inference.pictures import as_picture, decoded_picture
from mtl_ase.inference.sources import Source, find_sources
from mtl_ase.inference.video import VideoReader, VideoWriter
from mtl_ase.report.legend import legend_colours
from mtl_ase.report.overlays import overlay_sheet, overlay_with_legend
from mtl_ase.tasks import Picture

PREDICTIONS, OVERLAYS, SHEET = "pred", "vis", "sheet.png"
SHEET_ROWS = 12
JPEG_QUALITY = 92
Item = TypeVar("Item")
Maps = dict[str, Tensor]


def predict(given: PredictArguments, trusted: tuple[str, ...] = ()) -> list[str]:
    """Predict all inputs, and write maps, overlays and a contact sheet.

    Args:
        given: the command line.
        trusted: prefixes of your own code that `_target_`s of the run's config may name.

    Returns:
        What could not be read, one sentence each; it is left out.

    Raises:
        UserError: nothing to predict, or the run can't be loaded.
    """
    sources = [s for s in find_sources(given.input) if not _is_inside(s.path, given.output)]
    if not sources:
        raise UserError(f"all of input= lies in output={given.output}; give another output.")
    model = load(
        given.run,
        checkpoint=given.checkpoint,
        tasks=given.tasks,
        device=given.device,
        precision=given.precision,
        activate_first=given.activate_first,
        trusted=trusted,
    )
    make_folder(given.output, "output=")
    written = Written(model, given)
    pictures = [source for source in sources if not source.is_video]
    shown = {pictures[i].path for i in _evenly_spaced(len(pictures), SHEET_ROWS)}
    steps = range(0, len(pictures), given.batch_size)
    for start in track(steps, "predicting", transient=True, disable=not sys.stderr.isatty()):
        written.add_pictures(pictures[start : start + given.batch_size], shown)
    for source in sources:
        if source.is_video:
            written.add_video(source)
    written.write_sheet()
    print(f"{written.count} of {len(sources)} inputs predicted: {given.output}")
    return written.problems


class Written:
    """Writes the files of predictions.

    Args:
        model: the network.
        given: the command line.

    Attributes:
        count: inputs that are predicted.
        problems: what could not be read, one sentence each.
    """

    def __init__(self, model: Model, given: PredictArguments) -> None:
        self.model, self.given = model, given
        slides = given.mode == "windows"
        self.windows = (
            SlidingWindows(given.zoom, given.overlap, given.batch_size) if slides else None
        )
        self.count = 0
        self.problems: list[str] = []
        self._sheet: list[tuple[Picture, Maps]] = []

    def add_pictures(self, sources: Sequence[Source], shown: set[Path]) -> None:
        """Predict a batch of pictures; those in `shown` come into the contact sheet."""
        try:
            pictures = [as_picture(source.path) for source in sources]
            found = self.model.predict_all(pictures, windows=self.windows)
        except (BadFile, UserError) as error:
            if len(sources) == 1:
                self.problems.append(str(error))
                return
            for source in sources:
                self.add_pictures([source], shown)
            return
        for source, picture, maps in zip(sources, pictures, found, strict=True):
            image_HWC = decoded_picture(picture)
            self._write(source, image_HWC, maps)
            if source.path in shown:
                self._sheet.append((image_HWC, maps))

    def add_video(self, source: Source) -> None:
        """Predict a video: a video of overlays for each task, all values in its legend."""
        try:
            reader = VideoReader(source.path)
        except BadFile as error:
            self.problems.append(str(error))
            return
        folder, rate = self.given.output / OVERLAYS, reader.frames_per_second
        writers = {
            name: VideoWriter(folder / name / f"{source.name}.mp4", rate)
            for name in self.model.tasks
        }
        frames = track(
            reader,
            source.path.name,
            total=reader.num_frames or None,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        num_frames = 0
        for batch in _batches(frames, self.given.batch_size):
            num_frames += len(batch)
            for image_HWC, maps in zip(
                batch, self.model.predict_all(batch, windows=self.windows), strict=True
            ):
                for name, task in self.model.tasks.items():
                    colours = legend_colours(task)
                    writers[name].write(overlay_with_legend(task, image_HWC, maps[name], colours))
        for writer in writers.values():
            writer.close()
        if num_frames:
            self.count += 1
        else:
            self.problems.append(f"{source.path} has no frame that can be read; check the file.")

    def write_sheet(self) -> None:
        """Write the contact sheet of some pictures, if there are any."""
        if self._sheet:
            sheet = overlay_sheet(self.model.tasks, self._sheet)
            Image.fromarray(sheet).save(self.given.output / SHEET)

    def _write(self, source: Source, image_HWC: Picture, maps: Maps) -> None:
        output = self.given.output
        for name, task in self.model.tasks.items():
            write_prediction(
                output / PREDICTIONS,
                task,
                source.name,
                maps[name],
                self.given.files,
            )
            path = output / OVERLAYS / name / f"{source.name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            drawn = overlay_with_legend(task, image_HWC, maps[name])
            Image.fromarray(drawn).save(path, quality=JPEG_QUALITY)
        self.count += 1


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


def _evenly_spaced(count: int, most: int) -> list[int]:
    chosen = np.linspace(0, count - 1, min(count, most)).astype(int)
    return chosen.tolist()


def _is_inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
