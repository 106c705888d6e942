"""The effective receptive field: not what an output can depend on, but what it does depend on, and how much.

    map_p = mean over inputs of  sum over channels of  (d y_o / d x_p)^2        o the middle output, p an input sample

summed over classes by a random sign each, so that they do not cancel. The energy of the gradient falls off from the
middle much like a Gaussian, so the effective field is a fraction of the receptive field, and that fraction shrinks as a
network grows deeper: its width goes with the square root of the depth. Luo, Li, Urtasun and Zemel 2016, arXiv
1701.04128. It hangs on weights and inputs: give a trained network and real images. The receptive field proper, which
does not, is `receptive_field`'s; nothing outside of it can carry a gradient.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from hypercolumn.convolution.tracing import evaluating, parameter_of
from hypercolumn.errors import InvalidArgument, NetworkError, ShapeMismatch


@dataclass(frozen=True)
class EffectiveField:
    """Where the gradient of one output lies: `map` (*space), which sums to 1, of the output at place `output`.

    >>> field = effective_field(nn.Conv1d(1, 1, 3, padding=1), torch.ones(1, 1, 9))
    >>> field.output, np.flatnonzero(field.map).tolist(), field.extent(1.0)
    ((4,), [3, 4, 5], (3,))
    """

    map: np.ndarray
    output: tuple[int, ...]
    spacing: tuple[float, ...] | None = None

    def along(self, axis: int) -> np.ndarray:
        """The share of the energy at each sample of one axis."""
        return self.map.sum(axis=tuple(other for other in range(self.map.ndim) if other != axis))

    def extent(self, share: float = 0.95) -> tuple[int, ...]:
        """By axis the samples of the shortest range that holds this share of the energy."""
        if not 0 < share <= 1:
            raise InvalidArgument("share", share, fix="give a share above 0 and up to 1")
        return tuple(_shortest_range(self.along(axis), share) for axis in range(self.map.ndim))

    def physical_extent(self, share: float = 0.95) -> tuple[float, ...] | None:
        """`extent` in the unit of the spacing, or None where no spacing was given."""
        if self.spacing is None:
            return None
        return tuple(samples * step for samples, step in zip(self.extent(share), self.spacing, strict=True))

    @cached_property
    def centre(self) -> tuple[float, ...]:
        """By axis the mean place of the energy, in samples."""
        return tuple(float(self.along(axis) @ np.arange(length)) for axis, length in enumerate(self.map.shape))

    @cached_property
    def deviation(self) -> tuple[float, ...]:
        """By axis the standard deviation of the energy's place: of a Gaussian, 95 % lie within 3.92 of them."""
        return tuple(
            float(np.sqrt(self.along(axis) @ (np.arange(length) - self.centre[axis]) ** 2))
            for axis, length in enumerate(self.map.shape)
        )


def effective_field(
    network: nn.Module,
    images: Tensor,
    *,
    output: Sequence[int] | None = None,
    layer: str | None = None,
    spacing: Sequence[float] | None = None,
    seed: int = 0,
) -> EffectiveField:
    """Measure where the gradient of one output, or of one place of a layer's output, lies in the input.

    images: (batch, channel, *space), over which it is averaged. output: the place by axis; the middle where none is
    given. layer: the path of a module, as in `named_modules`. spacing: by axis, for extents in physical units. seed: of
    the signs by which classes, or channels, are summed.

    Raises ShapeMismatch where the images are none; NetworkError where no gradient arrives.

    >>> two = nn.Sequential(*(nn.Conv1d(1, 1, 3, padding=1, bias=False) for _ in range(8)))
    >>> for one in two:
    ...     _ = nn.init.ones_(one.weight)
    >>> field = effective_field(two, torch.ones(1, 1, 41))
    >>> int(np.count_nonzero(field.map)), field.extent()
    (17, (7,))
    """
    dims = images.ndim - 2
    if dims < 1 or 0 in images.shape:
        raise ShapeMismatch(f"images of shape {tuple(images.shape)}", fix="give (batch, channel, *space), not empty")
    if spacing is not None and len(spacing) != dims:
        raise InvalidArgument("spacing", spacing, fix=f"give {dims} numbers, one an axis")
    weights, chance = parameter_of(network), torch.Generator().manual_seed(seed)
    place: tuple[int, ...] = ()
    with evaluating(network), torch.inference_mode(mode=False), torch.enable_grad():
        energy = torch.zeros(images.shape[2:], dtype=torch.float64)
        for image in images:
            given = image[None].detach().clone().to(weights.device, weights.dtype).requires_grad_()
            made = _output(network, given, layer)
            place = _place(made.shape[2:], output)
            where: tuple[int | slice, ...] = (0, slice(None), *place)
            answer = made[where]
            signs = (torch.randint(2, answer.shape, generator=chance) * 2 - 1).to(answer)
            (gradient,) = torch.autograd.grad((answer * signs).sum(), given, allow_unused=True)
            if gradient is not None:
                energy += gradient[0].double().square().sum(dim=0).cpu()
    total = float(energy.sum())
    if not np.isfinite(total) or total == 0:
        raise NetworkError(
            "no gradient arrives at the input" if total == 0 else "the gradient at the input is not finite",
            why="the output does not depend on these images there, or its rectifiers are all off",
            fix="give other images, or another place of the output",
        )
    return EffectiveField((energy / total).numpy(), place, tuple(spacing) if spacing is not None else None)


def _output(network: nn.Module, given: Tensor, layer: str | None) -> Tensor:
    """What the network, or one of its layers, makes: the last time that it runs."""
    if layer is None:
        return network(given)
    modules = dict(network.named_modules())
    if layer not in modules:
        raise InvalidArgument("layer", layer, fix=f"name one of {', '.join(name for name in modules if name)}")
    caught: list[Tensor] = []
    handle = modules[layer].register_forward_hook(lambda module, arguments, result: caught.append(result))
    try:
        network(given)
    finally:
        handle.remove()
    if not caught:
        raise InvalidArgument("layer", layer, fix="name a module that runs")
    return caught[-1]


def _place(shape: Sequence[int], output: Sequence[int] | None) -> tuple[int, ...]:
    if output is None:
        return tuple(length // 2 for length in shape)
    if len(output) != len(shape) or any(not 0 <= o < length for o, length in zip(output, shape, strict=True)):
        raise InvalidArgument("output", tuple(output), fix=f"give {len(shape)} indices within {tuple(shape)}")
    return tuple(output)


def _shortest_range(shares: np.ndarray, share: float) -> int:
    """The length of the shortest run of samples whose shares add up to the one asked for, rounding forgiven."""
    sums = np.concatenate([[0.0], np.cumsum(shares)])
    ends = np.searchsorted(sums, sums + share * sums[-1] * (1 - 1e-12))
    lengths = ends - np.arange(len(sums))
    return int(lengths[ends < len(sums)].min())
