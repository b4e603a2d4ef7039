"""Paths, clocks, limits, assertions; see docs/security."""

from __future__ import annotations

import ast
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_data, build_tasks
from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.commands.same_run import check_same_run
from mtl_ase.config import run_once
from mtl_ase.data import collate_training
from mtl_ase.data.pack import build as building
from mtl_ase.data.pack import find_pack, fingerprint
from mtl_ase.launch.child_training import quoted
from mtl_ase.machine.cache import CACHE_VARIABLE
from mtl_ase.machine.compiled import compiled
from tests.attacks.small_set import IDS, make_set, module
from tests.data.layout import LABELS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("mtl_ase.data.datamodule.usable_cores", lambda: 1)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return make_set(tmp_path / "set")


ODD_NAMES = [
    "two words",
    "it's",
    'a "b"',
    "a=b",
    "a,b",
    "naïve 猫",
    "[x]{y}",
    "$HOME",
    "~",
    "#1",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_set_lies_under_any_name(
    tmp_path: Path, composed: Callable[..., DictConfig], name: str
) -> None:
    root = make_set(tmp_path / name)
    config = composed(f"data.root={quoted(root)}", "data.num_workers=0", "tasks=[semseg,edge]")
    data = build_data(config, build_tasks(config))
    assert data.root == root
    building.build_pack(root / "packs/x", root, IDS, LABELS, 1)
    labels = data.dataset("train", training=False)[0, 1].labels
    assert labels["semseg"].unique().tolist() == [1, 6]


@pytest.mark.parametrize("value", ["/daten/ö", "a=b", "it's", "a,b"])
def test_a_path_without_quotes_is_told_to_have_some(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        run_once(lambda config: None, [f"data.root={value}"])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "quote" in said
    assert said.count("\n") == 1


def test_a_relative_root_is_of_the_working_folder(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And has the same pack, also in the cache, as the absolute one."""
    monkeypatch.setattr("mtl_ase.data.pack.location.os.access", lambda *_: False)
    monkeypatch.chdir(root.parent)
    folder = module(root.name).pack("train").folder
    monkeypatch.chdir("/")
    assert module(root).pack("train").folder == folder


def test_a_pack_is_found_in_another_time_zone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = fingerprint(root, IDS, LABELS)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        module(root).pack("train")
        monkeypatch.setenv("TZ", "America/Adak")
        time.tzset()
        assert find_pack(root, "train", mark) is not None
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


def test_a_strict_umask_is_kept_to(root: Path) -> None:
    before = os.umask(0o077)
    try:
        folder = module(root).pack("train").folder
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert module(root, pack="use").dataset("train", training=True).maps.pack is not None


@contextmanager
def open_files(more: int) -> Iterator[None]:
    """Only so many more files may be opened than are now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = os.dup(0)
    os.close(highest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_reading_leaves_no_file_open(root: Path) -> None:
    split = module(root).dataset("train", training=True)
    with open_files(more=4):
        for epoch in range(10):
            assert all(split[epoch, k].problems == () for k in range(3))


def test_a_pack_survives_that_too_many_files_are_open(root: Path) -> None:
    """It can't be read for now; it is not taken for damaged."""
    folder = module(root).pack("train").folder
    split = module(root, pack="use").dataset("train", training=False)
    assert split.maps.pack is not None
    with open_files(more=0), pytest.warns(UserWarning, match=r"can't be read .*Too many open"):
        stored = split.maps.read("semseg", 1, truth=True)  # from the file: the pack let one go
    assert stored is not None
    assert np.unique(stored).tolist() == [1, 6]
    assert (folder / "manifest.json").is_file()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # forks though threads run
def test_without_a_folder_for_temporary_files_loaders_work(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    monkeypatch.setattr(tempfile, "tempdir", None)
    batches = list(module(root, num_workers=1).train_dataloader())
    split = module(root).dataset("train", training=True)
    assert len(batches) == 3
    expected = collate_training([split[0, IDS.index(batches[0].image_ids[0])]])
    assert (batches[0].image_BCHW == expected.image_BCHW).all()


def test_without_a_folder_for_compiled_code_functions_are_compiled_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A read-only checkout and no home: numba refuses even to define a cached function."""
    monkeypatch.setattr("numba.core.caching.CacheImpl._locator_classes", [])

    def twice(number: int) -> int:
        return 2 * number

    function = compiled(twice)
    assert hasattr(function, "py_func"), "it is numba's"
    assert function.py_func(4) == 8


def test_assertions_only_tell_types() -> None:
    """`python -O` leaves them out, so none may guard what a user gives."""
    for path in sorted((ROOT / "mtl_ase").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assert):
                text = ast.unparse(node.test)
                assert text.startswith("isinstance(") or text.endswith(" is not None"), (path, text)


def test_a_config_of_a_run_that_is_a_list_is_named(
    tmp_path: Path, composed: Callable[..., DictConfig]
) -> None:
    (tmp_path / "config.yaml").write_text("[1, 2]\n")
    with pytest.raises(UserError, match=r"config\.yaml holds no keys"):
        RunFolder(tmp_path).read_config()
    with pytest.raises(UserError, match=r"config\.yaml holds no keys"):
        check_same_run(tmp_path / "checkpoints/last.ckpt", composed())


@pytest.mark.slow
@pytest.mark.parametrize("how", ["-O", "PYTHONOPTIMIZE"])
def test_python_without_assertions_is_refused(how: str, tmp_path: Path) -> None:
    """Hydra's parser works by assertions: overrides would be misread."""
    option = [how] if how == "-O" else []
    environment = {**os.environ, **({} if option else {how: "2"})}
    done = subprocess.run(
        [sys.executable, *option, ROOT / "train.py", "tasks=[edge]", f"run_dir={tmp_path / 'run'}"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: python -O (or PYTHONOPTIMIZE) leaves")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


STATE = """
import sys
from pathlib import Path
from mtl_ase.data.pack import fingerprint
from mtl_ase.scenes import Scenes
from mtl_ase.sweeps import job_folder
from tests.data.layout import LABELS
print(fingerprint(Path(sys.argv[1]), ["a", "b", "c"], LABELS))
print(Scenes(2, 1, (32, 32)).fingerprint(), job_folder(["seed=1", "model.adapter.rank=2"]))
"""


@pytest.mark.slow
def test_names_of_packs_sets_and_jobs_do_not_depend_on_the_hash_seed(root: Path) -> None:
    said = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", STATE, str(root)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        ).stdout
        for seed in ("0", "1", "2026")
    }
    assert len(said) == 1
