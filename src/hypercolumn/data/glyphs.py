"""Marks in an image that look like letters: small, saturated, of one height, in a row.

    ink       above the middle between the brightest value and the 95th percentile, or the same below
    mark      a connected area of ink, 4 samples to 1/8 of the image high, at most 1.6 times as wide, that fills 15 % or
              more of its box
    row       4 marks or more whose middles and heights differ by less than a third of a height, each within 2.5
              heights of the next

Letters are told from cells and debris by standing in a line, all alike; nothing is read. Letters that touch each other,
and rows that are turned, are not found. `audit.burnt_in_text` judges the counts.
"""

import numpy as np
from scipy import ndimage

from hypercolumn.errors import ShapeMismatch

GROUND = 95
"""Letters fill less of an image than the rest of this percentile."""
MOST_MARKS = 5_000
"""With more marks than this an image is noise."""
IN_A_ROW = 4


def glyphs(image: np.ndarray) -> np.ndarray:
    """How many letters stand in each ninth of an image (channel, y, x): (9,), row by row.

    >>> image = np.full((1, 90, 90), 100, dtype=np.uint8)
    >>> for left in range(6, 30, 6):
    ...     image[0, 4:12, left : left + 2] = 255                # IIII
    >>> glyphs(image)
    array([4, 0, 0, 0, 0, 0, 0, 0, 0])
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.size == 0:
        raise ShapeMismatch(f"the image is {image.shape}", fix="give (channel, y, x)")
    grey = np.nan_to_num(image.mean(axis=0, dtype=np.float64))
    counts = np.zeros((3, 3), dtype=int)
    for signed in (grey, -grey):
        ground, brightest = float(np.percentile(signed, GROUND)), float(signed.max())
        if brightest > ground:
            for y, x in _letters(signed > (brightest + ground) / 2):
                counts[min(2, int(3 * y / grey.shape[0])), min(2, int(3 * x / grey.shape[1]))] += 1
    return counts.ravel()


def _letters(ink: np.ndarray) -> np.ndarray:
    """The middles (letter, 2) of the marks that stand in a row."""
    labels, count = ndimage.label(ink, structure=np.ones((3, 3)))
    if not IN_A_ROW <= count <= MOST_MARKS:
        return np.zeros((0, 2))
    areas = np.bincount(labels.ravel())[1:]
    boxes = ndimage.find_objects(labels)
    top, left, bottom, right = (
        np.array([box[axis].start if first else box[axis].stop for box in boxes], dtype=float)
        for first, axis in ((True, 0), (True, 1), (False, 0), (False, 1))
    )
    height, width = bottom - top, right - left
    alike = (height >= 4) & (height <= ink.shape[0] / 8) & (width <= 1.6 * height) & (areas >= 0.15 * height * width)
    marks = np.stack([(top + bottom) / 2, (left + right) / 2, height], axis=1)[alike]
    marks = marks[np.argsort(marks[:, 1], kind="stable")]
    kept = np.zeros(len(marks), dtype=bool)
    for number, mark in enumerate(marks):
        if kept[number]:
            continue
        row = [number]
        for other in range(number + 1, len(marks)):
            last = marks[row[-1]]
            if marks[other, 1] - last[1] > 2.5 * mark[2]:
                break
            if abs(marks[other, 0] - last[0]) < mark[2] / 3 and abs(marks[other, 2] - mark[2]) < mark[2] / 3:
                row.append(other)
        if len(row) >= IN_A_ROW:
            kept[row] = True
    return marks[kept, :2]
