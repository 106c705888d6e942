"""Everything that can be known before training: the files, the labels, the lineage, the copies, the split.

    manifest -> files -> copies -> units -> split -> certificate -> findings

No torch is needed, so a cohort is checked in a blink on a laptop. A cluster of look-alikes that would join many units
is shown before it is obeyed: the check stops until the study file says what to do with it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from hypercolumn import audit
from hypercolumn.audit import Finding
from hypercolumn.audit.wording import unchecked
from hypercolumn.data import (
    Certificate,
    Cohort,
    Similarity,
    Split,
    by_region,
    certify,
    correlation_length,
    find_copies,
    hold_out,
    inspect_files,
    k_folds,
    large_clusters,
    leave_one_site_out,
    units_of,
)
from hypercolumn.data.border import background_features, border_features, foreground
from hypercolumn.data.glyphs import glyphs
from hypercolumn.data.site_preserving import site_preserving
from hypercolumn.errors import DataProblems, GateFailed, SplitError
from hypercolumn.study.balancing import balanced_labels, require_differences
from hypercolumn.study.material import Material
from hypercolumn.study.study_file import SplitSection, StudyFile

FEWEST_BEHIND = 0.8
"""The share of the images that must have a background before labels are read from it."""


@dataclass(frozen=True)
class Preflight:
    """What was found before training."""

    material: Material
    similarity: Similarity
    split: Split
    certificate: Certificate
    findings: tuple[Finding, ...]

    @property
    def cohort(self) -> Cohort:
        return self.material.cohort


def open_material(cohort: Cohort, asked: StudyFile, *, workers: int = 2) -> Material:
    """Open every file once. Raises DataProblems with everything that is wrong."""
    target = asked.target.target()
    inspection = inspect_files(cohort, target, workers=workers)
    if inspection.problems:
        raise DataProblems(inspection.problems, where=str(asked.data.manifest))
    return Material(cohort, target, dict(inspection.headers))


def preflight(
    material: Material,
    asked: StudyFile,
    *,
    network_fields: tuple[int, ...] = (),
    full: bool = False,
    stage: Callable[[str], None] = lambda words: None,
) -> Preflight:
    """Look for copies, split, certify and audit.

    `network_fields` are how far the networks that could be planned see, the farthest first: the least gap of a split by
    region is that of the first for which the image is large enough. Raises GateFailed where a
    cluster of look-alikes waits for the user's word, SplitError where no split can be had.
    """
    cohort = material.cohort
    require_differences(material, cohort.records, where=f"column {cohort.columns.target!r}")
    regions = asked.split.kind == "regions"
    stage(f"looking for copies among {len(cohort):,} records")
    similarity = find_copies(cohort, material.image)
    units = units_of(cohort, generalises_to="specimen" if regions else asked.generalises_to)
    large = large_clusters(similarity, units)
    if large and asked.split.join_large_clusters is None and not regions:
        raise GateFailed(
            f"{len(large)} cluster{'s' if len(large) > 1 else ''} of look-alikes would join many units",
            where="; ".join(
                f"{len(cluster)} records: {', '.join(cluster[:4])}{' ...' if len(cluster) > 4 else ''}"
                for cluster in large[:5]
            ),
            why="copies must stay on one side, but records that only look alike (blank tiles, test signals) need not",
            fix="look at them, then say --set split.join_large_clusters=true (copies) or =false (no copies)",
        )
    obeyed = [
        cluster
        for cluster in similarity.clusters()
        if asked.split.join_large_clusters is not False or cluster not in set(large)
    ]
    stage("splitting")
    clusters = tuple(obeyed)
    labels = balanced_labels(material, asked, clusters=clusters)
    split = make_split(material, asked, labels=labels, clusters=clusters, network_fields=network_fields)
    for fold in split.folds:
        require_differences(material, (piece.record for piece in fold.training), where=f"training side of {fold.name}")
    certificate = certify(split, cohort, clusters=clusters, target_files=material.dense, labels=labels, full=full)
    stage("reading the labels from where they should not be")
    findings = (
        *audit.lineage(cohort, split),
        *audit.duplicates(cohort, similarity, split, units=units),
        *readings(material, split, seed=asked.seed),
        *audit.not_checked(),
    )
    return Preflight(material, similarity, split, certificate, findings)


def readings(material: Material, split: Split, *, seed: int) -> Iterator[Finding]:
    """Labels that metadata tell, training on the future where a batch column is called a date, and, for answers that
    are no image, labels that the border, the background or burnt-in text tell. A signal has no border: its ends show
    what its middle shows.
    """
    cohort, headers = material.cohort, material.headers
    shapes = {record: header.shape for record, header in headers.items()}
    alike = len({len(shape) for shape in shapes.values()}) == 1
    yield from audit.metadata_shortcut(cohort, shapes if alike else None, seed=seed)
    for column in cohort.columns.batch:
        if "date" in column.lower():
            yield from audit.time_order(cohort, split, column=column)
    if material.dense:
        return
    if any(len(shape) == 2 for shape in shapes.values()):
        yield unchecked(
            "BACKGROUND",
            "whether the labels can be read from where the disease is not, for the ends of a signal show as much of it "
            "as its middle",
            "Give numbers of stretches that are known to be without the disease to audit.background.",
        )
        return
    planar = all(len(header.shape) == 3 for header in headers.values())
    border: dict[str, np.ndarray] = {}
    behind: dict[str, np.ndarray] = {}
    letters: dict[str, np.ndarray] = {}
    for record in cohort.records:
        image = material.image(record)
        border[record] = border_features(image)
        before = foreground(image)
        everywhere = np.ones(image.shape[1:], dtype=bool)
        behind[record] = background_features(image, everywhere if before is None else before)
        if planar:
            letters[record] = glyphs(image)
    yield from audit.background(cohort, border, seed=seed)
    if sum(bool(np.isfinite(one).any()) for one in behind.values()) < FEWEST_BEHIND * len(behind):
        behind = {record: np.full_like(one, np.nan) for record, one in behind.items()}
    yield from audit.background(cohort, behind, where="the background", seed=seed)
    if planar:
        yield from audit.burnt_in_text(cohort, letters, seed=seed)


def make_split(
    material: Material,
    asked: StudyFile,
    *,
    labels: Mapping[str, tuple[str, ...]],
    clusters: tuple[tuple[str, ...], ...],
    network_fields: tuple[int, ...],
) -> Split:
    """The split that the study file asks for, balanced over `labels`."""
    cohort, section, seed = material.cohort, asked.split, asked.seed
    validation, speaks_of = section.validation, asked.generalises_to
    if section.kind == "folds":
        return k_folds(
            cohort,
            generalises_to=speaks_of,
            folds=section.folds,
            labels=labels,
            clusters=clusters,
            seed=seed,
            validation=validation,
        )
    if section.kind == "hold-out":
        return hold_out(
            cohort,
            generalises_to=speaks_of,
            test=section.test,
            labels=labels,
            clusters=clusters,
            seed=seed,
            validation=validation,
        )
    if section.kind == "leave-one-site-out":
        return leave_one_site_out(cohort, labels=labels, clusters=clusters, seed=seed, validation=validation)
    if section.kind == "site-preserving":
        return site_preserving(
            cohort,
            folds=section.folds,
            labels=labels,
            clusters=clusters,
            time_limit=section.time_limit,
            seed=seed,
            validation=validation,
        )
    return _regions(material, section, clusters, network_fields, seed)


def _regions(
    material: Material,
    section: SplitSection,
    clusters: tuple[tuple[str, ...], ...],
    network_fields: tuple[int, ...],
    seed: int,
) -> Split:
    """A split by region with a gap no smaller than what the network sees and what the image's own correlation spans."""
    cohort = material.cohort
    shapes = {record: header.shape[1:] for record, header in material.headers.items()}
    axes = next(iter(material.headers.values())).axes

    def split(gap: dict[str, int]) -> Split:
        return by_region(
            cohort,
            folds=section.folds,
            gap=gap,
            shapes=shapes,
            axes=axes,
            clusters=clusters,
            validation=section.validation,
            seed=seed,
        )

    if section.gap != "auto":
        return split(dict(section.gap))
    if cohort.columns.position is not None:
        return split({"z": _stack_correlation(material)})
    lengths = {
        name: int(np.median([_correlation(material.image(record), axis) for record in cohort.records[:8]]))
        for axis, name in enumerate(axes)
    }
    for network_field in network_fields[:-1]:
        try:
            return split({name: max(network_field, length) for name, length in lengths.items()})
        except SplitError:
            continue
    return split({name: max(*network_fields[-1:], length) for name, length in lengths.items()})


def _correlation(image: np.ndarray, axis: int) -> int:
    return correlation_length(image.mean(0), axis=axis)


def _stack_correlation(material: Material) -> int:
    """The correlation length along z of a stack whose slices are records, measured on a coarse grid."""
    cohort = material.cohort
    assert cohort.columns.position is not None
    order = cohort.table[cohort.columns.position].astype(float).sort_values().index
    slices = [material.image(str(record)).mean(0)[::4, ::4] for record in order]
    if len({array.shape for array in slices}) != 1:
        raise SplitError("the slices of the stack differ in size", fix="name each stack in data.columns.specimen")
    return correlation_length(np.stack(slices), axis=0)
