import numpy as np
import pytest
import torch
from torch.nn import functional

from hypercolumn.errors import InvalidArgument, LabelError, ShapeMismatch
from hypercolumn.tasks import Segmentation, with_weights

THREE = ("background", "nucleus", "border")


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(4, 3, 7, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def target() -> torch.Tensor:
    return torch.randint(0, 3, (4, 7, 6), generator=torch.Generator().manual_seed(1))


def test_plain_cross_entropy_is_torchs(logits: torch.Tensor, target: torch.Tensor) -> None:
    task = Segmentation(THREE, dice=0.0)
    expected = functional.cross_entropy(logits, target, reduction="none").mean(dim=(1, 2))
    torch.testing.assert_close(task.loss(logits, target), expected)


def test_class_weights_are_torchs_without_its_division_by_their_sum(logits: torch.Tensor, target: torch.Tensor) -> None:
    task = Segmentation(THREE, dice=0.0, class_weights=(0.5, 2.0, 7.0))
    weight = torch.tensor([0.5, 2.0, 7.0])
    expected = functional.cross_entropy(logits, target, weight=weight, reduction="none").mean(dim=(1, 2))
    torch.testing.assert_close(task.loss(logits, target), expected)


def test_focal_loss_at_zero_is_the_cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> None:
    plain, focal = Segmentation(THREE, dice=0.0), Segmentation(THREE, dice=0.0, focal=0.0)
    assert torch.equal(plain.loss(logits, target), focal.loss(logits, target))


def test_focal_loss_by_hand() -> None:
    """p = 0.9 and 0.5 for the true class: 0.1^2 * 0.10536 and 0.5^2 * 0.69315, over two samples."""
    logits = torch.log(torch.tensor([[[0.9, 0.5], [0.1, 0.5]]]))
    task = Segmentation(("a", "b"), dice=0.0, focal=2.0)
    expected = (0.01 * 0.1053605 + 0.25 * 0.6931472) / 2
    assert task.loss(logits, torch.tensor([[0, 1]])).item() == pytest.approx(expected, rel=1e-5)


def test_dice_by_hand() -> None:
    """p of class a: .9 .8 .3, target a a b. Dice a: 2 * 1.7 / (2.0 + 2); of b: 2 * 0.7 / (1.0 + 1)."""
    p = torch.tensor([0.9, 0.8, 0.3])
    logits = torch.log(torch.stack([p, 1 - p])).unsqueeze(0)
    loss = Segmentation(("a", "b"), cross_entropy=0.0).loss(logits, torch.tensor([[0, 0, 1]]))
    assert loss.item() == pytest.approx(1 - (3.4 / 4 + 1.4 / 2) / 2, rel=1e-5)


def test_dice_is_0_where_all_is_right_and_1_where_all_is_wrong() -> None:
    target = torch.tensor([[0, 0, 1, 2]])
    right = 100.0 * functional.one_hot(target, 3).movedim(-1, 1).float()
    wrong = 100.0 * functional.one_hot((target + 1) % 3, 3).movedim(-1, 1).float()
    task = Segmentation(THREE, cross_entropy=0.0)
    assert task.loss(right, target).item() == pytest.approx(0, abs=1e-6)
    assert task.loss(wrong, target).item() == pytest.approx(1, abs=1e-6)


def test_a_class_that_is_absent_is_left_out_of_dice() -> None:
    """Two classes and a third that nobody has: the Dice of the two is all there is."""
    logits = torch.log(torch.tensor([[[0.7, 0.2], [0.3, 0.8]]]))
    never = torch.full((1, 1, 2), -100.0)
    target = torch.tensor([[0, 1]])
    two = Segmentation(("a", "b"), cross_entropy=0.0).loss(logits, target)
    three = Segmentation(THREE, cross_entropy=0.0).loss(torch.cat([logits, never], dim=1), target)
    torch.testing.assert_close(two, three)


def test_loss_is_the_weighted_sum(logits: torch.Tensor, target: torch.Tensor) -> None:
    ce, dice = Segmentation(THREE, dice=0.0), Segmentation(THREE, cross_entropy=0.0)
    both = Segmentation(THREE, cross_entropy=0.3, dice=2.0)
    expected = 0.3 * ce.loss(logits, target) + 2.0 * dice.loss(logits, target)
    torch.testing.assert_close(both.loss(logits, target), expected)


@pytest.mark.parametrize("task", [Segmentation(THREE), Segmentation(THREE, class_weights=(1, 2, 3), focal=2.0)])
def test_samples_outside_count_nowhere(task: Segmentation, logits: torch.Tensor, target: torch.Tensor) -> None:
    """The loss is that of the part inside, whatever the network says outside; and no slope comes from there."""
    inside = task.loss(logits[..., :4], target[..., :4])
    partly = target.clone()
    partly[..., 4:] = -1
    loud = logits.clone()
    loud[..., 4:] = 1e4
    loud.requires_grad_()
    losses = task.loss(loud, partly)
    torch.testing.assert_close(losses, inside)
    losses.sum().backward()
    assert loud.grad[..., 4:].abs().max() == 0
    assert loud.grad[..., :4].abs().max() > 0


def test_an_example_wholly_outside_has_no_loss_and_no_slope() -> None:
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    loss = Segmentation(THREE, class_weights=(1, 2, 3)).loss(logits, torch.full((1, 4, 4), -1))
    loss.sum().backward()
    assert loss.item() == 0
    assert logits.grad.abs().max() == 0


def test_the_order_of_classes_and_of_samples_does_not_matter(logits: torch.Tensor, target: torch.Tensor) -> None:
    losses = Segmentation(THREE, class_weights=(1, 2, 3)).loss(logits, target)
    other = Segmentation(THREE[::-1], class_weights=(3, 2, 1)).loss(logits.flip(1), 2 - target)
    mirrored = Segmentation(THREE, class_weights=(1, 2, 3)).loss(logits.flip(2, 3), target.flip(1, 2))
    torch.testing.assert_close(other, losses)
    torch.testing.assert_close(mirrored, losses)


def test_a_number_added_to_all_classes_changes_nothing(logits: torch.Tensor, target: torch.Tensor) -> None:
    task = Segmentation(THREE, focal=1.0)
    torch.testing.assert_close(task.loss(logits + 5.0, target), task.loss(logits, target))


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_the_centre_of_a_larger_target_counts(dims: int) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, *[4] * dims, generator=generator)
    target = torch.randint(0, 3, (2, *[10] * dims), generator=generator)
    centre = target[(slice(None), *[slice(3, 7)] * dims)]
    weights = torch.rand(target.shape, generator=generator)
    inner = weights[(slice(None), *[slice(3, 7)] * dims)]
    task = Segmentation(THREE)
    assert torch.equal(task.loss(logits, target), task.loss(logits, centre))
    weighted = task.loss(logits, target, pixel_weights=weights)
    assert torch.equal(weighted, task.loss(logits, centre, pixel_weights=inner))


@pytest.mark.parametrize("shape", [(1, 3, 4), (1, 5, 4), (1, 4), (1, 4, 4, 4), (2, 4, 4)])
def test_a_target_that_does_not_lie_around_the_output_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeMismatch, match="target"):
        Segmentation(THREE).loss(torch.zeros(1, 3, 4, 4), torch.zeros(shape, dtype=torch.long))


def test_pixel_weights_are_the_papers_loss(logits: torch.Tensor, target: torch.Tensor) -> None:
    """U-Net's - sum w(x) log p(x), over the number of samples."""
    weights = torch.rand(target.shape, generator=torch.Generator().manual_seed(2)) * 10
    loss = Segmentation(THREE, dice=0.0).loss(logits, target, pixel_weights=weights)
    expected = (weights * functional.cross_entropy(logits, target, reduction="none")).mean(dim=(1, 2))
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("margin", [0, 2])
def test_a_target_may_carry_the_weights_of_its_samples(logits: torch.Tensor, margin: int) -> None:
    generator = torch.Generator().manual_seed(3)
    target = torch.randint(-1, 3, (4, 7 + 2 * margin, 6 + 2 * margin), generator=generator)
    weights = torch.rand(target.shape, generator=generator)
    carried = torch.stack([with_weights(one, weight) for one, weight in zip(target, weights, strict=True)])
    task = Segmentation(THREE)
    torch.testing.assert_close(task.loss(logits, carried), task.loss(logits, target, pixel_weights=weights))


def test_weights_of_another_shape_are_refused() -> None:
    with pytest.raises(ShapeMismatch, match="weights"):
        with_weights(torch.zeros(4, 5, dtype=torch.long), torch.ones(4, 4))


def test_a_weight_of_two_is_an_example_seen_twice() -> None:
    logits = torch.randn(1, 2, 3, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([[0, 1, 1]])
    task = Segmentation(("a", "b"), dice=0.0)
    doubled = task.loss(logits[..., [0, 1, 1, 2]], target[:, [0, 1, 1, 2]]) * 4
    weighted = task.loss(logits, target, pixel_weights=torch.tensor([[1.0, 2.0, 1.0]])) * 3
    torch.testing.assert_close(doubled, weighted)


def test_decode_takes_the_most_probable_class() -> None:
    p = torch.tensor([[[0.2, 0.5], [0.7, 0.5], [0.1, 0.0]]])
    assert Segmentation(THREE).decode(p).tolist() == [[1, 0]]


def test_encode_keeps_class_indices() -> None:
    labels = np.array([[0, 2], [-1, 1]], dtype=np.int16)
    encoded = Segmentation(THREE).encode(labels)
    assert encoded.dtype == torch.int64
    assert encoded.tolist() == [[0, 2], [-1, 1]]


@pytest.mark.parametrize("labels", [np.array([3]), np.array([-2]), np.array([0.5]), np.array([255], dtype=np.uint8)])
def test_encode_refuses_what_is_no_class(labels: np.ndarray) -> None:
    with pytest.raises(LabelError):
        Segmentation(THREE).encode(labels)


@pytest.mark.parametrize(
    "weights", [{"dice": -1.0}, {"boundary": -1.0}, {"cross_entropy": float("nan")}, {"cross_entropy": 0, "dice": 0}]
)
def test_a_loss_that_is_none_is_refused(weights: dict[str, float]) -> None:
    with pytest.raises(InvalidArgument):
        Segmentation(THREE, **weights)
