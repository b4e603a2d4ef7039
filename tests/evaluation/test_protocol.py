"""Protocols and references: what they choose, resize, round and refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf, open_dict

from mtl_ase.base.errors import UserError
from mtl_ase.config import CONFIGS
from mtl_ase.data import Batch, Box
from mtl_ase.data.official import official_lists
from mtl_ase.evaluation import EvalProtocol, Reference, Scorer
from mtl_ase.evaluation.protocol import inside, resized
from mtl_ase.metrics import MaxF, MaxMeanF, SaliencyIoU

PLAIN = EvalProtocol("plain")


def test_metrics_and_headlines_are_the_protocols(tasks):
    protocol = EvalProtocol(
        "p", {"saliency": {"maxf": MaxF(), "more": SaliencyIoU()}}, {"saliency": "maxf"}
    )
    changed = protocol.apply(tasks)
    assert list(changed["saliency"].metrics) == ["maxf", "more"]
    assert changed["saliency"].headline_key == "saliency/maxf"
    assert changed["semseg"] == tasks["semseg"]
    assert tasks["saliency"].headline_key == "saliency/miou"


def test_saliency_has_the_f_measures_of_both_sources(composed):
    """A key means one thing everywhere: maxf is ATRC's, maxf_astmt ASTMT's; headlines stay."""
    for name, headline in (("astmt", "miou"), ("invpt", "maxf")):
        config = composed()
        with open_dict(config):
            config.protocol = OmegaConf.load(CONFIGS / "protocol" / f"{name}.yaml")
        metrics = instantiate(config.protocol.metrics.saliency)
        assert isinstance(metrics["maxf"], MaxF)
        assert metrics["maxf"].beta2 == 0.3
        assert ("maxf_astmt" in metrics) is (name == "astmt")
        assert isinstance(metrics.get("maxf_astmt", MaxMeanF()), MaxMeanF)
        assert config.protocol.headlines.saliency == headline


def test_subsets_are_published_lists_of_the_data_set():
    protocol = EvalProtocol("p", subsets={"edge": "test_new"})
    assert len(protocol.images("edge", "pascal_context")) == 2498
    assert protocol.images("semseg", "pascal_context") is None
    assert protocol.images("edge", "scenes") is None


def test_images_outside_the_subset_are_not_scored(tasks):
    wanted = official_lists("pascal_context")["test_new"][0]
    protocol = EvalProtocol("p", subsets={"edge": "test_new"})
    batch_ids = [wanted, "another"]
    labels = {
        name: [torch.ones(3, 20, 20) / 3**0.5 if name == "normals" else torch.ones(20, 20).byte()]
        * 2
        for name in tasks
    }
    logits = {name: torch.randn(2, task.channels, 20, 20) for name, task in tasks.items()}
    scorer = Scorer(tasks, dataset="pascal_context", protocol=protocol, per_image=True)
    scorer.update(logits, Batch(batch_ids, torch.zeros(2, 3, 20, 20), labels))
    assert set(scorer.per_image.counts["edge/odsf"]) == {wanted}
    assert set(scorer.per_image.counts["semseg/miou"]) == set(batch_ids)
    table = scorer.per_image.table("edge/odsf", scorer.per_image.image_ids)
    assert table.shape[0] == 2
    assert (table.sum(1) > 0).sum() == 1
    scorer.reset()


@pytest.mark.parametrize("name", ["semseg", "saliency", "normals"])
def test_activation_before_and_after_resizing(tasks, name):
    task = tasks[name]
    logits = torch.randn(1, task.channels, 8, 8)
    box = Box(2, 0, 4, 8)
    first = EvalProtocol("p", activate_first=True)

    def predict(protocol, box, height, width):
        part = inside(logits, box)
        return protocol.predict(task, part, resized(part, (height, width)))

    for protocol in (PLAIN, first):
        assert predict(protocol, box, 16, 32).shape[-2:] == (16, 32)
        same = predict(protocol, box, 4, 8)
        torch.testing.assert_close(same, task.output.activate(logits[0, :, 2:6].float()))
    late, early = (predict(p, None, 31, 31) for p in (PLAIN, first))
    assert not torch.equal(late, early)
    if name == "semseg":
        assert early.dtype == late.dtype == torch.int64
        assert set(early.unique().tolist()) <= set(
            task.output.activate(logits[0]).unique().tolist()
        )


def test_rounding_is_that_of_a_png(tasks):
    protocol = EvalProtocol("p", rounded=["saliency", "normals"])
    probability = torch.rand(50, 40)
    written = (probability.numpy() * 255).astype(np.uint8)
    read = protocol.round(tasks["saliency"], probability)
    torch.testing.assert_close(read, torch.from_numpy(written / 255).float())
    vectors = torch.nn.functional.normalize(torch.randn(3, 50, 40), dim=0)
    written = ((vectors.numpy() + 1) * 255 / 2).astype(np.uint8)
    expected = torch.from_numpy(2 * (written / 255) - 1).float()
    close = (protocol.round(tasks["normals"], vectors) - expected).abs() < 1e-5
    assert close.float().mean() > 0.999  # a value on the edge of a level may go either way
    assert protocol.round(tasks["edge"], probability) is probability


def test_a_reference_without_a_source_is_refused():
    with pytest.raises(UserError, match="no source of b"):
        Reference("set", "astmt", {"a": "paper"}, {"a": 1.0, "b": 2.0})


@pytest.mark.parametrize(
    ("dataset", "protocol", "headlines", "said"),
    [
        ("set", "astmt", ["a", "b"], None),
        ("set", "astmt", ["b", "a"], None),
        ("other", "astmt", ["a", "b"], "of data set set, not other"),
        ("set", "invpt", ["a", "b"], "of protocol astmt, not invpt"),
        ("set", "astmt", ["a"], "the reference has a, b"),
        ("set", "astmt", ["a", "b", "c"], "scored by a, b, c"),
    ],
)
def test_what_a_reference_fits(dataset, protocol, headlines, said):
    reference = Reference("set", "astmt", dict.fromkeys("ab", "paper"), {"a": 1.0, "b": 2.0})
    mismatch = reference.mismatch(dataset, protocol, headlines)
    assert mismatch is None if said is None else said in mismatch
