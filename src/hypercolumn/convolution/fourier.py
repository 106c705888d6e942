"""Convolution through the Fourier transform: a product of spectra, of the whole signal or of blocks.

    f * k = F^-1 { F{f} F{k} }                      as long as the transform is long enough: the product is circular
    f * k = sum_j f_j * k                           f_j the j-th block of f: overlap-add, Stockham 1966

A circular convolution of length L adds value i + L of the full sum to value i. For `full` L must reach N + K - 1, and
for `valid` the signal's own length will do, since only values that are cut off are spoilt. A block of S samples makes
S + K - 1 values, of which the last K - 1 are added to the next block's. Data are real, so half of each spectrum is
enough. The kernel's length hardly matters; the error does: it is relative to the largest values of all the transform
covers, where a direct sum's is relative to those under the kernel.

The arrays are float32 or float64, both alike, and nothing is checked: `method.fast_convolve` is the front door. A NaN
or an infinity spoils all that its transform covers, which is why the front door sends those elsewhere.
"""

import numpy as np
import scipy.fft

from hypercolumn.convolution.places import Places


def fourier_convolve(signal: np.ndarray, kernel: np.ndarray, where: Places, *, threads: int = 1) -> np.ndarray:
    """f * k at some places of the full sum, by one transform.

    >>> fourier_convolve(np.arange(4.0), np.array([1.0, 1.0]), ((1, 3),)).round(12)
    array([1., 3., 5.])
    """
    lengths = [
        scipy.fft.next_fast_len(max(n, k, first + count, n + k - 1 - first), real=axis == signal.ndim - 1)
        for axis, (n, k, (first, count)) in enumerate(zip(signal.shape, kernel.shape, where, strict=True))
    ]
    if signal.ndim == 1:
        spectrum = scipy.fft.rfft(signal, lengths[0])
        spectrum *= scipy.fft.rfft(kernel, lengths[0])
        return scipy.fft.irfft(spectrum, lengths[0], overwrite_x=True)[_cut(where)]
    spectrum = scipy.fft.rfftn(signal, lengths, workers=threads)
    spectrum *= scipy.fft.rfftn(kernel, lengths, workers=threads)
    return scipy.fft.irfftn(spectrum, lengths, workers=threads, overwrite_x=True)[_cut(where)]


def overlap_add(signal: np.ndarray, kernel: np.ndarray, where: Places, length: int, *, threads: int = 1) -> np.ndarray:
    """f * k at some places of the full sum, by transforms of `length` along each axis, which must reach 2 K - 1.

    >>> overlap_add(np.arange(6.0), np.array([1.0, 1.0]), ((0, 7),), 4).round(12)
    array([0., 1., 3., 5., 7., 9., 5.])
    """
    axes = signal.ndim
    steps = [length - k + 1 for k in kernel.shape]
    counts = [-(-n // step) for n, step in zip(signal.shape, steps, strict=True)]
    whole = tuple(count * step for count, step in zip(counts, steps, strict=True))
    blocks = signal
    if whole != signal.shape:
        blocks = np.zeros(whole, dtype=signal.dtype)
        blocks[tuple(slice(0, n) for n in signal.shape)] = signal
    blocks = blocks.reshape([size for pair in zip(counts, steps, strict=True) for size in pair])
    if axes == 1:
        spectrum = scipy.fft.rfft(blocks, length, workers=threads)
        spectrum *= scipy.fft.rfft(kernel, length)
        made = scipy.fft.irfft(spectrum, length, workers=threads, overwrite_x=True)
        return _added(made, steps[0])[_cut(where)]
    blocks = blocks.transpose(*range(0, 2 * axes, 2), *range(1, 2 * axes, 2))
    inside, lengths = tuple(range(-axes, 0)), (length,) * axes
    spectrum = scipy.fft.rfftn(blocks, lengths, axes=inside, workers=threads)
    spectrum *= scipy.fft.rfftn(kernel, lengths)
    made = scipy.fft.irfftn(spectrum, lengths, axes=inside, workers=threads, overwrite_x=True)
    # (block ..., sample ...): the first block dimension and the first sample dimension become an axis, at the end.
    for axis, step in enumerate(steps):
        made = _added(np.moveaxis(made, (0, axes - axis), (-2, -1)), step)
    return made[_cut(where)]


def _added(blocks: np.ndarray, step: int) -> np.ndarray:
    """(..., block, sample) put together: the blocks `step` apart, what overlaps added up."""
    *before, count, length = blocks.shape
    made = np.empty((*before, count + 1, step), dtype=blocks.dtype)
    made[..., :count, :] = blocks[..., :step]
    made[..., count, :] = 0
    made[..., 1:, : length - step] += blocks[..., step:]
    return made.reshape(*before, (count + 1) * step)


def _cut(where: Places) -> tuple[slice, ...]:
    return tuple(slice(first, first + count) for first, count in where)
