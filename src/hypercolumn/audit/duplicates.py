"""Duplicates: the same image on both sides of a fold, or with two labels, or joining more units than it should; and
signals that share a stretch of time, and sequences of one origin.

A network that has seen a test image in training can remember it, and its score then measures memory. The pairs come
from `data.similarity`; here they are only judged, and shown so that a reader can judge them too.

What this does not say: that there are no other copies. A turn by a small angle or a second photograph of the same field
is not found by `data.similarity`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from hypercolumn.audit.copies_in_words import WORDS, Words
from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.reading import names_a_file
from hypercolumn.audit.sides import Crossing, check_records, crossings
from hypercolumn.audit.wording import counted, listed, percent, unchecked
from hypercolumn.data.cohort import Cohort
from hypercolumn.data.similarity import KINDS, MOST_SIGNALS, Pair, Similarity, joined_units, large_clusters
from hypercolumn.data.split import Split

SHOWN = 32
"""How many pairs a finding carries to be shown as images; the number of all of them stands in its evidence."""


def duplicates(
    cohort: Cohort,
    similarity: Similarity,
    split: Split | None = None,
    *,
    units: Mapping[str, tuple[str, ...]] | None = None,
) -> list[Finding]:
    """Judge the pairs that were found in a cohort, by the sides of a split where there is one.

    `units` maps each unit, made from lineage alone, to its records; with it a cluster that would join many of them is
    shown before a split obeys it.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"image": ["a", "b", "c"]})
    >>> from hypercolumn.data.cohort import Columns
    >>> cohort = Cohort.from_table(table, Columns(input="image"), folder=".")
    >>> [finding] = duplicates(cohort, Similarity((Pair("a", "c", "near-duplicate", "flipped", 0.99),)))
    >>> finding.code, str(finding.severity), finding.groups
    ('A-DUPLICATES-WITHIN', 'note', (('a', 'c'),))
    """
    known = set(cohort.records)
    kept = tuple(pair for pair in similarity.pairs if pair.first in known and pair.second in known)
    similarity = replace(similarity, pairs=kept)
    words = WORDS[similarity.among]
    left_out = [*_left_out(cohort, similarity)]
    if not similarity.pairs:
        return [_passed(cohort, similarity), *left_out]
    tested: list[Pair] = []
    watched: list[Pair] = []
    findings: list[Finding] = []
    if split is not None:
        check_records(cohort, split)
        cluster_of = {record: cluster[0] for cluster in similarity.clusters() for record in cluster}
        found = crossings(split, cluster_of)
        tested = [pair for pair in similarity.pairs if any(cluster_of[pair.first] in fold.tested for fold in found)]
        watched = [pair for pair in similarity.pairs if any(cluster_of[pair.first] in fold.watched for fold in found)]
        findings += _both_sides(tested, watched, found, words)
    within = [pair for pair in similarity.pairs if pair not in {*tested, *watched}]
    findings += _large(similarity, units or {})
    findings += _labels(cohort, similarity)
    findings += _within(cohort, within, split, words)
    return [*findings, *left_out]


def _both_sides(tested: list[Pair], watched: list[Pair], found: Sequence[Crossing], words: Words) -> Iterator[Finding]:
    if tested:
        exposed, records = sum(fold.exposed for fold in found), sum(fold.test_records for fold in found)
        folds = [fold for fold in found if fold.tested]
        test = f"{exposed:,} of {counted(records, 'test record')} ({percent(exposed, records)})"
        yield Finding(
            "A-DUPLICATES-BOTH-SIDES",
            Severity.BLOCKING,
            f"{words.exposed.format(test)}, in {len(folds)} of {counted(len(found), 'fold')}. A copy may be "
            f"{words.may_be}. A network can remember what it has seen, so the score "
            "says nothing about new cases.",
            evidence={
                "test records with a copy": exposed,
                "test records": records,
                **{f"test records with a copy in {fold.fold}": fold.exposed for fold in folds},
                **_kinds(tested),
            },
            remedy=f"Keep all copies of one {words.noun} on one side (the splits of this package do), or drop all but "
            "one, and train again.",
            groups=_shown(tested),
            spoils=("*",),
        )
    if watched:
        yield Finding(
            "A-DUPLICATES-IN-VALIDATION",
            Severity.WARNING,
            f"{counted(len(watched), 'pair')} of {words.copies} {'stands' if len(watched) == 1 else 'stand'} in "
            "training and in validation. The test set is not touched, but validation then looks better than it is, so "
            "training may have stopped too late.",
            evidence=_kinds(watched),
            remedy=f"Keep all copies of one {words.noun} on one side, or drop all but one.",
            groups=_shown(watched),
        )


def _large(similarity: Similarity, units: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    unit_of = {record: unit for unit, records in units.items() for record in records}
    for cluster in large_clusters(similarity, units) if units else ():
        joined = sorted(joined_units(cluster, unit_of))
        inside = [pair for pair in similarity.pairs if pair.first in set(cluster)]
        yield Finding(
            "A-DUPLICATES-LARGE-CLUSTER",
            Severity.WARNING,
            f"{counted(len(cluster), 'record')} look alike and would join {len(joined):,} of "
            f"{counted(len(units), 'unit')} ({percent(len(joined), len(units))}) into one that stays on one side. "
            f"Either these {similarity.among} were copied many times, or they are alike without being copies "
            f"({WORDS[similarity.among].lookalikes}): look before it is obeyed.",
            evidence={
                "records in the cluster": len(cluster),
                "units joined": len(joined),
                "units": len(units),
                "lowest correlation": round(min(pair.score for pair in inside), 4),
                "names": listed(joined),
                **_kinds(inside),
            },
            remedy="If they are copies, leave all but one out of the manifest. If not, leave out the ones that show "
            "nothing, or raise the threshold of the search above the lowest correlation given here.",
            groups=(cluster[:SHOWN],),
        )


def _labels(cohort: Cohort, similarity: Similarity) -> Iterator[Finding]:
    """Copies of one image that do not have one label; label images are not compared, nor signals that share a stretch
    of time, for what the label speaks of may lie in the rest.
    """
    similarity = replace(similarity, pairs=tuple(pair for pair in similarity.pairs if pair.kind != "overlap"))
    labels = {record: str(cohort.target(record)) for cluster in similarity.clusters() for record in cluster}
    if cohort.columns.target is None or any(names_a_file(label) for label in labels.values()):
        return
    noun = WORDS[similarity.among].noun
    groups = [cluster for cluster in similarity.clusters() if len({labels[record] for record in cluster}) > 1]
    if groups:
        shown = listed(
            (" and ".join(f"{record} ({labels[record]})" for record in group[:3]) for group in groups), most=5
        )
        yield Finding(
            "A-DUPLICATES-LABELS",
            Severity.WARNING,
            f"{counted(len(groups), noun)} that {'is' if len(groups) == 1 else 'are'} stored more than once "
            f"{'has' if len(groups) == 1 else 'have'} more than one label: {shown}. At least one label of each is "
            f"wrong, or the label depends on something that the {noun} does not show.",
            evidence={f"{noun}s with more than one label": len(groups), "records": sum(map(len, groups))},
            remedy=f"Look at each {noun} and correct its label, or leave it out.",
            groups=tuple(groups[:SHOWN]),
        )


def _within(cohort: Cohort, pairs: list[Pair], split: Split | None, words: Words) -> Iterator[Finding]:
    if not pairs:
        return
    place = (
        "on the same side of every fold" if split is not None else "in the cohort; a split must keep each on one side"
    )
    patients = cohort.level("patient") if "patient" in cohort.levels else None
    strangers = [] if patients is None else [one for one in pairs if patients[one.first] != patients[one.second]]
    if patients is not None and strangers:
        both = sorted({tuple(sorted((str(patients[one.first]), str(patients[one.second])))) for one in strangers})
        kept = "They stand on one side of every fold, so that the score is not too good by it, but" if split else "And"
        yield Finding(
            "A-DUPLICATES-TWO-PATIENTS",
            Severity.WARNING,
            f"{counted(len(both), 'pair')} of patients {'shares' if len(both) == 1 else 'share'} {words.shared}: "
            f"{listed((' and '.join(names) for names in both), most=5)}. One person may be there under two names, "
            f"or {words.one} under the wrong one. {kept} a person counts twice, and what stands in the table of one "
            "may belong to the other.",
            evidence={"pairs of patients": len(both), **_kinds(strangers)},
            remedy=f"Find out who they are; give one person one name, or leave out the {words.noun} that is misplaced.",
            groups=_shown(strangers),
        )
    known = {(one.first, one.second) for one in strangers}
    pairs = [one for one in pairs if (one.first, one.second) not in known]
    if not pairs:
        return
    yield Finding(
        "A-DUPLICATES-WITHIN",
        Severity.NOTE,
        f"{counted(len(pairs), 'pair')} of {words.copies} {'stands' if len(pairs) == 1 else 'stand'} {place}. They "
        "do not spoil the score, but a case that is stored twice counts twice.",
        evidence=_kinds(pairs),
        remedy="Drop all but one of each, unless they are wanted.",
        groups=_shown(pairs),
    )


def _passed(cohort: Cohort, similarity: Similarity) -> Finding:
    words = WORDS[similarity.among]
    apart = f"{words.apart}, be it {words.may_be}"
    if "overlap" in similarity.left_out:
        apart = "are the same signal from beginning to end"
    return Finding(
        "A-DUPLICATES-PASSED",
        Severity.PASSED,
        f"No two of {counted(len(cohort), 'record')} {apart}.",
        evidence={"records": len(cohort), "pairs": 0},
        remedy="Nothing to do.",
    )


def _left_out(cohort: Cohort, similarity: Similarity) -> Iterator[Finding]:
    """Too many signals to lay each over each other."""
    if "overlap" in similarity.left_out:
        yield unchecked(
            "DUPLICATES-OVERLAPS",
            f"whether signals share a stretch of time: there are {len(cohort):,}, and of more than {MOST_SIGNALS:,} "
            "not every one is laid over every other",
            "Give the recordings that the signals were cut from, which are fewer, to data.similarity.find_overlaps, or "
            "the signals themselves: for twice as many it takes four times as long. Then give patients who share a "
            "stretch one name.",
            {"signals": len(cohort), "most": MOST_SIGNALS},
        )


def _kinds(pairs: Sequence[Pair]) -> dict[str, object]:
    counts = {f"pairs, {kind}": sum(pair.kind == kind for pair in pairs) for kind in KINDS}
    return {"pairs": len(pairs), **{kind: count for kind, count in counts.items() if count}}


def _shown(pairs: Sequence[Pair]) -> tuple[tuple[str, ...], ...]:
    return tuple((pair.first, pair.second) for pair in pairs[:SHOWN])
