"""A wide-field fluorescence microscope with a camera: from dye in tissue to grey values.

    lambda(x) = L(x) [ (h_s * (d + f))(x) + sum_z (h_z * d_z)(x) + haze(x) ]
    g(x)      = gain (Poisson(e Q lambda) / Q + N(0, read^2)) + offset          stored as 8 bits, clipped

d is the dye in focus, f what else glows there (autofluorescence, debris), d_z the dye above and below, which is blurred
more; the haze is light scattered from far away, L the uneven illumination with its vignetting, h a Gaussian
point-spread function (Zhang, Zerubia and Olivo-Marin 2007, doi:10.1364/AO.46.001819, on how well it fits), Q the
photons that one unit of light sends at exposure e = 1. There is no bleaching, no cross-talk and no chromatic error.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage


@dataclass(frozen=True)
class Scanner:
    """One instrument; lengths in pixels, light in units where a well stained nucleus sends 1."""

    name: str
    blur: float
    photons: float
    read_noise: float
    gain: float
    offset: float
    vignetting: float
    """How much light is lost at the far corner."""
    field_centre: tuple[float, float]
    """Where the illumination is strongest, in fractions of the image."""
    haze: float
    """Light scattered into the image from outside the focal plane, at its most."""


SCANNERS = (
    Scanner("A", 0.7, 300.0, 0.010, 125.0, 8.0, 0.30, (0.45, 0.55), 0.30),
    Scanner("B", 0.95, 180.0, 0.015, 95.0, 20.0, 0.55, (0.25, 0.35), 0.45),
    Scanner("C", 1.25, 130.0, 0.020, 150.0, 4.0, 0.55, (0.70, 0.75), 0.40),
)
"""Sharp and even; lit from one side; blurred and noisy."""


def illumination(scanner: Scanner, shape: tuple[int, int]) -> np.ndarray:
    """L(x) = 1 - v |x - x0|^2 / max |x - x0|^2: 1 at the centre of the field, 1 - v at its farthest corner.

    >>> field = illumination(SCANNERS[0], (100, 100))
    >>> round(float(field.max()), 3), round(float(field.min()), 3)
    (1.0, 0.7)
    """
    y = (np.arange(shape[0], dtype=np.float32) / shape[0] - scanner.field_centre[0])[:, None]
    x = (np.arange(shape[1], dtype=np.float32) / shape[1] - scanner.field_centre[1])[None, :]
    squared = y**2 + x**2
    return 1 - scanner.vignetting * squared / squared.max()


def point_spread(light: np.ndarray, blur: float) -> np.ndarray:
    """(h * light): a Gaussian of this standard deviation; it neither makes nor loses light."""
    return ndimage.gaussian_filter(light, blur, mode="reflect", truncate=3.5)


def expose(rng: np.random.Generator, light: np.ndarray, scanner: Scanner, *, exposure: float = 1.0) -> np.ndarray:
    """Grey values (uint8) of the light that reaches the camera: photon noise, read noise, gain, offset, clipping.

    >>> grey = expose(np.random.default_rng(0), np.full((64, 64), 0.5), SCANNERS[0])
    >>> grey.dtype, round(float(grey.mean()))           # 125 * 0.5 + 8
    (dtype('uint8'), 70)
    """
    photons = rng.poisson(np.maximum(light, 0) * scanner.photons * exposure) / scanner.photons
    photons = photons + scanner.read_noise * rng.standard_normal(light.shape, dtype=np.float32)
    return np.clip(np.rint(scanner.gain * photons + scanner.offset), 0, 255).astype(np.uint8)
