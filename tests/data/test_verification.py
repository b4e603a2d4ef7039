"""Verifying a data set, and the table of bad input: each case is said, none loses data."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from mtl_ase.base.errors import BadFile, UserError
from mtl_ase.data import Augmentation, DataModule
from mtl_ase.data.labels import Normals
from mtl_ase.data.layout import PASCAL_MT
from mtl_ase.data.verification import verify
from tests.conftest import NUM_TRAIN, NUM_VAL, PASCAL_MINI
from tests.data.layout import LABELS

BAD = "train_000003"


@pytest.fixture
def root(scenes_root: Path, tmp_path: Path) -> Path:
    """A copy of the scenes that may be damaged, under a difficult name."""
    return Path(shutil.copytree(scenes_root, tmp_path / "daten für alle"))


def module(root: Path, **changes: Any) -> DataModule:
    arguments: dict[str, Any] = {
        "name": "small",
        "root": str(root),
        "labels": LABELS,
        "image_size": [48, 48],
        "batch_size": 4,
        "augmentation": Augmentation(0.5, 20, (0.75, 1.25)),
        "num_workers": 0,
        "pack": "never",
    }
    return DataModule(**{**arguments, **changes})


def check(root: Path, name: str = "small") -> Any:
    return verify(root, name, PASCAL_MT, LABELS, ["train", "val"], workers=1)


def test_a_good_set_has_no_problems(root: Path) -> None:
    report = check(root)
    train = report.splits["train"]
    assert report.problems == []
    assert train.images == NUM_TRAIN
    assert report.splits["val"].images == NUM_VAL
    assert train.labelled["semseg"] == NUM_TRAIN
    assert 0 < train.labelled["human_parts"] < NUM_TRAIN
    assert train.unlabelled == []
    for task in ("semseg", "saliency", "edge"):
        assert sum(train.pixels[task].values()) == NUM_TRAIN * 64 * 64
    shares = report.as_json()["splits"]["train"]["class_percent"]["semseg"]
    assert sum(shares.values()) == pytest.approx(100, abs=0.1)
    assert json.loads(json.dumps(report.as_json()))["official_lists"] == {}


@pytest.mark.skipif(not PASCAL_MINI.is_dir(), reason="the real images are not here")
def test_the_real_images_have_their_real_coverage() -> None:
    labels = {**LABELS, "normals": Normals()}
    report = verify(PASCAL_MINI, "pascal_context", PASCAL_MT, labels, ["train", "val"], workers=1)
    assert report.problems == []
    found = report.splits.values()
    assert sum(f.images for f in found) == 358
    total = {task: sum(f.labelled[task] for f in found) for task in labels}
    assert total == {
        "semseg": 358,
        "human_parts": 18,
        "saliency": 358,
        "normals": 0,
        "edge": 358,
    }
    assert report.official["train"] == (249, 4998)
    assert report.official["val"] == (109, 5105)
    assert report.official["test_new"][1] == 2498
    assert report.official["test_new"][0] + report.official["val_new"][0] == 109


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def unreadable(path: Path) -> None:
    path.unlink()
    path.mkdir()


def coloured(path: Path) -> None:
    Image.new("RGB", (64, 64), (1, 2, 3)).save(path)


def sixteen_bits(path: Path) -> None:
    Image.fromarray(np.full((64, 64), 300, np.uint16)).save(path)


def keyless(path: Path) -> None:
    savemat(path, {"something": 1})


def smaller(path: Path) -> None:
    Image.fromarray(np.zeros((32, 64), np.uint8)).save(path)


def unknown_class(path: Path) -> None:
    Image.fromarray(np.full((64, 64), 77, np.uint8)).save(path)


IMAGE = f"JPEGImages/{BAD}.jpg"
SEMSEG = f"semseg/VOC12/{BAD}.png"
LABEL_MAP = f"pascal-context/trainval/{BAD}.mat"
UNREADABLE: list[tuple[str, Callable[[Path], None], str]] = [
    (IMAGE, truncated, "is truncated"),
    (IMAGE, Path.unlink, "is missing"),
    (IMAGE, unreadable, "can't be read"),
    (SEMSEG, truncated, "can't be read as a PNG"),
    (SEMSEG, coloured, "has 3 channels where ids need one"),
    (SEMSEG, sixteen_bits, "pixels where ids need bytes"),
    (f"sal_distill/{BAD}.png", truncated, "can't be read as an image"),
    (f"normals_distill/{BAD}.png", truncated, "can't be read as an image"),
    (SEMSEG, unknown_class, "values 77 are no classes"),
    (LABEL_MAP, keyless, "lacks the variable 'LabelMap'"),
    (LABEL_MAP, truncated, "can't be read as a MATLAB file"),
]
NAMES = [f"{Path(path).parts[0]}-{damage.__name__}" for path, damage, _ in UNREADABLE]


@pytest.mark.parametrize(("file", "damage", "said"), UNREADABLE, ids=NAMES)
def test_what_cannot_be_read_is_named_or_skipped(
    root: Path, file: str, damage: Callable[[Path], None], said: str
) -> None:
    """Verification reports it, training stops with one sentence, or goes on without it."""
    path = root / file
    damage(path)
    problems = check(root).problems
    assert [p for p in problems if str(path) in p and said in p], problems
    strict, lenient = (module(root, on_bad_sample=policy) for policy in ("raise", "skip"))
    index = strict.dataset("train", training=True).image_ids.index(BAD)
    for training in (True, False):
        with pytest.raises(BadFile, match=said) as caught:
            strict.dataset("train", training)[0, index]
        assert "\n" not in str(caught.value)
        sample = lenient.dataset("train", training)[0, index]
        assert len(sample.problems) >= 1
        assert all(str(path) in problem for problem in sample.problems)
        nothing = {n: label.ignored_target((1, 1)).flat[0] for n, label in LABELS.items()}
        ignored = {n for n, label in sample.labels.items() if (label == nothing[n]).all()}
        if file == IMAGE:
            assert not sample.image_CHW.any()
            assert ignored == set(LABELS)
        else:
            assert sample.image_CHW.any()
            task = {"semseg": "semseg", "sal_distill": "saliency", "normals_distill": "normals"}
            assert task.get(Path(file).parts[0], "edge") in ignored
    assert not list(root.glob("packs/*/manifest.json"))


def test_a_label_of_another_size_is_reported(root: Path) -> None:
    smaller(root / SEMSEG)
    problems = check(root).problems
    assert problems == [f"{root / SEMSEG} is 64 x 32, but its image is 64 x 64."]


def test_an_image_without_any_label_is_listed(root: Path) -> None:
    for folder in ("semseg/VOC12", "human_parts", "sal_distill", "normals_distill"):
        next(iter((root / folder).glob(f"{BAD}.*")), Path("/nowhere")).unlink(missing_ok=True)
    (root / LABEL_MAP).unlink()
    assert check(root).splits["train"].unlabelled == [BAD]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "lists no images"),
        (" \n\n", "lists no images"),
        (f"{BAD}\ntrain_000001\n{BAD}\n", f"lists '{BAD}' twice"),
        ("../../etc/passwd\n", "which leaves the folder"),
        ("/etc/passwd\n", "which leaves the folder"),
    ],
    ids=["empty", "blank", "twice", "parent", "absolute"],
)
def test_a_wrong_list_is_refused(root: Path, content: str, said: str) -> None:
    (root / "ImageSets/Context/train.txt").write_text(content)
    for policy in ("raise", "skip"):
        with pytest.raises(UserError, match=said):
            module(root, on_bad_sample=policy).dataset("train", training=True)
    with pytest.raises(UserError, match=said):
        check(root)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_rights_are_respected(root: Path) -> None:
    (root / IMAGE).chmod(0)
    with pytest.raises(BadFile, match=r"can't be read .*rights"):
        module(root).dataset("train", training=True)[0, 3]


def test_a_damaged_pack_is_left_for_the_files(root: Path) -> None:
    data = module(root, pack="build")
    expected = module(root).dataset("train", training=True)[0, 0]
    shard = next(root.glob("packs/train-*/shard-00000.bin"), None)
    assert shard is None
    data.prepare_data()
    shard = next(root.glob("packs/train-*/shard-00000.bin"))
    content = bytearray(shard.read_bytes())
    content[5] ^= 1
    shard.write_bytes(content)
    damaged = module(root, pack="use").dataset("train", training=True)
    with pytest.warns(UserWarning, match="the pack of labels is damaged"):
        sample = damaged[0, 0]
    assert all((sample.labels[n] == expected.labels[n]).all() for n in LABELS)
    assert not shard.with_name("manifest.json").exists(), "it is built anew"


@pytest.mark.parametrize("training", [True, False])
def test_packed_and_raw_samples_are_the_same(root: Path, training: bool) -> None:
    packed, raw = (module(root, pack=how).dataset("train", training) for how in ("build", "never"))
    assert packed.maps.pack is not None
    assert raw.maps.pack is None
    for index in range(len(raw)):
        a, b = packed[2, index], raw[2, index]
        assert (a.image_CHW == b.image_CHW).all()
        assert all((a.labels[n] == b.labels[n]).all() for n in LABELS)


def test_stale_packs_are_removed_when_a_new_one_is_built(root: Path) -> None:
    module(root, pack="build").prepare_data()
    (root / SEMSEG).touch()
    module(root, pack="build").prepare_data()
    assert len(list(root.glob("packs/train-*"))) == 1
    assert len(list(root.glob("packs/val-*"))) == 1
