"""What is installed, what a run holds, what a network is made of, in lines of text."""

from collections.abc import Iterator
from pathlib import Path

from hypercolumn.errors import InvalidArgument
from hypercolumn.study.run import Run, machine, versions


def describe(target: str | None, *, dims: int, channels: int, size: int | None) -> Iterator[str]:
    """Lines about the installation, a run folder, or a network by its name."""
    if target is None:
        yield from (f"{name} {number}" for name, number in versions().items())
        yield from (f"{name}: {value}" for name, value in machine().items())
        yield from _device()
    elif Path(target).is_dir():
        yield from _run(Run.open(Path(target)))
    else:
        yield from _network(target, dims, channels, size)


def _device() -> Iterator[str]:
    import torch

    from hypercolumn.inference.precision import has_bfloat16_units

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    yield f"accelerator: {device}"
    yield f"bfloat16 units: {'yes' if has_bfloat16_units() else 'no'}"


def _run(run: Run) -> Iterator[str]:
    state = run.state()
    for name in ("name", "status", "created", "generalises_to", "seed", "manifest_sha256"):
        if name in state:
            yield f"{name}: {state[name]}"
    for name, fold in state["folds"].items():
        yield f"{name}: weights {fold['sha256'][:12]}, {fold['seconds']:.0f} s"
    if state["status"] == "finished":
        yield from (f"{score.title(run.noun())}: {score}" for score in run.metrics)


def _network(name: str, dims: int, channels: int, size: int | None) -> Iterator[str]:
    from hypercolumn import networks
    from hypercolumn.convolution import receptive_field

    if name not in networks.NETWORKS:
        raise InvalidArgument("network", name, fix=f"use {', '.join(networks.NETWORKS)}, or a run folder")
    if dims not in (1, 2, 3):
        raise InvalidArgument("dims", dims, fix="use 1, 2 or 3")
    network = networks.NETWORKS[name](dims=dims, in_channels=channels, classes=2)
    shape = ((size or {1: 572, 2: 572, 3: 188}[dims] if name == "unet" else size or 224),) * dims
    rows = networks.describe(network, (channels, *shape))
    width = max(len(row.name) for row in rows)
    yield f"{name}: input {channels} x {' x '.join(map(str, shape))}"
    for row in rows:
        out = " x ".join(map(str, row.shape))
        costs = f"{row.weights:>12,} weights {row.multiply_adds:>18,} multiply-adds"
        yield f"  {row.name:<{width}}  {row.kind:<18} {out:<22} {costs}"
    yield f"{sum(row.weights for row in rows):,} weights, {sum(row.multiply_adds for row in rows):,} multiply-adds"
    yield f"receptive field: {receptive_field(network, shape)}"
