"""How often a 95 % interval holds the truth, on simulated cohorts whose truth is known.

Windows of one patient are alike: each patient brings an effect of its own to all its windows (half of their variance),
and a number of windows drawn from a geometric law, mean 10, so that a few patients bring most. The truth is the figure
of 100,000 such patients. Beside our interval stand, in the details, the percentile bootstrap over patients and the
interval that takes windows for independent. Not measured: the expected calibration error, whose bias no interval mends.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import roc_auc_score

from benchmarks.harness import Measured, bar, ratio
from hypercolumn.evaluation import agreement
from hypercolumn.evaluation.intervals import CORRELATION, DISTANCE, PROPORTION, Scale, Statistic, interval
from hypercolumn.evaluation.predictions import Predictions, classification_row
from hypercolumn.evaluation.ranking import auprc, auroc
from hypercolumn.evaluation.regression_figures import MEAN_ABSOLUTE_ERROR
from hypercolumn.evaluation.scores import figures, headline_score

RUNS = 4_000
OTHER_RUNS = 2_000
BOOTSTRAP_RUNS = 1_000
BOOTSTRAP_DRAWS = 200
MANY = 100_000
UNIT = "share of intervals that hold the truth"


@dataclass(frozen=True)
class Drawn:
    """One simulated cohort: its figure as a function of weights over patients, and the naive interval over windows."""

    statistic: Statistic
    naive: tuple[float, float] = (-np.inf, np.inf)
    scale: Scale = PROPORTION


@dataclass(frozen=True)
class Law:
    """How alike the windows of a patient are (their share of the variance), and how many each patient brings."""

    alike: float = 0.5
    windows: str = "geometric"

    def counts(self, chance: np.random.Generator, patients: int) -> np.ndarray:
        """Ten for each; from a geometric law of mean 10; or from a Pareto law whose largest bring hundreds."""
        if self.windows == "even":
            return np.full(patients, 10)
        if self.windows == "heavy":
            return np.minimum(np.ceil(4 * (1 + chance.pareto(1.5, patients))), 500).astype(int)
        return chance.geometric(0.1, patients)


Draw = Callable[[np.random.Generator, int], Drawn]


def coverage(draw: Draw, patients: int, *, seed: int, runs: int = RUNS, bootstraps: int = BOOTSTRAP_RUNS) -> Measured:
    """The share of `runs` cohorts whose interval holds the figure of very many patients."""
    truth = float(draw(np.random.default_rng([seed, 1]), MANY).statistic(np.ones((1, MANY)))[0])
    chance = np.random.default_rng([seed, 2])
    held, naive, bootstrap, width, undefined = 0, 0, 0, [], 0
    for run in range(runs):
        cohort = draw(chance, patients)
        found = interval(cohort.statistic, patients, scale=cohort.scale)
        naive += cohort.naive[0] <= truth <= cohort.naive[1]
        if run < bootstraps:
            weights = chance.multinomial(patients, np.full(patients, 1 / patients), size=BOOTSTRAP_DRAWS)
            low, high = np.nanpercentile(cohort.statistic(weights.astype(float)), (2.5, 97.5))
            bootstrap += low <= truth <= high
        if found.low is None or found.high is None:
            undefined += 1
            continue
        held += found.low <= truth <= found.high
        width.append(found.high - found.low)
    return Measured(
        held / (runs - undefined),
        details={
            "percentile bootstrap over patients": bootstrap / min(runs, bootstraps) if bootstraps else "not drawn",
            "windows taken for independent": naive / runs,
            "truth": round(truth, 4),
            "median width": round(float(np.median(width)), 4),
            "runs": runs,
            "without an interval": undefined,
        },
    )


def auroc_of_windows(chance: np.random.Generator, patients: int, law: "Law | None" = None) -> Drawn:
    """Each window has a label of its own, more or less often in each patient."""
    patient, effect, noise = _windows(chance, patients, law)
    truth = chance.random(len(patient)) < chance.random(patients)[patient]
    return _auroc(patient, truth, 1.6 * truth + effect + noise)


def auroc_of_patients(chance: np.random.Generator, patients: int, law: "Law | None" = None) -> Drawn:
    """All windows of a patient share its label, which four patients in ten have."""
    patient, effect, noise = _windows(chance, patients, law)
    truth = (np.arange(patients) < round(0.4 * patients))[patient]
    return _auroc(patient, truth, 1.6 * truth + effect + noise)


def mean_dice(chance: np.random.Generator, patients: int, law: "Law | None" = None) -> Drawn:
    """Each patient's pooled Dice, then the mean over patients."""
    patient, twice, both = _segmented(chance, patients, spread=0.5, law=law)
    own = np.bincount(patient, twice, minlength=patients) / np.bincount(patient, both, minlength=patients)
    windows = twice / both
    reach = 1.96 * windows.std() / np.sqrt(len(windows))
    return Drawn(lambda weights: weights @ own / weights.sum(axis=1), (windows.mean() - reach, windows.mean() + reach))


def pooled_dice(chance: np.random.Generator, patients: int, law: "Law | None" = None, *, spread: float = 1.0) -> Drawn:
    """A ratio of sums over patients whose lesions differ in size (log-normal, deviation 1), so that a few decide."""
    patient, twice, both = _segmented(chance, patients, spread=spread, law=law)
    above, below = (np.bincount(patient, part, minlength=patients) for part in (twice, both))
    value = twice.sum() / both.sum()
    reach = 1.96 * np.sqrt(np.square(twice - value * both).sum()) / both.sum()
    return Drawn(lambda weights: (weights @ above) / (weights @ below), (value - reach, value + reach))


def of_number(metric: str) -> Draw:
    """A figure of a number answered for windows, as a study computes it; some patients are harder than others."""

    def draw(chance: np.random.Generator, patients: int) -> Drawn:
        patient, effect, noise = _windows(chance, patients)
        harder = np.exp(0.3 * chance.normal(size=patients))[patient]
        truth = 40 + 4 * (chance.normal(size=patients)[patient] + chance.normal(size=len(patient)))
        error = 4 * harder * (effect + noise)
        names = pd.Index(np.arange(len(patient)).astype(str), name="piece")
        numbers = {"record": names, "fold": "1", "unit": patient, "truth": truth, "answer": truth + error}
        predictions = Predictions(pd.DataFrame(numbers, index=names), "number", ())
        figure = next(found for found in figures(predictions) if found.metric == metric)
        apart = np.abs(error)
        reach = 1.96 * apart.std() / np.sqrt(len(apart)) if metric == MEAN_ABSOLUTE_ERROR else np.inf
        return Drawn(figure.statistic, (apart.mean() - reach, apart.mean() + reach), figure.scale)

    return draw


def lowest(patients: int, *, seed: int, draws: Mapping[str, Draw] | None = None) -> Measured:
    """The lowest coverage among the other figures, with each beside it and its percentile bootstrap."""
    drawn = OTHERS if draws is None else draws
    found = {name: coverage(draw, patients, seed=seed, runs=OTHER_RUNS) for name, draw in drawn.items()}
    named = "percentile bootstrap over patients"
    shown = {name: f"{one.value:.3f}, percentile bootstrap {one.details[named]:.3f}" for name, one in found.items()}
    return Measured(min(one.value for one in found.values()), details={**shown, "runs": OTHER_RUNS})


def graded(formula: Callable[[np.ndarray], np.ndarray], scale: Scale) -> Draw:
    """A figure of the confusion of four grades, each patient with a mixture of its own."""

    def draw(chance: np.random.Generator, patients: int) -> Drawn:
        patient, effect, noise = _windows(chance, patients)
        mixture = chance.dirichlet(np.ones(4), patients).cumsum(axis=1)[patient]
        truth = np.minimum((chance.random(len(patient))[:, None] > mixture).sum(axis=1), 3)
        answered = np.clip(np.round(truth + 0.8 * (effect + noise)), 0, 3).astype(int)
        confusion = np.zeros((patients, 16))
        np.add.at(confusion, (patient, truth * 4 + answered), 1)
        return Drawn(lambda weights: formula((weights @ confusion).reshape(-1, 4, 4)), scale=scale)

    return draw


def area_under_precision_recall(chance: np.random.Generator, patients: int) -> Drawn:
    patient, effect, noise = _windows(chance, patients)
    truth = chance.random(len(patient)) < chance.random(patients)[patient]
    score = 1.6 * truth + effect + noise
    return Drawn(lambda weights: auprc(truth, score, weights=weights[:, patient]))


def brier_score(chance: np.random.Generator, patients: int) -> Drawn:
    patient, effect, noise = _windows(chance, patients)
    truth = chance.random(len(patient)) < chance.random(patients)[patient]
    squared = np.square(stats.logistic.cdf(2 * truth - 1 + effect + noise) - truth)
    return _pooled(patient, squared, patients)


def sensitivity(chance: np.random.Generator, patients: int) -> Drawn:
    patient, effect, noise = _windows(chance, patients)
    return _pooled(patient, (1 + effect + noise > 0).astype(float), patients)


def surface_distance(chance: np.random.Generator, patients: int) -> Drawn:
    """The mean over patients of a patient's mean distance, log-normal."""
    patient, effect, noise = _windows(chance, patients)
    summed = np.bincount(patient, np.exp(0.8 * (effect + noise)), minlength=patients)
    own = summed / np.bincount(patient, minlength=patients)
    return Drawn(lambda weights: weights @ own / weights.sum(axis=1), scale=DISTANCE)


OTHERS: dict[str, Draw] = {
    "AUPRC": area_under_precision_recall,
    "balanced accuracy": graded(agreement.balanced_accuracy, PROPORTION),
    "F1, mean over classes": graded(lambda matrix: agreement.mean_of_defined(agreement.f1(matrix)), PROPORTION),
    "quadratic weighted kappa": graded(agreement.quadratic_weighted_kappa, CORRELATION),
    "Brier score": brier_score,
    "sensitivity": sensitivity,
    "surface distance": surface_distance,
}


NUMBERS: dict[str, Draw] = {
    metric: of_number(metric)
    for metric in (
        "root mean square error",
        "R^2",
        "Pearson correlation",
        "Spearman correlation",
        "bias",
        "limit of agreement, upper",
    )
}


@bar("coverage of AUROC, windows with labels of their own, 20 patients", unit=UNIT, at_least=0.93, at_most=0.97, seed=1)
def auroc_windows_20() -> Measured:
    return coverage(auroc_of_windows, 20, seed=1)


@bar("coverage of AUROC, windows with labels of their own, 40 patients", unit=UNIT, at_least=0.94, at_most=0.96, seed=2)
def auroc_windows_40() -> Measured:
    return coverage(auroc_of_windows, 40, seed=2)


@bar("coverage of AUROC, windows with labels of their own, 80 patients", unit=UNIT, at_least=0.94, at_most=0.96, seed=3)
def auroc_windows_80() -> Measured:
    return coverage(auroc_of_windows, 80, seed=3)


@bar("coverage of AUROC, patients with one label, 20 patients", unit=UNIT, at_least=0.93, at_most=0.97, seed=4)
def auroc_patients_20() -> Measured:
    return coverage(auroc_of_patients, 20, seed=4)


@bar("coverage of AUROC, patients with one label, 40 patients", unit=UNIT, at_least=0.94, at_most=0.96, seed=5)
def auroc_patients_40() -> Measured:
    return coverage(auroc_of_patients, 40, seed=5)


@bar("coverage of AUROC, patients with one label, 80 patients", unit=UNIT, at_least=0.94, at_most=0.96, seed=6)
def auroc_patients_80() -> Measured:
    return coverage(auroc_of_patients, 80, seed=6)


@bar("coverage of mean Dice, 20 patients", unit=UNIT, at_least=0.93, at_most=0.97, seed=7)
def mean_dice_20() -> Measured:
    return coverage(mean_dice, 20, seed=7)


@bar("coverage of mean Dice, 40 patients", unit=UNIT, at_least=0.94, at_most=0.96, seed=8)
def mean_dice_40() -> Measured:
    return coverage(mean_dice, 40, seed=8)


@bar("coverage of mean Dice, 80 patients", unit=UNIT, at_least=0.94, at_most=0.96, seed=9)
def mean_dice_80() -> Measured:
    return coverage(mean_dice, 80, seed=9)


@bar("coverage of pooled Dice, 20 patients", unit=UNIT, at_least=0.92, at_most=0.97, seed=10)
def pooled_dice_20() -> Measured:
    return coverage(pooled_dice, 20, seed=10)


@bar("coverage of pooled Dice, 40 patients", unit=UNIT, at_least=0.93, at_most=0.96, seed=11)
def pooled_dice_40() -> Measured:
    return coverage(pooled_dice, 40, seed=11)


@bar("coverage of pooled Dice, 80 patients", unit=UNIT, at_least=0.94, at_most=0.96, seed=12)
def pooled_dice_80() -> Measured:
    return coverage(pooled_dice, 80, seed=12)


@bar("lowest coverage of seven other figures, 20 patients", unit=UNIT, at_least=0.92, at_most=0.97, seed=13)
def others_20() -> Measured:
    return lowest(20, seed=13)


@bar("lowest coverage of seven other figures, 40 patients", unit=UNIT, at_least=0.93, at_most=0.96, seed=14)
def others_40() -> Measured:
    return lowest(40, seed=14)


@bar("coverage of mean absolute error, 20 patients", unit=UNIT, at_least=0.93, at_most=0.97, seed=15)
def mean_absolute_error_20() -> Measured:
    return coverage(of_number(MEAN_ABSOLUTE_ERROR), 20, seed=15, runs=OTHER_RUNS)


@bar("coverage of mean absolute error, 40 patients", unit=UNIT, at_least=0.94, at_most=0.96, seed=16)
def mean_absolute_error_40() -> Measured:
    return coverage(of_number(MEAN_ABSOLUTE_ERROR), 40, seed=16, runs=OTHER_RUNS)


@bar("coverage of mean absolute error, 80 patients", unit=UNIT, at_least=0.94, at_most=0.96, seed=17)
def mean_absolute_error_80() -> Measured:
    return coverage(of_number(MEAN_ABSOLUTE_ERROR), 80, seed=17, runs=OTHER_RUNS)


@bar("lowest coverage of six other figures of a number, 20 patients", unit=UNIT, at_least=0.92, at_most=0.97, seed=18)
def numbers_20() -> Measured:
    return lowest(20, seed=18, draws=NUMBERS)


@bar("lowest coverage of six other figures of a number, 40 patients", unit=UNIT, at_least=0.93, at_most=0.96, seed=19)
def numbers_40() -> Measured:
    return lowest(40, seed=19, draws=NUMBERS)


@bar(
    "AUROC with its interval, 5,000 records of 200 patients", unit="times faster than 200 bootstrap draws", at_least=10
)
def faster_than_bootstrap() -> Measured:
    chance = np.random.default_rng(0)
    patient, effect, noise = _windows(chance, 500)
    patient, truth = patient[:5_000] % 200, chance.random(5_000) < 0.4
    score = stats.norm.cdf(1.6 * truth + (effect + noise)[:5_000])
    rows = {
        str(index): {"record": str(index), "fold": "1", "unit": str(patient[index])}
        | classification_row(truth[index], [1 - score[index], score[index]])
        for index in range(5_000)
    }
    predictions = Predictions.from_rows(rows, target_kind="class", classes=("no", "yes"))
    members = [np.flatnonzero(patient == one) for one in range(200)]

    def bootstrap() -> list[float]:
        drawn = (np.concatenate([members[one] for one in chance.integers(0, 200, 200)]) for _ in range(200))
        return [roc_auc_score(truth[chosen], score[chosen]) for chosen in drawn]

    timed = ratio(bootstrap, lambda: headline_score(predictions), repeats=5)
    return Measured(timed.value, details=timed.details("bootstrap", "interval"))


def _windows(
    chance: np.random.Generator, patients: int, law: Law | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The patient of each window, the patient's effect on it, and its own noise; together of unit variance."""
    law = law or Law()
    patient = np.repeat(np.arange(patients), law.counts(chance, patients))
    shared, own = np.sqrt(law.alike), np.sqrt(1 - law.alike)
    return patient, shared * chance.normal(size=patients)[patient], own * chance.normal(size=len(patient))


def _auroc(patient: np.ndarray, truth: np.ndarray, score: np.ndarray) -> Drawn:
    """The area as a function of patients' weights, with the interval of Hanley and McNeil 1982 over windows."""
    value = float(auroc(truth, score))
    with_it, without = truth.sum(), (~truth).sum()
    first, second = value / (2 - value) - value**2, 2 * value**2 / (1 + value) - value**2
    variance = (value * (1 - value) + (with_it - 1) * first + (without - 1) * second) / (with_it * without)
    reach = 1.96 * np.sqrt(variance)
    return Drawn(lambda weights: auroc(truth, score, weights=weights[:, patient]), (value - reach, value + reach))


def _pooled(patient: np.ndarray, values: np.ndarray, patients: int) -> Drawn:
    """The mean over windows, as a ratio of sums over patients."""
    above, below = np.bincount(patient, values, minlength=patients), np.bincount(patient, minlength=patients)
    return Drawn(lambda weights: (weights @ above) / (weights @ below))


def _segmented(
    chance: np.random.Generator, patients: int, *, spread: float, law: Law | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The patient of each window with the two sums of its Dice: 2 TP, and 2 TP + FP + FN."""
    patient, effect, noise = _windows(chance, patients, law)
    size = np.exp(spread * chance.normal(size=patients)[patient] + 0.5 * chance.normal(size=len(patient)))
    quality = 1 / (1 + np.exp(-(2.2 + 1.1 * effect + 0.7 * noise)))
    return patient, 2 * size * quality, 2 * size
