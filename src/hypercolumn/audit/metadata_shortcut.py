"""Metadata shortcut: the labels can be read without looking at any image.

A plain model is given the site, the scanner, the date, the name of the file or the size of the image, and nothing else.
What it reaches is what a network can reach by recognizing where an image comes from: sorting chest radiographs by
hospital alone gave an AUROC of 0.86 for pneumonia (Zech and others 2018, doi 10.1371/journal.pmed.1002683). A file
name that tells the label harms no network that sees pixels alone, but shows how the cohort was put together.

Strata (sex, age band) are not looked at: they belong to the disease. Nothing here says that a network did use what it
could have used; compare its score with the AUROC given, or test on sites of one mix of labels.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.reading import SURE, Answers, answers_of, figures, read_from, span, witnesses
from hypercolumn.audit.wording import counted, listed
from hypercolumn.data.cohort import Cohort
from hypercolumn.data.table import text_of
from hypercolumn.errors import InvalidArgument

MOST_LEVELS = 30
"""Of a column with more values than this, the most common are told apart and the rest are one."""
BINS = 5
"""Numbers and dates are cut into so many parts of equal count."""


def metadata_shortcut(
    cohort: Cohort, sizes: Mapping[str, tuple[int, ...]] | None = None, *, permutations: int = 199, seed: int = 0
) -> list[Finding]:
    """Read the labels from the site, each batch column, the names of the files and, where given, the image sizes.

    `sizes` gives numbers for every record: the shape of its image, the bytes of its file. Raises InvalidArgument where
    it does not name each record of the cohort with as many numbers.

    >>> from hypercolumn.data.cohort import Columns
    >>> rows = [(f"{n}.png", "ill" if n % 2 else "well", "AB"[n % 2 if n < 45 else 1 - n % 2]) for n in range(60)]
    >>> table = pd.DataFrame(rows, columns=["image", "label", "scanner"])
    >>> cohort = Cohort.from_table(table, Columns(input="image", target="label", batch=("scanner",)), folder=".")
    >>> [finding] = metadata_shortcut(cohort)
    >>> finding.code, str(finding.severity), finding.evidence["AUROC from scanner"]
    ('A-METADATA-READABLE', 'warning', 0.75)
    """
    cohort = witnesses(cohort, seed=seed)
    columns = _columns(cohort, sizes)
    answers = answers_of(cohort)
    if isinstance(answers, str):
        return [_not_checked(answers)]
    sources = dict(_sources(columns, answers))
    if not sources:
        return [_not_checked("site, scanner, date, file names and sizes are missing or the same for all")]
    found = read_from(answers, sources, permutations=permutations, seed=seed)
    worst = max(found, key=lambda name: found[name].auroc)
    evidence = {
        f"{answers.noun}s": len(answers.labels),
        "labels": len(np.unique(answers.labels)),
        "permutations": permutations,
        **figures(found),
    }
    readable = [name for name, reading in found.items() if reading.p <= SURE]
    if not readable:
        return [
            Finding(
                "A-METADATA-PASSED",
                Severity.PASSED,
                f"The labels of {counted(len(answers.labels), answers.noun)} cannot be read from {listed(found)}: the "
                f"best AUROC is {span(found[worst])}, which permuted labels reach as well (p = {found[worst].p:.2g}).",
                evidence=evidence,
                remedy="Nothing to do.",
            )
        ]
    return [
        Finding(
            "A-METADATA-READABLE",
            Severity.WARNING,
            f"Without looking at an image, the labels can be read from {listed(readable)}: {worst} alone reaches an "
            f"AUROC of {span(found[worst])}; permuted labels, which tell nothing, {found[worst].chance:.2f} "
            f"(p = {found[worst].p:.2g}). A network that recognizes {worst} reaches as much without the disease.",
            evidence=evidence,
            remedy="Hold the network's score against this AUROC; balance the labels over the sites and scanners, test "
            "on sites that were never trained on, and name files by a number that says nothing.",
        )
    ]


def _not_checked(why: str) -> Finding:
    return Finding(
        "A-METADATA-NOT-CHECKED",
        Severity.NOT_CHECKED,
        f"Not checked: whether the labels can be read from metadata alone, for {why}.",
        remedy="Name a label with two classes or more, and the columns of site, scanner, laboratory and date.",
    )


def _columns(cohort: Cohort, sizes: Mapping[str, tuple[int, ...]] | None) -> dict[str, pd.Series]:
    """What is known of each record without opening it, in columns (record,)."""
    table, columns = cohort.table, cohort.columns
    found = {name: table[name] for name in dict.fromkeys((*columns.lineage.values(), *columns.batch)) if name in table}
    for level in ("patient", "specimen"):
        found.pop(columns.lineage.get(level, ""), None)
    paths = table[columns.input].map(text_of)
    found |= {f"file name ({part})": values for part, values in _parts_of_names(paths).items()}
    if sizes is not None:
        unknown = [record for record in cohort.records if record not in sizes]
        if unknown or len({len(sizes[record]) for record in cohort.records}) != 1:
            raise InvalidArgument(
                "sizes", unknown[:3] or "of different lengths", fix="give as many numbers for each record of the cohort"
            )
        numbers = np.array([sizes[record] for record in cohort.records], dtype=float)
        for place in range(numbers.shape[1]):
            found[f"size ({place + 1})"] = pd.Series(numbers[:, place], index=table.index)
    return found


def _parts_of_names(paths: pd.Series) -> dict[str, pd.Series]:
    """The folder of each file, the letters of its name, its last number, its ending; nothing where none is a file."""
    first = paths.str.split(";").str[0].str.replace("\\", "/", regex=False)
    split = [PurePosixPath(path) for path in first]
    if not any(path.suffix or len(path.parts) > 1 for path in split):
        return {}
    parts = {
        "folder": [str(path.parent) for path in split],
        "letters": [re.sub(r"\d+", "#", path.stem) for path in split],
        "number": [float((re.findall(r"\d{1,15}", path.stem) or ["nan"])[-1]) for path in split],
        "ending": [path.suffix.lower() for path in split],
    }
    return {name: pd.Series(values, index=paths.index) for name, values in parts.items()}


def _sources(columns: Mapping[str, pd.Series], answers: Answers) -> Iterator[tuple[str, np.ndarray]]:
    """Each source of metadata as features (record, feature), one value one-hot; none that is the same for all."""
    grouped: dict[str, list[np.ndarray]] = {}
    for name, values in columns.items():
        source = name.split(" (")[0] if name.startswith(("file name (", "size (")) else name
        coded = _coded(values, ordered=name == "file name (number)")
        levels, counts = np.unique(coded[answers.unit >= 0], return_counts=True)
        if len(levels) < 2 or (len(levels) > len(answers.labels) / 2):
            continue
        levels = levels[np.argsort(-counts, kind="stable")][:MOST_LEVELS]
        grouped.setdefault(source, []).append((coded[:, None] == levels[None, :]).astype(np.float32))
    for source, features in grouped.items():
        yield source, np.concatenate(features, axis=1)
    if len(grouped) > 1:
        yield "all of these together", np.concatenate([part for parts in grouped.values() for part in parts], axis=1)


def _coded(values: pd.Series, *, ordered: bool) -> np.ndarray:
    """A code for each record: one a value, or one a fifth for numbers and dates of more values than that."""
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.isna().mean() > 0.5 and not ordered and values.nunique() > BINS:
        dates = pd.to_datetime(values.astype(str), errors="coerce", format="ISO8601", utc=True)
        if dates.isna().mean() <= 0.5:
            numbers = dates.map(lambda date: np.nan if pd.isna(date) else date.timestamp())
    known = numbers.notna()
    if known.mean() > 0.5 and (ordered or numbers.nunique() > BINS):
        cuts = np.quantile(numbers[known].to_numpy(float), np.linspace(0, 1, BINS + 1)[1:-1])
        return np.where(known, np.searchsorted(cuts, numbers.fillna(0).to_numpy(float), side="right"), -1)
    return pd.factorize(values.map(text_of))[0]
