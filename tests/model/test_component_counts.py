"""Counts by component where encoder and decoder both have one of the name."""

from __future__ import annotations

from types import SimpleNamespace

from torch import nn

from mtl_ase.model import Count, count_parameters


def part(**layers):
    """An encoder or decoder with a layer per component."""
    return SimpleNamespace(
        components=lambda: {name: list(layer.parameters()) for name, layer in layers.items()}
    )


def test_a_component_of_encoder_and_decoder_is_counted_over_both():
    frozen = nn.Linear(3, 5).requires_grad_(False)
    encoder = part(experts=nn.Linear(3, 4), backbone=frozen)
    decoder = part(head=nn.Linear(2, 1), experts=nn.Linear(2, 7).requires_grad_(False))
    found = count_parameters(SimpleNamespace(encoder=encoder, decoder=decoder))
    assert list(found.items()) == [
        ("backbone", Count(20, 0)),
        ("experts", Count(16 + 21, 16)),
        ("head", Count(3, 3)),
    ]
