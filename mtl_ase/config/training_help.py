"""What `train.py --help` prints: the experiments, and the knobs by purpose."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from omegaconf import OmegaConf

from mtl_ase.base.installation import CONFIGS, program
from mtl_ase.config.own_parts import HELP

WIDTH = 80
COLUMN = 26


class Knob(NamedTuple):
    """Something to choose on the command line.

    Attributes:
        key: a config group, whose options are listed, or a key with an example of its value.
        what: what it decides.
    """

    key: str
    what: str

    @property
    def is_group(self) -> bool:
        """Whether it is a config group."""
        return "=" not in self.key


PURPOSES = {
    "Data and tasks": (
        Knob("setting", "data, size and length of the training together"),
        Knob("data", "the data set"),
        Knob("data.root=DIR", "its folder"),
        Knob("data.batch_size=8", "images of a step, in every process"),
        Knob("data.image_size=[H,W]", "pixels of the network's input"),
        Knob("data/augmentation", "whose recipe"),
        Knob("tasks", "in brackets, e.g. tasks=[semseg,edge]"),
        Knob("data.stages=[[semseg],[edge]]", "tasks that arrive one after another"),
    ),
    "Network": (
        Knob("model/adapter", "what is trained inside of a frozen encoder"),
        Knob("model.adapter.rank=4", "and num_experts, top_k, num_shared of routed experts"),
        Knob("model.adapter.granularity=2", "twice as many experts of half the rank"),
        Knob("model.adapter.sites=[fc1,fc2]", "where in a block"),
        Knob("gate@model.adapter.gate", "how the selected and the shared experts are weighed"),
        Knob("model/encoder", "the backbone"),
        Knob("model.encoder.name=NAME", "any plain ViT of timm"),
        Knob("model.encoder.weights=FILE", "a checkpoint of its own"),
        Knob("model.encoder.branch_block=6", "blocks before it run once for all tasks"),
        Knob("model/decoder", "from tokens to predictions"),
        Knob("head@size.head", "of every task"),
        Knob("size", "of the networks and their heads"),
        Knob("model", "how the three parts are joined"),
    ),
    "Training": (
        Knob("balance", "how much every task counts"),
        Knob("optimizer", "with its learning rate"),
        Knob("training.optimizer.lr=1e-4", "the highest learning rate"),
        Knob("schedule", "of the learning rate"),
        Knob("training.regularisers.mutual_information.weight=0.01", "of the routers"),
        Knob("recipe", "deviations of a published training"),
        Knob("training", "the rest of it"),
        Knob("trainer", "the device"),
        Knob("trainer.max_epochs=40", "or trainer.max_steps"),
        Knob("trainer.precision=bf16-mixed", "Lightning's names"),
        Knob("trainer.accumulate_grad_batches=2", "batches of a step"),
        Knob("seed=0", "of all that is drawn at random"),
    ),
    "Scores and logs": (
        Knob("reference", "what delta_m compares with"),
        Knob("protocol", "of published scores; for evaluations alone"),
        Knob("metrics.edge.max_images=null", "images whose edges are matched in a validation"),
        Knob("logger", "besides csv"),
        Knob("callbacks", "what watches the run"),
        Knob("report.num_sheets=8", "contact sheets of predictions"),
    ),
    "Folder": (
        Knob("run_dir=DIR", "where everything goes"),
        Knob("resume=auto", "go on where the run in this folder stopped; or a checkpoint"),
        Knob("experiment_name=NAME", "a part of the folder's name"),
    ),
}
"""All config groups but experiment, and the keys that are changed most."""


def training_help(config_dir: str | None = None) -> str:
    """The text.

    Args:
        config_dir: a folder of the user's own configs, whose options are listed too.
    """
    folders = [CONFIGS, *([] if config_dir is None else [Path(config_dir)])]
    lines = [
        f"usage: {program('train')} [experiment=NAME] [GROUP=OPTION ...] [KEY=VALUE ...]",
        "",
        f"Experiments (experiment=NAME, by default {_default('experiment')})",
        *_experiments(folders),
    ]
    for purpose, knobs in PURPOSES.items():
        lines += ["", purpose]
        for knob in knobs:
            lines += _knob(knob, folders)
    return "\n".join([*lines, "", *_options()])


def _experiments(folders: Sequence[Path]) -> Iterator[str]:
    for path in (path for folder in folders for path in _yaml_files(folder / "experiment")):
        yield from _line(path.stem, _first_comment(path))


def _yaml_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.yaml"))


def _first_comment(path: Path) -> str:
    """What a config says of itself in its first line of comment."""
    text = path.read_text(encoding="utf-8", errors="replace")
    comments = re.findall(r"^# ?(?!\s*@package)(.+)$", text, re.MULTILINE)
    return comments[0].strip() if comments else ""


def _knob(knob: Knob, folders: Sequence[Path]) -> Iterator[str]:
    if not knob.is_group:
        yield from _line(knob.key, knob.what)
        return
    group = knob.key.partition("@")[0]
    names = {path.stem for folder in folders for path in _yaml_files(folder / group)}
    default = _default(group)
    usual = f" (by default {default})" if default else ""
    yield from _line(f"{knob.key}=", f"{knob.what}{usual}: {', '.join(sorted(names))}")


def _line(left: str, right: str) -> list[str]:
    """A line with two columns; a long right one goes on below itself."""
    start, indent = f"  {left:{COLUMN - 3}} ", " " * COLUMN
    if len(start) > COLUMN:
        folded = textwrap.wrap(right, WIDTH, initial_indent=indent, subsequent_indent=indent)
        return [start.rstrip(), *folded]
    folded = textwrap.wrap(right, WIDTH, initial_indent=start, subsequent_indent=indent)
    return folded or [start.rstrip()]


def _default(group: str) -> str:
    """The option of a group that the main config chooses; empty if none or several."""
    for item in OmegaConf.load(CONFIGS / "train.yaml").defaults:
        if not isinstance(item, str) and isinstance(chosen := item.get(group), str):
            return chosen
    return ""


def _options() -> list[str]:
    train = program("train")
    return [
        "Options",
        *_line("-m, --multirun", "a sweep: experiment=ase,lora_moe seed=0,1"),
        *_line("--cfg job", "print the whole config, with every key, instead of training"),
        *(line for text in HELP.splitlines() for line in _line(*re.split(" {2,}", text))),
        *_line("--hydra-help", "Hydra's own options"),
        *_line("-sc install=bash", f'completion by Tab: eval "$({train} -sc install=bash)"'),
    ]
