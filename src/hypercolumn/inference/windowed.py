"""Operators on windows of a sequence: what each makes of a change, given what it makes of the sequence unchanged.

    linear     y = y_reference + W delta             delta = x - x_reference, on the places that can differ alone
    others     y = f(x)                              on the window that `affected` says must be held

A convolution's output at place q is one matrix product, added to the reference in place:

    y[:, q] += [delta[:, w] ... delta[:, w']] [W[t]; ...; W[t']]            w = q * stride - lead - start + dilation * t

over the taps that meet the window, for all rows whose windows lie alike. Padding adds nothing to it: the change there
is nought. Windows are kept as (row, place, channel), so that neighbouring places are neighbours in memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hypercolumn.inference.affected import Reached, Rows, SlidingWindow, Span, alike
from hypercolumn.inference.program import Step

_FEWEST = 64
"""Rows from which on a matrix product is nearly as fast as one of many rows, so that it need not be gathered for."""


@dataclass(frozen=True)
class Site:
    """A value with a spatial axis: the places that a change can alter, the window that is held, and where they lie."""

    name: str
    reached: Reached
    altered: Span
    held: Span

    @property
    def length(self) -> int:
        return self.reached.length


@dataclass
class Chunk:
    """Some mutants at once: the place that each changes, and the windows that are held of each value."""

    places: np.ndarray
    reference: Mapping[str, Tensor]
    windows: dict[str, Tensor] = field(default_factory=dict)
    lasting: frozenset[str] = frozenset()
    """Values that are used again, and so may not be written into."""

    def of_reference(self, site: Site, span: Span, rows: Rows = slice(None)) -> Tensor:
        """The unchanged sequence in each row's window (row, place, channel)."""
        starts = span.starts[self.places[rows]]
        index = torch.from_numpy((starts[:, None] + np.arange(span.width)).reshape(-1))
        reference = self.reference[site.name]
        return reference.index_select(0, index.to(reference.device)).view(len(starts), span.width, -1)

    def window(self, site: Site, span: Span) -> tuple[Tensor, bool]:
        """A value in the windows of another span, and whether it may be written into.

        Where the span reaches beyond what is held nothing has changed, so the reference stands there.
        """
        held = self.windows[site.name]
        if site.held.same(span):
            return held, site.name not in self.lasting
        filled = self.of_reference(site, span)
        offsets = (site.held.starts - span.starts)[self.places]
        for offset, rows in alike(offsets):
            begin, end = max(offset, 0), min(offset + site.held.width, span.width)
            if begin < end:
                filled[rows, begin:end] = held[rows, begin - offset : end - offset]
        return filled, True

    def covering(self, site: Site, span: Span) -> tuple[Tensor, Span]:
        """A value in windows that cover a span: what is held where that does, and else the span itself."""
        if bool(np.all(site.held.starts <= span.starts) and np.all(site.held.last >= span.last)):
            return self.windows[site.name], site.held
        return self.window(site, span)[0], span

    def change(self, site: Site) -> Tensor:
        """By how much a value differs from the unchanged sequence, on the places that can (row, place, channel)."""
        window, mine = self.window(site, site.altered)
        reference = self.of_reference(site, site.altered)
        return torch.sub(window, reference, out=reference if not mine else window)


class Rule(Protocol):
    """An operator on windows."""

    def run(self, chunk: Chunk) -> Tensor:
        """Its output in the windows held of its site (row, place, channel), or whole where it leaves windows."""


@dataclass(frozen=True)
class Convolution:
    """A convolution of one group; `weight` is (tap * channel in, channel out).

    Where one place alone can change, as in the first layer, its change reaches all taps at once: `spread` is (channel
    in, tap * channel out), last tap first.
    """

    site: Site
    source: Site
    sliding: SlidingWindow
    weight: Tensor
    spread: Tensor

    @classmethod
    def of(cls, site: Site, source: Site, sliding: SlidingWindow, weight: Tensor) -> "Convolution":
        stacked = weight.permute(2, 1, 0).reshape(-1, len(weight)).contiguous()
        return cls(site, source, sliding, stacked, weight.flip(2).permute(1, 2, 0).flatten(1).contiguous())

    def run(self, chunk: Chunk) -> Tensor:
        change = chunk.change(self.source)
        made = chunk.of_reference(self.site, self.site.held)
        for offset, rows in _lying_alike(chunk, self.site.held, self.source.altered, self.sliding):
            if isinstance(rows, slice):
                self._add(change[rows], made[rows], offset)
            else:
                index = torch.from_numpy(rows).to(made.device)
                part = made.index_select(0, index)
                self._add(change.index_select(0, index), part, offset)
                made.index_copy_(0, index, part)
        return made

    def _add(self, change: Tensor, made: Tensor, offset: int) -> None:
        """Add what the change does to each place of rows that lie alike."""
        rows, width, channels = change.shape
        flat, kernel, step = change.view(rows, width * channels), self.sliding.kernel, self.sliding.dilation
        if width == step == self.sliding.stride == 1:
            begin, end, out = max(0, 1 - kernel - offset), min(made.shape[1], 1 - offset), made.shape[2]
            if begin < end:
                taps_used = slice((kernel - 1 + begin + offset) * out, (kernel - 1 + end + offset) * out)
                made.flatten(1)[:, begin * out : end * out].addmm_(flat, self.spread[:, taps_used])
            return
        for place in range(made.shape[1]):
            first = place * self.sliding.stride + offset
            taps = range(max(0, -(first // step)), min(kernel - 1, (width - 1 - first) // step) + 1)
            if step == 1 and len(taps):
                begin, end = (first + taps[0]) * channels, (first + taps[-1] + 1) * channels
                weight = self.weight[taps[0] * channels : (taps[-1] + 1) * channels]
                made[:, place].addmm_(flat[:, begin:end], weight)
            elif step > 1:
                for tap in taps:
                    weight = self.weight[tap * channels : (tap + 1) * channels]
                    made[:, place].addmm_(change[:, first + tap * step], weight)


@dataclass(frozen=True)
class GroupedConvolution:
    """A convolution in several groups, depthwise ones too: torch's own, over the change."""

    site: Site
    source: Site
    sliding: SlidingWindow
    weight: Tensor
    groups: int

    def run(self, chunk: Chunk) -> Tensor:
        change = chunk.change(self.source).transpose(1, 2)
        made, slide = chunk.of_reference(self.site, self.site.held), self.sliding
        for offset, rows in _lying_alike(chunk, self.site.held, self.source.altered, slide):
            reach = (self.site.held.width - 1) * slide.stride + slide.reach + 1
            if offset >= change.shape[2] or offset + reach <= 0:
                continue
            padded = functional.pad(change[rows], (-offset, offset + reach - change.shape[2]))
            added = functional.conv1d(
                padded, self.weight, stride=slide.stride, dilation=slide.dilation, groups=self.groups
            )
            made[rows] += added.transpose(1, 2)
        return made


@dataclass(frozen=True)
class Pooling:
    """Maximum pooling, or average pooling where the `divisors` of all outputs are given."""

    site: Site
    source: Site
    sliding: SlidingWindow
    divisors: Tensor | None = None

    def run(self, chunk: Chunk) -> Tensor:
        window, span = chunk.covering(self.source, needed(self.site, self.source, self.sliding))
        shape = (len(window), self.site.held.width, window.shape[2])
        made = window.new_full(shape, -torch.inf if self.divisors is None else 0.0)
        for offset, rows in _lying_alike(chunk, self.site.held, span, self.sliding):
            part = made[rows]
            self._gather(window[rows], part, offset)
            if not isinstance(rows, slice):
                made[rows] = part
        if self.divisors is not None:
            starts = self.site.held.starts[chunk.places]
            index = torch.from_numpy(starts[:, None] + np.arange(self.site.held.width)).to(made.device)
            made /= self.divisors[index][:, :, None]
        return made

    def _gather(self, window: Tensor, made: Tensor, offset: int) -> None:
        """Take in each tap where it lies in the window: beyond it there is only padding."""
        step, width = self.sliding.stride, window.shape[1]
        for tap in range(self.sliding.kernel):
            shift = offset + tap * self.sliding.dilation
            begin, end = _meeting(made.shape[1], width, step, shift)
            if begin < end:
                read = window[:, begin * step + shift : (end - 1) * step + shift + 1 : step]
                if self.divisors is None:
                    torch.maximum(made[:, begin:end], read, out=made[:, begin:end])
                else:
                    made[:, begin:end] += read


@dataclass(frozen=True)
class Affine:
    """Batch normalization in evaluation mode: scale and shift by channel."""

    site: Site
    source: Site
    scale: Tensor
    shift: Tensor

    def run(self, chunk: Chunk) -> Tensor:
        window, mine = chunk.window(self.source, self.site.held)
        if mine:
            return torch.addcmul(self.shift, window, self.scale, out=window)
        return torch.addcmul(self.shift, window, self.scale)


@dataclass(frozen=True)
class PlaceByPlace:
    """An operator that works on each place alone, of one value or several; concatenation of channels is one."""

    site: Site
    sources: tuple[Site, ...]
    names: tuple[str, ...]
    step: Step
    constants: Mapping[str, Any]

    def run(self, chunk: Chunk) -> Tensor:
        windows, mine = zip(*(chunk.window(source, self.site.held) for source in self.sources), strict=True)
        if self.step.operator == "relu":
            return windows[0].relu_() if mine[0] else windows[0].relu()
        given = {name: window.transpose(1, 2) for name, window in zip(self.names, windows, strict=True)}
        return self.step.run({**self.constants, **given}).transpose(1, 2).contiguous()


@dataclass(frozen=True)
class Moved:
    """A crop, a step, or padding with a constant: output q is input q * stride + start, where there is one."""

    site: Site
    source: Site
    sliding: SlidingWindow

    def run(self, chunk: Chunk) -> Tensor:
        held, made = chunk.windows[self.source.name], chunk.of_reference(self.site, self.site.held)
        step = self.sliding.stride
        for offset, rows in _lying_alike(chunk, self.site.held, self.source.held, self.sliding):
            begin, end = _meeting(made.shape[1], held.shape[1], step, offset)
            if begin < end:
                made[rows, begin:end] = held[rows, begin * step + offset : (end - 1) * step + offset + 1 : step]
        return made


@dataclass(frozen=True)
class FlatLinear:
    """A dense layer on all places and channels; `weight` is (place, channel, output). The rest changes throughout."""

    name: str
    source: Site
    weight: Tensor

    def run(self, chunk: Chunk) -> Tensor:
        change, reference = chunk.change(self.source), chunk.reference[self.name]
        rows_flat, made = change.flatten(1), change.new_empty(len(change), self.weight.shape[2])
        for start, rows in alike(self.source.altered.starts[chunk.places], fewest=_FEWEST):
            weight = self.weight[start : start + change.shape[1]].flatten(0, 1)
            if isinstance(rows, slice):
                torch.addmm(reference, rows_flat[rows], weight, out=made[rows])
            else:
                made[torch.from_numpy(rows)] = torch.addmm(reference, rows_flat[rows], weight)
        return made


@dataclass(frozen=True)
class GlobalPooling:
    """The mean or the maximum over the whole axis, of the shape that the network gives it."""

    source: Site
    shape: tuple[int, ...]
    largest: bool

    def run(self, chunk: Chunk) -> Tensor:
        pooled = self._maximum(chunk) if self.largest else self._mean(chunk)
        return pooled.reshape(len(pooled), *self.shape)

    def _mean(self, chunk: Chunk) -> Tensor:
        reference = chunk.reference[self.source.name]
        return reference.mean(0) + chunk.change(self.source).sum(1) / len(reference)

    def _maximum(self, chunk: Chunk) -> Tensor:
        reference = chunk.reference[self.source.name]
        starts, width = self.source.held.starts[chunk.places], self.source.held.width
        nothing = reference.new_full((1, reference.shape[1]), -torch.inf)
        before = torch.cat([nothing, reference.cummax(0).values])
        after = torch.cat([reference.flip(0).cummax(0).values.flip(0), nothing])
        outside = torch.maximum(before[starts], after[starts + width])
        return torch.maximum(outside, chunk.windows[self.source.name].amax(1))


def needed(site: Site, source: Site, sliding: SlidingWindow) -> Span:
    """The windows of a source that the held windows of an output read."""
    return Span.covering(*sliding.read(site.held.starts, site.held.last, source.length), source.length)


def _lying_alike(chunk: Chunk, made: Span, read: Span, sliding: SlidingWindow) -> Sequence[tuple[int, Rows]]:
    """Rows whose two windows lie alike: by the place in the window read at which the first output's first tap lies."""
    offsets = made.starts * sliding.stride - sliding.lead - read.starts
    return list(alike(offsets[chunk.places], fewest=_FEWEST))


def _meeting(outputs: int, inputs: int, stride: int, offset: int) -> tuple[int, int]:
    """The outputs o of a window, as a half-open range, whose o * stride + offset lies in the window that is read."""
    return max(0, -(offset // stride)), min(outputs, (inputs - 1 - offset) // stride + 1)
