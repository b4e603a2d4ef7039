"""Tables of stored benchmarks, between marks in the documentation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mtl_ase.base.installation import CHECKOUT
from mtl_ase.base.markdown import in_markdown
from mtl_ase.machine.precision import BF16, FP32
from mtl_ase.tools.benchmarks.expert_settings import COARSE, FINER, SETTINGS

STORED = CHECKOUT / "docs" / "results" / "bench"
PAGES = tuple(CHECKOUT / "docs" / name for name in ("balancing.md", "performance.md", "scaling.md"))
MARKED = re.compile(r"<!-- (?P<name>\w+)\.json -->\n.*?<!-- end -->", re.DOTALL)
"""What stands between two marks: the table of a stored file."""
NAMES = {FP32: "32 bits", BF16: "bf16"}
Stored = Mapping[str, Any]


def with_tables(page: str) -> str:
    """A page with the tables of today between its marks."""

    def filled(found: re.Match[str]) -> str:
        name = found["name"]
        stored = json.loads((STORED / f"{name}.json").read_text(encoding="utf-8"))
        return f"<!-- {name}.json -->\n{TABLES[name.partition('_')[0]](stored)}\n<!-- end -->"

    return MARKED.sub(filled, page)


def _by_precision(
    heads: Sequence[str], cells: Callable[[Stored], Sequence[object]], stored: Stored
) -> str:
    rows = [[name, *cells(stored[key])] for key, name in NAMES.items() if key in stored]
    return in_markdown(["", *heads], rows)


def _step(stored: Stored) -> str:
    def cells(part: Stored) -> list[object]:
        over, counted = part["over without experts"], part["arithmetic over without experts"]
        ratios = [f"{over[name]:.2f} ({counted[name]:.2f})" for name in SETTINGS]
        return [*ratios, f"{part['loop over ours']:.1f}", f"{100 * part['limit over step']:.0f} %"]

    heads = [*SETTINGS, "loop over ours, 64/12/4/1", "limit over step"]
    return _by_precision(heads, cells, stored)


def _layer(stored: Stored) -> str:
    def cells(part: Stored) -> list[object]:
        over, looped = part["over plain LoRA"], part["loop over ours"]
        ratios = [f"{over[name]:.2f}" for name in (*SETTINGS, *FINER)]
        ratios += [f"{value:.2f}" for value in part.get(f"over {COARSE}", {}).values()]
        return [*ratios, *(f"{value:.1f}" for value in looped.values())]

    finest = [f"{name} over {COARSE}" for name in stored[FP32].get(f"over {COARSE}", {})]
    looped = [f"loop over ours, {name}" for name in stored[FP32]["loop over ours"]]
    return _by_precision([*SETTINGS, *FINER, *finest, *looped], cells, stored)


def _parts(stored: Stored) -> str:
    shares = stored["shares"]
    return in_markdown(list(shares), [[f"{100 * share:.0f} %" for share in shares.values()]])


def _memory(stored: Stored) -> str:
    names = list(stored["MiB"])
    counted = [stored["MiB counted"].get(name, "") for name in names]
    over = [f"{stored['over without experts'][name]:.2f}" for name in names]
    rows = [["measured, MiB", *(stored["MiB"][name] for name in names)], ["counted, MiB", *counted]]
    return in_markdown(["", *names], [*rows, ["over without experts", *over]])


def _balance(stored: Stored) -> str:
    over = stored["over_fixed"]
    rules = {"nash_mtl": "Nash-MTL", "pcgrad": "PCGrad", "upgrad": "UPGrad"}
    rows = [
        [name, *(f"{over[rule + suffix]:.2f}" if rule + suffix in over else "" for rule in rules)]
        for name, suffix in (
            ("ours", ""),
            ("a backward pass for every task, as in LibMTL", ", T passes"),
            ("TorchJD's `mtl_backward`", ", torchjd"),
        )
    ]
    return in_markdown(["", *rules.values()], rows)


def _scaling(stored: Stored) -> str:
    cards = list(stored["rows"][0]["largest batch"])
    of_network = ["network", "image", "head"]
    numbers = ["trained, M", "GiB an image", "TFLOP an image", *(f"B on {gib} GB" for gib in cards)]
    plain, checkpointed = [], []
    for row in stored["rows"]:
        name = [row["network"], row["size"], row["head"]]
        needed = [f"{row[key]:.2f}" for key in numbers[:3]]
        plain.append([*name, *needed, *row["largest batch"].values()])
        if (kept := row.get("GiB an image, checkpointed")) is not None:
            batches = row["largest batch, checkpointed"].values()
            checkpointed.append([*name, f"{kept:.2f}", *batches])
    table = in_markdown([*of_network, *numbers], plain)
    if not checkpointed:
        return table
    heads = [*of_network, numbers[1], *numbers[3:]]
    second = in_markdown(heads, checkpointed)
    return f"{table}\n\nWith `model.encoder.activation_checkpointing=true`:\n\n{second}"


TABLES: dict[str, Callable[[Stored], str]] = {
    "balance": _balance,
    "layer": _layer,
    "memory": _memory,
    "parts": _parts,
    "scaling": _scaling,
    "step": _step,
}
"""Makes the table of a file, by its name up to the first underscore."""
