"""Films of sums being formed: a kernel slides, products are made, summed, and become the feature map.

    in one dimension   (f * k)[n] = sum_m f[m] k[n - m]                input, flipped kernel, products, running sum
    in two             the worked example of `worked_examples`         the same as numbers in cells
    over an image      a Sobel kernel over a simulated micrograph      the feature map as it grows

What is shown is computed by the definition as the film runs; the last frame is the whole convolution.
"""

from collections.abc import Iterator

import numpy as np

from hypercolumn.convolution.definition import convolve, cross_correlate
from hypercolumn.convolution.kernels import sobel
from hypercolumn.data.simulated.micrographs import simulate_field
from hypercolumn.data.simulated.microscope import SCANNERS
from hypercolumn.data.simulated.nuclei import Tissue
from hypercolumn.experiments.convolution.worked_examples import BOWL, SHARPENING
from hypercolumn.experiments.film import Canvas, Colour, Frame, number, signed
from hypercolumn.experiments.style import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, RULE, SOFT

SIGNAL = np.array([0, 1, 3, 4, 4, 3, 0, 0, 2, 4, 1, 0])
DIFFERENCE = np.array([1, 1, -1, -1])
"""Not symmetric, so that one sees it flipped."""


def film_in_one_dimension(signal: np.ndarray = SIGNAL, kernel: np.ndarray = DIFFERENCE) -> Iterator[Frame]:
    """The full convolution of two short sequences of whole numbers, one output after the other."""
    scene = _Line(signal, kernel)
    for n in range(len(scene.result)):
        if n:
            for part in (0.3, 0.7):
                yield scene.draw(n - 1 + part, done=n, added=None, milliseconds=50)
        overlap = [m for m in range(len(kernel)) if 0 <= n - m < len(signal)]
        for count in range(len(overlap) + 1):
            yield scene.draw(n, done=n, added=overlap[:count], milliseconds=300 if n < 5 else 140)
        yield scene.draw(n, done=n + 1, added=overlap, milliseconds=350 if n < 5 else 160)
    yield scene.draw(len(scene.result) - 1, done=len(scene.result), added=None, milliseconds=2500)


_ROWS = (
    ("input", "f[m]", BLUE),
    ("kernel, flipped", "k[n − m]", ORANGE),
    ("products", "f[m] k[n − m]", PURPLE),
    ("feature map", "(f ∗ k)[n]", GREEN),
)


class _Line:
    """Four rows over one axis of places, one scale for all."""

    WIDTH, HEIGHT, LEFT = 760, 600, 150
    BASES = (130, 198, 282, 456)
    TALLEST = 84

    def __init__(self, signal: np.ndarray, kernel: np.ndarray) -> None:
        self.signal, self.kernel = signal, kernel
        self.result = convolve(signal, kernel, mode="full")
        self.first = 1 - len(kernel)
        self.step = (self.WIDTH - self.LEFT - 24) / (len(self.result) + len(kernel) - 1)
        self.unit = self.TALLEST / float(np.abs(self.result).max())

    def draw(self, n: float, *, done: int, added: list[int] | None, milliseconds: int) -> Frame:
        """With the kernel at place n, `done` outputs whole, and the products of these kernel samples made."""
        canvas = Canvas(self.WIDTH, self.HEIGHT)
        canvas.text(24, 28, "Convolution: flip the kernel, slide, multiply, add", size=16, weight="bold")
        canvas.text(self.WIDTH - 24, 28, "(f ∗ k)[n] = Σ f[m] k[n − m]", colour=SOFT, anchor="rm")
        spread = (self._x(n - len(self.kernel) + 1) - self.step / 2, self._x(n) + self.step / 2)
        canvas.box(spread[0], 56, spread[1], self.BASES[2] + 64, fill=FAINT)
        for (name, formula, colour), base in zip(_ROWS, self.BASES, strict=True):
            canvas.text(24, base - 16, name, size=12.5, weight="bold", colour=colour)
            canvas.text(24, base + 2, formula, size=11, colour=SOFT)
            canvas.line((self.LEFT - 8, base), (self.WIDTH - 20, base), colour=RULE)
        for m, value in enumerate(self.signal):
            self._bar(canvas, m, self.BASES[0], value, BLUE)
        for m, value in enumerate(self.kernel):
            self._bar(canvas, n - m, self.BASES[1], value, ORANGE)
        taps = [(int(n) - m, self.signal[int(n) - m], self.kernel[m]) for m in added or ()]
        for place, value, weight in taps:
            self._bar(canvas, place, self.BASES[2], value * weight, PURPLE)
        for place in range(done):
            self._bar(canvas, place, self.BASES[3], self.result[place], GREEN)
        if added is not None and done <= n:
            self._bar(canvas, n, self.BASES[3], sum(value * weight for _, value, weight in taps), PURPLE)
        if taps:
            canvas.text(24, self.HEIGHT - 26, f"n = {int(n)}", weight="bold", colour=GREEN)
            canvas.text(self.LEFT - 8, self.HEIGHT - 26, _sum([tap[1:] for tap in taps]), size=15)
        return canvas.frame(milliseconds)

    def _x(self, place: float) -> float:
        return self.LEFT + self.step * (place - self.first + 0.5)

    def _bar(self, canvas: Canvas, place: float, base: float, value: float, colour: Colour) -> None:
        x, top = self._x(place), base - value * self.unit
        canvas.box(x - self.step * 0.3, min(base, top), x + self.step * 0.3, max(base, top), fill=colour)
        if value == 0:
            canvas.box(x - self.step * 0.3, base - 1, x + self.step * 0.3, base + 1, fill=colour)
        canvas.text(x, top - 9 if value >= 0 else top + 9, number(value), size=10.5, anchor="mm")


def film_in_two_dimensions(image: np.ndarray = BOWL, kernel: np.ndarray = SHARPENING) -> Iterator[Frame]:
    """A small image and a 3 x 3 kernel, `valid`: the first sums product by product, the others faster."""
    scene = _Plane(image, kernel)
    count = scene.result.size
    for place in range(count):
        taps = kernel.size
        shown = range(taps + 1) if place < 2 else (0, taps // 3, 2 * taps // 3, taps)
        for added in shown:
            yield scene.draw(place, done=place, added=added, milliseconds=330 if place < 2 else 90)
        yield scene.draw(place, done=place + 1, added=taps, milliseconds=900 if place < 2 else 240)
    yield scene.draw(count - 1, done=count, added=kernel.size, milliseconds=2500)


class _Plane:
    """Input on the left, kernel and products in the middle, the feature map on the right, the sum below."""

    WIDTH, HEIGHT, CELL = 736, 450, 46

    def __init__(self, image: np.ndarray, kernel: np.ndarray) -> None:
        self.image, self.kernel = image, kernel
        self.flipped = np.flip(kernel)
        self.result = convolve(image, kernel, mode="valid")
        self.limit = float(np.abs(image).max()) * 1.6
        self.product_limit = float(np.abs(image).max() * np.abs(kernel).max())

    def draw(self, place: int, *, done: int, added: int, milliseconds: int) -> Frame:
        canvas = Canvas(self.WIDTH, self.HEIGHT)
        rows, columns = self.kernel.shape
        top, left = divmod(place, self.result.shape[1])
        canvas.text(24, 28, "Convolution in two dimensions", size=16, weight="bold")
        canvas.text(self.WIDTH - 24, 28, "(f ∗ k)[i, j] = Σ f[m, n] k[i − m, j − n]", size=13, colour=SOFT, anchor="rm")
        x, y, cell = 24.0, 92.0, self.CELL
        canvas.text(x, 72, "input", size=12.5, weight="bold", colour=BLUE)
        canvas.cells(self.image, x, y, cell=cell, limit=self.limit)
        self._frame(canvas, x + left * cell, y + top * cell, columns * cell, rows * cell, ORANGE)
        middle = x + self.image.shape[1] * cell + 56
        small = 38.0
        patch = self.image[top : top + rows, left : left + columns]
        products = patch * self.flipped
        known = np.arange(self.kernel.size).reshape(self.kernel.shape) < added
        canvas.text(middle, 72, "kernel, flipped", size=12.5, weight="bold", colour=ORANGE)
        canvas.cells(self.flipped, middle, y, cell=small, limit=float(np.abs(self.kernel).max()))
        below = y + rows * small + 44
        canvas.text(middle, below - 20, "products", size=12.5, weight="bold", colour=PURPLE)
        canvas.cells(products, middle, below, cell=small, limit=self.product_limit, known=known)
        if 0 < added <= self.kernel.size and done <= place:
            row, column = divmod(added - 1, columns)
            self._frame(canvas, x + (left + column) * cell, y + (top + row) * cell, cell, cell, PURPLE)
            self._frame(canvas, middle + column * small, y + row * small, small, small, PURPLE)
            self._frame(canvas, middle + column * small, below + row * small, small, small, PURPLE)
        right = middle + columns * small + 56
        canvas.text(right, 72, "feature map", size=12.5, weight="bold", colour=GREEN)
        finished = np.arange(self.result.size).reshape(self.result.shape) < done
        canvas.cells(self.result, right, y, cell=cell, limit=float(np.abs(self.result).max()) * 1.6, known=finished)
        self._frame(canvas, right + left * cell, y + top * cell, cell, cell, GREEN)
        if added:
            taps = list(zip(patch[known].tolist(), self.flipped[known].tolist(), strict=True))
            canvas.text(24, self.HEIGHT - 34, _sum(taps), size=14)
        return canvas.frame(milliseconds)

    def _frame(self, canvas: Canvas, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        canvas.box(x - 1.5, y - 1.5, x + width + 2, y + height + 2, edge=colour, width=3)


def film_over_an_image(*, seed: int = 0, size: int = 34, every: int = 10) -> Iterator[Frame]:
    """A Sobel kernel over a simulated micrograph, a frame every so many outputs."""
    rng = np.random.default_rng([seed, 3])
    image = simulate_field(rng, Tissue.draw(rng), SCANNERS[0], size=(4 * size, 4 * size)).image.astype(float)
    image = _around_an_object(image, size)
    kernel = sobel(axis=1).weights * 8
    result = convolve(image, kernel, mode="valid")
    count, limit = result.size, float(np.abs(result).max())
    grey = np.repeat(np.rint(255 * (image - image.min()) / np.ptp(image)).astype(np.uint8)[..., None], 3, axis=2)
    coloured = np.array([[signed(value, limit) for value in row] for row in result], dtype=np.uint8)
    for place in [*range(0, count, every), count - 1]:
        last = place == count - 1
        yield _image_frame(image, grey, kernel, result, coloured, place, milliseconds=2500 if last else 70)


def _image_frame(
    image: np.ndarray,
    grey: np.ndarray,
    kernel: np.ndarray,
    result: np.ndarray,
    coloured: np.ndarray,
    place: int,
    *,
    milliseconds: int,
) -> Frame:
    cell, y = 10, 88
    row, column = divmod(place, result.shape[1])
    width = 24 + image.shape[1] * cell + 40 + 3 * 44 + 40 + result.shape[1] * cell + 24
    canvas = Canvas(width - width % 2, y + image.shape[0] * cell + 26)
    canvas.text(24, 28, "A kernel over an image makes a feature map", size=16, weight="bold")
    canvas.text(24, 68, "input", size=12.5, weight="bold", colour=BLUE)
    canvas.picture(grey, 24, y, cell=cell)
    canvas.box(
        24 + column * cell - 2,
        y + row * cell - 2,
        26 + (column + 3) * cell,
        y + (row + 3) * cell + 2,
        edge=ORANGE,
        width=2.5,
    )
    middle = 24 + image.shape[1] * cell + 40
    patch = image[row : row + 3, column : column + 3]
    flipped = np.flip(kernel)
    canvas.text(middle, 68, "kernel, flipped", size=12.5, weight="bold", colour=ORANGE)
    canvas.cells(flipped, middle, y, cell=44, limit=2)
    canvas.text(middle, y + 162, "products", size=12.5, weight="bold", colour=PURPLE)
    canvas.cells(patch * flipped, middle, y + 180, cell=44, limit=float(image.max()) * 2)
    canvas.text(middle + 66, y + 330, f"sum {number(result[row, column])}", size=14, colour=INK, anchor="mm")
    right = middle + 3 * 44 + 40
    canvas.text(right, 68, "feature map", size=12.5, weight="bold", colour=GREEN)
    canvas.text(
        right, y + image.shape[0] * cell - 6, "orange: rising to the right; blue: falling", size=11, colour=SOFT
    )
    canvas.box(right, y, right + result.shape[1] * cell, y + result.shape[0] * cell, fill=FAINT)
    whole = coloured[:row]
    if len(whole):
        canvas.picture(whole, right, y, cell=cell)
    canvas.picture(coloured[row : row + 1, : column + 1], right, y + row * cell, cell=cell)
    canvas.box(
        right + column * cell - 2,
        y + row * cell - 2,
        right + (column + 1) * cell + 2,
        y + (row + 1) * cell + 2,
        edge=GREEN,
        width=2.5,
    )
    return canvas.frame(milliseconds)


def _sum(taps: list) -> str:
    """a·b + c·d = total."""
    terms = [f"{number(value)}·{number(weight) if weight >= 0 else f'({number(weight)})'}" for value, weight in taps]
    return f"{' + '.join(terms)} = {number(sum(value * weight for value, weight in taps))}"


def _around_an_object(image: np.ndarray, size: int) -> np.ndarray:
    """The part of this size whose middle is brightest against its border."""
    border = np.full((size, size), -1 / (size**2 - (size - 8) ** 2))
    border[4:-4, 4:-4] = 0
    middle = np.zeros((size, size))
    middle[size // 4 : -(size // 4), size // 4 : -(size // 4)] = 1
    contrast = cross_correlate(image[::2, ::2], (border + middle / middle.sum())[::2, ::2], mode="valid")
    y, x = np.unravel_index(int(contrast.argmax()), contrast.shape)
    return image[2 * y : 2 * y + size, 2 * x : 2 * x + size]
