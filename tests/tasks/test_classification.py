import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from hypercolumn.errors import InvalidArgument, LabelError
from hypercolumn.tasks import Classification

FOUR = ("none", "mild", "moderate", "severe")

finite_logits = st.lists(st.floats(-50, 50, width=32), min_size=3, max_size=3)


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def target() -> torch.Tensor:
    return torch.tensor([0, 1, 2, 3, 3, 1])


def test_classes_are_torchs_cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> None:
    weights = (1.0, 2.0, 0.5, 3.0)
    plain, weighted = Classification(FOUR), Classification(FOUR, class_weights=weights)
    expected = functional.cross_entropy(logits, target, reduction="none")
    torch.testing.assert_close(plain.loss(logits, target), expected)
    expected = functional.cross_entropy(logits, target, weight=torch.tensor(weights), reduction="none")
    torch.testing.assert_close(weighted.loss(logits, target), expected)


def test_labels_are_torchs_binary_cross_entropy(logits: torch.Tensor) -> None:
    present = torch.randint(0, 2, (6, 4), generator=torch.Generator().manual_seed(1)).float()
    weights = (1.0, 2.0, 0.5, 3.0)
    plain = Classification(FOUR, kind="labels")
    weighted = Classification(FOUR, kind="labels", class_weights=weights)
    expected = functional.binary_cross_entropy_with_logits(logits, present, reduction="none")
    torch.testing.assert_close(plain.loss(logits, present), expected.mean(dim=1))
    expected = functional.binary_cross_entropy_with_logits(
        logits, present, pos_weight=torch.tensor(weights), reduction="none"
    )
    torch.testing.assert_close(weighted.loss(logits, present), expected.mean(dim=1))


def test_two_grades_are_one_yes_or_no() -> None:
    task = Classification(("low", "high"), kind="grade")
    logits = torch.tensor([[0.3], [-2.0], [50.0]])
    target = torch.tensor([1, 0, 0])
    expected = functional.binary_cross_entropy_with_logits(logits[:, 0], target.float(), reduction="none")
    assert task.channels == 1
    torch.testing.assert_close(task.loss(logits, target), expected)


def test_grades_by_hand() -> None:
    """Three quarters go on from grade 0, half of those from 1, a fifth of those from 2."""
    logits = torch.logit(torch.tensor([[0.75, 0.5, 0.2]]))
    task = Classification(FOUR, kind="grade")
    torch.testing.assert_close(task.probabilities(logits), torch.tensor([[0.25, 0.375, 0.3, 0.075]]))


def test_the_loss_of_grades_is_corn() -> None:
    """Shi, Cao and Raschka's loss: binary cross-entropy of each step, over the examples that came so far."""
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([0, 1, 2, 3, 3, 1])
    losses = Classification(FOUR, kind="grade").loss(logits, target)
    expected = torch.zeros(6)
    for step in range(3):
        came = target >= step
        goes_on = (target[came] > step).float()
        expected[came] += functional.binary_cross_entropy_with_logits(logits[came, step], goes_on, reduction="none")
    torch.testing.assert_close(losses, expected)


@given(finite_logits)
@settings(max_examples=50, deadline=None)
def test_grades_are_consistent_whatever_the_network_says(values: list[float]) -> None:
    task = Classification(FOUR, kind="grade")
    p = task.probabilities(torch.tensor([values]))[0]
    assert p.sum().item() == pytest.approx(1, abs=1e-5)
    beyond = 1 - p.cumsum(dim=0)
    assert (beyond.diff() <= 1e-6).all()


@given(finite_logits)
@settings(max_examples=50, deadline=None)
def test_the_loss_of_grades_is_minus_the_log_of_their_probability(values: list[float]) -> None:
    task = Classification(FOUR, kind="grade")
    logits = torch.tensor([values], dtype=torch.float64).expand(4, 3)
    losses = task.loss(logits, torch.arange(4))
    torch.testing.assert_close(torch.exp(-losses), task.probabilities(logits).diagonal())


def test_the_median_grade_is_nearest_on_the_average() -> None:
    chance = torch.Generator().manual_seed(0)
    p = torch.rand(200, 4, generator=chance).softmax(dim=1)
    grades = torch.arange(4.0)
    distance = (p.unsqueeze(1) * (grades.reshape(1, 4, 1) - grades).abs()).sum(dim=2)
    chosen = Classification(FOUR, kind="grade").decode(p)
    torch.testing.assert_close(distance.gather(1, chosen.unsqueeze(1)).squeeze(1), distance.min(dim=1).values)


def test_decode() -> None:
    p = torch.tensor([[0.1, 0.2, 0.6, 0.1]])
    assert Classification(FOUR).decode(p).tolist() == [2]
    assert Classification(FOUR, kind="labels").decode(torch.tensor([[0.5, 0.49, 1.0, 0.0]])).tolist() == [[1, 0, 1, 0]]


@pytest.mark.parametrize("kind", ["class", "grade"])
def test_focal_loss_at_zero_is_the_cross_entropy(kind: str, target: torch.Tensor) -> None:
    plain, focal = Classification(FOUR, kind=kind), Classification(FOUR, kind=kind, focal=0.0)
    logits = torch.randn(6, plain.channels, generator=torch.Generator().manual_seed(0))
    assert torch.equal(plain.loss(logits, target), focal.loss(logits, target))


def test_focal_loss_counts_easy_examples_less() -> None:
    easy, hard = torch.tensor([[4.0, 0.0]]), torch.tensor([[-4.0, 0.0]])
    plain, focal = Classification(("a", "b")), Classification(("a", "b"), focal=2.0)
    target = torch.tensor([0])
    assert focal.loss(easy, target) / plain.loss(easy, target) < 0.001
    assert focal.loss(hard, target) / plain.loss(hard, target) > 0.95


@pytest.mark.parametrize(("kind", "channels"), [("class", 4), ("grade", 3), ("labels", 4)])
def test_channels(kind: str, channels: int) -> None:
    assert Classification(FOUR, kind=kind).channels == channels


@pytest.mark.parametrize(("kind", "wrong"), [("class", 4), ("class", -1), ("grade", 1.5), ("class", np.array([0, 1]))])
def test_encode_refuses_what_is_no_class(kind: str, wrong: object) -> None:
    with pytest.raises(LabelError):
        Classification(FOUR, kind=kind).encode(wrong)


@pytest.mark.parametrize("wrong", [np.array([0, 1]), np.array([0, 1, 2, 0]), 3])
def test_encode_refuses_what_are_no_labels(wrong: object) -> None:
    with pytest.raises(LabelError):
        Classification(FOUR, kind="labels").encode(wrong)


def test_another_kind_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="kind"):
        Classification(FOUR, kind="ordinal")
