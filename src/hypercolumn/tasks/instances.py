"""Objects from what a network says of each sample: a threshold, a relief, a flood, and a look at what is too small.

    foreground    samples whose probability is at least `foreground`, holes up to `holes` filled
    relief        the distance to the outside, or what a network learnt: a distance, or 1 - the probability of a border
    objects       basins of the relief whose peaks rise `height` above the saddle to a higher one   (see `basins`)
    kept          objects of at least `smallest`

With `height` None nothing is split: objects are connected components. Lengths and sizes are in units of the spacing
where it is known, in samples otherwise; a learnt relief has its own. Beyond the edge of the array is outside, as in
`evaluation.surface`. Every step asks nothing of a sample but what hangs together with it, so that an object seen whole,
with all that touches it, comes out the same in any window: `inference.label_tiles` rests on that.

The settings are chosen on training predictions by `fit_instances`, never on what is scored. Samples touch by faces,
edges and corners; background by faces. An image with no foreground gives a map of zeros.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.tasks.basins import Basins, flood, painted
from hypercolumn.tasks.detections import above

_CALL = 500
"""What the distance transform of one more box costs beside its samples, counted in samples."""


@dataclass(frozen=True)
class InstanceSettings:
    """How probabilities become objects; `smoothing` is the sigma of a Gaussian on the relief, 0 for none.

    >>> InstanceSettings(foreground=0.8, height=None)
    InstanceSettings(foreground=0.8, height=None, smallest=0.0, holes=0.0, smoothing=0.0)
    """

    foreground: float = 0.5
    height: float | None = 1.0
    smallest: float = 0.0
    holes: float = 0.0
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.foreground <= 1:
            raise InvalidArgument("foreground", self.foreground, fix="give a probability from 0 to 1")
        if self.height is not None and not self.height >= 0:
            raise InvalidArgument("height", self.height, fix="give a height of at least 0, or None to split nothing")
        for name in ("smallest", "holes", "smoothing"):
            value = getattr(self, name)
            if not value >= 0 or (name == "smoothing" and math.isinf(value)):
                raise InvalidArgument(name, value, fix="give a number of at least 0")


def instances(
    foreground: np.ndarray,
    settings: InstanceSettings,
    *,
    distance: np.ndarray | None = None,
    border: np.ndarray | None = None,
    spacing: Sequence[float] | None = None,
) -> np.ndarray:
    """An instance map (*space), uint32, from the probability of foreground (*space), or from a mask.

    `distance` is a learnt relief that is high in the middle of objects, `border` the learnt probability of a border
    between them; without either the relief is the exact distance to the outside. Objects are numbered from 1 in the
    order of their first samples. Raises ShapeMismatch where the arrays differ in shape.

    >>> two = np.array([[1, 1, 1, 0, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 1, 1, 1]])
    >>> instances(two, InstanceSettings(height=0.5))
    array([[1, 1, 1, 0, 0, 2, 2, 2],
           [1, 1, 1, 1, 2, 2, 2, 2],
           [1, 1, 1, 0, 0, 2, 2, 2]], dtype=uint32)
    >>> int(instances(two, InstanceSettings(height=None)).max())
    1
    """
    if settings.height is None:
        labels = components(foreground_of(foreground, settings, spacing=spacing))
        samples = np.flatnonzero(labels)
        object_of = labels.reshape(-1)[samples].astype(np.int64) - 1
    else:
        basins = basins_of(foreground, settings, distance=distance, border=border, spacing=spacing)
        samples, object_of = basins.samples, basins.objects(settings.height)[basins.basin]
    large = np.bincount(object_of) * sample_size(spacing) >= settings.smallest
    return painted(np.shape(foreground), samples, np.where(large[object_of], object_of, -1))


def numbered(planes: np.ndarray, settings: InstanceSettings, *, spacing: Sequence[float] | None = None) -> np.ndarray:
    """An instance map (*space), uint32, from planes (3, *space) of a network that finds objects itself.

    Kept are objects whose score is at least `foreground`, of at least `smallest`; they keep the order of their numbers.

    >>> numbered(np.array([[[0.1, 0.6]], [[0.9, 0.4]], [[1.0, 2.0]]]), InstanceSettings(foreground=0.3, height=None))
    array([[1, 2]], dtype=uint32)
    """
    numbers = above(planes, settings.foreground).astype(np.int64)
    size = np.bincount(numbers.reshape(-1)) * sample_size(spacing)
    kept = size >= max(settings.smallest, np.finfo(float).tiny)
    kept[0] = False
    return (np.cumsum(kept) * kept)[numbers].astype(np.uint32)


def basins_of(
    foreground: np.ndarray,
    settings: InstanceSettings,
    *,
    distance: np.ndarray | None = None,
    border: np.ndarray | None = None,
    spacing: Sequence[float] | None = None,
) -> Basins:
    """The basins that `instances` cuts at `settings.height`: for whoever wants to try several heights."""
    inside = foreground_of(foreground, settings, spacing=spacing)
    return flood(relief_of(inside, settings, distance=distance, border=border, spacing=spacing), inside)


def foreground_of(
    foreground: np.ndarray, settings: InstanceSettings, *, spacing: Sequence[float] | None = None
) -> np.ndarray:
    """Where there is foreground (*space): at the threshold or above, with holes filled; what is not a number is not.

    >>> ring = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    >>> foreground_of(ring, InstanceSettings(holes=1)).all()
    np.True_
    """
    inside = np.asarray(foreground) >= settings.foreground
    if settings.holes > 0:
        outside, count = ndimage.label(np.pad(~inside, 1, constant_values=True))
        size = np.bincount(outside.reshape(-1), minlength=count + 1)
        hole = size * sample_size(spacing) <= settings.holes
        hole[[0, outside.reshape(-1)[0]]] = False
        inside = inside | hole[outside][(slice(1, -1),) * inside.ndim]
    return inside


def relief_of(
    inside: np.ndarray,
    settings: InstanceSettings,
    *,
    distance: np.ndarray | None = None,
    border: np.ndarray | None = None,
    spacing: Sequence[float] | None = None,
) -> np.ndarray:
    """The relief (*space) whose peaks are objects: learnt where something was learnt, smoothed where asked for."""
    if distance is not None and border is not None:
        raise InvalidArgument("border", "given", why="a distance is given too", fix="give one relief")
    for name, learnt in (("distance", distance), ("border", border)):
        if learnt is not None and np.shape(learnt) != inside.shape:
            raise ShapeMismatch(f"{name} is {np.shape(learnt)} and foreground {inside.shape}", fix="give (*space)")
    if distance is not None:
        relief = np.asarray(distance, dtype=np.float32)
    elif border is not None:
        relief = 1 - np.asarray(border, dtype=np.float32)
    else:
        relief = distance_to_outside(inside, spacing=spacing)
    if settings.smoothing > 0:
        sigma = [settings.smoothing / step for step in _steps(inside.ndim, spacing)]
        relief = ndimage.gaussian_filter(relief, sigma, mode="nearest")
    return relief


def distance_to_outside(inside: np.ndarray, *, spacing: Sequence[float] | None = None) -> np.ndarray:
    """The distance of each sample to the nearest one outside, 0 outside: (*space), float32, exact.

    The nearest outside sample of a connected component touches it, so that each component's box with one sample
    around it is enough: an image which is mostly background costs little.

    >>> distance_to_outside(np.array([[1, 1, 1, 0]], dtype=bool), spacing=(9.0, 0.5))
    array([[0.5, 1. , 0.5, 0. ]], dtype=float32)
    """
    steps = _steps(inside.ndim, spacing)
    framed = np.pad(inside, 1)
    far = np.zeros(inside.shape, dtype=np.float32)
    boxes = ndimage.find_objects(components(inside).astype(np.int32))
    if sum(_CALL + math.prod(side.stop - side.start for side in box) for box in boxes) > inside.size:
        boxes = [tuple(slice(0, length) for length in inside.shape)]
    for box in boxes:
        wide = framed[tuple(slice(side.start, side.stop + 2) for side in box)]
        here = ndimage.distance_transform_edt(wide, sampling=steps)[(slice(1, -1),) * inside.ndim]
        np.maximum(far[box], here, out=far[box], casting="same_kind")
    return far


def components(inside: np.ndarray) -> np.ndarray:
    """Connected components (*space), uint32, numbered from 1 in the order of their first samples.

    >>> components(np.array([[1, 0, 1], [0, 1, 0]], dtype=bool))
    array([[1, 0, 1],
           [0, 1, 0]], dtype=uint32)
    """
    return ndimage.label(inside, np.ones((3,) * inside.ndim), output=np.uint32)[0]


def sample_size(spacing: Sequence[float] | None) -> float:
    """The length, area or volume of one sample."""
    return 1.0 if spacing is None else float(math.prod(spacing))


def _steps(axes: int, spacing: Sequence[float] | None) -> tuple[float, ...]:
    steps = (1.0,) * axes if spacing is None else tuple(float(step) for step in spacing)
    if len(steps) != axes or not all(math.isfinite(step) and step > 0 for step in steps):
        raise InvalidArgument("spacing", spacing, fix=f"give a length above 0 for each of {axes} axes")
    return steps
