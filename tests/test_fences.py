"""Every command and snippet of README.md and docs/ is right, and nearly all are run.

A command is run as a reader types it, in a folder that looks like a checkout, with small images
in place of the data: what trains is cut to four steps of a tiny network by overrides added at its
end, a sweep to two jobs, a suite to the commands that it would start. `make test` checks all and
runs what is quick; `make test-full` runs the rest.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from mtl_ase.build import check_part
from mtl_ase.commands.evaluation_arguments import read_arguments
from mtl_ase.commands.export_arguments import read_arguments as read_export_arguments
from mtl_ase.commands.predict_arguments import read_predict_arguments
from mtl_ase.config import check_targets
from mtl_ase.search.command_line import read_command_line
from mtl_ase.suites.arguments import Arguments
from tests.conftest import Compose
from tests.fences import INFOS, PAGES, Command, Fence, commands, fences
from tests.pages import ROOT, files_of

COMMANDS, FENCES = commands(), fences()
SNIPPETS = [fence for fence in FENCES if fence.info == "python" and fence.file is None]
REASONS = {
    r"^pip |^make |^\. ": "changes the machine or the shell",
    r"trainer=ddp(?!.*accelerator=cpu)": "needs several GPUs",
    r"--write": "writes the pages of this repository",
    r"make_reference\.py|pytest": "needs files that the page only speaks of",
    r"app\.py": "serves a page until it is stopped",
    r"format=peft": "needs a run of LoRA",
    r"hub=(?!.*dry_run)": "uploads",
    r"^(eval |mtl-ase-)": "needs an installed wheel (tests/entry_points/test_wheel.py)",
}
KINDS = {
    "gpu": "needs several GPUs",
    "data": "downloads",
    "long": "takes long, also when cut short",
}
QUICK = r"--cfg|make_shapes|tutorials/own_data.*run_dir="
"""What also runs in `make test`, of `page:line command`."""
TINY_VIT = "{patch_size:16,embed_dim:48,depth:2,num_heads:2,class_token:true}"
SHORT = [
    "trainer.max_steps=4",  # same_continual has four stages
    "data.image_size=[64,64]",
    "data.batch_size=2",
    "data.num_workers=0",
    "size.vit.pretrained=false",
    "size.vit.weights=null",
    f"size.vit.options={TINY_VIT}",
    "size.resnet.pretrained=false",
    "size.resnet.width=8",
    "metrics.edge.max_images=2",
    "report.num_sheets=1",
    "trainer.accelerator=cpu",
]
SCENES = ["data.generator.num_train=8", "data.generator.num_val=4", "data.generator.size=[64,64]"]
ROWS = {
    "balancing": "rows=fixed",
    "adapters": "rows=lora",
    "table1": "rows=ase_16",
    "fig2": "rows=ase_16",
}
"""A row of a suite, whose cost takes no minute to count."""
HERE = "hydra.runtime.output_dir=somewhere"
PARSERS: dict[str, Callable[[list[str]], object]] = {
    "evaluate.py": read_arguments,
    "export.py": read_export_arguments,
    "predict.py": read_predict_arguments,
    "search.py": read_command_line,
}
COMPOSING = ("train.py", "bench.py", "model_info.py")
COMPOSING += ("prepare_data.py", "browse_data.py")
PARTS = ("tasks", "data", "model", "training", "trainer", "logger", "callbacks")


def left_out(command: Command) -> str | None:
    """Why a command is not run; None: it is."""
    if command.kind:
        return KINDS[command.kind]
    return next((why for what, why in REASONS.items() if re.search(what, command.text)), None)


def marked(command: Command) -> object:
    """The command as a parameter: slow, unless it is quick."""
    quick = re.search(QUICK, str(command))
    return pytest.param(command, id=str(command), marks=[] if quick else [pytest.mark.slow])


RUN = [command for command in COMMANDS if left_out(command) is None]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, scenes_root: Path) -> dict[str, Path]:
    """A reader's folder for every page: a checkout, data, and the files that the page shows."""
    made: dict[str, Path] = {}
    common = tmp_path_factory.mktemp("common")
    shutil.copytree(scenes_root, common / "data" / "PASCAL_MT")
    for task, labels in {"semseg": "semseg/VOC12", "saliency": "sal_distill"}.items():
        shutil.copytree(scenes_root / labels, common / "predictions" / task)
    for page in dict.fromkeys(fence.page for fence in FENCES):
        folder = made[page] = tmp_path_factory.mktemp("reader")
        for name in ("train.py", "evaluate.py", "predict.py", "scripts", "mtl_ase", "configs"):
            (folder / name).symlink_to(ROOT / name)
        for name in ("data", "predictions"):
            (folder / name).symlink_to(common / name)
        add_pictures(folder, scenes_root)
        for name, text in files_of((ROOT / page).read_text()).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        if (folder / "make_shapes.py").exists():  # what later code of the page reads
            run_in(folder, ["python", "make_shapes.py"])
    return made


def add_pictures(folder: Path, scenes_root: Path) -> None:
    """Photos and a film, as the pages name them."""
    pictures = sorted((scenes_root / "JPEGImages").iterdir())[:2]
    (folder / "photos").mkdir()
    for name in ("photo.jpg", "large.jpg", "photos/one.jpg"):
        shutil.copy(pictures[0], folder / name)
    writer = cv2.VideoWriter(str(folder / "film.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 5, (64, 64))
    for picture in pictures:
        writer.write(cv2.imread(str(picture)))
    writer.release()


def run_in(folder: Path, words: list[str]) -> None:
    """Run a command to a good end in a reader's folder."""
    bin_folder = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PYTHONPATH": str(ROOT), "PATH": bin_folder}
    done = subprocess.run(
        [sys.executable if words[0] == "python" else words[0], *words[1:]],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"


def filled_in(text: str) -> str:
    """A command with what stands for a folder replaced by one that is there."""
    text = text.replace("predictions=DIR", "predictions=predictions")
    text = text.replace("SWEEP_DIR", "runs/sweep").replace("DIR/PASCAL_MT", "DIR")
    return text.replace("OLD NEW", ". . --rounds 1").replace("DIR", "data/PASCAL_MT")


def overrides_of(words: list[str]) -> list[str]:
    """The overrides of a training command, of a sweep those of its first job."""
    words = [word for word in words if re.match(r"[+~\w./@]+=", word)]
    words = [word for word in words if not re.match(r"\+?hydra[./]", word)]
    words = [word for word in words if not re.search(r"=(glob|range|log|choice)\(", word)]
    return [re.sub(r"=([^,\[({]*),.*$", r"=\1", word) for word in words]


def searched(command: Command, folders: dict[str, Path]) -> list[str]:
    """The override that finds the configs of a page; none for our own."""
    own = folders[command.page] / "my_configs"
    return [f"hydra.searchpath=[file://{own}]"] if own.exists() else []


def two_jobs(words: list[str]) -> list[str]:
    """The words of a sweep whose first list has two values and whose others have one."""
    cut, room = [], 2
    for word in words:
        key, values = word.partition("=")[::2]
        if re.fullmatch(r"[\w./]+,[\w./,]+", values):
            word = f"{key}={','.join(values.split(',')[:room])}"
            room = 1
        cut.append(word)
    return cut


def shortened(command: Command, composed: Compose, folders: dict[str, Path]) -> list[str]:
    """The words of a command, with what makes it short at their end."""
    text = command.text
    words = shlex.split(filled_in(text))
    if re.match(r"python (train|scripts/search)\.py(?!.*--cfg)", text):
        own = [w for w in overrides_of(words) if not re.match("folder=|trials=|metric=", w)]
        generated = composed(*searched(command, folders), *own).data.generator is not None
        words = [re.sub(r"^trials=.*", "trials=1", word) for word in words]
        words = two_jobs(words) if "-m" in words else words
        return [*words, *SHORT, *(SCENES if generated else [])]
    if re.search(r"compare\.py|reproduce\.py(?!.*export)", text):
        rows = [] if re.search("rows=|methods=", text) else [ROWS[words[2]]]
        return [*words, "dry_run=true", *rows]
    return words


def test_info_strings_are_known() -> None:
    assert {fence.info for fence in FENCES} <= set(INFOS)
    for page in PAGES:
        assert not re.search(r"^    (python|pip|make) ", page.read_text(), re.MULTILINE), page


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_is_right(command: Command, composed: Compose, folders: dict[str, Path]) -> None:
    """It is composed or parsed as far as the program does before it works."""
    words = shlex.split(filled_in(command.text))
    program = next((Path(word).name for word in words if word.endswith(".py")), words[0])
    if program == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif program == "pip":
        extra = re.search(r"\[(\w+)\]", words[-1])
        assert extra is None or f"\n{extra[1]} = [" in (ROOT / "pyproject.toml").read_text()
    elif program in PARSERS:
        PARSERS[program](words[2:])
    elif program in ("reproduce.py", "compare.py"):
        Arguments.parse([re.sub("^methods=", "rows=", word) for word in words[2:]])
    elif program in COMPOSING:
        config = composed(HERE, *searched(command, folders), *overrides_of(words))
        if "--trust" not in command.text:
            check_targets(config)
            for part in PARTS:
                check_part(config, part)
    else:
        place = next((word for word in words if word.endswith(".py")), None)
        assert place is None or (folders[command.page] / place).exists() or (ROOT / place).exists()


@pytest.mark.parametrize("command", [marked(command) for command in RUN])
def test_a_command_runs(
    command: Command,
    composed: Compose,
    folders: dict[str, Path],
    request: pytest.FixtureRequest,
) -> None:
    """To a good end, in a process of its own; a run that it scores is made first."""
    folder = folders[command.page]
    text = filled_in(command.text)
    if re.search(r"(evaluate|predict|report|export)\.py", text):
        add_runs(folder, text, request)
    run_in(folder, shortened(command, composed, folders))


def add_runs(folder: Path, text: str, request: pytest.FixtureRequest) -> None:
    """Make the runs that a command or a snippet speaks of, and exports of them."""
    for run in re.findall(r"runs/\w+", text):
        if not (folder / run).exists():
            place = folder / run / "one" if run == "runs/sweep" else folder / run
            shutil.copytree(request.getfixturevalue("finished_run"), place)
    if "read_adapters" in text and not (folder / "exported/adapters").exists():
        add_runs(folder, "runs/mine", request)
        export = "scripts/export.py run=runs/mine output=exported/adapters format=adapters"
        run_in(folder, ["python", *export.split()])


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda fence: f"{fence.page}:{fence.line}")
def test_a_snippet_runs(
    snippet: Fence,
    folders: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    folder = folders[snippet.page]
    add_runs(folder, snippet.text, request)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    exec(compile(snippet.text, snippet.page, "exec"), {"__name__": "__main__"})
    for name in [name for name in sys.modules if name.startswith("my_")]:
        monkeypatch.delitem(sys.modules, name)


def test_how_many_are_run(record_property: Callable[[str, object], None]) -> None:
    """At least 60 commands, and it says which are not."""
    why = Counter(left_out(command) for command in COMMANDS)
    ran = why.pop(None)
    said = [f"commands in README.md and docs/: {ran} run, {sum(why.values())} only checked"]
    said += [f"  {number} {reason}" for reason, number in why.most_common()]
    record_property("said", "\n".join(said))
    assert ran >= 60
