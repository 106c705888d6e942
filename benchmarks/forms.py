"""Objects with waists, which touch: is a Mask R-CNN the better way, as the plan says, than U-Net and a watershed?

Forty fields of 128 x 128 with ten bent rods each, many of which touch or lie end to end; two folds of whole fields,
the same minutes for both networks, settings of objects fitted on the validation side. A watershed of the distance cuts
a bent rod where it is narrow. Beside both stands the best method without a network.
"""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from scipy import ndimage

from benchmarks.harness import Measured, bar
from hypercolumn.study import Run, Study, init
from hypercolumn.study.plan import CONVEX, FEW_TOUCH

FIELDS, RODS, SIZE, MINUTES, SEED = 40, 10, 128, 6, 0


@cache
def trained(network: str) -> Run:
    """The run of one network, or of what the plan chooses by itself."""
    home = Path(tempfile.mkdtemp())
    _write(home / "data")
    study = init(home / "data", home / "study.yaml", patient="none")
    settings = [f"training.network={network}", f"training.minutes={MINUTES}", "split.folds=2"]
    return Study.read(study, settings).train(out=home / "runs")


@bar("bent rods that touch: AP of Mask R-CNN over that of U-Net and a watershed", unit="ratio", at_least=1.0)
def rods() -> Measured:
    found = {name: trained(name) for name in ("mask_rcnn", "unet")}
    scores = {name: {one.metric: one.value for one in run.metrics} for name, run in found.items()}
    lead = "AP, mean over images"
    details: dict[str, object] = {
        name: {metric: round(float(value or 0), 4) for metric, value in each.items()} for name, each in scores.items()
    }
    details["best without a network"] = max(score.value or 0 for score in found["unet"].baseline_leads().values())
    details["minutes a fold"] = {
        name: [round(entry["seconds"] / 60, 1) for entry in run.state()["folds"].values()]
        for name, run in found.items()
    }
    details["the plan's rule"] = f"solidity below {CONVEX:g}, and {FEW_TOUCH:.0%} of the objects touch"
    return Measured(float(scores["mask_rcnn"][lead] or 0) / max(float(scores["unet"][lead] or 0), 1e-9), details)


def _write(folder: Path) -> None:
    chance = np.random.default_rng(SEED)
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    rows = []
    for number in range(FIELDS):
        labels = _field(chance)
        bright = ndimage.gaussian_filter((labels > 0) * chance.uniform(60, 110), 1.0)
        seen = 60 + bright + 8 * ndimage.gaussian_filter(chance.normal(size=labels.shape), 12) * 12
        seen = np.clip(seen + chance.normal(scale=14, size=labels.shape), 0, 255)
        name = f"field_{number:02d}.tif"
        tifffile.imwrite(folder / "images" / name, seen.astype(np.uint8))
        tifffile.imwrite(folder / "masks" / name, labels)
        rows.append((f"images/{name}", f"masks/{name}"))
    pd.DataFrame(rows, columns=["image", "mask"]).to_csv(folder / "manifest.csv", index=False)


def _field(chance: np.random.Generator) -> np.ndarray:
    """Object numbers: arcs of a few pixels' width that never overlap, each placed to touch another if it can."""
    labels = np.zeros((SIZE, SIZE), dtype=np.uint16)
    y, x = np.mgrid[:SIZE, :SIZE]
    number = 0
    for _ in range(400):
        if number == RODS:
            break
        radius, width = chance.uniform(9, 15), chance.uniform(2.2, 3.2)
        row, column, start = *chance.uniform(12, SIZE - 12, 2), chance.uniform(-np.pi, np.pi)
        away, angle = np.hypot(y - row, x - column), np.arctan2(y - row, x - column)
        within = np.mod(angle - start, 2 * np.pi) < chance.uniform(2.4, 4.2)
        inside = (np.abs(away - radius) < width) & within
        if (labels[inside] > 0).mean() > 0.08:
            continue
        beside = (labels[ndimage.binary_dilation(inside)] > 0).any()
        if number and not beside and chance.random() < 0.7:
            continue
        inside &= labels == 0
        parts, count = ndimage.label(inside)
        if count != 1 or inside.sum() < 80:
            continue
        number += 1
        labels[parts == 1] = number
    return labels
