"""Objects in a study: settings fitted on the validation side of each fold, and objects told apart by them.

    validation pieces -> probabilities -> fit_instances -> settings, kept beside the fold's weights
    any image         -> probabilities -> instances(settings) -> an object number for each sample

The validation side is neither learnt from nor scored, so that nothing of the test side is in the settings. Lengths are
in the unit of the spacing where every record of the cohort has one, in samples otherwise; what was fitted in a unit is
refused on an image without a spacing. Baselines without a network get settings of their own, fitted on what they
learnt.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from hypercolumn.data import Header, Piece, Sample, measure_objects, write_geojson, write_labels
from hypercolumn.data.writing import write_json
from hypercolumn.errors import DataError
from hypercolumn.study.material import Material, in_box
from hypercolumn.tasks.instance_fit import PredictedImage, fit_instances, fit_scores
from hypercolumn.tasks.instances import InstanceSettings, instances, numbered, sample_size

MOST = 32
"""At most so many images are fitted on, evenly spaced over the side."""
PLANES = 3
"""What a network says that finds objects itself: background, object, and its number."""
BINARY = (0.5,)
"""Where a baseline only says yes or no, every threshold of the foreground gives the same."""


@dataclass(frozen=True)
class ObjectSettings:
    """How objects are told apart, with what lengths are measured in: a unit, or samples where it is None."""

    instances: InstanceSettings
    unit: str | None = None

    def objects(self, probabilities: np.ndarray, spacing: Sequence[float] | None, unit: str | None) -> np.ndarray:
        """The object numbers (*space), uint32, from probabilities (class, *space), or from planes with numbers."""
        if self.unit is not None and unit != self.unit:
            raise DataError(
                f"the image has {'a spacing in ' + unit if unit else 'no spacing'}, objects were learnt in {self.unit}",
                why="how large an object is and how far apart two are decides whether they are one",
                fix=f"give images with their spacing in {self.unit}",
            )
        spacing = spacing if self.unit is not None else None
        if len(probabilities) == PLANES:
            return numbered(probabilities, self.instances, spacing=spacing)
        return instances(probabilities[1], self.instances, spacing=spacing)

    def of_any_size(self) -> "ObjectSettings":
        """The same, where what is too small is left out later."""
        return replace(self, instances=replace(self.instances, smallest=0.0))

    def smallest_samples(self, spacing: Sequence[float] | None) -> float:
        """The smallest object in samples."""
        return self.instances.smallest / sample_size(spacing if self.unit is not None else None)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self.instances), "unit": self.unit}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> "ObjectSettings":
        return cls(InstanceSettings(**{name: saved[name] for name in saved if name != "unit"}), saved["unit"])

    @classmethod
    def read(cls, folder: Path) -> "ObjectSettings | None":
        """What `fit_objects` left in the folder of a fold; None where objects are not told apart."""
        path = folder / "objects.json"
        return cls.from_dict(json.loads(path.read_text(encoding="utf-8"))["settings"]) if path.exists() else None


def fit_objects(
    folder: Path, probabilities: Callable[[np.ndarray], np.ndarray], material: Material, pieces: Sequence[Piece]
) -> ObjectSettings:
    """Fit the settings on pieces that were not learnt from, and write them into the folder of the fold."""
    unit = common_unit(material.headers.values())
    chosen = spaced(pieces, MOST)
    images = [_predicted(probabilities, material, piece, unit) for piece in chosen]
    fitted = fit_scores(images) if any(image.numbers is not None for image in images) else fit_instances(images)
    found = ObjectSettings(fitted.settings, unit)
    write_json(
        {"settings": found.to_dict(), "average precision": fitted.average_precision, "images": len(chosen)},
        folder / "objects.json",
    )
    return found


def fit_baseline(predict: Callable[[Piece], np.ndarray], material: Material, pieces: Sequence[Piece]) -> ObjectSettings:
    """Settings of a baseline, on at most 16 of the pieces that it learnt from."""
    unit = common_unit(material.headers.values())
    images = [
        PredictedImage(
            in_box(material.instances(piece.record), piece.box),
            predict(piece)[1],
            spacing=material.headers[piece.record].spacing if unit else None,
        )
        for piece in spaced(pieces, MOST // 2)
    ]
    binary = all(np.isin(image.foreground, (0, 1)).all() for image in images)
    fitted = fit_instances(images, foregrounds=BINARY) if binary else fit_instances(images)
    return ObjectSettings(fitted.settings, unit)


def write_objects(labels: np.ndarray, image: Sample, stem: Path, *, named: str) -> list[Path]:
    """The objects of an image as `stem`.tif, as polygons in `stem`.geojson, and as `stem`.csv, one row each."""
    written = [write_labels(stem.with_name(stem.name + ".tif"), labels, spacing=image.spacing, unit=image.unit)]
    if labels.ndim == 1:
        return written
    measured = measure_objects(labels, image=image)
    sheet = stem.with_name(stem.name + ".csv")
    measured.to_csv(sheet, index=False, lineterminator="\n")
    if labels.ndim == 2:
        path = stem.with_name(stem.name + ".geojson")
        written.append(write_geojson(path, labels, names=(named,), measurements=measured))
    return [*written, sheet]


def middle(settings: Sequence[ObjectSettings]) -> ObjectSettings:
    """The settings of the mean of several networks: the median of each, split where most of them split."""
    each = [one.instances for one in settings]
    heights = [one.height for one in each if one.height is not None]
    typical = InstanceSettings(
        foreground=median(one.foreground for one in each),
        height=median(heights) if 2 * len(heights) > len(each) else None,
        smallest=median(one.smallest for one in each),
        holes=median(one.holes for one in each),
        smoothing=median(one.smoothing for one in each),
    )
    return ObjectSettings(typical, settings[0].unit)


def common_unit(headers: Iterable[Header]) -> str | None:
    """The unit that every record is measured in, or None: then all are measured in samples."""
    units = {header.unit if header.spacing is not None else None for header in headers}
    return units.pop() if len(units) == 1 else None


def spaced(pieces: Sequence[Piece], most: int) -> list[Piece]:
    """At most so many pieces, evenly spaced.

    >>> [piece.record for piece in spaced([Piece(letter) for letter in "abcde"], 3)]
    ['a', 'c', 'e']
    """
    places = np.unique(np.linspace(0, len(pieces) - 1, min(most, len(pieces))).round().astype(int))
    return [pieces[place] for place in places]


def _predicted(
    probabilities: Callable[[np.ndarray], np.ndarray], material: Material, piece: Piece, unit: str | None
) -> PredictedImage:
    given = in_box(probabilities(material.image(piece.record)), piece.box)
    truth = in_box(material.instances(piece.record), piece.box)
    spacing = material.headers[piece.record].spacing if unit else None
    return PredictedImage(truth, given[1], spacing=spacing, numbers=given[2] if len(given) == PLANES else None)
