"""Packs: what is read equals what would be decoded; nothing stale, torn or foreign is used."""

from __future__ import annotations

import errno
import json
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_ase.base.errors import BadFile, UserError
from mtl_ase.data.labels import Normals
from mtl_ase.data.layout import PASCAL_MT
from mtl_ase.data.pack import Pack, PackDamaged, build_pack, find_pack, fingerprint, pack_folder
from mtl_ase.data.pack import build as building
from mtl_ase.data.pack.format import decode_map, encode_map, read_index, shard_bytes
from mtl_ase.data.pack.maps import map_name, map_names
from tests.conftest import NUM_TRAIN, PASCAL_MINI
from tests.data.layout import LABELS

DTYPES = [np.uint8, np.uint16, np.float32]


def built(root: Path, split: str = "train", skip_bad: bool = False) -> Pack:
    image_ids = PASCAL_MT.read_split(root, split)
    folder = pack_folder(root, split, fingerprint(root, image_ids, LABELS))
    return build_pack(folder, root, image_ids, LABELS, 1, skip_bad)


def found(root: Path, split: str = "train") -> Pack | None:
    image_ids = PASCAL_MT.read_split(root, split)
    return find_pack(root, split, fingerprint(root, image_ids, LABELS))


def same_as_files(pack: Pack, root: Path, split: str = "train") -> bool:
    for index, image_id in enumerate(PASCAL_MT.read_split(root, split)):
        for task, label in LABELS.items():
            for truth in (False, True):
                expected = label.read_stored(root, image_id, truth)
                read = pack.read(map_name(task, label, truth), index)
                if (expected is None) != (read is None):
                    return False
                if expected is not None and read is not None:
                    alike = expected.dtype == read.dtype and expected.shape == read.shape
                    if not alike or expected.tobytes() != read.tobytes():
                        return False
    return True


@pytest.fixture
def root(scenes_root: Path, tmp_path: Path) -> Path:
    """A copy of the scenes that may be damaged."""
    return Path(shutil.copytree(scenes_root, tmp_path / "with space é"))


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.sampled_from([None, 1, 3]),
    st.sampled_from(DTYPES),
    st.integers(0, 999),
)
@settings(deadline=None, max_examples=60)
def test_a_map_comes_back_as_it_was(
    size_hw: tuple[int, int], channels: int | None, dtype: type, seed: int
) -> None:
    shape = size_hw if channels is None else (*size_hw, channels)
    stored = (np.random.default_rng(seed).random(shape) * 99).astype(dtype)
    shard = memoryview(shard_bytes([[stored, None], [None, stored.T.copy().T]]))
    index_NK = read_index(shard)
    assert index_NK.shape == (2, 2)
    for entry in (index_NK[0, 0], index_NK[1, 1]):
        start, end = int(entry["offset"]), int(entry["offset"] + entry["length"])
        read = decode_map(shard[start:end], entry)
        assert read.dtype == stored.dtype
        assert (read == stored).all()
    assert index_NK[0, 1]["length"] == index_NK[1, 0]["length"] == 0


def test_every_flipped_bit_is_noticed() -> None:
    stored = np.random.default_rng(0).integers(0, 3, (12, 12)).astype(np.uint8)
    packed, fields = encode_map(stored)
    shard = bytearray(shard_bytes([[stored]]))
    entry = read_index(memoryview(bytes(shard)))[0, 0]
    assert tuple(entry)[1:] == fields
    for bit in range(0, 8 * len(shard), 3):
        damaged = bytearray(shard)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match=r"checksum|index"):
            decode_map(bytes(damaged[: len(packed)]), read_index(memoryview(bytes(damaged)))[0, 0])
    for length in range(len(shard)):
        with pytest.raises(ValueError, match=r"index|short"):
            read_index(memoryview(bytes(shard[:length])))


def test_a_pack_holds_what_the_files_say(root: Path) -> None:
    assert found(root) is None
    pack = built(root)
    assert pack.count == NUM_TRAIN
    assert same_as_files(pack, root)
    again = found(root)
    assert again is not None
    assert same_as_files(pickle.loads(pickle.dumps(again)), root)
    assert map_names(LABELS) == [*LABELS, "edge.truth"]


@pytest.mark.skipif(not PASCAL_MINI.is_dir(), reason="the real images are not here")
def test_real_labels_come_back_as_they_were(tmp_path: Path) -> None:
    """Of real images; the data are linked so that the pack lies elsewhere."""
    (tmp_path / "mini").mkdir()
    for path in PASCAL_MINI.iterdir():
        (tmp_path / "mini" / path.name).symlink_to(path)
    assert same_as_files(built(tmp_path / "mini", "val"), tmp_path / "mini", "val")


def test_many_shards_and_several_processes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_ids = PASCAL_MT.read_split(root, "train")
    several = build_pack(root / "packs/a", root, image_ids, LABELS, 2)
    monkeypatch.setattr(building, "SHARD_IMAGES", 5)
    monkeypatch.setattr("mtl_ase.data.pack.reader.SHARD_IMAGES", 5)
    shards = build_pack(root / "packs/b", root, image_ids, LABELS, 1)
    assert len(list(shards.folder.glob("shard-*.bin"))) == -(-NUM_TRAIN // 5)
    assert same_as_files(shards, root)
    monkeypatch.undo()
    assert same_as_files(several, root)


@pytest.mark.parametrize("change", ["label", "list", "missing", "setting", "version"])
def test_a_stale_pack_is_not_found(
    root: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(root)
    image_ids = PASCAL_MT.read_split(root, "train")
    labels = dict(LABELS)
    path = root / "semseg/VOC12" / f"{image_ids[3]}.png"
    if change == "label":
        path.write_bytes(path.read_bytes())  # the same content at another time
    elif change == "missing":
        path.unlink()
    elif change == "list":
        image_ids = image_ids[:-1]
    elif change == "setting":
        labels["normals"] = Normals(valid_everywhere=False)
    else:
        monkeypatch.setattr("mtl_ase.data.pack.sources.PACK_VERSION", 99)
    assert find_pack(root, "train", fingerprint(root, image_ids, labels)) is None


@pytest.mark.parametrize("part", ["manifest.json", "shard-00000.bin"])
@pytest.mark.parametrize("damage", ["cut", "gone", "text"])
def test_a_torn_pack_is_not_found_and_is_built_anew(root: Path, part: str, damage: str) -> None:
    path = built(root).folder / part
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"[1, 2]")
    assert found(root) is None
    assert same_as_files(built(root), root)
    assert found(root) is not None


def test_damaged_bytes_are_noticed_when_they_are_read(root: Path) -> None:
    pack = built(root)
    path = pack.folder / "shard-00000.bin"
    content = bytearray(path.read_bytes())
    content[7] ^= 1
    path.write_bytes(content)
    pack = found(root)  # looks whole
    assert pack is not None
    with pytest.raises(PackDamaged, match=r"shard-00000\.bin: checksum"):
        pack.read("semseg", 0)


def test_bad_labels_are_named_or_skipped_and_listed(root: Path) -> None:
    image_ids = PASCAL_MT.read_split(root, "train")
    bad = [root / "semseg/VOC12" / f"{image_ids[k]}.png" for k in (2, 9)]
    for path in bad:
        path.write_bytes(path.read_bytes()[:60])
    for _ in range(2):  # also from the notes of the first try
        with pytest.raises(BadFile, match="And 1 more") as caught:
            built(root)
        assert "on_bad_sample=skip" in str(caught.value)
    assert found(root) is None
    pack = built(root, skip_bad=True)
    assert [str(path) in text for path, text in zip(bad, pack.skipped, strict=True)] == [True] * 2
    assert pack.read("semseg", 2) is None
    assert pack.read("semseg", 3) is not None


def test_a_full_disk_leaves_nothing_half_written(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        path.with_name(".half").write_bytes(content[:10])
        path.with_name(".half").unlink()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(building, "write_atomically", full)
    with pytest.raises(UserError, match=r"no space is left.*finished parts are kept"):
        built(root)
    monkeypatch.undo()
    assert [p for p in (root / "packs").rglob("*") if p.is_file()] == []
    assert same_as_files(built(root), root)


def test_a_folder_that_may_not_be_written_to_is_packed_in_the_cache(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTL_ASE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("mtl_ase.data.pack.location.os.access", lambda *_: False)
    pack = built(root)
    assert pack.folder.is_relative_to(tmp_path / "cache")
    again = found(root)
    assert again is not None
    assert same_as_files(again, root)


BUILD = """
import sys
from pathlib import Path
from tests.data import test_pack
from mtl_ase.data.pack import build, format
build.SHARD_IMAGES = 2
test_pack.built(Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_killed_build_goes_on_and_two_at_once_agree(root: Path) -> None:
    """Real processes: one is killed when it has begun, then two run side by side."""
    home = Path(__file__).parents[2]
    command = [sys.executable, "-W", "ignore", "-c", BUILD, str(root)]
    first = subprocess.Popen(command, cwd=home)
    deadline = time.time() + 120
    while not list(root.glob("packs/train-*/shard-*.bin")) and time.time() < deadline:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    begun = {path: path.stat().st_mtime_ns for path in root.glob("packs/train-*/shard-*.bin")}
    assert begun
    both = [subprocess.Popen(command, cwd=home) for _ in range(2)]
    assert [process.wait(timeout=240) for process in both] == [0, 0]
    assert all(path.stat().st_mtime_ns == mtime for path, mtime in begun.items()), "kept"
    folder = next(root.glob("packs/train-*"))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert len(manifest["shards"]) == NUM_TRAIN // 2
    whole = [path for path in folder.iterdir() if not path.name.endswith(".draft")]
    assert len(whole) == 1 + NUM_TRAIN // 2
