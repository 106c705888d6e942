"""Annotation noise, planted and looked for: how often it is found, how often it is seen where there is none.

A cohort is 200 patients with five records each, of two, three or five classes, and a model that would be right in 0.9,
0.95 or 0.99 of all cases if labels were (`data.planted.noise`): what is planted is a share of labels flipped, and its
clean twin is the same cohort with none. Beside our figures on separable classes stand those of cleanlab, on the same
arrays, each in a process of its own.
"""

import itertools
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.harness import Measured, bar
from benchmarks.peers import ask, peer
from hypercolumn.audit import Severity, label_noise
from hypercolumn.data.planted import PlantedNoise, plant_noise
from hypercolumn.evaluation.confident_learning import confident_learning
from hypercolumn.evaluation.predictions import Predictions
from hypercolumn.evaluation.wrong_labels import wrong_labels

SEED = 0
COHORTS = 300
SIZES = (0.01, 0.02, 0.05, 0.08, 0.1, 0.15, 0.2)
MODELS = tuple(itertools.product((2, 3, 5), (0.9, 0.95, 0.99)))
SEPARABLE = 0.9999
ASYMMETRIC = np.array([[0.9, 0.0, 0.05], [0.1, 0.95, 0.05], [0.0, 0.05, 0.9]])
FILTER = "prune_by_noise_rate"


@bar("cohorts with a tenth of the labels flipped that are found", unit="share", at_least=0.95, seed=SEED)
def found() -> Measured:
    power = {f"{size:g} flipped": found_at(size) for size in SIZES if size != 0.1}
    others = {
        "0.1 flipped, 100 patients": found_at(0.1, units=100),
        "0.1 flipped, 50 patients": found_at(0.1, units=50),
        "0.1 flipped by patient (correlation 0.2)": found_at(0.1, clustering=0.2),
        "0.1 flipped, model twice too sure": found_at(0.1, confidence=2.0),
        "0.1 flipped, model of accuracy 0.85": found_at(0.1, models=((2, 0.85), (3, 0.85))),
    }
    return Measured(found_at(0.1), details={"cohorts": COHORTS, **power, **others})


@bar("clean cohorts that are taken for noisy", unit="share", at_most=0.05, seed=SEED)
def false_alarms() -> Measured:
    weak = {
        f"model of accuracy {accuracy:g}": found_at(0.0, models=((2, accuracy), (3, accuracy)))
        for accuracy in (0.85, 0.8, 0.75, 0.7)
    }
    cohorts = list(planted(0.0, models=((2, 0.9), (3, 0.9))))
    shares = [confident_learning(one.given, one.probabilities).share for one in cohorts]
    ours = [wrong_labels(one.given, one.probabilities, one.units).share.value or 0 for one in cohorts]
    weak |= {"mean estimate at accuracy 0.9": float(np.mean(ours)), "the same by the joint": float(np.mean(shares))}
    return Measured(
        found_at(0.0), details={"cohorts": COHORTS, "model twice too sure": found_at(0.0, confidence=2), **weak}
    )


@bar("intervals of the share of wrong labels that hold the planted one", unit="share", at_least=0.93, seed=SEED)
def held() -> Measured:
    sizes = {f"{size:g} flipped": coverage(size) for size in (0.02, 0.05, 0.2)}
    others = {
        "0.1 flipped, 50 patients": coverage(0.1, units=50),
        "0.1 flipped by patient (correlation 0.2)": coverage(0.1, clustering=0.2),
    }
    cohorts = list(planted(0.1))
    shares = [confident_learning(one.given, one.probabilities).share for one in cohorts]
    ours = [wrong_labels(one.given, one.probabilities, one.units).share.value or 0 for one in cohorts]
    means = {"mean estimate": float(np.mean(ours)), "mean by the confident joint": float(np.mean(shares))}
    return Measured(coverage(0.1), details={"cohorts": COHORTS, **sizes, **others, **means})


@bar("joint of given and true label, a tenth flipped, separable classes", unit="largest error", at_most=0.01, seed=SEED)
def joint() -> Measured:
    errors = [
        float(np.abs(confident_learning(one.given, one.probabilities).joint - one.joint).max()) for one in separable()
    ]
    return Measured(max(errors), details={"cohorts": len(errors), "mean": float(np.mean(errors))})


@bar("wrong labels found, a tenth flipped, separable classes", unit="F1", at_least=0.9, seed=SEED)
def detection() -> Measured:
    scores = [f1(one, confident_learning(one.given, one.probabilities).suspects) for one in separable()]
    return Measured(min(scores), details={"cohorts": len(scores), "mean": float(np.mean(scores))})


@bar("F1 of the wrong labels found beside cleanlab's, same arrays", unit="ours - cleanlab's", at_least=0.0, seed=SEED)
def against_cleanlab() -> Measured:
    return _beside("f1")


@bar("error of the joint beside cleanlab's, same arrays", unit="ours - cleanlab's, records", at_most=0.5, seed=SEED)
def joint_against_cleanlab() -> Measured:
    """cleanlab rounds its joint to whole records; ours is not rounded, so that half a record is no difference."""
    return _beside("joint", times=5000)


@bar("time beside cleanlab's, 50,000 records of ten classes", unit="times as fast", at_least=1.0, seed=SEED)
def time_against_cleanlab() -> Measured:
    large = plant_noise(SEED, rate=0.1, classes=10, units=10_000, accuracy=SEPARABLE)
    ours, theirs = answers([large])
    return Measured(
        theirs["seconds"][0] / ours["seconds"][0],
        details={"ours, ms": 1e3 * ours["seconds"][0], "cleanlab, ms": 1e3 * theirs["seconds"][0], **_version(theirs)},
    )


def planted(rate: float, models: tuple[tuple[int, float], ...] = MODELS, **settings: float) -> Iterator[PlantedNoise]:
    given = {"units": 200, **settings}
    for number, (classes, accuracy) in zip(range(COHORTS), itertools.cycle(models)):
        yield plant_noise(SEED + number, rate=rate, classes=classes, accuracy=accuracy, **given)


def found_at(rate: float, models: tuple[tuple[int, float], ...] = MODELS, **settings: float) -> float:
    """The share of cohorts in which the audit warns."""
    return float(np.mean([warned(one) for one in planted(rate, models, **settings)]))


def warned(one: PlantedNoise) -> bool:
    count = one.probabilities.shape[1]
    names = pd.Index([str(number) for number in range(len(one.given))], dtype="object")
    table = pd.DataFrame({"record": names, "fold": "1", "unit": one.units, "truth": one.given}, index=names)
    table[[f"p_{index}" for index in range(count)]] = one.probabilities
    [finding] = label_noise(Predictions(table, "class", tuple("abcdefghij"[:count])))
    return finding.severity is Severity.WARNING


def coverage(rate: float, **settings: float) -> float:
    shares = [wrong_labels(one.given, one.probabilities, one.units).share for one in planted(rate, **settings)]
    return float(np.mean([share.low is not None and share.low <= rate <= (share.high or 0) for share in shares]))


def separable() -> list[PlantedNoise]:
    """Twelve cohorts of 5,000 records: flipped evenly among two to ten classes, and by a lopsided matrix."""
    even = [
        plant_noise(seed, rate=0.1, classes=c, units=1000, accuracy=SEPARABLE) for c in (2, 3, 10) for seed in (0, 1, 2)
    ]
    return even + [plant_noise(seed, matrix=ASYMMETRIC, units=1000, accuracy=SEPARABLE) for seed in (0, 1, 2)]


def f1(one: PlantedNoise, suspects: np.ndarray) -> float:
    return float(2 * one.wrong[suspects].sum() / max(1, len(suspects) + one.wrong.sum()))


def _beside(figure: str, *, times: float = 1) -> Measured:
    """The worst difference over separable cohorts; over cohorts whose classes overlap in the details."""
    cohorts = separable()
    overlapping = [
        plant_noise(seed, rate=0.1, classes=c, units=1000, accuracy=a)
        for c in (2, 5)
        for a in (0.95, 0.9)
        for seed in (0, 1)
    ]
    ours, theirs = answers(cohorts + overlapping)
    differences = [times * (a - b) for a, b in zip(ours[figure], theirs[figure], strict=True)]
    worst = min if figure == "f1" else max
    details: dict[str, object] = {}
    for name, part in (("separable", slice(len(cohorts))), ("overlapping", slice(len(cohorts), None))):
        details[f"ours, {name}"] = float(np.mean(ours[figure][part]))
        details[f"cleanlab, {name}"] = float(np.mean(theirs[figure][part]))
        details[f"worst difference, {name}"] = worst(differences[part])
    return Measured(worst(differences[: len(cohorts)]), details=details | _version(theirs))


def answers(cohorts: list[PlantedNoise]) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """F1, largest error of the joint and seconds of each cohort, ours and cleanlab's."""
    python = peer("cleanlab", "cleanlab>=2.7,<3", torch=False)
    with tempfile.TemporaryDirectory() as folder:
        for number, one in enumerate(cohorts):
            arrays = {"given": one.given, "probabilities": one.probabilities, "wrong": one.wrong, "joint": one.joint}
            np.savez(Path(folder) / f"{number:03d}.npz", **arrays)
        return ask(Path(sys.executable), OURS + JUDGE, (folder,)), ask(python, CLEANLAB + JUDGE, (folder,))


def _version(answer: dict[str, list[float]]) -> dict[str, object]:
    return {"cleanlab": answer["version"], "cleanlab's filter": FILTER}


OURS = """
from hypercolumn.evaluation.confident_learning import confident_learning
version = ""
def learn(given, probabilities):
    found = confident_learning(given, probabilities)
    return found.joint, found.suspects
"""

CLEANLAB = f"""
import cleanlab
from cleanlab.count import estimate_joint
from cleanlab.filter import find_label_issues
version = cleanlab.__version__
def learn(given, probabilities):
    found = find_label_issues(given, probabilities, filter_by="{FILTER}", return_indices_ranked_by="self_confidence",
                              n_jobs=1)
    return estimate_joint(given, probabilities), found
"""

JUDGE = """
import json, sys, time
from pathlib import Path
import numpy as np
said = {"f1": [], "joint": [], "seconds": [], "version": version}
for path in sorted(Path(sys.argv[1]).glob("*.npz")):
    with np.load(path) as stored:
        given, probabilities, wrong, truth = (stored[name] for name in ("given", "probabilities", "wrong", "joint"))
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        joint, suspects = learn(given, probabilities)
        seconds.append(time.perf_counter() - start)
    said["f1"].append(float(2 * wrong[suspects].sum() / max(1, len(suspects) + wrong.sum())))
    said["joint"].append(float(np.abs(joint - truth).max()))
    said["seconds"].append(sorted(seconds)[1])
print(json.dumps(said))
"""
