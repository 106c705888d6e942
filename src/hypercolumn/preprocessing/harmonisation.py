"""ComBat: the location and the scale that a site, scanner or plate lends to each feature, taken out.

    y_ijg  = alpha_g + X_ij beta_g + gamma_ig + delta_ig e_ijg             record j of batch i, feature g
    z      = (y - alpha - X beta) / sigma                                  standardized over all training records
    gamma* = (n_i tau_i^2 gammahat + delta*^2 gammabar_i) / (n_i tau_i^2 + delta*^2)
    delta*^2 = (theta_i + sum_j (z - gamma*)^2 / 2) / (n_i / 2 + lambda_i - 1)
    y*     = sigma (z - gamma*) / delta* + alpha + X beta

gammahat and deltahat^2 are the mean and variance of a batch; gammabar, tau^2 and lambda, theta the parameters, by
moments, of a normal and an inverse gamma law that the features of one batch share, so that a batch of few records
borrows from all its features (empirical Bayes). The two starred equations are iterated until they stand still.

Fitted on training rows alone and saved with the run: `apply` learns nothing, so a test row is the same whatever stands
beside it. A batch that was not fitted cannot be harmonised and is refused in words: where each site is left out in
turn, none is left to harmonise. X holds what is known of every record when it is judged (age, sex) and never the label.
Without the label in X, ComBat takes out what label and batch share: where the two go together, disease goes with it
(Nygaard and others 2016, doi 10.1093/biostatistics/kxv027).

Johnson, Li and Rabinovic 2007, doi 10.1093/biostatistics/kxj037.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from hypercolumn.errors import DataError, InvalidArgument, ShapeMismatch

FEWEST = 3
"""A batch of fewer training records than this has no variance worth the name."""

_STILL, _ROUNDS = 1e-6, 500


@dataclass(frozen=True)
class Harmonisation:
    """What was learnt: numbers a feature, and a shift and a scale a batch and feature; JSON holds all of it.

    `coefficients` are (covariate, feature), `shifts` and `scales` by batch (feature,).

    >>> fitted = Harmonisation((10.0,), (2.0,), (), {"A": (0.5,), "B": (-0.5,)}, {"A": (1.0,), "B": (2.0,)})
    >>> fitted.apply(np.array([[13.0], [13.0]]), ["A", "B"]).round(3).tolist()
    [[12.0], [12.0]]
    """

    centre: tuple[float, ...]
    spread: tuple[float, ...]
    coefficients: tuple[tuple[float, ...], ...]
    shifts: Mapping[str, tuple[float, ...]]
    scales: Mapping[str, tuple[float, ...]]

    def apply(
        self, features: np.ndarray, batches: Sequence[str] | np.ndarray, *, covariates: np.ndarray | None = None
    ) -> np.ndarray:
        """Features (record, feature) of any records of the batches that were fitted, harmonised.

        Raises DataError for a batch that was not among the training records.
        """
        given, names, known = _checked(features, batches, covariates)
        if given.shape[1] != len(self.centre) or known.shape[1] != len(self.coefficients):
            raise ShapeMismatch(
                f"{given.shape[1]} features and {known.shape[1]} covariates",
                why=f"fitted on {len(self.centre)} and {len(self.coefficients)}",
                fix="give the same columns as in training",
            )
        strange = sorted(set(names) - set(self.shifts))
        if strange:
            raise DataError(
                f"batch {', '.join(map(repr, strange[:5]))} was not among the training records",
                why="its shift and scale can only be learnt from its own records, and here they would be test records",
                fix="split so that each batch has training records, or leave harmonisation out for a site never seen",
            )
        spread = np.array(self.spread)
        fixed = np.array(self.centre) + known @ np.array(self.coefficients).reshape(
            len(self.coefficients), given.shape[1]
        )
        shift, scale = (np.array([part[name] for name in names]) for part in (self.shifts, self.scales))
        return ((given - fixed) / spread - shift) / scale * spread + fixed

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Harmonisation":
        by_batch = [{name: tuple(row) for name, row in record[part].items()} for part in ("shifts", "scales")]
        rows = tuple(tuple(row) for row in record["coefficients"])
        return cls(tuple(record["centre"]), tuple(record["spread"]), rows, by_batch[0], by_batch[1])


def fit_harmonisation(
    features: np.ndarray, batches: Sequence[str] | np.ndarray, *, covariates: np.ndarray | None = None
) -> Harmonisation:
    """Learn from training features (record, feature), the batch of each, and covariates (record, covariate).

    >>> chance = np.random.default_rng(0)
    >>> batch = np.repeat(["A", "B"], 200)
    >>> features = np.where(batch == "A", 0.0, 3.0)[:, None] + chance.normal(size=(400, 5))
    >>> harmonised = fit_harmonisation(features, batch).apply(features, batch)
    >>> apart = [abs(values[batch == "A"].mean() - values[batch == "B"].mean()) for values in (features, harmonised)]
    >>> [round(float(one), 1) for one in apart]
    [3.0, 0.0]
    """
    given, names, known = _checked(features, batches, covariates)
    code, present = pd.factorize(np.array(names, dtype=object), sort=True)
    counts = np.bincount(code)
    if len(present) < 2 or counts.min() < FEWEST:
        small = [str(name) for name, count in zip(present, counts, strict=True) if count < FEWEST]
        raise InvalidArgument(
            "batches",
            small or [str(name) for name in present],
            why=f"two batches of {FEWEST} training records at least are needed",
            fix="join small batches, or leave them out",
        )
    indicators = np.eye(len(present))[code]
    design = np.concatenate([indicators, known], axis=1)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise InvalidArgument(
            "covariates", "told by the batch", why="their effects cannot be told apart", fix="leave one of them out"
        )
    solved = np.linalg.lstsq(design, given, rcond=None)[0]
    coefficients = solved[len(present) :]
    centre = counts / counts.sum() @ solved[: len(present)]
    spread = np.sqrt(np.square(given - design @ solved).mean(axis=0))
    spread = np.where(spread > 1e-12 * np.abs(given).max(initial=0), spread, 1.0)
    z = (given - centre - known @ coefficients) / spread
    shifts, scales = {}, {}
    for place, name in enumerate(present):
        shift, scale = _of_batch(z[code == place])
        shifts[str(name)], scales[str(name)] = tuple(shift.tolist()), tuple(scale.tolist())
    rows = tuple(tuple(row) for row in coefficients.tolist())
    return Harmonisation(tuple(centre.tolist()), tuple(spread.tolist()), rows, shifts, scales)


def _of_batch(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """gamma* and delta* (feature,) of the standardized records of one batch, by the empirical Bayes equations."""
    count = len(z)
    mean, variance = z.mean(axis=0), z.var(axis=0, ddof=1)
    flat = variance < 1e-12
    usable = ~flat
    shift, square = mean.copy(), np.where(flat, 1.0, variance)
    if usable.sum() < 2 or mean[usable].var() == 0 or variance[usable].var() == 0:
        return shift, np.sqrt(square)
    prior, width = mean[usable].mean(), mean[usable].var(ddof=1)
    middle, spread = variance[usable].mean(), variance[usable].var(ddof=1)
    shape, rate = (2 * spread + middle**2) / spread, (middle * spread + middle**3) / spread
    held = z[:, usable]
    gamma, delta = mean[usable], variance[usable]
    for _ in range(_ROUNDS):
        new_gamma = (count * width * mean[usable] + delta * prior) / (count * width + delta)
        new_delta = (rate + np.square(held - new_gamma).sum(axis=0) / 2) / (count / 2 + shape - 1)
        moved = max(np.abs(new_gamma - gamma).max(), np.abs(new_delta - delta).max())
        gamma, delta = new_gamma, new_delta
        if moved < _STILL:
            break
    shift[usable], square[usable] = gamma, delta
    return shift, np.sqrt(square)


def _checked(
    features: np.ndarray, batches: Sequence[str] | np.ndarray, covariates: np.ndarray | None
) -> tuple[np.ndarray, list[str], np.ndarray]:
    given, names = np.asarray(features, dtype=float), [str(name) for name in batches]
    known = np.zeros((len(names), 0)) if covariates is None else np.asarray(covariates, dtype=float)
    if given.ndim != 2 or known.ndim != 2 or not len(given) == len(names) == len(known):
        raise ShapeMismatch(
            f"features are {given.shape}, batches {len(names)}, covariates {known.shape}",
            fix="give (record, feature), one batch a record, and (record, covariate)",
        )
    if not np.isfinite(given).all() or not np.isfinite(known).all():
        raise InvalidArgument("features", "NaN or infinite", fix="leave out what is missing before harmonising")
    return given, names, known
