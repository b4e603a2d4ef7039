"""Networks that start as finished single-task runs: trunks and heads found by task, or refused."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import RunFiles
from mtl_ase.model.encoders import MTAN, NDDRCNN, CrossStitch
from tests.model.encoders.resnets import CHANNELS, make_images, make_network, shake, write_run


@pytest.fixture(scope="module")
def networks():
    """A network for every task."""
    torch.manual_seed(1)
    return {
        name: shake(make_network(channels={name: channels})).eval()
        for name, channels in CHANNELS.items()
    }


@pytest.fixture(scope="module")
def runs(networks, tmp_path_factory):
    """Their run folders, by task."""
    folder = tmp_path_factory.mktemp("runs")
    return {name: write_run(folder / name, network) for name, network in networks.items()}


def assert_equal(found, expected):
    """Two modules have the same weights and statistics."""
    assert found.state_dict().keys() == expected.state_dict().keys()
    for key, value in found.state_dict().items():
        assert torch.equal(value, expected.state_dict()[key]), key


@pytest.mark.parametrize("encoder", [CrossStitch, NDDRCNN])
def test_trunks_and_heads_go_to_their_tasks_whatever_the_order(networks, runs, encoder):
    folders = [runs["normals"], runs["semseg"], runs["edge"]]
    joined = make_network(encoder, decoder_stl=folders, stl=folders)
    assert joined.encoder.source == ", ".join(runs[name] for name in CHANNELS)
    for trunk, (name, network) in zip(joined.encoder.trunks, networks.items(), strict=True):
        assert_equal(trunk, network.encoder.trunk)
        assert_equal(joined.decoder.heads[name], network.decoder.heads[name])


def test_identity_stitches_of_runs_are_the_runs_networks(networks, runs):
    folders, images = list(runs.values()), make_images()
    joined = make_network(CrossStitch, decoder_stl=folders, stl=folders, own=1.0).eval()
    for name, logits_BCHW in joined(images).logits.items():
        assert torch.equal(logits_BCHW, networks[name](images).logits[name])


def test_the_runs_files_stay_as_they_are(runs):
    path = Path(runs["edge"]) / "checkpoints" / "best.ckpt"
    before = path.read_bytes()
    joined = make_network(CrossStitch, channels={"edge": 1}, stl=[runs["edge"]])
    with torch.no_grad():
        for parameter in joined.parameters():
            parameter.zero_()
    assert path.read_bytes() == before


def test_nothing_is_downloaded(runs, monkeypatch):
    def download(url, **arguments):
        raise AssertionError(url)

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", download)
    NDDRCNN(["edge"], pretrained=True, stl=[runs["edge"]])


def test_the_best_checkpoint_goes_before_the_last(networks, runs, tmp_path):
    last = write_run(tmp_path / "edge", networks["edge"], checkpoint="last")
    expected = networks["edge"].encoder.trunk.conv1.weight
    assert torch.equal(CrossStitch(["edge"], stl=[last]).trunks[0].conv1.weight, expected)
    other = shake(make_network(channels={"edge": 1}))
    best = write_run(tmp_path / "other", other)
    shutil.copy(Path(best) / "checkpoints" / "best.ckpt", Path(last) / "checkpoints" / "best.ckpt")
    expected = other.encoder.trunk.conv1.weight
    assert torch.equal(CrossStitch(["edge"], stl=[last]).trunks[0].conv1.weight, expected)


def test_the_averaged_weights_of_a_run_with_ema_are_taken(networks, tmp_path):
    """They are in `state_dict`; `current_model_state` holds those that are trained on."""
    raw = {
        f"network.{name}": torch.zeros_like(value)
        for name, value in networks["edge"].state_dict().items()
    }
    folder = write_run(tmp_path / "edge", networks["edge"], current_model_state=raw)
    expected = networks["edge"].encoder.trunk.conv1.weight
    assert torch.equal(CrossStitch(["edge"], stl=[folder]).trunks[0].conv1.weight, expected)


def test_a_missing_task(runs):
    with pytest.raises(UserError, match=r"model\.encoder\.stl has no run on edge; give one"):
        CrossStitch(list(CHANNELS), stl=[runs["semseg"], runs["normals"]])


def test_a_task_that_the_network_has_not(runs):
    with pytest.raises(UserError, match=r"stl: .*normals is a run on normals, but tasks are edge"):
        CrossStitch(["edge"], stl=[runs["edge"], runs["normals"]])


def test_two_runs_on_the_same_task(runs, networks, tmp_path):
    second = write_run(tmp_path / "second", networks["edge"])
    with pytest.raises(UserError, match=r"stl: .*edge and .*second are both on edge; keep one"):
        CrossStitch(["edge"], stl=[runs["edge"], second])
    with pytest.raises(UserError, match="are both on edge"):
        CrossStitch(["edge"], stl=[runs["edge"], runs["edge"]])


def test_the_decoder_names_its_own_key(runs):
    with pytest.raises(UserError, match=r"model\.decoder\.stl has no run on edge"):
        make_network(CrossStitch, decoder_stl=[runs["semseg"], runs["normals"]])


def test_runs_and_a_weights_file_exclude_each_other(runs):
    with pytest.raises(UserError, match=r"stl and model\.encoder\.weights are both given"):
        CrossStitch(["edge"], weights="resnet.pth", stl=[runs["edge"]])


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"tasks": ["edge", "semseg"]}, "is a run on edge, semseg; give runs on one task each"),
        ({"tasks": []}, "is a run on no task; give runs on one task each"),
        ({"done": False}, "is not finished"),
        ({"encoder": "mtl_ase.model.encoders.MTAN"}, "has the encoder mtl_ase.model.encoders.MTAN"),
    ],
    ids=["several_tasks", "no_task", "unfinished", "another_encoder"],
)
def test_runs_of_another_kind(networks, tmp_path, changed, sentence):
    folder = write_run(tmp_path / "run", networks["edge"], **changed)
    with pytest.raises(UserError, match=rf"model\.encoder\.stl: .*run {re.escape(sentence)}"):
        CrossStitch(["edge"], stl=[folder])


def test_a_folder_without_a_run(tmp_path):
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(UserError, match=r"is no run folder \(no config\.yaml\)"):
            CrossStitch(["edge"], stl=[str(folder)])


@pytest.mark.parametrize("text", ["{", "- a list", "tasks: {edge: 1}", "", "model: ${oc.env:HOME}"])
def test_a_config_that_no_run_wrote(networks, tmp_path, text):
    folder = write_run(tmp_path / "run", networks["edge"])
    RunFiles(tmp_path / "run").config.write_text(text)
    with pytest.raises(UserError, match=r"config\.yaml can't be read as a run's config"):
        CrossStitch(["edge"], stl=[folder])


class Evil:
    """Its pickle would run code."""

    def __reduce__(self):
        return (os.system, ("exit 1",))


@pytest.mark.parametrize(
    "content", [b"no checkpoint" * 50, {"weights": 1}, [1], {"state_dict": Evil()}, None]
)
def test_a_checkpoint_that_no_run_wrote(networks, tmp_path, content):
    folder = write_run(tmp_path / "run", networks["edge"])
    path = RunFiles(tmp_path / "run").best
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(UserError, match=r"(best|last)\.ckpt can't be read as a run's checkpoint"):
        CrossStitch(["edge"], stl=[folder])


def test_weights_of_other_shapes(networks, runs, tmp_path):
    wide = make_network(channels={"edge": 1}, hidden=9)
    folder = write_run(tmp_path / "wide", wide)
    message = r"model\.decoder\.stl: .*decoder\.heads\.edge in .*wide do not fit .* differ, first "
    with pytest.raises(UserError, match=message):
        make_network(channels={"edge": 1}, decoder_stl=[folder])


def test_a_run_whose_weights_are_another_networks(networks, tmp_path):
    folder = write_run(tmp_path / "run", make_network(MTAN, channels={"edge": 1}).decoder, ["edge"])
    with pytest.raises(UserError, match=r"encoder\.trunk in .*run do not fit the network: 1"):
        CrossStitch(["edge"], stl=[folder])
