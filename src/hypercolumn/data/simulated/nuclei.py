"""Nuclei in a thin section of tissue: where they lie, what shape they have, how much dye they hold.

    outline    r(theta) = r0 (1 + e cos 2(theta - phi) + sum_{k=3..5} c_k cos k(theta - phi_k))
    dye        d(x) = a (1 + t n(x)) (1 + 0.35 rim(x)) prod_j (1 - 0.6 nucleolus_j(x))

n is noise smoothed to the grain of the chromatin; the rim is the heterochromatin under the envelope; nucleoli hold
little DNA. Sizes, shapes and stain vary between patients and less within one, so images of one patient resemble each
other. Lengths are in pixels. No optics here: see `microscope`.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

MARGIN = 48
"""The scene goes on beyond the image by this much: objects are cut by the border, and blur has something to mix."""


@dataclass(frozen=True)
class Tissue:
    """What one patient's tissue looks like."""

    radius: float
    radius_spread: float
    elongation: float
    irregularity: float
    stain: float
    stain_spread: float
    chromatin_grain: float
    chromatin_contrast: float
    nuclei: float
    clustering: float
    out_of_focus: float
    autofluorescence: float
    debris: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Tissue":
        """A patient; `nuclei`, `out_of_focus` and `debris` count objects in 256 x 256 pixels."""
        return cls(
            radius=rng.uniform(8.0, 12.5),
            radius_spread=rng.uniform(0.10, 0.22),
            elongation=rng.uniform(0.05, 0.22),
            irregularity=rng.uniform(0.015, 0.05),
            stain=rng.uniform(0.55, 0.8),
            stain_spread=rng.uniform(0.15, 0.3),
            chromatin_grain=rng.uniform(1.3, 2.0),
            chromatin_contrast=rng.uniform(0.15, 0.28),
            nuclei=rng.uniform(24, 44),
            clustering=rng.uniform(0.4, 0.75),
            out_of_focus=rng.uniform(18, 30),
            autofluorescence=rng.uniform(0.3, 0.5),
            debris=rng.uniform(10, 30),
        )


@dataclass(frozen=True)
class Nucleus:
    """One nucleus: centre (y, x), mean radius, outline harmonics 2 to 5 as (amplitude, phase), and its dye."""

    centre: tuple[float, float]
    radius: float
    harmonics: tuple[tuple[float, float], ...]
    dye: float

    @classmethod
    def draw(cls, rng: np.random.Generator, centre: tuple[float, float], tissue: Tissue) -> "Nucleus":
        radius = tissue.radius * float(np.exp(rng.normal(0, tissue.radius_spread)))
        strengths = (tissue.elongation, *(tissue.irregularity,) * 3)
        harmonics = tuple(
            (abs(float(rng.normal(0, 0.5))) * s + 0.4 * s, float(rng.uniform(0, 2 * np.pi))) for s in strengths
        )
        return cls(centre, radius, harmonics, tissue.stain * float(np.exp(rng.normal(0, tissue.stain_spread))))


@dataclass(frozen=True, eq=False)
class Patch:
    """The part of a scene around one nucleus: where it lies, how deep each pixel is inside, how far it is covered."""

    place: tuple[slice, slice]
    depth: np.ndarray
    """Distance to the outline along the ray from the centre, positive inside."""

    @property
    def coverage(self) -> np.ndarray:
        return np.clip(self.depth + 0.5, 0, 1)


def outline(nucleus: Nucleus, shape: tuple[int, int], *, swell: float = 1.0) -> Patch:
    """The patch of a nucleus in a scene of this shape; `swell` makes it larger, as the cell around it is.

    >>> nucleus = Nucleus((20.0, 20.0), 5.0, (), 1.0)
    >>> patch = outline(nucleus, (40, 40))
    >>> round(float(patch.coverage.sum()), 1), round(np.pi * 5**2, 1)
    (79.1, 78.5)
    """
    reach = int(np.ceil(nucleus.radius * swell * (1.1 + sum(amplitude for amplitude, _ in nucleus.harmonics)))) + 2
    place = (_span(nucleus.centre[0], reach, shape[0]), _span(nucleus.centre[1], reach, shape[1]))
    y = np.arange(place[0].start, place[0].stop, dtype=np.float32)[:, None] - np.float32(nucleus.centre[0])
    x = np.arange(place[1].start, place[1].stop, dtype=np.float32)[None, :] - np.float32(nucleus.centre[1])
    angle = np.arctan2(y, x)
    border = np.ones_like(angle)
    for order, (amplitude, phase) in enumerate(nucleus.harmonics, start=2):
        border += np.float32(amplitude) * np.cos(order * (angle - np.float32(phase)))
    return Patch(place, nucleus.radius * swell * border - np.hypot(y, x))


def scatter(rng: np.random.Generator, tissue: Tissue, shape: tuple[int, int]) -> list[Nucleus]:
    """Nuclei over a scene: each new one begins a cluster, or touches one that is there; none lies over another."""
    count = rng.poisson(tissue.nuclei * shape[0] * shape[1] / 256**2)
    found: list[Nucleus] = []
    centres, radii = np.empty((count, 2)), np.empty(count)
    for _ in range(6 * count):
        if len(found) == count:
            break
        nucleus = Nucleus.draw(rng, (0.0, 0.0), tissue)
        if found and rng.random() < tissue.clustering:
            neighbour = found[rng.integers(len(found))]
            direction, gap = rng.uniform(0, 2 * np.pi), 0.92 * (neighbour.radius + nucleus.radius)
            centre = (neighbour.centre[0] + gap * np.sin(direction), neighbour.centre[1] + gap * np.cos(direction))
        else:
            centre = (rng.uniform(0, shape[0]), rng.uniform(0, shape[1]))
        here = len(found)
        distances = np.hypot(*(centres[:here] - centre).T)
        inside = all(0 <= middle < length for middle, length in zip(centre, shape, strict=True))
        if inside and np.all(distances >= 0.9 * (radii[:here] + nucleus.radius)):
            centres[here], radii[here] = centre, nucleus.radius
            found.append(Nucleus(centre, nucleus.radius, nucleus.harmonics, nucleus.dye))
    return found


def paint(
    rng: np.random.Generator, nuclei: list[Nucleus], tissue: Tissue, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Dye, coverage (0 to 1) and instance numbers (0 is background) of a scene; touching nuclei share no pixel."""
    dye, coverage = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    labels = np.zeros(shape, np.uint16)
    grain = smooth_noise(rng, shape, tissue.chromatin_grain)
    for number, nucleus in enumerate(nuclei, start=1):
        patch = outline(nucleus, shape)
        free = np.minimum(patch.coverage, 1 - coverage[patch.place])
        inside = (patch.depth > 0) & (labels[patch.place] == 0)
        body = nucleus.dye * (1 + tissue.chromatin_contrast * grain[patch.place])
        body *= 1 + 0.35 * np.exp(-(((patch.depth - 1.2) / 1.3) ** 2))
        body *= _nucleoli(rng, nucleus, patch)
        dye[patch.place] += free * np.maximum(body, 0.05)
        coverage[patch.place] += free
        labels[patch.place][inside] = number
    return dye, coverage, labels


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> np.ndarray:
    """Gaussian noise smoothed to a length in pixels, mean 0 and standard deviation 1."""
    coarse = max(1, int(scale / 3))
    small = tuple(length // coarse + 3 for length in shape)
    field = ndimage.gaussian_filter(rng.standard_normal(small, dtype=np.float32), scale / coarse, mode="reflect")
    if coarse > 1:
        field = ndimage.zoom(field, coarse, order=1)
    field = field[: shape[0], : shape[1]]
    return (field - field.mean()) / max(float(field.std()), 1e-6)


def _span(middle: float, reach: int, length: int) -> slice:
    return slice(max(0, int(middle) - reach), max(0, min(length, int(middle) + reach + 1)))


def _nucleoli(rng: np.random.Generator, nucleus: Nucleus, patch: Patch) -> np.ndarray:
    """What nucleoli leave of the dye: a factor for each pixel of the patch."""
    y = np.arange(patch.place[0].start, patch.place[0].stop, dtype=np.float32)[:, None]
    x = np.arange(patch.place[1].start, patch.place[1].stop, dtype=np.float32)[None, :]
    factor = np.ones_like(patch.depth)
    for _ in range(rng.integers(0, 4)):
        radius, angle = nucleus.radius * np.sqrt(rng.uniform(0, 0.35)), rng.uniform(0, 2 * np.pi)
        size = nucleus.radius * rng.uniform(0.1, 0.2)
        away = (y - nucleus.centre[0] - radius * np.sin(angle)) ** 2 + (
            x - nucleus.centre[1] - radius * np.cos(angle)
        ) ** 2
        factor *= 1 - 0.6 * np.exp(-away / (2 * size**2))
    return factor
