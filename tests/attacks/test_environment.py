"""Odd surroundings: homes, rights, streams, terminals, paths, limits; see docs/security."""

from __future__ import annotations

import ast
import io
import os
import pwd
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import DictConfig
from rich.console import Console

from mtl_ase.child_training import quoted
from mtl_ase.commands import RunFolder
from mtl_ase.commands.same_run import check_same_run
from mtl_ase.config import build_data, run_main, run_once
from mtl_ase.data import Augmentation, DataModule, collate_training
from mtl_ase.data.cache import CACHE_VARIABLE, cache_folder
from mtl_ase.data.compiled import compiled
from mtl_ase.data.pack import build as building
from mtl_ase.data.pack import find_pack, fingerprint
from mtl_ase.data.scenes import Scenes
from mtl_ase.errors import BadFile, UserError
from mtl_ase.folder_lock import folder_lock
from mtl_ase.report.folding_table import FoldingTable
from tests.data.layout import LABELS, write_image, write_label_map, write_palette_png, write_split

ROOT = Path(__file__).parents[2]
STREAMS = ROOT / "mtl_ase/config/streams.py"
SIZE = (16, 24)
IDS = ["a", "b", "c"]
NOBODY = 65534


def make_set(root: Path) -> Path:
    """Three images with semseg and edges."""
    for split in ("train", "val"):
        write_split(root, split, IDS)
    for number, image_id in enumerate(IDS):
        write_image(root, image_id, SIZE, number)
        ids = np.full(SIZE, number)
        ids[:, 9:] = number + 5
        write_palette_png(root / f"semseg/VOC12/{image_id}.png", ids)
        write_label_map(root, image_id, ids)
    return root


def module(root: Path | str, **changes: Any) -> DataModule:
    recipe = Augmentation(0, 0, (1, 1))
    arguments: dict[str, Any] = {"num_workers": 0, "pack": "never", **changes}
    return DataModule("small", str(root), LABELS, SIZE, 1, recipe, **arguments)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("mtl_ase.data.datamodule.usable_cores", lambda: 1)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return make_set(tmp_path / "set")


# Homes and rights


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
    assert said.startswith("error: run_dir can't be made (Not a directory: /dev/null")
    assert said.count("\n") == 1


def test_an_error_of_the_program_itself_is_not_taken_for_a_wrong_run_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(config: DictConfig) -> None:
        raise PermissionError(13, "Permission denied", "elsewhere")

    monkeypatch.setattr(sys, "argv", ["train.py", f"run_dir={tmp_path / 'run'}"])
    with pytest.raises(PermissionError, match="elsewhere"):
        run_main(broken, "train")


# Streams and terminals: without importing torch, which takes seconds


def program(text: str, before: str = "") -> list[str]:
    """A program that prints under `outlive_readers`."""
    use = f"import os, runpy, sys; runpy.run_path({str(STREAMS)!r})['outlive_readers']()\n"
    return [sys.executable, "-c", before + use + text]


LOUD = "for k in range(100_000): print('line', k, flush=k % 7 == 0)\nopen(sys.argv[1], 'w').close()"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_goes_away_ends_no_program(tmp_path: Path, stream: str) -> None:
    """As `python train.py | head -1` does."""
    text = LOUD.replace("flush", f"file=sys.{stream}, flush")
    other = "stderr" if stream == "stdout" else "stdout"
    pipes: dict[str, Any] = {stream: subprocess.PIPE, other: subprocess.DEVNULL}
    process = subprocess.Popen([*program(text), str(tmp_path / "DONE")], **pipes)
    pipe = getattr(process, stream)
    assert pipe.readline() == b"line 0\n"
    pipe.close()
    assert process.wait(timeout=60) == 0
    assert (tmp_path / "DONE").exists()


def test_a_full_disk_behind_the_output_is_not_passed_over(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs Linux's /dev/full")
    with Path("/dev/full").open("w") as full:
        command = [*program(LOUD), str(tmp_path / "DONE")]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode != 0
    assert "No space left on device" in done.stderr
    assert not (tmp_path / "DONE").exists()


CLOSED = """
print('lost'); sys.stdin and sys.stdin.read()
with open(sys.argv[1], 'w') as file:
    assert file.fileno() > 2, file.fileno()
    os.write(1, b'from a library'); os.write(2, b'from a library')
    file.write('mine')
"""


def test_streams_that_are_closed_from_the_start_are_no_files(tmp_path: Path) -> None:
    """The next file to be opened would be number 1, and what libraries print land in it."""
    file = tmp_path / "checkpoint"
    command = ["sh", "-c", f'"$@" {file} <&- >&- 2>&-', "sh", *program(CLOSED)]
    assert subprocess.run(command, timeout=60).returncode == 0
    assert file.read_text() == "mine"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_letters_that_the_terminal_lacks_are_printed_as_escapes(encoding: str) -> None:
    done = subprocess.run(
        program("print('run folder: /daten/ö/猫')"),
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    expected = "run folder: /daten/ö/猫\n".encode(encoding, errors="backslashreplace")
    assert done.stdout == expected


@pytest.mark.parametrize("width", [40, 20, 16])
def test_a_narrow_terminal_loses_no_digit(width: int) -> None:
    table = FoldingTable("metric", "better", title="Results")
    table.add_column("ase", justify="right")
    table.add_row("semseg/miou", "up", "87.6543")
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(table)
    lines = console.export_text().splitlines()
    cells = ["".join(parts) for parts in zip(*(line.split("│") for line in lines if "│" in line))]  # noqa: B905
    assert "".join(cells[-2].split()) == "87.6543"
    assert "".join(cells[1].split()) == "semseg/miou"


# Paths, folders, clocks


ODD_NAMES = [
    "two words",
    "it's",
    'a "b"',
    "a=b",
    "a,b",
    "naïve 猫",
    "[x]{y}",
    "$HOME ${y}",
    "~",
    "#1",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_set_lies_under_any_name(
    tmp_path: Path, composed: Callable[..., DictConfig], name: str
) -> None:
    root = make_set(tmp_path / name)
    config = composed(f"data.root={quoted(root)}", "data.num_workers=0", "tasks=[semseg,edge]")
    data = build_data(config, {"semseg": None, "edge": None})
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


# Limits


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


# Assertions


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
    with pytest.raises(UserError, match=r"config\.yaml is no config of a run"):
        RunFolder(tmp_path).read_config()
    with pytest.raises(UserError, match=r"config\.yaml is no config of a run"):
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
from mtl_ase.data.scenes import Scenes
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


@pytest.mark.slow
def test_a_training_outlives_who_reads_its_output(tiny: list[str], tmp_path: Path) -> None:
    arguments = [*tiny, "experiment=ase", "trainer.max_steps=2", f"run_dir={tmp_path / 'run'}"]
    command = [sys.executable, str(ROOT / "train.py"), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=300) == 0
    assert (tmp_path / "run/DONE").exists()
    assert (tmp_path / "run/metrics.json").exists()
