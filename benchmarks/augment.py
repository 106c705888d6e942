"""Augmentation: the same as SciPy's, faster, and fast enough that one core feeds training."""

import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from benchmarks.harness import Measured, Ratio, bar, ratio
from benchmarks.peers import ask, peer
from hypercolumn.augment import Affine, Elastic, Pipeline, Step, apply_batch, sample_window, standard
from hypercolumn.networks import UNet

SIZE = (256, 256)


def _image(seed: int = 0) -> tuple[Tensor, Tensor]:
    """A smooth grey image of 512 x 512 and a mask of blobs."""
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((512, 512)).astype(np.float32), 3)
    smooth /= smooth.std()
    return torch.from_numpy(smooth)[None], torch.from_numpy((smooth > 0.5).astype(np.int64))


def _on_one_thread(first: Callable[[], object], second: Callable[[], object]) -> Ratio:
    """Each side ten times a turn: a few milliseconds alone are at the mercy of the scheduler."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        times = ratio(lambda: [first() for _ in range(10)], lambda: [second() for _ in range(10)], repeats=15)
        return Ratio(times.first / 10, times.second / 10, times.repeats)
    finally:
        torch.set_num_threads(threads)


def _scipy_window(image: np.ndarray, target: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    back, middle = np.linalg.inv(matrix), (np.array(SIZE) - 1) / 2
    offset = middle + 128 - back @ middle
    warp = {"matrix": back, "offset": offset, "output_shape": SIZE, "mode": "mirror"}
    return ndimage.affine_transform(image, order=1, **warp), ndimage.affine_transform(target, order=0, **warp)


@bar("rotation and scale of image and mask against SciPy, one core", unit="times faster", at_least=3.0)
def warp_against_scipy() -> Measured:
    image, target = _image()
    pipeline = Pipeline((Step(Affine(rotation=180, scale=0.25)),))
    records = pipeline.draw(np.random.default_rng(0), 2)
    arrays, matrix = (image[0].numpy(), target.numpy()), records[0].matrix()
    window = {"centre": (256.0, 256.0), "size": SIZE, "records": records, "pipeline": pipeline}
    times = _on_one_thread(lambda: _scipy_window(*arrays, matrix), lambda: sample_window(image, target, **window))
    return Measured(times.value, times.details("SciPy, linear and nearest", "Hypercolumn"))


@bar("rotation and scale equal SciPy's", unit="largest absolute difference, standardized image", at_most=1e-3)
def warp_equals_scipy() -> Measured:
    image, target = _image()
    pipeline, worst, other = Pipeline((Step(Affine(rotation=180, scale=0.25, shear=0.1)),)), 0.0, 0.0
    for seed in range(10):
        records = pipeline.draw(np.random.default_rng(seed), 2)
        window, labels = sample_window(
            image, target, centre=(256.0, 256.0), size=SIZE, records=records, pipeline=pipeline
        )
        expected, mask = _scipy_window(image[0].numpy(), target.numpy(), records[0].matrix())
        worst = max(worst, float(np.abs(window[0].numpy() - expected).max()))
        other = max(other, float((labels.numpy() != mask).mean()))
    return Measured(worst, {"windows": 10, "largest share of mask samples that differ": other})


@bar("the whole standard pipeline against NumPy and SciPy, one core", unit="times faster", at_least=1.5)
def pipeline_against_scipy() -> Measured:
    """Every step takes part: flip, rotation and scale, blur, brightness, contrast, gamma, noise."""
    image, target = _image()
    steps = tuple(step.augmentation for step in standard(2).steps)
    pipeline = Pipeline(tuple(Step(augmentation) for augmentation in steps))
    records = pipeline.draw(np.random.default_rng(3), 2)
    flip, affine, blur, brightness, contrast, gamma, noise = records
    arrays = image[0].numpy(), target.numpy()

    def with_scipy() -> tuple[np.ndarray, np.ndarray]:
        window, mask = _scipy_window(*arrays, affine.matrix())
        window, mask = np.flip(window, flip.axes), np.flip(mask, flip.axes)
        window = ndimage.gaussian_filter(window, blur.deviations, mode="mirror") + np.float32(brightness.shift)
        mean = window.mean()
        window = mean + np.float32(contrast.factor) * (window - mean)
        low, high = window.min(), window.max()
        window = low + (high - low) * ((window - low) / (high - low)) ** np.float32(gamma.exponent)
        normal = np.random.default_rng(noise.seed).standard_normal(SIZE, dtype=np.float32)
        return window + np.float32(noise.deviation) * normal, mask

    window = {"centre": (256.0, 256.0), "size": SIZE, "records": records, "pipeline": pipeline}
    times = _on_one_thread(with_scipy, lambda: sample_window(image, target, **window))
    return Measured(times.value, times.details("NumPy and SciPy", "Hypercolumn"))


@bar("augmenting on one core against a training step on all", unit="share of the step's time", at_most=0.25)
def augmenting_against_training() -> Measured:
    """Eight windows of 256 x 256 through the standard pipeline; a 16-wide U-Net of depth 3 in bf16, channels_last."""
    image, target = _image()
    pipeline, rng = standard(2), np.random.default_rng(0)
    drawn = [pipeline.draw(rng, 2) for _ in range(64)]
    turn = iter(range(10**9))
    network = UNet(2, 1, 2, width=16, depth=3, padding="same", normalization="batch").to(
        memory_format=torch.channels_last
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    batch = torch.randn(8, 1, *SIZE).to(memory_format=torch.channels_last)
    truth = target[:256, :256].expand(8, *SIZE)
    threads = torch.get_num_threads()

    def augment() -> None:
        torch.set_num_threads(1)
        for _ in range(8):
            records = drawn[next(turn) % len(drawn)]
            sample_window(image, target, centre=(256.0, 256.0), size=SIZE, records=records, pipeline=pipeline)
        torch.set_num_threads(threads)

    def train() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            scores = network(batch)
        loss = functional.cross_entropy(scores.float(), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    times = ratio(augment, train, repeats=7)
    details = times.details("eight windows on one core", f"training step on {threads}")
    return Measured(times.value, {**details, "windows a second": round(8 / times.first, 1)})


# ----------------------------------------------------------------------------------------- elastic, batch of 512 x 512

BATCH = 4
ROUNDS = 3
MONAI = ("monai", "monai>=1.5,<2")
ALBUMENTATIONS = ("albumentations", "albumentations>=2.0,<3")

MONAI_ELASTIC = """
import json, statistics, sys, time
import numpy as np, torch
from monai.transforms import Rand2DElasticd
torch.set_num_threads(1)
rng, batch = np.random.default_rng(0), int(sys.argv[1])
images = [torch.from_numpy(rng.random((3, 512, 512), dtype=np.float32)) for _ in range(batch)]
masks = [image[:1].gt(0.5).float() for image in images]
warp = Rand2DElasticd(keys=["image", "mask"], spacing=(256, 256), magnitude_range=(10, 10), prob=1.0,
                      mode=["bilinear", "nearest"], padding_mode="reflection")
seconds = []
for turn in range(12):
    start = time.perf_counter()
    for image, mask in zip(images, masks):
        warp({"image": image, "mask": mask})
    seconds.append((time.perf_counter() - start) / batch)
print(json.dumps({"seconds": statistics.median(seconds[2:])}))
"""

ALBUMENTATIONS_ELASTIC = """
import json, os, statistics, sys, time
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
import albumentations, cv2
import numpy as np
cv2.setNumThreads(1)
rng, batch = np.random.default_rng(0), int(sys.argv[1])
images = [rng.random((512, 512, 3), dtype=np.float32) for _ in range(batch)]
masks = [(image[..., 0] > 0.5).astype(np.uint8) for image in images]
warp = albumentations.ElasticTransform(alpha=1000, sigma=50, interpolation=cv2.INTER_LINEAR, p=1.0,
                                       mask_interpolation=cv2.INTER_NEAREST, border_mode=cv2.BORDER_REFLECT_101)
seconds = []
for turn in range(22):
    start = time.perf_counter()
    for image, mask in zip(images, masks):
        warp(image=image, mask=mask)
    seconds.append((time.perf_counter() - start) / batch)
print(json.dumps({"seconds": statistics.median(seconds[2:])}))
"""


def _batch() -> tuple[Tensor, Tensor]:
    """Images (batch, 3, 512, 512) and masks; what is in them does not matter to the time."""
    images = torch.from_numpy(np.random.default_rng(0).random((BATCH, 3, 512, 512), dtype=np.float32))
    return images, images[:, 0].gt(0.5).long()


def _elastic(interpolation: str) -> Callable[[], object]:
    """Draw and apply U-Net's deformation, 3 x 3 arrows of 10 samples, to a batch of colour images and their masks."""
    pipeline, rng, (images, masks) = Pipeline((Step(Elastic()),)), np.random.default_rng(0), _batch()

    def run() -> None:
        records = [pipeline.draw(rng, 2) for _ in range(BATCH)]
        apply_batch(pipeline, records, images, masks, interpolation=interpolation)  # type: ignore[arg-type]

    return run


@bar("elastic deformation of image and mask against SciPy, cubic, one core", unit="times faster", at_least=10.0)
def elastic_against_scipy() -> Measured:
    """Both draw 3 x 3 arrows, make the field by cubic pieces, and read images cubically, masks at the nearest.

    Three batches a turn each: right after the other's turn, memory is still the other's.
    """
    images, masks = (part.numpy() for part in _batch())
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.linspace(0, 2, 512), np.linspace(0, 2, 512), indexing="ij"))
    places = np.stack(np.meshgrid(np.arange(512.0), np.arange(512.0), indexing="ij"))
    spent = {"field": 0.0, "image": 0.0, "mask": 0.0}

    def with_scipy() -> tuple[np.ndarray, np.ndarray]:
        results = np.empty_like(images), np.empty_like(masks)
        for image, mask, warped, moved in zip(images, masks, *results, strict=True):
            marks = [time.perf_counter()]
            field = [ndimage.map_coordinates(arrows, grid, mode="nearest") for arrows in rng.normal(0, 10, (2, 3, 3))]
            read = places + field
            marks.append(time.perf_counter())
            for channel, result in zip(image, warped, strict=True):
                ndimage.map_coordinates(channel, read, output=result, order=3, mode="mirror")
            marks.append(time.perf_counter())
            ndimage.map_coordinates(mask, read, output=moved, order=0, mode="mirror")
            marks.append(time.perf_counter())
            for name, (before, after) in zip(spent, pairwise(marks), strict=True):
                spent[name] += after - before
        return results

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ours = _elastic("cubic")
        times = ratio(lambda: [with_scipy() for _ in range(3)], lambda: [ours() for _ in range(3)], repeats=7)
    finally:
        torch.set_num_threads(threads)
    whole = sum(spent.values())
    shares = {f"SciPy's share for the {name}": round(part / whole, 2) for name, part in spent.items()}
    one = Ratio(times.first / BATCH / 3, times.second / BATCH / 3, times.repeats)
    return Measured(times.value, {**one.details("SciPy, an image", "Hypercolumn, an image"), **shares})


@bar("elastic deformation of image and mask against MONAI, linear, one core", unit="times faster", at_least=5.0)
def elastic_against_monai() -> Measured:
    """Both interpolate the field bicubically from a coarse grid, and read images linearly, masks at the nearest."""
    return _elastic_against(MONAI, MONAI_ELASTIC)


@bar(
    "elastic deformation of image and mask against albumentations, linear, one core", unit="times faster", at_least=2.0
)
def elastic_against_albumentations() -> Measured:
    """Its field is noise smoothed by a Gaussian of 50 samples, its default; it reads images linearly, masks at the
    nearest.
    """
    return _elastic_against(ALBUMENTATIONS, ALBUMENTATIONS_ELASTIC)


def _elastic_against(names: tuple[str, str], code: str) -> Measured:
    """The two sides in turns, each in a process of its own for the peer; medians over the rounds."""
    python, ours = peer(*names), _elastic("linear")
    seconds: tuple[list[float], list[float]] = ([], [])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for _ in range(ROUNDS):
            seconds[0].append(ask(python, code, [BATCH])["seconds"])
            turns = []
            for _ in range(22):
                start = time.perf_counter()
                ours()
                turns.append((time.perf_counter() - start) / BATCH)
            seconds[1].append(statistics.median(turns[2:]))
    finally:
        torch.set_num_threads(threads)
    found = Ratio(statistics.median(seconds[0]), statistics.median(seconds[1]), ROUNDS)
    return Measured(found.value, found.details(f"{names[0]}, an image", "Hypercolumn, an image"))
