"""The network: an encoder and a decoder. Legend: B images, C channels, H W pixels."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from torch import Tensor, nn
from torch.nn.functional import interpolate

from mtl_ase.base.errors import UserError
from mtl_ase.base.numerics import at_least_float32
from mtl_ase.model.adapters import Adapter, Site
from mtl_ase.model.decoders import Decoder
from mtl_ase.model.encoders import Encoder, FeatureMap
from mtl_ase.model.routing import Routing


class MakeEncoder(Protocol):
    """An encoder class with all but the tasks bound."""

    def __call__(self, *, tasks: Sequence[str]) -> Encoder:
        """Build the encoder."""


class MakeDecoder(Protocol):
    """A decoder class with all but the shapes of its input and output bound."""

    def __call__(
        self, *, feature_maps: Sequence[FeatureMap], channels: Mapping[str, int]
    ) -> Decoder:
        """Build the decoder."""


class MakeAdapter(Protocol):
    """An adapter class with all but the site bound; its keyword `sites` names its sites."""

    def __call__(self, *, site: Site) -> Adapter:
        """Build the adapter of one site."""


class Prediction(NamedTuple):
    """Output of the network: logits_BCHW by task at input size, and the routers' decisions."""

    logits: dict[str, Tensor]
    routing: list[Routing]


class MultiTaskNetwork(nn.Module):
    """One encoder for all tasks, adapters at its sites, one decoder.

    Args:
        channels: output channels by task name; their order is the order of the task axis.
        encoder: makes the encoder, given the tasks.
        decoder: makes the decoder, given the encoder's feature maps and the channels.
        adapter: makes the adapter of a site; None for none.
        lora: a second adapter at other sites, plain LoRA as a rule; None for none.

    Raises:
        UserError: an adapter names no site, one that the encoder has not, or one of the other's.
    """

    def __init__(
        self,
        channels: Mapping[str, int],
        encoder: MakeEncoder,
        decoder: MakeDecoder,
        adapter: MakeAdapter | None = None,
        lora: MakeAdapter | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder(tasks=list(channels))
        self._attach({"model.adapter": adapter, "model.lora": lora})
        self.decoder = decoder(feature_maps=self.encoder.feature_maps, channels=channels)
        self.encoder.draw_task_embedding()

    def forward(
        self,
        image_BCHW: Tensor,
        by_task: Mapping[str, Tensor] | None = None,
        watch_maps: Callable[[Sequence[Tensor]], None] | None = None,
    ) -> Prediction:
        """Logits of all tasks, resized bilinearly to the images' size, and the routing.

        Args:
            image_BCHW: bytes or floats in 0..255.
            by_task: weights of each task in place of the encoder's shared ones, for their
                gradients by task; see `Encoder.used_in_passes`.
            watch_maps: called with the encoder's maps_TBDHW, the finest first.
        """
        if by_task:
            maps, routing = self.encoder.forward_by_task(image_BCHW, by_task)
        else:
            maps, routing = self.encoder(image_BCHW)
        if watch_maps is not None:
            watch_maps(maps)
        logits, of_decoder = self.decoder(maps)
        return Prediction(resized(logits, image_BCHW), routing + of_decoder)

    def _attach(self, makers: Mapping[str, MakeAdapter | None]) -> None:
        wanted = {key: sites_of(make) for key, make in makers.items() if make is not None}
        sites = self.encoder.sites()
        for key, names in wanted.items():
            self._check_sites(key, names, list(dict.fromkeys(site.name for site in sites)))
        for site in sites:
            keys = [key for key, names in wanted.items() if site.name in names]
            if len(keys) > 1:
                raise UserError(
                    f"{' and '.join(keys)} both ask for the site {site.name!r}; take it out of one "
                    f"of them, e.g. {keys[-1]}.sites=[...]."
                )
            for key in keys:
                adapter = makers[key](site=site)  # type: ignore[misc]
                if not (site.shared and adapter.knows_tasks):
                    self.encoder.attach(adapter)

    def _check_sites(self, key: str, names: Sequence[str], known: Sequence[str]) -> None:
        encoder = type(self.encoder).__name__
        if not known:
            raise UserError(
                f"{key} is an adapter, but {encoder} has no sites for one; choose "
                "model/adapter=none."
            )
        if not names:
            raise UserError(
                f"{key}.sites is empty, so nothing would be trained there; name some of "
                f"{', '.join(known)}, or set {key}=null."
            )
        for name in names:
            if name not in known:
                raise UserError(
                    f"{key}.sites names {name!r}, but {encoder} has the sites {', '.join(known)}; "
                    "choose among these."
                )


def resized(logits: Mapping[str, Tensor], image_BCHW: Tensor) -> dict[str, Tensor]:
    """Logits_BCHW by task at the images' size, in 32 bits or more."""
    size = image_BCHW.shape[-2:]
    return {
        name: interpolate(at_least_float32(value), size, mode="bilinear")
        for name, value in logits.items()
    }


def sites_of(make: MakeAdapter) -> Sequence[str]:
    """Names of the sites of a block where an adapter is built: its keyword `sites`, as bound.

    Raises:
        UserError: the constructor has no such keyword, or it has neither a value nor a default.
    """
    sites = inspect.signature(make).parameters.get("sites")
    if sites is None or sites.default is sites.empty:
        name = getattr(getattr(make, "func", make), "__name__", "the adapter")
        raise UserError(
            f"{name} does not say at which sites it is built; give its constructor the keyword "
            'sites with a default, e.g. ("qkv",).'
        )
    names: Sequence[str] = sites.default
    return names
