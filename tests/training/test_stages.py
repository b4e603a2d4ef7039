"""Which tasks are learned at which step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_ase.base.errors import UserError
from mtl_ase.training.forgetting import forgetting, mean_forgetting
from mtl_ase.training.stages import StagePlan

TASKS = ["semseg", "human_parts", "saliency", "normals", "edge"]
FOUR = [["semseg"], ["saliency", "human_parts"], ["normals"], ["edge"]]


@given(st.integers(1, 8), st.integers(0, 1000))
def test_stages_are_equal_consecutive_parts(num_stages, more):
    tasks = [f"task{number}" for number in range(num_stages)]
    num_steps = num_stages + more
    plan = StagePlan(tasks, [[task] for task in tasks], num_steps)
    sizes = [stage.end - stage.begin for stage in plan.stages]
    assert sum(sizes) == num_steps
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 1
    numbers = [plan.at(step).number for step in range(num_steps)]
    assert numbers == [number for number, size in enumerate(sizes) for _ in range(size)]
    within = [plan.within(step) for step in range(num_steps)]
    assert within == [(step, size) for size in sizes for step in range(size)]


@given(st.integers(1, 1000), st.integers(0, 1000))
def test_without_stages_the_schedule_sees_the_whole_training(num_steps, step):
    plan = StagePlan(TASKS, None, num_steps)
    assert plan.within(step) == (step, num_steps)
    assert plan.at(step).tasks == tuple(TASKS)
    assert not plan.several


def test_after_the_last_step_comes_the_end_of_the_last_stage():
    plan = StagePlan(TASKS, FOUR, 8)
    assert plan.at(8) == plan.stages[-1]
    assert plan.within(8) == (2, 2)


def test_tasks_of_a_stage_are_in_the_order_of_the_task_axis():
    stage = StagePlan(TASKS, FOUR, 8).stages[1]
    assert stage.tasks == ("human_parts", "saliency")
    assert stage.rows == (1, 2)


@pytest.mark.parametrize(
    ("stages", "fault"),
    [
        ([["semseg"], ["normals"]], "leaves out 'edge'"),
        ([["semseg", "depth"], ["normals", "edge"]], "names 'depth', which is no task"),
        ([["semseg", "edge"], ["normals", "edge"]], "names 'edge' twice"),
        ([["semseg", "edge", "edge"], ["normals"]], "names 'edge' twice"),
        ([["semseg", "edge", "normals"], []], "has a stage without tasks"),
        ([], "leaves out 'semseg'"),
    ],
)
def test_every_task_is_in_exactly_one_stage(stages, fault):
    with pytest.raises(UserError, match=f"data.stages {fault}.*exactly one stage"):
        StagePlan(["semseg", "normals", "edge"], stages)


def test_there_are_no_more_stages_than_steps():
    with pytest.raises(UserError, match="4 stages, but the training has 3 steps"):
        StagePlan(TASKS, FOUR, 3)


def test_forgetting_is_what_a_task_lost_since_its_own_stage():
    plan = StagePlan(["semseg", "normals", "edge"], [["semseg"], ["normals"], ["edge"]])
    headlines = {"semseg": "semseg/miou", "normals": "normals/merr", "edge": "edge/odsf"}
    better = {"semseg/miou": True, "normals/merr": False, "edge/odsf": True}
    results = [
        {"semseg/miou": 60.0, "normals/merr": 50.0, "edge/odsf": None},
        {"semseg/miou": 55.0, "normals/merr": 20.0, "edge/odsf": None},
        {"semseg/miou": 50.0, "normals/merr": 18.0, "edge/odsf": 40.0},
    ]
    found = forgetting(plan.stages, results, headlines, better)
    assert {task: entry.forgetting for task, entry in found.items()} == {
        "semseg": 10.0,
        "normals": -2.0,
        "edge": 0.0,
    }
    assert found["normals"][:4] == ("normals/merr", 1, 20.0, 18.0)
    assert mean_forgetting(found, 3) == 4.0


def test_what_is_not_known_is_not_forgotten():
    plan = StagePlan(["semseg", "edge"], [["semseg"], ["edge"]])
    headlines = {"semseg": "semseg/miou", "edge": "edge/odsf"}
    results = [{"semseg/miou": None}, {"semseg/miou": 50.0, "edge/odsf": 40.0}]
    found = forgetting(plan.stages, results, headlines, dict.fromkeys(headlines.values(), True))
    assert found["semseg"].forgetting is None
    assert mean_forgetting(found, 2) is None
