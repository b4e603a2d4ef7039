"""Arguments of nodes, bound to signatures before anything is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import pytest
from omegaconf import OmegaConf, open_dict

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_network, build_tasks, check_part
from mtl_ase.config.arguments import check_arguments
from tests.conftest import Compose

OUTPUT = "hydra.runtime.output_dir=runs/somewhere"
HERE = f"{__name__}.{{}}"


class Wheel(Protocol):
    """Made from a keyword."""

    def __call__(self, *, size: int) -> object:
        """Make it."""


class Cart:
    """Takes makers of all kinds."""

    def __init__(
        self,
        wheel: Wheel | None = None,
        brake: Callable[[float], object] | None = None,
        horn: Callable[..., object] | None = None,
        bell: Any = None,
    ) -> None:
        pass


def make(speed: float, size: int, colour: str = "red") -> None:
    pass


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"model": {"adapter": {"rankk": 3}}},
            r"^model\.adapter\.rankk is no argument of mtl_ase\.model\.adapters\.RoutedExperts; "
            r"did you mean rank\?$",
        ),
        ({"tasks": {"edge": {"loss": {"weight": 3}}}}, r"^tasks\.edge\.loss\.weight .* mean pos_w"),
        ({"tasks": {"edge": {"loss": {"foo": 3}}}}, r"loss\.foo .*; it takes pos_weight, ignore_"),
        ({"trainer": {"max_epoch": 3}}, r"^trainer\.max_epoch .* did you mean max_epochs\?$"),
        ({"data": {"tasks": ["edge"]}}, r"^data\.tasks is passed by the code"),
        ({"model": {"decoder": {"channels": {}}}}, r"^model\.decoder\.channels is passed"),
        ({"model": {"decoder": {"head": {"width": 3}}}}, r"^model\.decoder\.head\.width is passed"),
        ({"model": {"encoder": {"tasks": []}}}, r"^model\.encoder\.tasks is passed"),
        ({"model": {"adapter": {"gate": {"top_k": 3}}}}, r"^model\.adapter\.gate\.top_k is passed"),
        ({"model": {"lora": {"site": 3}}}, r"^model\.lora\.site is passed"),
        ({"training": {"optimizer": {"params": 3}}}, r"^training\.optimizer\.params is passed"),
        ({"data": {"labels": {"edge": {"_args_": [1]}}}}, r"^data\.labels\.edge\._args_ gives"),
        ({"callbacks": {"x": {"a": 1}}}, r"^callbacks\.x has no _target_"),
        ({"callbacks": {"x": 3}}, r"^callbacks\.x has no _target_"),
        ({"tasks": {"edge": None}}, r"^tasks\.edge has no _target_, .* leave it out \(~tasks\.ed"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_argument_that_does_not_fit_is_named(
    composed: Compose, change: dict[str, Any], said: str
) -> None:
    config = composed(OUTPUT)
    with open_dict(config):
        config.merge_with(change)
    with pytest.raises(UserError, match=said):
        check_part(config, next(iter(change)))


@pytest.mark.parametrize("key", ["data.augmentation.flip", "model.decoder", "tasks.edge.loss"])
def test_a_missing_argument_is_named(composed: Compose, key: str) -> None:
    part = key.partition(".")[0]
    with pytest.raises(UserError, match=rf"^{key} is missing, but mtl_ase\..* needs it"):
        check_part(composed(OUTPUT, f"~{key}"), part)


@pytest.mark.parametrize(
    ("argument", "given", "said"),
    [
        ("wheel", {"speed": 1}, None),
        ("wheel", {"speed": 1, "size": 2}, "size is passed"),
        ("wheel", {}, "speed is missing"),
        ("brake", {"size": 1}, None),
        ("brake", {"speed": 1, "size": 1}, "speed is passed"),
        ("brake", {"colour": "blue"}, "size is missing"),
        ("horn", {}, None),
        ("bell", {}, None),
        ("horn", {"sound": 1}, "sound is no argument"),
        ("bell", {"sizes": 1}, "did you mean size"),
    ],
)
def test_what_comes_at_the_call_is_read_off_the_type(
    argument: str, given: dict[str, Any], said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {HERE.format("Cart"): Cart, HERE.format("make"): make}
    monkeypatch.setattr("mtl_ase.config.arguments.pkgutil.resolve_name", known.__getitem__)
    maker = {"_target_": HERE.format("make"), "_partial_": True, **given}
    config = OmegaConf.create({"cart": {"_target_": HERE.format("Cart"), argument: maker}})
    if said is None:
        check_arguments(config["cart"], "cart")
        return
    with pytest.raises(UserError, match=rf"^cart\.{argument}\..*{said}"):
        check_arguments(config["cart"], "cart")


def test_nothing_is_built_before_arguments_are_bound(composed: Compose) -> None:
    config = composed("+model.adapter.rankk=3", "model.encoder.name=no_such_network")
    with pytest.raises(UserError, match="rankk is no argument"):
        build_network(config, build_tasks(config))
