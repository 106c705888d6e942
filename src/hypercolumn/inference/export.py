"""A network as an ONNX file, which other runtimes and other languages read, checked before it is handed over.

    | runtime(x) - network(x) | <= tolerance * max(1, max |network(x)|)

for seeded random inputs of one and of two examples, at the size it was recorded at and, where it takes other sizes, at
another one. A file that does not hold to it is not left behind. Axes along which the network is made for one length
keep it; all others, and the number of examples, stay open. The file holds operators, weights and what `notes` say,
and nothing of the machine it was made on: no paths, no traces of code.

What is before the network (reading, normalization) and after it (tiles, objects) is not in the file.
"""

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hypercolumn.convolution.receptive_field import receptive_field
from hypercolumn.convolution.sizes import output_shape, shape_taken, takes
from hypercolumn.convolution.tracing import channels_of, parameter_of, probing
from hypercolumn.errors import InvalidArgument, MissingExtra, NetworkError, OutputNotWritable

TOLERANCE = 1e-4
"""Two runtimes add in different orders: a deep network in float32 differs by some 1e-6 of its largest output."""


@dataclass(frozen=True)
class Exported:
    """A file that was written and checked.

    shape: (batch, channel, *space) as the file has it, None where any length is taken. difference: the largest between
    ONNX Runtime and the network, over `inputs` of these shapes.
    """

    path: Path
    shape: tuple[int | None, ...]
    difference: float
    inputs: tuple[tuple[int, ...], ...]


def export_onnx(
    network: nn.Module,
    path: Path | str,
    *,
    shape: Sequence[int] | None = None,
    answer: Callable[[Tensor], Tensor] | None = None,
    notes: Mapping[str, str] | None = None,
    tolerance: float = TOLERANCE,
) -> Exported:
    """Write a network as ONNX and run the file: it must give what the network gives.

    network: gives one tensor for (batch, channel, *space). shape: a spatial size that it takes; found where none is
    given. answer: put behind the network, such as a task's `probabilities`. notes: text kept in the file's metadata.
    tolerance: how far an output may be off, as a share of the largest output.

    Raises NetworkError where the network does not take the shape or cannot be written as ONNX, and where the file gives
    something else; MissingExtra without the export extra; OutputNotWritable.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = export_onnx(nn.Conv1d(4, 2, 3), Path(folder) / "network.onnx")
    ...     made.path.name, made.shape, made.difference < 1e-6
    ('network.onnx', (None, 4, None), True)
    """
    path = Path(path)
    if path.suffix != ".onnx":
        raise InvalidArgument("path", path.name, fix="end its name with .onnx")
    if not tolerance > 0:
        raise InvalidArgument("tolerance", tolerance, fix="give a share of the largest output, such as 1e-4")
    _check_installed()
    taken = shape_taken(network) if shape is None else tuple(int(length) for length in shape)
    output_shape(network, taken)
    whole = _Answering(network, answer)
    with probing(network):
        longer = _longer(network, taken)
        open_axes = [axis for axis, (length, more) in enumerate(zip(taken, longer, strict=True)) if more > length]
        program = _recorded(whole, _example(network, (2, channels_of(network), *taken)), open_axes=open_axes)
        _stripped(program, notes or {})
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            program.save(str(partial), external_data=False)
            exported = _checked(whole, partial, sizes=(taken, longer), tolerance=tolerance)
            partial.replace(path)
        except OSError as error:
            raise OutputNotWritable(
                "the network cannot be written", where=path.name, why=error.strerror or ""
            ) from None
        finally:
            with suppress(OSError):
                partial.unlink()
    return Exported(path, *exported)


class _Answering(nn.Module):
    def __init__(self, network: nn.Module, answer: Callable[[Tensor], Tensor] | None) -> None:
        super().__init__()
        self.network, self.answer = network, answer

    def forward(self, image: Tensor) -> Tensor:
        made: Tensor = self.network(image)
        return made if self.answer is None else self.answer(made)


def _check_installed() -> None:
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError:
        raise MissingExtra("writing ONNX", "export") from None


def _recorded(network: nn.Module, example: Tensor, *, open_axes: Sequence[int]) -> Any:
    """The ONNX program, which takes any number of examples, and any length along the open axes."""
    dimension = torch.export.Dim
    axes = {0: dimension.DYNAMIC, **{axis + 2: dimension.AUTO for axis in open_axes}}
    try:
        with _silent():
            return torch.onnx.export(
                network,
                (example,),
                input_names=["image"],
                output_names=["answer"],
                dynamic_shapes={"image": axes},
                dynamo=True,
                verbose=False,
            )
    except Exception as error:
        lines = [line.strip() for line in str(error.__cause__ or error).splitlines() if line.strip()]
        raise NetworkError(
            "the network cannot be written as ONNX",
            where=type(network.network).__name__ if isinstance(network, _Answering) else "",
            why=lines[0] if lines else type(error).__name__,
            fix="leave out what ONNX has no operator for, or give a shape that the network takes",
        ) from error


@contextmanager
def _silent() -> Iterator[None]:
    """The exporter speaks of its own future, and of packages that are not there; neither concerns the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _stripped(program: Any, notes: Mapping[str, str]) -> None:
    """Nothing stays of where and with what code the file was made."""
    model = program.model
    graphs = [model.graph, *(function.graph for function in model.functions.values())]
    for graph in graphs:
        graph.metadata_props.clear()
        for node in graph.all_nodes():
            node.metadata_props.clear()
            node.doc_string = None
            for value in node.outputs:
                value.metadata_props.clear()
        for value in (*graph.inputs, *graph.initializers.values()):
            value.metadata_props.clear()
    model.metadata_props.clear()
    model.metadata_props.update({str(name): str(text) for name, text in notes.items()})


def _longer(network: nn.Module, taken: tuple[int, ...]) -> tuple[int, ...]:
    """A size of the same phase that is longer along each axis on which the network takes one."""
    try:
        steps = receptive_field(network, shape=taken).alignment
    except NetworkError:
        return taken
    found = list(taken)
    for axis, step in enumerate(steps):
        tried = (*found[:axis], taken[axis] + 2 * step, *found[axis + 1 :])
        if takes(network, tried):
            found = list(tried)
    return tuple(found)


def _checked(
    network: nn.Module, path: Path, *, sizes: Sequence[tuple[int, ...]], tolerance: float
) -> tuple[tuple[int | None, ...], float, tuple[tuple[int, ...], ...]]:
    """The shape that the file takes, how far it is off, and the inputs that it was run on."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        given = session.get_inputs()[0].shape
        shape = tuple(length if isinstance(length, int) else None for length in given)
        worst, inputs = 0.0, []
        generator = torch.Generator().manual_seed(0)
        for space in dict.fromkeys(sizes):
            for examples in (1, 2):
                example = _example(network, (examples, int(given[1]), *space), generator)
                expected = network(example).cpu().double().numpy()
                found = session.run(None, {"image": example.cpu().numpy()})[0].astype(np.float64)
                off = float(np.abs(found - expected).max()) if found.shape == expected.shape else np.inf
                if not off <= tolerance * max(1.0, float(np.abs(expected).max())):
                    raise NetworkError(
                        f"ONNX Runtime gives something else than the network: {off:.3g} apart",
                        where=f"an input of {tuple(example.shape)}",
                        fix="raise tolerance only if such a difference is nothing to you; no file was left",
                    )
                worst = max(worst, off)
                inputs.append(tuple(example.shape))
    except (RuntimeError, ValueError) as error:
        raise NetworkError("ONNX Runtime does not run the file", why=str(error).splitlines()[0]) from error
    return shape, worst, tuple(inputs)


def _example(network: nn.Module, shape: tuple[int, ...], generator: torch.Generator | None = None) -> Tensor:
    weights = parameter_of(network)
    made = torch.randn(shape, generator=generator or torch.Generator().manual_seed(0))
    return made.to(weights.device, weights.dtype)


__all__ = ["Exported", "export_onnx"]
