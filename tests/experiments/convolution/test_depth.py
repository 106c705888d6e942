import numpy as np
import pytest
import torch

from hypercolumn.experiments.convolution.depth import (
    DepthResult,
    Effort,
    depth_table,
    measure_depth,
    scores_of,
    stack,
)


@pytest.fixture(scope="module")
def result() -> DepthResult:
    return measure_depth(effort=Effort(steps=150, images=2, tested=6, depths=(1, 2), seeds=2))


def test_a_linear_stack_learns_no_more_than_the_best_linear_filter_and_one_with_relu_learns_the_task(
    result: DepthResult,
) -> None:
    linear, rectified = scores_of(result, "none", 2), scores_of(result, "ReLU", 2)
    assert max(linear) < result.filters[2] + 0.05
    assert max(linear) < 0.4
    assert min(rectified) > max(linear) + 0.3


def test_a_linear_stack_equals_one_layer(result: DepthResult) -> None:
    errors = [item.effective_error for item in result.stacks if item.nonlinearity == "none" and item.depth == 2]
    assert len(errors) == 2
    assert all(error is not None and error < 1e-5 for error in errors)


def test_the_table_has_the_baseline_and_every_stack(result: DepthResult) -> None:
    table = depth_table(result)
    assert [row[2] for row in table.rows] == [
        "best linear filter",
        "one layer",
        "best linear filter",
        "stack without",
        "stack with ReLU",
        "stack with GELU",
    ]
    assert all(row[4] <= row[3] <= row[5] for row in table.rows)


def test_a_stack_is_a_function_of_its_seed_and_leaves_torchs_own_chance_alone() -> None:
    before = torch.random.get_rng_state()
    one, same, other = (stack(2, "ReLU", seed=seed)[0].weight.detach().numpy() for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert torch.equal(before, torch.random.get_rng_state())
