"""Look at every file of a cohort, decode it fully, and say all that is wrong in one pass.

    of a file     missing, outside the folder, unreadable or cut off, larger than allowed, NaN or infinite pixels
    of a label    missing, of another size than its image, a value or a name that is no class
    of a cohort   records whose axes, number of channels or type differ from those of the most

Nothing is raised for bad data: problems are values, in the order of the manifest, and the same whatever the number of
threads. A blank image is no problem: real data hold them. What only the manifest can get wrong is found by `Cohort`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from hypercolumn.data.answers import label_image
from hypercolumn.data.cohort import Cohort
from hypercolumn.data.readers import LIMIT_BYTES, Header, read_header, read_image, within
from hypercolumn.data.readers.header import grant
from hypercolumn.data.table import text_of
from hypercolumn.data.target import InstancesTarget, MaskTarget, Target
from hypercolumn.errors import DataError, DataProblems, Problem, ShapeMismatch

_NAMED_AT_MOST = 8


@dataclass(frozen=True)
class Inspection:
    """All the problems of a cohort's files, and the header, as decoded, of each record whose image could be read."""

    problems: tuple[Problem, ...]
    headers: Mapping[str, Header]

    def raise_if_any(self, *, where: str = "") -> None:
        """Raise DataProblems where there are any."""
        if self.problems:
            raise DataProblems(self.problems, where=where)


def inspect_files(
    cohort: Cohort, target: Target | None = None, *, workers: int = 2, limit_bytes: int = LIMIT_BYTES
) -> Inspection:
    """Decode every image and label of a cohort in threads, and collect what is wrong with them.

    >>> import tempfile
    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "a.npy", np.zeros((4, 6), dtype=np.uint8))
    ...     table = pd.DataFrame({"image": ["a.npy", "b.npy"]})
    ...     found = inspect_files(Cohort.from_table(table, Columns(input="image"), folder=folder))
    >>> print(found.problems[0])
    error[E-FILE-MISSING] the file does not exist
      where  record b.npy
      fix    correct the path, or leave the record out
    >>> found.headers["a.npy"].shape
    (1, 4, 6)
    """
    with ThreadPoolExecutor(max_workers=max(1, workers)) as threads:
        looks = list(threads.map(lambda record: _look(cohort, target, record, limit_bytes), cohort.records))
    headers = {
        record: look.header for record, look in zip(cohort.records, looks, strict=True) if look.header is not None
    }
    problems = _told_once(problem for look in looks for problem in look.problems)
    return Inspection((*problems, *_minorities(headers)), headers)


def _told_once(problems: Iterable[Problem]) -> list[Problem]:
    """Without what another record already told of the same file: one file may hold the labels of many."""
    first: dict[tuple[str, str], Problem] = {}
    for problem in problems:
        _, _, place = problem.where.partition(": ")
        first.setdefault((problem.what, place or problem.where), problem)
    return list(first.values())


MOST_OF_A_FILE = 3
"""Problems of one file that are named; the others are counted."""


@dataclass
class _Look:
    """What one record gave."""

    record: str
    folder: Path
    header: Header | None = None
    problems: list[Problem] = field(default_factory=list)

    @contextmanager
    def at(self, *files: Path) -> Iterator[None]:
        """Turn an error about these files into a problem of this record."""
        try:
            yield
        except DataError as error:
            names = "; ".join(self.name_of(file) for file in files)
            place = f"record {self.record}" + (f": {names}" if names and names != self.record else "")
            if isinstance(error, DataProblems):
                each = list(error.problems)
                self.problems += [replace(one, where=f"{place}: {one.where}") for one in each[:MOST_OF_A_FILE]]
                if len(each) > MOST_OF_A_FILE:
                    rest = len(each) - MOST_OF_A_FILE
                    self.problems.append(replace(each[0], what=f"and {rest:,} more problems", why="", where=place))
                return
            self.problems.append(replace(error.problem, where=place))

    def name_of(self, file: Path) -> str:
        """The file as the manifest names it, or its name alone where it lies elsewhere."""
        return str(file.relative_to(self.folder)) if file.is_relative_to(self.folder) else file.name


def _look(cohort: Cohort, target: Target | None, record: str, limit_bytes: int) -> _Look:
    look = _Look(record, cohort.folder)
    _look_at_image(look, cohort, limit_bytes)
    if target is None or cohort.columns.target is None:
        return look
    if isinstance(target, MaskTarget | InstancesTarget):
        _look_at_labels(look, cohort, target, limit_bytes)
    else:
        with look.at():
            target.parse(cohort.target(record))
    return look


def _look_at_image(look: _Look, cohort: Cohort, limit_bytes: int) -> None:
    """Each file of a record by itself, then whether they make one image."""
    files = cohort.inputs(look.record)
    channels: list[tuple[str, ...]] = []
    count = 0
    for file in files:
        with look.at(file):
            sample = read_image(within(cohort.folder, file), limit_bytes=limit_bytes)
            _check_finite(sample.array)
            channels.append(sample.channels)
            count += sample.array.shape[0]
            del sample
    if len(channels) < len(files):
        return
    with look.at(*files):
        header = read_header(files)
        names = channels[0] if len(files) == 1 else header.channels
        header = replace(header, shape=(count, *header.space), channels=names if len(names) == count else ())
        grant(header.nbytes, limit_bytes, where=look.record)
        look.header = header


def _look_at_labels(look: _Look, cohort: Cohort, target: MaskTarget | InstancesTarget, limit_bytes: int) -> None:
    cell = text_of(cohort.target(look.record))
    if not cell:
        look.problems.append(
            Problem(
                "E-LABEL", "the label is missing", f"record {look.record}", fix="name its file, or leave the record out"
            )
        )
        return
    file = cohort.folder / cell
    with look.at(file):
        space = look.header.space if look.header is not None else ()
        labels = label_image(
            within(cohort.folder, file),
            space=space,
            names=target.classes[1:],
            image=cohort.inputs(look.record)[0].name,
            limit_bytes=limit_bytes,
        )
        with look.at(file):
            target.encode(labels)
        if look.header is not None and labels.shape != look.header.space:
            raise ShapeMismatch(
                f"the label image has {_by(labels.shape)} and its image {_by(look.header.space)}",
                why="a label is needed for each pixel of the image, and for nothing else",
                fix="pair each image with its own label image, at the same size",
            )


def _check_finite(array: np.ndarray) -> None:
    if array.dtype.kind != "f":
        return
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        raise DataError(
            f"{bad} value{'s are' if bad > 1 else ' is'} NaN or infinite",
            why="one such value spoils every sum that it enters",
            fix="replace them in the file, or leave the record out",
        )


def _minorities(headers: Mapping[str, Header]) -> Iterator[Problem]:
    """Records that are of another kind than most; on a tie the kind that comes first counts as the usual one."""
    kinds: tuple[tuple[str, Callable[[Header], str]], ...] = (
        ("axes", lambda header: ", ".join(header.axes)),
        ("number of channels", lambda header: f"{header.shape[0]}"),
        ("type", lambda header: header.dtype.name),
    )
    for what, kind in kinds:
        groups: dict[str, list[str]] = {}
        for record, header in headers.items():
            groups.setdefault(kind(header), []).append(record)
        usual = max(groups, key=lambda value: len(groups[value]), default="")
        for value, records in groups.items():
            if value != usual:
                yield Problem(
                    ShapeMismatch.code,
                    f"the {what} of {_count(records)} is {value}; that of {_count(groups[usual])} is {usual}",
                    where=_some(records),
                    why="one network reads one kind of array",
                    fix="convert them to the usual kind, or leave them out",
                )


def _count(records: Sequence[str]) -> str:
    return f"{len(records)} record{'s' if len(records) != 1 else ''}"


def _some(records: Sequence[str]) -> str:
    rest = len(records) - _NAMED_AT_MOST
    return ", ".join(records[:_NAMED_AT_MOST]) + (f" and {rest} more" if rest > 0 else "")


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
