import numpy as np
import torch

from hypercolumn.data.objects import Objects
from hypercolumn.tasks.detection_target import DetectionTarget, MaskWindows


def disc(size: int, radius: float) -> np.ndarray:
    y, x = np.mgrid[:size, :size] + 0.5
    return ((y - size / 2) ** 2 + (x - size / 2) ** 2 < radius**2).astype(int)


def test_a_mask_in_its_own_box_at_its_own_size_is_itself() -> None:
    rng = np.random.default_rng(0)
    labels = np.zeros((30, 40), dtype=int)
    labels[5:17, 8:20] = rng.integers(0, 2, (12, 12)) * 3
    labels[5, 8], labels[16, 19] = 3, 3
    target = DetectionTarget.of(Objects.from_map(labels))
    assert target.masks is not None
    found = target.masks.within(torch.tensor([[8.0, 5.0, 20.0, 17.0]]), torch.tensor([0]), cells=12)
    np.testing.assert_array_equal(found[0].numpy(), labels[5:17, 8:20] > 0)


def test_each_object_keeps_its_own_pixels() -> None:
    labels = np.zeros((10, 12), dtype=int)
    labels[1:4, 1:5], labels[2:9, 6:11] = 4, 2
    masks = DetectionTarget.of(Objects.from_map(labels)).masks
    assert masks is not None
    boxes = torch.tensor([[0.0, 0.0, 12.0, 10.0]]).repeat(2, 1)
    first, second = masks.within(boxes, torch.tensor([0, 1]), cells=60).mean(dim=(1, 2)) * 120
    assert abs(first.item() - 35) < 3  # numbers ascend: 2 comes first
    assert abs(second.item() - 12) < 3


def test_outside_of_an_object_there_is_nothing() -> None:
    masks = MaskWindows.of(Objects.from_map(np.ones((4, 4), dtype=int)), [0])
    found = masks.within(torch.tensor([[-4.0, 0.0, 4.0, 4.0], [10.0, 10.0, 12.0, 12.0]]), torch.tensor([0, 0]), cells=8)
    assert found[0].tolist() == [[0.0] * 4 + [1.0] * 4] * 8
    assert found[1].sum() == 0


def test_a_disc_keeps_its_area_at_any_size() -> None:
    masks = MaskWindows.of(Objects.from_map(disc(40, 15.0)), [0])
    for cells in (28, 56):
        share = masks.within(torch.tensor([[0.0, 0.0, 40.0, 40.0]]), torch.tensor([0]), cells=cells).mean().item()
        assert abs(share * 1600 / (np.pi * 225) - 1) < 0.05


def test_ignored_objects_become_regions() -> None:
    boxes = np.array([[0.0, 0, 2, 2], [4, 4, 8, 8], [1, 1, 3, 3]])
    objects = Objects((10, 10), ("a", "b"), boxes, np.array([0, 1, 1]), np.array([False, True, False]))
    target = DetectionTarget.of(objects)
    assert target.boxes.tolist() == boxes[[0, 2]].tolist()
    assert target.classes.tolist() == [0, 1]
    assert target.ignored.tolist() == boxes[[1]].tolist()
    assert target.masks is None


def test_an_image_without_objects() -> None:
    target = DetectionTarget.of(Objects.from_map(np.zeros((5, 5), dtype=int)))
    assert target.boxes.shape == (0, 4)
    assert target.ignored.shape == (0, 4)
    assert target.to("cpu").classes.shape == (0,)
