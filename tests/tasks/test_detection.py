import dataclasses

import numpy as np
import pytest
import torch
from tests.tasks.detecting import Knowing

from hypercolumn.data.objects import Objects
from hypercolumn.data.simulated.micrographs import simulate_field
from hypercolumn.data.simulated.microscope import SCANNERS
from hypercolumn.data.simulated.nuclei import Tissue
from hypercolumn.errors import InvalidArgument, LabelError, ShapeMismatch
from hypercolumn.evaluation.detection import average_precision_by_class, compare_boxes
from hypercolumn.networks import MaskRCNN, MaskRCNNSettings
from hypercolumn.tasks.anchors import Anchors
from hypercolumn.tasks.detection import Detection, DetectionLosses
from hypercolumn.tasks.detection_settings import DetectionSettings
from hypercolumn.tasks.detections import Detections

KINDS = ("red", "white")
SETTINGS = dataclasses.replace(DetectionSettings.light(), anchors=Anchors((16.0, 32.0)))
TASK = Detection(KINDS, settings=SETTINGS)
SMALL = dataclasses.replace(MaskRCNNSettings.light(), width=16, channels=32, mask_channels=32, hidden=128)
IMAGES = torch.zeros(3, 1, 64, 96)


def rectangles() -> list[Objects]:
    """Two images of filled rectangles, and one without any."""
    corners = [[(4, 6, 20, 18), (40, 10, 70, 44), (22, 30, 36, 60)], [(50, 40, 90, 60)], []]
    kinds = [[0, 1, 0], [1], []]
    found = []
    for boxes, classes in zip(corners, kinds, strict=True):
        labels = np.zeros((64, 96), dtype=int)
        for number, (x0, y0, x1, y1) in enumerate(boxes, start=1):
            labels[y0:y1, x0:x1] = number
        found.append(Objects.from_map(labels, names=KINDS, classes=np.array(classes, dtype=int)))
    return found


def knowing(objects: list[Objects]) -> Knowing:
    return Knowing(
        [torch.from_numpy(one.boxes).float() for one in objects],
        [torch.from_numpy(one.classes) for one in objects],
        len(KINDS),
        SETTINGS.anchors,
        SETTINGS.region_code,
    )


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small_network(kinds: int = 2, seed: int = 0) -> MaskRCNN:
    torch.manual_seed(seed)
    settings = dataclasses.replace(SMALL, width=4, channels=8, mask_channels=8, hidden=16)
    return MaskRCNN(2, 1, kinds, settings=settings)


LIGHT = Detection(KINDS, settings=DetectionSettings.light())


def test_a_network_that_knows_is_decoded_to_the_truth() -> None:
    objects = rectangles()
    for found, true in zip(TASK.decode(knowing(objects), IMAGES), objects, strict=True):
        order = np.lexsort(found.boxes.T)
        np.testing.assert_allclose(found.boxes[order], true.boxes[np.lexsort(true.boxes.T)], atol=1e-3)
        assert sorted(found.classes.tolist()) == sorted(true.classes.tolist())
        assert (np.diff(found.scores) <= 0).all()
        painted = found.instance_map() > 0
        expected = np.zeros((64, 96), dtype=bool)
        for x0, y0, x1, y1 in true.boxes.astype(int):
            expected[y0:y1, x0:x1] = True
        np.testing.assert_array_equal(painted, expected)


def test_a_network_that_knows_has_next_to_no_loss_but_for_its_masks() -> None:
    objects = rectangles()
    losses = TASK.loss(knowing(objects), IMAGES, [TASK.encode(one) for one in objects], generator=chance())
    for name in ("proposal_codes", "codes", "classes"):
        assert getattr(losses, name).max() < 1e-3, name
    assert losses.objectness[2] < 1e-6
    assert losses.masks[2] == 0


def test_losses_are_one_an_example_and_their_sum_is_the_total() -> None:
    targets = [LIGHT.encode(one) for one in rectangles()]
    losses = LIGHT.loss(small_network(), IMAGES, targets, generator=chance())
    values = [getattr(losses, field.name) for field in dataclasses.fields(DetectionLosses)]
    assert all(value.shape == (3,) and value.dtype == torch.float32 for value in values)
    assert all((value >= 0).all() and torch.isfinite(value).all() for value in values)
    torch.testing.assert_close(losses.total, sum(values))


def test_the_loss_of_a_network_that_knows_nothing_is_that_of_a_coin() -> None:
    network = small_network()
    for layer in (network.proposal_head.objectness, network.box_head.classify):
        torch.nn.init.zeros_(layer.weight)
    losses = LIGHT.loss(network, IMAGES, [LIGHT.encode(one) for one in rectangles()], generator=chance())
    torch.testing.assert_close(losses.objectness, torch.full((3,), np.log(2.0)))
    torch.testing.assert_close(losses.classes, torch.full((3,), np.log(3.0)))


def test_the_same_chance_gives_the_same_loss() -> None:
    network, targets = small_network(), [LIGHT.encode(one) for one in rectangles()]
    images = torch.randn(3, 1, 64, 96, generator=chance(5))
    first, again, other = (LIGHT.loss(network, images, targets, generator=chance(seed)).total for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_loss_of_an_example_does_not_depend_on_its_batch() -> None:
    network, objects = small_network().eval(), rectangles()
    images = torch.randn(3, 1, 64, 96, generator=chance(5))
    few = dataclasses.replace(
        LIGHT, settings=dataclasses.replace(LIGHT.settings, anchors_drawn=10**6, regions_drawn=10**6)
    )
    targets = [few.encode(one) for one in objects]
    together = few.loss(network, images, targets, generator=chance()).total
    alone = [few.loss(network, images[k : k + 1], targets[k : k + 1], generator=chance()).total for k in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-3, atol=1e-4)


def test_boxes_alone_have_no_mask_loss() -> None:
    objects = [dataclasses.replace(one, outlines=None) for one in rectangles()]
    network = small_network()
    losses = LIGHT.loss(network, IMAGES, [LIGHT.encode(one) for one in objects], generator=chance())
    assert losses.masks.tolist() == [0.0, 0.0, 0.0]
    losses.total.sum().backward()
    assert all(weight.grad is None for weight in network.mask_head.parameters())


def test_gradient_reaches_every_weight() -> None:
    network = small_network()
    targets = [LIGHT.encode(one) for one in rectangles()]
    LIGHT.loss(network, torch.randn(3, 1, 64, 96), targets, generator=chance()).total.sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name


def test_a_task_without_masks_answers_with_boxes_alone() -> None:
    task, objects = dataclasses.replace(TASK, masks=False), rectangles()
    found = task.decode(knowing(objects), IMAGES)
    assert found[0].masks is None
    losses = task.loss(knowing(objects), IMAGES, [task.encode(one) for one in objects], generator=chance())
    assert losses.masks.sum() == 0


def test_only_the_best_are_kept_and_none_below_the_score() -> None:
    objects = rectangles()
    one = dataclasses.replace(TASK, settings=dataclasses.replace(SETTINGS, most=1))
    assert [len(found) for found in one.decode(knowing(objects), IMAGES)] == [1, 1, 0]
    doubting = dataclasses.replace(knowing(objects), confidence=0.0)
    strict = dataclasses.replace(TASK, settings=dataclasses.replace(SETTINGS, score=0.4))
    assert [len(found) for found in strict.decode(doubting, IMAGES)] == [0, 0, 0]


def test_objects_in_an_ignored_region_are_not_taught_as_background() -> None:
    """A crowd over the whole image: there is no background left to draw."""
    crowd = Objects((64, 96), KINDS, np.array([[0.0, 0.0, 96.0, 64.0]]), np.array([0]), np.array([True]))
    network = small_network()
    losses = LIGHT.loss(network, IMAGES[:1], [LIGHT.encode(crowd)], generator=chance())
    assert losses.classes.item() == 0
    assert losses.codes.item() == losses.proposal_codes.item() == 0


def test_bfloat16_losses_are_float32_and_near() -> None:
    network, targets = small_network(), [LIGHT.encode(one) for one in rectangles()]
    images = torch.randn(3, 1, 64, 96, generator=chance(3))
    plain = LIGHT.loss(network, images, targets, generator=chance()).total
    with torch.autocast("cpu", torch.bfloat16):
        half = LIGHT.loss(network, images, targets, generator=chance()).total
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, plain, rtol=0.1, atol=0.05)


def test_four_images_are_learnt() -> None:
    """The light network with small widths learns four simulated micrographs by heart: AP50 above 0.8, on them."""
    fields = [
        simulate_field(np.random.default_rng(k), Tissue.draw(np.random.default_rng(k)), SCANNERS[k % 3], size=(64, 64))
        for k in range(4)
    ]
    images = torch.stack([torch.from_numpy(field.image.astype(np.float32))[None] for field in fields])
    images = (images - images.mean()) / images.std()
    task = Detection(("nucleus",), settings=dataclasses.replace(DetectionSettings.light(), regions_drawn=64))
    targets = [task.encode(field.instances) for field in fields]
    torch.manual_seed(0)
    network = MaskRCNN(2, 1, 1, settings=SMALL).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, total_steps=60)
    generator = chance()
    for _ in range(60):
        optimiser.zero_grad()
        task.loss(network, images, targets, generator=generator).total.mean().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
    found = task.decode(network.eval(), images)
    compared = [
        compare_boxes(one.boxes, target.boxes.numpy(), scores=one.scores)
        for one, target in zip(found, targets, strict=True)
    ]
    assert average_precision_by_class(compared, thresholds=(0.5,)).item() > 0.8
    for one, field in zip(found, fields, strict=True):
        overlap = ((one.instance_map() > 0) & (field.instances > 0)).sum()
        assert 2 * overlap / ((one.instance_map() > 0).sum() + (field.instances > 0).sum()) > 0.8


def test_targets_of_other_classes_are_refused() -> None:
    with pytest.raises(LabelError, match="red, white"):
        TASK.encode(dataclasses.replace(rectangles()[0], names=("white", "red")))


def test_networks_of_another_shape_are_refused() -> None:
    targets = [LIGHT.encode(one) for one in rectangles()]
    with pytest.raises(ShapeMismatch, match="build the network with 2 classes"):
        LIGHT.loss(small_network(kinds=5), IMAGES, targets, generator=chance())
    with pytest.raises(ShapeMismatch, match="build the network with 2 classes"):
        LIGHT.decode(small_network(kinds=1), IMAGES)
    with pytest.raises(ShapeMismatch, match="one target an image"):
        LIGHT.loss(small_network(), IMAGES, targets[:2], generator=chance())
    four = MaskRCNN(2, 1, 2, settings=dataclasses.replace(SMALL, anchors=4))
    with pytest.raises(ShapeMismatch, match="3 anchors a place"):
        LIGHT.decode(four, IMAGES)


@pytest.mark.parametrize(
    "wrong",
    [
        {"score": -0.1},
        {"suppression": 1.5},
        {"anchor_iou": (0.7, 0.3)},
        {"most": 0},
        {"regions_drawn": 0},
        {"regions_share": 2.0},
    ],
)
def test_settings_that_cannot_be_are_named(wrong: dict) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(wrong))):
        dataclasses.replace(DetectionSettings(), **wrong)


@pytest.mark.parametrize("classes", [(), ("a", "a")])
def test_classes_that_cannot_be_are_refused(classes: tuple) -> None:
    with pytest.raises(InvalidArgument, match="classes"):
        Detection(classes)


def test_the_task_is_a_value() -> None:
    assert dataclasses.replace(TASK) == TASK
    assert hash(TASK) == hash(dataclasses.replace(TASK))
    assert isinstance(TASK.decode(knowing(rectangles()), IMAGES)[0], Detections)
