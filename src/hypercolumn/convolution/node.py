"""One operator of a traced network as a value: what it makes, what it reads, and how it was called.

A `Graph` is made of `Node`s; a `Call` is what a rule of `operators` gets to see in order to make one. Each dimension
of a tensor knows which spatial axis of the network's input it runs along, so that permuted layouts can be followed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypercolumn.convolution.periodic_table import Reach
from hypercolumn.errors import NetworkError


@dataclass(frozen=True)
class Node:
    """One operator with the tensor it makes.

    `axes[d]` is the spatial axis of the network's input that dimension d runs along, or None for batch and channel.
    `reaches` says by axis what is read of each parent, every other axis being read at its own place; `mixed` are the
    axes over which all is mixed. `fixed` says that a tensor bound to absolute positions was joined in.
    """

    operator: str
    layer: str
    shape: tuple[int, ...]
    axes: tuple[int | None, ...]
    parents: tuple[int, ...] = ()
    reaches: Mapping[int, Reach] = field(default_factory=dict)
    mixed: frozenset[int] = frozenset()
    fixed: bool = False

    @property
    def title(self) -> str:
        """What an error calls it: the layer's path and the operator."""
        return f"{self.layer} ({self.operator})" if self.layer else self.operator

    def extent(self, axis: int) -> int:
        """The length along a spatial axis; 1 where the axis is gone."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    def reparented(self, place: Mapping[int, int]) -> "Node":
        return replace(self, parents=tuple(place[parent] for parent in self.parents))


@dataclass(frozen=True)
class Constant:
    """A tensor that does not depend on the input; `uniform` where it is one number throughout."""

    shape: tuple[int, ...]
    uniform: bool


@dataclass(frozen=True)
class Call:
    """One operator as it was called on one map: its arguments by name, what it made, and who called."""

    operator: str
    layer: str
    arguments: Mapping[str, Any]
    shape: tuple[int, ...]
    source: Node
    weights: tuple[int, ...] = ()

    def numbers(self, name: str, count: int, default: Sequence[int] | None = None) -> tuple[int, ...]:
        """An argument that is one number, or one number an axis."""
        value = self.arguments.get(name)
        if value is None or value == []:
            value = default if default is not None else 0
        values = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        return values * count if len(values) == 1 else values

    def refuse(self, what: str, *, fix: str = "") -> NetworkError:
        where = f"layer {self.layer}, operator {self.operator}" if self.layer else f"operator {self.operator}"
        return NetworkError(what, where=where, why="its receptive field cannot be told", fix=fix)

    def made(self, *, axes: Sequence[int | None] | None = None, **rest: Any) -> Node:
        kept = self.source.axes if axes is None else tuple(axes)
        if len(kept) != len(self.shape):
            raise self.refuse(f"{self.operator} gives {len(self.shape)} dimensions where {len(kept)} were expected")
        return Node(self.operator, self.layer, self.shape, kept, **rest)

    def local(self, count: int, reach: Callable[[int], Reach | None]) -> Node:
        """A node whose last `count` dimensions are read through `reach(i)`, i counted from the first of them."""
        begin = len(self.source.axes) - count
        reaches: dict[int, Reach] = {}
        for place in range(count):
            axis, found = self.source.axes[begin + place], reach(place)
            if axis is not None and found is not None:
                reaches[axis] = found
        return self.made(reaches=reaches)

    def mixing(self, dimensions: Sequence[int]) -> frozenset[int]:
        """The spatial axes among some dimensions of the source."""
        found = (self.source.axes[dimension] for dimension in dimensions)
        return frozenset(axis for axis in found if axis is not None)
