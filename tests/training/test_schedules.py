"""What every learning-rate schedule keeps to."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_ase.base.errors import UserError
from mtl_ase.training import Cosine, Poly

SCHEDULES = {
    "poly": Poly,
    "steep": lambda warmup=0.0: Poly(power=3.0, warmup=warmup),
    "cosine": Cosine,
}
every_schedule = pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)
some = settings(max_examples=40, deadline=None, derandomize=True)


@every_schedule
@some
@given(num_steps=st.integers(10, 300), warmup=st.sampled_from([0.0, 0.02, 0.3, 0.9]))
def test_rises_then_falls_within_bounds(make, num_steps, warmup):
    schedule = make(warmup=warmup)
    factors = [schedule(step, num_steps) for step in range(num_steps + 1)]
    top = next(i for i in range(num_steps + 1) if i >= warmup * num_steps)
    assert factors[:top] == sorted(factors[:top])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    assert all(0 < factor <= 1 for factor in factors[:-1])
    assert factors[-1] == pytest.approx(0, abs=1e-12)


@every_schedule
def test_starts_at_one_without_warmup(make):
    assert make()(0, 100) == 1


@every_schedule
def test_warmup_is_linear(make):
    """10 of 100 steps: 1/11, 2/11, ... 10/11, then the full rate."""
    schedule = make(warmup=0.1)
    rising = [schedule(step, 100) for step in range(11)]
    assert rising == pytest.approx([(step + 1) / 11 for step in range(11)])


@every_schedule
def test_stays_at_zero_past_the_end(make):
    assert make(warmup=0.1)(120, 100) == pytest.approx(0, abs=1e-12)


def test_values_halfway():
    assert Poly(power=0.9)(50, 100) == pytest.approx(0.5**0.9)
    assert Cosine()(50, 100) == pytest.approx(0.5)


@every_schedule
@pytest.mark.parametrize("warmup", [-0.1, 1.0, 5])
def test_warmup_out_of_range(make, warmup):
    with pytest.raises(UserError, match=r"schedule\.warmup"):
        make(warmup=warmup)


@every_schedule
@pytest.mark.parametrize(("epochs", "batches"), [(3, 7), (40, 25), (100, 3), (7, 1)])
def test_a_stair_an_epoch_is_the_factor_of_its_first_step(make, epochs, batches):
    """M3ViT's poly: lr * (1 - epoch / epochs)^0.9, constant within an epoch."""
    plain, stepped = make(), make()
    stepped.stairs = epochs
    for step in range(epochs * batches):
        epoch = step // batches
        assert stepped(step, epochs * batches) == pytest.approx(plain(epoch, epochs), abs=1e-12)


def test_stairs_out_of_range():
    for stairs in (0, -1):
        with pytest.raises(UserError, match=r"schedule\.stairs=.*choose 1 or more, or null"):
            Poly(stairs=stairs)
    assert Cosine(stairs=2)(3, 10) == 1
