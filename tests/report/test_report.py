"""Sheets, figures and the table of results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from omegaconf import DictConfig
from rich.console import Console

from mtl_ase.base.csv_rows import read_rows
from mtl_ase.build import build_data, build_tasks
from mtl_ase.evaluation import Scorer
from mtl_ase.inference import Model
from mtl_ase.report import (
    compose_sheet,
    draw_gradients,
    draw_losses,
    draw_routers,
    print_results,
    results_table,
    write_sheets,
)
from mtl_ase.report.sheets import CAPTION, MARGIN, TILE_WIDTH


@pytest.fixture
def scorer(composed: Callable[..., DictConfig]) -> Scorer:
    """Of two tasks: one whose metric should be high, one whose should be low."""
    return Scorer(build_tasks(composed("tasks=[semseg,normals]")))


def picture(height: int, width: int, colour: int) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def test_a_sheet_has_a_tile_for_every_picture() -> None:
    rows = [
        [picture(50, 100, 10), picture(100, 100, 20)],
        [picture(30, 60, 30), picture(10, 20, 40)],
    ]
    sheet = compose_sheet(["image", "human_parts"], rows)
    width = 2 * TILE_WIDTH + 3 * MARGIN
    height = CAPTION + TILE_WIDTH + TILE_WIDTH // 2 + 3 * MARGIN
    assert sheet.shape == (height, width, 3)
    assert sheet.dtype == np.uint8
    top, left, right = CAPTION + MARGIN, MARGIN, 2 * MARGIN + TILE_WIDTH
    assert (sheet[top : top + 112, left : left + TILE_WIDTH] == 10).all()
    assert (sheet[top + 112 : top + 224, left : left + TILE_WIDTH] == 255).all()
    assert (sheet[top : top + 224, right : right + TILE_WIDTH] == 20).all()
    lower = top + TILE_WIDTH + MARGIN
    assert (sheet[lower : lower + 112, left : left + TILE_WIDTH] == 30).all()
    assert (sheet[: CAPTION + MARGIN].min(axis=(0, 2)) < 100).any(), "captions are written"


def test_sheets_are_written_for_images_spread_over_the_split(
    composed: Callable[..., DictConfig],
    tiny: list[str],
    tiny_network: Callable[..., object],
    tmp_path: Path,
) -> None:
    config = composed(*tiny)
    tasks = build_tasks(config)
    data = build_data(config, tasks)
    model = Model(tiny_network(), tasks, data.size_hw, data.augmentation)  # type: ignore[arg-type]
    write_sheets(model, data, tmp_path / "predictions", 8)
    files = sorted((tmp_path / "predictions").iterdir())
    assert [file.name for file in files] == ["sheet_00.png", "sheet_01.png"]
    for file in files:
        sheet = cv2.imread(str(file))
        assert sheet is not None
        width = (1 + len(tasks)) * (TILE_WIDTH + MARGIN) + MARGIN
        assert sheet.shape == (CAPTION + 8 * (TILE_WIDTH + MARGIN) + MARGIN, width, 3)


def test_losses_are_drawn_from_the_log(tmp_path: Path) -> None:
    log = tmp_path / "metrics.csv"
    log.write_text(
        "step,train/loss,train/semseg/loss,val/loss\n0,3.5,1.5,\n10,3.0,1.25,\n10,,,2.0\n"
    )
    draw_losses(log, tmp_path / "figures" / "losses.png")
    drawn = cv2.imread(str(tmp_path / "figures" / "losses.png"))
    assert drawn is not None
    assert drawn.shape[1] > 1.8 * drawn.shape[0], "two panels"
    assert len(np.unique(drawn)) > 10


def test_routers_are_drawn_from_the_log(tmp_path: Path) -> None:
    log = tmp_path / "router.csv"
    rows = [
        f"{step},{layer},{site},{task},{expert},{(expert + layer) / 4},0.5"
        for step in (0, 100)
        for task in ("semseg", "human_parts")
        for layer in range(2)
        for site, num_experts in (("fc1", 2), ("ffn", 3))
        for expert in range(num_experts)
    ]
    log.write_text("step,layer,site,task,expert,gate,share\n" + "\n".join(rows) + "\n")
    draw_routers(read_rows(log), tmp_path / "routers.png")
    draw_routers(read_rows(log), tmp_path / "selections.png", "share")
    drawn = cv2.imread(str(tmp_path / "routers.png"))
    assert drawn is not None
    assert drawn.shape == cv2.imread(str(tmp_path / "selections.png")).shape
    assert (drawn != cv2.imread(str(tmp_path / "selections.png"))).any()
    assert len(np.unique(drawn)) > 10
    assert drawn.shape[0] > 0.6 * drawn.shape[1], "two steps above each other"


def test_cosines_are_drawn_from_the_log(tmp_path: Path) -> None:
    """Rows of a task without labels may be missing."""
    log = tmp_path / "gradients.csv"
    rows = [
        f"{step},{layer},{task},edge,{cosine},1,2"
        for step, cosine in ((0, 0.5), (50, -0.5))
        for layer in ("all", "block 0", "block 1")
        for task in ("semseg", "human_parts")
        if step or task == "semseg"
    ]
    log.write_text("step,layer,task,other,cosine,task_norm,other_norm\n" + "\n".join(rows) + "\n")
    draw_gradients(log, tmp_path / "gradients.png")
    drawn = cv2.imread(str(tmp_path / "gradients.png"))
    assert drawn is not None
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 10


@pytest.mark.parametrize("text", [None, "", "step,val/loss\n3,1.5\n"])
def test_without_a_log_nothing_is_drawn(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "log.csv").write_text(text)
    draw_losses(tmp_path / "log.csv", tmp_path / "losses.png")
    if not text:
        draw_routers(read_rows(tmp_path / "log.csv"), tmp_path / "routers.png")
        draw_gradients(tmp_path / "log.csv", tmp_path / "gradients.png")
    assert not list(tmp_path.glob("*.png"))


def test_the_table_has_a_column_for_every_network_and_a_dash_for_the_unknown(
    scorer: Scorer,
) -> None:
    columns = {
        "ase": {"semseg/miou": 45.678, "normals/merr": 15.0, "delta_m": None},
        "trivial": {"semseg/miou": 3.0, "normals/merr": None},
    }
    console = Console(width=100)
    with console.capture() as capture:
        console.print(results_table(columns, scorer))  # type: ignore[arg-type]
    rows = [line.replace("│", " ").split() for line in capture.get().splitlines()]
    assert ["semseg/miou", "up", "45.68", "3.00"] in rows
    assert ["normals/merr", "down", "15.00", "-"] in rows
    assert ["delta_m", "up", "-", "-"] in rows


def test_the_table_is_printed(scorer: Scorer, capsys: pytest.CaptureFixture[str]) -> None:
    print_results({"ase": {"semseg/miou": 1.0}}, scorer)
    assert "1.00" in capsys.readouterr().out
