"""Convolution of real arrays by whichever way is the fastest on this machine.

    direct        torch's convolution, or NumPy's for signals              K multiply-adds an output
    separable     one axis after the other, where the kernel allows it     terms * sum(K_i)
    toeplitz      blocks of the signal times a banded matrix               K (1 + block / K), much faster ones
    fft           one transform of the whole                               some log N, whatever K
    overlap-add   transforms of equal blocks                               some log K, whatever N

Which is the fastest hangs on sizes, number format, threads, processor and libraries, so no bound between them is
written here: each is timed the first time that a size of problem comes up, on random numbers of that size, which takes
a fraction of a second, and the times are kept (`costs`). Sizes within a sixth or so of each other are one problem. All
ways give the same values within rounding, which is not the same to the bit: name a method where that counts.

NaN and infinity: transforms and matrix products would spread them over all that they touch. So signals and kernels
that hold any, or numbers so large that a spectrum could overflow, are summed directly, and go exactly where the
definition has them go. Integers are exact, and complex and other numbers exact in their format, by the definition
itself, slowly: convert to float32 or float64 for speed.
"""

from dataclasses import dataclass
from functools import partial
from math import log2, prod
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.nn import functional

from hypercolumn.convolution.costs import Candidate, Costs, cache_folder, measure
from hypercolumn.convolution.definition import Mode, check_mode, convolve, numbers
from hypercolumn.convolution.fourier import fourier_convolve, overlap_add
from hypercolumn.convolution.places import Places, places
from hypercolumn.convolution.separation import factors_of, separable_convolve, separate
from hypercolumn.convolution.toeplitz import toeplitz_convolve
from hypercolumn.errors import InvalidArgument

Method = Literal["auto", "direct", "separable", "toeplitz", "fft", "overlap-add"]
Factors = tuple[tuple[np.ndarray, ...], ...]

_METHODS = get_args(Method)
_MOST_SHAPES = 10_000
_FAST = (np.dtype(np.float32), np.dtype(np.float64))
_TAME = {np.dtype(np.float32): 1e30, np.dtype(np.float64): 1e280}
_LARGEST_MEASURED = 1 << 20
_LARGEST_MATRIX = 1 << 24
_WORTH_SHARING = 1 << 20
_MULTIPLY_ADDS_A_THREAD = 2e11
"""More than any processor's thread does in a second: 32 a cycle at 6 GHz. What could not be faster is not timed."""


@dataclass(frozen=True)
class Way:
    """A method with its setting: samples in a block, the length of a transform, whether one transform is shared by all
    threads, or which library sums directly.
    """

    method: Method
    setting: int | str = ""

    @property
    def name(self) -> str:
        return f"{self.method} {self.setting}".strip()


def fast_convolve(signal: ArrayLike, kernel: ArrayLike, *, mode: Mode, method: Method = "auto") -> np.ndarray:
    """f * k as `definition.convolve` has it, types and errors included, by the fastest way or by the method given.

    Any number of axes. Float32 and float64 are computed in their own precision, mixed ones in float64. `separable`
    takes kernels of two axes or more, of any rank; `toeplitz` one axis or two.

    Also raises InvalidArgument for a method that is not known, that does not take as many axes, or that would round
    numbers which the definition sums exactly.

    >>> fast_convolve([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, -1.0], mode="valid", method="fft").round(12)
    array([2., 2.])
    >>> fast_convolve([1, 2, 3, 4], [1, 0, -1], mode="full")
    array([ 1,  2,  2,  2, -3, -4])
    """
    _check_method(method)
    f, k = _alike(signal, kernel)
    if f.dtype not in _FAST:
        if method not in ("auto", "direct"):
            why = f"{method} rounds, and {f.dtype} is summed exactly"
            raise InvalidArgument("method", method, why=why, fix="convert to float32 or float64, or use auto or direct")
        return convolve(f, k, mode=mode)
    with np.errstate(all="ignore"):
        factors: Factors | None = None
        if method != "direct" and not _tame(f, k):
            _check(f, k, mode, method)
            method = "direct"
        elif f.ndim > 1:
            factors = _factors(k, method)
        asked = (f.shape, k.shape, f.dtype, mode, method, len(factors or ()), torch.get_num_threads())
        way = _chosen.get(asked)
        if way is None:
            _check(f, k, mode, method)
            if len(_chosen) >= _MOST_SHAPES:
                _chosen.clear()
            way = _chosen[asked] = _choose(f, k, mode, method, factors)
        return run(way, f, k, places(f.shape, k.shape, mode), factors)


def measured(signal: ArrayLike, kernel: ArrayLike, *, mode: Mode, method: Method = "auto") -> dict[str, float]:
    """Seconds of the ways that are worth a thought for such arrays on this machine, the fastest first, by name.

    >>> list(measured(np.ones(50), np.ones(3), mode="full", method="fft"))
    ['fft']
    """
    _check_method(method)
    f, k = _alike(signal, kernel)
    if f.dtype not in _FAST:
        raise InvalidArgument("signal.dtype", str(f.dtype), fix="give float32 or float64: others have one way only")
    _check(f, k, mode, method)
    return _seconds(f, k, mode, method, _factors(k, method) if f.ndim > 1 else None)


def run(way: Way, f: np.ndarray, k: np.ndarray, where: Places, factors: Factors | None) -> np.ndarray:
    """One way, on arrays that are finite, contiguous, float32 or float64, both alike; nothing is checked."""
    if way.method == "direct":
        return _DIRECT[str(way.setting)](f, k, where)
    if way.method == "separable":
        assert factors is not None
        return separable_convolve(f, factors, where, int(way.setting))
    if way.method == "toeplitz":
        return toeplitz_convolve(f, k, where, int(way.setting))
    if way.method == "overlap-add":
        threads = torch.get_num_threads() if f.size >= _WORTH_SHARING else 1
        return overlap_add(f, k, where, int(way.setting), threads=threads)
    return fourier_convolve(f, k, where, threads=torch.get_num_threads() if way.setting == "shared" else 1)


def ways(shape: tuple[int, ...], kernel: tuple[int, ...], *, separable: bool, method: Method = "auto") -> list[Way]:
    """Every way that could be taken for a signal and a kernel of these shapes, in the order in which they are timed."""
    axes, found = len(shape), [Way("fft")]
    if axes > 1 and torch.get_num_threads() > 1:
        found.append(Way("fft", "shared"))
    shortest = 1 << max(2 * max(kernel) - 2, 2 ** max(9 - 3 * axes, 3) - 1 if axes > 1 else 255).bit_length()
    longest = max(n + k for n, k in zip(shape, kernel, strict=True))
    lengths = [shortest << times for times in range(1, 5) if shortest << times < longest]
    found += [Way("overlap-add", length) for length in (shortest, *lengths)]
    if axes <= 2:
        blocks = (16, 32, 64, 128) if axes == 1 else (8, 16, 32)
        found += [
            Way("toeplitz", block)
            for block in blocks
            if prod(kernel[:-1]) * (block + kernel[-1]) * block <= _LARGEST_MATRIX or method == "toeplitz"
        ]
    if separable:
        found += [Way("separable", block) for block in (16, 32, 64)]
    if axes == 1:
        found.append(Way("direct", "numpy"))
    found.append(Way("direct", "torch" if axes <= 3 else "definition"))
    return [way for way in found if method in ("auto", way.method)]


def _check_method(method: Method) -> None:
    if method not in _METHODS:
        raise InvalidArgument("method", method, fix=f"use one of {', '.join(_METHODS)}")


def _check(f: np.ndarray, k: np.ndarray, mode: Mode, method: Method) -> None:
    check_mode(f.shape, k.shape, mode)
    if method == "separable" and f.ndim < 2:
        raise InvalidArgument("method", method, why="a signal has one axis only", fix="use auto")
    if method == "toeplitz" and f.ndim > 2:
        raise InvalidArgument("method", method, why="it takes signals and images", fix="use auto")


def _alike(signal: ArrayLike, kernel: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays in one format; where it is a fast one, as torch and BLAS want them."""
    f, k = numbers(signal, "signal"), numbers(kernel, "kernel")
    dtype = f.dtype if f.dtype is k.dtype else np.result_type(f, k)
    if dtype not in _FAST:
        return f, k
    return _plain(f, dtype), _plain(k, dtype)


def _plain(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Contiguous, and writable, without which torch will not share memory."""
    flags = array.flags
    if array.dtype is dtype and flags.c_contiguous and flags.writeable and flags.aligned:
        return array
    return np.array(array, dtype=dtype, order="C")


def _tame(f: np.ndarray, k: np.ndarray) -> bool:
    """Whether all numbers are finite, and no spectrum or sum of products can overflow."""
    limit = _TAME[f.dtype]
    signal, kernel = f.reshape(-1), k.reshape(-1)
    return bool(signal.dot(signal) < limit and kernel.dot(kernel) < limit)


def _factors(kernel: np.ndarray, method: Method) -> Factors | None:
    if method == "separable":
        found = factors_of(kernel)
        if found is not None:
            return found
        terms = separate(kernel).terms
        scaled = tuple((term.weight * term.factors[0], *term.factors[1:]) for term in terms)
        zeros = (tuple(np.zeros(length) for length in kernel.shape),)
        return tuple(tuple(factor.astype(kernel.dtype) for factor in factors) for factors in scaled or zeros)
    return factors_of(kernel) if method == "auto" else None


# ------------------------------------------------------------------------------------------------- measured choice

_costs = Costs(cache_folder())
_chosen: dict[tuple[object, ...], Way] = {}


def _choose(f: np.ndarray, k: np.ndarray, mode: Mode, method: Method, factors: Factors | None) -> Way:
    """The fastest of the ways that these very shapes have; those timed were of shapes about as large."""
    open_to = {way.name: way for way in ways(f.shape, k.shape, separable=factors is not None, method=method)}
    if len(open_to) == 1:
        return next(iter(open_to.values()))
    seconds = _seconds(f, k, mode, method, factors)
    return next((open_to[name] for name in seconds if name in open_to), next(iter(open_to.values())))


def _seconds(f: np.ndarray, k: np.ndarray, mode: Mode, method: Method, factors: Factors | None) -> dict[str, float]:
    shape = _measured_shape(f.shape, k.shape)
    terms = len(factors or ())
    about = f"{_rounded(shape)} by {_rounded(k.shape)}"
    question = f"{f.dtype.name} {mode} {method} {about}, {terms} terms, {torch.get_num_threads()} threads"
    if len(ways(shape, k.shape, separable=terms > 0, method=method)) == 1:
        return measure(_candidates(shape, k.shape, f.dtype, mode, method, terms))
    return _costs.seconds(question, lambda: _candidates(shape, k.shape, f.dtype, mode, method, terms))


def _candidates(
    shape: tuple[int, ...], kernel: tuple[int, ...], dtype: np.dtype, mode: Mode, method: Method, terms: int
) -> list[Candidate]:
    """The ways, on random numbers. A direct sum is timed only where no other way has beaten any machine's best."""
    chance = np.random.default_rng(0)
    f, k = (chance.standard_normal(size).astype(dtype) for size in (shape, kernel))
    factors = tuple(tuple(chance.standard_normal(n).astype(dtype) for n in kernel) for _ in range(terms)) or None
    where = places(shape, kernel, mode)
    least = prod(count for _, count in where) * prod(kernel) / (_MULTIPLY_ADDS_A_THREAD * torch.get_num_threads())
    return [
        Candidate(way.name, partial(run, way, f, k, where, factors), least if way.method == "direct" else 0.0)
        for way in ways(shape, kernel, separable=terms > 0, method=method)
    ]


def _measured_shape(shape: tuple[int, ...], kernel: tuple[int, ...]) -> tuple[int, ...]:
    """The shape, cut down where it is so large that timing it would take long; never below four kernels."""
    excess = max(prod(shape) / _LARGEST_MEASURED, 1.0) ** (1 / len(shape))
    return tuple(max(int(n / excess), min(4 * k, n)) for n, k in zip(shape, kernel, strict=True))


def _rounded(shape: tuple[int, ...]) -> str:
    """Lengths above 16 to the nearest quarter of an octave."""
    return "x".join(str(n if n <= 16 else round(2 ** (round(4 * log2(n)) / 4))) for n in shape)


# ------------------------------------------------------------------------------------------------------ direct sums


def _by_numpy(f: np.ndarray, k: np.ndarray, where: Places) -> np.ndarray:
    ((first, count),) = where
    if first == len(k) - 1 and len(k) <= len(f):
        return np.convolve(f, k, "valid")
    if first == (len(k) - 1) / 2 and count == len(f) >= len(k):
        return np.convolve(f, k, "same")
    return np.convolve(f, k)[first : first + count]


def _by_torch(f: np.ndarray, k: np.ndarray, where: Places) -> np.ndarray:
    padding = [length - 1 - first for length, (first, _) in zip(k.shape, where, strict=True)]
    flipped = torch.from_numpy(np.flip(k).copy())
    operator = (functional.conv1d, functional.conv2d, functional.conv3d)[f.ndim - 1]
    return operator(torch.from_numpy(f)[None, None], flipped[None, None], padding=padding)[0, 0].numpy()


def _by_definition(f: np.ndarray, k: np.ndarray, where: Places) -> np.ndarray:
    return convolve(f, k, mode="full")[tuple(slice(first, first + count) for first, count in where)]


_DIRECT = {"numpy": _by_numpy, "torch": _by_torch, "definition": _by_definition}
