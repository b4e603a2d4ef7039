"""Two programs at once on one cache, pack, run, sweep or search; threads stand for processes."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mtl_ase.base.errors import UserError
from mtl_ase.base.folder_lock import folder_lock
from mtl_ase.commands.evaluation_arguments import runs_in
from mtl_ase.data.labels import Normals
from mtl_ase.data.pack import build as building
from mtl_ase.data.pack import find_pack, fingerprint, remove_unused, same_as_files
from mtl_ase.scenes import Scenes, generation, scene_set
from mtl_ase.sweeps import Job
from tests.attacks.small_set import make_set, module
from tests.data.layout import LABELS

IDS = ["a", "b", "c", "d"]


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def at_once(*work: Callable[[], Any]) -> list[Any]:
    """Results of all, begun in the same moment."""
    barrier = threading.Barrier(len(work))

    def begin(job: Callable[[], Any]) -> Any:
        barrier.wait()
        return job()

    with ThreadPoolExecutor(len(work)) as pool:
        return [done.result() for done in [pool.submit(begin, job) for job in work]]


def small() -> Scenes:
    return Scenes(3, 2, (32, 40), seed=1, workers=1)


def test_two_first_runs_on_an_empty_cache_get_one_whole_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = contents(small().prepare(tmp_path / "alone"))
    monkeypatch.setenv("MTL_ASE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("mtl_ase.machine.processes.cv2.setNumThreads", lambda _: None)
    roots = at_once(small().prepare, small().prepare, small().prepare)
    assert len(set(roots)) == 1
    assert contents(roots[0]) == expected
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [roots[0].name]


def test_a_cache_removed_while_scenes_are_rendered_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("MTL_ASE_CACHE", str(cache))
    render = generation.render_image

    def removed(*arguments: Any) -> Any:
        shutil.rmtree(cache, ignore_errors=True)
        return render(*arguments)

    monkeypatch.setattr(generation, "render_image", removed)
    with pytest.raises(UserError, match=r"^scenes can't be written to .*No such file") as caught:
        small().prepare()
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    monkeypatch.setenv("MTL_ASE_CACHE", str(cache))
    assert (small().prepare() / "scenes.json").is_file(), "the next run makes it anew"


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"fingerprint": 3}'])
def test_a_damaged_note_of_the_set_is_no_set(tmp_path: Path, content: str) -> None:
    root = small().prepare(tmp_path / "set")
    (root / "scenes.json").write_text(content)
    with pytest.raises(UserError, match="holds other files than scenes"):
        small().prepare(root)


def test_a_disk_that_is_full_while_scenes_are_rendered_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = Path.write_bytes, []

    def full(path: Path, content: bytes) -> int:
        written.append(path)
        if len(written) > 9:
            write(path, content[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match=r"No space left on device.*set MTL_ASE_CACHE"):
        small().prepare(tmp_path / "cache/set")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four images with semseg and edges, in shards of one image."""
    monkeypatch.setattr(building, "SHARD_IMAGES", 1)
    for name in ("reader", "comparison"):
        monkeypatch.setattr(f"mtl_ase.data.pack.{name}.SHARD_IMAGES", 1)
    monkeypatch.setattr("mtl_ase.data.datamodule.usable_cores", lambda: 1)
    monkeypatch.setattr("mtl_ase.data.pack.build.track", lambda jobs, **_: jobs)
    monkeypatch.setattr("mtl_ase.data.pack.comparison.track", lambda jobs, *_, **__: jobs)
    monkeypatch.setattr("mtl_ase.machine.processes.cv2.setNumThreads", lambda _: None)
    monkeypatch.setenv("MTL_ASE_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "set"
    return make_set(root, IDS)


def is_whole(root: Path, labels: Any = LABELS) -> bool:
    pack = find_pack(root, "train", fingerprint(root, IDS, labels))
    return pack is not None and same_as_files(pack, root, IDS, labels, 1)


def test_two_packers_of_one_split_leave_one_whole_pack(root: Path) -> None:
    at_once(*[module(root, pack="build").prepare_data] * 2, module(root, pack="build").prepare_data)
    assert is_whole(root)
    assert len(list(root.glob("packs/train-*"))) == 1
    assert list(root.rglob("*.draft")) == []


def test_packers_with_other_settings_leave_each_other_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a sweep over data.labels.normals.cubic: the other's pack is stale, but in use."""
    other = {**LABELS, "normals": Normals(valid_everywhere=True, cubic=True)}
    build, begun = building._build_shard, []

    def between(job: Any) -> list[str]:
        bad = build(job)
        if not begun:  # the other one packs, and tidies up, while this one is at work
            begun.append(True)
            module(root, other, pack="build").pack("train")
        return bad

    monkeypatch.setattr(building, "_build_shard", between)
    pack = module(root, pack="build").pack("train")
    assert same_as_files(pack, root, IDS, LABELS, 1)
    assert begun


def test_a_training_keeps_the_pack_that_it_reads(root: Path) -> None:
    dataset = module(root, pack="build").dataset("train", training=False)
    expected = dataset[0, 3].labels["semseg"]
    stale = dataset.maps.pack
    assert stale is not None
    (root / "semseg/VOC12/a.png").touch()
    module(root, pack="build").prepare_data()
    assert (dataset[0, 3].labels["semseg"] == expected).all()
    assert dataset.maps.pack is stale, "read on from the pack, without a warning"
    folder = stale.folder
    assert folder.is_dir()
    del dataset, stale
    module(root, pack="build").pack("train")
    remove_unused(folder)
    assert not folder.exists(), "nobody reads it any more"


def test_a_trainer_that_starts_while_a_packer_is_at_work_reads_the_files(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, seen = building._build_shard, []

    def between(job: Any) -> list[str]:
        bad = build(job)
        dataset = module(root, pack="use").dataset("train", training=False)
        seen.append((dataset.maps.pack, dataset[0, 1].labels["semseg"].unique().tolist()))
        return bad

    monkeypatch.setattr(building, "_build_shard", between)
    module(root, pack="build").pack("train")
    assert seen == [(None, [1, 6])] * len(IDS)
    assert is_whole(root)


@pytest.mark.parametrize("key", ["run_dir", "folder"], ids=["training", "search"])
def test_the_second_in_a_folder_is_told_and_writes_nothing(tmp_path: Path, key: str) -> None:
    with folder_lock(tmp_path, key):
        before = contents(tmp_path)
        with (
            pytest.raises(UserError, match=rf"^{key}=.* is in use by process {os.getpid()} on "),
            folder_lock(tmp_path, key, timeout_s=0.3),
        ):
            raise AssertionError("held twice")
        assert contents(tmp_path) == before


def test_a_job_that_two_sweeps_had_counts_as_done_in_an_evaluation(tmp_path: Path) -> None:
    """The second sweep could not have the folder and noted that as a failure; the first ended."""
    for name in ("a-1", "b-2"):
        job = Job((), tmp_path / name)
        job.folder.mkdir()
        (job.folder / "config.yaml").write_text("seed: 0\n")
        job.mark_failed(2, "error: run_dir is in use")
    (tmp_path / "a-1/DONE").touch()
    assert Job((), tmp_path / "a-1").status == "done"
    assert runs_in(tmp_path) == [tmp_path / "a-1"]


def test_a_set_that_appears_while_another_is_moved_into_place_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last moment: the folder is there only when this process renames its own."""
    winner, root = small().prepare(tmp_path / "winner"), tmp_path / "races/set"
    note = scene_set.write_split

    def overtaken(draft: Path, split: str, names: list[str]) -> None:
        note(draft, split, names)
        if split == "val":
            shutil.copytree(winner, root)

    monkeypatch.setattr(scene_set, "write_split", overtaken)
    assert contents(small().prepare(root)) == contents(winner)
    assert [path.name for path in root.parent.iterdir()] == ["set"]
