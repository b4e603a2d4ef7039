"""Packs that are damaged, foreign, stale or cut off: what is read is what the files say."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtl_ase.base.errors import UserError
from mtl_ase.data.labels import Normals
from mtl_ase.data.pack import Pack, PackDamaged, build_pack, find_pack, fingerprint, pack_folder
from mtl_ase.data.pack import build as building
from mtl_ase.data.pack.comparison import same_as_files
from mtl_ase.data.pack.maps import map_names
from tests.attacks.small_set import IDS, SIZE, make_set, module
from tests.data.layout import LABELS, write_palette_png


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three images with semseg and edges, in shards of two images."""
    monkeypatch.setattr(building, "SHARD_IMAGES", 2)
    monkeypatch.setattr("mtl_ase.data.pack.reader.SHARD_IMAGES", 2)
    monkeypatch.setattr("mtl_ase.data.pack.comparison.SHARD_IMAGES", 2)
    monkeypatch.setattr("mtl_ase.data.datamodule.usable_cores", lambda: 1)
    monkeypatch.setenv("MTL_ASE_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "set"
    return make_set(root)


def built(root: Path) -> Pack:
    mark = fingerprint(root, IDS, LABELS)
    return build_pack(pack_folder(root, "train", mark), root, IDS, LABELS, 1)


def found(root: Path) -> Pack | None:
    return find_pack(root, "train", fingerprint(root, IDS, LABELS))


def is_right(pack: Pack, root: Path) -> bool:
    return same_as_files(pack, root, IDS, LABELS, 1)


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << at % 8
    path.write_bytes(content)


def test_any_flipped_bit_of_the_manifest_is_no_wrong_label(root: Path) -> None:
    """The pack is not found, or it says that it is damaged, or it reads what the files say."""
    path = built(root).folder / "manifest.json"
    content = path.read_bytes()
    expected = {name: [built(root).read(name, k) for k in range(3)] for name in map_names(LABELS)}
    for at in range(0, len(content), 7):
        flip(path, at)
        pack = found(root)
        path.write_bytes(content)
        if pack is None:
            continue
        for name, maps in expected.items():
            try:
                read = [pack.read(name, k) for k in range(3)]
            except PackDamaged:
                continue
            assert all(np.array_equal(a, b) for a, b in zip(read, maps, strict=True)), at


def test_a_manifest_without_a_task_is_left_for_the_files(root: Path) -> None:
    path = built(root).folder / "manifest.json"
    path.write_text(path.read_text().replace('"semseg"', '"sem"'))
    dataset = module(root).dataset("train", training=False)
    with pytest.warns(UserWarning, match="the pack of labels is damaged"):
        assert dataset[0, 1].labels["semseg"].unique().tolist() == [1, 6]


def test_a_damaged_pack_is_mended_by_the_next_build(root: Path) -> None:
    """Not only its manifest: a shard that is damaged inside is not taken over into the new one."""
    shard = built(root).folder / "shard-00000.bin"
    flip(shard, 5)
    dataset = module(root).dataset("train", training=False)
    with pytest.warns(UserWarning, match="damaged"):
        _ = dataset[0, 0]
    assert found(root) is None
    assert is_right(built(root), root)
    again = found(root)
    assert again is not None
    assert is_right(again, root)


@pytest.mark.parametrize("kept", [0, 1, 40, -1], ids=["all", "all-but-one", "most", "the-last"])
def test_a_shard_cut_off_while_it_is_read_does_not_kill_the_process(root: Path, kept: int) -> None:
    """Mapped memory behind a file's end is SIGBUS: a loader process would die without a word."""
    pack = built(root)
    assert pack.read("semseg", 0) is not None
    os.truncate(pack.folder / "shard-00000.bin", kept % 200)
    with pytest.raises(PackDamaged, match="another size"):
        pack.read("semseg", 1)
    dataset = module(root, pack="never").dataset("train", training=False)
    dataset.maps.pack = pack
    with pytest.warns(UserWarning, match="damaged"):
        assert dataset[0, 1].labels["semseg"].unique().tolist() == [1, 6]


@pytest.mark.parametrize("change", ["renamed-pack-of-other-files", "renamed-pack-of-other-labels"])
def test_a_pack_of_another_data_set_is_not_used(root: Path, tmp_path: Path, change: str) -> None:
    other = Path(shutil.copytree(root, tmp_path / "other"))
    labels = dict(LABELS)
    if change.endswith("files"):
        write_palette_png(other / "semseg/VOC12/b.png", np.full(SIZE, 20))
    else:
        labels["normals"] = Normals(valid_everywhere=False)
    mark = fingerprint(other, IDS, labels)
    folder = build_pack(other / "packs" / f"train-{mark}", other, IDS, labels, 1).folder
    mine = root / "packs" / f"train-{fingerprint(root, IDS, LABELS)}"
    shutil.copytree(folder, mine)
    assert found(root) is None
    assert is_right(built(root), root)


def test_a_pack_of_another_version_is_not_found(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(root)
    monkeypatch.setattr("mtl_ase.data.pack.sources.PACK_VERSION", 99)
    assert found(root) is None


def test_a_file_replaced_while_packing_is_seen_by_the_next_run(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pack keeps the name of the files before, so nobody finds it."""
    path, decode = root / "semseg/VOC12/c.png", building.decode_map

    def replaced(labels: Any, name: str, folder: Path, image_id: str) -> Any:
        write_palette_png(path, np.full(SIZE, 20))
        return decode(labels, name, folder, image_id)

    monkeypatch.setattr(building, "decode_map", replaced)
    built(root)
    monkeypatch.undo()
    monkeypatch.setattr("mtl_ase.data.pack.reader.SHARD_IMAGES", 2)
    assert found(root) is None


def test_a_file_changed_with_equal_size_and_time_is_seen_by_preparing(root: Path) -> None:
    """A training takes names, sizes and times for enough; prepare_data.py reads the files."""
    path = root / "semseg/VOC12/b.png"
    state, content = path.stat(), path.read_bytes()
    module(root).pack("train")
    ids = np.full(SIZE, 3)
    ids[:, 9:] = 8
    write_palette_png(path, ids)
    assert path.stat().st_size == len(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    stale = found(root)
    assert stale is not None, "nothing tells them apart"
    assert not is_right(stale, root)
    del stale
    assert is_right(module(root).pack("train"), root)
    assert module(root).dataset("train", training=False)[0, 1].labels["semseg"][0, 0] == 3


def test_a_stale_pack_that_is_in_use_is_said_and_kept(root: Path) -> None:
    path = root / "semseg/VOC12/b.png"
    state = path.stat()
    used = module(root).pack("train")
    ids = np.full(SIZE, 3)
    ids[:, 9:] = 8
    write_palette_png(path, ids)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(UserError, match=r"differs from the label files and is in use.*end the"):
        module(root).pack("train")
    assert used.read("semseg", 1) is not None


def test_a_manifest_that_leaves_the_folder_reads_nothing_there(root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_bytes(b"secret")
    folder = built(root).folder
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["shards"] = {"../../../secret.bin": 6}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    pack = found(root)
    assert pack is not None
    assert is_right(pack, root), "shards are known by their number, not by the manifest"
