"""Reference pages of the configs, read off the YAML files: every option of every group."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from mtl_ase.config import CONFIGS

FOLDER = "reference/configs"
CHOICES = {
    "gate": "gate@model.adapter.gate={}",
    "head": "head@size.head={}",
    "protocol": "protocol={}",
}
"""How an option is chosen where it is not `group=option`."""
MEANS = {
    "balance": "how much every task counts in a step",
    "callbacks": "what watches a run",
    "data": "a data set: its folder, its labels, its batches",
    "data/augmentation": "how training images are resized and changed at random",
    "experiment": "a method as a whole: network, optimizer, what else it needs",
    "gate": "how an adapter with experts weighs them",
    "head": "the head of every task",
    "logger": "where losses and scores are written",
    "model": "the network's parts",
    "model/adapter": "what is trained inside a frozen encoder",
    "model/decoder": "from feature maps to predictions",
    "model/encoder": "from images to feature maps",
    "optimizer": "how weights are updated",
    "protocol": "how `evaluate.py` scores",
    "recipe": "another paper's way of training, as a whole",
    "reference": "single-task scores that delta_m compares with",
    "schedule": "how the learning rate changes",
    "setting": "data, sizes and lengths that go together",
    "size": "sizes of encoders and heads",
    "tasks": "what is predicted: channels, loss, metrics, colours",
    "trainer": "devices, precision, length of a training",
    "training": "the training itself: losses, regularisers, stages",
}
"""What a group decides."""


class Key(NamedTuple):
    """One value of a config: its whole key, its value as written, the comment behind it."""

    name: str
    value: str
    comment: str


class Option(NamedTuple):
    """One file of a group.

    Attributes:
        name: of the file.
        header: the sentences of its first comment.
        commands: the command lines of that comment.
        parents: the defaults list, as written.
        keys: the values that the file itself sets.
    """

    name: str
    header: str
    commands: list[str]
    parents: list[str]
    keys: list[Key]


def groups() -> list[str]:
    """All config groups, e.g. "model/adapter", in alphabetical order."""
    folders = {path.parent.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob("*.yaml")}
    return sorted(folders - {".", "local"})


def options(group: str) -> list[Option]:
    """The options of a group, in alphabetical order."""
    return [read_option(path, group) for path in sorted((CONFIGS / group).glob("*.yaml"))]


def choice(group: str, option: str) -> str:
    """What chooses an option on the command line, e.g. "model/adapter=ase"."""
    return CHOICES.get(group, f"{group}={{}}").format(option)


def default_options() -> dict[str, str]:
    """The option of every group that is chosen unless told otherwise."""
    chosen = _chosen_in(CONFIGS / "train.yaml", "")
    for group, option in list(chosen.items()):
        if (path := CONFIGS / group / f"{option}.yaml").exists():
            chosen = _chosen_in(path, group) | chosen
    return _chosen_in(CONFIGS / "model/adapter/ase.yaml", "model/adapter") | chosen


def _chosen_in(path: Path, group: str) -> dict[str, str]:
    """The options that a file's defaults list chooses, by group."""
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    chosen = {}
    for entry in content.get("defaults", []):
        for key, value in entry.items() if isinstance(entry, dict) else ():
            name = key.partition("@")[0]
            if not key.startswith(("optional", "override")):
                whole = name[1:] if name.startswith("/") else f"{group}/{name}".lstrip("/")
                chosen[whole] = (
                    ", ".join(value) if isinstance(value, list) else str(value or "none")
                )
    return chosen


def read_option(path: Path, group: str) -> Option:
    """Read a file with its comments."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    comments = [line[2:] for line in lines[: _header_length(lines)] if "@package" not in line]
    commands = [line.strip() for line in comments if line.lstrip().startswith("python ")]
    package = re.match(r"# @package (\S+)", text)
    prefix = {None: group.replace("/", "."), "_global_": ""}.get(
        package and package[1], package[1] if package else ""
    )
    if group == "tasks":
        prefix = "tasks"
    node = yaml.compose(text, yaml.SafeLoader)
    parents: list[str] = []
    keys: list[Key] = []
    for name, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if name.value == "defaults":
            parents = [_parent(entry) for entry in value.value]
        else:
            keys += _keys(name.value, name, value, lines)
    header = " ".join(line for line in comments if line.strip() not in commands)
    full = [key._replace(name=".".join(filter(None, (prefix, key.name)))) for key in keys]
    return Option(path.stem, header, commands, [p for p in parents if p != "_self_"], full)


def config_pages() -> dict[str, str]:
    """The pages by file name below the site's folder."""
    pages = {f"{FOLDER}/index.md": _overview()}
    for group in groups():
        pages[f"{FOLDER}/{page_of(group)}.md"] = group_page(group)
    return pages


def page_of(group: str) -> str:
    """The name of a group's page, without its suffix."""
    return group.replace("/", "_")


def group_page(group: str) -> str:
    """The page of a group: how to choose, and every option."""
    found = options(group)
    chosen = default_options().get(group)
    default = f"; the default is `{chosen}`" if chosen else ""
    how = f"{MEANS[group].capitalize()}. Choose one with `{choice(group, 'NAME')}`{default}."
    lines = [f"# {group}", how]
    lines += ["", "| option | what it is |", "|---|---|"]
    lines += [f"| [`{o.name}`](#{o.name}) | {_cell(_first_sentence(o.header))} |" for o in found]
    for option in found:
        lines += ["", *_section(group, option)]
    return "\n".join(lines) + "\n"


def _section(group: str, option: Option) -> Iterator[str]:
    yield f"## {option.name} {{ #{option.name} }}"
    yield option.header
    yield from ("", "```text", *(option.commands or [choice(group, option.name)]), "```")
    if option.parents:
        yield ""
        yield f"Starts from: {', '.join(f'`{parent}`' for parent in option.parents)}."
    if option.keys:
        yield from ("", "| key | value | |", "|---|---|---|")
        for key in option.keys:
            yield f"| `{key.name}` | {_code(key.value)} | {_cell(key.comment)} |"


def _overview() -> str:
    """The first page: the root config, and what groups there are."""
    chosen = default_options()
    root = read_option(CONFIGS / "train.yaml", "")
    lines = [
        "# Configs",
        "Every run is composed from the groups below; each has a page, made from the files in "
        "`configs/`, with all options, keys and values. `python train.py --help` lists the same "
        "groups, and `--cfg job` prints what a command line composes.",
        "",
        "Groups further down the list of `configs/train.yaml` win over those above; `experiment` "
        "wins over `setting`, and the command line over all.",
        "",
        "| group | decides | default |",
        "|---|---|---|",
    ]
    for group in groups():
        named = f"`{chosen[group]}`" if group in chosen else ""
        lines.append(f"| [`{group}`]({page_of(group)}.md) | {_cell(MEANS[group])} | {named} |")
    lines += ["", "## Keys of the root", "| key | value | |", "|---|---|---|"]
    for key in root.keys:
        if not key.name.startswith("hydra."):
            lines.append(f"| `{key.name}` | {_code(key.value)} | {_cell(key.comment)} |")
    return "\n".join(lines) + "\n"


def _header_length(lines: list[str]) -> int:
    return next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))


def _parent(entry: yaml.Node) -> str:
    """An entry of a defaults list, as `group: option` or `option`."""
    if not isinstance(entry, yaml.MappingNode):
        return str(entry.value)
    ((key, value),) = entry.value
    if isinstance(value, yaml.SequenceNode):
        return f"{key.value}: {', '.join(part.value for part in value.value)}"
    return f"{key.value}: {value.value}"


def _keys(name: str, key: yaml.Node, value: yaml.Node, lines: list[str]) -> Iterator[Key]:
    """The leaves below a key, with what is written behind them."""
    if isinstance(value, yaml.MappingNode) and value.value and not value.flow_style:
        comment = _comment(lines[key.start_mark.line])
        if comment:
            yield Key(name, "", comment)
        for inner, node in value.value:
            yield from _keys(f"{name}.{inner.value}", inner, node, lines)
        return
    begin, end = value.start_mark.index, value.end_mark.index
    written = value.start_mark.buffer
    text = " ".join((written[begin:end] if written else str(value.value)).split())
    yield Key(name, text.rstrip("\0"), _comment(lines[key.start_mark.line]))


def _comment(line: str) -> str:
    """What stands behind a value's `#`."""
    found = re.search(r"\s#\s+(.*)$", line)
    return found[1] if found else ""


def _first_sentence(header: str) -> str:
    return re.split(r"(?<=\.)\s", header, maxsplit=1)[0]


def _code(value: str) -> str:
    return f"`{_cell(value)}`" if value else ""


def _cell(text: str) -> str:
    """Text inside a table's cell."""
    return text.replace("|", "\\|")
