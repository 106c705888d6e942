"""What every task must keep to."""

import dataclasses

import numpy as np
import pytest
import torch

import hypercolumn.tasks
from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.tasks import Classification, Detection, Regression, Segmentation, Task

TWO = ("background", "nucleus")
THREE = ("none", "mild", "severe")

TASKS = {
    "segmentation": Segmentation(TWO),
    "segmentation, weighted": Segmentation(THREE, class_weights=(1.0, 2.0, 0.5), focal=2.0, dice=0.5),
    "segmentation, boundary": Segmentation(THREE, boundary=0.1),
    "classes": Classification(THREE),
    "classes, weighted": Classification(TWO, class_weights=(1.0, 3.0), focal=0.5),
    "grades": Classification(THREE, kind="grade"),
    "grades, weighted": Classification(THREE, kind="grade", class_weights=(1.0, 3.0, 2.0), focal=2.0),
    "labels": Classification(THREE, kind="labels"),
    "labels, weighted": Classification(THREE, kind="labels", class_weights=(1.0, 3.0, 2.0), focal=1.0),
    "number": Regression("mm", mean=3.0, std=2.0),
}

every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())


def targets(task: Task, batch: int, seed: int = 0) -> torch.Tensor:
    """Encoded targets of a batch, drawn at random."""
    chance = np.random.default_rng(seed)
    if isinstance(task, Segmentation):
        return torch.stack([task.encode(chance.integers(-1, task.channels, (6, 5))) for _ in range(batch)])
    if isinstance(task, Regression):
        return torch.stack([task.encode(chance.normal()) for _ in range(batch)])
    if task.kind == "labels":
        return torch.stack([task.encode(chance.integers(0, 2, len(task.classes))) for _ in range(batch)])
    return torch.stack([task.encode(int(chance.integers(len(task.classes)))) for _ in range(batch)])


def outputs(task: Task, batch: int, *, scale: float = 1.0) -> torch.Tensor:
    space = (6, 5) if isinstance(task, Segmentation) else ()
    return scale * torch.randn(batch, task.channels, *space, generator=torch.Generator().manual_seed(0))


def test_every_task_of_the_room_is_under_this_contract() -> None:
    public = {getattr(hypercolumn.tasks, name) for name in hypercolumn.tasks.__all__}
    staged = {Detection}  # it asks a network in stages, so its loss is no function of one output: see its own tests
    classes = {member for member in public if hasattr(member, "loss") and member is not Task} - staged
    assert {type(task) for task in TASKS.values()} == classes


@every_task
def test_it_is_a_task(task: Task) -> None:
    assert isinstance(task, Task)
    assert task.channels >= 1


@every_task
def test_it_is_a_value(task: Task) -> None:
    """Two tasks with the same settings are one; the settings are plain data that a run can save."""
    assert task == dataclasses.replace(task)
    assert hash(task) == hash(dataclasses.replace(task))
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.unknown = 1


@every_task
def test_loss_is_one_number_an_example(task: Task) -> None:
    losses = task.loss(outputs(task, 4), targets(task, 4))
    assert losses.shape == (4,)
    assert losses.dtype == torch.float32
    assert (losses >= 0).all()


@every_task
def test_loss_of_an_example_does_not_depend_on_its_batch(task: Task) -> None:
    z, y = outputs(task, 4), targets(task, 4)
    together = task.loss(z, y)
    alone = torch.cat([task.loss(z[i : i + 1], y[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(together, alone)


@every_task
def test_half_of_a_batch_twice_agrees_with_the_whole(task: Task) -> None:
    z, y = outputs(task, 4).requires_grad_(), targets(task, 4)
    (whole,) = torch.autograd.grad(task.loss(z, y).mean(), z)
    halves = [torch.autograd.grad(task.loss(z[half], y[half]).mean(), z)[0] for half in (slice(0, 2), slice(2, 4))]
    torch.testing.assert_close((halves[0] + halves[1]) / 2, whole)


@every_task
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1.0, 1e4])
def test_loss_and_slope_are_finite(task: Task, scale: float) -> None:
    z = outputs(task, 3, scale=scale).requires_grad_()
    losses = task.loss(z, targets(task, 3))
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    assert torch.isfinite(z.grad).all()


@every_task
def test_slope_is_the_difference_quotient(task: Task) -> None:
    z = outputs(task, 2).double().requires_grad_()
    y = targets(task, 2)
    y = y.double() if y.is_floating_point() else y
    assert torch.autograd.gradcheck(lambda logits: task.loss(logits, y), (z,))


@every_task
def test_half_precision_is_computed_in_float32(task: Task) -> None:
    z, y = outputs(task, 3).bfloat16(), targets(task, 3)
    with torch.autocast("cpu", torch.bfloat16):
        losses, believed = task.loss(z, y), task.probabilities(z)
    assert losses.dtype == torch.float32
    assert believed.dtype in (torch.float32, torch.float64)
    torch.testing.assert_close(losses, task.loss(z.float(), y), rtol=0, atol=0)


@pytest.mark.parametrize("task", [task for task in TASKS.values() if not isinstance(task, Regression)])
def test_probabilities_are_probabilities(task: Task) -> None:
    for scale in (1.0, 1e4):
        believed = task.probabilities(outputs(task, 3, scale=scale))
        assert (believed >= 0).all()
        assert (believed <= 1 + 1e-6).all()
        assert believed.shape[1] == len(task.classes)
        if getattr(task, "kind", "") != "labels":
            torch.testing.assert_close(believed.sum(dim=1), torch.ones_like(believed[:, 0]))


@every_task
def test_learning_leads_to_the_target(task: Task) -> None:
    """Logits that follow the slope of the loss decode to the target: the loss and the answer mean the same."""
    y = targets(task, 4)
    z = torch.zeros_like(outputs(task, 4)).requires_grad_()
    optimiser = torch.optim.Adam([z], lr=0.3)
    for _ in range(150):
        optimiser.zero_grad()
        task.loss(z, y).sum().backward()
        optimiser.step()
    answer = task.decode(task.probabilities(z.detach()))
    if isinstance(task, Regression):
        torch.testing.assert_close(answer, y.double() * task.std + task.mean, rtol=0, atol=1e-2)
    else:
        counted = y >= 0
        assert torch.equal(answer[counted], y.long()[counted])


@every_task
def test_a_network_of_another_width_is_refused(task: Task) -> None:
    z = outputs(task, 2)
    wrong = torch.cat([z, z], dim=1)
    with pytest.raises(ShapeMismatch, match="build the network"):
        task.loss(wrong, targets(task, 2))
    with pytest.raises(ShapeMismatch, match="build the network"):
        task.probabilities(wrong)


@every_task
def test_targets_of_another_batch_are_refused(task: Task) -> None:
    for batch in (1, 4):
        with pytest.raises(ShapeMismatch, match="target"):
            task.loss(outputs(task, 2), targets(task, batch))


@pytest.mark.parametrize("kind", [Segmentation, Classification])
@pytest.mark.parametrize("weights", [(1.0,), (1.0, -1.0), (0.0, 0.0), (1.0, float("nan")), (1.0, float("inf"))])
def test_class_weights_that_cannot_be_are_refused(kind: type, weights: tuple[float, ...]) -> None:
    with pytest.raises(InvalidArgument, match="class_weights"):
        kind(TWO, class_weights=weights)


@pytest.mark.parametrize("kind", [Segmentation, Classification])
@pytest.mark.parametrize("gamma", [-1.0, float("nan")])
def test_gamma_that_cannot_be_is_refused(kind: type, gamma: float) -> None:
    with pytest.raises(InvalidArgument, match="focal"):
        kind(TWO, focal=gamma)


@pytest.mark.parametrize("kind", [Segmentation, Classification])
def test_one_class_is_none(kind: type) -> None:
    with pytest.raises(InvalidArgument, match="classes"):
        kind(("background",))
