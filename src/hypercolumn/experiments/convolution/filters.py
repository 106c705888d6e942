"""What kernels with a name do to an image: smooth noise away, find edges, sharpen both.

    gain on white noise     std(k * noise) / std(noise) = |k|, the root of the summed squares of the weights
    gain on a constant      sum of the weights
    edges over the rest     mean |k * f| on the outlines of simulated nuclei, over that everywhere else

Which frequencies pass is decided from the response itself (`kernels.passes`).
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hypercolumn.convolution import kernels
from hypercolumn.convolution.definition import convolve
from hypercolumn.data.simulated.micrographs import simulate_field
from hypercolumn.data.simulated.microscope import SCANNERS
from hypercolumn.data.simulated.nuclei import Tissue
from hypercolumn.experiments.outcome import Table

BANK = (
    kernels.box(5, dims=2),
    kernels.gaussian(1.5, dims=2, reach=10 / 3),
    kernels.sobel(axis=1),
    kernels.prewitt(axis=1),
    kernels.laplacian(),
    kernels.edge(),
    kernels.sharpening(),
    kernels.laplacian_of_gaussian(1.5, reach=10 / 3),
    kernels.gabor(0.15, direction=(1, 1), deviations=(2, 2), reach=2.5),
)


@dataclass(frozen=True, eq=False)
class Filtered:
    """A simulated micrograph and what each kernel makes of it, (y, x), in the order of `BANK`."""

    image: np.ndarray
    responses: tuple[np.ndarray, ...]
    outlines: np.ndarray


def filter_micrograph(*, seed: int = 0, size: int = 256) -> Filtered:
    """Every kernel of the bank over one micrograph, standardized."""
    rng = np.random.default_rng([seed, 11])
    field = simulate_field(rng, Tissue.draw(rng), SCANNERS[0], size=(size, size))
    image = field.image.astype(float)
    image = (image - image.mean()) / image.std()
    inside = ndimage.grey_erosion(field.instances, 3) != ndimage.grey_dilation(field.instances, 3)
    return Filtered(image, tuple(convolve(image, kernel.weights, mode="same") for kernel in BANK), inside)


def filters_table(filtered: Filtered, *, seed: int = 0) -> Table:
    """What passes, the gains, and how much a kernel prefers outlines; the border is left out."""
    noise = np.random.default_rng([seed, 12]).normal(size=(160, 160))
    inner = (slice(8, -8), slice(8, -8))
    on, rows = filtered.outlines[inner], []
    for kernel, response in zip(BANK, filtered.responses, strict=True):
        strength = np.abs(response[inner] - (np.median(response) if kernels.passes(kernel) == "low" else 0))
        measured = float(convolve(noise, kernel.weights, mode="valid").std() / noise.std())
        expected = float(np.linalg.norm(kernel.weights))
        preferred = float(strength[on].mean() / strength[~on].mean())
        constant = round(float(kernel.weights.sum()), 12) + 0.0
        rows.append((kernel.name, kernels.passes(kernel), constant, measured, expected, preferred))
    columns = ("kernel", "passes", "gain on a constant", "gain on noise", "expected |k|", "outlines over the rest")
    return Table("filters", "What kernels do to an image", columns, tuple(rows))
