"""What the training side of a fold looks like, in a few numbers: all that a plan may know.

Nothing here ever sees a validation or test piece, so a plan cannot carry knowledge across the split.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hypercolumn.data import Piece

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


def fingerprint(
    pieces: Sequence[Piece],
    *,
    read: Callable[[Piece], tuple[np.ndarray, np.ndarray | None]],
    shapes: Mapping[str, tuple[int, ...]],
    unit_of: Mapping[str, str],
    classes: int,
    labels: Callable[[str], np.ndarray] | None,
    site_of: Callable[[str], str] | None = None,
) -> Fingerprint:
    """Look at the training pieces; `read` gives a raw array (channel, *space) and its label image or None."""
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
        sites=tuple(Counter(map(site_of, sorted(records))).values()) if site_of is not None else (),
    )


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
