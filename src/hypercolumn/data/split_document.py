"""A split as plain JSON and back, exactly; and the strict reading of such documents.

    {"kind": ..., "generalises_to": ..., "seed": 0, "gap": {"y": 32, "x": 32}, "notes": [...],
     "units": {"patient 7": ["7-1.png", "7-2.png"]},
     "folds": [{"name": "fold-1", "training": [...], "validation": [...], "test": [...]}]}

A piece is its record, or [record, [[start, stop], ...]] for a box of it; the order of `gap` is the order of a box's
axes. Strict: an unknown key, a key given twice, a number that is none, or text where a number belongs is a
CertificateError that names the place. Hashes and files are `certificate`'s.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hypercolumn.data.split import GENERALISES_TO, SIDES, Box, Fold, Piece, Split
from hypercolumn.errors import CertificateError

Kind = TypeVar("Kind")


def split_to_dict(split: Split) -> dict[str, object]:
    """A split as lists, dictionaries, text and whole numbers.

    >>> fold = Fold("f", (Piece("a"),), (), (Piece("b", ((0, 4), (2, 6))),))
    >>> split_to_dict(Split("hold-out", "region", {}, (fold,), 0))["folds"]
    [{'name': 'f', 'training': ['a'], 'validation': [], 'test': [['b', [[0, 4], [2, 6]]]]}]
    """
    return {
        "kind": split.kind,
        "generalises_to": split.generalises_to,
        "seed": split.seed,
        "gap": dict(split.gap),
        "notes": list(split.notes),
        "units": {unit: _pieces_out(pieces) for unit, pieces in split.units.items()},
        "folds": [
            {"name": fold.name, **{side: _pieces_out(pieces) for side, pieces in fold.sides()}} for fold in split.folds
        ],
    }


def split_from_dict(values: Mapping[str, object]) -> Split:
    """The split that `split_to_dict` wrote; CertificateError names what does not fit.

    >>> split = Split("hold-out", "patient", {"A": (Piece("a"),)}, (Fold("f", (Piece("a"),), (), ()),), 3)
    >>> split_from_dict(split_to_dict(split)) == split
    True
    """
    return document_to_split(Document(dict(values), "split"))


@dataclass(frozen=True)
class Document:
    """A JSON object with the place where it stands; every look at a value says what it has to be."""

    values: Mapping[str, object]
    place: str = ""

    def only(self, known: set[str]) -> None:
        """No key but these, and all of these."""
        for name in self.values:
            if name not in known:
                raise self._wrong(name, "is not a key of this document")
        for name in known:
            if name not in self.values:
                raise self._wrong(name, "is missing")

    def text(self, name: str) -> str:
        return self._typed(name, str)

    def integer(self, name: str) -> int:
        return self._typed(name, int)

    def maybe(self, name: str, kind: type[Kind]) -> Kind | None:
        return None if self.values.get(name) is None else self._typed(name, kind)

    def items(self, name: str) -> list[object]:
        return self._typed(name, list)

    def inside(self, name: str) -> "Document":
        return Document(self._typed(name, dict), self._at(name))

    def rows(self, name: str, known: set[str]) -> "Iterator[Document]":
        """A list of objects that all have these keys."""
        for number, row in enumerate(self.items(name)):
            if not isinstance(row, dict):
                raise self._wrong(f"{name}[{number}]", "is not an object")
            document = Document(row, self._at(f"{name}[{number}]"))
            document.only(known)
            yield document

    def integers(self) -> dict[str, int]:
        return {name: self.integer(name) for name in self.values}

    def texts(self, name: str) -> tuple[str, ...]:
        found = self.items(name)
        if not all(isinstance(item, str) for item in found):
            raise self._wrong(name, "holds something that is not text")
        return tuple(str(item) for item in found)

    def groups(self, name: str) -> tuple[tuple[str, ...], ...]:
        """A list of lists of text."""
        found = self.items(name)
        return tuple(Document({name: group}, self.place).texts(name) for group in found)

    def pieces(self, name: str) -> tuple[Piece, ...]:
        return tuple(self._piece(name, item) for item in self.items(name))

    def _piece(self, name: str, item: object) -> Piece:
        if isinstance(item, str):
            return Piece(item)
        if isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], list):
            ranges = item[1]
            if all(
                isinstance(edge, list) and len(edge) == 2 and all(type(mark) is int for mark in edge) for edge in ranges
            ):
                box: Box = tuple((edge[0], edge[1]) for edge in ranges)
                return Piece(item[0], box)
        raise self._wrong(name, f"holds {str(item)[:40]!r}, which is no record and no box of one")

    def _typed(self, name: str, kind: type[Kind]) -> Kind:
        value = self.values.get(name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self._wrong(name, "is missing" if name not in self.values else f"is not {_WORDS[kind]}")
        return value

    def _at(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name

    def _wrong(self, name: str, what: str) -> CertificateError:
        return CertificateError(f"{self._at(name)} {what}", fix="restore the file from the run, or split again")


def document_to_split(document: Document) -> Split:
    """A split from its strict document.

    >>> document_to_split(Document({"kind": "hold-out"}, "split"))
    Traceback (most recent call last):
    hypercolumn.errors.CertificateError: error[E-CERTIFICATE] split... is missing
      fix    restore the file from the run, or split again
    """
    document.only({"kind", "generalises_to", "seed", "gap", "notes", "units", "folds"})
    claim = document.text("generalises_to")
    if claim not in GENERALISES_TO:
        raise CertificateError(f"{document.place}.generalises_to = {claim!r} is none of {', '.join(GENERALISES_TO)}")
    units = document.inside("units")
    folds = tuple(
        Fold(row.text("name"), *(row.pieces(side) for side in SIDES))
        for row in document.rows("folds", {"name", *SIDES})
    )
    return Split(
        document.text("kind"),
        claim,
        {unit: units.pieces(unit) for unit in units.values},
        folds,
        document.integer("seed"),
        document.inside("gap").integers(),
        document.texts("notes"),
    )


def read_document(text: str) -> Document:
    """Parse JSON as strictly as it can be: no key twice, no NaN, an object at the top.

    >>> read_document('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    hypercolumn.errors.CertificateError: error[E-CERTIFICATE] key 'a' is given twice
    """
    try:
        values = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:  # ValueError: also a number of too many digits
        raise CertificateError("it is not a JSON document", why=str(error)) from None
    if not isinstance(values, dict):
        raise CertificateError("it is not a JSON object")
    return Document(values)


_WORDS: Mapping[type, str] = {
    str: "text",
    int: "a whole number",
    list: "a list",
    dict: "an object",
    bool: "true or false",
}


def _once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise CertificateError(f"key {name!r} is given twice")
        found[name] = value
    return found


def _refuse(constant: str) -> object:
    raise CertificateError(f"{constant} is not a number of JSON")


def _pieces_out(pieces: Sequence[Piece]) -> list[object]:
    return [
        piece.record if piece.box is None else [piece.record, [list(edge) for edge in piece.box]] for piece in pieces
    ]
