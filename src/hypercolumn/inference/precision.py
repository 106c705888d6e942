"""A number format and a memory layout, and what else may be done to a network before it runs: folding and compiling.

    float32     as it is, or with channels last
    bfloat16    by autocast; weights of convolutions and dense layers are cast once and not at every call
    folded      normalizations vanish into the convolutions beside them (`convolution.folding`)
    compiled    by `torch.compile`, which needs a C++ compiler and takes half a minute and more for each shape

bfloat16 gains only where the processor has units for it: without them it is slower. On processors that have them it
must go with channels last, either alone gains little. Which of these is fastest here without changing the answer is
found by trying (`probe`); nothing here is chosen. bfloat16 holds 8 bits, so a layer errs by 0.4 %.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeVar, get_args

import torch
from torch import Tensor, nn

from hypercolumn.errors import InvalidArgument

Format = Literal["float32", "bfloat16"]
Arranged = TypeVar("Arranged", Tensor, nn.Module)

_LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}
_CAST = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    nn.Linear,
)
"""Layers whose weights autocast turns into bfloat16 at every call."""


@dataclass(frozen=True)
class Precision:
    """How a network is run, with what a probe measured: seconds by candidate, and the deviation of this one.

    >>> Precision().arrange(torch.zeros(1, 3, 4, 4)).stride()
    (48, 16, 4, 1)
    >>> Precision(channels_last=True).arrange(torch.zeros(1, 3, 4, 4)).stride()
    (48, 1, 12, 3)
    >>> Precision("bfloat16", channels_last=True, folded=True).name
    'bfloat16, channels last, folded'
    """

    dtype: Format = "float32"
    channels_last: bool = False
    folded: bool = False
    compiled: bool = False
    reason: str = "the default; nothing was measured"
    seconds: Mapping[str, float] = field(default_factory=dict)
    deviation: float = 0.0

    def __post_init__(self) -> None:
        if self.dtype not in get_args(Format):
            raise InvalidArgument("dtype", self.dtype, fix=f"use one of {', '.join(get_args(Format))}")

    @property
    def name(self) -> str:
        """The candidate's name, as in `seconds`."""
        parts = {"channels last": self.channels_last, "folded": self.folded, "compiled": self.compiled}
        return ", ".join([self.dtype, *(part for part, done in parts.items() if done)])

    @property
    def plain(self) -> bool:
        """Whether the network runs as it is."""
        return self.name == "float32"

    @contextmanager
    def autocast(self, device: str = "cpu") -> Iterator[None]:
        """Run what stands under it in this number format.

        >>> with Precision("bfloat16").autocast():
        ...     nn.Conv1d(1, 1, 1)(torch.zeros(1, 1, 4)).dtype
        torch.bfloat16
        """
        with torch.autocast(device, dtype=torch.bfloat16, enabled=self.dtype == "bfloat16"):
            yield

    def arrange(self, value: Arranged) -> Arranged:
        """A tensor or a network in this layout: values stay. A network is arranged in place and given back.

        Only images (batch, channel, y, x) and volumes have a channels-last layout; all else stays as it is.
        """
        if isinstance(value, Tensor):
            if self.channels_last and value.ndim in _LAYOUTS:
                return value.contiguous(memory_format=_LAYOUTS[value.ndim])
            return value
        if self.channels_last:
            for weight in value.parameters():
                if weight.ndim in _LAYOUTS:
                    weight.data = weight.data.contiguous(memory_format=_LAYOUTS[weight.ndim])
        return value

    @contextmanager
    def arranged(self, network: nn.Module) -> Iterator[nn.Module]:
        """The network in this layout, and in the layout it had afterwards."""
        before = [(weight, weight.data) for weight in network.parameters()]
        try:
            yield self.arrange(network)
        finally:
            for weight, data in before:
                weight.data = data

    @contextmanager
    def inferring(self, network: nn.Module) -> Iterator[nn.Module]:
        """`arranged`, and the weights that autocast would cast at every call cast once. Not for training."""
        before = [(weight, weight.data) for weight in network.parameters()]
        try:
            for weight in self._cast(network):
                weight.data = weight.data.to(torch.bfloat16)
            yield self.arrange(network)
        finally:
            for weight, data in before:
                weight.data = data

    def cast_bytes(self, network: nn.Module) -> int:
        """What the cast weights take besides the network."""
        return sum(2 * weight.numel() for weight in self._cast(network))

    def _cast(self, network: nn.Module) -> list[nn.Parameter]:
        """Weights of layers under autocast, unless a module of another kind has them too."""
        if self.dtype != "bfloat16":
            return []
        found: dict[int, nn.Parameter] = {}
        others: set[int] = set()
        for module in network.modules():
            for weight in module.parameters(recurse=False):
                if type(module) in _CAST and weight.dtype is torch.float32:
                    found[id(weight)] = weight
                else:
                    others.add(id(weight))
        return [weight for key, weight in found.items() if key not in others]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON.

        >>> Precision.from_dict(Precision("bfloat16", channels_last=True).to_dict()).name
        'bfloat16, channels last'
        """
        return {**asdict(self), "seconds": dict(self.seconds)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Precision":
        return cls(**values)


def has_bfloat16_units(device: str = "cpu") -> bool:
    """Whether this machine multiplies bfloat16 in hardware: asked of the processor, never assumed."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device != "cpu":
        return False
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def candidates(dims: int, *, device: str = "cpu") -> tuple[Precision, ...]:
    """What is worth trying with this many spatial axes; plain float32 comes first.

    >>> [precision.name for precision in candidates(1, device="meta")]
    ['float32']
    """
    found = [Precision()]
    if dims > 1:
        found.append(Precision(channels_last=True))
    if has_bfloat16_units(device):
        found.append(Precision("bfloat16", channels_last=dims > 1))
    return tuple(found)
