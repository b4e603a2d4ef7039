"""Paths of images and split lists in a data set's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mtl_ase.base.errors import UserError


@dataclass(frozen=True)
class FolderLayout:
    """Paths below a data set's root; `{}` stands for an image id or a split's name.

    Attributes:
        image: path of an image, e.g. "JPEGImages/{}.jpg".
        split: path of a split list: a text file with one image id per line.
    """

    image: str
    split: str

    def image_path(self, root: Path, image_id: str) -> Path:
        """The path of an image."""
        return root / self.image.format(image_id)

    def image_folder(self, root: Path) -> Path:
        """The folder of the images; its existence identifies the data set."""
        return (root / self.image).parent

    def split_path(self, root: Path, split: str) -> Path:
        """The path of a split list."""
        return root / self.split.format(split)

    def read_split(self, root: Path, split: str) -> list[str]:
        """The image ids of a split.

        Raises:
            UserError: the list is missing, unreadable or empty, repeats an id, or an id is no
                relative path inside the folder.
        """
        path = self.split_path(root, split)
        image_ids = [line.strip() for line in _lines(path)]
        image_ids = [image_id for image_id in image_ids if image_id]
        if not image_ids:
            raise UserError(f"{path} lists no images; restore the split list.")
        seen: set[Path] = set()
        for image_id in image_ids:
            place = Path(image_id)
            if place in seen:
                raise UserError(f"{path} lists {image_id!r} twice; remove one of the lines.")
            if not image_id.isprintable():
                raise UserError(
                    f"{path} lists {image_id!r}, which can't be a file's name; write one id a line."
                )
            if place.is_absolute() or ".." in place.parts:
                raise UserError(f"{path} lists {image_id!r}, which leaves the folder; remove it.")
            seen.add(place)
        return image_ids


def _lines(path: Path) -> list[str]:
    """The lines of a text file, without a byte order mark."""
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise UserError(f"{path} is missing; check data.root, or restore the split list.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no UTF-8 text; save the split list as UTF-8.") from error
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}); check its rights.") from error


PASCAL_MT = FolderLayout("JPEGImages/{}.jpg", "ImageSets/Context/{}.txt")
"""The layout of PASCAL-Context's multi-task archives, and of scenes."""
