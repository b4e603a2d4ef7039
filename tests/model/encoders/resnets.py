"""Small networks with ResNet-18 encoders, and run folders of single-task ones, for tests."""

from __future__ import annotations

from functools import partial

import torch
from omegaconf import OmegaConf

from mtl_ase.base.run_files import RunFiles
from mtl_ase.model import MultiTaskNetwork
from mtl_ase.model.decoders import DeepLab, OneHeadATask
from mtl_ase.model.encoders import MTAN, NDDRCNN, CrossStitch, ResNetEncoder

CHANNELS = {"semseg": 5, "edge": 1, "normals": 3}
ENCODERS = {"resnet18": ResNetEncoder, "mtan": MTAN, "nddr": NDDRCNN, "stitch": CrossStitch}
NAME = "mtl_ase.model.encoders.ResNetEncoder"


def make_network(
    encoder=ResNetEncoder, channels=CHANNELS, decoder_stl=None, hidden=8, dropout=0.5, **arguments
):
    """A network of random weights with narrow DeepLab heads, dilated to fit small maps."""
    head = partial(DeepLab, hidden=hidden, dilations=(1, 2, 3), dropout=dropout)
    decoder = partial(OneHeadATask, head=head, stl=decoder_stl)
    arguments = {"pretrained": False} | arguments
    return MultiTaskNetwork(channels, partial(encoder, **arguments), decoder)


def shake(network):
    """Give batch norms statistics and weights as a trained network has them, all different."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 1.5)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.3)
    return network


def make_images(count=2, size=(64, 64)):
    """Images of random bytes."""
    return torch.randint(0, 256, (count, 3, *size), dtype=torch.uint8)


def write_run(folder, network, tasks=None, encoder=NAME, done=True, checkpoint="best", **more):
    """A run folder as train.py leaves it, as far as other runs read it."""
    files = RunFiles(folder)
    files.checkpoints.mkdir(parents=True)
    names = list(network.decoder.heads) if tasks is None else tasks
    config = {
        "tasks": {name: {"channels": CHANNELS.get(name, 1)} for name in names},
        "model": {"encoder": {"_target_": encoder, "_partial_": True}},
    }
    files.config.write_text(OmegaConf.to_yaml(OmegaConf.create(config)))
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    content = {"state_dict": state, "global_step": 7, "optimizer_states": [], **more}
    torch.save(content, getattr(files, checkpoint))
    if done:
        files.done.touch()
    return str(folder)
