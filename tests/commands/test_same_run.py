"""A checkpoint of another network is refused, with what differs."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.commands.same_run import check_same_run
from tests.conftest import Compose


def saved(composed: Compose, folder: Path, *overrides: str) -> Path:
    """The checkpoint's path in a run folder with this config."""
    config = composed("experiment=ase_finegrained", *overrides)
    content = OmegaConf.to_container(config, resolve=False)
    keep = {part: content[part] for part in ("seed", "metrics", "tasks", "data", "size", "model")}
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(keep), resolve=True))
    return folder / "checkpoints" / "last.ckpt"


def test_the_same_config_may_go_on(composed: Compose, tmp_path: Path) -> None:
    checkpoint = saved(composed, tmp_path)
    others = ["trainer.max_steps=7", "model.encoder.pretrained=false", "data.num_workers=3"]
    check_same_run(checkpoint, composed("experiment=ase_finegrained", *others))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("model.adapter.rank=8", r"model\.adapter\.rank: 2 -> 8"),
        ("tasks=[semseg,edge]", r"tasks\.human_parts\.channels: 7 -> none"),
        (
            "model.encoder.name=vit_small_patch16_224",
            r"model\.encoder\.name: vit_base\S+ -> vit_small",
        ),
        ("data.image_size=[96,96]", r"data\.image_size: \[224, 224\] -> \[96, 96\]"),
    ],
)
def test_another_network_is_refused(
    composed: Compose, tmp_path: Path, change: str, said: str
) -> None:
    checkpoint = saved(composed, tmp_path)
    with pytest.raises(UserError, match=said) as caught:
        check_same_run(checkpoint, composed("experiment=ase_finegrained", change))
    assert "start anew with another run_dir" in str(caught.value)


def test_a_checkpoint_from_elsewhere_is_taken(composed: Compose, tmp_path: Path) -> None:
    check_same_run(tmp_path / "some.ckpt", composed("experiment=ase"))
