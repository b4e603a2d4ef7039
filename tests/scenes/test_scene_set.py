"""The cache: one folder per fingerprint, complete or absent, whoever renders it."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from pathlib import Path

import pytest

from mtl_ase.base.errors import UserError
from mtl_ase.machine.cache import CACHE_VARIABLE
from mtl_ase.scenes import Scenes, generation, scene_set

SIZE = (32, 40)


def small(**changes: object) -> Scenes:
    settings = {"num_train": 4, "num_val": 2, "size": SIZE, "seed": 1, "workers": 1}
    return Scenes(**{**settings, **changes})


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def prepare_in_process(root: str) -> None:
    small().prepare(Path(root))


def test_fingerprints_tell_sets_apart_but_not_workers() -> None:
    sets = [small(), small(seed=2), small(size=(40, 32)), small(num_train=5), small(num_val=3)]
    assert len({s.fingerprint() for s in sets}) == len(sets)
    assert small(workers=3).fingerprint() == small().fingerprint()


def test_a_new_renderer_version_is_a_new_set(monkeypatch: pytest.MonkeyPatch) -> None:
    before = small().fingerprint()
    monkeypatch.setattr(scene_set, "RENDERER_VERSION", scene_set.RENDERER_VERSION + 1)
    assert small().fingerprint() != before


def test_bytes_depend_neither_on_workers_nor_on_the_number_of_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = contents(small().prepare(tmp_path / "alone"))
    monkeypatch.setattr(generation, "CHUNK", 2)
    shared = contents(small(workers=2).prepare(tmp_path / "shared"))
    assert alone == shared
    more = contents(small(num_train=6).prepare(tmp_path / "more"))
    same = [name for name in alone if not name.startswith("ImageSets") and name != "scenes.json"]
    assert all(alone[name] == more[name] for name in same)
    assert len(more) > len(alone)


def test_the_cache_folder_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    root = small().prepare()
    assert root == tmp_path / f"scenes-{small().fingerprint()}"
    assert json.loads((root / "scenes.json").read_text())["fingerprint"] == small().fingerprint()
    monkeypatch.setattr(scene_set, "generate", None)  # would fail if called
    assert small().prepare() == root
    assert [path.name for path in tmp_path.iterdir()] == [root.name]


def test_what_a_killed_process_left_behind_is_not_used(tmp_path: Path) -> None:
    root = tmp_path / "set"
    left = tmp_path / f".{root.name}.00000000.draft"
    (left / "JPEGImages").mkdir(parents=True)
    (left / "JPEGImages/train_000000.jpg").write_bytes(b"half")
    small().prepare(root)
    assert len(list((root / "JPEGImages").iterdir())) == 6
    assert (root / "JPEGImages/train_000000.jpg").read_bytes() != b"half"


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(scene_set, "generate", fail)
    with pytest.raises(KeyboardInterrupt):
        small().prepare(tmp_path / "set")
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    assert (small().prepare(root) / "scenes.json").is_file()


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="other files"):
        small().prepare(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_another_set_is_refused(tmp_path: Path) -> None:
    small().prepare(tmp_path / "set")
    with pytest.raises(UserError, match="other files"):
        small(seed=2).prepare(tmp_path / "set")


def test_the_loser_of_a_race_uses_the_winners_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    winner = small().prepare(tmp_path / "winner")
    root = tmp_path / "races" / "set"

    def overtaken(draft: Path, *_: object) -> None:
        shutil.copytree(winner, root)
        (draft / "slow.txt").write_text("the loser's")

    monkeypatch.setattr(scene_set, "generate", overtaken)
    assert contents(small().prepare(root)) == contents(winner)
    assert [path.name for path in root.parent.iterdir()] == ["set"]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # forks though threads run
def test_two_processes_may_prepare_the_same_set(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    root = tmp_path / "races" / "set"
    processes = [fork.Process(target=prepare_in_process, args=(str(root),)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert contents(root) == contents(small().prepare(tmp_path / "alone"))
    assert [path.name for path in root.parent.iterdir()] == ["set"]
