"""How a layer's kernel meets its input: stride, dilation, groups and padding, by axis.

Output n of a layer reads the input at  n * stride + m * dilation - lead,  m = 0 ... kernel - 1. Padding may differ
between the two ends of an axis, as it does where TensorFlow's "same" meets a stride.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hypercolumn.convolution.sizes import convolved_length, transposed_length
from hypercolumn.errors import InvalidArgument, ShapeMismatch

ByAxis = int | Sequence[int]
Padding = int | Sequence[tuple[int, int]]
"""One number for both ends of every axis, or a (lead, trail) pair an axis."""


@dataclass(frozen=True)
class Geometry:
    """Kernel, stride, dilation and padding, each with one entry an axis, and the number of groups."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    groups: int = 1

    @classmethod
    def of(
        cls,
        kernel: Sequence[int],
        *,
        stride: ByAxis = 1,
        dilation: ByAxis = 1,
        padding: Padding = 0,
        groups: int = 1,
    ) -> "Geometry":
        """One number holds for every axis. Raises InvalidArgument for what is not positive, or too few entries.

        >>> Geometry.of((3, 3), stride=(2, 1), padding=1)
        Geometry(kernel=(3, 3), stride=(2, 1), dilation=(1, 1), padding=((1, 1), (1, 1)), groups=1)
        """
        axes = len(kernel)
        ends = [(padding, padding)] * axes if isinstance(padding, int | np.integer) else padding
        pairs = tuple((int(lead), int(trail)) for lead, trail in ends) if _all_pairs(ends) else ()
        if len(pairs) != axes or any(end < 0 for pair in pairs for end in pair):
            raise InvalidArgument("padding", padding, fix=f"give one number from 0, or {axes} pairs (lead, trail)")
        if not isinstance(groups, int | np.integer) or groups < 1:
            raise InvalidArgument("groups", groups, fix="give a whole number from 1")
        steps, holes = by_axis("stride", stride, axes), by_axis("dilation", dilation, axes)
        return cls(by_axis("kernel", kernel, axes), steps, holes, pairs, int(groups))

    @property
    def extent(self) -> tuple[int, ...]:
        """From the first to the last sample that one output reads, along each axis."""
        return tuple(hole * (length - 1) + 1 for length, hole in zip(self.kernel, self.dilation, strict=True))

    def convolved(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The spatial shape of the layer's output; ShapeMismatch where the kernel does not fit in once."""
        made = tuple(
            convolved_length(n, k, stride=s, dilation=d, padding=p)
            for n, k, s, d, p in zip(shape, self.kernel, self.stride, self.dilation, self.padding, strict=True)
        )
        if min(made) < 1:
            raise ShapeMismatch(
                f"a kernel that covers {self.extent} does not fit into an input of {tuple(shape)}",
                why=f"the input is padded by {self.padding}",
                fix="pad more, or use a smaller kernel or dilation",
            )
        return made

    def transposed(self, shape: Sequence[int], extra: Sequence[int]) -> tuple[int, ...]:
        """The spatial shape that the transposed layer makes; ShapeMismatch where its padding cuts all of it away."""
        made = tuple(
            transposed_length(n, k, stride=s, dilation=d, padding=p, extra=e)
            for n, k, s, d, p, e in zip(
                shape, self.kernel, self.stride, self.dilation, self.padding, extra, strict=True
            )
        )
        if min(made) < 1:
            raise ShapeMismatch(
                f"padding of {self.padding} cuts the whole output away", where=f"an input of {tuple(shape)}"
            )
        return made

    def refuse_skipping(self) -> None:
        """Raise InvalidArgument where a stride passes over samples that no output reads."""
        if any(step > length for step, length in zip(self.stride, self.extent, strict=True)):
            raise InvalidArgument(
                "stride",
                self.stride,
                why=f"the kernel covers {self.extent}, so samples between two places would never be read",
                fix="use a stride of at most what the kernel covers, or take every n-th sample of the input first",
            )


def by_axis(name: str, value: ByAxis, axes: int) -> tuple[int, ...]:
    """A whole number from 1 for each axis.

    >>> by_axis("stride", 2, 3)
    (2, 2, 2)
    """
    each = tuple(value) if isinstance(value, Sequence) else (value,) * axes
    if len(each) != axes or any(not isinstance(item, int | np.integer) or item < 1 for item in each):
        raise InvalidArgument(name, value, fix=f"give a whole number from 1, or {axes} of them")
    return tuple(int(item) for item in each)


def _all_pairs(ends: object) -> bool:
    return isinstance(ends, Sequence) and all(
        isinstance(pair, Sequence) and len(pair) == 2 and all(isinstance(end, int | np.integer) for end in pair)
        for pair in ends
    )
