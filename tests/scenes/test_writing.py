"""Files of a scene read back equal to the rendered arrays."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import loadmat

from mtl_ase.scenes import Scene, Scenes
from mtl_ase.scenes.labels import PART_NAMES, PART_OF_LIMB, PERSON, VOC_NAMES

SETTINGS = {"num_train": 10, "num_val": 3, "size": (80, 96), "seed": 7, "workers": 1}


@pytest.fixture(scope="module")
def scene_set() -> Scenes:
    return Scenes(**SETTINGS)


@pytest.fixture(scope="module")
def root(scene_set: Scenes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scene_set.prepare(tmp_path_factory.mktemp("scenes") / "set")


@pytest.fixture(params=[0, 3, 9])
def pair(scene_set: Scenes, request: pytest.FixtureRequest) -> tuple[str, Scene]:
    return f"train_{request.param:06d}", scene_set.render("train", request.param)


def test_splits_list_all_images(root: Path) -> None:
    train, val = (
        (root / f"ImageSets/Context/{split}.txt").read_text().split() for split in ("train", "val")
    )
    assert train == [f"train_{k:06d}" for k in range(10)]
    assert val == [f"val_{k:06d}" for k in range(3)]
    for folder in ("JPEGImages", "semseg/VOC12", "pascal-context/trainval", "sal_distill"):
        assert {path.stem for path in (root / folder).iterdir()} == {*train, *val}


def test_class_maps_are_exact(root: Path, pair: tuple[str, Scene]) -> None:
    name, scene = pair
    semseg_HW = cv2.imread(str(root / f"semseg/VOC12/{name}.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(semseg_HW, scene.semseg_HW)
    saliency_HW = cv2.imread(str(root / f"sal_distill/{name}.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(saliency_HW, 255 * scene.saliency_HW)
    label_map_HW = loadmat(root / f"pascal-context/trainval/{name}.mat")["LabelMap"]
    assert label_map_HW.dtype == np.uint16
    np.testing.assert_array_equal(label_map_HW, scene.label_map_HW)


def test_normals_and_depth_are_exact_up_to_their_steps(root: Path, pair: tuple[str, Scene]) -> None:
    name, scene = pair
    bgr_HWC = cv2.imread(str(root / f"normals_distill/{name}.png"))
    normals_3HW = bgr_HWC[:, :, ::-1].transpose(2, 0, 1) / 127.5 - 1
    surface_HW = scene.depth_HW > 0
    assert np.abs(normals_3HW - scene.normals_3HW)[:, surface_HW].max() < 0.0041
    assert (np.linalg.norm(normals_3HW, axis=0)[~surface_HW] < 0.5).all()
    depth_HW = cv2.imread(str(root / f"depth/{name}.png"), cv2.IMREAD_UNCHANGED)
    assert depth_HW.dtype == np.uint16
    np.testing.assert_allclose(depth_HW / 1000, scene.depth_HW, atol=6e-4)


def test_the_photograph_is_nearly_the_rendered_one(root: Path, pair: tuple[str, Scene]) -> None:
    name, scene = pair
    image_HWC = cv2.imread(str(root / f"JPEGImages/{name}.jpg"))[:, :, ::-1]
    smooth, expected = (cv2.blur(x.astype(float), (5, 5)) for x in (image_HWC, scene.image_HWC))
    assert np.abs(smooth - expected).mean() < 3


def test_people_are_written_in_the_schema_of_pascal_part(root: Path, scene_set: Scenes) -> None:
    written = {path.stem for path in (root / "human_parts").iterdir()}
    for index in range(SETTINGS["num_train"]):
        name, scene = f"train_{index:06d}", scene_set.render("train", index)
        assert (name in written) == (scene.semseg_HW == PERSON).any()
        if name in written:
            anno = loadmat(root / f"human_parts/{name}.mat")["anno"][0, 0]
            assert anno["imname"][0] == name
            _check_people(anno["objects"], scene)
    assert written


def _check_people(objects: np.ndarray, scene: Scene) -> None:
    parts_HW, people_HW = np.zeros_like(scene.parts_HW), np.zeros_like(scene.parts_HW)
    for person in objects[0]:
        assert person["class"][0] == "person"
        assert person["class_ind"][0, 0] == VOC_NAMES.index("person")
        assert person["mask"].dtype == np.uint8
        people_HW += person["mask"]
        for part in person["parts"][0]:
            limb = PART_NAMES.index(part["part_name"][0])
            parts_HW[part["mask"] == 1] = PART_OF_LIMB[limb]
            assert (part["mask"] <= person["mask"]).all()
    np.testing.assert_array_equal(people_HW, scene.semseg_HW == PERSON)
    np.testing.assert_array_equal(parts_HW, scene.parts_HW)
