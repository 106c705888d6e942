"""Windows that overlap: every object once, whole, wherever it lies."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from tests.tasks.detecting import Answer, Knowing
from torch import Tensor, nn

from hypercolumn.errors import ShapeMismatch
from hypercolumn.inference.detector import MARGIN, WHOLE, WINDOW, Detector
from hypercolumn.tasks import Anchors, Detection, DetectionSettings

TASK = Detection(("square",), settings=DetectionSettings(anchors=Anchors((16.0, 32.0)), most=1000))


class Seeing(nn.Module):
    """Knows the squares of the image that it is shown, since each has a brightness of its own: its number."""

    strides = (4, 8)

    def __init__(self) -> None:
        super().__init__()
        self.inner: Knowing | None = None
        self.windows: list[tuple[int, ...]] = []

    def features(self, image: Tensor) -> Sequence[Tensor]:
        self.windows.append(tuple(image.shape[2:]))
        boxes = []
        for number in torch.unique(image[image > 0]).tolist():
            y, x = torch.nonzero(image[0, 0] == number, as_tuple=True)
            boxes.append([float(x.min()), float(y.min()), float(x.max()) + 1, float(y.max()) + 1])
        true = torch.tensor(boxes).reshape(-1, 4)
        kinds = torch.zeros(len(true), dtype=torch.long)
        self.inner = Knowing([true], [kinds], 1, TASK.settings.anchors, TASK.settings.region_code)
        return self.inner.features(image)

    def propose(self, maps: Sequence[Tensor]) -> Answer:
        assert self.inner is not None
        return self.inner.propose(maps)

    def heads(self, maps: Sequence[Tensor], boxes: Sequence[Tensor]) -> Answer:
        assert self.inner is not None
        return self.inner.heads(maps, boxes)

    def masks(self, maps: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
        assert self.inner is not None
        return self.inner.masks(maps, boxes)


@dataclass
class Squares:
    """An image with squares of 24 at places that cross every border of windows, and their numbers."""

    shape: tuple[int, int]
    numbers: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.numbers = np.zeros(self.shape, dtype=np.float32)
        step = 50
        for row, y in enumerate(range(2, self.shape[0] - 30, step)):
            for column, x in enumerate(range(2, self.shape[1] - 30, step)):
                self.numbers[y : y + 24, x : x + 24] = 1 + row * 100 + column


def test_an_image_larger_than_a_window_gives_each_object_once_and_whole() -> None:
    squares = Squares((WHOLE + 300, WHOLE + 40))
    network = Seeing()
    planes = Detector(network, TASK)(squares.numbers[None])
    assert len(network.windows) == 9 - 3 * (WHOLE + 40 <= 2 * WINDOW)
    assert max(max(shape) for shape in network.windows) <= WINDOW + 2 * MARGIN
    pairs = {(int(a), int(b)) for a, b in zip(squares.numbers.ravel(), planes[2].ravel(), strict=True)}
    assert len(pairs) == len(np.unique(squares.numbers)), "one number for one square, and no pixel more or less"


def test_an_image_that_fits_is_one_window() -> None:
    network = Seeing()
    squares = Squares((WHOLE, 100))
    found = Detector(network, TASK).find(squares.numbers[None])
    assert network.windows == [(WHOLE, 100)]
    assert len(found) == len(np.unique(squares.numbers)) - 1


def test_an_image_without_objects_is_background() -> None:
    planes = Detector(Seeing(), TASK)(np.zeros((1, WHOLE + 10, 40), dtype=np.float32))
    assert planes.shape == (3, WHOLE + 10, 40)
    assert (planes[0] == 1).all()
    assert not planes[1:].any()


def test_a_volume_is_refused() -> None:
    with pytest.raises(ShapeMismatch, match="channel, y, x"):
        Detector(Seeing(), TASK)(np.zeros((1, 4, 8, 8), dtype=np.float32))
