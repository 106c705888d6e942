import numpy as np
import pytest
import torch

from hypercolumn.errors import InvalidArgument, LabelError
from hypercolumn.tasks import Regression


def test_unit_of_the_loss_is_the_deviation_of_the_training_fold() -> None:
    task = Regression("mm", mean=10.0, std=2.0)
    assert task.loss(torch.tensor([[0.0]]), task.encode(14.0).reshape(1)).item() == 4.0


def test_the_answer_does_not_depend_on_the_unit() -> None:
    """Millimetres or metres: the loss is the same, the answer has the unit."""
    logits = torch.tensor([[0.7], [-1.2]])
    losses, answers = [], []
    for factor in (1.0, 1000.0):
        task = Regression("?", mean=3.0 * factor, std=0.5 * factor)
        losses.append(task.loss(logits, torch.stack([task.encode(value * factor) for value in (3.1, 2.0)])))
        answers.append(task.decode(task.probabilities(logits)) / factor)
    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(answers[0], answers[1])


def test_large_numbers_keep_their_digits() -> None:
    """Seconds since 1970, a day apart: float32 alone would lose two minutes."""
    task = Regression("s", mean=1.7e9, std=86_400.0)
    encoded = task.encode(1.7e9 + 10.0)
    answer = task.decode(task.probabilities(encoded.reshape(1, 1)))
    assert answer.item() == pytest.approx(1.7e9 + 10.0, abs=0.01)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), np.array([1.0, 2.0])])
def test_encode_refuses_what_is_no_number(wrong: object) -> None:
    with pytest.raises(LabelError):
        Regression().encode(wrong)


@pytest.mark.parametrize("wrong", [{"std": 0.0}, {"std": -1.0}, {"std": float("nan")}, {"mean": float("inf")}])
def test_a_scale_that_is_none_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(wrong))):
        Regression(**wrong)
