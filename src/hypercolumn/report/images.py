"""Images inside the page: as data URIs, with outlines of truth and prediction as transparent layers of their own.

The image is a WebP, each outline a small palette PNG laid over it, so that a reader can switch either off. The truth is
a wide pale-blue band and the prediction a thin amber line with a dark edge: they differ in width too, not by colour
alone (blue and amber stay apart for every common colour blindness; Okabe and Ito 2008). An outline runs along every
border between two labels. Nothing is stretched in grey value: what is handed in is what is shown.
"""

import base64
import io
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from PIL import Image
from scipy import ndimage

from hypercolumn.errors import InvalidArgument
from hypercolumn.report.content import Case

TRUTH_COLOUR = (102, 194, 255)
PREDICTION_COLOUR = (255, 176, 0)
EDGE_COLOUR = (12, 16, 22)

OUTLINE_WIDTH = 640
"""Outlines are drawn on a canvas about this wide, so that they stay fine lines over small images."""


@dataclass(frozen=True)
class Quality:
    """How large and how good images are stored: the longer side in pixels, and the WebP quality."""

    longest: int
    webp: int


QUALITIES = tuple(
    Quality(*pair) for pair in ((768, 82), (560, 80), (400, 76), (288, 72), (200, 66), (136, 58), (96, 50))
)
"""From what is wanted to what must do; the first that fits into the page is taken."""


@dataclass(frozen=True)
class Picture:
    """One image as the templates take it; the layers are data URIs."""

    image: Markup
    truth: Markup | None
    prediction: Markup | None
    width: int
    height: int
    bar_percent: float = 0.0
    bar_words: str = ""

    @property
    def size(self) -> int:
        return len(self.image) + len(self.truth or "") + len(self.prediction or "")


class Drawer:
    """Draws cases at falling quality; every image is shrunk from the last size it had, not from the original."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[Case, Image.Image]] = {}

    def draw(self, case: Case, quality: Quality) -> Picture:
        image = shrink(self._image(case), quality.longest)
        self._last[id(case)] = (case, image)
        percent, words = scale_bar(case)
        layers = [
            None if labels is None else _outline(labels, case.image.shape[:2], quality, colour=colour, wide=wide)
            for labels, colour, wide in (
                (case.truth, TRUTH_COLOUR, True),
                (case.prediction, PREDICTION_COLOUR, False),
            )
        ]
        return Picture(_webp(image, quality.webp), layers[0], layers[1], image.width, image.height, percent, words)

    def _image(self, case: Case) -> Image.Image:
        if id(case) in self._last:
            return self._last[id(case)][1]
        pixels = case.image
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
            raise InvalidArgument(
                "image",
                f"{pixels.dtype} {pixels.shape}",
                why=f"the image of {case.record!r} cannot be shown",
                fix="give (row, column, 3) of uint8",
            )
        return Image.fromarray(np.ascontiguousarray(pixels))


def draw_within(cases: Iterable[Case], budget: int) -> tuple[dict[int, Picture], int]:
    """Pictures by `id(case)`, together at most `budget` characters, and how many cases had to go without one.

    Quality falls for all alike until they fit; what does not fit at the lowest is left out from the end. A case that
    comes twice is drawn once and counted twice, as it stands in the page.

    >>> case = Case("p7", np.zeros((40, 60, 3), np.uint8))
    >>> pictures, left_out = draw_within([case], 10_000)
    >>> pictures[id(case)].width, pictures[id(case)].height, left_out
    (60, 40, 0)
    >>> draw_within([case], 10)
    ({}, 1)
    """
    in_order = list(cases)
    wanted = {id(case): case for case in in_order}
    times = Counter(map(id, in_order))
    drawer, density = Drawer(), 0.0
    for quality in QUALITIES:
        lowest = quality is QUALITIES[-1]
        shown = {key: times[key] * _shown_pixels(case, quality) for key, case in wanted.items()}
        if density * sum(shown.values()) > budget and not lowest:
            continue
        pictures: dict[int, Picture] = {}
        spent, pixels = 0, 0.0
        for key, case in wanted.items():
            picture = drawer.draw(case, quality)
            spent, pixels = spent + times[key] * picture.size, pixels + shown[key]
            if spent > budget:
                break
            pictures[key] = picture
        if len(pictures) == len(wanted) or lowest:
            return pictures, len(wanted) - len(pictures)
        density = spent / pixels
    raise AssertionError("the lowest quality always returns")


def shrink(image: Image.Image, longest: int) -> Image.Image:
    """An image whose longer side is at most `longest`; a smaller one is left alone.

    >>> shrink(Image.new("RGB", (4000, 1000)), 400).size
    (400, 100)
    """
    factor = longest / max(image.size)
    if factor >= 1:
        return image
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)


def outline(labels: np.ndarray) -> np.ndarray:
    """Where a label map borders on another label, as bool: the pixels of an object that touch another label.

    The border of the image is no outline: what is cut by it goes on outside.

    >>> outline(np.array([[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0]])).astype(int)
    array([[0, 0, 0, 0, 0],
           [0, 1, 1, 1, 0],
           [0, 1, 0, 1, 0],
           [0, 1, 0, 1, 0]])
    """
    border = np.zeros(labels.shape, dtype=bool)
    below = labels[1:] != labels[:-1]
    border[1:] |= below
    border[:-1] |= below
    beside = labels[:, 1:] != labels[:, :-1]
    border[:, 1:] |= beside
    border[:, :-1] |= beside
    return border & (labels != 0)


def scale_bar(case: Case) -> tuple[float, str]:
    """A bar of 1, 2 or 5 times a power of ten, about a fifth of the image wide: percent of the width, and its words.

    >>> scale_bar(Case("p7", np.zeros((256, 256, 3), np.uint8), pixel=0.5, length_unit="um"))
    (15.625, '20 µm')
    """
    width = case.image.shape[1]
    if case.pixel is None or not case.pixel > 0 or not math.isfinite(case.pixel) or not case.length_unit:
        return 0.0, ""
    target = width * case.pixel / 4
    power = 10.0 ** math.floor(math.log10(target))
    length = next(step * power for step in (5, 2, 1) if step * power <= target)
    unit = "µm" if case.length_unit in ("um", "micron", "micrometer", "micrometre") else case.length_unit
    return 100 * length / (width * case.pixel), f"{length:g} {unit}"


def _outline(labels: np.ndarray, size: tuple[int, int], quality: Quality, *, colour: tuple, wide: bool) -> Markup:
    if labels.shape != size:
        why = "truth and prediction have the size of the image"
        raise InvalidArgument("labels", labels.shape, why=why, fix=f"give {size}")
    height, width = size
    factor = min(OUTLINE_WIDTH, 2 * quality.longest) / max(size)
    rows = (np.arange(max(1, round(height * factor))) / factor).astype(int).clip(0, height - 1)
    columns = (np.arange(max(1, round(width * factor))) / factor).astype(int).clip(0, width - 1)
    line = outline(labels[np.ix_(rows, columns)])
    cross = ndimage.generate_binary_structure(2, 1)
    line = ndimage.binary_dilation(line, cross, iterations=2 if wide else 1) if factor * max(size) > 240 else line
    palette = np.zeros(line.shape, dtype=np.uint8)
    if not wide:
        palette[ndimage.binary_dilation(line, cross)] = 2
    palette[line] = 1
    picture = Image.fromarray(palette).convert("P")
    picture.putpalette([0, 0, 0, *colour, *EDGE_COLOUR])
    return _uri(picture, "PNG", transparency=bytes([0, 235, 150]), bits=2)


def _shown_pixels(case: Case, quality: Quality) -> float:
    height, width = case.image.shape[:2]
    factor = min(1.0, quality.longest / max(height, width, 1))
    return height * width * factor**2


def _webp(image: Image.Image, quality: int) -> Markup:
    return _uri(image, "WEBP", quality=quality, method=3)


def _uri(image: Image.Image, kind: str, **options: object) -> Markup:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return Markup(f"data:image/{kind.lower()};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}")
