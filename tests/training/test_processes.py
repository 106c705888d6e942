"""Two processes on gloo: together they see what one sees, and learn the same."""

from pathlib import Path

import pytest
import torch
from tests.training import discs

from hypercolumn.inference import Precision
from hypercolumn.training import Order, Schedule, load_checkpoint, run_on

SCHEDULE = Schedule(steps=9, batch=4, learning_rate=1e-2, warmup=2, evaluate_every=3, checkpoint_every=9, seed=0)


def seen_by_each(fabric: object, order: Order, steps: int) -> list[list[int]]:
    rank, world = fabric.global_rank, fabric.world_size  # type: ignore[attr-defined]
    mine = [
        slot.example for step in range(steps) for slot in order.share_at(step, rank=rank, world=world) if slot.weight
    ]
    padded = torch.full((order.examples,), -1)
    padded[: len(mine)] = torch.tensor(mine)
    return fabric.all_gather(padded).tolist()  # type: ignore[attr-defined]


def train_on(fabric: object, folder: Path) -> None:
    discs.train_on(fabric, folder, SCHEDULE, {"network": discs.network(dropout=0.0)})


@pytest.mark.filterwarnings("ignore")
def test_two_processes_see_each_record_once_an_epoch() -> None:
    order = Order(examples=7, batch=4, seed=3)
    both = run_on(seen_by_each, order, order.steps_per_epoch, precision=Precision(), devices=2)
    seen = [[index for index in one if index >= 0] for one in both]
    assert all(seen), "each process has its share"
    assert sorted(seen[0] + seen[1]) == list(range(7))


@pytest.mark.filterwarnings("ignore")
def test_two_processes_agree_with_one(tmp_path: Path) -> None:
    run_on(train_on, tmp_path / "one", precision=Precision())
    run_on(train_on, tmp_path / "two", precision=Precision(), devices=2)
    one, two = load_checkpoint(tmp_path / "one"), load_checkpoint(tmp_path / "two")
    assert one is not None
    assert two is not None
    for name, value in one.network.items():
        torch.testing.assert_close(two.network[name], value, rtol=1e-4, atol=1e-5)
    losses = zip(one.progress["curve"], two.progress["curve"], strict=True)
    assert all(a[0] == b[0] and a[2] == pytest.approx(b[2], rel=1e-4) for a, b in losses)
