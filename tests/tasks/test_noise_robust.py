import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from hypercolumn.errors import InvalidArgument, LabelError, ShapeMismatch
from hypercolumn.tasks.classification import Classification
from hypercolumn.tasks.noise_robust import generalised_cross_entropy, soft_target

CLASSES = ("a", "b", "c")


def drawn(seed: int, batch: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    chance = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 3, generator=chance) * 3, torch.randint(3, (batch,), generator=chance)


def test_near_nought_it_is_the_cross_entropy_and_at_one_half_of_the_absolute_error():
    logits, target = drawn(0)
    plain = Classification(CLASSES).loss(logits, target)
    torch.testing.assert_close(Classification(CLASSES, generalised=1e-4).loss(logits, target), plain, rtol=2e-3, atol=0)
    torch.testing.assert_close(Classification(CLASSES, generalised=0.0).loss(logits, target), plain)
    error = (torch.softmax(logits, 1) - soft_target(target, classes=3)).abs().sum(1) / 2
    torch.testing.assert_close(Classification(CLASSES, generalised=1.0).loss(logits, target), error)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 1))
def test_its_gradient_is_that_of_the_cross_entropy_times_p_to_the_q(seed: int, q: float):
    logits, target = drawn(seed)
    logits = logits.double().requires_grad_()
    log_p = torch.log_softmax(logits, 1).gather(1, target[:, None]).squeeze(1)
    (plain,) = torch.autograd.grad(-log_p.sum(), logits, retain_graph=True)
    (found,) = torch.autograd.grad(generalised_cross_entropy(log_p, q).sum(), logits)
    torch.testing.assert_close(found, plain * log_p.detach().exp()[:, None] ** q)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 1))
def test_it_lies_between_nought_and_one_over_q_and_falls_as_belief_grows(seed: int, q: float):
    log_p = torch.log(torch.rand(20, generator=torch.Generator().manual_seed(seed)).clamp_min(1e-6)).sort().values
    losses = generalised_cross_entropy(log_p, q)
    assert ((losses >= 0) & (losses <= 1 / q + 1e-5)).all()
    assert (losses.diff() <= 1e-6).all()


@pytest.mark.parametrize("weights", [None, (1.0, 2.0, 0.5)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
def test_smoothing_is_that_of_torch(smoothing: float, weights: tuple[float, ...] | None):
    logits, target = drawn(1)
    own = None if weights is None else torch.tensor(weights)
    known = cross_entropy(logits, target, weight=own, label_smoothing=smoothing, reduction="none")
    task = Classification(CLASSES, label_smoothing=smoothing, class_weights=weights)
    torch.testing.assert_close(task.loss(logits, target), known)


def test_the_shares_of_raters_are_a_target_as_for_torch_and_all_in_one_class_is_that_class():
    logits, target = drawn(2)
    shares = torch.softmax(torch.randn(8, 3, generator=torch.Generator().manual_seed(0)), 1)
    task = Classification(CLASSES)
    torch.testing.assert_close(task.loss(logits, shares), cross_entropy(logits, shares, reduction="none"))
    for kind, channels in (("class", 3), ("grade", 2)):
        one = Classification(CLASSES, kind=kind)
        certain = soft_target(target, classes=3)
        torch.testing.assert_close(one.loss(logits[:, :channels], certain), one.loss(logits[:, :channels], target))


def test_soft_and_smoothed_labels_are_those_of_torch():
    logits, _ = drawn(3)
    present = torch.rand(8, 3, generator=torch.Generator().manual_seed(1))
    known = binary_cross_entropy_with_logits(logits, present * 0.8 + 0.1, reduction="none").mean(1)
    task = Classification(CLASSES, kind="labels", label_smoothing=0.2)
    torch.testing.assert_close(task.loss(logits, present), known)


def test_a_wrong_label_pulls_less_than_under_the_cross_entropy():
    logits = torch.tensor([[5.0, -5.0, -5.0]])
    pulls = []
    for q in (None, 0.7, 1.0):
        given_ = logits.clone().requires_grad_()
        Classification(CLASSES, generalised=q).loss(given_, torch.tensor([1])).sum().backward()
        pulls.append(float(given_.grad.norm()))
    assert pulls[0] > 100 * pulls[1] > 100 * pulls[2]


def test_most_wrong_labels_are_seen_through_where_the_cross_entropy_learns_them():
    """Of 3 x 200 examples of three separable classes, 40 % are given the next class: what does the network believe?"""
    chance = torch.Generator().manual_seed(0)
    true = torch.arange(3).repeat(200)
    given_ = torch.where(torch.rand(600, generator=chance) < 0.4, (true + 1) % 3, true)
    believed = []
    for q in (None, 1.0):
        weight = torch.zeros(3, 3, requires_grad=True)
        task, step = Classification(CLASSES, generalised=q), torch.optim.Adam([weight], lr=0.3)
        for _ in range(60):
            step.zero_grad()
            task.loss(torch.eye(3)[true] @ weight, given_).mean().backward()
            step.step()
        believed.append(float(torch.softmax(weight.detach(), 1).diagonal().mean()))
    assert believed[0] == pytest.approx(0.6, abs=0.03)
    assert believed[1] > 0.95


def test_raters_are_encoded_as_shares_and_what_are_none_is_refused():
    task = Classification(CLASSES)
    torch.testing.assert_close(task.encode(np.array([0.5, 0.25, 0.25])), torch.tensor([0.5, 0.25, 0.25]))
    for wrong in ([0.5, 0.25, 0.5], [1.5, -0.5, 0.0], [np.nan, 0.5, 0.5]):
        with pytest.raises(LabelError, match="sum to one"):
            task.encode(np.array(wrong))
    with pytest.raises(LabelError, match="0 to 1"):
        Classification(CLASSES, kind="labels").encode(np.array([0.5, 2.0, 0.0]))
    with pytest.raises(ShapeMismatch, match="shares"):
        task.loss(torch.zeros(2, 3), torch.zeros(2, 2))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"label_smoothing": -0.1}, "label_smoothing"),
        ({"generalised": 1.5}, "generalised"),
        ({"generalised": float("nan")}, "generalised"),
        ({"generalised": 0.7, "focal": 2.0}, "one of the two"),
    ],
)
def test_what_is_no_loss_is_refused(arguments, words):
    with pytest.raises(InvalidArgument, match=words):
        Classification(CLASSES, **arguments)
