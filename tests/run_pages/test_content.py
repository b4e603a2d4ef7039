"""What pages take from run folders: configs, evaluations, seeds, samples."""

from __future__ import annotations

import base64
import io
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from hydra.core.hydra_config import HydraConfig
from PIL import Image

from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import RunFiles
from mtl_ase.evaluation import Details, Interval
from mtl_ase.evaluation.margin import margin_of_mean
from mtl_ase.run_pages import RunContent, SampleSet
from mtl_ase.run_pages.evaluation_files import Evaluation
from mtl_ase.run_pages.image_pairs import comparable, compare_images
from mtl_ase.run_pages.parent_config import compare_configs, parent_of
from mtl_ase.run_pages.run_page import worst_images
from mtl_ase.run_pages.score_table import score_table
from mtl_ase.run_pages.seed_groups import seed_groups
from tests.conftest import SIZE, Compose
from tests.run_pages.conftest import MakeRun, pictures, read


def changed(run: RunContent, overrides: list[str] | None) -> dict[str, list[str]]:
    parent = parent_of(run.flat, overrides)
    assert parent is not None
    return {
        row.key: list(row.values)
        for row in compare_configs([parent.config, run.flat])
        if not row.same
    }


def test_the_config_is_compared_with_the_experiment_of_the_command_line(
    evaluated_run: RunContent, composed: Compose
) -> None:
    composed()
    before = HydraConfig.instance().cfg
    found = changed(evaluated_run, evaluated_run.overrides)
    assert HydraConfig.instance().cfg is before
    assert found["training.optimizer.lr"][1] == "0.125"
    assert found["trainer.max_epochs"] == ["1", "2"]
    parent = parent_of(evaluated_run.flat, evaluated_run.overrides)
    assert parent is not None
    assert parent.command == "experiment=ase setting=scenes"
    assert not parent.guessed
    assert "run_dir" not in found
    assert not [key for key in found if key.startswith(("logger", "tasks.semseg"))]


def test_without_a_known_command_line_the_nearest_setting_is_taken(
    evaluated_run: RunContent,
) -> None:
    parent = parent_of(evaluated_run.flat, ["experiment=${oc.env:HOME}"])
    assert parent is not None
    assert parent.guessed
    assert parent.command == "experiment=ase setting=scenes"


@pytest.mark.parametrize("overrides", [None, ["experiment=../../x"], ["setting=${oc.env:HOME}"]])
def test_a_strangers_experiment_is_not_composed(
    evaluated_run: RunContent, overrides: list[str] | None
) -> None:
    assert parent_of({**evaluated_run.flat, "experiment_name": "theirs"}, overrides) is None


def test_scores_have_directions_units_and_comparisons(evaluated_run: RunContent) -> None:
    run = evaluated_run
    rows = score_table(
        run.tasks,
        run.scored,
        run.metrics,
        {"normals/merr": 40.0},
        {"semseg/miou": 55.0},
        run.evaluation.scores,
    )
    by_key = {row.key: row for row in rows}
    normals, semseg = by_key["normals/merr"], by_key["semseg/miou"]
    assert (normals.arrow[0], normals.unit, normals.trivial) == ("↓", "degrees", 40.0)
    assert (semseg.arrow[0], semseg.unit, semseg.reference) == ("↑", "%", 55.0)
    assert semseg.interval == Interval(61.0, 58.5, 63.5)
    assert by_key["edge/bce"].unit == ""
    assert not by_key["edge/bce"].headline
    assert rows[-1].key == "delta_m"


def test_the_run_tells_its_time_and_steps(evaluated_run: RunContent) -> None:
    assert evaluated_run.seconds == 12 * 60
    assert evaluated_run.steps == 12
    assert evaluated_run.status == "finished"
    assert 0 < evaluated_run.total.trainable < evaluated_run.total.total


def test_worst_images_are_by_the_direction_of_the_metric(evaluated_run: RunContent) -> None:
    evaluation = evaluated_run.evaluation
    worst = evaluation.worst(evaluated_run.tasks)
    merr, miou = evaluation.by_image["normals/merr"], evaluation.by_image["semseg/miou"]
    assert worst["normals/merr"][0].value == max(merr)
    assert worst["semseg/miou"][0].value == min(miou)
    assert "val_000003" not in [image.image_id for image in worst["human_parts/miou"]]
    assert any("semseg/miou" in why for why in worst_images(evaluated_run).values())


def evaluation(values: list[float], protocol: str = "astmt") -> Evaluation:
    images = [str(number) for number in range(len(values))]
    return Evaluation(Details("last", "d", protocol, len(images), {}), images, {"m": values})


def test_the_same_images_are_compared_in_pairs() -> None:
    rng = np.random.default_rng(0)
    first = rng.uniform(20, 80, 60)
    other = first + rng.normal(2, 1, 60)
    first[7], other[9] = math.nan, math.nan
    found = compare_images("m", evaluation(first.tolist()), evaluation(other.tolist()))
    assert found is not None
    assert found.difference.value == pytest.approx(np.nanmean(other - first), abs=1e-6)
    assert 1.5 < found.difference.low < found.difference.value < found.difference.high < 2.5
    assert found.p_value < 0.001
    same = compare_images("m", evaluation(first.tolist()), evaluation(first.tolist()))
    assert same is not None
    assert same.p_value == 1
    assert compare_images("other", evaluation([1, 2]), evaluation([1, 2])) is None


def test_other_protocols_are_not_compared() -> None:
    assert comparable(evaluation([1, 2]), evaluation([2, 3]))
    assert not comparable(evaluation([1, 2]), evaluation([2, 3], "invpt"))
    assert not comparable(evaluation([1, 2]), evaluation([]))


def test_runs_are_grouped_by_all_but_their_seed(make_run: MakeRun) -> None:
    seeds = [make_run(f"seed_{seed}", seed=seed) for seed in (0, 1, 2)]
    rank = make_run("rank", "model.adapter.rank=2", seed=1)
    groups = seed_groups([*seeds, rank])
    assert [list(group.runs) for group in groups] == [["0", "1", "2"], ["1"]]
    assert groups[0].name != groups[1].name
    assert "rank 2" in groups[1].name
    spread = groups[0].spread("semseg/miou")
    values = [float(run.metrics["semseg/miou"]) for run in seeds]
    assert spread.mean == pytest.approx(np.mean(values))
    assert spread.margin == pytest.approx(margin_of_mean(values))
    gain = groups[1].over(groups[0], {"semseg/miou": True})
    ours, theirs = (float(run.metrics["semseg/miou"]) for run in (rank, seeds[1]))
    assert gain.values == {"1": pytest.approx(100 * (ours - theirs) / theirs)}


def shown(uri: str) -> Image.Image:
    head, _, text = uri.partition(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(text)))


def test_samples_are_pictures_of_one_size(evaluated_run: RunContent, samples: SampleSet) -> None:
    assert samples.missing is None
    assert [sample.why for sample in samples.samples] == ["", "", "", "worst semseg/miou 20.00"]
    for sample in samples.samples:
        assert shown(sample.image).size == (SIZE, SIZE)
        assert list(sample.tasks) == list(evaluated_run.tasks)
        for task in sample.tasks.values():
            assert shown(task.prediction).size == (SIZE, SIZE)
            assert task.label is None or shown(task.label).size == (SIZE, SIZE)
    assert len(samples.legends["semseg"]) == 22
    semseg = samples.samples[0].tasks["semseg"]
    assert 0 < len(semseg.shown) < 22
    colours = {samples.legends["semseg"][name] for name in semseg.shown}
    there = {
        colour
        for uri in (semseg.label, semseg.prediction)
        for _, colour in shown(uri or "").convert("RGB").getcolors(SIZE * SIZE)
    }
    assert colours == there, "class colours are kept exactly"


def test_a_sample_without_a_label_has_no_picture_of_it(
    evaluated_run: RunContent, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(evaluated_run.config.data.root, tmp_path / "data"))
    gone = [path for path in (root / "human_parts").glob("*") if "val_" in path.name]
    for path in gone:
        path.unlink()
    run = read(evaluated_run.files)
    run.config.data.root = str(root)
    found = pictures(run, count=2)
    assert gone
    assert [sample.tasks["human_parts"].label for sample in found.samples] == [None, None]


def test_a_bad_image_leaves_the_samples_out(evaluated_run: RunContent, tmp_path: Path) -> None:
    root = Path(shutil.copytree(evaluated_run.config.data.root, tmp_path / "data"))
    for image in (root / "JPEGImages").glob("val_*"):
        image.write_bytes(b"no image")
    run = read(evaluated_run.files)
    run.config.data.root = str(root)
    found = pictures(run)
    assert not found.samples
    assert "JPEGImages" in (found.missing or "")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("router.csv", "step,layer,site,task,expert,gate,share\n1,0,ffn,a,0,x,1\n", "gate=x"),
        ("router.csv", "step,layer\n1,0\n", "lacks one of the columns"),
        ("metrics.csv", "step,train/loss\n,1\n", "line 2"),
        ("metrics.json", "[1]", "holds no keys"),
        ("metrics.json", '{"semseg/miou": "high"}', "semseg/miou=high is no number"),
        ("environment.json", "{", "is no JSON"),
        ("environment.json", '{"packages": []}', "packages is not what a run writes"),
        ("environment.json", '{"starts": ["noon"]}', "noon is no time"),
        ("evaluation/details.json", '{"images": 3, "scores": {"a": [1]}}', "what evaluate.py"),
        ("evaluation/images.csv", "image,semseg/miou\na,high\n", "not what evaluate.py writes"),
    ],
)
def test_damaged_files_are_named(make_run: MakeRun, name: str, text: str, said: str) -> None:
    run = make_run("damaged")
    path = run.files.path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    with pytest.raises(UserError, match=said) as error:
        read(RunFiles(run.files.path))
    path.unlink()
    assert name.split("/")[0] in str(error.value)
