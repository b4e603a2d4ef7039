"""What the card of an exported folder says, and whether its code runs."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import ModelCard
from PIL import Image

from mtl_ase.base.run_files import RunFiles
from mtl_ase.export import read_run, write_adapters, write_card, write_peft, write_torch
from mtl_ase.export.facts import facts_of
from mtl_ase.export.licences import backbone_of
from tests.conftest import SIZE, Compose
from tests.export.conftest import SHIPPED, MakeRun
from tests.export.test_graphs import ASE

WRITERS: dict[str, Callable[..., None]] = {
    "adapters": write_adapters,
    "peft": write_peft,
    "torch": lambda *given: write_torch(*given, [(SIZE, SIZE)]),
}
EVALUATED = {
    "name": "last",
    "dataset": "scenes",
    "protocol": "astmt",
    "images": 200,
    "scores": {
        "semseg/miou": {"value": 68.7459, "low": 64.5, "high": 71.25},
        "edge/bce": {"value": 0.0403, "low": 0.039, "high": 0.0414},
        "delta_m": None,
    },
}


def card_of(run: Path, folder: Path, kind: str = "adapters", **options: Any) -> str:
    """Export a run, and give the text of its card."""
    folder.mkdir()
    trained = read_run(run)
    WRITERS[kind](trained, facts_of(trained, options.pop("licence", None)), folder)
    write_card(folder, **options)
    return (folder / "README.md").read_text()


def evaluated(run: Path, folder: Path, **changes: Any) -> Path:
    """A copy of a run with a file as evaluate.py writes it."""
    files = RunFiles(Path(shutil.copytree(run, folder)))
    files.evaluation.mkdir()
    files.details.write_text(json.dumps({**EVALUATED, **changes}))
    return folder


def code_of(card: str) -> str:
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    return code


def run_code(card: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that the card's code leaves, run in its folder."""
    noise_HWC = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    Image.fromarray(noise_HWC).save(folder / "photo.jpg")
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(code_of(card), names)
    return names


def test_scores_come_with_their_intervals(make_run: MakeRun, tmp_path: Path) -> None:
    run = evaluated(make_run(*ASE), tmp_path / "run")
    card = card_of(run, tmp_path / "out")
    assert "on 200 images of scenes, protocol astmt" in card
    assert "| `semseg/miou` | 68.75 | 64.50 to 71.25 |" in card
    assert "| `edge/bce` | 0.0403 | 0.0390 to 0.0414 |" in card
    assert "| `delta_m` | - | - |" in card
    results = ModelCard(card).data.eval_results
    assert results is not None
    found = {result.metric_type: result.metric_value for result in results}
    assert found == {"semseg/miou": 68.7459, "edge/bce": 0.0403}


def test_without_evaluation_there_are_no_intervals(make_run: MakeRun, tmp_path: Path) -> None:
    card = card_of(make_run(*ASE), tmp_path / "out")
    assert "final validation on scenes" in card
    assert "evaluate.py, which was not run" in card
    assert "| `semseg/miou` | 31.25 | - |" in card


def test_scores_of_another_checkpoint_are_not_its_own(make_run: MakeRun, tmp_path: Path) -> None:
    run = evaluated(make_run(*ASE), tmp_path / "run", name="best")
    card = card_of(run, tmp_path / "out")
    assert "scored at checkpoint=best, but this is its checkpoint=last" in card
    assert "68.75" not in card
    assert ModelCard(card).data.eval_results is None


def test_licences_are_stated(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("model/adapter=lora", *SHIPPED)
    card = card_of(run, tmp_path / "own", licence="cc-by-4.0")
    assert ModelCard(card).data.license == "cc-by-4.0"
    assert "What was trained: cc-by-4.0, as its exporter stated." in card
    assert "vit_scenes ships with mtl_ase under Apache-2.0." in card
    inherited = card_of(run, tmp_path / "inherited")
    assert ModelCard(inherited).data.license == "apache-2.0"
    assert "apache-2.0, the licence of the backbone" in inherited


@pytest.mark.parametrize(
    ("overrides", "source", "licence"),
    [
        (["size=base"], "timm vit_base_patch16_224", "apache-2.0"),
        (["model.encoder.weights=/my/vit.pth"], "/my/vit.pth", "unknown"),
        (["model.encoder.weights=vit_scenes"], "vit_scenes", "apache-2.0"),
        (["model.encoder.pretrained=false"], None, "apache-2.0"),
        (["experiment=mtl_resnet18"], "torchvision resnet18", "bsd-3-clause"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_where_a_backbone_comes_from(
    composed: Compose, overrides: list[str], source: str | None, licence: str
) -> None:
    found = backbone_of(composed("experiment=ase", *overrides))
    assert (found.source, found.licence) == (source, licence)
    assert found.note.endswith(".")


def test_a_program_s_code_runs(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = card_of(make_run("experiment=mtl_vit"), tmp_path / "out", "torch")
    names = run_code(card, tmp_path / "out", monkeypatch)
    assert names["logits"]["semseg"].shape == (1, 21, SIZE, SIZE)


@pytest.mark.filterwarnings("ignore")  # PEFT's and its libraries' own
def test_peft_s_code_runs(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = card_of(make_run("model/adapter=mtlora", *SHIPPED), tmp_path / "out", "peft")
    compile(code_of(card), "card", "exec")
    pytest.importorskip("peft", reason='pip install "mtl_ase[peft]" to run it')
    names = run_code(card, tmp_path / "out", monkeypatch)
    assert names["tokens"].shape == (1, 64, 192)


def test_adapters_code_runs(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = card_of(make_run("model/adapter=lora", *SHIPPED), tmp_path / "out")
    compile(code_of(card), "card", "exec")
    names = run_code(card, tmp_path / "out", monkeypatch)
    assert names["maps"]["semseg"].shape == (50, 70)


def test_code_from_a_hub_names_the_repository(make_run: MakeRun, tmp_path: Path) -> None:
    code = code_of(card_of(make_run(*ASE), tmp_path / "out", hub="me/mine"))
    assert code.startswith("from huggingface_hub import snapshot_download\n")
    assert 'folder = snapshot_download("me/mine")' in code
    compile(code, "card", "exec")
