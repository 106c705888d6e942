"""The gallery of errors: every kind that was planted is counted over all records and shown around its object."""

import numpy as np
import pandas as pd

from hypercolumn.evaluation import instance_row
from hypercolumn.study.object_gallery import Seen, object_galleries

HEADER = type("Header", (), {"spacing": (0.5, 0.25), "unit": "um"})()


def _planted() -> tuple[np.ndarray, np.ndarray]:
    """One missed at (10, 10), one made up at (10, 50), one split at (50, 10), two merged at (50, 50)."""
    truth, predicted = np.zeros((80, 80), dtype=np.uint16), np.zeros((80, 80), dtype=np.uint16)
    truth[6:14, 6:14] = 7
    predicted[6:14, 46:54] = 9
    truth[46:54, 6:14] = 3
    predicted[46:50, 6:14], predicted[50:54, 6:14] = 4, 5
    truth[46:54, 46:50], truth[46:54, 51:55] = 11, 12
    predicted[46:54, 46:55] = 6
    return truth, predicted


def test_every_kind_of_error_is_counted_and_shown_around_its_object() -> None:
    truth, predicted = _planted()
    table = pd.DataFrame({"a": instance_row(truth, predicted), "b": instance_row(truth, truth)}).T
    image = np.arange(6400, dtype=np.float32).reshape(1, 80, 80)
    drawn: list[np.ndarray] = []

    def draw(array: np.ndarray) -> np.ndarray:
        drawn.append(array)
        return np.repeat(array[0].astype(np.uint8)[..., None], 3, axis=2)

    found = object_galleries(table, lambda name: Seen(name, image, truth, predicted, HEADER), draw=draw, noun="cell")
    assert [gallery.title for gallery in found] == [
        "Missed: 1 of 8 true objects (cell)",
        "False: 1 of 8 predicted objects (cell)",
        "Split: 1 of 8 true objects (cell)",
        "Merged: 2 of 8 true objects (cell)",
    ]
    assert [gallery.cases[0].words for gallery in found] == [
        "at row 10, column 10",
        "at row 10, column 50",
        "at row 50, column 10",
        "at row 50, column 50",
    ]
    missed = found[0].cases[0]
    assert missed.truth is not None
    assert missed.truth.shape == missed.image.shape[:2]
    assert np.count_nonzero(missed.truth) == 64, "the whole object is in the window"
    assert (missed.pixel, missed.length_unit) == (0.25, "um")
    assert float(drawn[0][0, 10 - 0, 10 - 0]) == image[0, 10, 10], "the window begins at the image's corner"


def test_no_error_no_gallery_and_what_cannot_be_shown_is_counted_all_the_same() -> None:
    truth, predicted = _planted()
    perfect = pd.DataFrame({"b": instance_row(truth, truth)}).T
    assert object_galleries(perfect, lambda name: None, draw=np.asarray, noun="cell") == ()
    table = pd.DataFrame({"a": instance_row(truth, predicted)}).T
    found = object_galleries(table, lambda name: None, draw=np.asarray, noun="cell")
    assert all(not gallery.cases for gallery in found)
    assert len(found) == 4
