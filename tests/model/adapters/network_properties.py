"""What must hold for a tiny network with an adapter at its default sites.

Functions of a node `model` of a config, listed in `PROPERTIES`. T tasks, B images.
"""

from __future__ import annotations

import copy

import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.model import count_parameters
from tests.model.adapters.cases import CHANNELS, IMAGE_HW, build_network, model_config
from tests.model.adapters.properties import close, one_sentence

PROPERTIES = []


def prop(check):
    """Add a function to the list."""
    PROPERTIES.append(check)
    return check


def images():
    """Two random images."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (2, 3, *IMAGE_HW), generator=generator, dtype=torch.uint8)


def trained_network(config):
    """The network with every trained parameter moved at random."""
    network = build_network(config)
    with torch.no_grad():
        for value in network.parameters():
            if value.requires_grad:
                value += 0.05 * torch.randn_like(value)
    return network


def losses_of(network, seed=2):
    """A random regression loss of every task; dropout and noise are the same at every call."""
    torch.manual_seed(seed)
    logits = network(images()).logits
    return {
        name: (value - torch.randn_like(value)).square().mean() for name, value in logits.items()
    }


@prop
def starts_as_the_network_without_adapters(config):
    network, plain = build_network(config).eval(), build_network(without_adapters()).eval()
    shared = {k: v for k, v in network.state_dict().items() if ".adapters." not in k}
    plain.load_state_dict(shared, strict=True)
    with torch.no_grad():
        actual, expected = network(images()).logits, plain(images()).logits
    exact = all(getattr(adapter, "exact_start", True) for adapter in network.encoder.adapters())
    for name, value in expected.items():
        close(actual[name], value, 1e-6 if exact else float("inf"))


def without_adapters():
    """The node `model` without adapters."""
    return model_config("model/adapter=none")


@prop
def trains_the_adapters_and_not_the_backbone(config):
    network = trained_network(config)
    sum(losses_of(network).values()).backward()
    components = network.encoder.components()
    for parameter in components.pop("backbone"):
        assert not parameter.requires_grad
        assert parameter.grad is None
    assert set(components) & {"experts", "lora"}
    for parameters in components.values():
        assert all(parameter.requires_grad for parameter in parameters)
    missed = [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert missed == []


@prop
def counts_every_parameter_once(config):
    network = build_network(config)
    counts = count_parameters(network)
    assert sum(count.total for count in counts.values()) == sum(
        parameter.numel() for parameter in network.parameters()
    )


@prop
def keeps_a_task_s_loss_from_other_tasks_parameters(config):
    network = trained_network(config)
    for task, name in enumerate(CHANNELS):
        network.zero_grad()
        losses_of(network)[name].backward()
        others = torch.arange(len(CHANNELS)) != task
        for part in (network.encoder, network.decoder):
            for parameter in part.private():
                assert parameter.grad is None or not parameter.grad[others].any()
            for other, parameters in part.of_tasks().items():
                assert other == name or all(parameter.grad is None for parameter in parameters)


@prop
def recomputes_activations_without_a_trace(config):
    network = trained_network(config).train()
    again = copy.deepcopy(network)
    again.encoder.activation_checkpointing = True
    plain, recomputed = losses_of(network), losses_of(again)
    for losses in (plain, recomputed):
        sum(losses.values()).backward()
    assert all(torch.equal(value, recomputed[name]) for name, value in plain.items())
    for (name, value), other in zip(network.named_parameters(), again.parameters(), strict=True):
        assert (value.grad is None) == (other.grad is None), name
        assert value.grad is None or torch.equal(value.grad, other.grad), name
    for (name, buffer), other in zip(network.named_buffers(), again.buffers(), strict=True):
        assert torch.equal(buffer, other), name


@prop
def comes_back_from_its_state_bit_for_bit(config):
    network, other = trained_network(config).eval(), build_network(config).eval()
    other.load_state_dict(copy.deepcopy(network.state_dict()), strict=True)
    with torch.no_grad():
        actual, expected = other(images()).logits, network(images()).logits
    assert all(torch.equal(actual[name], expected[name]) for name in expected)


@prop
def trains_under_autocast(config):
    network = trained_network(config)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = losses_of(network)
    sum(losses.values()).backward()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


@prop
def routes_in_the_order_of_the_forward_pass(config):
    network = build_network(config).eval()
    order = {(site.layer, site.name): i for i, site in enumerate(network.encoder.sites())}
    _, routings = network.encoder(images())
    places = [order[routing.layer, routing.site] for routing in routings]
    assert places == sorted(set(places))


@prop
def merges_into_the_weights_or_stays_as_it_was(config):
    """Merged for a task, it gives that task's feature maps without any adapter."""
    network = trained_network(config).double().eval()
    with torch.no_grad():
        expected, _ = network.encoder(images())
    for task in range(len(CHANNELS)):
        merged = copy.deepcopy(network.encoder)
        if is_mergeable(network.encoder):
            merged.merge(task)
            assert not list(merged.adapters())
        else:
            with pytest.raises(UserError, match="can't be merged") as error:
                merged.merge(task)
            one_sentence(error)
        with torch.no_grad():
            maps, routings = merged(images())
        assert not (is_mergeable(network.encoder) and routings)
        for actual_TBDHW, expected_TBDHW in zip(maps, expected, strict=True):
            close(actual_TBDHW[task], expected_TBDHW[task], 1e-9)


def is_mergeable(encoder):
    """Whether all adapters add a matrix to a linear layer."""
    return all(
        adapter.site.name != "ffn" and adapter.delta_weight(0) is not None
        for adapter in encoder.adapters()
    )
