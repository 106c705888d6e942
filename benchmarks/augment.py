"""Augmentation: the same as SciPy's, faster, and fast enough that one core feeds training."""

from collections.abc import Callable

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from benchmarks.harness import Measured, Ratio, bar, ratio
from hypercolumn.augment import Affine, Pipeline, Step, sample_window, standard
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
