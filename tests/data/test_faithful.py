"""The recipe m3vit_faithful is the lineage's loader, pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_ase.base.errors import UserError
from mtl_ase.data import Augmentation, DenseDataset
from mtl_ase.data.labels import Edges, Label, Normals
from mtl_ase.data.labels.files import read_png
from mtl_ase.data.stepped_warp import make_stepped_warp
from mtl_ase.tools.benchmarks.recipe import benchmark
from tests.conftest import PASCAL_MINI, Compose
from tests.data.layout import LABELS
from tests.data.lineage_steps import (
    Array,
    Draw,
    lineage_classes,
    lineage_image,
    lineage_normals,
    lineage_parts,
    pillow_pixels,
)

FAITHFUL = Augmentation(0.5, 20, (0.75, 1.25), "squash", None, None, True, True)
SEED, EPOCHS = 3, 2
SIZES = st.tuples(st.integers(4, 90), st.integers(4, 90))
Step = Callable[[Array, Draw, tuple[int, int]], Array]
STEPS: dict[str, Step] = {
    "semseg": lineage_classes,
    "human_parts": lineage_parts,
    "saliency": lineage_classes,
    "edge": lineage_classes,
}
mini = pytest.mark.skipif(not PASCAL_MINI.is_dir(), reason="PASCAL_MINI is not here")


def draw(epoch: int, index: int) -> Draw:
    """What the loader draws for a sample: a mirror, an angle, a zoom, in this order."""
    rng = np.random.default_rng((SEED, epoch, index))
    return Draw(rng.random() < 0.5, rng.uniform(-20, 20), rng.uniform(0.75, 1.25))


def expected(dataset: DenseDataset, index: int, drawn: Draw) -> dict[str, Array]:
    """The lineage's image and training targets, ignored ones included."""
    root, name, size_hw = dataset.root, dataset.image_ids[index], dataset.size_hw
    made = {
        "image": lineage_image(pillow_pixels(dataset.layout.image_path(root, name)), drawn, size_hw)
    }
    for task, step in STEPS.items():
        stored = dataset.labels[task].read_stored(root, name, truth=False)
        if stored is not None:
            parts = task == "human_parts"
            source = np.where(stored == 255, 0, stored) if parts else stored
            made[task] = step(source, drawn, size_hw)
    normals = root / "normals_distill" / f"{name}.png"
    if normals.is_file():
        bytes_HWC = read_png(normals, cv2.IMREAD_COLOR_RGB)
        known_HW1 = (bytes_HWC != 128).any(-1, keepdims=True)
        made["normals"] = lineage_normals((2.0 * bytes_HWC / 255 - 1) * known_HW1, drawn, size_hw)
    return made


def check_normals(found: Array, wanted: Array) -> None:
    """The same pixels are valid, the same vectors but for rounding.

    Rounding shows where vectors that point away from each other mixed to a short one.
    """
    assert (wanted.any(-1) == found.any(-1)).all()
    assert np.quantile(np.abs(wanted - found), 0.9) < 1e-5


def check_samples(root: Path, labels: dict[str, Label], size_hw: tuple[int, int], step: int) -> int:
    """Compare every step-th training sample; the number of valid normals that were compared."""
    dataset = DenseDataset(root, "train", labels, size_hw, FAITHFUL, True, SEED)
    vectors = 0
    for epoch in range(EPOCHS):
        for index in range(0, len(dataset), step):
            sample = dataset[epoch, index]
            made = expected(dataset, index, draw(epoch, index))
            assert (sample.image_CHW.numpy() == made.pop("image").transpose(2, 0, 1)).all()
            if "normals" in made:
                wanted = made.pop("normals")
                check_normals(sample.labels["normals"].numpy().transpose(1, 2, 0), wanted)
                vectors += int(wanted.any(-1).sum())
            assert all((sample.labels[task].numpy() == label).all() for task, label in made.items())
    return vectors


@pytest.mark.parametrize("size_hw", [(48, 40), (64, 64), (96, 80)])
def test_every_rendered_sample_is_the_lineages(scenes_root: Path, size_hw: tuple[int, int]) -> None:
    assert check_samples(scenes_root, LABELS, size_hw, 3) > 5000


@mini
def test_every_real_sample_is_the_lineages() -> None:
    labels = {**LABELS, "normals": Normals()}
    check_samples(PASCAL_MINI, labels, (224, 224), 25)


@mini
def test_real_lines_are_as_thin_as_the_lineages() -> None:
    """Edge pixels at 224: 0.6 to 1.2 % in the lineage, widened about twice as many by default."""
    share = {}
    for name, recipe in (("ours", Augmentation(0, 0, (1, 1))), ("theirs", FAITHFUL)):
        dataset = DenseDataset(PASCAL_MINI, "train", {"edge": Edges()}, (224, 224), recipe, True)
        maps = [dataset[0, index].labels["edge"].numpy() for index in range(0, 240, 8)]
        share[name] = np.mean([(edges == 1).sum() / (edges != 255).sum() for edges in maps])
    assert share["theirs"] < 0.6 * share["ours"]


def test_scored_images_are_resized_as_the_lineage_does(scenes_root: Path) -> None:
    dataset = DenseDataset(scenes_root, "val", LABELS, (40, 48), FAITHFUL)
    for index in range(3):
        path = dataset.layout.image_path(scenes_root, dataset.image_ids[index])
        wanted = lineage_image(pillow_pixels(path), Draw(False, None), (40, 48))
        sample = dataset[0, index]
        assert (sample.image_CHW.numpy() == wanted.transpose(2, 0, 1)).all()
        assert sample.box == (0, 0, 40, 48)


@given(SIZES, SIZES, st.booleans(), st.floats(-180, 180), st.floats(0.3, 3))
@settings(deadline=None, max_examples=100)
def test_any_size_mirror_angle_and_zoom(
    source_hw: tuple[int, int],
    size_hw: tuple[int, int],
    mirror: bool,
    angle: float,
    scale: float,
) -> None:
    warp, drawn = (
        make_stepped_warp(source_hw, size_hw, mirror, angle, scale),
        Draw(mirror, angle, scale),
    )
    rng = np.random.default_rng(0)
    ids = rng.choice([0, 1, 17, 255], source_hw).astype(np.uint8)
    image = rng.integers(0, 256, (*source_hw, 3)).astype(np.uint8)
    assert (warp.pick(ids, 0) == lineage_classes(ids, drawn, size_hw)).all()
    assert (
        warp.apply_to_image(image) == lineage_image(image.astype(np.float32), drawn, size_hw)
    ).all()
    stored = np.where(rng.random((*source_hw, 1)) < 0.5, image, 128).astype(np.uint8)
    vectors = (2.0 * stored / 255 - 1) * (stored != 128).any(-1, keepdims=True)
    check_normals(Normals(True).warp(stored, warp), lineage_normals(vectors, drawn, size_hw))


def test_the_whole_matrix_is_that_of_the_steps() -> None:
    """A smooth picture lies where the matrix says."""
    y_H1, x_W = np.mgrid[0:60, 0:80]
    ramp = np.stack([x_W, y_H1], -1).astype(np.float32)
    warp = make_stepped_warp((60, 80), (90, 100), True, 15, 0.8)
    moved = warp.apply(ramp, cv2.INTER_LINEAR, 0)[40:50, 45:55]
    y, x = np.mgrid[40:50, 45:55]
    back = cv2.invertAffineTransform(warp.matrix_23)
    wanted = np.stack([x, y, np.ones_like(x)], -1) @ back.T
    assert np.abs(moved - wanted).max() < 0.1


def test_one_option_brings_all_of_it(composed: Compose) -> None:
    recipe = instantiate(composed("data/augmentation=m3vit_faithful").data.augmentation)
    assert vars(recipe) == vars(FAITHFUL)
    scenes = composed("setting=scenes", "data/augmentation=m3vit_faithful").data.augmentation
    assert scenes.faithful
    assert not instantiate(composed().data.augmentation).faithful


@pytest.mark.parametrize("change", [{"fit": "contain"}, {"outside_is_background": False}])
def test_half_of_it_is_refused(change: dict[str, object]) -> None:
    whole = {"fit": "squash", "outside_is_background": True, "faithful": True}
    with pytest.raises(UserError, match=r"choose data/augmentation=m3vit_faithful"):
        Augmentation(0.5, 20, (0.75, 1.25), **{**whole, **change})  # type: ignore[arg-type]


def test_what_it_costs_can_be_measured(scenes_root: Path, composed: Compose) -> None:
    small = ("data=scenes", f"data.root={scenes_root}", "data.image_size=[40,40]")
    known = ("num_train=24", "num_val=8", "size=[64,64]", "seed=7")
    found = benchmark(composed(*small, *(f"data.generator.{key}" for key in known)))
    costs = found["costs"]
    assert found["images"] == 24
    assert costs["fit: % of stretch"] == 0
    assert costs["edges: % of pixels, theirs"] < costs["edges: % of pixels, ours"]
    assert costs["edges: pieces of line, theirs"] > costs["edges: pieces of line, ours"]
    ours, theirs = (costs[f"image: levels off the average, {who}"] for who in ("ours", "theirs"))
    assert ours < theirs
    assert costs["normals: % of theirs where there is none"] > 0
    with pytest.raises(UserError, match="choose data/augmentation=m3vit"):
        benchmark(composed("data/augmentation=atrc"))
