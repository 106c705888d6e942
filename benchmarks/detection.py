"""Detection: suppression of 100,000 boxes on one core, RoIAlign, and Mask R-CNN in the precision chosen for it.

Five distributions of boxes, 100,000 each, with scores at random: `uniform` (an image of 4096 x 4096, sides of 8 to 64),
`clustered` (on 500 objects, as a detector of many cells gives them), `heaped` (on 20 objects), `anchors` (a dense grid,
three ratios a place, jittered; at 0.66 half of them stay) and `scales` (sides over eight octaves, ratios of all kinds).
"""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import replace
from statistics import median

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.harness import Measured, bar, ratio
from hypercolumn.inference.precision import Precision, candidates
from hypercolumn.networks import MaskRCNN, MaskRCNNSettings
from hypercolumn.networks.region_align import region_align
from hypercolumn.tasks import Detection, DetectionSettings, non_maximum_suppression

BOXES = 100_000


def _around(centre: np.ndarray, size: np.ndarray) -> np.ndarray:
    return np.concatenate([centre - size / 2, centre + size / 2], axis=1)


def _uniform(rng: np.random.Generator) -> np.ndarray:
    return _around(rng.uniform(0, 4096, (BOXES, 2)), rng.uniform(8, 64, (BOXES, 2)))


def _on_objects(rng: np.random.Generator, objects: int) -> np.ndarray:
    which = rng.integers(objects, size=BOXES)
    centre, size = rng.uniform(0, 2048, (objects, 2))[which], rng.uniform(16, 64, (objects, 2))[which]
    moved = centre + 0.1 * size * rng.standard_normal((BOXES, 2))
    return _around(moved, size * np.exp(0.1 * rng.standard_normal((BOXES, 2))))


def _anchors(rng: np.random.Generator) -> np.ndarray:
    side = math.isqrt(BOXES // 3) + 1
    y, x, shape = (axis.reshape(-1) for axis in np.meshgrid(range(side), range(side), range(3), indexing="ij"))
    sizes = 32 * np.stack([np.sqrt([2.0, 1.0, 0.5]), np.sqrt([0.5, 1.0, 2.0])], axis=1)
    boxes = _around(6.5 * np.stack([x, y], axis=1), sizes[shape])[:BOXES]
    return boxes + rng.uniform(-0.5, 0.5, boxes.shape)


def _scales(rng: np.random.Generator) -> np.ndarray:
    side, shape = 4 * 256 ** rng.uniform(0, 1, (BOXES, 1)), np.exp(0.5 * rng.standard_normal((BOXES, 1)))
    return _around(rng.uniform(0, 4096, (BOXES, 2)), np.concatenate([side * shape, side / shape], axis=1))


DISTRIBUTIONS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "uniform": _uniform,
    "clustered": lambda rng: _on_objects(rng, 500),
    "heaped": lambda rng: _on_objects(rng, 20),
    "anchors": _anchors,
    "scales": _scales,
}
THRESHOLDS = {"uniform": 0.5, "clustered": 0.5, "heaped": 0.7, "anchors": 0.66, "scales": 0.7}


@bar("suppression of 100,000 boxes on one core, the slowest of five distributions", unit="seconds", at_most=0.5)
def suppression() -> Measured:
    """The median of five runs of each distribution, in seconds of processor: its loops have one thread, and what else
    the machine does at the time is not counted.
    """
    slowest, details = 0.0, {}
    for name, draw in DISTRIBUTIONS.items():
        rng = np.random.default_rng(0)
        boxes, scores, spent, passed, kept = draw(rng), rng.random(BOXES), [], [], 0
        for _ in range(5):
            processor, clock = time.process_time(), time.perf_counter()
            kept = len(non_maximum_suppression(boxes, scores, threshold=THRESHOLDS[name]))
            spent.append(time.process_time() - processor)
            passed.append(time.perf_counter() - clock)
        slowest = max(slowest, median(spent))
        details[name] = (
            f"{median(spent):.3f} s ({median(passed):.3f} s by the clock), {kept} stay at {THRESHOLDS[name]}"
        )
    return Measured(slowest, details)


@bar("suppression keeps what the textbook's loop keeps", unit="boxes that differ", at_most=0)
def suppression_is_exact() -> Measured:
    """The first 30,000 boxes of each distribution: the loop alone takes minutes over 100,000."""
    differ, details = 0, {}
    for name, draw in DISTRIBUTIONS.items():
        rng = np.random.default_rng(1)
        boxes, scores = draw(rng)[:30_000], rng.random(30_000)
        found = non_maximum_suppression(boxes, scores, threshold=THRESHOLDS[name])
        expected = _textbook(boxes, scores, THRESHOLDS[name])
        differ += len(set(found) ^ set(expected)) + int(not np.array_equal(found, expected))
        details[name] = len(expected)
    return Measured(differ, details)


def _textbook(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """The best box, without all that overlap it, and so on; only boxes near enough in x to overlap are looked at."""
    order = np.argsort(-scores, kind="stable")
    boxes = boxes[order]
    area, alive = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1), np.ones(len(boxes), dtype=bool)
    by_left = np.argsort(boxes[:, 0], kind="stable")
    left, widest = boxes[by_left, 0], (boxes[:, 2] - boxes[:, 0]).max()
    for rank in range(len(boxes)):
        if alive[rank]:
            box = boxes[rank]
            others = by_left[np.searchsorted(left, box[0] - widest) : np.searchsorted(left, box[2])]
            others = others[(others > rank) & alive[others]]
            near = boxes[others]
            shared = np.maximum(np.minimum(box[2:], near[:, 2:]) - np.maximum(box[:2], near[:, :2]), 0).prod(axis=1)
            alive[others[shared / (area[rank] + area[others] - shared) > threshold]] = False
    return order[alive]


@bar("RoIAlign, forward and backward, against sampling each bin with grid_sample", unit="times faster", at_least=2.0)
def region_alignment() -> Measured:
    """512 boxes of one map of 256 channels, 7 x 7 bins of 2 x 2 samples, on one core."""
    generator = torch.Generator().manual_seed(0)
    feature = torch.randn(1, 256, 128, 128, generator=generator, requires_grad=True)
    corner = 400 * torch.rand(512, 2, generator=generator)
    boxes = torch.cat([corner, corner + 12 + 60 * torch.rand(512, 2, generator=generator)], dim=1)

    def run(align: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        feature.grad = None
        answer = align(feature, boxes)
        answer.sum().backward()
        return answer.detach()

    def ours(one: Tensor, box: Tensor) -> Tensor:
        return region_align([one], [box], strides=[4], bins=7)

    difference = float((run(ours) - run(_sampled)).abs().max())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        times = ratio(lambda: run(_sampled), lambda: run(ours), repeats=7)
    finally:
        torch.set_num_threads(threads)
    return Measured(times.value, {**times.details("grid_sample", "Hypercolumn"), "largest difference": difference})


def _sampled(feature: Tensor, boxes: Tensor) -> Tensor:
    share = (torch.arange(14) + 0.5) / 14
    x, y = (boxes[:, axis, None] + share * (boxes[:, axis + 2] - boxes[:, axis])[:, None] for axis in (0, 1))
    places = torch.stack([x[:, None, :].expand(-1, 14, -1), y[:, :, None].expand(-1, -1, 14)], dim=-1)
    grid = places.reshape(1, -1, 14, 2) / 512 * 2 - 1
    sampled = functional.grid_sample(feature, grid, align_corners=False, padding_mode="border")
    bins = functional.avg_pool2d(sampled, 2)
    return bins[0].reshape(256, len(boxes), 7, 7).transpose(0, 1)


@bar("Mask R-CNN inference as chosen against its own float32", unit="times faster", at_least=1.0)
def mask_rcnn_inference() -> Measured:
    """ResNet-50 as published, 100 objects with their masks, an image of 512 x 512; the network was not trained, so that
    any score is taken.
    """
    torch.manual_seed(0)
    network = MaskRCNN(2, 3, 2).eval()
    task = Detection(("red", "white"), settings=DetectionSettings(score=0.0))
    return _inference(network, task, torch.randn(1, 3, 512, 512, generator=torch.Generator().manual_seed(1)))


@bar("light Mask R-CNN inference as chosen against its own float32", unit="times faster", at_least=1.0)
def light_mask_rcnn_inference() -> Measured:
    torch.manual_seed(0)
    network = MaskRCNN(2, 1, 1, settings=MaskRCNNSettings.light()).eval()
    task = Detection(("nucleus",), settings=replace(DetectionSettings.light(), score=0.0))
    return _inference(network, task, torch.randn(1, 1, 512, 512, generator=torch.Generator().manual_seed(1)))


def _inference(network: MaskRCNN, task: Detection, image: Tensor) -> Measured:
    """The fastest way besides float32 is chosen by a first look at each, and measured anew."""
    with ExitStack() as open_until_measured:

        def runner(how: Precision) -> Callable[[], object]:
            arranged = open_until_measured.enter_context(how.inferring(deepcopy(network)))
            given = how.arrange(image)

            def run() -> object:
                with torch.inference_mode(), how.autocast():
                    return task.decode(arranged, given)

            return run

        plain, others = runner(Precision()), {one.name: runner(one) for one in candidates(2)[1:]}
        looks = {name: ratio(plain, run, repeats=3).value for name, run in others.items()}
        best = max(looks, key=lambda name: looks[name])
        measured = ratio(plain, others[best], repeats=9)
    details: dict[str, object] = {
        "chosen": best,
        **measured.details("float32", best),
        "first look": {name: round(value, 2) for name, value in looks.items()},
        "largest deviation of the maps in bfloat16": _deviation(network, image),
    }
    return Measured(measured.value, details)


def _deviation(network: MaskRCNN, image: Tensor) -> float:
    """max |P - P_float32| / max |P_float32| over the maps of the pyramid, in bfloat16."""
    with torch.no_grad():
        plain = network.features(image)
        with Precision("bfloat16", channels_last=True).autocast():
            half = network.features(image)
    pairs = zip(plain, half, strict=True)
    return round(max(float((b.float() - a).abs().max() / a.abs().max()) for a, b in pairs), 4)
