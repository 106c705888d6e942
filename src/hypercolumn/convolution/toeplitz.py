"""Convolution as a matrix product: blocks of the signal times one small banded matrix.

    y = f * k,  B values at a time:    y[jB ... jB + B - 1] = f[jB ... jB + B + K - 2] T

    T[p, i] = k[K - 1 - (p - i)]  where 0 <= p - i < K, else 0                              (B + K - 1, B)

T is a Toeplitz matrix: every diagonal holds one number. An output costs B + K - 1 multiply-adds instead of K, but a
matrix product does ten times as many a second as a loop. Blocks overlap by K - 1, and are yet read where they lie:
every r-th of them, for r large enough that these do not overlap, is a plain matrix of its own. In two dimensions the
rows of the kernel stand below each other, (K_1 (B + K_2 - 1), B), and only the last axis is cut into blocks.

The arrays are float32 or float64, both alike, and nothing is checked: `method.fast_convolve` is the front door. A NaN
or an infinity spoils its whole block (0 times NaN is NaN), which is why the front door sends those elsewhere.
"""

import numpy as np

from hypercolumn.convolution.places import Places

_ONE_THREAD, _FEWEST_ROWS, _WORTH_SHARING = 1 << 18, 8, 1 << 26
"""Multiply-adds of one product up to which OpenBLAS takes one thread; rows below which a product is slow; and
multiply-adds from which several threads are worth it."""


def toeplitz_convolve(signal: np.ndarray, kernel: np.ndarray, where: Places, block: int) -> np.ndarray:
    """f * k at some places of the full sum, for signals and images, `block` values at a time.

    >>> toeplitz_convolve(np.arange(6.0), np.array([1.0, 1.0]), ((0, 7),), 4)
    array([0., 1., 3., 5., 7., 9., 5.])
    """
    return (_signal if signal.ndim == 1 else _image)(signal, kernel, where, block)


def toeplitz_along(signal: np.ndarray, kernel: np.ndarray, axis: int, where: tuple[int, int], block: int) -> np.ndarray:
    """Convolution along one axis of an array with a kernel of one axis.

    >>> toeplitz_along(np.ones((2, 3)), np.array([1.0, 2.0]), 1, (0, 4), 2)
    array([[1., 3., 3., 2.],
           [1., 3., 3., 2.]])
    """
    first, count = where
    length, after = signal.shape[axis], int(np.prod(signal.shape[axis + 1 :]))
    matrix = toeplitz_matrix(kernel, block)
    made = np.empty((*signal.shape[:axis], count, *signal.shape[axis + 1 :]), dtype=signal.dtype)
    last = after == 1
    read = signal.reshape((-1, length) if last else (-1, length, after))
    write = made.reshape((-1, count) if last else (-1, count, after))
    transposed = np.ascontiguousarray(matrix.T)
    for start in range(0, count, block):
        size, begin = min(block, count - start), first + start - (len(kernel) - 1)
        low, high = max(begin, 0), min(begin + size + len(kernel) - 1, length)
        if last:
            _product(read[:, low:high], matrix[low - begin : high - begin, :size], made=write[:, start : start + size])
        else:
            band = transposed[:size, low - begin : high - begin]
            _product(band, read[:, low:high], made=write[:, start : start + size])
    return made


def toeplitz_matrix(kernel: np.ndarray, block: int) -> np.ndarray:
    """T, (block + K - 1, block).

    >>> toeplitz_matrix(np.array([1, 2, 3]), 2)
    array([[3, 0],
           [2, 3],
           [1, 2],
           [0, 1]])
    """
    matrix = np.zeros((block + len(kernel) - 1, block), dtype=kernel.dtype)
    down, across = matrix.strides
    _view(matrix, 0, (block, len(kernel)), (down + across, down))[:] = kernel[::-1]
    return matrix


def _signal(signal: np.ndarray, kernel: np.ndarray, where: Places, block: int) -> np.ndarray:
    ((first, count),) = where
    width, blocks = block + len(kernel) - 1, -(-count // block)
    buffer = _buffer(signal, (len(kernel) - 1 - first,), ((blocks - 1) * block + width,))
    made = np.empty((blocks, block), dtype=signal.dtype)
    matrix, apart, item = toeplitz_matrix(kernel, block), -(-width // block), signal.itemsize
    for start in range(min(apart, blocks)):
        rows = (blocks - start - 1) // apart + 1
        read = _view(buffer, start * block, (rows, width), (apart * block * item, item))
        _product(read, matrix, made=made[start::apart])
    return made.reshape(-1)[:count]


def _image(signal: np.ndarray, kernel: np.ndarray, where: Places, block: int) -> np.ndarray:
    (top, height), (left, breadth) = where
    rows, columns = kernel.shape
    width, blocks = block + columns - 1, -(-breadth // block)
    shape = (height + rows - 1, (blocks - 1) * block + width)
    buffer = _buffer(signal, (rows - 1 - top, columns - 1 - left), shape)
    down, item = buffer.strides
    strips = _view(buffer, 0, (blocks, shape[0], width), (block * item, down, item)).copy()
    matrix = np.concatenate([toeplitz_matrix(row, block) for row in kernel[::-1]])
    made = np.empty((height, blocks, block), dtype=signal.dtype)
    for start in range(min(rows, height)):
        count = (height - start - 1) // rows + 1
        steps = (strips.strides[0], rows * width * item, item)
        read = _view(strips, start * width, (blocks, count, rows * width), steps)
        _product(read, matrix, made=made[start::rows].transpose(1, 0, 2))
    return made.reshape(height, -1)[:, :breadth]


def _product(left: np.ndarray, right: np.ndarray, *, made: np.ndarray) -> None:
    """left @ right, in pieces that BLAS leaves to one thread: less than a millisecond's work is not worth sharing, and
    where other threads are busy, waiting for them takes longer than the work. The longer side is cut.
    """
    rows, columns = made.shape[-2:]
    step = _ONE_THREAD // (left.shape[-1] * min(rows, columns))
    if step < _FEWEST_ROWS or made.size * left.shape[-1] > _WORTH_SHARING:
        np.matmul(left, right, out=made)
        return
    for start in range(0, max(rows, columns), step):
        piece = (..., slice(start, start + step), slice(None)) if rows >= columns else (..., slice(start, start + step))
        if rows >= columns:
            np.matmul(left[piece], right, out=made[piece])
        else:
            np.matmul(left, right[piece], out=made[piece])


def _view(array: np.ndarray, start: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> np.ndarray:
    """Some numbers of a contiguous array from the `start`-th on, as they lie: `as_strided`, at a tenth of its cost."""
    return np.ndarray(shape, array.dtype, array, start * array.itemsize, strides)


def _buffer(signal: np.ndarray, lead: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    """The signal as it lies from `-lead` on, with zeros around it; itself where that is all it takes."""
    if lead == (0,) * signal.ndim and signal.shape == shape:
        return signal
    buffer = np.zeros(shape, dtype=signal.dtype)
    kept = tuple(min(n, size - ahead) for n, size, ahead in zip(signal.shape, shape, lead, strict=True))
    inside = tuple(slice(ahead, ahead + size) for ahead, size in zip(lead, kept, strict=True))
    buffer[inside] = signal[tuple(slice(0, size) for size in kept)]
    return buffer
