"""Dense maps: a classifier of tiles of 254 x 254 over an image, laid out against running every tile in batches.

Both sides are in float32 and run the same network. The tiles run at the batch size that is fastest for them here.
Preparing the network (tracing, folding, choosing a layout) is done once for all images and not timed; what it takes
stands beside.
"""

from functools import cache
from time import perf_counter

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.harness import Measured, bar, ratio
from hypercolumn.inference import DenseMapper, dense_map

TILE, STRIDE, SIZE = 254, 32, 2048
BATCHES = (1, 2, 4, 8, 16, 32)


@cache
def classifier() -> nn.Sequential:
    """Five convolutions without padding, each pooled by two: 254 -> 126 -> 62 -> 30 -> 14 -> 6, then a dense head."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    channels = 3
    for width in (16, 32, 64, 64, 64):
        layers += [nn.Conv2d(channels, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 36, 64), nn.ReLU(), nn.Linear(64, 9)).eval()


@cache
def image(size: int) -> np.ndarray:
    return np.random.default_rng(0).random((3, size, size), dtype=np.float32)


def tile_by_tile(picture: np.ndarray, stride: int, batch: int) -> Tensor:
    """Every tile, so many at a time: (class, y, x). A batch is cut when its turn comes; all at once are gigabytes."""
    tiles = torch.from_numpy(picture).unfold(1, TILE, stride).unfold(2, TILE, stride)
    down, across = tiles.shape[1:3]
    places = [(y, x) for y in range(down) for x in range(across)]
    network = classifier()
    with torch.inference_mode():
        parts = [places[begin : begin + batch] for begin in range(0, len(places), batch)]
        made = [network(torch.stack([tiles[:, y, x] for y, x in part])) for part in parts]
        return torch.cat(made).T.reshape(-1, down, across)


def _against_tiles(picture: np.ndarray, stride: int, *, repeats: int) -> Measured:
    batch, mapper = best_batch(), DenseMapper(classifier(), tile=(TILE, TILE), stride=stride)
    begin = perf_counter()
    mapper(picture)
    first = perf_counter() - begin
    times = ratio(lambda: tile_by_tile(picture, stride, batch), lambda: mapper(picture), repeats=repeats)
    details = times.details("every tile", "dense map")
    return Measured(times.value, {**details, "first image, ms": round(1000 * first, 1), "tiles at once": batch})


def best_batch() -> int:
    """The batch size at which 64 tiles run in the least time."""
    network, tiles = classifier(), torch.rand(64, 3, TILE, TILE, generator=torch.Generator().manual_seed(0))
    seconds = {}
    with torch.inference_mode():
        for batch in BATCHES:
            run = lambda batch=batch: [network(part) for part in tiles.split(batch)]  # noqa: E731
            seconds[batch] = ratio(run, lambda: None, repeats=3).first
    return min(seconds, key=seconds.__getitem__)


@bar("dense map at stride 32 over 2048 x 2048 against every tile in batches", unit="times as fast", at_least=35.0)
def overlapping() -> Measured:
    return _against_tiles(image(SIZE), STRIDE, repeats=5)


@bar("dense map of tiles that do not overlap against the same tiles in batches", unit="times as fast", at_least=0.95)
def apart() -> Measured:
    return _against_tiles(image(SIZE), TILE, repeats=7)


@bar("dense map equals every tile", unit="largest absolute difference", at_most=1e-5)
def equal() -> Measured:
    picture = image(640)
    found = dense_map(classifier(), picture, tile=(TILE, TILE), stride=STRIDE, way="laid out")
    expected = tile_by_tile(picture, STRIDE, 16).numpy()
    return Measured(float(np.abs(found - expected).max()), {"largest answer": round(float(np.abs(expected).max()), 3)})


@bar("dense map at stride 8 against every tile in batches, 512 x 512", unit="times as fast", at_least=35.0)
def finer_than_the_network() -> Measured:
    """A stride of a quarter of the network's own: layers are dilated, and nothing is computed that no tile needs."""
    return _against_tiles(image(512), 8, repeats=5)
