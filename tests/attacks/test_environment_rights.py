"""Homes and rights: what may not be read or written is named; see docs/security."""

from __future__ import annotations

import os
import pwd
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from omegaconf import DictConfig

from mtl_ase.base.errors import BadFile, UserError
from mtl_ase.base.folder_lock import folder_lock
from mtl_ase.config import run_main
from mtl_ase.machine.cache import CACHE_VARIABLE, cache_folder
from mtl_ase.scenes import Scenes
from tests.attacks.small_set import make_set, module

NOBODY = 65534


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("mtl_ase.data.datamodule.usable_cores", lambda: 1)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return make_set(tmp_path / "set")


def test_without_a_home_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user has a number and no name."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", lambda number: {}[number])
    with pytest.raises(UserError, match=r"home folder is not known; set HOME, or MTL_ASE_CACHE"):
        Scenes(1, 1, (32, 32)).prepare()


def test_without_a_home_packs_beside_the_data_are_built_and_found(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setattr(pwd, "getpwuid", lambda number: {}[number])
    folder = module(root).pack("train").folder
    assert folder.parent == root / "packs"
    assert module(root, pack="use").dataset("train", training=True).maps.pack is not None


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's /proc")
def test_a_home_that_may_not_be_written_to_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", "/proc")
    with pytest.raises(UserError, match=r"written to /proc/\.cache/.*or set MTL_ASE_CACHE"):
        Scenes(1, 1, (32, 32)).prepare()


def test_a_tilde_in_the_cache_variable_is_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files with environment variables are read by no shell."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(CACHE_VARIABLE, "~/big disk")
    assert cache_folder() == tmp_path / "big disk"


@contextmanager
def as_nobody() -> Iterator[None]:
    """The superuser may read and write everything, so becomes another user for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that others may go through, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setattr("mtl_ase.data.datamodule.usable_cores", lambda: 1)
        monkeypatch.setenv(CACHE_VARIABLE, str(Path(folder) / "cache"))
        yield make_set(Path(folder) / "set")


FORBIDDEN = ["semseg/VOC12/b.png", "pascal-context/trainval/b.mat", "semseg/VOC12"]


@pytest.mark.parametrize("place", FORBIDDEN)
def test_a_label_that_may_not_be_read_is_named_and_skipped(public: Path, place: str) -> None:
    (public / place).chmod(0)
    strict = module(public).dataset("train", training=False)
    lenient = module(public, on_bad_sample="skip").dataset("train", training=False)
    with as_nobody():
        with pytest.raises(BadFile, match=r"can't be read") as caught:
            _ = strict[0, 1]
        skipped = lenient[0, 1]
        coverage = lenient.coverage()
    (public / place).chmod(0o755)
    assert place in str(caught.value)
    assert len(skipped.problems) == 1
    assert coverage["semseg"] == (0 if place.endswith("VOC12") else 3)


@pytest.mark.parametrize("place", ["JPEGImages/b.jpg", "JPEGImages"])
def test_an_image_that_may_not_be_read_is_named(public: Path, place: str) -> None:
    split = module(public).dataset("train", training=False)
    (public / place).chmod(0)
    with as_nobody(), pytest.raises(BadFile, match=r"can't be read \(Permission denied\)"):
        _ = split[0, 1]
    if place == "JPEGImages":
        with as_nobody(), pytest.raises(BadFile, match="Permission denied"):
            split.fingerprint()
    (public / place).chmod(0o755)


@pytest.mark.parametrize("place", [".", "ImageSets/Context", "ImageSets/Context/train.txt"])
def test_a_set_that_may_not_be_read_is_named(public: Path, place: str) -> None:
    (public / place).chmod(0)
    with as_nobody(), pytest.raises(UserError, match=r"can't be read \(Permission denied\)"):
        module(public).dataset("train", training=False)
    (public / place).chmod(0o755)


def test_a_read_only_set_is_packed_in_the_cache_and_read_there(public: Path) -> None:
    cache = public.parent / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    with as_nobody():
        folder = module(public).pack("train").folder
        pack = module(public, pack="use").dataset("train", training=True).maps.pack
    assert folder.is_relative_to(cache)
    assert pack is not None
    assert not (public / "packs").exists()


def test_a_damaged_pack_that_may_not_be_written_to_is_left_for_the_files(public: Path) -> None:
    shard = module(public).pack("train").folder / "shard-00000.bin"
    shard.write_bytes(b"\0" + shard.read_bytes()[1:])
    with as_nobody(), pytest.warns(UserWarning, match="is damaged"):
        sample = module(public, pack="use").dataset("train", training=False)[0, 0]
    assert sample.labels["semseg"].unique().tolist() == [0, 5]
    assert (shard.parent / "manifest.json").is_file()


def test_a_run_folder_that_may_not_be_made_is_named(public: Path) -> None:
    with (
        as_nobody(),
        pytest.raises(UserError, match=r"^run_dir=.*can't be written to \(Permission denied\)"),
        folder_lock(public.parent / "runs/mine", "run_dir"),
    ):
        raise AssertionError("written")
    assert not (public.parent / "runs").exists()


def test_a_run_folder_that_hydra_can_not_make_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "run_dir=/dev/null/run"])
    with pytest.raises(SystemExit) as end:
        run_main(lambda config: None, "train")
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: run_dir=/dev/null/run can't be made (Not a directory)")
    assert said.count("\n") == 1


def test_an_error_of_the_program_itself_is_not_taken_for_a_wrong_run_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(config: DictConfig) -> None:
        raise PermissionError(13, "Permission denied", "elsewhere")

    monkeypatch.setattr(sys, "argv", ["train.py", f"run_dir={tmp_path / 'run'}"])
    with pytest.raises(PermissionError, match="elsewhere"):
        run_main(broken, "train")
