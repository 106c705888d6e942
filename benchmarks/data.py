"""Bars of the data room: how even folds are, against chance and scikit-learn, and how soon whole sites are dealt."""

import statistics
import warnings

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from benchmarks.harness import Measured, bar
from hypercolumn.data.assembly import whole_units
from hypercolumn.data.balance import Traits, imbalance, traits_of
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.site_preserving import assign_sites
from hypercolumn.data.split import Split
from hypercolumn.data.splitting import k_folds

FOLDS = 5


@bar("folds by patient against folds by chance", unit="imbalance / median imbalance by chance", at_most=0.1)
def even_against_chance() -> Measured:
    """Chi-square over labels, scanner, site and size; chance deals whole patients too."""
    shares, ours, chance = [], [], []
    for seed in range(5):
        cohort, labels = simulated(seed)
        traits = _traits(cohort, labels)
        mine = _of_split(traits, k_folds(cohort, generalises_to="patient", folds=FOLDS, labels=labels, seed=seed))
        rng = np.random.default_rng(seed)
        dealt = [imbalance(traits, rng.permutation(np.arange(len(traits.counts)) % FOLDS), FOLDS) for _ in range(100)]
        ours.append(mine)
        chance.append(statistics.median(dealt))
        shares.append(ours[-1] / chance[-1])
    details = {"ours": _rounded(ours), "by chance, median of 100": _rounded(chance), "patients": 120, "folds": FOLDS}
    return Measured(statistics.median(shares), details)


@bar("folds by patient against StratifiedGroupKFold", unit="imbalance / imbalance of scikit-learn", at_most=0.5)
def even_against_scikit_learn() -> Measured:
    """Chi-square over labels and size alone, for scikit-learn knows no scanner: each label set is one class to it."""
    shares, ours, theirs = [], [], []
    for seed in range(5):
        cohort, labels = simulated(seed)
        plain = Cohort(cohort.table, Columns(input="image", lineage={"patient": "patient"}), cohort.folder)
        traits = _traits(plain, labels)
        ours.append(_of_split(traits, k_folds(cohort, generalises_to="patient", folds=FOLDS, labels=labels, seed=seed)))
        groups = cohort.level("patient").to_numpy()
        classes = pd.factorize(pd.Series([";".join(labels[record]) for record in cohort.records]))[0]
        place = {name: number for number, name in enumerate(dict.fromkeys(groups))}
        bins = np.zeros(len(place), dtype=int)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # label sets with fewer records than folds
            folds = list(StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(classes, classes, groups))
        for number, (_, test) in enumerate(folds):
            bins[[place[name] for name in groups[test]]] = number
        theirs.append(imbalance(traits, bins, FOLDS))
        shares.append(ours[-1] / theirs[-1])
    return Measured(
        statistics.median(shares), {"ours": _rounded(ours), "scikit-learn": _rounded(theirs), "folds": FOLDS}
    )


@bar("site-preserving folds, symmetry broken", unit="times faster than the plain program", at_least=1.5)
def symmetry() -> Measured:
    """200 patients, 12 sites, 5 folds, 3 labels; five draws, both programs to the proved optimum."""
    ratios, broken, plain = [], [], []
    for seed in range(5):
        counts = sites(12, 200, 3, seed)
        first = assign_sites(counts, folds=FOLDS, time_limit=60)
        second = assign_sites(counts, folds=FOLDS, time_limit=60, break_symmetry=False)
        if not first.proved or (second.proved and abs(first.imbalance - second.imbalance) > 1e-9):
            raise AssertionError(f"draw {seed}: {first} / {second}")
        broken.append(first.seconds)
        plain.append(second.seconds)
        ratios.append(second.seconds / first.seconds)
    seconds = {"seconds, symmetry broken": _rounded(broken), "seconds, plain": _rounded(plain)}
    return Measured(statistics.median(ratios), {**seconds, "ratios": _rounded(ratios)})


@bar("site-preserving folds within ten seconds", unit="largest relative gap to the optimum", at_most=0.0)
def proved() -> Measured:
    """Five draws of 12 sites to the proved optimum; 30 sites beside them, which may be cut off."""
    small = [assign_sites(sites(12, 200, 3, seed), folds=FOLDS) for seed in range(5)]
    large = [assign_sites(sites(30, 200, 3, seed), folds=FOLDS) for seed in range(3)]
    details = {
        "seconds, 12 sites": _rounded([found.seconds for found in small]),
        "seconds, 30 sites": _rounded([found.seconds for found in large]),
        "gap, 30 sites": [found.gap for found in large],
    }
    return Measured(max(1.0 if found.gap is None else found.gap for found in small), details)


@bar("site-preserving folds against whole sites by chance", unit="imbalance / median by chance", at_most=0.6)
def whole_sites_against_chance() -> Measured:
    """Sum over classes and folds of the distance to the share; 12 sites of very unequal size."""
    shares = []
    for seed in range(5):
        counts = sites(12, 200, 3, seed)
        rng = np.random.default_rng(seed)
        dealt = [_distance(counts, rng.permutation(np.arange(12) % FOLDS)) for _ in range(200)]
        shares.append(assign_sites(counts, folds=FOLDS).imbalance / statistics.median(dealt))
    return Measured(statistics.median(shares), {"draws": _rounded(shares)})


def simulated(seed: int, patients: int = 120) -> tuple[Cohort, dict[str, tuple[str, ...]]]:
    """Patients with one to eight images, from six sites of unequal size and mix, three scanners, three labels."""
    rng = np.random.default_rng(seed)
    images = rng.geometric(0.4, patients).clip(1, 8)
    who = np.repeat(np.arange(patients), images)
    site = rng.choice(6, patients, p=rng.dirichlet(np.full(6, 2.0)))
    scanner = (site + (rng.random(patients) < 0.3)) % 3
    ill = rng.random((patients, 3)) < rng.beta(2, 5, (6, 3))[site]
    table = pd.DataFrame({"image": [f"{number}.png" for number in range(len(who))], "patient": who})
    table["site"], table["scanner"] = site[who], scanner[who]
    columns = Columns(input="image", lineage={"site": "site", "patient": "patient"}, batch=("scanner",))
    cohort = Cohort.from_table(table, columns, folder=".")
    return cohort, {
        record: tuple(f"label {kind}" for kind in range(3) if ill[number, kind])
        for record, number in zip(cohort.records, who, strict=True)
    }


def sites(number: int, patients: int, labels: int, seed: int) -> np.ndarray:
    """Patients of each site, in all and with each label, (site, 1 + label); sizes Dirichlet, prevalences beta."""
    rng = np.random.default_rng(seed)
    site = rng.choice(number, patients, p=rng.dirichlet(np.ones(number)))
    site[:number] = np.arange(number)
    ill = rng.random((patients, labels)) < rng.beta(2, 4, (number, labels))[site]
    counts = np.zeros((number, 1 + labels), dtype=np.int64)
    np.add.at(counts, site, np.column_stack([np.ones(patients, dtype=np.int64), ill]))
    return counts


def _traits(cohort: Cohort, labels: dict[str, tuple[str, ...]]) -> Traits:
    return traits_of(cohort, whole_units(cohort, generalises_to="patient", clusters=())[0], labels)


def _of_split(traits: Traits, split: Split) -> float:
    unit = {piece.name: number for number, pieces in enumerate(split.units.values()) for piece in pieces}
    bins = np.zeros(len(split.units), dtype=int)
    for number, fold in enumerate(split.folds):
        bins[[unit[piece.name] for piece in fold.test]] = number
    return imbalance(traits, bins, FOLDS)


def _distance(counts: np.ndarray, folds: np.ndarray) -> float:
    total = counts.sum(axis=0)
    weights = np.array([0.5, *np.ones(counts.shape[1] - 1)]) / total
    held = np.stack([counts[folds == fold].sum(axis=0) for fold in range(FOLDS)])
    return float((weights * np.abs(held - total / FOLDS)).sum())


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 4) for value in values]
