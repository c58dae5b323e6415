"""The two stories of docs/benchmarks.md: who remembers over a hundred steps, and what clipping is for."""

import pytest

from tests.benchmarks.gradients import exploding, vanishing

ALWAYS_ONE = 1 / 6  # the error of a network that has learnt nothing but the mean


@pytest.mark.slow
def test_the_plain_cells_gradient_vanishes_over_a_hundred_steps_and_it_learns_nothing():
    outcome = vanishing("rnn")
    kept = outcome.profiles[-1]
    assert outcome.error > 0.9 * ALWAYS_ONE
    assert kept["effective_memory"] < 20
    assert kept["profile"][50] < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gated_cells_keep_their_gradient_and_solve_it(cell):
    outcome = vanishing(cell)
    kept = outcome.profiles[-1]
    assert outcome.error < 0.02 * ALWAYS_ONE
    assert kept["profile"][99] > 1e-3
    assert kept["effective_memory"] > 50


def test_a_recurrence_that_explodes_diverges_without_clipping():
    outcome = exploding(None, max_steps=120)
    assert outcome.failed is not None
    assert "at half the learning rate too" in outcome.failed


@pytest.mark.slow
def test_the_same_recurrence_trains_with_clipping():
    outcome = exploding(1.0)
    assert outcome.failed is None
    assert outcome.history[0]["gradient_norm_max"] > 1e10
    assert outcome.error < 0.5 * ALWAYS_ONE
