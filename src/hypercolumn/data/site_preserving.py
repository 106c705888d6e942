"""Folds of whole sites with the same mix of classes in each, by integer programming.

Where every site has its own mix of patients and its own look, a network can learn the look and score by it; folds that
keep a site whole take that from it (Howard et al. 2021, doi 10.1038/s41467-021-24698-1, there with a quadratic
objective):

    minimise    sum_f sum_c  w_c  | sum_s n_sc x_sf  -  N_c / F |  /  N_c
    subject to  sum_f x_sf = 1                      every site s is in one fold f
                sum_s x_sf >= 1                     no fold is empty
                sum_s [n_sc > 0] x_sf <= sites with c, less one          every class c can be learnt in every fold

x is 0 or 1, n_sc counts the units below the site (patients, else specimens, else records) with class c, N_c all of
them; their total number is balanced too, with half the weight of a class. The absolute values are linear with a bound
for each, and folds are told apart by nothing, so the j-th largest site is only allowed into folds 0 to j. SciPy's HiGHS
proves the optimum for some tens of sites in about a second; a note says when its time was up before. Sites tied by a
shared patient or near-duplicate count as one.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from hypercolumn.data.assembly import assemble, require_two_units_a_class, require_units, whole_units
from hypercolumn.data.balance import traits_of
from hypercolumn.data.cohort import Cohort
from hypercolumn.data.split import Split
from hypercolumn.data.units import units_of
from hypercolumn.errors import InvalidArgument, SplitError


@dataclass(frozen=True)
class Assignment:
    """The fold of each site; `imbalance` is the objective, `gap` how far below it the optimum might still lie.

    `gap` is relative, 0 where the optimum was proved and None where the solver had no lower bound above zero.

    >>> print(Assignment(folds=(0, 1), imbalance=0.5, gap=0.034, seconds=10.0))
    site-preserving folds: stopped at the time limit with a gap of 3.4 %
    """

    folds: tuple[int, ...]
    imbalance: float
    gap: float | None
    seconds: float

    @property
    def proved(self) -> bool:
        return self.gap is not None and self.gap <= 1e-6

    def __str__(self) -> str:
        if self.proved:
            return "site-preserving folds: proved optimal"
        if self.gap is None:
            return "site-preserving folds: stopped at the time limit with no bound on how much better they could be"
        return f"site-preserving folds: stopped at the time limit with a gap of {100 * self.gap:.1f} %"


def site_preserving(
    cohort: Cohort,
    *,
    folds: int = 5,
    labels: Mapping[str, Sequence[str]],
    clusters: Sequence[Sequence[str]] = (),
    time_limit: float = 10.0,
    seed: int = 0,
    validation: float = 0.2,
) -> Split:
    """Every site is tested once and never divided; `labels` gives the classes present in each record.

    The seed orders the folds and chooses validation sites; the sites of a fold are the solver's. Where `time_limit`
    (seconds) cuts it off, another machine may find other folds: the note says so, and the split itself is the record.

    Raises SplitError for fewer sites than folds, and for a class that one site alone has.

    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": list("abcdefgh"), "where": list("NNSSWWEE"), "class": list("++--+-+-")})
    >>> cohort = Cohort.from_table(table, Columns(input="image", lineage={"site": "where"}), folder=".")
    >>> labels = {record: (cohort.table.at[record, "class"],) for record in cohort.records}
    >>> split = site_preserving(cohort, folds=2, labels=labels)
    >>> sorted(sorted(piece.record for piece in fold.test) for fold in split.folds)
    [['a', 'b', 'c', 'd'], ['e', 'f', 'g', 'h']]
    >>> split.notes[0]
    'site-preserving folds: proved optimal'
    """
    if folds < 2:
        raise InvalidArgument("folds", folds, fix="use 2 or more")
    if time_limit <= 0:
        raise InvalidArgument("time_limit", time_limit, fix="give seconds, more than 0")
    units, noun = whole_units(cohort, generalises_to="site", clusters=clusters)
    require_units(cohort, units, folds, generalises_to="site")
    traits = traits_of(cohort, units, labels)
    require_two_units_a_class(units, traits, noun=noun)
    held = counts_by_site(cohort, units, labels=labels, classes=traits.classes, clusters=clusters)
    assignment = assign_sites(held, folds=folds, time_limit=time_limit)
    rng = np.random.default_rng(seed)
    return assemble(
        "site-preserving folds",
        cohort,
        units,
        rng.permutation(folds)[list(assignment.folds)],
        traits=traits,
        generalises_to="site",
        seed=seed,
        validation=validation,
        rng=rng,
        names=[f"fold-{number + 1}" for number in range(folds)],
        notes=(str(assignment),),
    )


def counts_by_site(
    cohort: Cohort,
    sites: Mapping[str, Sequence[str]],
    *,
    labels: Mapping[str, Sequence[str]],
    classes: Sequence[str],
    clusters: Sequence[Sequence[str]] = (),
) -> np.ndarray:
    """How many units below each site there are in all, and with each class: (site, 1 + class).

    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": list("abc"), "who": list("112"), "where": list("NNN")})
    >>> columns = Columns(input="image", lineage={"site": "where", "patient": "who"})
    >>> labels = {"a": ("x",), "b": ("x", "y"), "c": ("y",)}
    >>> counts_by_site(Cohort.from_table(table, columns, folder="."), {"N": "abc"}, labels=labels, classes="xy")
    array([[2, 1, 2]])
    """
    below = "patient" if "patient" in cohort.levels else "specimen"
    site_of = {record: place for place, records in enumerate(sites.values()) for record in records}
    column = {name: place for place, name in enumerate(classes, start=1)}
    held = np.zeros((len(sites), 1 + len(classes)), dtype=np.int64)
    for records in units_of(cohort, generalises_to=below, clusters=clusters).values():
        site = site_of[records[0]]
        held[site, 0] += 1
        for name in {name for record in records for name in labels[record]}:
            held[site, column[name]] += 1
    return held


def assign_sites(
    counts: np.ndarray, *, folds: int, time_limit: float = 10.0, break_symmetry: bool = True
) -> Assignment:
    """Solve the program above for `counts` (site, 1 + class), the first column the total.

    `break_symmetry=False` leaves out that the j-th largest site is only allowed into folds 0 to j: the same optimum,
    later. Raises SplitError where no folds keep the constraints, or none were found in time.

    >>> counts = np.array([[4, 4], [4, 0], [2, 2], [2, 2], [4, 0]])
    >>> assign_sites(counts, folds=2).imbalance
    0.0
    """
    order = np.argsort(-counts[:, 0], kind="stable")
    sorted_counts = counts[order]
    sites, kinds = counts.shape
    totals = counts.sum(axis=0)
    weights = np.where(np.arange(kinds) == 0, 0.5, 1.0) / np.maximum(totals, 1)
    variables, deviations = sites * folds, kinds * folds
    objective = np.concatenate([np.zeros(variables), np.repeat(weights, folds)])
    upper = np.ones((sites, folds))
    if break_symmetry:
        upper[np.arange(folds)[None, :] > np.arange(sites)[:, None]] = 0
    started = time.monotonic()
    result = milp(
        objective,
        integrality=np.concatenate([np.ones(variables), np.zeros(deviations)]),
        bounds=Bounds(0, np.concatenate([upper.ravel(), np.full(deviations, np.inf)])),
        constraints=_constraints(sorted_counts, folds),
        options={"time_limit": time_limit, "mip_rel_gap": 0.0},
    )
    seconds = time.monotonic() - started
    if result.x is None:
        late = result.status == 1
        raise SplitError(
            f"no {folds} folds of whole sites were found" + (f" within {time_limit:g} s" if late else ""),
            why="" if late else "every class needs sites in at least two folds, and every fold a site",
            fix="raise the time limit" if late else "use other folds, or merge rare classes",
        )
    chosen = result.x[:variables].reshape(sites, folds).argmax(axis=1)
    assigned = np.empty(sites, dtype=np.int64)
    assigned[order] = chosen
    held = np.stack([counts[assigned == fold].sum(axis=0) for fold in range(folds)])
    imbalance = float((weights * np.abs(held - totals / folds)).sum())
    bound = float(result.mip_dual_bound) if result.mip_dual_bound is not None else -np.inf
    gap = 0.0 if result.status == 0 else max(imbalance - bound, 0.0) / imbalance if bound > 0 else None
    return Assignment(tuple(assigned.tolist()), imbalance, gap, seconds)


def _constraints(counts: np.ndarray, folds: int) -> list[LinearConstraint]:
    """The rows of the program: the order of variables is x by site then fold, then deviations by kind then fold."""
    sites, kinds = counts.shape
    each_fold = sparse.identity(folds, format="csr")
    in_one = sparse.kron(sparse.identity(sites), np.ones((1, folds)))
    per_fold = sparse.kron(np.ones((1, sites)), each_fold)
    amounts = sparse.kron(counts.T.astype(float), each_fold)
    holders = sparse.kron((counts[:, 1:] > 0).T.astype(float), each_fold)
    deviation = sparse.identity(kinds * folds)
    nothing = lambda rows: sparse.csr_array((rows, kinds * folds))  # noqa: E731
    share = np.repeat(counts.sum(axis=0) / folds, folds)
    most = np.repeat((counts[:, 1:] > 0).sum(axis=0) - 1, folds)
    rows = [
        LinearConstraint(sparse.hstack([in_one, nothing(sites)]).tocsr(), 1, 1),
        LinearConstraint(sparse.hstack([per_fold, nothing(folds)]).tocsr(), 1, np.inf),
        LinearConstraint(sparse.hstack([amounts, -deviation]).tocsr(), -np.inf, share),
        LinearConstraint(sparse.hstack([amounts, deviation]).tocsr(), share, np.inf),
    ]
    if kinds > 1:
        rows.append(LinearConstraint(sparse.hstack([holders, nothing(holders.shape[0])]).tocsr(), -np.inf, most))
    return rows
