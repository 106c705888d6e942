"""A classifier of tiles laid out over an image: each operator runs once, on the places that some tile needs.

Let tiles begin at multiples of S, and let the places of a layer lie s samples of the image apart within a tile. Place i
of tile o then lies at o S + i s, always a multiple of g = gcd(S, s), so the layer is held as an array with one entry
every g samples. On it, an operator with stride t and dilation d is the same operator with

    stride g' / g          dilation d s / g          where g' = gcd(S, t s) is the lattice of its output

With S = s this is the fully convolutional network; with S = 1 it is that network dilated (Sermanet et al. 2014, arXiv
1312.6229; Yu and Koltun 2016, arXiv 1511.07122); between the two nothing is computed that no tile needs. A dense layer
on a flattened map is a convolution with a kernel as large as the map. The answer is that of running every tile.

Refused by the layer's name: what a tile's own border can be seen in (padding inside the tile), and what cannot be laid
out (attention, instance normalization, uneven adaptive pooling).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import gcd, prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hypercolumn.convolution.operators import JOINS, POINTWISE
from hypercolumn.errors import NetworkError
from hypercolumn.inference.program import Program, Step

_CONVOLUTIONS = {"conv1d": functional.conv1d, "conv2d": functional.conv2d, "conv3d": functional.conv3d}
_MAXIMA = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
_RESHAPING = frozenset({"view", "reshape", "flatten", "squeeze", "_unsafe_view"})
_CHANNELWISE: Mapping[str, Callable[..., Tensor]] = {"softmax": torch.softmax, "log_softmax": torch.log_softmax}


@dataclass(frozen=True)
class Laid:
    """How a value lies over the image, by axis: its places within a tile, how far apart they are, and the lattice.

    flat: the tile's network sees (channel * places) where the lattice holds (channel, *space).
    """

    places: tuple[int, ...]
    spacing: tuple[int, ...]
    lattice: tuple[int, ...]
    flat: bool = False

    @property
    def dilation(self) -> tuple[int, ...]:
        """How many entries of the lattice two neighbouring places of a tile are apart."""
        return tuple(s // g for s, g in zip(self.spacing, self.lattice, strict=True))

    def entries(self, counts: Sequence[int], stride: Sequence[int]) -> tuple[int, ...]:
        """How many entries of the lattice so many tiles need."""
        last = ((c - 1) * s + (n - 1) * a for c, s, n, a in zip(counts, stride, self.places, self.spacing, strict=True))
        return tuple(place // g + 1 for place, g in zip(last, self.lattice, strict=True))


class LatticeNetwork(nn.Module):
    """The network over any image (1, channel, *space) that holds a tile: (1, class, *tiles).

    program: the network recorded on a tile; stride: by axis the samples from one tile to the next. Raises NetworkError,
    naming the layer, for what cannot be laid out.
    """

    def __init__(self, network: nn.Module, program: Program, stride: Sequence[int]) -> None:
        super().__init__()
        self.network, self.program, self.stride = network, program, tuple(stride)
        self.tile = program.input_shape[2:]
        start = Laid(self.tile, (1,) * len(self.tile), tuple(1 for _ in self.tile))
        self.laid: dict[str, Laid] = {program.input: start}
        for step in program.steps:
            self.laid[step.name] = self._lay(step)
        if prod(self.laid[program.output].places) != 1 or len(program.output_shape) < 2:
            raise NetworkError(
                f"the network gives {program.output_shape[1:]} for a tile, not one answer",
                fix="for a network that gives a map of its own use hypercolumn.inference.predict",
            )

    def forward(self, image: Tensor) -> Tensor:
        values: dict[str, Any] = {**self.program.constants(self.network), self.program.input: image}
        uses = self.program.uses
        for place, step in enumerate(self.program.steps):
            values[step.name] = self._run(step, values)
            for name in step.sources:
                if uses.get(name, (place + 1,))[-1] == place:
                    del values[name]
        answer, laid = values[self.program.output], self.laid[self.program.output]
        for axis, (s, g) in enumerate(zip(self.stride, laid.lattice, strict=True)):
            count = (image.shape[axis + 2] - self.tile[axis]) // s + 1
            answer = answer[(slice(None),) * (axis + 2) + (slice(0, (count - 1) * (s // g) + 1, s // g),)]
        return answer

    def multiply_adds(self, counts: Sequence[int]) -> tuple[int, int]:
        """Of convolutions and dense layers: of so many tiles laid out, and of running each by itself."""
        laid = apart = 0
        for step in self.program.steps:
            if step.operator in _CONVOLUTIONS or step.operator == "linear":
                made = self.laid[step.name]
                weights = self._weights(step)
                laid += weights * prod(made.entries(counts, self.stride))
                apart += weights * prod(made.places) * prod(counts)
        return laid, apart

    def _weights(self, step: Step) -> int:
        weight = self.program.constants(self.network)[step.named["weight"].name]
        return int(weight.numel())

    # ------------------------------------------------------------------------------------------------ where it lies

    def _lay(self, step: Step) -> Laid:
        sources = [self.laid[name] for name in step.sources if name in self.laid]
        first, name = sources[0], step.operator
        if any(other != first for other in sources[1:]):
            raise self._refusal(step, "it joins maps that lie differently")
        if name in _CONVOLUTIONS:
            return self._sliding(step, first, self._kernel(step))
        if name in {f"{kind}_pool{self._axes}d" for kind in ("max", "avg")}:
            return self._sliding(step, first, step.numbers("kernel_size", self._axes))
        if name in {f"adaptive_{kind}_pool{self._axes}d" for kind in ("max", "avg")}:
            return self._adaptive(step, first)
        if name in {"mean", "amax"}:
            return self._reduced(step, first)
        if name == "getitem" and step.arguments[1] == 0:
            return first
        if name == "linear":
            if not first.flat:
                raise self._refusal(step, "it works along the image and not on a tile's whole map")
            return replace(self._one(first), flat=True)
        if name in _RESHAPING:
            return self._reshaped(step, first)
        if name in ("slice", "narrow"):
            return self._cut(step, first)
        if name in _CHANNELWISE:
            if (step.named["dim"] % len(step.shape)) != 1 or (first.flat and prod(first.places) > 1):
                raise self._refusal(step, "it mixes the places of a tile")
            return first
        if name in {"batch_norm", "cat"}:
            along = step.named.get("dim", 1) % len(step.shape)
            if along != 1 or (first.flat and prod(first.places) > 1):
                raise self._refusal(step, "it treats the places of a tile differently")
            return first
        if name in POINTWISE or name in JOINS:
            self._check_constants(step, first)
            return first
        raise self._refusal(step, "it is no operator that can be laid out over an image")

    @property
    def _axes(self) -> int:
        return len(self.tile)

    def _kernel(self, step: Step) -> tuple[int, ...]:
        weight = self.program.constants(self.network)[step.named["weight"].name]
        return tuple(weight.shape[2:])

    def _sliding(self, step: Step, source: Laid, kernel: Sequence[int]) -> Laid:
        if source.flat:
            raise self._refusal(step, "it slides over a flattened map")
        given = step.named.get("padding")
        if isinstance(given, str):
            pads = given == "same" and max(kernel) > 1
        else:
            pads = any(step.numbers("padding", self._axes))
        if pads:
            raise self._refusal(step, "it pads inside the tile, so an answer depends on where the tile ends")
        dilation = step.numbers("dilation", self._axes, default=(1,))
        strides = step.numbers("stride", self._axes, default=kernel if "pool" in step.operator else (1,))
        made = step.shape[2:]
        whole = tuple(
            (n - d * (k - 1) - 1) // t + 1 for n, k, t, d in zip(source.places, kernel, strides, dilation, strict=True)
        )
        if made != whole:
            raise self._refusal(step, "its last window overhangs the tile (ceil_mode)")
        return self._next(source, made, strides)

    def _next(self, source: Laid, places: Sequence[int], strides: Sequence[int]) -> Laid:
        """Where one place is left of a tile, its lattice is that of the tiles."""
        spacing = tuple(
            step if n == 1 else s * t
            for step, n, s, t in zip(self.stride, places, source.spacing, strides, strict=True)
        )
        return Laid(tuple(places), spacing, tuple(gcd(step, s) for step, s in zip(self.stride, spacing, strict=True)))

    def _one(self, source: Laid) -> Laid:
        """One place a tile."""
        return self._next(source, (1,) * self._axes, (1,) * self._axes)

    def _adaptive(self, step: Step, source: Laid) -> Laid:
        made = step.numbers("output_size", self._axes)
        if source.flat or any(n % m for n, m in zip(source.places, made, strict=True)):
            raise self._refusal(step, "its windows are not all of one size")
        return self._next(source, made, [n // m for n, m in zip(source.places, made, strict=True)])

    def _reduced(self, step: Step, source: Laid) -> Laid:
        given = step.named.get("dim")
        chosen = given if isinstance(given, (list, tuple)) else [given]
        dims = {dimension % (self._axes + 2) for dimension in chosen if dimension is not None}
        if source.flat or dims != set(range(2, self._axes + 2)):
            raise self._refusal(step, "it mixes something else than all places of the map")
        return replace(self._one(source), flat=not step.named.get("keepdim"))

    def _reshaped(self, step: Step, source: Laid) -> Laid:
        batch, *rest = step.shape
        if batch == self.program.input_shape[0]:
            if len(rest) == 1:
                return replace(source, flat=True)
            if not source.flat and tuple(rest[1:]) == source.places:
                return source
        raise self._refusal(step, "it puts the places of a tile into another order")

    def _cut(self, step: Step, source: Laid) -> Laid:
        dimension = step.named["dim"] % len(step.shape)
        if dimension < 2 or source.flat:
            if dimension == 1 and not (source.flat and prod(source.places) > 1):
                return source
            raise self._refusal(step, "it picks out examples, or places of a flattened map")
        if (step.named.get("step") or 1) != 1:
            raise self._refusal(step, "it skips places of a tile")
        return replace(source, places=tuple(step.shape[2:]))

    def _check_constants(self, step: Step, source: Laid) -> None:
        """A constant may differ between channels, not between the places of a tile."""
        for name in step.sources:
            if name in self.laid:
                continue
            shape = tuple(self.program.constants(self.network)[name].shape)
            varied = prod(shape) > 1 and source.flat and prod(source.places) > 1
            if varied or (not source.flat and any(length > 1 for length in shape[max(0, len(shape) - self._axes) :])):
                raise self._refusal(step, "it treats the places of a tile differently")

    def _refusal(self, step: Step, why: str) -> NetworkError:
        return NetworkError(
            f"{step.title} cannot be laid out over an image", why=why, fix='use way="tiles", which runs every tile'
        )

    # ------------------------------------------------------------------------------------------------- what it gives

    def _run(self, step: Step, values: Mapping[str, Any]) -> Tensor:
        (name, source), made = self._source(step), self.laid[step.name]
        x = values[name]
        ratio = [b // a for a, b in zip(source.lattice, made.lattice, strict=True)]
        if step.operator in _CONVOLUTIONS:
            dilation = self._dilated(step, source)
            weight, bias = values[step.named["weight"].name], self._bias(step, values)
            return _CONVOLUTIONS[step.operator](
                x, weight, bias, stride=ratio, dilation=dilation, groups=step.named["groups"]
            )
        if "pool" in step.operator or step.operator in {"mean", "amax"}:
            if "adaptive" in step.operator or "pool" not in step.operator:
                kernel = [n // m for n, m in zip(source.places, made.places, strict=True)]
                dilation = list(source.dilation)
            else:
                kernel, dilation = list(step.numbers("kernel_size", self._axes)), self._dilated(step, source)
            if "max" in step.operator:
                return _MAXIMA[self._axes](x, kernel, stride=ratio, dilation=dilation)
            divisor = step.named.get("divisor_override") or prod(kernel)
            return _summed(x, kernel, ratio, dilation) / divisor
        if step.operator == "linear":
            weight, bias = values[step.named["weight"].name], self._bias(step, values)
            kernel_of_map = weight.reshape(len(weight), -1, *source.places)
            convolve = _CONVOLUTIONS[f"conv{self._axes}d"]
            return convolve(x, kernel_of_map, bias, stride=ratio, dilation=list(source.dilation))
        if step.operator in _RESHAPING or step.operator == "getitem":
            return x
        if step.operator in ("slice", "narrow"):
            return self._narrowed(step, source, made, x)
        if step.operator in _CHANNELWISE:
            return _CHANNELWISE[step.operator](x, dim=1)
        return step.run(self._over_space(step, values))

    def _source(self, step: Step) -> tuple[str, Laid]:
        name = next(name for name in step.sources if name in self.laid)
        return name, self.laid[name]

    def _dilated(self, step: Step, source: Laid) -> list[int]:
        own = step.numbers("dilation", self._axes, default=(1,))
        return [d * apart for d, apart in zip(own, source.dilation, strict=True)]

    def _bias(self, step: Step, values: Mapping[str, Any]) -> Tensor | None:
        operand = step.named.get("bias")
        return None if operand is None else values[operand.name]

    def _narrowed(self, step: Step, source: Laid, made: Laid, x: Tensor) -> Tensor:
        dimension, start = step.named["dim"] % len(step.shape), step.named.get("start") or 0
        length = x.shape[1] if dimension == 1 else source.places[dimension - 2]
        start = start + length if start < 0 else start
        if dimension == 1:
            return x.narrow(1, start, step.shape[1])
        axis = dimension - 2
        first = start * source.dilation[axis]
        lost = (source.places[axis] - made.places[axis] - start) * source.dilation[axis]
        return x.narrow(dimension, first, x.shape[dimension] - first - lost)

    def _over_space(self, step: Step, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values that a step is given; constants of a flat value get the axes that it has on the lattice."""
        if not self.laid[step.name].flat:
            return values
        given = {name: values[name] for name in step.sources}
        for name in step.sources:
            if name not in self.laid and isinstance(given[name], Tensor) and step.operator != "batch_norm":
                constant = given[name]
                given[name] = constant.reshape(*constant.shape, *(1,) * self._axes) if constant.ndim else constant
        return given


def _summed(x: Tensor, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """Sums over a window, place by place of it; axis after axis, so that a window of n^2 takes 2 n additions."""
    for axis, (k, t, d) in enumerate(zip(kernel, stride, dilation, strict=True)):
        count = (x.shape[axis + 2] - d * (k - 1) - 1) // t + 1
        parts = [
            x[(slice(None),) * (axis + 2) + (slice(tap * d, tap * d + (count - 1) * t + 1, t),)] for tap in range(k)
        ]
        total = parts[0].clone()
        for part in parts[1:]:
            total += part
        x = total
    return x


__all__ = ["Laid", "LatticeNetwork"]
