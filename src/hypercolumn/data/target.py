"""What an answer means: one small type a meaning.

    ClassTarget        one of several classes                     a column of names
    GradeTarget        one of several ordered grades              a column of names, lowest first
    LabelsTarget       any number of several labels               a column of names joined by ";"
    NumberTarget       a measured number                          a column of numbers
    MaskTarget         a class for each sample of the array       a column of label images
    InstancesTarget    an object number for each sample           a column of instance images, 0 is background

A target knows how to read one cell of a manifest into numbers and says clearly when it cannot. Losses and decoding are
`tasks`; reading files is `readers`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hypercolumn.data.table import text_of
from hypercolumn.errors import InvalidArgument, LabelError


def _nearest(name: str, names: tuple[str, ...]) -> str:
    import difflib

    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}? " if close else ""


@dataclass(frozen=True)
class ClassTarget:
    """One of several classes.

    >>> ClassTarget(("benign", "malignant")).parse("malignant")
    1
    """

    classes: tuple[str, ...]
    kind = "class"

    def __post_init__(self) -> None:
        _check_classes(self.classes)

    def parse(self, cell: object) -> int:
        name = _as_name(cell)
        if name not in self.classes:
            hint = _nearest(name, self.classes)
            raise LabelError(
                f"label {name!r} is not one of the classes {', '.join(self.classes)}",
                fix=f"{hint}add it under target.classes, or correct the manifest",
            )
        return self.classes.index(name)


@dataclass(frozen=True)
class GradeTarget(ClassTarget):
    """One of several ordered grades, lowest first: the distance between two grades means something.

    >>> GradeTarget(("none", "mild", "severe")).parse("mild")
    1
    """

    kind = "grade"


@dataclass(frozen=True)
class LabelsTarget:
    """Any number of several labels; the cell joins their names by a semicolon, and ";" alone says that there is none.

    >>> LabelsTarget(("oedema", "effusion", "nodule")).parse("nodule;oedema")
    array([1., 0., 1.], dtype=float32)
    """

    classes: tuple[str, ...]
    kind = "labels"

    def __post_init__(self) -> None:
        _check_classes(self.classes, least=1)

    def parse(self, cell: object) -> np.ndarray:
        present = np.zeros(len(self.classes), dtype=np.float32)
        for name in filter(None, (part.strip() for part in text_of(cell).split(";"))):
            if name not in self.classes:
                raise LabelError(
                    f"label {name!r} is not one of {', '.join(self.classes)}",
                    fix=f"{_nearest(name, self.classes)}add it under target.classes, or correct the manifest",
                )
            present[self.classes.index(name)] = 1
        return present


@dataclass(frozen=True)
class NumberTarget:
    """A measured number with its unit.

    >>> NumberTarget(unit="mm").parse("3.5")
    3.5
    """

    unit: str = ""
    kind = "number"

    def parse(self, cell: object) -> float:
        try:
            value = float(_as_name(cell))
        except ValueError:
            raise LabelError(
                f"{cell!r} is not a number", fix="correct the manifest; the decimal sign is a point"
            ) from None
        if not np.isfinite(value):
            raise LabelError(f"{cell!r} is not a finite number", fix="correct the manifest, or leave the record out")
        return value


@dataclass(frozen=True)
class MaskTarget:
    """A class for each sample; `values` says which stored value means which class.

    >>> target = MaskTarget.from_mapping({"background": 0, "nucleus": 255})
    >>> target.encode(np.array([[0, 255], [255, 0]], dtype=np.uint8))
    array([[0, 1],
           [1, 0]], dtype=uint8)
    """

    classes: tuple[str, ...]
    values: tuple[int, ...]
    kind = "mask"

    def __post_init__(self) -> None:
        _check_classes(self.classes)
        if len(self.values) != len(self.classes) or len(set(self.values)) != len(self.values):
            raise InvalidArgument("values", self.values, fix="give each class a stored value of its own")

    @classmethod
    def from_mapping(cls, classes: Mapping[str, int]) -> "MaskTarget":
        return cls(tuple(classes), tuple(classes.values()))

    def encode(self, labels: np.ndarray, *, where: str = "") -> np.ndarray:
        """Stored values (*space) to class indices (*space), uint8; a value without a class is an error."""
        found = np.unique(labels)
        unknown = sorted(set(found.tolist()) - set(self.values))
        if unknown:
            shown = ", ".join(str(value) for value in unknown[:8]) + (" ..." if len(unknown) > 8 else "")
            many = (
                " (so many values are often a photograph or an instance map: see target.kind)"
                if len(unknown) > 8
                else ""
            )
            raise LabelError(
                f"label image holds values without a class: {shown}{many}",
                where=where,
                fix="list them under target.classes, or correct the file",
            )
        encoded = np.zeros(labels.shape, dtype=np.uint8)
        for index, value in enumerate(self.values):
            encoded[labels == value] = index
        return encoded


@dataclass(frozen=True)
class InstancesTarget:
    """An object number for each sample, 0 for background.

    >>> InstancesTarget(("background", "nucleus")).encode(np.array([[0, 7], [300, 0]]))
    array([[0, 1],
           [1, 0]], dtype=uint8)
    """

    classes: tuple[str, str] = ("background", "object")
    kind = "instances"

    def __post_init__(self) -> None:
        _check_classes(self.classes)

    def encode(self, labels: np.ndarray, *, where: str = "") -> np.ndarray:
        """Object numbers (*space) to background 0 and object 1, uint8."""
        if labels.dtype.kind == "f" or (labels.size and labels.min() < 0):
            raise LabelError(
                "an instance map holds whole numbers from 0", where=where, fix="store it as 8- or 16-bit integers"
            )
        return (labels > 0).astype(np.uint8)


Target = ClassTarget | GradeTarget | LabelsTarget | NumberTarget | MaskTarget | InstancesTarget


def _as_name(cell: object) -> str:
    """A class name as text."""
    name = text_of(cell)
    if not name:
        raise LabelError("the label is missing", fix="fill it in, or leave the record out of the manifest")
    return name


def _check_classes(classes: tuple[str, ...], *, least: int = 2) -> None:
    if len(classes) < least or len(set(classes)) != len(classes):
        raise InvalidArgument("classes", classes, fix=f"give at least {least} classes, each with a name of its own")
