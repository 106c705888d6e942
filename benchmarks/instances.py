"""Instances: splitting, matching and weighing as fast as promised, and the same as by the plain recipes.

The image of the speed bars is drawn: 5,000 discs of radius 9 to 15 in touching pairs on 4096 x 4096. The plain recipe
is scikit-image's own (distance transform, peaks at least 5 samples apart, watershed from them); the loops over masks
are the definitions written down.
"""

import statistics
import time
from collections.abc import Callable
from functools import cache

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.segmentation import watershed

from benchmarks.harness import Measured, bar, ratio
from hypercolumn.data import Box, WindowGrid
from hypercolumn.evaluation.contingency import contingency
from hypercolumn.evaluation.instances import matches
from hypercolumn.inference.instance_tiles import label_tiles
from hypercolumn.tasks.border_weights import border_weights
from hypercolumn.tasks.instances import InstanceSettings, instances

SETTINGS = InstanceSettings(height=1.0)


@cache
def nuclei(side: int = 4096, count: int = 5000, seed: int = 0) -> np.ndarray:
    """The true instance map (side, side): pairs of discs on a jittered grid, the second laid over the first."""
    chance = np.random.default_rng(seed)
    labels = np.zeros((side, side), dtype=np.int32)
    rows, columns = np.mgrid[-16:17, -16:17]
    lines = int(np.ceil(np.sqrt(count / 2)))
    step = side / lines
    for pair in range(count // 2):
        centre = (np.array(divmod(pair, lines)) + 0.5) * step + chance.uniform(-step / 8, step / 8, 2)
        turn, radii = chance.uniform(0, np.pi), chance.uniform(9, 15, 2)
        way = np.array([np.sin(turn), np.cos(turn)]) * radii.sum() * 0.4
        for index, radius in enumerate(radii):
            row, column = np.clip(np.round(centre + (2 * index - 1) * way).astype(int), 16, side - 17)
            box = labels[row - 16 : row + 17, column - 16 : column + 17]
            box[rows**2 + columns**2 <= radius**2] = 2 * pair + index + 1
    return labels


def plain_recipe(inside: np.ndarray) -> np.ndarray:
    distance = ndimage.distance_transform_edt(inside)
    peaks = peak_local_max(distance, min_distance=5, labels=ndimage.label(inside)[0])
    markers = np.zeros(inside.shape, dtype=np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return watershed(-distance, markers, mask=inside)


@bar("splitting 5,000 touching nuclei, 4096 x 4096", unit="times faster than scikit-image's recipe", at_least=2.0)
def split_against_recipe() -> Measured:
    truth = nuclei()
    inside = truth > 0
    found = {"Hypercolumn": instances(inside, SETTINGS), "recipe": plain_recipe(inside)}
    times = ratio(lambda: plain_recipe(inside), lambda: instances(inside, SETTINGS), repeats=5)
    quality = {
        f"{name}, AP": round(float(matches(contingency(truth, one)).average_precision), 4)
        for name, one in found.items()
    }
    return Measured(times.value, times.details("recipe", "Hypercolumn") | quality | {"objects": int(truth.max())})


@bar("nuclei split right, 4096 x 4096", unit="F1 at IoU 0.5", at_least=0.99)
def split_right() -> Measured:
    truth = nuclei()
    found = matches(contingency(truth, instances(truth > 0, SETTINGS)))
    return Measured(float(found.f1[0]), {"AP": float(found.average_precision), "objects found": int(found.predicted)})


@bar("tiles of 1024 with a halo of 64 equal the whole image", unit="samples that differ", at_most=0)
def tiles_equal_whole() -> Measured:
    inside = nuclei() > 0

    def label(box: Box) -> np.ndarray:
        return instances(inside[tuple(slice(start, stop) for start, stop in box)], SETTINGS)

    target = np.zeros(inside.shape, dtype=np.uint32)
    grid = WindowGrid.cover(inside.shape, size=1024, halo=64)
    start = time.perf_counter()
    found = label_tiles(label, target, grid=grid, touching=True)
    seconds = time.perf_counter() - start
    whole = instances(inside, SETTINGS)
    table = contingency(whole, target)
    same = table.pair_samples[table.iou == 1].sum()
    details = {"objects": found.objects, "uncertain": found.uncertain, "tiles": len(grid), "seconds": round(seconds, 2)}
    return Measured(float(np.count_nonzero(inside | (target > 0)) - same), details)


@bar("matching 724 against 724 objects, 1024 x 1024", unit="times faster than a loop over masks", at_least=50.0)
def matching_against_loop() -> Measured:
    truth = nuclei(1024, 724, 1)
    predicted = np.roll(truth, (2, 1), axis=(0, 1))

    def loop() -> np.ndarray:
        masks = [predicted == number for number in range(1, int(predicted.max()) + 1)]
        table = np.zeros((int(truth.max()), len(masks)))
        for row in range(len(table)):
            mask = truth == row + 1
            near = np.unique(predicted[mask])
            for number in near[near > 0]:
                table[row, number - 1] = (mask & masks[number - 1]).sum() / (mask | masks[number - 1]).sum()
        return table

    apart = float(np.abs(contingency(truth, predicted).dense().T - loop()).max())
    times = ratio(loop, lambda: contingency(truth, predicted), repeats=3)
    return Measured(times.value, times.details("loop", "table") | {"largest difference of IoU": apart})


def crowded(seed: int = 0) -> np.ndarray:
    """About 500 objects on 1000 x 1000, many of them a few samples apart."""
    return nuclei(1000, 500, seed)


@bar("border weights, 1000 x 1000, 500 objects", unit="seconds", at_most=0.3)
def border_weights_fast() -> Measured:
    labels = crowded()
    return Measured(_median(lambda: border_weights(labels)), {"objects": int(labels.max())})


@bar("border weights against their definition, 1000 x 1000, 500 objects", unit="largest absolute error", at_most=1e-3)
def border_weights_right() -> Measured:
    """One distance transform of the whole image for each object, the two smallest kept."""
    labels = crowded()
    nearest = np.full((2, *labels.shape), np.inf)
    start = time.perf_counter()
    for number in range(1, int(labels.max()) + 1):
        distance = ndimage.distance_transform_edt(labels != number)
        nearest = np.sort(np.concatenate([nearest, distance[None]]), axis=0)[:2]
    known = np.where(labels == 0, 10 * np.exp(-(nearest.sum(axis=0) ** 2) / 50), 0)
    seconds = time.perf_counter() - start
    found = border_weights(labels, classes=(1.0, 1.0)) - 1
    return Measured(float(np.abs(found - known).max()), {"naive, seconds": round(seconds, 1)})


def _median(function: Callable[[], object], repeats: int = 7) -> float:
    function()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
