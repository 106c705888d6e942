"""Which values of the full sum a mode keeps: along each axis the first one, and how many.

    full    0, N + K - 1            same    (K - 1) / 2, N            valid    K - 1, N - K + 1

Value i of the full sum is sum_m f[i - m] k[m]; the fast ways all compute a part of it from `first` on.
"""

from collections.abc import Sequence

from hypercolumn.convolution.definition import Mode

Places = tuple[tuple[int, int], ...]
"""(first, count) by axis."""


def places(signal: Sequence[int], kernel: Sequence[int], mode: Mode) -> Places:
    """For a signal and a kernel of these shapes, which must fit the mode (`definition.check_mode`).

    >>> places((10, 7), (3, 5), "valid"), places((10,), (3,), "same"), places((10,), (3,), "full")
    (((2, 8), (4, 3)), ((1, 10),), ((0, 12),))
    """
    if mode == "full":
        return tuple((0, n + k - 1) for n, k in zip(signal, kernel, strict=True))
    if mode == "same":
        return tuple(((k - 1) // 2, n) for n, k in zip(signal, kernel, strict=True))
    return tuple((k - 1, n - k + 1) for n, k in zip(signal, kernel, strict=True))
