"""The loop: it learns, it stops, and it goes on to the same bit."""

import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.training import discs

from hypercolumn.errors import Interrupted, RunError
from hypercolumn.networks import MaskRCNN, MaskRCNNSettings
from hypercolumn.tasks import Anchors, Detection, DetectionSettings
from hypercolumn.training import Moment, Schedule, load_checkpoint, seed_torch
from hypercolumn.training.chance import Stream

SHORT = Schedule(steps=12, batch=4, learning_rate=1e-2, warmup=2, evaluate_every=3, checkpoint_every=2, seed=0)


def weights_equal(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_the_loss_falls(tmp_path: Path) -> None:
    fitted = discs.train(tmp_path, Schedule(steps=60, batch=5, learning_rate=1e-2, warmup=5, evaluate_every=20))
    losses = fitted.progress.losses
    assert sum(losses[-10:]) < 0.6 * sum(losses[:10])


def test_the_best_weights_on_the_validation_side_are_returned(tmp_path: Path) -> None:
    fitted = discs.train(tmp_path, SHORT)
    measured = {step: loss for step, _, loss in fitted.progress.curve}
    assert fitted.progress.best_step == min(measured, key=measured.__getitem__)
    assert list(measured) == [3, 6, 9, 12]


def test_the_same_settings_give_the_same_weights(tmp_path: Path) -> None:
    assert weights_equal(discs.train(tmp_path / "a", SHORT).weights, discs.train(tmp_path / "b", SHORT).weights)


def test_loader_workers_change_nothing(tmp_path: Path) -> None:
    alone = discs.train(tmp_path / "a", SHORT)
    assert weights_equal(alone.weights, discs.train(tmp_path / "b", SHORT, workers=2).weights)


def test_patience_stops_a_run_that_no_longer_improves(tmp_path: Path) -> None:
    still = Schedule(steps=40, batch=4, learning_rate=1e-12, warmup=1, evaluate_every=2, patience=3)
    fitted = discs.train(tmp_path, still)
    assert fitted.progress.stopped_at is not None
    assert fitted.progress.stopped_at < 40


def test_without_a_validation_side_the_last_weights_are_kept(tmp_path: Path) -> None:
    fitted = discs.train(tmp_path, SHORT, validation=None)
    assert fitted.progress.curve == []
    last = load_checkpoint(tmp_path)
    assert last is not None
    assert weights_equal(fitted.weights, dict(last.network))


def test_a_loss_that_is_no_number_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"(?s)diverged.*learning_rate"):
        discs.train(tmp_path, Schedule(steps=30, batch=4, learning_rate=1e30, warmup=1, clip=1e30))


@pytest.mark.parametrize("stop_at", [1, 5, 11])
def test_interrupted_and_resumed_is_left_alone_to_the_bit(tmp_path: Path, stop_at: int) -> None:
    def interrupt(moment: Moment) -> None:
        if moment.step == stop_at:
            signal.raise_signal(signal.SIGINT)

    whole = discs.train(tmp_path / "whole", SHORT)
    with pytest.raises(Interrupted, match=f"stopped at step {stop_at} of 12"):
        discs.train(tmp_path / "cut", SHORT, watch=interrupt)
    resumed = discs.train(tmp_path / "cut", SHORT)
    assert weights_equal(whole.weights, resumed.weights)
    assert whole.progress == resumed.progress


def detecting() -> dict[str, object]:
    """A Mask R-CNN as small as can be, and its task: what it looks at is drawn at random."""
    seed_torch(0, Stream.WEIGHTS)
    tiny = MaskRCNNSettings(18, 4, "group", channels=8, levels=4, hidden=16, mask_channels=8, mask_layers=1)
    settings = replace(
        DetectionSettings.light(), anchors=Anchors((8.0, 16.0, 32.0, 64.0)), regions_drawn=16, anchors_drawn=32
    )
    return {"network": MaskRCNN(2, 1, 1, settings=tiny), "task": Detection(("disc",), settings=settings)}


def test_a_network_with_stages_is_trained_by_the_same_loop_and_resumed_to_the_bit(tmp_path: Path) -> None:
    def interrupt(moment: Moment) -> None:
        if moment.step == 5:
            signal.raise_signal(signal.SIGINT)

    whole = discs.train(tmp_path / "whole", SHORT, **detecting())
    with pytest.raises(Interrupted, match="stopped at step 5 of 12"):
        discs.train(tmp_path / "cut", SHORT, watch=interrupt, **detecting())
    resumed = discs.train(tmp_path / "cut", SHORT, **detecting())
    assert weights_equal(whole.weights, resumed.weights)
    assert whole.progress == resumed.progress
    longer = discs.train(tmp_path / "longer", replace(SHORT, steps=60), **detecting())
    assert np.mean(longer.progress.losses[-10:]) < 0.8 * np.mean(longer.progress.losses[:5])


SCRIPT = """
import sys
from pathlib import Path
from hypercolumn.inference import Precision
from hypercolumn.training import Schedule, run_on, save_weights
from tests.training import discs

folder, dtype = Path(sys.argv[1]), sys.argv[2]
schedule = Schedule(steps=40, batch=4, learning_rate=1e-2, warmup=2, evaluate_every=5, checkpoint_every=4, seed=0)
precision = Precision(dtype, channels_last=dtype == "bfloat16")
watch = lambda moment: print(moment.step, flush=True)
settings = {"precision": precision, "watch": watch, "network": discs.network(normalization="batch")}
fitted = run_on(discs.train_on, folder, schedule, settings, precision=precision)
save_weights(fitted.weights, {}, folder / "final.safetensors")
"""


def start(folder: Path, dtype: str) -> subprocess.Popen:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(folder), dtype]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_killed_at_three_moments_and_resumed_is_left_alone_to_the_bit(tmp_path: Path, dtype: str) -> None:
    whole = start(tmp_path / "whole", dtype)
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    assert whole.communicate(timeout=300)[0].split()[-1] == "40"
    for moment in (3, 17, 34):
        process = start(tmp_path / "killed", dtype)
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= moment:
                break
        time.sleep(0.002 * moment)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (tmp_path / "killed" / "final.safetensors").exists()
    last = start(tmp_path / "killed", dtype)
    first_step = int(last.communicate(timeout=300)[0].split()[0])
    assert first_step > 17, "the last start went on from a checkpoint"
    expected, found = ((tmp_path / name / "final.safetensors").read_bytes() for name in ("whole", "killed"))
    assert expected == found
