"""Split lists in every writing; see docs/security."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtl_ase.base.errors import UserError
from mtl_ase.data import Augmentation, DenseDataset
from mtl_ase.data.layout import PASCAL_MT
from tests.data.layout import (
    LABELS,
    write_image,
    write_split,
)

SIZE = (24, 32)
PLAIN = ["a", "b c", "ö"]
LISTS: dict[str, bytes] = {
    "crlf": "a\r\nb c\r\nö\r\n".encode(),
    "byte-order-mark": "\ufeffa\nb c\nö".encode(),
    "old-mac": "a\rb c\rö".encode(),
    "tabs-blank-lines-trailing-spaces": "\ta \t\n\n   \nb c  \n\t\nö\t\n\n".encode(),
    "no-newline-at-the-end": "a\nb c\nö".encode(),
}


@pytest.mark.parametrize("content", LISTS.values(), ids=LISTS)
def test_a_list_in_another_writing_is_read(tmp_path: Path, content: bytes) -> None:
    write_split(tmp_path, "train", [])
    PASCAL_MT.split_path(tmp_path, "train").write_bytes(content)
    assert PASCAL_MT.read_split(tmp_path, "train") == PLAIN
    for image_id in PLAIN:
        write_image(tmp_path, image_id, SIZE)
    split = DenseDataset(tmp_path, "train", LABELS, SIZE, Augmentation(0, 0, (1, 1)))
    assert [split[0, k].image_id for k in range(3)] == PLAIN


WRONG_LISTS: dict[str, tuple[bytes, str]] = {
    "utf-16": ("a\nb\n".encode("utf-16"), "is no UTF-8 text; save the split list as UTF-8"),
    "latin-1": ("ö\n".encode("latin-1"), "is no UTF-8 text"),
    "null-byte": (b"a\0b\n", r"lists 'a\\x00b', which can't be a file's name"),
    "label-after-a-tab": (b"a\t1\n", r"lists 'a\\t1', which can't be a file's name"),
    "twice-by-another-name": (b"a\n./a\n", r"lists './a' twice"),
    "twice-with-a-slash": (b"a\na/\n", r"lists 'a/' twice"),
    "twice-after-crlf": (b"a\r\nb\r\na", r"lists 'a' twice"),
    "out-of-the-folder": (b"b/../../a\n", "leaves the folder"),
    "only-a-mark": ("\ufeff\n".encode(), "lists no images"),
}


@pytest.mark.parametrize(("content", "said"), WRONG_LISTS.values(), ids=WRONG_LISTS)
def test_a_wrong_list_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    write_split(tmp_path, "train", [])
    PASCAL_MT.split_path(tmp_path, "train").write_bytes(content)
    with pytest.raises(UserError, match=said) as caught:
        PASCAL_MT.read_split(tmp_path, "train")
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_that_is_a_folder_is_said_to_be_missing(tmp_path: Path) -> None:
    PASCAL_MT.split_path(tmp_path, "train").mkdir(parents=True)
    with pytest.raises(UserError, match=r"train\.txt is missing"):
        PASCAL_MT.read_split(tmp_path, "train")
