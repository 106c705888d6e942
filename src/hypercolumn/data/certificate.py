"""The certificate of a split: what was kept apart, how that was checked, and of which files that is true.

A JSON document, written once beside a run:

    split      kind, claim, seed, gap, every unit with its pieces, every fold with its sides
    counts     records, units and labels on each side of each fold
    checks     every law of a split (see `verification`) and that it held
    clusters   the near-duplicates that were kept together
    manifest   the hash of the manifest's cells
    files      path, size and hashes of every file (see `seals`)
    sealed     where a test set was set aside: its seal, and every look at it (see `sealed_set`)

Each section carries a hash of its own and the document one over all, so that an edit is found and its section named. A
hash is no signature: who rewrites the hashes too is found out by `verify`, which reads the manifest and the files again
and judges the split anew.

Units and records stand under their names in the manifest: use pseudonyms there, not patients' names.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hypercolumn.data.assembly import few
from hypercolumn.data.cohort import Cohort
from hypercolumn.data.sealed_set import SealedSet
from hypercolumn.data.seals import FileSeal, seal_file, sealed_paths, unreadable
from hypercolumn.data.split import Box, Split
from hypercolumn.data.split_document import Document, document_to_split, read_document, split_from_dict, split_to_dict
from hypercolumn.data.verification import Check, judge_split
from hypercolumn.data.writing import write_whole
from hypercolumn.errors import CertificateError, DataProblems, InvalidArgument, OutputNotWritable, Problem

__all__ = ["Certificate", "SideCount", "certify", "split_from_dict", "split_to_dict", "verify"]

SCHEMA = 1
LARGEST_DOCUMENT = 1 << 30
"""Bytes of a certificate that are read at most; a cohort of a million files stays below."""

RESTORE = "restore it from the run, or split and certify again"


@dataclass(frozen=True)
class SideCount:
    """What stands on one side of one fold."""

    fold: str
    side: str
    records: int
    units: int
    labels: Mapping[str, int]


@dataclass(frozen=True)
class SealedTest:
    """A test set that was set aside: its seal, how many units it holds, and when and why each look was."""

    seal: str
    units: int
    looks: tuple[str, ...]

    @classmethod
    def of(cls, sealed: SealedSet | None) -> "SealedTest | None":
        if sealed is None:
            return None
        return cls(sealed.seal, len(sealed.units), tuple(f"{one.when}: {one.why}" for one in sealed.looks))

    def __str__(self) -> str:
        times = "looked at once" if len(self.looks) == 1 else f"looked at {len(self.looks):,} times"
        return f"{self.units:,} units set aside, {times}"


@dataclass(frozen=True)
class Certificate:
    """A split that was checked, with what it was checked on; `manifest` is the cohort's hash."""

    split: Split
    counts: tuple[SideCount, ...]
    checks: tuple[Check, ...]
    clusters: tuple[tuple[str, ...], ...]
    manifest: str
    files: tuple[FileSeal, ...]
    sealed: "SealedTest | None" = None

    @property
    def generalises_to(self) -> str:
        return self.split.generalises_to

    @property
    def sha256(self) -> str:
        """The hash over the whole document: two certificates with one hash say the same."""
        return _hash(self._sections())

    def write(self, path: Path | str) -> Path:
        """Write the document; a file of that name is replaced only once the new one is complete."""
        path = Path(path)
        sections = self._sections()
        seals = {name: _hash(section) for name, section in sections.items()}
        document = {**sections, "seals": seals, "sha256": _hash(sections)}
        text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
        try:
            write_whole(path, text)
        except OSError as error:
            raise OutputNotWritable("the certificate cannot be written", where=str(path), why=str(error)) from None
        return path

    @classmethod
    def read(cls, path: Path | str) -> "Certificate":
        """Read a document and check its seals; CertificateError says what is wrong with it."""
        path = Path(path)
        try:
            if path.stat().st_size > LARGEST_DOCUMENT:
                raise CertificateError("it is too large to be a certificate", where=str(path))
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CertificateError("the certificate cannot be read", where=str(path), why=str(error)) from None
        try:
            return _parse(read_document(text))
        except CertificateError as error:
            said = error.problem
            raise CertificateError(said.what, where=str(path), why=said.why, fix=said.fix or RESTORE) from None

    def _sections(self) -> dict[str, object]:
        return {
            "hypercolumn": "certificate of a split",
            "schema": SCHEMA,
            "split": split_to_dict(self.split),
            "counts": [asdict(count) for count in self.counts],
            "checks": [asdict(check) for check in self.checks],
            "clusters": [list(cluster) for cluster in self.clusters],
            "manifest": self.manifest,
            "files": [asdict(seal) for seal in self.files],
            **({} if self.sealed is None else {"sealed": asdict(self.sealed) | {"looks": list(self.sealed.looks)}}),
        }


def certify(
    split: Split,
    cohort: Cohort,
    *,
    clusters: Sequence[Sequence[str]] = (),
    labels: Mapping[str, Sequence[str]] | None = None,
    target_files: bool = False,
    full: bool = False,
) -> Certificate:
    """Judge a split, look at its files, and write down both.

    `labels` (record to classes) are counted on each side where given; with `target_files` the target column names
    files, which are sealed too; `full` hashes every byte. Takes a `Split` and nothing that merely looks like one.

    Raises DataProblems with every law that the split breaks and every file that cannot be read: no certificate then.

    >>> import pandas as pd
    >>> import tempfile
    >>> from hypercolumn.data.cohort import Columns
    >>> from hypercolumn.data.split import Fold, Piece
    >>> folder = tempfile.TemporaryDirectory()
    >>> for name in "ab":
    ...     _ = (Path(folder.name) / name).write_bytes(b"pixels")
    >>> cohort = Cohort.from_table(pd.DataFrame({"image": ["a", "b"]}), Columns(input="image"), folder=folder.name)
    >>> fold = Fold("hold-out", (Piece("a"),), (), (Piece("b"),))
    >>> split = Split("hold-out", "specimen", {"a": (Piece("a"),), "b": (Piece("b"),)}, (fold,), seed=0)
    >>> certificate = certify(split, cohort)
    >>> verify(certificate, cohort)
    []
    >>> _ = (Path(folder.name) / "b").write_bytes(b"others")
    >>> [problem.what for problem in verify(certificate, cohort)]
    ['b has changed in its first 4 KiB']
    >>> folder.cleanup()
    """
    if type(split) is not Split:
        raise InvalidArgument(
            "split",
            type(split).__name__,
            why="only a split built from lineage can be certified",
            fix="build it with k_folds, hold_out, leave_one_site_out, site_preserving or by_region",
        )
    judged = judge_split(split, cohort, clusters)
    problems = [problem for _, found in judged for problem in found]
    seals: list[FileSeal] = []
    for path, role in sealed_paths(cohort, target_files=target_files):
        try:
            seals.append(seal_file(cohort.folder, path, role=role, full=full))
        except (OSError, ValueError) as error:
            problems.append(unreadable(path, error))
    if problems:
        raise DataProblems(problems, where="the split")
    return Certificate(
        split,
        tuple(_counts(split, labels or {})),
        tuple(check for check, _ in judged),
        tuple(tuple(cluster) for cluster in clusters),
        cohort.sha256,
        tuple(seals),
    )


def verify(certificate: Certificate, cohort: Cohort, *, full: bool = False) -> list[Problem]:
    """Everything in which manifest, files and split no longer are what the certificate says; empty: it holds.

    With `full` every byte is hashed again, for a certificate that was written so.
    """
    split = certificate.split
    problems = list(_manifest_problems(certificate, cohort))
    judged = judge_split(split, cohort, certificate.clusters)
    problems += [problem for _, found in judged for problem in found]
    written = {(count.fold, count.side): (count.records, count.units) for count in certificate.counts}
    if written != {(count.fold, count.side): (count.records, count.units) for count in _counts(split, {})}:
        problems.append(Problem("E-CERTIFICATE", "the counts are not those of the split", "counts"))
    if {check.name: check.passed for check in certificate.checks} != {check.name: check.passed for check, _ in judged}:
        problems.append(Problem("E-CERTIFICATE", "the checks do not come out as they are written down", "checks"))
    sealed = {seal.path for seal in certificate.files}
    target_files = any(seal.role == "target" for seal in certificate.files)
    for path, _ in sealed_paths(cohort, target_files=target_files):
        if path not in sealed:
            problems.append(Problem("E-CERTIFICATE", f"{path} is not in the certificate", "files"))
    return problems + [problem for seal in certificate.files for problem in seal.differs(cohort.folder, full=full)]


def _counts(split: Split, labels: Mapping[str, Sequence[str]]) -> Iterator[SideCount]:
    """A unit counts on a side where a piece of it, or a box that touches one of its cells, stands there."""
    cells: dict[str, list[tuple[str, Box | None]]] = {}
    for unit, pieces in split.units.items():
        for piece in pieces:
            cells.setdefault(piece.record, []).append((unit, piece.box))
    for fold in split.folds:
        for side, pieces in fold.sides():
            records = sorted({piece.record for piece in pieces})
            units = {unit for piece in pieces for unit, box in cells.get(piece.record, ()) if _touch(box, piece.box)}
            found = Counter(name for record in records for name in set(labels.get(record, ())))
            yield SideCount(fold.name, side, len(records), len(units), dict(sorted(found.items())))


def _touch(one: Box | None, other: Box | None) -> bool:
    if one is None or other is None or len(one) != len(other):
        return True
    return all(max(a[0], b[0]) < min(a[1], b[1]) for a, b in zip(one, other, strict=True))


def _manifest_problems(certificate: Certificate, cohort: Cohort) -> Iterator[Problem]:
    if certificate.manifest == cohort.sha256:
        return
    then = {piece.record for pieces in certificate.split.units.values() for piece in pieces}
    now = set(cohort.records)
    said = [
        f"{len(records)} record{'s' if len(records) > 1 else ''} {verb}: {few(sorted(records), most=3)}"
        for records, verb in ((now - then, "added"), (then - now, "gone"))
        if records
    ]
    why = "; ".join(said) or "the records are the same; other cells or roles have changed"
    yield Problem("E-CERTIFICATE", "the manifest is not the one that was split", "manifest", why=why)


def _parse(document: Document) -> Certificate:
    """A certificate from its strict document; the seals are looked at before what they seal."""
    sections = {name: value for name, value in document.values.items() if name not in {"seals", "sha256"}}
    if document.integer("schema") != SCHEMA:
        found = document.integer("schema")
        raise CertificateError(f"schema {found} is not known here, only {SCHEMA}", fix="use the version that wrote it")
    there = {"sealed"} & document.values.keys()
    document.only({"hypercolumn", "schema", *_SECTIONS, *there, "seals", "sha256"})
    seals = document.inside("seals").values
    changed = [name for name in sections if seals.get(name) != _hash(sections[name])]
    if not changed and (document.text("sha256") != _hash(sections) or set(seals) != set(sections)):
        changed = ["seals"]
    if changed:
        why = "what stands there does not have the hash that was written with it"
        raise CertificateError(f"the certificate was changed after it was written, in {few(changed)}", why=why)
    return Certificate(
        document_to_split(document.inside("split")),
        tuple(map(_count, document.rows("counts", {"fold", "side", "records", "units", "labels"}))),
        tuple(map(_check, document.rows("checks", {"name", "passed", "detail"}))),
        document.groups("clusters"),
        document.text("manifest"),
        tuple(map(_seal, document.rows("files", {"path", "role", "size", "header", "blocks", "whole"}))),
        _sealed(document.inside("sealed")) if "sealed" in document.values else None,
    )


def _sealed(document: Document) -> SealedTest:
    document.only({"seal", "units", "looks"})
    return SealedTest(document.text("seal"), document.integer("units"), document.texts("looks"))


_SECTIONS = ("split", "counts", "checks", "clusters", "manifest", "files")


def _count(row: Document) -> SideCount:
    labels = row.inside("labels").integers()
    return SideCount(row.text("fold"), row.text("side"), row.integer("records"), row.integer("units"), labels)


def _check(row: Document) -> Check:
    return Check(row.text("name"), row.maybe("passed", bool), row.text("detail"))


def _seal(row: Document) -> FileSeal:
    hashes = row.text("header"), row.text("blocks"), row.maybe("whole", str)
    return FileSeal(row.text("path"), row.text("role"), row.integer("size"), *hashes)


def _hash(section: object) -> str:
    """Over the canonical text: no spaces, keys in their order."""
    text = json.dumps(section, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
