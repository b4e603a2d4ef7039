"""Contact sheets: image, label and prediction of every task.

A `Picture` is an RGB image of bytes, (H, W, 3). Legend: C channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from mtl_ase.data import DataModule, Sample
from mtl_ase.inference import Model
from mtl_ase.report.picture_width import with_width
from mtl_ase.tasks import Picture, Task

Predict = Callable[[Sample], Mapping[str, Tensor]]
TILE_WIDTH = 224
IMAGES_PER_SHEET = 4
MARGIN, CAPTION = 6, 24


def write_sheets(model: Model, data: DataModule, folder: Path, num_sheets: int) -> None:
    """Write contact sheets of validation images that are evenly spaced over the split.

    Args:
        model: the network that predicts.
        data: the data set.
        folder: folder of the sheets, created if needed.
        num_sheets: number of sheets, with four images each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dataset = data.dataset("val", training=False)
    count = min(num_sheets * IMAGES_PER_SHEET, len(dataset))
    chosen = np.linspace(0, len(dataset) - 1, count).astype(int)
    captions = ["image", *model.tasks]
    for number, start in enumerate(range(0, count, IMAGES_PER_SHEET)):
        rows = []
        for index in chosen[start : start + IMAGES_PER_SHEET].tolist():
            sample = dataset[0, index]
            rows += picture_rows(model.tasks, sample, model.predict_sample(sample))
        sheet = compose_sheet(captions, rows)
        Image.fromarray(sheet).save(folder / f"sheet_{number:02d}.png")


def picture_rows(
    tasks: Mapping[str, Task],
    sample: Sample,
    predictions: Mapping[str, Tensor],
    caption: str = "prediction",
) -> list[list[Picture]]:
    """Two rows of pictures of one sample: image and labels; caption and predictions."""
    image = sample.image_CHW.numpy().transpose(1, 2, 0)
    labels, predicted = [image], [text_tile(caption, *image.shape[:2])]
    for name, task in tasks.items():
        labels.append(task.output.colours(sample.labels[name].numpy()))
        predicted.append(task.output.colours(predictions[name].numpy()))
    return [labels, predicted]


def compose_sheet(captions: Sequence[str], rows: Sequence[Sequence[Picture]]) -> Picture:
    """A grid of pictures, resized to the same width, with a caption above each column."""
    tiles = [[_fit(picture) for picture in row] for row in rows]
    heights = [max(tile.shape[0] for tile in row) for row in tiles]
    width = len(captions) * (TILE_WIDTH + MARGIN) + MARGIN
    height = CAPTION + sum(heights) + MARGIN * (len(rows) + 1)
    sheet = np.full((height, width, 3), 255, np.uint8)
    y = CAPTION + MARGIN
    for row, row_height in zip(tiles, heights, strict=True):
        for column, tile in enumerate(row):
            x = MARGIN + column * (TILE_WIDTH + MARGIN)
            sheet[y : y + tile.shape[0], x : x + TILE_WIDTH] = tile
        y += row_height + MARGIN
    return _with_captions(sheet, captions)


def text_tile(text: str, height: int, width: int) -> Picture:
    """A white tile of the aspect ratio height : width, with a text in the upper right corner."""
    tile = Image.new("RGB", (TILE_WIDTH, round(height * TILE_WIDTH / width)), "white")
    place = (TILE_WIDTH - MARGIN, MARGIN)
    font = ImageFont.load_default(size=15)
    ImageDraw.Draw(tile).text(place, text, fill=(40, 40, 40), font=font, anchor="ra")
    return np.asarray(tile)


def _fit(picture: Picture) -> Picture:
    return with_width(picture, TILE_WIDTH, cv2.INTER_NEAREST_EXACT)


def _with_captions(sheet: Picture, captions: Sequence[str]) -> Picture:
    image = Image.fromarray(sheet)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=15)
    for column, caption in enumerate(captions):
        x = MARGIN + column * (TILE_WIDTH + MARGIN) + 2
        draw.text((x, MARGIN), caption.replace("_", " "), fill=(40, 40, 40), font=font)
    return np.asarray(image)
