"""details.json: read as it was written; damaged and older files."""

import json
from pathlib import Path

import pytest

from mtl_ase.base.errors import UserError
from mtl_ase.evaluation import Details, Interval, read_details

DETAILS = Details(
    "last",
    "scenes",
    "astmt",
    8,
    {"semseg/miou": Interval(61.0, 58.5, 63.5), "edge/odsf": Interval(64, 63, 65), "delta_m": None},
    "activate_first",
    {"semseg/miou": {"background": 90.0, "sofa": None}},
    {"edge/odsf": {"ods": 0.64, "ods_threshold": 0.3, "ois": 0.66, "ap": 0.6}},
    {"semseg/miou": 60.5, "edge/odsf": None},
)


def test_details_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "details.json"
    path.write_text(json.dumps(DETAILS.as_json()))
    assert read_details(path) == DETAILS


def test_nothing_is_read_where_evaluate_was_not_run(tmp_path: Path) -> None:
    assert read_details(tmp_path / "details.json") is None


def test_older_files_tell_neither_order_nor_images(tmp_path: Path) -> None:
    path = tmp_path / "details.json"
    path.write_text(json.dumps({"dataset": "scenes", "protocol": "astmt", "scores": {}}))
    found = read_details(path)
    assert found is not None
    assert (found.order, found.images) == (None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"scores": {"semseg/miou": [61.0]}},
        {"scores": {"semseg/miou": {"value": "high", "low": 1, "high": 2}}},
        {"images": "many"},
        {"semseg/miou by class": 3},
        {"scores": None},
    ],
)
def test_damaged_files_are_named(tmp_path: Path, changes: dict[str, object]) -> None:
    path = tmp_path / "details.json"
    path.write_text(json.dumps(DETAILS.as_json() | changes))
    with pytest.raises(UserError, match="is not what evaluate") as error:
        read_details(path)
    assert str(path) in str(error.value)
