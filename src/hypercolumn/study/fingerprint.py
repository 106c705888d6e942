"""What the training side of a fold looks like, in a few numbers: all that a plan may know.

Nothing here ever sees a validation or test piece, so a plan cannot carry knowledge across the split.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.measure import regionprops

from hypercolumn.data import Piece
from hypercolumn.data.instance_map import with_small_numbers

LEAST_PIXELS = 20
"""Of smaller objects the form is that of the grid."""
SAMPLED = 64
"""At most so many records are opened to learn what images look like: evenly spaced over the side."""


@dataclass(frozen=True)
class Fingerprint:
    """Numbers of the training records of one fold.

    `shift` says how much the images' own brightness moves from one to the next, in units of the contrast within one
    image; `counts` are samples (masks) or records (labels) for each class, `units` the independent units that hold
    each class; `object_size` is the median diameter in samples of what is not background, or None, and `size_spread` by
    what factor that of one record commonly differs from another's. `grey_share` is the share of records whose channels
    are all alike. `sites` counts the records of each site, where sites are known. Numbers have no
    classes to count: `mean` and `deviation` say where they lie.
    """

    records: int
    units: int
    dims: int
    channels: int
    smallest: tuple[int, ...]
    median: tuple[int, ...]
    shift: float
    counts: tuple[float, ...]
    class_units: tuple[int, ...]
    object_size: float | None
    size_spread: float = 1.0
    grey_share: float = 0.0
    mean: float | None = None
    deviation: float | None = None
    sites: tuple[int, ...] = ()
    form: "ObjectForm | None" = None


@dataclass(frozen=True)
class ObjectForm:
    """What the objects of the training records look like: how many an image holds (median), their median diameter in
    samples, the share that touches another, and the median share of its convex hull that an object fills.
    """

    count: float
    diameter: float
    touching: float
    solidity: float


def fingerprint(
    pieces: Sequence[Piece],
    *,
    read: Callable[[Piece], tuple[np.ndarray, np.ndarray | None]],
    shapes: Mapping[str, tuple[int, ...]],
    unit_of: Mapping[str, str],
    classes: int,
    labels: Callable[[str], np.ndarray] | None,
    site_of: Callable[[str], str] | None = None,
    objects: Callable[[Piece], np.ndarray] | None = None,
) -> Fingerprint:
    """Look at the training pieces; `read` gives a raw array (channel, *space) and its label image or None, `objects`
    the object numbers (*space) where objects are told apart.
    """
    chosen = [
        pieces[index]
        for index in np.unique(np.linspace(0, len(pieces) - 1, min(SAMPLED, len(pieces))).round().astype(int))
    ]
    centres, spreads, sizes, grey = [], [], [], []
    counts = np.zeros(classes)
    holders: list[set[str]] = [set() for _ in range(classes)]
    channels = 0
    for piece in chosen:
        image, mask = read(piece)
        channels = image.shape[0]
        centres.append(float(np.median(image)))
        spreads.append(float(np.std(image)))
        grey.append(len(image) > 1 and bool((image == image[:1]).all()))
        if mask is not None:
            found = np.bincount(mask[mask >= 0].ravel(), minlength=classes)[:classes]
            counts += found
            _hold(holders, np.flatnonzero(found), unit_of.get(piece.name, piece.record))
            sizes.append(_object_size(mask))
    numbers = np.array([labels(piece.record) for piece in pieces]) if labels is not None and not classes else None
    if labels is not None and classes:
        for piece in pieces:
            present = np.atleast_1d(labels(piece.record))
            indices = np.flatnonzero(present) if present.size > 1 or present.dtype.kind == "f" else present.astype(int)
            counts[indices] += 1
            _hold(holders, indices, unit_of.get(piece.name, piece.record))
    all_shapes = np.array([shapes[piece.name] for piece in pieces])
    known_sizes = [size for size in sizes if size is not None]
    records = {piece.record for piece in pieces}
    return Fingerprint(
        records=len(records),
        units=len({unit_of.get(piece.name, piece.record) for piece in pieces}),
        dims=all_shapes.shape[1],
        channels=channels,
        smallest=tuple(all_shapes.min(0).tolist()),
        median=tuple(np.median(all_shapes, axis=0).astype(int).tolist()),
        shift=float(np.std(centres) / max(np.median(spreads), 1e-12)),
        counts=tuple(counts.tolist()),
        class_units=tuple(len(holder) for holder in holders),
        object_size=float(np.median(known_sizes)) if known_sizes else None,
        size_spread=float(np.exp(np.std(np.log(known_sizes)))) if known_sizes else 1.0,
        grey_share=float(np.mean(grey)),
        mean=None if numbers is None else float(numbers.mean()),
        deviation=None if numbers is None else _deviation(numbers),
        form=None if objects is None else object_form([objects(piece) for piece in chosen]),
        sites=tuple(Counter(map(site_of, sorted(records))).values()) if site_of is not None else (),
    )


def object_form(maps: Sequence[np.ndarray]) -> ObjectForm | None:
    """What the objects of instance maps look like; None where there is none.

    >>> two = np.zeros((12, 20), dtype=int)
    >>> two[2:8, 2:8], two[2:8, 8:14] = 1, 2
    >>> object_form([two])
    ObjectForm(count=2.0, diameter=6.770275002573076, touching=1.0, solidity=1.0)
    """
    counts, volumes, touching, solidity = [], [], [], []
    for labels in maps:
        small = with_small_numbers(labels)
        sizes = np.bincount(small.reshape(-1))[1:]
        counts.append(np.count_nonzero(sizes))
        volumes += sizes[sizes > 0].tolist()
        beside = _neighbours(small)
        touching += [number in beside for number in (np.flatnonzero(sizes) + 1).tolist()]
        if small.ndim == 2:
            solidity += [one.solidity for one in regionprops(small.astype(np.int32)) if one.num_pixels >= LEAST_PIXELS]
    if not volumes:
        return None
    dims = maps[0].ndim
    ball = {1: 1.0, 2: np.pi / 4, 3: np.pi / 6}[dims]
    return ObjectForm(
        count=float(np.median(counts)),
        diameter=float((np.median(volumes) / ball) ** (1 / dims)),
        touching=float(np.mean(touching)),
        solidity=float(np.median(solidity)) if solidity else 1.0,
    )


def _neighbours(labels: np.ndarray) -> set[int]:
    """The numbers of objects that lie face to face with another."""
    found: set[int] = set()
    for axis in range(labels.ndim):
        one, other = (np.moveaxis(labels, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        meet = (one != other) & (one > 0) & (other > 0)
        found.update(np.unique(one[meet]).tolist(), np.unique(other[meet]).tolist())
    return found


def _deviation(numbers: np.ndarray) -> float:
    """The standard deviation, and exactly 0 where all numbers are alike."""
    return float(numbers.std()) if numbers.min() < numbers.max() else 0.0


def _hold(holders: list[set[str]], indices: np.ndarray, unit: str) -> None:
    for index in indices:
        holders[int(index)].add(unit)


def _object_size(mask: np.ndarray) -> float | None:
    """The median diameter of connected foreground parts, as that of the disc (ball, segment) of the same size."""
    parts, count = ndimage.label(mask > 0)
    if count == 0:
        return None
    volumes = np.bincount(parts.ravel())[1:]
    ball = {1: 1.0, 2: np.pi / 4, 3: np.pi / 6}[mask.ndim]
    return float((np.median(volumes) / ball) ** (1 / mask.ndim))
