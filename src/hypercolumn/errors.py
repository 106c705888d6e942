"""The one tree of errors. Each says what is wrong, where, why it matters and how to fix it, and carries a code.

    HypercolumnError            E-INTERNAL      exit 1
    ├── UsageError              E-USAGE         exit 2   the call itself is wrong
    │   ├── InvalidArgument     E-ARGUMENT
    │   ├── MissingExtra        E-EXTRA
    │   └── OutputNotWritable   E-OUTPUT
    ├── DataError               E-DATA          exit 3   the data or the study file is wrong
    │   ├── DataProblems        E-DATA-MANY              every problem of a data set, found in one pass
    │   ├── MissingFile         E-FILE-MISSING
    │   ├── UnreadableFile      E-FILE-UNREADABLE
    │   ├── FileTooLarge        E-FILE-TOO-LARGE
    │   ├── PathOutsideFolder   E-FILE-OUTSIDE
    │   ├── ShapeMismatch       E-SHAPE
    │   ├── ManifestError       E-MANIFEST
    │   ├── LabelError          E-LABEL
    │   ├── StudyFileError      E-STUDY
    │   ├── SplitError          E-SPLIT
    │   ├── CertificateError    E-CERTIFICATE
    │   ├── WeightsError        E-WEIGHTS
    │   └── NetworkError        E-NETWORK
    ├── RunError                E-RUN           exit 1   a run could not go on
    │   └── CheckpointError     E-CHECKPOINT
    ├── GateFailed              E-GATE          exit 4   an audit says that a score must not be believed
    └── Interrupted             E-INTERRUPTED   exit 130

Library code raises these; it never prints, and never warns and goes on about data.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, as a value: what, where, why and how to fix it.

    >>> print(Problem("E-LABEL", "label 3 has no class", where="row 7", fix="add it under target.classes"))
    error[E-LABEL] label 3 has no class
      where  row 7
      fix    add it under target.classes
    """

    code: str
    what: str
    where: str = ""
    why: str = ""
    fix: str = ""

    def __str__(self) -> str:
        lines = [f"error[{self.code}] {self.what}"]
        lines += [f"  {name:<5}  {text}" for name, text in self.details() if text]
        return "\n".join(lines)

    def details(self) -> tuple[tuple[str, str], ...]:
        return ("where", self.where), ("why", self.why), ("fix", self.fix)


class HypercolumnError(Exception):
    """The root. Everything this package raises on purpose is one of these."""

    code = "E-INTERNAL"
    exit_code = 1

    def __init__(self, what: str, *, where: str = "", why: str = "", fix: str = "") -> None:
        self.problem = Problem(self.code, what, where, why, fix)
        super().__init__(str(self.problem))

    def __reduce__(self) -> tuple[object, ...]:
        """Errors cross process borders (two training processes, loader workers) with all they say."""
        return _rebuild, (type(self), self.problem)


def _rebuild(kind: type[HypercolumnError], problem: Problem) -> HypercolumnError:
    error = kind.__new__(kind)
    error.problem = problem
    Exception.__init__(error, str(problem))
    return error


class UsageError(HypercolumnError):
    code = "E-USAGE"
    exit_code = 2


class InvalidArgument(UsageError):
    """An argument has a value that it cannot have.

    >>> raise InvalidArgument("neighbours", 4, fix="give an odd number")
    Traceback (most recent call last):
    hypercolumn.errors.InvalidArgument: error[E-ARGUMENT] neighbours = 4 cannot be used
      fix    give an odd number
    """

    code = "E-ARGUMENT"

    def __init__(self, name: str, value: object, *, why: str = "", fix: str = "") -> None:
        super().__init__(f"{name} = {value!r} cannot be used", why=why, fix=fix)


class MissingExtra(UsageError):
    """A library that only one modality needs is not installed."""

    code = "E-EXTRA"

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an extra that is not installed", fix=f"pip install 'hypercolumn[{extra}]'")


class OutputNotWritable(UsageError):
    code = "E-OUTPUT"


class DataError(HypercolumnError):
    code = "E-DATA"
    exit_code = 3


class DataProblems(DataError):
    """All the problems of one data set, found in one pass."""

    code = "E-DATA-MANY"

    def __init__(self, problems: Sequence[Problem], *, where: str = "") -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} found in the data", where=where)

    def __str__(self) -> str:
        shown = "\n".join(str(problem) for problem in self.problems[:10])
        rest = len(self.problems) - 10
        return shown + (f"\n... and {rest} more" if rest > 0 else "")

    def __reduce__(self) -> tuple[object, ...]:
        return DataProblems, (self.problems,)


class MissingFile(DataError):
    code = "E-FILE-MISSING"


class UnreadableFile(DataError):
    code = "E-FILE-UNREADABLE"


class FileTooLarge(DataError):
    """A file that would take more memory than allowed once decoded; it is refused before memory is taken."""

    code = "E-FILE-TOO-LARGE"


class PathOutsideFolder(DataError):
    code = "E-FILE-OUTSIDE"


class ShapeMismatch(DataError):
    code = "E-SHAPE"


class ManifestError(DataError):
    code = "E-MANIFEST"


class LabelError(DataError):
    code = "E-LABEL"


class StudyFileError(DataError):
    code = "E-STUDY"


class SplitError(DataError):
    code = "E-SPLIT"


class CertificateError(DataError):
    """A certificate that no longer describes the files, or that somebody changed."""

    code = "E-CERTIFICATE"


class WeightsError(DataError):
    """A weights file that was changed, cut off, or belongs to another network."""

    code = "E-WEIGHTS"


class NetworkError(DataError):
    """A network that cannot do what was asked of it: tiled exactly, or seen through by the receptive field."""

    code = "E-NETWORK"


class RunError(HypercolumnError):
    code = "E-RUN"


class CheckpointError(RunError):
    """A checkpoint could not be written or read; the last good one is kept."""

    code = "E-CHECKPOINT"


class GateFailed(HypercolumnError):
    code = "E-GATE"
    exit_code = 4


class Interrupted(HypercolumnError):
    code = "E-INTERRUPTED"
    exit_code = 130
