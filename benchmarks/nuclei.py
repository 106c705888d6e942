"""Objects: the nuclei of the Data Science Bowl 2018, three folds of whole images, U-Net and a watershed; Mask R-CNN.

A fold may take twelve minutes. 128 micrographs of three kinds of imaging hold 5,134 nuclei. The settings that part them
are fitted on the validation side of each fold; every image is predicted by the network that did not see it, as the
mean over its mirrorings. The light Mask R-CNN learns the same folds, within the same twelve minutes each.
"""

import tempfile
import time
from functools import cache
from pathlib import Path

from benchmarks.harness import Measured, bar
from hypercolumn.evaluation import scores_by
from hypercolumn.study import Run, Study, init

DSB = Path(__file__).parents[1] / "../shared/data/dsb2018_nuclei"
SETTINGS = {
    "unet": ("training.minutes=10", "split.folds=3", "training.test_time_flips=true"),
    "mask_rcnn": ("training.network=mask_rcnn", "training.minutes=4.5", "split.folds=3"),
}


@cache
def trained(network: str) -> tuple[Run, float]:
    """The run of a network and its seconds; made once for all bars."""
    if not DSB.is_dir():
        raise FileNotFoundError("the images are not at hand: put them at ../shared/data/dsb2018_nuclei")
    home = Path(tempfile.mkdtemp())
    study = init(DSB, home / "study.yaml", patient="none")
    begun = time.perf_counter()
    run = Study.read(study, SETTINGS[network]).train(out=home / "runs")
    return run, time.perf_counter() - begun


def _measured(metric: str, network: str = "unet") -> Measured:
    run, seconds = trained(network)
    found = {score.metric: score for score in run.metrics}
    value = found[metric].value
    assert value is not None
    by_type = scores_by(run.predictions, "image_type", metric=metric, unit="images")
    return Measured(
        value,
        {
            "interval": str(found[metric]),
            **{name: str(score) for name, score in by_type.items()},
            **{name: round(score.value or 0, 4) for name, score in found.items() if score.label and name != metric},
            "baselines": {name: round(score.value or 0, 4) for name, score in run.baseline_leads().items()},
            "minutes a fold": _minutes(run),
            "study seconds": round(seconds),
        },
    )


def _minutes(run: Run) -> list[float]:
    return [round(entry["seconds"] / 60, 1) for entry in run.state()["folds"].values()]


@bar("nuclei (DSB2018): AP over IoU 0.50 to 0.95 out of fold, mean over images", unit="AP", at_least=0.57)
def mean_precision() -> Measured:
    return _measured("AP, mean over images")


@bar("nuclei (DSB2018): AP over IoU 0.50 to 0.95 out of fold, pooled counts", unit="AP", at_least=0.50)
def pooled_precision() -> Measured:
    return _measured("AP, all objects")


@bar("nuclei (DSB2018): F1 at IoU 0.5 out of fold, pooled counts", unit="F1", at_least=0.84)
def f1() -> Measured:
    return _measured("F1 at IoU 0.5")


@bar("nuclei (DSB2018): the slowest fold, training to predictions", unit="minutes", at_most=12.0)
def minutes() -> Measured:
    found = _minutes(trained("unet")[0])
    return Measured(max(found), {"minutes a fold": found})


@bar("nuclei (DSB2018), light Mask R-CNN: the slowest fold, training to predictions", unit="minutes", at_most=12.0)
def mask_rcnn_minutes() -> Measured:
    """Its figures stand in the details, beside those of U-Net above; no bar was set for them."""
    run, _ = trained("mask_rcnn")
    told = _measured("AP, mean over images", "mask_rcnn")
    return Measured(max(_minutes(run)), {"AP, mean over images": round(told.value, 4), **told.details})
