"""Who is seen when: laws of the order, for one process and several."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypercolumn.errors import InvalidArgument
from hypercolumn.training import Order

counts = st.integers(1, 40)


@given(examples=counts, batch=st.integers(1, 9), seed=st.integers(0, 5), epoch=st.integers(0, 3))
def test_each_example_is_seen_once_an_epoch(examples: int, batch: int, seed: int, epoch: int) -> None:
    order = Order(examples, batch, seed)
    steps = range(epoch * order.steps_per_epoch, (epoch + 1) * order.steps_per_epoch)
    slots = [slot for step in steps for slot in order.batch_at(step)]
    assert sorted(slot.example for slot in slots) == list(range(examples))
    assert {slot.epoch for slot in slots} == {epoch}


@given(examples=counts, batch=st.integers(1, 9), world=st.integers(1, 4), step=st.integers(0, 20))
def test_shares_of_all_processes_are_the_whole_batch(examples: int, batch: int, world: int, step: int) -> None:
    order = Order(examples, batch, seed=0)
    shares = [order.share_at(step, rank=rank, world=world) for rank in range(world)]
    counted = [slot for share in shares for slot in share if slot.weight > 0]
    assert sorted(slot.example for slot in counted) == sorted(slot.example for slot in order.batch_at(step))
    assert len({len(share) for share in shares}) == 1, "every process takes part in every step"


def test_the_order_changes_with_seed_and_epoch_and_with_nothing_else() -> None:
    first = Order(50, 4, seed=0)
    assert (first.permutation(3) == Order(50, 7, seed=0).permutation(3)).all()
    assert (first.permutation(3) != first.permutation(4)).any()
    assert (first.permutation(3) != Order(50, 4, seed=1).permutation(3)).any()


def test_balanced_sampling_draws_by_its_weights() -> None:
    order = Order(2, 1, seed=0, weights=(0.1, 0.9))
    drawn = [order.batch_at(step)[0].example for step in range(4000)]
    assert abs(sum(drawn) / len(drawn) - 0.9) < 0.02


@pytest.mark.parametrize("wrong", [{"examples": 0}, {"batch": 0}, {"weights": (1.0,)}])
def test_an_order_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        Order(**{"examples": 3, "batch": 2, "seed": 0, **wrong})  # type: ignore[arg-type]
