"""A split survives its document unchanged, and a document that is none is refused by name."""

import json

import pytest

from hypercolumn.data.split import Fold, Piece, Split
from hypercolumn.data.split_document import Document, read_document, split_from_dict, split_to_dict
from hypercolumn.errors import CertificateError

SPLIT = Split(
    "regions",
    "region",
    {"Größe 1": (Piece("a", ((0, 4), (2, 6))),), "2": (Piece("b"),)},
    (Fold("fold-1", (Piece("b"),), (), (Piece("a", ((0, 4), (2, 6))),)),),
    seed=7,
    gap={"y": 5, "x": 3},
    notes=("a note",),
)


def test_through_json_and_back():
    again = split_from_dict(json.loads(json.dumps(split_to_dict(SPLIT))))
    assert again == SPLIT
    assert list(again.gap) == ["y", "x"], "the order of the axes is kept"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": "7"}, r"split\.seed is not a whole number"),
        ({"seed": True}, r"split\.seed is not a whole number"),
        ({"extra": 1}, r"split\.extra is not a key"),
        ({"generalises_to": "window"}, "window"),
        ({"units": {"u": [["a", [[0, 1.5]]]]}}, r"split\.units\.u holds"),
        ({"units": {"u": [["a"]]}}, r"split\.units\.u holds"),
        ({"units": {"u": "a"}}, r"split\.units\.u is not a list"),
        ({"folds": [{"name": "f"}]}, r"split\.folds\[0\]\.\w+ is missing"),
        ({"folds": ["f"]}, r"split\.folds\[0\] is not an object"),
        ({"gap": {"z": "2"}}, r"split\.gap\.z is not a whole number"),
        ({"notes": [1]}, r"split\.notes holds something that is not text"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(CertificateError, match=message):
        split_from_dict({**split_to_dict(SPLIT), **change})


def test_a_missing_key_is_named():
    values = split_to_dict(SPLIT)
    del values["seed"]
    with pytest.raises(CertificateError, match=r"split\.seed is missing"):
        split_from_dict(values)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"a": NaN}', '{"a": 1, "a": 1}', "[" * 100_000, '{"a": ' + "9" * 5000 + "}"]
)
def test_strict_json(text):
    with pytest.raises(CertificateError):
        read_document(text)


def test_nothing_is_read_as_something():
    assert Document({"whole": None}).maybe("whole", str) is None
    with pytest.raises(CertificateError, match="whole is not text"):
        Document({"whole": 3}).maybe("whole", str)
