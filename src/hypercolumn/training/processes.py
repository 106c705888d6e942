"""One process or many, on one machine or many: Lightning Fabric starts them, or finds them started.

    one process                       called directly
    several on this machine           spawned here, talking by gloo or nccl
    torchrun, SLURM                   each process finds itself started and takes its place

Whatever runs in several processes is a plain function of picklable arguments whose first is the Fabric.
"""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import MPIEnvironment, SLURMEnvironment, TorchElasticEnvironment

from hypercolumn.inference import Precision

T = TypeVar("T")


def started_from_outside() -> bool:
    """Whether torchrun, SLURM or MPI started this process as one of several."""
    if TorchElasticEnvironment.detect():
        return TorchElasticEnvironment().world_size() > 1
    if SLURMEnvironment.detect():
        return SLURMEnvironment().world_size() > 1
    return bool(MPIEnvironment.detect() and MPIEnvironment().world_size() > 1)


def is_first() -> bool:
    """Whether this process writes and speaks: all others only compute."""
    if TorchElasticEnvironment.detect():
        return TorchElasticEnvironment().global_rank() == 0
    if SLURMEnvironment.detect():
        return SLURMEnvironment().global_rank() == 0
    return not started_from_outside() or MPIEnvironment().global_rank() == 0


def agree(make: Callable[[], T], *, devices: int = 1, nodes: int = 1) -> T:
    """What the first process made, on every process that was started from outside; it is made once."""
    if not started_from_outside():
        return make()
    fabric = Fabric(accelerator="auto", devices=devices, num_nodes=nodes, strategy="ddp")
    fabric.launch()
    made: Any = make() if fabric.is_global_zero else None
    return fabric.broadcast(made)


def run_on(function: Callable[..., T], *arguments: Any, precision: Precision, devices: int = 1, nodes: int = 1) -> T:
    """Call `function(fabric, *arguments)` on every device; plain data that the first process got come back."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it speaks on stderr, where progress is shown
    word: Any = "bf16-mixed" if precision.dtype == "bfloat16" else "32-true"
    if started_from_outside():
        fabric = Fabric(accelerator="auto", devices=devices, num_nodes=nodes, strategy="ddp", precision=word)
        fabric.launch()
        return function(fabric, *arguments)
    if devices * nodes == 1:
        return function(Fabric(accelerator="auto", devices=1, precision=word), *arguments)
    fabric = Fabric(accelerator="auto", devices=devices, strategy="ddp_spawn", precision=word)
    return fabric.launch(_Call(function, arguments)).value


class _Call:
    """A call as one object: Fabric looks into collections that it sends to other processes, and refuses frozen ones."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.function, self.arguments = function, arguments

    def __call__(self, fabric: Fabric) -> "_Result":
        return _Result(self.function(fabric, *self.arguments))


class _Result:
    def __init__(self, value: Any) -> None:
        self.value = value
