"""What a config may build, and of which types."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import pytest
from omegaconf import DictConfig, OmegaConf

from mtl_ase.base.bounds import AboveZero, Positive, Seed, Weight
from mtl_ase.base.errors import UserError
from mtl_ase.build import build_tasks
from mtl_ase.config import check_targets, check_values
from mtl_ase.config.value_types import accepts
from mtl_ase.tasks import Task


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ({"a": {"_target_": "os.system"}}, "a"),
        ({"a": {"_target_": "builtins.eval", "_args_": ["1"]}}, "a"),
        ({"a": {"b": [{"c": {"_target_": "subprocess.run"}}]}}, r"a\.b\[0\]\.c"),
        ({"a": {"_target_": "torch.nn.ReLU", "b": [{"_target_": "os.system"}]}}, r"a\.b\[0\]"),
        ({"a": {"_target_": "mtl_ase_evil.run"}}, "a"),
        ({"a": {"_target_": "torch.load"}}, "a"),
        ({"a": {"_target_": "${b}"}, "b": "os.system"}, "a"),
        ({"a": "${oc.create:{_target_:os.system}}"}, "a"),
        ({"a": {"_target_": "mtl_ase.config.entry.os.system"}}, "a"),
        ({"a": {"_target_": "torch.nn.modules.module.torch.load"}}, "a"),
        ({"a": {"_target_": "mtl_ase.build.from_config.instantiate"}}, "a"),
        ({"a": {"_target_": "mtl_ase.base.errors.UserError.__base__.__subclasses__"}}, "a"),
        ({"a": {"_target_": "lightning.pytorch.LightningModule.load_from_checkpoint"}}, "a"),
        ({"a": {"_target_": "lightning.pytorch.Trainer.fit"}}, "a"),
        ({"a": {"_target_": "lightning.pytorch.core.saving.save_hparams_to_yaml"}}, "a"),
        ({"a": {"_target_": "lightning.pytorch.cli.LightningCLI"}}, "a"),
        ({"a": {"_target_": "mtl_ase.base.atomic_files.write_json", "path": "~/.config"}}, "a"),
        ({"a": {"_target_": "mtl_ase.data.acquire.download", "url": "u", "path": "p"}}, "a"),
        ({"a": {"_target_": "mtl_ase.data.acquire.download.download"}}, "a"),
        ({"a": {"_target_": "mtl_ase.tools.torture.torture"}}, "a"),
        ({"a": {"_target_": "mtl_ase.training.checkpoint_files.write_checkpoint"}}, "a"),
        ({"a": {"_target_": "torch.nn.functional.relu"}}, "a"),
        ({"a": {"_target_": "torch.nn.Module.load_state_dict"}}, "a"),
        ({"a": {"_target_": "torchjd.autojac.backward"}}, "a"),
        ({"a": {"_target_": "torchjd.aggregation.Mean.load_state_dict"}}, "a"),
    ],
)
def test_other_targets_are_refused_by_path(content: dict[str, Any], path: str) -> None:
    with pytest.raises(UserError, match=rf"^{path}\._target_=.* is outside what configs may build"):
        check_targets(OmegaConf.create(content))


def test_a_target_that_does_not_exist_is_named() -> None:
    for target in ("mtl_ase.tasks.Tusk", "mtl_ase.training.Task", "torch.nn."):
        with pytest.raises(UserError, match=r"^a\._target_=.* does not exist"):
            check_targets(OmegaConf.create({"a": {"_target_": target}}))


def test_weightings_of_torchjd_are_admitted() -> None:
    pytest.importorskip("torchjd")
    target = "torchjd.aggregation.KrumWeighting"
    check_targets(OmegaConf.create({"a": {"_target_": target, "n_byzantine": 1}}))


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchjd", None)  # an import says that there is none
    config = OmegaConf.create({"a": {"_target_": "torchjd.aggregation.MGDAWeighting"}})
    with pytest.raises(UserError, match=r"^a\._target_=.* needs torchjd, .* 'mtl_ase\[balance\]'"):
        check_targets(config)


def test_trusted_prefixes_are_admitted() -> None:
    config = OmegaConf.create({"a": {"_target_": "collections.Counter"}})
    with pytest.raises(UserError):
        check_targets(config)
    check_targets(config, ("collections.",))


def test_nothing_is_built_before_the_check(composed: Callable[..., DictConfig]) -> None:
    config = composed("+tasks.semseg.metrics.more={_target_: os.system, command: false}")
    with pytest.raises(UserError, match=r"tasks\.semseg\.metrics\.more"):
        build_tasks(config)


@pytest.mark.parametrize(
    ("hint", "good", "bad"),
    [
        (int, [1, -1], [1.5, "a", None, True, [1], {}]),
        (float, [1, 1.5], ["a", None, False, [1.0]]),
        (str, ["a"], [1, None, ["a"]]),
        (bool, [True], [1, "true", None]),
        (int | None, [1, None], ["a", 2.5]),
        (str | list[int], ["a", [1]], [1, None]),
        (Sequence[int], [[1], []], [3, "a", None, ["a"], [1, None], {}]),
        (Mapping[str, int], [{}, {"a": 1}], [3, None, {"a": "b"}, [1]]),
        (Mapping[str, Sequence[int]], [{"a": [1]}], [{"a": 1}, {"a": ["b"]}]),
        (tuple[int, int], [[1, 2]], [[1], [1, 2, 3], [1, "a"], 1, {}]),
        (tuple[int, ...], [[1], [1, 2, 3]], [["a"], 1]),
        (Task, [{"_target_": "mtl_ase.tasks.Task"}], [3, None, {"a": 1}, [1]]),
        (Callable[[int], int], [{"_target_": "a"}], [3, "a", None]),
        (Any, [1, "a", None, [], {}], []),
        (Literal["a", 1], ["a", 1], ["b", 2, True, None]),
        (Literal["a"] | None, ["a", None], ["b"]),
        (Positive, [1, 10**9], [0, -1, 1.5, "a", True]),
        (AboveZero, [1e-9, 3], [0, 0.0, -1, float("inf"), "a"]),
        (Weight | None, [0, 0.5, None], [-1, float("inf"), float("nan"), "a"]),
        (Seed, [0, 2**32 - 1], [-1, 2**32]),
    ],
)
def test_types(hint: Any, good: list[object], bad: list[object]) -> None:
    assert all(accepts(hint, value) for value in good)
    assert not any(accepts(hint, value) for value in bad)


@pytest.mark.parametrize(
    ("part", "override", "said"),
    [
        ("data", "data.batch_size=many", r"data\.batch_size=many .* it takes int\."),
        ("data", "seed=a", r"data\.seed=a .* it takes int from 0 to 4294967295\."),
        ("data", "data.pack=sometimes", r"data\.pack=sometimes .* takes build or use or never\."),
        ("data", "data.on_bad_sample=ignore", r"on_bad_sample=ignore .* it takes raise or skip\."),
        ("data", "data.augmentation.fit=wide", r"fit=wide .* it takes contain or pad or squash\."),
        ("data", "data.augmentation.scale=[1,b]", r"augmentation\.scale\[1\]=b .* it takes float"),
        ("data", "data.labels.edge=null", r"data\.labels\.edge=null .* it takes Label\."),
        (
            "data",
            "data.image_size=[64]",
            r"image_size=\[64\] .* \[int from 1 on, int",
        ),
        ("training", "training.nonfinite=ignore", r"nonfinite=ignore .* it takes raise or skip\."),
        ("model", "model.adapter.rank=[1,2]", r"model\.adapter\.rank=\[1, 2\] .* int from 1 on\."),
        ("trainer", "trainer.max_epochs=2.5", r"trainer\.max_epochs=2\.5 .* int or null\."),
        (
            "tasks",
            "tasks.edge.weight=true",
            r"edge\.weight=true .* it takes float from 0 on\.",
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_named(
    composed: Callable[..., DictConfig], part: str, override: str, said: str
) -> None:
    config = composed(override)
    with pytest.raises(UserError, match=said):
        check_values(config, part)


def test_no_task_is_wrong_use(composed: Callable[..., DictConfig]) -> None:
    with pytest.raises(UserError, match=r"tasks is empty"):
        build_tasks(composed("tasks=[]"))


def test_a_task_under_another_name_is_wrong_use(composed: Callable[..., DictConfig]) -> None:
    with pytest.raises(UserError, match=r"tasks\.edge\.name=border must be edge"):
        build_tasks(composed("+tasks.edge.name=border"))


def test_tasks_are_tasks(composed: Callable[..., DictConfig]) -> None:
    tasks = build_tasks(composed())
    assert list(tasks) == ["semseg", "human_parts", "saliency", "normals", "edge"]
    assert all(type(task) is Task for task in tasks.values())
    assert all(type(task.metrics) is dict for task in tasks.values())
