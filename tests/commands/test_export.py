"""Export from the command line: what it writes, prints and refuses."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.commands.export_arguments import read_arguments
from tests.conftest import ROOT, SIZE, Run

PAGE = (ROOT / "docs" / "export.md").read_text()
COMMANDS = [
    line.split("  #")[0].strip()
    for block in re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL)
    for line in block.splitlines()
    if line.startswith("python scripts/export.py")
]


def test_adapters_of_a_finished_run(here: Run, finished_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    done = here("scripts/export.py", f"run={finished_run}", f"output={out}", "format=adapters")
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in out.iterdir())
    assert names == ["README.md", "adapters.safetensors", "config.yaml", "export.json"]
    assert all(f"  {name}  " in done.stdout for name in names)
    known = json.loads((out / "export.json").read_text())
    assert known["step"] == 4
    assert known["data"]["coverage"]["train"]["images"] == 24
    assert known["scores"]["values"] == json.loads((finished_run / "metrics.json").read_text())
    assert known["versions"].keys() > {"mtl_ase", "torch", "timm"}
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    again = here("scripts/export.py", f"run={finished_run}", f"output={out}", "format=adapters")
    assert again.returncode == 2
    assert "is there already" in again.stderr


def test_a_dry_run_lists_what_would_be_uploaded(
    here: Run, finished_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    wanted = [f"output={out}", "hub=me/mine", "dry_run=true"]
    first = here("scripts/export.py", f"run={finished_run}", "format=adapters", *wanted)
    later = here("scripts/export.py", *wanted)
    for done in (first, later):
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"for hub=me/mine, from {out}:\n  README.md  ")
        assert done.stdout.count(" MB\n") == 4
    assert 'snapshot_download("me/mine")' in (out / "README.md").read_text()


@pytest.mark.slow
def test_an_evaluated_run_as_a_program(
    script: Run, here: Run, finished_run: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    assert script("evaluate.py", f"run={run}").returncode == 0
    sizes = f"image_size=[{SIZE},{SIZE}],[32,48]"
    done = here(
        "scripts/export.py", f"run={run}", f"output={tmp_path / 'out'}", "format=torch", sizes
    )
    assert done.returncode == 0, done.stderr
    for size in (f"{SIZE}x{SIZE}", "32x48"):
        assert (tmp_path / "out" / f"network_{size}.pt2").is_file()
    assert "by evaluate.py on 8 images" in (tmp_path / "out" / "README.md").read_text().lower()


def test_what_fails_leaves_nothing(here: Run, finished_run: Path, tmp_path: Path) -> None:
    done = here(
        "scripts/export.py", f"run={finished_run}", f"output={tmp_path / 'out'}", "format=peft"
    )
    assert done.returncode == 2
    assert "so PEFT can't load it" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "usage"),
        ("run=a output=b", "format= is missing"),
        ("output=b", "hub= is missing"),
        ("run=a format=onnx", "output= is missing"),
        ("run=a,b output=b format=onnx", "run takes one value"),
        ("run=a output=b format=zip", "format=zip is none of adapters, peft, torch, onnx"),
        ("run=a output=b format=onnx checkpoint=first", "checkpoint=first is none of last, best"),
        ("run=a output=b format=peft image_size=[8,8]", "image_size goes with format=torch"),
        ("run=a output=b format=peft outputs=logits", "outputs goes with format=torch"),
        ("run=a output=b format=onnx image_size=8", "image_size=8 is no pair of pixels"),
        ("run=a output=b format=onnx image_size=[8,-8]", "is no pair of pixels"),
        ("run=a output=b format=onnx size=3", "size is no option of export.py"),
        ("output=b hub=me/mine licence=mit", "licence goes with run="),
    ],
)
def test_wrong_command_lines(arguments: str, said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        read_arguments(shlex.split(arguments))


def test_the_code_of_the_page_runs(
    here: Run, finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = here(
        "scripts/export.py", f"run={finished_run}", "output=exported/adapters", "format=adapters"
    )
    assert done.returncode == 0, done.stderr
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    assert list(names["network"](torch.zeros(1, 3, SIZE, SIZE)).logits) == list(names["tasks"])


def test_stated_sizes_are_those_that_were_stored() -> None:
    stored = (ROOT / "docs" / "results" / "export" / "demo.txt").read_text()
    largest = {}
    for kind in ("adapters", "torch", "onnx"):
        listed = stored.split(f"demo_{kind}:\n")[1].split(":\n")[0]
        largest[kind] = max(float(size) for size in re.findall(r"([\d.]+) MB", listed))
    for kind, size in largest.items():
        rounded = f"{size:.1f}" if size < 10 else f"{size:.0f}"
        assert re.search(rf"^\| `{kind}` \|.*\| {rounded} MB \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_page_are_right(command: str) -> None:
    given = read_arguments(shlex.split(command)[2:])
    assert given.hub or given.format


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run=RUN", "output=OUT", "format=adapters", "checkpoint=best"], "best.ckpt is missing"),
        (["run=/nothing", "output=OUT", "format=adapters"], "is no run folder"),
        (["output=OUT", "hub=me/mine"], "holds no export"),
        (["output=OUT", "hub=mine"], "give OWNER/NAME"),
        (["run=RUN", "output=RUN", "format=adapters"], "is there already"),
        (["run=RUN", "output=RUN/config.yaml/a", "format=adapters"], "can't be made"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_there(
    here: Run, finished_run: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    (run / "checkpoints" / "best.ckpt").unlink()
    given = [a.replace("RUN", str(run)).replace("OUT", str(tmp_path / "out")) for a in arguments]
    done = here("scripts/export.py", *given)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
