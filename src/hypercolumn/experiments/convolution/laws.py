"""The laws of convolution, each as two sides of an equation, and by how much they differ.

    failure = max |left - right| / max |right|          the largest over random images, in float64

Each column differs from true convolution by one thing: the direction of the sum (cross-correlation), a stride of 2, or
an output cut to the input's size with zeros outside ("same"). Under a stride, (f, a, b) is two strided layers against
one layer of the effective kernel a * b at their common stride of 4, and the transform is compared at the frequencies
that the coarser grid still has. Which equation holds in place of one that fails is measured beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from hypercolumn.convolution.continuous import sampled_convolution
from hypercolumn.convolution.definition import convolve, cross_correlate, flip
from hypercolumn.convolution.kernels import central_difference
from hypercolumn.experiments.outcome import Cell, Table

HOLDS = 1e-10
DRAWS = 5
Array = np.ndarray

star = partial(convolve, mode="full")
query = partial(cross_correlate, mode="full")
SLOPE = central_difference(axis=1, dims=2).weights


@dataclass(frozen=True)
class Operator:
    """One way to apply a kernel: to an image, to another kernel, and once instead of twice."""

    name: str
    apply: Callable[[Array, Array], Array]
    kernels: Callable[[Array, Array], Array]
    once_for_two: Callable[[Array, Array], Array]
    stride: int = 1
    keeps_size: bool = False


def _strided(f: Array, k: Array, *, stride: int = 2) -> Array:
    """Every second sample along the axes that the kernel extends along."""
    return star(f, k)[tuple(slice(None, None, stride if length > 1 else 1) for length in k.shape)]


def _same(f: Array, k: Array) -> Array:
    return convolve(f, k, mode="same")


OPERATORS = (
    Operator("convolution", star, star, star),
    Operator("cross-correlation", query, query, query),
    Operator("stride 2", _strided, star, partial(_strided, stride=4), stride=2),
    Operator("same, zero-padded", _same, star, _same, keeps_size=True),
)


@dataclass(frozen=True)
class Draw:
    """Random images and kernels that a law is tried on."""

    f: Array
    g: Array
    a: Array
    b: Array
    alpha: float
    beta: float

    @classmethod
    def of(cls, rng: np.random.Generator) -> "Draw":
        images, kernels = rng.normal(size=(2, 15, 17)), rng.normal(size=(2, 3, 3))
        return cls(*images, *kernels, *rng.normal(size=2))


Sides = tuple[Array, Array]


def commutative(on: Operator, draw: Draw) -> Sides:
    """f * g = g * f, two images of one size."""
    return on.apply(draw.f, draw.g), on.apply(draw.g, draw.f)


def associative(on: Operator, draw: Draw) -> Sides:
    """(f * a) * b = f * (a * b)."""
    twice = on.apply(on.apply(draw.f, draw.a), draw.b)
    return _common(twice, on.once_for_two(draw.f, on.kernels(draw.a, draw.b)))


def distributive(on: Operator, draw: Draw) -> Sides:
    """f * (a + b) = f * a + f * b."""
    return on.apply(draw.f, draw.a + draw.b), on.apply(draw.f, draw.a) + on.apply(draw.f, draw.b)


def linear(on: Operator, draw: Draw) -> Sides:
    """(alpha f + beta g) * a = alpha (f * a) + beta (g * a)."""
    mixed = on.apply(draw.alpha * draw.f + draw.beta * draw.g, draw.a)
    return mixed, draw.alpha * on.apply(draw.f, draw.a) + draw.beta * on.apply(draw.g, draw.a)


def identity_of_images(on: Operator, draw: Draw) -> Sides:
    """f * delta = f: what a stride drops is put back as noughts."""
    kept = on.apply(draw.f, np.ones((1, 1)))
    if on.stride > 1:
        kept = np.where(_grid(draw.f.shape, on.stride), draw.f, 0)
    return kept, draw.f


def identity_of_kernels(on: Operator, draw: Draw) -> Sides:
    """delta * a = a: the impulse response is the kernel."""
    delta = np.zeros(draw.a.shape)
    delta[1, 1] = 1
    made = on.apply(delta, draw.a)
    if on.stride > 1:
        whole = star(delta, draw.a)
        made = np.where(_grid(whole.shape, on.stride), whole, 0)
    return made if on.keeps_size else made[1:-1, 1:-1], draw.a


def shift_equivariant(on: Operator, draw: Draw) -> Sides:
    """(f moved by one sample) * a = (f * a) moved by one sample; under a stride by none or one, whichever is nearer."""
    if on.keeps_size:
        return on.apply(_moved(draw.f), draw.a), _moved(on.apply(draw.f, draw.a))
    moved, still = on.apply(np.pad(draw.f, ((0, 0), (1, 0))), draw.a), on.apply(draw.f, draw.a)
    sides = [_common(moved, np.pad(still, ((0, 0), (steps, 0)))) for steps in ((1,) if on.stride == 1 else (0, 1))]
    return min(sides, key=lambda pair: failure(*pair))


def derivative_of_image(on: Operator, draw: Draw) -> Sides:
    """(f * a)' = f' * a."""
    slope = _same if on.keeps_size else star
    return _common(slope(on.apply(draw.f, draw.a), SLOPE), on.apply(slope(draw.f, SLOPE), draw.a))


def derivative_of_kernel(on: Operator, draw: Draw) -> Sides:
    """(f * a)' = f * a'."""
    slope = _same if on.keeps_size else star
    return _common(slope(on.apply(draw.f, draw.a), SLOPE), on.apply(draw.f, star(draw.a, SLOPE)))


def fourier(on: Operator, draw: Draw) -> Sides:
    """F{f * a} = F{f} F{a}, with room for the whole sum; "same" has no more room than the image itself."""
    if on.keeps_size:
        around_origin = np.roll(np.pad(draw.a, [(0, n - 3) for n in draw.f.shape]), (-1, -1), axis=(0, 1))
        return np.fft.fft2(on.apply(draw.f, draw.a)), np.fft.fft2(draw.f) * np.fft.fft2(around_origin)
    room = (32, 32)
    product = np.fft.fft2(draw.f, room) * np.fft.fft2(draw.a, room)
    coarse = tuple(length // on.stride for length in room)
    part = product[tuple(slice(0, length) for length in coarse)] / on.stride**2
    return np.fft.fft2(on.apply(draw.f, draw.a), coarse), part


def separable(on: Operator, draw: Draw) -> Sides:
    """f * (u v^T) = (f * u) * v^T: one axis after the other."""
    u, v = draw.a[:, :1], draw.b[:1]
    return on.apply(draw.f, u * v), on.apply(on.apply(draw.f, u), v)


LAWS: dict[str, tuple[str, Callable[[Operator, Draw], Sides]]] = {
    "commutative": ("f * g = g * f", commutative),
    "associative": ("(f * a) * b = f * (a * b)", associative),
    "distributive": ("f * (a + b) = f * a + f * b", distributive),
    "linear": ("(αf + βg) * a = α f * a + β g * a", linear),
    "identity": ("f * δ = f", identity_of_images),
    "impulse response": ("δ * a = a", identity_of_kernels),
    "shift equivariance": ("(Sf) * a = S(f * a)", shift_equivariant),
    "derivative of the image": ("(f * a)' = f' * a", derivative_of_image),
    "derivative of the kernel": ("(f * a)' = f * a'", derivative_of_kernel),
    "Fourier": ("F{f * a} = F{f} F{a}", fourier),
    "separable": ("f * uvᵀ = (f * u) * vᵀ", separable),
}


def _instead(draw: Draw) -> dict[tuple[str, str], Sides]:
    """For each law that fails, the equation that holds."""
    f, g, a, b = draw.f, draw.g, draw.a, draw.b
    spectrum = np.fft.fft2(query(f, a), (32, 32))
    # The first value of a full cross-correlation is that of n = -(K - 1): its transform turns by that many samples.
    turn = np.exp(-2j * np.pi * 2 * np.fft.fftfreq(32))
    product = np.fft.fft2(f, (32, 32)) * np.fft.fft2(a, (32, 32))
    inside = (slice(2, -2), slice(2, -2))
    spread = np.zeros((5, 5))
    spread[::2, ::2] = b
    return {
        ("cross-correlation", "f ? g = flip(g ? f)"): (query(f, g), flip(query(g, f))),
        ("cross-correlation", "f ? a = f * flip(a)"): (query(f, a), star(f, flip(a))),
        ("cross-correlation", "(f ? a) ? b = f ? (a * b)"): (query(query(f, a), b), query(f, star(a, b))),
        ("cross-correlation", "δ ? a = flip(a)"): (query(np.ones((1, 1)), a), flip(a)),
        ("cross-correlation", "(f ? a)' = −f ? a'"): (star(query(f, a), SLOPE), -query(f, star(a, SLOPE))),
        ("cross-correlation", "F{f ? a} = F{f} conj F{a}"): (
            spectrum,
            np.fft.fft2(f, (32, 32)) * np.fft.fft2(a, (32, 32)).conj() * np.outer(turn, turn),
        ),
        ("stride 2", "a shift by 2 samples is one by 1"): _common(
            _strided(np.pad(f, ((0, 0), (2, 0))), a), np.pad(_strided(f, a), ((0, 0), (1, 0)))
        ),
        ("stride 2", "two layers = one of a * (b spread by 2), stride 4"): _common(
            _strided(_strided(f, a), b), _strided(f, star(a, spread), stride=4)
        ),
        ("stride 2", "F = the mean over the aliases of F{f} F{a}"): (
            np.fft.fft2(_strided(f, a), (16, 16)),
            product.reshape(2, 16, 2, 16).mean(axis=(0, 2)),
        ),
        ("same, zero-padded", "associative 2 samples from the border"): (
            _same(_same(f, a), b)[inside],
            _same(f, star(a, b))[inside],
        ),
        ("same, zero-padded", "shift equivariant 2 samples from the border"): (
            _same(_moved(f), a)[inside],
            _moved(_same(f, a))[inside],
        ),
        ("same, zero-padded", "f * a' = (f * a)' 2 samples from the border"): (
            _same(f, star(a, SLOPE))[inside],
            _same(_same(f, a), SLOPE)[inside],
        ),
    }


def failure(left: Array, right: Array) -> float:
    """max |left - right| / max |right|.

    >>> failure(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    0.5
    """
    return float(np.abs(left - right).max() / np.abs(right).max())


def measure_laws(*, seed: int = 0) -> tuple[Table, Table]:
    """Every law under every operator, and what holds where one fails: the largest failure over random draws."""
    draws = [Draw.of(np.random.default_rng([seed, number])) for number in range(DRAWS)]
    rows: list[tuple[Cell, ...]] = [
        (name, formula, *(max(failure(*law(operator, draw)) for draw in draws) for operator in OPERATORS))
        for name, (formula, law) in LAWS.items()
    ]
    note = f"failure max|left - right| / max|right|, the largest of {DRAWS} random draws; below {HOLDS:.0e} a law holds"
    laws = Table(
        "laws", "The laws of convolution", ("law", "formula", *(on.name for on in OPERATORS)), tuple(rows), note
    )
    found = [_instead(draw) for draw in draws]
    instead = tuple((*key, max(failure(*sides[key]) for sides in found)) for key in found[0])
    return laws, Table("laws-instead", "What holds instead", ("operator", "equation", "failure"), instead)


def measure_limit() -> Table:
    """The continuous integral as the limit of its sums: the largest error as the step is halved."""
    rows: list[tuple[Cell, ...]] = []
    for name, function, exact, box in _INTEGRALS:
        errors = []
        for step in _STEPS:
            result = sampled_convolution(function, function, low=-box, high=box, step=step)
            errors.append(float(np.abs(result.values - exact(result.coordinates[0])).max()))
        order = float(np.log2(errors[0] / errors[1]))
        rows.append((name, *errors, order))
    columns = ("function with itself", *(f"step {step:g}" for step in _STEPS), "order")
    note = "largest error against the closed form; order: the power of the step by which the error first falls"
    return Table("limit", "The integral as the limit of its sums", columns, tuple(rows), note)


_STEPS = (0.5, 0.25, 0.125, 0.0625)
_EDGE = 2 / 3
"""Always a third of a cell from a cell's border, so that the sum gets the jump wrong at every step."""


def _spline(x: Array) -> Array:
    x = np.abs(x)
    return np.where(x < 1, 2 / 3 - x**2 + x**3 / 2, np.where(x < 2, (2 - x) ** 3 / 6, 0))


_INTEGRALS: tuple[tuple[str, Callable[[Array], Array], Callable[[Array], Array], float], ...] = (
    ("box (jumps)", lambda t: (np.abs(t) < _EDGE) * 1.0, lambda x: np.maximum(2 * _EDGE - np.abs(x), 0), 2),
    ("hat (bends)", lambda t: np.maximum(1 - np.abs(t), 0), _spline, 2),
    (
        "Gaussian (smooth)",
        lambda t: np.exp(-(t**2)) / np.sqrt(np.pi),
        lambda x: np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi),
        8,
    ),
)


def _moved(image: Array) -> Array:
    """Moved by one column; what leaves is lost, what enters is nought."""
    return np.pad(image, ((0, 0), (1, 0)))[:, :-1]


def _grid(shape: tuple[int, ...], stride: int) -> Array:
    rows, columns = (np.arange(length) % stride == 0 for length in shape)
    return np.outer(rows, columns)


def _common(left: Array, right: Array) -> Sides:
    """The part that both have."""
    part = tuple(slice(0, min(one, other)) for one, other in zip(left.shape, right.shape, strict=True))
    return left[part], right[part]
