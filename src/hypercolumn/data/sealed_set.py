"""A sealed test set: whole units set aside once, and every look at them written down.

    head       what was sealed, when, out of which manifest, at what claim
    look n     when, why, with what, and the hash of all that stands before it
    seal       the hash of the last look, or of the head where nobody has looked

The set is chosen by lineage and near-duplicates, as a hold-out is (`splitting`). The records come out of `look` alone,
which first writes the look down and then gives them. Each look's hash covers all before it: a look that was changed or
taken out is an error, and since the seal is printed with every score, one that was cut off at the end no longer fits
what was printed.

What it cannot do: hide files from whoever has them. It keeps count for those who want to be counted, and makes a
forgotten look a false statement instead of an oversight.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hypercolumn.data.assembly import Labels
from hypercolumn.data.cohort import Cohort
from hypercolumn.data.split_document import Document, read_document
from hypercolumn.data.splitting import hold_out
from hypercolumn.data.table import text_of
from hypercolumn.data.writing import write_whole
from hypercolumn.errors import CertificateError, InvalidArgument, OutputNotWritable

SCHEMA = 1
LARGEST = 64 * 2**20
"""A document of more bytes is refused before it is read."""


@dataclass(frozen=True)
class Look:
    """One look: its number from 1, when, why, what was tested (the hash of a network, or a name), and its hash."""

    number: int
    when: str
    why: str
    tested: str
    sha256: str


@dataclass(frozen=True)
class SealedSet:
    """Units with their records and the label that each record had when it was sealed, and the looks since."""

    generalises_to: str
    when: str
    manifest: str
    units: Mapping[str, tuple[str, ...]]
    labels: Mapping[str, str]
    looks: tuple[Look, ...] = ()

    @property
    def records(self) -> tuple[str, ...]:
        return tuple(record for records in self.units.values() for record in records)

    @property
    def seal(self) -> str:
        """The hash that stands for everything so far."""
        return self.looks[-1].sha256 if self.looks else self.head

    @property
    def head(self) -> str:
        """The hash of what was sealed, without the looks."""
        return _hash(self._sealed())

    def open_part(self, cohort: Cohort) -> Cohort:
        """The cohort without the sealed records: all that may be learnt from, looked at and tuned on."""
        hidden = set(self.records)
        return cohort.select(record for record in cohort.records if record not in hidden)

    def write(self, path: Path | str) -> Path:
        """Write it, or what has come to it, in one move."""
        looks = [asdict(look) for look in self.looks]
        document = {"hypercolumn": "sealed test set", "schema": SCHEMA, **self._sealed(), "looks": looks}
        path = Path(path)
        try:
            write_whole(path, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
        except OSError as error:
            raise OutputNotWritable("the sealed set cannot be written", where=str(path), why=str(error)) from None
        return path

    @classmethod
    def read(cls, path: Path | str) -> "SealedSet":
        """Read it and check every hash; CertificateError says what was changed."""
        path = Path(path)
        try:
            if path.stat().st_size > LARGEST:
                raise CertificateError("it is too large to be a sealed set", where=str(path))
            document = read_document(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise CertificateError("the sealed set cannot be read", where=str(path), why=str(error)) from None
        return _parse(document, where=str(path))

    def _sealed(self) -> dict[str, object]:
        return {
            "generalises_to": self.generalises_to,
            "when": self.when,
            "manifest": self.manifest,
            "units": {unit: list(records) for unit, records in self.units.items()},
            "labels": dict(self.labels),
        }


def seal(
    cohort: Cohort,
    *,
    generalises_to: str,
    when: str,
    share: float = 0.2,
    labels: Labels | None = None,
    clusters: Sequence[Sequence[str]] = (),
    seed: int = 0,
) -> SealedSet:
    """Set a share of the units aside, every class on both sides where that can be had; `when` is a date in words.

    Raises what `hold_out` does where no such set can be had.

    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": list("abcdefgh"), "who": list("11223344")})
    >>> cohort = Cohort.from_table(table, Columns(input="image", lineage={"patient": "who"}), folder=".")
    >>> sealed = seal(cohort, generalises_to="patient", when="2026-01-31", share=0.25)
    >>> len(sealed.records), len(sealed.open_part(cohort)), len(sealed.looks)
    (2, 6, 0)
    """
    split = hold_out(
        cohort,
        generalises_to=generalises_to,
        test=share,
        labels=labels,
        clusters=clusters,
        seed=seed,
        validation=0,
    )
    kept = {piece.record for piece in split.folds[0].test}
    units = {unit: tuple(piece.record for piece in pieces) for unit, pieces in split.units.items()}
    chosen = {unit: records for unit, records in units.items() if kept.issuperset(records)}
    given = {record: text_of(cohort.target(record)) for records in chosen.values() for record in records}
    return SealedSet(generalises_to, when, cohort.sha256, chosen, given)


def look(path: Path | str, cohort: Cohort, *, when: str, why: str, tested: str) -> tuple[SealedSet, Cohort]:
    """Write a look down, then give the sealed records: the set as it stands now, and the cohort of its records.

    `why` says what the look is for, `tested` what is tested. Raises CertificateError where the manifest lacks a sealed
    record or gives it another label, or the file was changed; nothing is given then.

    >>> import pandas as pd, tempfile
    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": list("abcdefgh"), "who": list("11223344")})
    >>> cohort = Cohort.from_table(table, Columns(input="image", lineage={"patient": "who"}), folder=".")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = seal(cohort, generalises_to="patient", when="2026-01-31").write(f"{folder}/sealed.json")
    ...     sealed, opened = look(path, cohort, when="2026-02-01", why="final test", tested="run 7")
    ...     len(SealedSet.read(path).looks), sealed.looks[0].number, len(opened)
    (1, 1, 2)
    """
    if not why.strip() or not tested.strip():
        raise InvalidArgument("why", why, fix="say in words why the set is looked at, and what is tested")
    sealed = SealedSet.read(path)
    known = set(cohort.records)
    lacking = [record for record in sealed.records if record not in known]
    changed = [
        record for record in sealed.records if record in known and _label(cohort, record) != sealed.labels[record]
    ]
    if lacking or changed:
        what = f"{len(lacking)} sealed records are not in the manifest" if lacking else "labels were changed since"
        raise CertificateError(what, where=", ".join((lacking or changed)[:5]), fix="give the manifest that was sealed")
    number = len(sealed.looks) + 1
    hashed = _hash({"before": sealed.seal, "number": number, "when": when, "why": why, "tested": tested})
    sealed = replace(sealed, looks=(*sealed.looks, Look(number, when, why, tested, hashed)))
    sealed.write(path)
    return sealed, cohort.select(sealed.records)


def _label(cohort: Cohort, record: str) -> str:
    return text_of(cohort.target(record))


def _parse(document: Document, *, where: str) -> SealedSet:
    document.only({"hypercolumn", "schema", "generalises_to", "when", "manifest", "units", "labels", "looks"})
    if document.text("hypercolumn") != "sealed test set" or document.integer("schema") != SCHEMA:
        raise CertificateError("this is no sealed test set that is known here", where=where)
    units, labels = document.inside("units"), document.inside("labels")
    sealed = SealedSet(
        document.text("generalises_to"),
        document.text("when"),
        document.text("manifest"),
        {unit: units.texts(unit) for unit in units.values},
        {record: labels.text(record) for record in labels.values},
    )
    if set(sealed.labels) != set(sealed.records) or len(set(sealed.records)) != len(sealed.records):
        raise CertificateError("the sealed set was changed: records and labels do not fit", where=where)
    before = sealed.seal
    for place, row in enumerate(document.rows("looks", {"number", "when", "why", "tested", "sha256"}), start=1):
        said = {name: row.text(name) for name in ("when", "why", "tested")}
        hashed = _hash({"before": before, "number": row.integer("number"), **said})
        if row.integer("number") != place or row.text("sha256") != hashed:
            raise CertificateError(
                f"the sealed set was changed after it was written, at or before look {place}",
                where=where,
                why="what stands there does not have the hash that was written with it",
                fix="restore the file",
            )
        sealed = replace(sealed, looks=(*sealed.looks, Look(place, said["when"], said["why"], said["tested"], hashed)))
        before = hashed
    return sealed


def _hash(section: Mapping[str, object]) -> str:
    text = json.dumps(section, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
