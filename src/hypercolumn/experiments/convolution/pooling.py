"""What pooling gives for what it takes: the response of a feature map as the image under it moves.

    equivariance failure    min over whole steps t of  |P(S_s x) - S_t P(x)| / |P(x)|      what shifting cannot explain
    change                  |P(S_s x) - P(x)| / |P(x)|                                     0 where shifts are not seen

P are the feature maps of a micrograph (edges by their direction and blobs, rectified), pooled; S_s moves the image by s
samples. The image is cut from a larger one, so that what enters at the border is tissue and not zeros. Without pooling
the first is 0 and the second grows at once; a global pool sees next to nothing of either; between, a window of w gives
up a part of the first, for shifts that are no multiple of its stride, for a smaller second, and for 1 / stride^2 of the
places that the next layer computes. A plain stride pays the same and gets less: Zhang 2019, arXiv 1904.11486.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hypercolumn.convolution.kernels import binomial, gabor, laplacian_of_gaussian
from hypercolumn.convolution.layer import convolution_layer
from hypercolumn.convolution.pooling import average_pool, global_average, global_max, max_pool
from hypercolumn.data.simulated.micrographs import simulate_field
from hypercolumn.data.simulated.microscope import SCANNERS
from hypercolumn.data.simulated.nuclei import Tissue
from hypercolumn.experiments.outcome import Cell, Table

SHIFTS = tuple(range(9))
Pool = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Pooling:
    """A way to pool feature maps (channel, y, x), and the stride that it leaves; 0 where nothing of space is left."""

    name: str
    apply: Pool
    stride: int


def _blurred(maps: np.ndarray, stride: int) -> np.ndarray:
    """A binomial low-pass before the stride, which keeps what the coarser grid can hold."""
    weights = binomial(2 * stride, dims=2).weights
    kernel = np.broadcast_to(weights, (len(maps), 1, *weights.shape))
    return convolution_layer(maps, kernel, groups=len(maps), stride=stride)


POOLINGS = (
    Pooling("none", lambda maps: maps, 1),
    Pooling("stride 2", lambda maps: maps[:, ::2, ::2], 2),
    Pooling("max 2 / 2", lambda maps: max_pool(maps, 2), 2),
    Pooling("average 2 / 2", lambda maps: average_pool(maps, 2), 2),
    Pooling("blur, stride 2", lambda maps: _blurred(maps, 2), 2),
    Pooling("stride 4", lambda maps: maps[:, ::4, ::4], 4),
    Pooling("max 4 / 4", lambda maps: max_pool(maps, 4), 4),
    Pooling("average 4 / 4", lambda maps: average_pool(maps, 4), 4),
    Pooling("blur, stride 4", lambda maps: _blurred(maps, 4), 4),
    Pooling("global max", lambda maps: global_max(maps)[:, None, None], 0),
    Pooling("global average", lambda maps: global_average(maps)[:, None, None], 0),
)


@dataclass(frozen=True)
class Shifted:
    """One pooling over the shifts 0, 1, ...: both failures, by shift, and the share of places that is left."""

    pooling: Pooling
    equivariance: tuple[float, ...]
    change: tuple[float, ...]
    places: float


def measure_pooling(*, seed: int = 0, size: int = 64, images: int = 4) -> tuple[Shifted, ...]:
    """Both failures of every pooling, the mean over micrographs and over shifts along both axes."""
    margin = max(SHIFTS)
    fields = []
    for number in range(images):
        rng = np.random.default_rng([seed, number])
        image = simulate_field(rng, Tissue.draw(rng), SCANNERS[0], size=(size + 24, size + 24)).image.astype(float)
        fields.append(_features((image - image.mean()) / image.std()))
    results = []
    for pooling in POOLINGS:
        failures, changes = [], []
        for whole in fields:
            still = pooling.apply(_window(whole, 0, 0, size, margin))
            for axis in (0, 1):
                moved = [
                    pooling.apply(_window(whole, *((s, 0) if axis == 0 else (0, s)), size, margin)) for s in SHIFTS
                ]
                failures.append(
                    [_equivariance(pooling, still, new, s, axis + 1) for s, new in zip(SHIFTS, moved, strict=True)]
                )
                changes.append([_relative(new, still) for new in moved])
        places = 1 / pooling.stride**2 if pooling.stride else 1 / size**2
        failed, changed = (tuple(np.mean(measured, axis=0).tolist()) for measured in (failures, changes))
        results.append(Shifted(pooling, failed, changed, places))
    return tuple(results)


def pooling_table(results: tuple[Shifted, ...]) -> Table:
    """Both failures at shifts of 1, 2 and 4 samples, and the places left for the next layer."""
    shown = (1, 2, 4)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            item.pooling.name,
            *(item.equivariance[shift] for shift in shown),
            *(item.change[shift] for shift in shown),
            item.places,
        )
        for item in results
    )
    columns = (
        "pooling",
        *(f"not equivariant, {shift}" for shift in shown),
        *(f"changed, {shift}" for shift in shown),
        "places left",
    )
    note = "relative to the pooled maps, at shifts of 1, 2 and 4 samples; places left: the next layer's multiply-adds"
    return Table("pooling", "Pooling: equivariance, invariance and computation", columns, rows, note)


def _features(image: np.ndarray) -> np.ndarray:
    """Rectified responses to edges in four directions and to bright and dark blobs, (channel, y, x)."""
    angles = np.deg2rad([0, 45, 90, 135])
    bank = [
        gabor(0.12, direction=(np.sin(angle), np.cos(angle)), deviations=(1.5, 1.5), phase=np.pi / 2).weights
        for angle in angles
    ]
    blob = laplacian_of_gaussian(1.5, reach=10 / 3).weights
    kernels = np.stack([*bank, blob, -blob])[:, None]
    return np.maximum(convolution_layer(image[None], kernels), 0)


def _window(maps: np.ndarray, down: int, right: int, size: int, margin: int) -> np.ndarray:
    """The maps as they are when the image has moved by (down, right) under a fixed frame."""
    top, left = margin - down, margin - right
    return maps[:, top : top + size, left : left + size]


def _equivariance(pooling: Pooling, still: np.ndarray, moved: np.ndarray, shift: int, axis: int) -> float:
    """The failure at the whole step that fits best, over the part that both show."""
    if pooling.stride == 0:
        return _relative(moved, still)
    steps = {shift // pooling.stride, -(-shift // pooling.stride)}
    length = still.shape[axis]
    found = []
    for step in steps:
        new, old = (
            array.take(range(start, stop), axis=axis)
            for array, start, stop in ((moved, step, length), (still, 0, length - step))
        )
        found.append(_relative(new, old))
    return min(found)


def _relative(new: np.ndarray, old: np.ndarray) -> float:
    return float(np.linalg.norm(new - old) / np.linalg.norm(old))
