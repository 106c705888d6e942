"""Blood cells (BCCD): the light Mask R-CNN learns boxes of red cells, white cells and platelets in fourteen minutes.

80 smears of 640 x 480 pixels at half their size, three folds by smear (patients are not known), certified; a third of
the time each, of the hour that it may take. Every smear is answered by a network that has seen neither it nor a
near-copy of it. Beside it stands the best recipe without a network (`smears`), fitted on the same smears; its time does
not count.

The annotation is incomplete: cells in clumps and at the border often have no box. So a false alarm may be a cell, AP50
is a lower bound, and the error of the count is one against the annotator's count. The score from which a red cell
counts is fitted on smears that are known: those kept for validation, or all known ones for the recipe.

`python -m benchmarks blood_cells` writes results; `python -m benchmarks.blood_cells --seconds 180` looks at less, or at
more, and writes none.
"""

import argparse
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from benchmarks.harness import Measured, bar
from benchmarks.smears import CLASSES, RED, WHITE, Finder, Found, Smear, against, fit_recipe, smears
from hypercolumn.augment.brightness import Brightness
from hypercolumn.augment.contrast import Contrast
from hypercolumn.data import Cohort, Columns, Objects, certify, find_duplicates, k_folds
from hypercolumn.evaluation import average_precision_by_class
from hypercolumn.evaluation.intervals import interval
from hypercolumn.inference.precision import Precision, has_bfloat16_units
from hypercolumn.networks import MaskRCNN, MaskRCNNSettings
from hypercolumn.tasks import Anchors, Detection, DetectionSettings

HOUR = 3600.0
BUDGET = 840.0
"""Seconds that learning and answering take together."""
FOLDS = 3
DATA = Path(__file__).parents[1] / "../shared/data/bccd_bloodcells"
BATCH = 2
RATE = 1e-3
WARM_UP = 50
"""Steps until the rate is whole."""

LOSSES = ("objectness", "proposal_codes", "classes", "codes")
ANSWERING = 2.0
"""Times that an answer may take longer than the one before training: so much is kept of a fold's time."""

TASK = Detection(
    CLASSES, settings=replace(DetectionSettings.light(), anchors=Anchors((16.0, 32.0, 64.0, 128.0))), masks=False
)
Answers = dict[str, Found]
Figures = dict[str, list[float | None]]


@dataclass(frozen=True, eq=False)
class Study:
    """Answers of network and recipe to every smear, each from what had not seen it, and how they came about."""

    smears: Mapping[str, Smear]
    network: Answers
    recipe: Answers
    seconds: float
    learning: Sequence[Mapping[str, object]]
    notes: Mapping[str, object]


def study(folder: Path, *, seconds: float, seed: int = 0) -> Study:
    """Fit on each fold for a third of the time, and answer what was kept apart."""
    begun = time.perf_counter()
    every = smears(folder)
    cohort = Cohort.from_table(pd.DataFrame({"image": list(every)}), Columns(input="image"), folder=folder)
    labels = {name: [CLASSES[kind] for kind in np.unique(one.objects.classes)] for name, one in every.items()}
    clusters = find_duplicates(cohort, lambda record: every[record].image, workers=1).clusters()
    split = k_folds(
        cohort, generalises_to="specimen", folds=FOLDS, labels=labels, clusters=clusters, seed=seed, validation=0.15
    )
    certificate = certify(split, cohort, clusters=clusters, labels=labels)
    network: Answers = {}
    recipe: Answers = {}
    learning, recipe_seconds = [], 0.0
    for number, fold in enumerate(split.folds):
        training, validation, test = ({piece.record: every[piece.record] for piece in side} for _, side in fold.sides())
        start = time.perf_counter()
        until = begun + recipe_seconds + seconds * (number + 1) / FOLDS
        asked = len(validation) + len(test)
        find, told = learn(list(training.values()), seconds=until - start, answers=asked, seed=seed + number)
        network |= counted(find, validation, test)
        learning.append(told)
        start = time.perf_counter()
        known = {**training, **validation}
        recipe |= counted(fit_recipe(list(known.values())), known, test)
        recipe_seconds += time.perf_counter() - start
    spent = time.perf_counter() - begun - recipe_seconds
    notes = {"certificate": certificate.sha256[:12], "near-copies kept together": len(clusters)}
    return Study(every, network, recipe, spent, learning, {**notes, "recipe, seconds": round(recipe_seconds)})


# The network


def learn(known: Sequence[Smear], *, seconds: float, answers: int, seed: int) -> tuple[Finder, dict[str, object]]:
    """The light network, trained for so long less what so many answers will take."""
    start = time.perf_counter()
    precision = Precision("bfloat16" if has_bfloat16_units() else "float32", channels_last=True)
    pixels = np.stack([one.image for one in known])
    mean, deviation = (torch.from_numpy(f(axis=(0, 2, 3)))[:, None, None] for f in (pixels.mean, pixels.std))
    torch.manual_seed(seed)
    network = precision.arrange(MaskRCNN(2, 3, len(CLASSES), settings=MaskRCNNSettings.light())).eval()

    def standardized(smear: Smear) -> Tensor:
        return (torch.from_numpy(smear.image) - mean) / deviation

    def find(smear: Smear) -> Found:
        with precision.inferring(network), precision.autocast():
            [found] = TASK.decode(network, precision.arrange(standardized(smear)[None]))
        return Found(found.boxes, found.scores, found.classes)

    find(known[0])  # the first is slower than all others
    first = time.perf_counter()
    find(known[0])
    kept = ANSWERING * answers * (time.perf_counter() - first)
    examples = [(standardized(one), one.objects) for one in known]
    losses = train(network, examples, precision=precision, until=start + seconds - kept, seed=seed)
    tenths = [np.round(part.mean(axis=0), 3).tolist() for part in np.array_split(losses, 10) if len(part)]
    told = {
        "precision": precision.name,
        "steps": len(losses),
        "smears seen": len(losses) * BATCH,
        "seconds": round(time.perf_counter() - start, 1),
        f"losses by tenths ({', '.join(LOSSES)})": tenths,
    }
    return find, told


def train(
    network: MaskRCNN,
    examples: Sequence[tuple[Tensor, Objects]],
    *,
    precision: Precision,
    until: float,
    seed: int,
) -> np.ndarray:
    """Train until the clock shows `until`, and leave the network in evaluation; the losses (step, loss) of LOSSES.

    The rate follows the clock, not the steps, so that a busy machine ends in time too.
    """
    weights = [weight for name, weight in network.named_parameters() if not name.startswith("mask_head")]
    optimiser = torch.optim.AdamW(weights, lr=RATE, weight_decay=1e-2, fused=True)
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    losses: list[list[float]] = []
    order: list[int] = []
    start = time.perf_counter()
    network.train()
    while (now := time.perf_counter()) < until:
        for group in optimiser.param_groups:
            cosine = 0.5 * (1 + math.cos(math.pi * (now - start) / (until - start)))
            group["lr"] = RATE * min(1.0, (len(losses) + 1) / WARM_UP) * cosine
        if len(order) < BATCH:
            order = rng.permutation(len(examples)).tolist()
        across = rng.random() < 0.5
        turned = [turn(*examples[order.pop()], rng, across=across) for _ in range(BATCH)]
        batch = precision.arrange(torch.stack([image for image, _ in turned]))
        targets = [TASK.encode(objects) for _, objects in turned]
        with precision.autocast():
            loss = TASK.loss(network, batch, targets, generator=generator)
        optimiser.zero_grad()
        loss.total.mean().backward()
        torch.nn.utils.clip_grad_norm_(weights, 5.0)
        optimiser.step()
        losses.append([float(getattr(loss, name).detach().mean()) for name in LOSSES])
    network.eval()
    return np.array(losses).reshape(-1, len(LOSSES))


def turn(image: Tensor, objects: Objects, rng: np.random.Generator, *, across: bool) -> tuple[Tensor, Objects]:
    """Flips by chance, x and y exchanged where asked, brightness, contrast and colour; boxes go with the image."""
    boxes = objects.boxes.copy()
    for axis, place in ((2, 0), (1, 1)):
        if rng.random() < 0.5:
            image = image.flip(axis)
            boxes[:, [place, place + 2]] = image.shape[axis] - boxes[:, [place + 2, place]]
    if across:
        image, boxes = image.transpose(1, 2), boxes[:, [1, 0, 3, 2]]
    for change in (Brightness(0.2), Contrast(0.2)):
        image = change.apply_image(change.draw(rng, 2), image)
    colour = torch.from_numpy(rng.normal(1.0, 0.1, (3, 1, 1)).astype(np.float32))
    return image * colour, replace(objects, shape=tuple(image.shape[1:]), boxes=boxes)


# The figures


def counted(find: Finder, known: Mapping[str, Smear], asked: Mapping[str, Smear]) -> Answers:
    """Answers to what is asked; red cells count from the score at which the known smears are counted best."""
    seen = [(find(one), (one.objects.classes == RED).sum()) for one in known.values()]
    steps = np.unique(np.concatenate([found.scores[found.classes == RED] for found, _ in seen]))
    levels = np.append(steps[:: max(1, len(steps) // 200)], np.inf)
    errors = [sum(abs(_reds(found, level) - true) for found, true in seen) for level in levels]
    level = float(levels[int(np.argmin(errors))])
    answers = {name: find(one) for name, one in asked.items()}
    return {name: replace(found, count=_reds(found, level)) for name, found in answers.items()}


def _reds(found: Found, level: float) -> int:
    return int(((found.classes == RED) & (found.scores >= level)).sum())


def figures(every: Mapping[str, Smear], answers: Answers) -> Figures:
    """AP50 by class with its interval over smears, and the error of the red-cell count with that of the bootstrap."""
    compared = [against(one, answers[name]) for name, one in every.items()]
    told: Figures = {}
    for kind, name in enumerate(CLASSES):

        def of_kind(weights: np.ndarray, kind: int = kind) -> np.ndarray:
            return average_precision_by_class(compared, classes=3, thresholds=(0.5,), weights=weights)[:, kind, 0]

        ap = interval(of_kind, len(compared))
        told[f"{name}, AP50"] = _rounded(ap.value, ap.low, ap.high)
    off = np.array([answers[name].count - (one.objects.classes == RED).sum() for name, one in every.items()])
    drawn = off[np.random.default_rng(0).integers(len(off), size=(2000, len(off)))]
    for name, size in (("error", np.abs), ("bias", np.asarray)):
        ends = np.quantile(size(drawn).mean(axis=1), (0.025, 0.975))
        told[f"red cells a smear, {name} of the count"] = _rounded(size(off).mean(), *ends)
    return told


def _rounded(*values: float | None) -> list[float | None]:
    """A figure with the ends of its 95 % interval."""
    return [None if value is None else round(float(value), 3) for value in values]


@cache
def measured(folder: Path = DATA, seconds: float = BUDGET) -> tuple[Study, Figures, Figures]:
    """The study, and the figures of network and recipe; made once for all bars."""
    one = study(folder, seconds=seconds)
    return one, figures(one.smears, one.network), figures(one.smears, one.recipe)


def details(one: Study, network: Figures, recipe: Figures) -> dict[str, object]:
    true = np.bincount(np.concatenate([smear.objects.classes for smear in one.smears.values()]), minlength=3)
    return {
        "smears": len(one.smears),
        "annotated": dict(zip(CLASSES, true.tolist(), strict=True)),
        "network": network,
        "recipe without a network": recipe,
        "seconds": round(one.seconds),
        "threads": torch.get_num_threads(),
        **one.notes,
        "folds": one.learning,
        "annotation": "incomplete: AP50 is a lower bound, and counts are held against the annotator's",
    }


@bar("white cells of 80 smears, out of fold, light Mask R-CNN", unit="AP50", at_least=0.75)
def white_cells() -> Measured:
    found = measured()
    value = found[1][f"{CLASSES[WHITE]}, AP50"][0]
    assert value is not None
    return Measured(value, details(*found))


@bar("from files to the answers of all three folds", unit="seconds", at_most=HOUR)
def within_the_hour() -> Measured:
    return Measured(measured()[0].seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.blood_cells", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=BUDGET)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--data", type=Path, default=DATA)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    print(json.dumps(details(*measured(chosen.data, chosen.seconds)), indent=1))
