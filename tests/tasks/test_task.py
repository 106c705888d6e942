import torch

from hypercolumn.tasks import Task
from hypercolumn.tasks.task import in_float32


def test_an_object_without_a_loss_is_no_task() -> None:
    assert not isinstance(object(), Task)


def test_half_precisions_become_float32_and_double_stays() -> None:
    kinds = {torch.bfloat16: torch.float32, torch.float16: torch.float32, torch.float32: torch.float32}
    for kind, becomes in {**kinds, torch.float64: torch.float64}.items():
        assert in_float32(torch.zeros(1, dtype=kind)).dtype == becomes
