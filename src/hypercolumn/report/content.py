"""All that a report shows, as values: numbers, words, small arrays and images, and nothing left to compute.

Whoever has run a study fills in a `ReportContent`; `render` and `write` lay it out. Every part but the first few is
optional, and a part left empty is left out of the page. What a blocking finding spoils is decided here, once for
tables, figures and files, in `spoiled_by`. Text may be hostile (it comes from manifests): it is made harmless where it
is laid out, not here.

Images are (row, column, 3) arrays of uint8, red first; outlines are drawn from label maps (row, column) of any integer
type or bool, 0 for background, of the same size as the image.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.evaluation.score import Score


class State(StrEnum):
    """What one light of the verdict says."""

    OK = "ok"
    WARNING = "warning"
    BLOCKING = "blocking"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Light:
    """One question about the study with its answer in words; a report opens with three to six.

    >>> Light("Leakage", State.OK, "no patient stands on both sides of a fold").state.value
    'ok'
    """

    name: str
    state: State
    words: str


@dataclass(frozen=True)
class Fact:
    """One line of the study at a glance."""

    name: str
    value: str | int | float
    note: str = ""


class Flow(StrEnum):
    """What happened to the records of one step of the data flow."""

    KEPT = "kept"
    EXCLUDED = "excluded"
    SIDE = "side"


@dataclass(frozen=True)
class FlowStep:
    """A box of the data flow diagram: what went on, what was set aside, or one side of the split."""

    name: str
    records: int
    units: int
    note: str = ""
    kind: Flow = Flow.KEPT


@dataclass(frozen=True)
class Characteristic:
    """A row of the cohort table: one cell a column; rows that share a `variable` stand under its name."""

    name: str
    values: tuple[str | int | float, ...]
    difference: float | None = None
    variable: str = ""


@dataclass(frozen=True)
class Characteristics:
    """The cohort by fold; `difference` of a row is its largest absolute standardised difference between two columns."""

    columns: tuple[str, ...]
    rows: tuple[Characteristic, ...]
    note: str = ""


@dataclass(frozen=True)
class ScoreRow:
    """A score, and beside it the best that could be had without a convolutional network."""

    score: Score
    baseline: Score | None = None
    baseline_name: str = ""
    headline: bool = False


@dataclass(frozen=True)
class Baseline:
    """One method without a convolutional network, what it looks at, and how far it came."""

    name: str
    score: Score
    words: str = ""


@dataclass(frozen=True)
class Forest:
    """One score by the values of one column; `title` ends the score's own title: "by scanner"."""

    title: str
    rows: tuple[tuple[str, Score], ...]
    overall: Score
    heterogeneity: str = ""


@dataclass(frozen=True, eq=False)
class Curve:
    """How one fold was learnt: None where a figure was not taken at a step, NaN where it was no number.

    `stopped_at` is the last step, `kept_at` the one whose weights were kept, `metric` names the validation score.
    """

    fold: str
    steps: Sequence[int]
    training_loss: Sequence[float | None]
    validation_score: Sequence[float | None]
    stopped_at: int
    kept_at: int | None = None
    metric: str = "score"


@dataclass(frozen=True)
class Confusion:
    """Counts of records, `counts[truth][prediction]`."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    metric: str = "confusion"


@dataclass(frozen=True, eq=False)
class Reliability:
    """Predicted probability against observed frequency, one point a bin, with the interval of the frequency."""

    label: str
    predicted: Sequence[float]
    observed: Sequence[float]
    low: Sequence[float | None]
    high: Sequence[float | None]
    counts: Sequence[int]
    metric: str = "calibration"


@dataclass(frozen=True, eq=False)
class Agreement:
    """Each number answered beside the one known, both in `measured_in`, one of each a record."""

    records: Sequence[str]
    truth: Sequence[float]
    answer: Sequence[float]
    measured_in: str = ""
    metric: str = "agreement"


@dataclass(frozen=True, eq=False)
class OperatingCurve:
    """Receiver operating characteristic of one class, with the area under it as a score."""

    score: Score
    false_positive_rate: Sequence[float]
    true_positive_rate: Sequence[float]


@dataclass(frozen=True, eq=False)
class Case:
    """One record of a gallery: the image, and outlines of truth and prediction where the task has them.

    `pixel` is the width of one pixel of `image` in `length_unit`, for the scale bar; None where it is not known.
    """

    record: str
    image: np.ndarray
    words: str = ""
    truth: np.ndarray | None = None
    prediction: np.ndarray | None = None
    metric: str = ""
    value: float | None = None
    pixel: float | None = None
    length_unit: str = ""


@dataclass(frozen=True, eq=False)
class Gallery:
    """Cases under one heading: the best, those at the median, the worst."""

    title: str
    cases: tuple[Case, ...]
    words: str = ""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two records that are, or look like, one image, shown side by side."""

    left: Case
    right: Case
    words: str = ""


@dataclass(frozen=True)
class Choice:
    """A line of the plan: what was chosen, which value, and why, in words."""

    what: str
    value: str
    why: str


@dataclass(frozen=True)
class Excluded:
    """A record that was set aside, and why."""

    record: str
    why: str


@dataclass(frozen=True)
class Check:
    """One thing that a certificate vouches for; `passed` is None where it does not apply."""

    name: str
    passed: bool | None
    words: str = ""


@dataclass(frozen=True)
class CertificateSummary:
    """What the split's certificate says; `hash` names it."""

    hash: str
    checks: tuple[Check, ...]
    words: str = ""


@dataclass(frozen=True)
class Reproduction:
    """What somebody else needs to get the same numbers."""

    commands: tuple[str, ...]
    versions: Mapping[str, str] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    hardware: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ReportContent:
    """A whole report.

    `generalises_to` is the unit that the scores speak of ("patient"), said again in every score's title; `unit` names
    what the flow and the cohort count, in the plural, where that is something else. `answers` are the author's own to
    checklist items, by item ("CLAIM 6").

    >>> content = ReportContent("Nuclei", "nuclei", "patient", created="2026-01-31", version="0.1.0")
    >>> content.unit_words, content.verdict
    ('patients', (<State.UNKNOWN: 'unknown'>, 'Nothing has been checked: the scores cannot be judged.'))
    """

    title: str
    study: str
    generalises_to: str
    created: str
    version: str
    lights: tuple[Light, ...] = ()
    findings: tuple[Finding, ...] = ()
    facts: tuple[Fact, ...] = ()
    flow: tuple[FlowStep, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    characteristics: Characteristics | None = None
    scores: tuple[ScoreRow, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    forests: tuple[Forest, ...] = ()
    confusion: Confusion | None = None
    reliability: tuple[Reliability, ...] = ()
    agreement: Agreement | None = None
    operating_curves: tuple[OperatingCurve, ...] = ()
    galleries: tuple[Gallery, ...] = ()
    pairs: tuple[Pair, ...] = ()
    plan: tuple[Choice, ...] = ()
    curves: tuple[Curve, ...] = ()
    certificate: CertificateSummary | None = None
    reproduction: Reproduction | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    methods: str = ""
    citation: str = ""
    unit: str = ""

    @property
    def unit_words(self) -> str:
        """What the flow and the cohort count, in the plural."""
        return self.unit or f"{self.generalises_to}s"

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity, in the order given."""
        return tuple(finding for finding in self.findings if finding.severity is severity)

    def spoiled_by(self, metric: str) -> tuple[Finding, ...]:
        """The blocking findings that make a metric uninterpretable; only a blocking finding can.

        >>> leak = Finding("A-LINEAGE-BOTH-SIDES", Severity.BLOCKING, "patient 7 is on both sides", spoils=("Dice",))
        >>> content = ReportContent("Nuclei", "nuclei", "patient", "2026-01-31", "0.1.0", findings=(leak,))
        >>> [len(content.spoiled_by(metric)) for metric in ("Dice", "dice", "IoU")]
        [1, 1, 0]
        """
        name = metric.strip().casefold()
        return tuple(
            finding
            for finding in self.of(Severity.BLOCKING)
            if any(spoilt == "*" or spoilt.strip().casefold() == name for spoilt in finding.spoils)
        )

    @property
    def verdict(self) -> tuple[State, str]:
        """The first sentence of the page: whether the scores can be believed."""
        blocking, warnings, open_questions = (
            len(self.of(severity)) for severity in (Severity.BLOCKING, Severity.WARNING, Severity.NOT_CHECKED)
        )
        looked_at = len(self.findings) - open_questions
        if blocking:
            return State.BLOCKING, f"{self._struck_words()}: {_count(blocking, 'blocking finding')}."
        if not looked_at:
            return State.UNKNOWN, "Nothing has been checked: the scores cannot be judged."
        dim = [light.name.lower() for light in self.lights if light.state is State.WARNING]
        if warnings or dim:
            doubts = _count(warnings, "warning") if warnings else f"see {' and '.join(dim)}"
            return State.WARNING, f"The scores can be read with care: {doubts}, nothing blocking."
        return State.OK, "Nothing was found that would spoil the scores."

    def _struck_words(self) -> str:
        metrics = [score.metric for _, _, score in self.every_score()]
        struck = [metric for metric in metrics if self.spoiled_by(metric)]
        if not metrics or len(struck) == len(metrics):
            return "The scores must not be believed"
        return "Some scores must not be believed" if struck else "The study has a defect"

    def every_score(self) -> Iterator[tuple[str, str, Score]]:
        """Each score of the report with the table and the row that it stands in."""
        for row in self.scores:
            yield "headline" if row.headline else "scores", "", row.score
            if row.baseline is not None:
                yield "best baseline", row.baseline_name, row.baseline
        for baseline in self.baselines:
            yield "baselines", baseline.name, baseline.score
        for forest in self.forests:
            for label, score in forest.rows:
                yield forest.title, label, score
            yield forest.title, "all", forest.overall
        for curve in self.operating_curves:
            yield "operating curves", curve.score.label, curve.score


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
