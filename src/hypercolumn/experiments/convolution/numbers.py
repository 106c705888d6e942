"""An image as what it is to a network: a stack of channels, each a grid of numbers.

Any file that the readers know is taken; of a volume its middle plane is shown. Without one, a micrograph is simulated
and given the colours of a stained section by the law of Beer and Lambert, I = 255 exp(-(c_h h + c_e e)), with the
absorptions of haematoxylin and eosin (Ruifrok and Johnston 2001), so that its channels differ. Beside the whole image
stands a patch of it, where values vary most, with every value written out.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from hypercolumn.data import read_image
from hypercolumn.data.simulated.micrographs import simulate_field
from hypercolumn.data.simulated.microscope import SCANNERS
from hypercolumn.data.simulated.nuclei import Tissue
from hypercolumn.errors import ShapeMismatch
from hypercolumn.experiments.outcome import Table

SIDE = 10
HAEMATOXYLIN, EOSIN = np.array([0.65, 0.70, 0.29]), np.array([0.07, 0.99, 0.11])


@dataclass(frozen=True, eq=False)
class Numbers:
    """An image (channel, y, x) with the names of its channels, and the corner (y, x) of the patch written out."""

    name: str
    array: np.ndarray
    channels: tuple[str, ...]
    corner: tuple[int, int]

    @property
    def patch(self) -> np.ndarray:
        """(channel, y, x), at most 10 x 10."""
        top, left = self.corner
        return self.array[:, top : top + SIDE, left : left + SIDE]


def image_as_numbers(path: Path | None = None, *, seed: int = 0, size: int = 128) -> Numbers:
    """The channels of an image file, or of a simulated section; the patch is the 10 x 10 of the largest variance.

    Raises what `read_image` raises, and ShapeMismatch for what has no two spatial axes.

    >>> numbers = image_as_numbers(size=64)
    >>> numbers.array.shape, numbers.patch.shape, numbers.channels
    ((3, 64, 64), (3, 10, 10), ('red', 'green', 'blue'))
    """
    if path is None:
        array, name = _stained(seed, size), "simulated section"
        channels: tuple[str, ...] = ("red", "green", "blue")
    else:
        sample = read_image(path)
        array, channels, name = sample.array, sample.channels, path.name
        if array.ndim < 3:
            raise ShapeMismatch("an image has two spatial axes", where=path.name, fix="give an image or a volume")
        while array.ndim > 3:
            array, name = array[:, array.shape[1] // 2], f"{path.name}, middle plane"
        channels = channels or tuple(f"channel {number + 1}" for number in range(len(array)))
    return Numbers(name, array, channels, _liveliest(array))


def numbers_table(numbers: Numbers) -> Table:
    """One row a row of the patch, with the channel in front."""
    top, left = numbers.corner
    rows = tuple(
        (channel, top + row, *values.tolist())
        for channel, plane in zip(numbers.channels, numbers.patch, strict=True)
        for row, values in enumerate(plane)
    )
    columns = ("channel", "y", *(f"x {left + column}" for column in range(numbers.patch.shape[2])))
    shape = " x ".join(map(str, numbers.array.shape))
    title = f"An image as numbers: {numbers.name}, {shape} (channel, y, x) of {numbers.array.dtype}"
    return Table("numbers", title, columns, rows)


def _liveliest(array: np.ndarray) -> tuple[int, int]:
    """The corner of the patch in which values vary most, channels together; what is not finite counts as 0."""
    values = np.nan_to_num(array.astype(float), posinf=0, neginf=0)
    sides = tuple(min(SIDE, length) for length in array.shape[1:])
    mean, square = (
        np.stack([ndimage.uniform_filter(plane, sides, origin=[-(side // 2) for side in sides]) for plane in planes])
        for planes in (values, values**2)
    )
    spread = (square - mean**2).sum(axis=0)[
        tuple(slice(0, n - side + 1) for n, side in zip(array.shape[1:], sides, strict=True))
    ]
    row, column = np.unravel_index(int(spread.argmax()), spread.shape)
    return int(row), int(column)


def _stained(seed: int, size: int) -> np.ndarray:
    """A simulated micrograph in the colours of haematoxylin and eosin, (3, size, size) of 8 bits."""
    rng = np.random.default_rng([seed, 7])
    field = simulate_field(rng, Tissue.draw(rng), SCANNERS[0], size=(size, size))
    nuclei = ndimage.gaussian_filter(field.image / 255 * (field.instances > 0), 0.6)
    grain = ndimage.gaussian_filter(rng.normal(size=(size, size)), 2.0)
    fibres = ndimage.gaussian_filter(rng.normal(size=(size, size)), (1, 8))
    stroma = np.clip(0.35 + 0.5 * grain / grain.std() * 0.1 + 0.12 * fibres / fibres.std(), 0.05, 1)
    eosin = stroma * (1 - 0.6 * np.clip(2 * nuclei, 0, 1))
    density = 2.2 * nuclei * HAEMATOXYLIN[:, None, None] + eosin * EOSIN[:, None, None]
    return np.rint(np.clip(250 * np.exp(-density) + rng.normal(scale=2, size=(3, size, size)), 0, 255)).astype(np.uint8)
