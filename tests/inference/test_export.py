"""A network as ONNX: the file gives what the network gives, at other sizes too, and tells nothing of the machine."""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from hypercolumn.errors import InvalidArgument, MissingExtra, NetworkError, OutputNotWritable
from hypercolumn.inference import export_onnx
from hypercolumn.networks import ResNet, UNet


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (UNet(2, 1, 2, width=2, depth=1, padding="same", normalization="batch", up="linear"), (32, 32)),
        (ResNet(1, 4, 3, depth=18, width=2), (256,)),
        (nn.Sequential(nn.Conv3d(1, 2, 3), nn.Hardswish(), nn.Conv3d(2, 1, 1)), (12, 12, 12)),
    ],
)
def test_the_runtime_gives_what_the_network_gives_at_a_size_that_was_not_recorded(
    network: nn.Module, shape: tuple[int, ...], tmp_path: Path
) -> None:
    made = export_onnx(network, tmp_path / "network.onnx", shape=shape)
    dims = len(made.shape) - 2
    assert made.shape[0] is None
    assert made.shape[2:] == (None,) * dims
    example = torch.randn(3, int(made.shape[1] or 0), *(96, 128, 32)[:dims], generator=torch.Generator().manual_seed(1))
    session = onnxruntime.InferenceSession(str(made.path), providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = network.eval()(example).numpy()
    np.testing.assert_allclose(session.run(None, {"image": example.numpy()})[0], expected, atol=2e-5, rtol=1e-4)


def test_an_axis_made_for_one_length_keeps_it(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 6 * 8, 3))
    made = export_onnx(network, tmp_path / "network.onnx", shape=(8, 10))
    assert made.shape == (None, 1, 8, 10)
    assert {shape[0] for shape in made.inputs} == {1, 2}


def test_the_file_is_valid_and_holds_the_notes_and_the_answer_but_no_trace_of_where_it_was_made(tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    notes = {"classes": "a, b"}
    export_onnx(nn.Conv1d(4, 2, 3), path, shape=(9,), notes=notes, answer=lambda logits: logits.softmax(1))
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert {entry.key: entry.value for entry in model.metadata_props} == notes
    [made] = onnxruntime.InferenceSession(str(path)).run(None, {"image": np.ones((1, 4, 9), np.float32)})
    np.testing.assert_allclose(made.sum(1), 1, atol=1e-6)
    content = path.read_bytes()
    assert not any(trace in content for trace in (b".py", b"site-packages", str(tmp_path).encode(), b"pkg.torch"))


class _Drifting(nn.Module):
    """Gives something else each time it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.calls = nn.Conv1d(1, 1, 1), 0

    def forward(self, image: Tensor) -> Tensor:
        self.calls += 1
        return self.convolution(image) + self.calls


def test_a_file_that_gives_something_else_is_not_left_behind(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="something else than the network"):
        export_onnx(_Drifting(), tmp_path / "network.onnx", shape=(16,))
    assert not list(tmp_path.iterdir())


class _Choosing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(1, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.convolution(image) if float(image.sum()) > 0 else image


def test_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Conv1d(1, 1, 3)
    with pytest.raises(InvalidArgument, match="path"):
        export_onnx(network, tmp_path / "network.pth")
    with pytest.raises(InvalidArgument, match="tolerance"):
        export_onnx(network, tmp_path / "network.onnx", tolerance=0.0)
    with pytest.raises(NetworkError, match="does not take an input"):
        export_onnx(network, tmp_path / "network.onnx", shape=(2,))
    with pytest.raises(NetworkError, match="does not take an input"):
        export_onnx(_Choosing(), tmp_path / "network.onnx", shape=(8,))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputNotWritable):
        export_onnx(network, tmp_path / "file" / "network.onnx", shape=(8,))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match="export"):
        export_onnx(network, tmp_path / "network.onnx", shape=(8,))
