"""The adapters of `configs/model/adapter` as cases of tests: found, composed once, built tiny.

T tasks, B images, L tokens, D width in, O width out.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.config import CONFIGS
from mtl_ase.model import MultiTaskNetwork
from mtl_ase.model.network import MakeAdapter, sites_of
from tests.composing import composed
from tests.model.adapters.sites import make_site

T, B, GRID_HW, NUM_PREFIX = 3, 2, (2, 3), 1
L = NUM_PREFIX + GRID_HW[0] * GRID_HW[1]
WIDTH = 48
WIDTHS = {
    "qkv": (WIDTH, 3 * WIDTH),
    "proj": (WIDTH, WIDTH),
    "fc1": (WIDTH, 4 * WIDTH),
    "fc2": (4 * WIDTH, WIDTH),
    "ffn": (WIDTH, WIDTH),
}
"""Widths in and out of the sites of a tiny ViT."""
LAYERS = {"qkv": 7, "proj": 0, "fc1": 3, "fc2": 4, "ffn": 5}
"""Blocks of the sites, of 8: first, last, and both even and odd ones (methods have stages)."""
CHANNELS = {"a": 3, "b": 1, "c": 2}
IMAGE_HW = (32, 48)
TINY = (
    "setting=scenes",
    "size.vit.weights=null",
    f"size.vit.options={{patch_size:16,embed_dim:{WIDTH},depth:2,num_heads:2,class_token:true}}",
    f"data.image_size=[{IMAGE_HW[0]},{IMAGE_HW[1]}]",
    "size.head.hidden=8",
)

FOLDER = Path(CONFIGS) / "model" / "adapter"
ORACLES = Path(__file__).parent / "oracles"
NAMES = sorted(
    path.stem
    for path in FOLDER.glob("*.yaml")
    if OmegaConf.load(path).get("adapter", "inherited") is not None
)


@cache
def model_config(*overrides: str):
    """The node `model` of the tiny setting."""
    config = composed(*TINY, *overrides)
    OmegaConf.resolve(config.model)
    return config.model


def build_network(config) -> MultiTaskNetwork:
    """The tiny network of a node `model`, whose parameters depend on nothing but the config."""
    torch.manual_seed(0)
    return instantiate(config, channels=CHANNELS)


@cache
def make_adapter(name: str) -> MakeAdapter:
    """What builds the adapter of a shipped config at a site."""
    return instantiate(model_config(f"model/adapter={name}").adapter)


@cache
def oracle_of(name: str) -> ModuleType | None:
    """The oracle of this name, or else of another config of the same class."""
    names = [name] + [n for n in NAMES if target(n) == target(name)]
    return next((load_oracle(n) for n in names if (ORACLES / f"{n}.py").is_file()), None)


def target(name: str) -> str:
    """Import path of a shipped config's adapter."""
    return str(model_config(f"model/adapter={name}").adapter._target_)


def load_oracle(name: str) -> ModuleType:
    """The module `oracles/NAME.py`."""
    return importlib.import_module(f"tests.model.adapters.oracles.{name}")


@dataclass(frozen=True)
class Case:
    """An adapter at a site of a tiny ViT.

    Attributes:
        make: builds the adapter, given the site.
        site: name of the site.
        oracle: the module with its loops; None: it has none.
        count: the oracle's number of parameters; None: the config isn't the oracle's own.
    """

    make: MakeAdapter
    site: str
    oracle: ModuleType | None
    count: object | None

    def place(self):
        """The site, with a weight of its own."""
        width_in, width_out = WIDTHS[self.site]
        weight_OD = torch.randn(width_out, width_in, generator=torch.Generator().manual_seed(1))
        return make_site(
            self.site,
            T,
            width_in,
            width_out,
            GRID_HW,
            NUM_PREFIX,
            layer=LAYERS[self.site],
            num_layers=8,
            weight_OD=None if self.site == "ffn" else width_in**-0.5 * weight_OD,
        )

    def fresh(self, seed: int = 0, dtype: torch.dtype = torch.float64):
        """The adapter as built, in training mode; skips the test if it refuses the site."""
        torch.manual_seed(seed)
        try:
            return self.make(site=self.place()).to(dtype)
        except UserError as error:
            pytest.skip(str(error))

    def trained(self, dtype: torch.dtype = torch.float64):
        """The adapter with every parameter moved at random, in evaluation mode."""
        adapter = self.fresh(dtype=torch.float64)
        generator = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for value in adapter.parameters():
                move = torch.randn(value.shape, generator=generator, dtype=torch.float64)
                value += 0.2 * move.to(value.device)
        return adapter.to(dtype).eval()

    def input(self, dtype: torch.dtype = torch.float64, seed: int = 3, alike: bool = False):
        """Random tokens_TBLD; `alike`: the same for all tasks."""
        generator = torch.Generator().manual_seed(seed)
        shape = (1 if alike else T, B, L, WIDTHS[self.site][0])
        x_TBLD = torch.randn(shape, generator=generator, dtype=torch.float64)
        return x_TBLD.expand(T, -1, -1, -1).contiguous().to(dtype)


def shipped(name: str, site: str) -> Case:
    """A shipped config at a site."""
    own = (ORACLES / f"{name}.py").is_file()
    oracle = oracle_of(name)
    return Case(make_adapter(name), site, oracle, oracle.num_parameters if own else None)


def default_sites(name: str) -> Sequence[str]:
    """The sites that a shipped config names."""
    return sites_of(make_adapter(name))
