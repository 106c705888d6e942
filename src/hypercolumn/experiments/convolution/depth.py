"""What depth adds, and what it does not: the same stack with and without its nonlinearities.

    linear      conv -> conv -> ... -> conv                   equals one convolution, whatever it learnt
    ReLU, GELU  conv -> phi -> conv -> ... -> phi -> conv     does not

The task: how steep is the image here, whichever way the slope points, |grad (g * f)| at a scale of one sample. A linear
filter that answers to a rising slope answers to a falling one with the opposite sign, so the best one there is, found
by least squares over the field of the deepest stack, cannot do it; and a linear stack can be no better than that filter
on the images it was fitted to. Trained on simulated micrographs, judged on others by the share of variance explained
R^2, for several seeds. No claim about depth in general: one task, small stacks, short training.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn

from hypercolumn.convolution.composition import compose
from hypercolumn.data.simulated.micrographs import simulate_field
from hypercolumn.data.simulated.microscope import SCANNERS
from hypercolumn.data.simulated.nuclei import Tissue
from hypercolumn.experiments.outcome import Cell, Table, shown

NONLINEARITIES: dict[str, type[nn.Module] | None] = {"none": None, "ReLU": nn.ReLU, "GELU": nn.GELU}
DEPTHS = (1, 2, 3, 4)
SEEDS = 3
WIDTH = 8
SIZE = 56
RATE = 0.02


@dataclass(frozen=True)
class Effort:
    """How much is trained: steps, images to train on and to judge on, depths and seeds."""

    steps: int = 160
    images: int = 3
    tested: int = 12
    depths: tuple[int, ...] = DEPTHS
    seeds: int = SEEDS


@dataclass(frozen=True)
class Trained:
    """One stack after training; `effective_error`: its difference to its one effective kernel, for a linear stack."""

    nonlinearity: str
    depth: int
    seed: int
    explained: float
    effective_error: float | None


@dataclass(frozen=True, eq=False)
class DepthResult:
    """The best linear filter's R^2 by depth, every stack, and one test image with its target and predictions."""

    filters: dict[int, float]
    stacks: tuple[Trained, ...]
    example: dict[str, np.ndarray]


def stack(depth: int, nonlinearity: str, *, seed: int = 0) -> nn.Sequential:
    """`depth` convolutions of 3 x 3, eight channels between them, without padding.

    >>> [type(layer).__name__ for layer in stack(2, "ReLU")]
    ['Conv2d', 'ReLU', 'Conv2d']
    """
    made = NONLINEARITIES[nonlinearity]
    layers: list[nn.Module] = []
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        for place in range(depth):
            layers.append(nn.Conv2d(1 if place == 0 else WIDTH, 1 if place == depth - 1 else WIDTH, 3))
            if made is not None and place < depth - 1:
                layers.append(made())
    return nn.Sequential(*layers)


def measure_depth(*, seed: int = 0, effort: Effort | None = None) -> DepthResult:
    """Train every stack and fit every filter on the same images; judge them on others.

    On one thread: layers this small gain nothing from a second, and wait for it on a busy machine.
    """
    with _one_thread():
        return _measured(seed, effort or Effort())


def scores_of(result: DepthResult, nonlinearity: str, depth: int) -> list[float]:
    """R^2 by seed; one layer has nothing between layers, so it is the same under every name."""
    name = nonlinearity if depth > 1 else "none"
    return [item.explained for item in result.stacks if (item.nonlinearity, item.depth) == (name, depth)]


def depth_table(result: DepthResult) -> Table:
    """R^2 by depth: of the best filter, and of each stack the mean over seeds with the lowest and the highest."""
    rows: list[tuple[Cell, ...]] = []
    for depth, filtered in result.filters.items():
        field = 2 * depth + 1
        rows.append((depth, field, "best linear filter", filtered, filtered, filtered, ""))
        for name in NONLINEARITIES if depth > 1 else ("none",):
            scores = scores_of(result, name, depth)
            errors = [
                item.effective_error for item in result.stacks if (item.nonlinearity, item.depth) == (name, depth)
            ]
            known = [error for error in errors if error is not None]
            kind = "one layer" if depth == 1 else "stack without" if name == "none" else f"stack with {name}"
            spread = (float(np.mean(scores)), min(scores), max(scores))
            rows.append((depth, field, kind, *spread, shown(max(known)) if known else ""))
    return Table(
        "depth",
        "The steepness of an image, by stacks with and without nonlinearities: R^2 on images not trained on",
        ("layers", "field", "what", "R^2, mean of seeds", "lowest", "highest", "difference to its one kernel"),
        tuple(rows),
    )


def _measured(seed: int, effort: Effort) -> DepthResult:
    training, testing = _images([seed, 0], effort.images), _images([seed, 1], effort.tested)
    filters = {depth: _best_filter(training, testing, depth) for depth in effort.depths}
    shown = int(testing[1].mean(dim=(1, 2, 3)).argmax())
    example = {"image": testing[0][shown, 0].numpy(), "target": testing[1][shown, 0].numpy()}
    results: list[Trained] = []
    for depth in effort.depths:
        for name in NONLINEARITIES if depth > 1 else ("none",):
            for number in range(effort.seeds):
                network = _trained(stack(depth, name, seed=seed * 1000 + number), training, steps=effort.steps)
                with torch.no_grad():
                    predicted = network(testing[0])
                explained = _explained(predicted, _inner(testing[1], depth))
                error = _effective_error(network, testing[0], predicted) if name == "none" and depth > 1 else None
                results.append(Trained(name, depth, number, explained, error))
                if depth == max(effort.depths) and number == 0:
                    example[name] = predicted[shown, 0].numpy()
    return DepthResult(filters, tuple(results), example)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _images(seed: list[int], count: int) -> tuple[Tensor, Tensor]:
    """Simulated micrographs of `count` patients, standardized, and their steepness, both (image, 1, y, x)."""
    images = []
    for patient in range(count):
        rng = np.random.default_rng([*seed, patient])
        images.append(simulate_field(rng, Tissue.draw(rng), SCANNERS[0], size=(SIZE, SIZE)).image.astype(float))
    stacked = np.stack([(image - image.mean()) / image.std() for image in images])
    steep = [ndimage.gaussian_gradient_magnitude(image, 1.0, truncate=3) for image in stacked]
    target = np.stack(steep) / np.std(steep)
    return torch.tensor(stacked[:, None], dtype=torch.float32), torch.tensor(target[:, None], dtype=torch.float32)


def _trained(network: nn.Sequential, data: tuple[Tensor, Tensor], *, steps: int) -> nn.Sequential:
    depth = sum(isinstance(layer, nn.Conv2d) for layer in network)
    images, target = data[0], _inner(data[1], depth)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        nn.functional.mse_loss(network(images), target).backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def _best_filter(training: tuple[Tensor, Tensor], testing: tuple[Tensor, Tensor], depth: int) -> float:
    """R^2 of the least-squares filter with an offset, as large as the field of a stack of this depth."""
    side = 2 * depth + 1
    weights = torch.linalg.lstsq(
        _patches(training[0], side), _inner(training[1], depth).reshape(-1, 1).double()
    ).solution
    made = (_patches(testing[0], side) @ weights).reshape(_inner(testing[1], depth).shape)
    return _explained(made, _inner(testing[1], depth))


def _patches(images: Tensor, side: int) -> Tensor:
    columns = nn.functional.unfold(images.double(), side).transpose(1, 2).reshape(-1, side * side)
    return torch.cat([columns, torch.ones(len(columns), 1, dtype=torch.float64)], dim=1)


def _effective_error(network: nn.Sequential, images: Tensor, predicted: Tensor) -> float:
    """How far a linear stack is from the one layer that it equals, relative to its largest output."""
    one = compose(*network)
    with torch.no_grad():
        difference = one(images) - predicted
    return float(difference.abs().max() / predicted.abs().max())


def _inner(target: Tensor, depth: int) -> Tensor:
    return target[..., depth:-depth, depth:-depth]


def _explained(predicted: Tensor, target: Tensor) -> float:
    residual = (predicted.double() - target.double()).square().mean()
    return 1 - float(residual / target.double().var(unbiased=False)) if math.isfinite(float(residual)) else math.nan
