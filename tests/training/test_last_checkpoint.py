"""When the checkpoint that a run goes on from is due."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mtl_ase.training.last_checkpoint import is_validated_next


@pytest.mark.parametrize(
    ("batches", "accumulate", "every", "epoch", "due"),
    [
        (6, 1, 1, 0, [5]),
        (6, 3, 1, 0, [3]),
        (7, 3, 1, 0, [6]),
        (6, 1, 2, 0, []),
        (6, 1, 2, 1, [5]),
        (3, 1, 1, 0, [2, 5]),  # twice an epoch
        (float("inf"), 1, 1, 0, []),
        (None, 1, 1, 0, []),
    ],
)
def test_the_last_step_before_a_validation_is_known(batches, accumulate, every, epoch, due):
    trainer = SimpleNamespace(
        val_check_batch=batches,
        accumulate_grad_batches=accumulate,
        check_val_every_n_epoch=every,
        current_epoch=epoch,
        enable_validation=True,
    )
    last = 7 if batches == 7 else 6
    found = [
        done
        for done in range(1, last)
        if done % accumulate == 0 and is_validated_next(trainer, done)
    ]
    assert found == due
    trainer.enable_validation = False
    assert not any(is_validated_next(trainer, done) for done in range(1, last))


def test_validations_may_be_counted_across_epochs():
    """Every fourth batch, in epochs of six of which five are done before."""
    progress = SimpleNamespace(total=SimpleNamespace(completed=0))
    trainer = SimpleNamespace(
        val_check_batch=4,
        accumulate_grad_batches=1,
        check_val_every_n_epoch=None,
        current_epoch=5,
        enable_validation=True,
        fit_loop=SimpleNamespace(epoch_loop=SimpleNamespace(batch_progress=progress)),
    )
    found = []
    for done in range(1, 6):
        progress.total.completed = 5 * 6 + done
        if is_validated_next(trainer, done):
            found.append(done)
    assert found == [1, 5]
