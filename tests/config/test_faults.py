"""A fault in code, ours or the user's, keeps its traceback; a value a library refuses does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from mtl_ase.base.errors import UserError
from mtl_ase.config import check_targets, explain
from mtl_ase.config import exit_on_wrong_use as run
from tests.conftest import Compose

TRAINER = {"_target_": "lightning.pytorch.Trainer", "accelerator": "cpu", "logger": False}
FAULTS = (AttributeError, KeyError, TypeError, ValueError, IndexError, RuntimeError, ImportError)


class Broken:
    """A new method with a typo in its constructor."""

    def __init__(self, kind: str, sizes: Any = ()) -> None:
        if kind == "attribute":
            self.sise = self.size  # type: ignore[attr-defined]
        if kind == "key":
            self.size = {}["size"]
        if kind == "type":
            self.size = len(3)  # type: ignore[arg-type]
        if kind == "library":
            nn.Conv2d(3, 4, kernel_size=3, groups=2)
        if kind == "container":
            self.size = sizes[5]
        if kind == "after wrong use":
            try:
                raise UserError("said to somebody else")
            except UserError:
                self.size = self.length  # type: ignore[attr-defined]


def broken_weights() -> Iterator[nn.Parameter]:
    """What a library's constructor goes through fails in the middle."""
    yield nn.Parameter(torch.zeros(1))
    raise ValueError("a bug")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_a_constructor_raises_keeps_its_traceback(fault: type[Exception]) -> None:
    def crash() -> None:
        raise fault("a bug")

    with pytest.raises(InstantiationException) as caught:
        run(lambda: instantiate({"_target_": f"{__name__}.call", "function": crash}))
    assert isinstance(caught.value.__cause__, fault)


def call(function: Callable[[], None]) -> None:
    function()


@pytest.mark.parametrize(
    "kind", ["attribute", "key", "type", "library", "container", "after wrong use"]
)
def test_a_typo_in_a_new_method_keeps_its_traceback(kind: str) -> None:
    node = OmegaConf.create({"_target_": f"{__name__}.Broken", "kind": kind, "sizes": [1]})
    with pytest.raises(InstantiationException):
        run(lambda: instantiate(node))


def test_a_call_that_misses_an_argument_keeps_its_traceback() -> None:
    with pytest.raises(InstantiationException, match="missing 1 required"):
        run(lambda: instantiate({"_target_": f"{__name__}.Broken"}))


def test_a_fault_below_a_library_keeps_its_traceback() -> None:
    with pytest.raises(InstantiationException, match="a bug"):
        run(lambda: instantiate({"_target_": "torch.optim.SGD"}, params=broken_weights()))


def test_a_class_of_ours_that_hands_nonsense_to_a_library_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nonsense = "lightning.pytorch.callbacks.WeightAveraging.__init__"
    monkeypatch.setattr(nonsense, lambda *_, **__: torch.optim.SGD([], lr=1))
    with pytest.raises(InstantiationException):
        run(lambda: instantiate({"_target_": "mtl_ase.training.EMA"}))


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (TRAINER | {"precision": "17"}, "Precision '17' is invalid"),
        (TRAINER | {"accelerator": "tpu"}, "torch_xla"),
        (TRAINER | {"devices": 0}, "devices=0"),
        (TRAINER | {"devices": "a"}, "should be an int > 0"),
        (TRAINER | {"strategy": "ddpp"}, "invalid strategy name"),
        (TRAINER | {"limit_val_batches": 1.5}, "1.5 for limit_val_batches"),
        ({"_target_": "torch.optim.AdamW", "lr": -1}, "Invalid learning rate: -1"),
        ({"_target_": "torch.optim.SGD", "momentum": -1}, "Invalid momentum value: -1"),
        ({"_target_": "timm.optim.Muon", "lr": -1}, "Invalid learning rate: -1"),
        (
            {"_target_": "torchjd.aggregation.KrumWeighting", "n_byzantine": -1},
            "n_byzantine must be non-negative, but got -1",
        ),
        (
            {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "mode": "a"},
            "`mode` can be min, max but got a",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
@pytest.mark.filterwarnings("ignore")
def test_a_value_that_a_library_refuses_is_wrong_use(
    node: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = {"params": [nn.Parameter(torch.zeros(1))]} if "optim" in node["_target_"] else {}
    with pytest.raises(SystemExit) as caught:
        run(lambda: instantiate(node, **weights))
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_a_key_that_no_config_has_is_a_fault(composed: Compose) -> None:
    """And one that the user has deleted is not."""
    with pytest.raises(AttributeError):
        run(lambda: composed().report.trivia)
    with pytest.raises(SystemExit):
        run(lambda: composed("~report.trivial").report.trivial)


def test_a_fault_of_a_resolver_keeps_its_traceback(composed: Compose) -> None:
    def broken(name: str) -> str:
        return name.splt()  # type: ignore[attr-defined]

    OmegaConf.register_new_resolver("broken", broken, replace=True)
    with pytest.raises(Exception, match="splt"):
        run(lambda: str(composed("experiment_name=${broken:a}").experiment_name))
    said = explain_of(lambda: str(composed("experiment_name=${oc.env:NOPE}").experiment_name))
    assert "NOPE" in said


def explain_of(function: Callable[[], object]) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        function()
    said = explain(caught.value)
    assert said is not None
    return said


def test_a_fault_while_the_users_module_is_imported_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`does not exist; check the spelling` would send the user the wrong way."""
    monkeypatch.syspath_prepend(tmp_path)
    for name, line in (("gone", "import no_such_package"), ("typo", "import math; math.sinn")):
        (tmp_path / f"mine_{name}.py").write_text(f"{line}\nclass Loss: pass\n")
    for name, fault in (("gone", ModuleNotFoundError), ("typo", AttributeError)):
        with pytest.raises(fault):
            check_targets(node(f"mine_{name}.Loss"), ("mine_",))
    with pytest.raises(UserError, match="does not exist"):
        check_targets(node("mine_absent.Loss"), ("mine_",))


def node(target: str) -> DictConfig:
    return OmegaConf.create({"a": {"_target_": target}})


class Plain(pl.LightningModule):
    """Trains on nothing in particular."""

    def __init__(self, fault: bool) -> None:
        super().__init__()
        self.layer, self.fault = nn.Linear(1, 1), fault

    def training_step(self, batch: torch.Tensor, _: int) -> torch.Tensor:
        """Logs where Lightning forbids it, if it is to fail."""
        if self.fault:
            self.log("a", {"b": {"c": "d"}})  # type: ignore[arg-type]
        return self.layer(batch).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Any."""
        return torch.optim.SGD(self.parameters(), 0.1)


@pytest.mark.parametrize(("options", "fault"), [({"val_check_interval": 9}, False), ({}, True)])
@pytest.mark.filterwarnings("ignore")
def test_the_trainers_refusals_are_told_from_faults_in_training(
    options: dict[str, Any], fault: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = Plain(fault)
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, default_root_dir=tmp_path, **quiet, **options
    )
    data = torch.utils.data.DataLoader([torch.zeros(1)])  # type: ignore[arg-type]
    module.validation_step = lambda *_: None  # type: ignore[method-assign,assignment]
    ending: Any = SystemExit if not fault else (TypeError, ValueError)
    with pytest.raises(ending):
        run(lambda: trainer.fit(module, data, data))
    assert ("error: trainer: " in capsys.readouterr().err) == (not fault)
