"""The command line of export.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from mtl_ase.base.errors import UserError
from mtl_ase.base.installation import program
from mtl_ase.commands.options import exit_if_asked_for_help

USAGE = (
    f"{program('export')} run=RUN_DIR output=DIR format=adapters|peft|torch|onnx "
    "[checkpoint=last|best] [image_size=[H,W][,[H,W] ...]] [outputs=logits|predictions] "
    "[input=bytes|floats] [licence=NAME] [hub=OWNER/NAME] [dry_run=true]; or, to upload what was "
    "exported before: output=DIR hub=OWNER/NAME [dry_run=true]"
)
CHOICES = {
    "format": ("adapters", "peft", "torch", "onnx"),
    "checkpoint": ("last", "best"),
    "outputs": ("logits", "predictions"),
    "input": ("bytes", "floats"),
    "dry_run": ("true", "false"),
}
GRAPHS = ("torch", "onnx")
OF_GRAPHS = ("image_size", "outputs", "input")
"""Keys that go with the whole network alone."""
KEYS = ("run", "output", *CHOICES, "image_size", "licence", "hub")


@dataclass(frozen=True)
class Arguments:
    """The parsed command line.

    Attributes:
        output: folder of the export.
        run: run folder; None: the folder is there already, to be uploaded.
        format: "adapters", "peft", "torch" or "onnx"; empty without a run.
        checkpoint: "last" or "best".
        image_sizes: (H, W) of the images; empty: the run's own.
        outputs: "logits" or "predictions".
        input: type of the images, "bytes" or "floats".
        licence: licence of what was trained; None: the backbone's.
        hub: repository to upload to, or None.
        dry_run: list what would be uploaded instead of uploading it.
    """

    output: Path
    run: Path | None = None
    format: str = ""
    checkpoint: str = "last"
    image_sizes: tuple[tuple[int, int], ...] = ()
    outputs: str = "logits"
    input: str = "bytes"
    licence: str | None = None
    hub: str | None = None
    dry_run: bool = False


def read_arguments(arguments: Sequence[str]) -> Arguments:
    """Parse the command line; print the usage and exit if that is asked for.

    Raises:
        UserError: it is wrong.
    """
    exit_if_asked_for_help(arguments, USAGE)
    if not arguments:
        raise UserError(f"usage: {USAGE}")
    parsed = OverridesParser.create().parse_overrides(list(arguments))
    values = {item.key_or_group: _values(item) for item in parsed}
    _check_keys(values)
    sizes = tuple(map(_size, values.pop("image_size", [])))
    texts = {key: _text(value[0]) for key, value in values.items()}
    for key, known in CHOICES.items():
        if key in texts and texts[key] not in known:
            raise UserError(f"{key}={texts[key]} is none of {', '.join(known)}; choose one.")
    if texts.get("format") not in GRAPHS:
        for key in OF_GRAPHS:
            if key in texts or (key == "image_size" and sizes):
                raise UserError(f"{key} goes with format=torch or format=onnx; leave it out.")
    folders = {key: Path(texts.pop(key)).expanduser() for key in ("run", "output") if key in texts}
    dry_run = texts.pop("dry_run", "false") == "true"
    return Arguments(**folders, **texts, image_sizes=sizes, dry_run=dry_run)  # type: ignore[arg-type]


def _check_keys(values: dict[str, list[Any]]) -> None:
    """Check which keys there are.

    Raises:
        UserError: one is unknown, missing, or has several values.
    """
    for key, several in values.items():
        if key not in KEYS:
            raise UserError(f"{key} is no option of export.py; usage: {USAGE}")
        if key != "image_size" and len(several) > 1:
            raise UserError(f"{key} takes one value; usage: {USAGE}")
    needed = ("run", "output", "format") if "run" in values else ("output", "hub")
    for key in needed:
        if key not in values:
            raise UserError(f"{key}= is missing; usage: {USAGE}")
    surplus = () if "run" in values else (key for key in values if key not in (*needed, "dry_run"))
    for key in surplus:
        raise UserError(f"{key} goes with run=RUN_DIR; usage: {USAGE}")


def _values(item: Override) -> list[Any]:
    """The values of an override; a comma-separated list gives several."""
    return list(item.sweep_iterator()) if item.is_sweep_override() else [item.value()]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _size(value: Any) -> tuple[int, int]:
    """Height and width.

    Raises:
        UserError: it is no pair of pixels.
    """
    pair = value if isinstance(value, list) else []
    whole = all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in pair)
    if len(pair) != 2 or not whole:
        raise UserError(f"image_size={value} is no pair of pixels; give e.g. image_size=[224,224].")
    return pair[0], pair[1]
