"""Two predictions of the same records, compared unit by unit: how much a figure loses from one to the other.

    difference(w) = figure of the second (w) - figure of the first (w)        w, weights over the units of both

The same patients stand behind both figures, so leaving a patient out moves both, and the interval of the difference is
much narrower than two intervals side by side would let one think.
"""

from dataclasses import replace

from scipy import stats

from hypercolumn.errors import ManifestError
from hypercolumn.evaluation.figures import Figure
from hypercolumn.evaluation.intervals import DIFFERENCE, Interval, interval
from hypercolumn.evaluation.predictions import Predictions
from hypercolumn.evaluation.scores import figures, headline


def difference(first: Predictions, second: Predictions, *, metric: str | None = None, seed: int = 0) -> Interval:
    """The headline (or another metric) of the second minus that of the first, over the pieces that both predict.

    Raises ManifestError where they share no piece, or disagree on what is true or whose it is.

    >>> import numpy as np
    >>> from hypercolumn.evaluation.predictions import classification_row
    >>> def of(chances):
    ...     who = {f"p{n}": {"record": f"p{n}", "fold": "1", "unit": f"p{n}"} for n in range(12)}
    ...     rows = {name: row | classification_row(n % 2, [1 - chances[n], chances[n]])
    ...             for n, (name, row) in enumerate(who.items())}
    ...     return Predictions.from_rows(rows, target_kind="class", classes=("no", "yes"))
    >>> good = np.array([0.1, 0.8, 0.3, 0.9, 0.2, 0.6, 0.4, 0.7, 0.5, 0.45, 0.2, 0.9])
    >>> found = difference(of(good), of(1 - good))
    >>> round(found.value, 3), found.high < 0
    (-0.944, True)
    """
    shared = first.table.index.intersection(second.table.index).sort_values()
    if shared.empty:
        raise ManifestError("the two predictions share no piece", fix="predict the same records twice")
    pair = [replace(each, table=each.table.loc[shared]) for each in (first, second)]
    for name in ("unit", *(name for name in pair[0].table.columns if str(name).startswith("truth"))):
        differ = pair[0].table[name].to_numpy() != pair[1].table[name].to_numpy()
        if differ.any():
            raise ManifestError(
                f"the two predictions disagree on {name!r}",
                where=str(shared[differ][0]),
                why="they are compared record by record",
                fix="give predictions of the same records against the same truth",
            )
    chosen = metric or headline(first)
    one, other = (_figure(each, chosen) for each in pair)
    if one.units != other.units or one.units == 0:
        return Interval(None, note="the figures do not rest on the same units")
    return interval(
        lambda weights: other.statistic(weights) - one.statistic(weights), one.units, scale=DIFFERENCE, seed=seed
    )


def two_sided(found: Interval) -> float:
    """p of no difference, from an interval on a plain scale: Student's t of its error; NaN where it has none.

    >>> round(two_sided(Interval(-0.1, -0.2, 0.0, error=0.05, degrees=30.0)), 3)
    0.055
    """
    if found.value is None or found.error is None or found.degrees is None:
        return float("nan")
    if found.error == 0:
        return 1.0 if found.value == 0 else 0.0
    return float(2 * stats.t.sf(abs(found.value) / found.error, found.degrees))


def _figure(predictions: Predictions, metric: str) -> Figure:
    return next(figure for figure in figures(predictions) if figure.metric == metric)
