"""In what pieces a network is run over an image: whole, in strips, or in tiles, by what fits into memory.

    whole     where it fits: nothing is computed twice, and everything is there at once
    strips    where the network can be run row by row: nothing is computed twice, in a fraction of the memory
    columns   strips of tiles that are as long as the image along the first axis, where its rows are too long
    tiles     for all other networks that can be cut exactly: each reads its surroundings again

All give the whole image's answer within rounding. Memory is told beforehand (`memory`), from the pieces themselves.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

from torch import nn

from hypercolumn.convolution.receptive_field import ReceptiveField, field_of
from hypercolumn.convolution.tracing import Graph, trace
from hypercolumn.errors import InvalidArgument, NetworkError
from hypercolumn.inference.memory import needed_bytes, needed_strip_bytes
from hypercolumn.inference.precision import Precision
from hypercolumn.inference.program import record
from hypercolumn.inference.strips import Strips
from hypercolumn.inference.tiles import Cut, TilePlan, Tiling, check_tileable, check_tiles, cut_losses

STRIP = 1 << 18
"""The samples of the image in one strip where memory allows: fewer make small products, more leave the cache."""


class Planner:
    """The pieces for images of any size, each size worked out once.

    memory_bytes: what one run may take. tile: by axis the longest tile asked for, or None.
    """

    def __init__(
        self, network: nn.Module, *, precision: Precision, memory_bytes: int, tile: Sequence[int] | None = None
    ) -> None:
        self.network, self.precision, self.memory_bytes = network, precision, memory_bytes
        self.tile = None if tile is None else tuple(tile)
        self._graphs: dict[tuple[int, ...], Graph] = {}
        self._strips: dict[tuple[int, ...], Strips] = {}

    def graph(self, channels: int, shape: tuple[int, ...]) -> Graph:
        key = (channels, *shape)
        if key not in self._graphs:
            self._graphs[key] = trace(self.network, shape, in_channels=channels)
        return self._graphs[key]

    def strips(self, channels: int, shape: tuple[int, ...]) -> Strips:
        """The network laid out for strips. Raises NetworkError where it cannot be run in strips."""
        key = (channels, *shape)
        if key not in self._strips:
            graph = self.graph(channels, shape)
            self._strips[key] = Strips(graph, record(self.network, shape, batch=1, channels=channels))
        return self._strips[key]

    def plan(self, channels: int, graph: Graph, outputs: Sequence[int]) -> TilePlan:
        """The pieces for an input of the graph's shape, of whose outputs the first so many along each axis are wanted.

        Raises NetworkError, naming the layer, where it does not fit and cannot be run in pieces; InvalidArgument where
        not even the smallest piece fits, or a tile asked for is too small.
        """
        shape = graph.shape
        if self.tile is not None and any(a < b for a, b in zip(self.tile, shape, strict=True)):
            return self._checked(channels, graph, self._asked(self._tiling(graph, outputs)))
        whole = TilePlan(shape, tuple((Cut((0, n), (0, m), (0, m)),) for n, m in zip(shape, outputs, strict=True)))
        if self._bytes(channels, shape) <= self.memory_bytes:
            return whole
        try:
            self.strips(channels, shape)
        except NetworkError:
            return self._checked(channels, graph, self._fitting(channels, self._tiling(graph, outputs)))
        for rows in _rows(shape):
            if self._strip_bytes(channels, shape, rows) <= self.memory_bytes:
                return replace(whole, rows=rows)
        return self._columns(channels, graph, outputs)

    # ---------------------------------------------------------------------------------------------- tiles

    def _tiling(self, graph: Graph, outputs: Sequence[int]) -> Tiling:
        field = field_of(graph)
        check_tileable(graph, field)
        return Tiling(graph.shape, graph.output_shape, tuple(outputs), field.stride, cut_losses(graph, field))

    def _checked(self, channels: int, graph: Graph, plan: TilePlan) -> TilePlan:
        field: ReceptiveField = field_of(graph)
        check_tiles(plan, whole=graph, tile=self.graph(channels, plan.shape), field=field)
        return plan

    def _asked(self, tiling: Tiling) -> TilePlan:
        assert self.tile is not None
        plan = tiling.cut(tiling.at_most(self.tile))
        if plan is None:
            why = "what the network sees beyond a tile leaves nothing of it"
            raise InvalidArgument("tile", self.tile, why=why, fix=f"give at least {tiling.smallest()}")
        return plan

    def _columns(self, channels: int, graph: Graph, outputs: Sequence[int]) -> TilePlan:
        """Strips of tiles, or tiles where those take less memory."""
        tiling = self._tiling(graph, outputs)

        for low in (16, 4):

            def taken(shape: tuple[int, ...], low: int = low) -> int:
                return self._strip_bytes(channels, shape, min(low, _rows(shape)[0]))

            if len(graph.shape) > 1 and taken(tiling.smallest(whole=(0,))) <= self.memory_bytes:
                plan = self._fitting(channels, tiling, whole=(0,), taken=taken)
                fitting = (
                    rows
                    for rows in _rows(plan.shape)
                    if self._strip_bytes(channels, plan.shape, rows) <= self.memory_bytes
                )
                return replace(self._checked(channels, graph, plan), rows=next(fitting, low))
        return self._checked(channels, graph, self._fitting(channels, tiling))

    def _fitting(
        self,
        channels: int,
        tiling: Tiling,
        *,
        whole: Sequence[int] = (),
        taken: Callable[[tuple[int, ...]], int] | None = None,
    ) -> TilePlan:
        """The tiles with the least to compute among those that fit into memory, never cut along the axes of `whole`.

        Memory is nearly a line in the tile's volume, drawn through the smallest tile and the image. The tile chosen
        by it is measured, and a smaller one is chosen where it does not fit after all.
        """
        measure = taken if taken is not None else lambda shape: self._bytes(channels, shape)
        smallest = tiling.smallest(whole=whole)
        least, most = measure(smallest), measure(tiling.shape)
        if least > self.memory_bytes:
            raise InvalidArgument(
                "memory_bytes", self.memory_bytes, fix=f"give at least {least}, which a tile of {smallest} takes"
            )
        line = (prod(tiling.shape) - prod(smallest)) / max(most - least, 1)
        volume = prod(smallest) + line * (self.memory_bytes - least)
        while (plan := tiling.cheapest(volume, whole=whole)) is not None:
            if measure(plan.shape) <= self.memory_bytes:
                return plan
            volume = 0.95 * min(volume, prod(plan.shape))
        found = tiling.cut(smallest)
        assert found is not None
        return found

    def _bytes(self, channels: int, shape: tuple[int, ...]) -> int:
        return needed_bytes(self.network, shape, precision=self.precision, in_channels=channels)

    def _strip_bytes(self, channels: int, shape: tuple[int, ...], rows: int) -> int:
        strips = self.strips(channels, shape)
        return needed_strip_bytes(self.network, strips, rows=rows, precision=self.precision, in_channels=channels)


def _rows(shape: tuple[int, ...]) -> tuple[int, ...]:
    """How many rows a strip may have, most first: powers of two, which the strides of most networks divide.

    >>> _rows((4096, 4096)), _rows((100_000,))
    ((64, 32, 16, 8, 4), (65536, 32768, 16384, 8192, 4096, 2048, 1024, 512))
    """
    best = min(max(STRIP // prod(shape[1:]), 16), shape[0]).bit_length() - 1
    return tuple(1 << power for power in range(best, max(best - 8, min(best, 2) - 1), -1))
