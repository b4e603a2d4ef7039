"""Label names and ids: VOC classes, PASCAL-Context ids, human parts."""

from __future__ import annotations

VOC_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
)  # fmt: skip
"""VOC class names; the position is the id in `semseg`."""

CONTEXT_IDS = {
    "aeroplane": 2, "bicycle": 23, "bird": 25, "boat": 31, "bottle": 34, "bus": 45, "car": 59,
    "cat": 65, "chair": 72, "cow": 98, "diningtable": 397, "dog": 113, "horse": 207,
    "motorbike": 258, "person": 284, "pottedplant": 308, "sheep": 347, "sofa": 368, "train": 416,
    "tvmonitor": 427,
    "sky": 360, "grass": 187, "ground": 189, "road": 324, "sidewalk": 354, "sand": 334,
    "snow": 366, "water": 445, "floor": 158, "rug": 330, "platform": 296, "track": 415,
    "wall": 440, "building": 44, "window": 454, "door": 115, "picture": 287, "curtain": 105,
    "tree": 420, "mountain": 259, "rock": 326, "flower": 159, "fence": 144, "bench": 22,
    "pole": 303, "sign": 355, "cone": 87, "barrel": 13, "bucket": 43, "ball": 10, "box": 37,
    "cabinet": 46, "shelves": 349, "light": 232,
}  # fmt: skip
"""Ids of the 459-class PASCAL-Context `LabelMap`; VOC's diningtable is its "table"."""

PART_NAMES = (
    "", "head", "torso", "luarm", "ruarm", "llarm", "rlarm", "luleg", "ruleg", "llleg", "rlleg",
)  # fmt: skip
"""Pascal-Part names of a person's limbs; the position is the limb number of a `Piece`."""

PART_OF_LIMB = (0, 1, 2, 3, 3, 4, 4, 5, 5, 6, 6)
"""Human part (head 1, torso 2, upper arm 3, lower arm 4, upper leg 5, lower leg 6) of a limb."""

PERSON = VOC_NAMES.index("person")


def semseg_id(name: str) -> int:
    """VOC class id of an object name; 0 (background) if it is no VOC class."""
    return VOC_NAMES.index(name) if name in VOC_NAMES else 0
