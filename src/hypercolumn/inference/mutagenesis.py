"""In-silico mutagenesis: how the output of a network changes with every point mutation of a sequence.

    difference(place, base) = f(sequence with `base` at `place`) - f(sequence)              3 L mutants of L places

A mutation alters nothing beyond its receptive field, so each layer is computed again on the few places that it can
reach, as the change against the unmutated sequence, up to the first dense layer (which takes the changed places alone)
or global pooling. Of a network with 19, 11 and 7 taps over 1,000 bp that leaves a thirtieth of the multiply-adds. The
result is that of running every mutant, within rounding: 1e-5 in float32.

Alipanahi et al. 2015, doi 10.1038/nbt.3300 (mutation maps); Schreiber et al. 2022, doi 10.1093/bioinformatics/btac135
(fastISM: recomputing what is affected). Insertions and deletions are not made here, nor are pairs of mutations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hypercolumn.convolution.tracing import channels_of, parameter_of
from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.inference.program import record
from hypercolumn.inference.window_plan import WindowPlan, plan, row_order
from hypercolumn.inference.windowed import Chunk, FlatLinear

_ROWS = 1024
"""Mutants that are computed at once: enough for the products to reach their speed, few enough to stay in cache."""


@dataclass(frozen=True)
class MutationMap:
    """What a network gives for a sequence, and how that changes with each base at each place.

    reference: (*output). differences: (place, base, *output), nought where the base is the one that stands there. For
    several sequences both have a first axis more.
    """

    reference: np.ndarray
    differences: np.ndarray


class Mutator:
    """A network prepared for mutagenesis of sequences of one length, with the weights that it has now.

    network: gives one tensor (batch, *output) for (batch, channel, place). memory_bytes: what a run may take besides
    the network, its prepared weights and the result.

    >>> network = nn.Sequential(nn.Conv1d(4, 1, 3, padding=1, bias=False), nn.Flatten(), nn.Linear(5, 1, bias=False))
    >>> for weight in network.parameters():
    ...     _ = nn.init.ones_(weight)
    >>> Mutator(network, length=5)(np.eye(4)[:, [0, 1, 2, 3, 0]]).reference
    array([13.], dtype=float32)
    """

    def __init__(self, network: nn.Module, *, length: int, memory_bytes: int = 1 << 30) -> None:
        if length < 1:
            raise InvalidArgument("length", length, fix="give the places of a sequence")
        if memory_bytes <= 0:
            raise InvalidArgument("memory_bytes", memory_bytes, fix="give the bytes that one run may take")
        self.length, self.channels = length, channels_of(network)
        weights = parameter_of(network)
        self._dtype, self._device = weights.dtype, weights.device
        mutants = (self.channels - 1) * length + 1
        rows = max(ceil(mutants / ceil(mutants / _ROWS)), 2)
        self._plan = self._planned(network, rows)
        a_row = _bytes_a_row(self._plan) * weights.element_size()
        if a_row * rows > memory_bytes:
            rows = memory_bytes // a_row
            if rows < 2:
                raise InvalidArgument("memory_bytes", memory_bytes, fix=f"give at least {2 * a_row}, for two mutants")
            self._plan = self._planned(network, rows)
        self._rows, self._order = rows, row_order(self._plan)

    def __call__(self, sequence: np.ndarray | Tensor) -> MutationMap:
        """The mutation map of a sequence (channel, place), or of several (batch, channel, place).

        A column of the sequence need not be one base: where it is a mixture, or nothing (N), all bases are tried.
        """
        given = torch.as_tensor(sequence).detach()
        if given.ndim not in (2, 3) or tuple(given.shape[-2:]) != (self.channels, self.length) or 0 in given.shape:
            raise ShapeMismatch(
                f"sequences of shape {tuple(given.shape)} cannot be mutated",
                fix=f"give ({self.channels}, {self.length}), or several of them along a first axis",
            )
        if given.is_complex():
            raise InvalidArgument("sequence", given.dtype, fix="give real numbers: 1 where a base stands")
        given = given.to(self._device, self._dtype)
        with torch.inference_mode(), torch.autocast(self._device.type, enabled=False):
            maps = [self._mutate(one) for one in given.reshape(-1, self.channels, self.length)]
        if given.ndim == 2:
            return maps[0]
        return MutationMap(np.stack([one.reference for one in maps]), np.stack([one.differences for one in maps]))

    def _planned(self, network: nn.Module, rows: int) -> WindowPlan:
        program = record(network, (self.length,), batch=rows, channels=self.channels)
        with torch.inference_mode():
            return plan(program, program.constants(network))

    def _mutate(self, sequence: Tensor) -> MutationMap:
        bases = torch.eye(self.channels, dtype=self._dtype, device=self._device)
        places, chosen = np.nonzero((sequence.T[:, None, :] != bases).any(2).cpu().numpy())
        reference = _reference(self._plan, sequence)
        columns = torch.cat([sequence[:, :1].T, bases[torch.from_numpy(chosen)]])
        rows = np.concatenate([[0], places])
        outputs = columns.new_empty((len(rows), *self._plan.program.output_shape[1:]))
        for begin in range(0, len(rows), self._rows):
            taken = np.minimum(np.arange(begin, begin + self._rows), len(rows) - 1)
            taken = taken[np.argsort(self._order[rows[taken]], kind="stable")]
            chunk = Chunk(rows[taken], reference, lasting=self._plan.lasting)
            outputs[torch.from_numpy(taken)] = self._run(chunk, columns[taken])
        differences = outputs.new_zeros((self.length, self.channels, *outputs.shape[1:]))
        differences[places, chosen] = outputs[1:] - outputs[0]
        return MutationMap(_plain(outputs[0]), _plain(differences))

    def _run(self, chunk: Chunk, columns: Tensor) -> Tensor:
        """The outputs for the mutants of a chunk, whose places have these columns now (row, channel)."""
        planned, program = self._plan, self._plan.program
        chunk.windows[program.input] = columns[:, None, :]
        whole: dict[str, Any] = {}
        for place, step in enumerate(program.steps):
            rule = planned.rules.get(step.name)
            if rule is not None:
                made = rule.run(chunk)
                (whole if planned.planned[step.name].leaves else chunk.windows)[step.name] = made
            elif step.name not in planned.flat:
                for name in step.sources:
                    self._put_together(name, chunk, whole)
                whole[step.name] = step.run({**planned.constants, **whole})
            for name in planned.last_used.get(place, ()):
                chunk.windows.pop(name, None)
                whole.pop(name, None)
        self._put_together(program.output, chunk, whole)
        return whole[program.output]

    def _put_together(self, name: str, chunk: Chunk, whole: dict[str, Any]) -> None:
        """A value that is held in windows as a whole (row, channel, place): the reference, and the windows over it."""
        site = self._plan.sites.get(self._plan.flat.get(name, name))
        if site is None or name in whole:
            return
        reference, windows = chunk.reference[site.name], chunk.windows[site.name]
        rows, width, channels = windows.shape
        made = reference.repeat(rows, 1)
        starts = site.held.starts[chunk.places] + np.arange(rows) * site.length
        index = torch.from_numpy((starts[:, None] + np.arange(width)).reshape(-1)).to(made.device)
        made.index_copy_(0, index, windows.reshape(-1, channels))
        whole[name] = made.view(rows, site.length, channels).transpose(1, 2).contiguous()
        if name in self._plan.flat:
            whole[name] = whole[name].flatten(1)


def mutagenesis(network: nn.Module, sequence: np.ndarray | Tensor, *, memory_bytes: int = 1 << 30) -> MutationMap:
    """How the output changes with every point mutation of a sequence (channel, place) under a network.

    Of several sequences (batch, channel, place) each is mutated by itself. For many calls `Mutator` prepares once.

    Raises NetworkError where the network cannot be traced, takes chance or other examples into account, or returns
    several tensors; ShapeMismatch for other shapes.

    >>> network = nn.Sequential(nn.Conv1d(4, 1, 2, bias=False), nn.Flatten(), nn.Linear(3, 1, bias=False))
    >>> for weight in network.parameters():
    ...     _ = nn.init.constant_(weight, 2.0)
    >>> with torch.no_grad():
    ...     network[0].weight[0, 3] = 5.0
    >>> mutagenesis(network, np.eye(4)[:, [0, 1, 2, 3]]).differences[:, :, 0]
    array([[ 0.,  0.,  0.,  6.],
           [ 0.,  0.,  0., 12.],
           [ 0.,  0.,  0., 12.],
           [-6., -6., -6.,  0.]], dtype=float32)
    """
    given = torch.as_tensor(sequence)
    if given.ndim not in (2, 3) or 0 in given.shape:
        raise ShapeMismatch(
            f"sequences of shape {tuple(given.shape)} cannot be mutated", fix="give (channel, place), not empty"
        )
    return Mutator(network, length=given.shape[-1], memory_bytes=memory_bytes)(given)


def _reference(planned: WindowPlan, sequence: Tensor) -> Mapping[str, Tensor]:
    """What each step makes of the sequence itself: (place, channel), and of the first dense layer (output)."""
    program = planned.program
    made: dict[str, Tensor] = {program.input: sequence[None]}
    reference = {program.input: sequence.T.contiguous()}
    for step in program.steps:
        rule = planned.rules.get(step.name)
        if isinstance(rule, FlatLinear):
            flat = made[rule.source.name].flatten(1)
            weight, bias = planned.constant(step, "weight"), planned.constant(step, "bias")
            assert weight is not None
            reference[step.name] = functional.linear(flat, weight, bias)[0]
        elif step.name in planned.sites:
            made[step.name] = step.run({**planned.constants, **made})
            reference[step.name] = made[step.name][0].T.contiguous()
        elif step.name in planned.flat:
            made[step.name] = made[planned.flat[step.name]]
    return reference


def _bytes_a_row(planned: WindowPlan) -> int:
    """Numbers that a mutant holds at its peak: what is alive, and twice what the running step makes and reads."""
    sizes: dict[str, int] = {}
    alive = most = 0
    for place, step in enumerate(planned.program.steps):
        if step.name in planned.sites:
            sizes[step.name] = planned.sites[step.name].held.width * planned.channels(step.name)
        elif step.name not in planned.flat:
            sizes[step.name] = prod(step.shape[1:])
        together = sum(planned.whole_size(name) for name in step.sources) if step.name not in planned.planned else 0
        alive += sizes.get(step.name, 0) + together
        most = max(most, alive + 2 * sizes.get(step.name, 0) + sum(sizes.get(name, 0) for name in step.sources))
        alive -= sum(sizes.get(name, 0) + planned.whole_size(name) for name in planned.last_used.get(place, ()))
        alive = max(alive, 0)
    return max(most, 1)


def _plain(values: Tensor) -> np.ndarray:
    kind = torch.float64 if values.dtype is torch.float64 else torch.float32
    return values.to(kind).cpu().numpy()


__all__ = ["MutationMap", "Mutator", "mutagenesis"]
