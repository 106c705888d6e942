"""How a run tells what it is doing: a bar on a terminal, plain lines elsewhere, nothing in a library.

Lines are `key=value`, one when something was measured and otherwise at most every 30 seconds; no carriage returns, so
that a log of a cluster stays short and still shows that the run lives.
"""

import time
from typing import TYPE_CHECKING, Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from hypercolumn.training import Moment, Watch

EVERY_SECONDS = 30.0


class Watcher(Protocol):
    """Somebody who wants to know."""

    def stage(self, words: str) -> None:
        """Something began."""

    def moment(self, fold: str, moment: "Moment") -> None:
        """A step was made."""

    def close(self) -> None:
        """The run is over, well or not."""


class Silent:
    """Nobody watches."""

    def stage(self, words: str) -> None:
        return

    def moment(self, fold: str, moment: "Moment") -> None:
        return

    def close(self) -> None:
        return


class Lines:
    """Plain lines for a log.

    >>> import sys
    >>> from hypercolumn.training import Moment
    >>> Lines(sys.stdout).moment("fold-1", Moment(step=50, steps=200, training_loss=0.31, validation_loss=0.29))
    fold-1 step=50/200 loss=0.3100 validation=0.2900
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._last = stream, time.monotonic()

    def stage(self, words: str) -> None:
        self._write(words)

    def moment(self, fold: str, moment: "Moment") -> None:
        if (
            moment.validation_loss is None
            and moment.step < moment.steps
            and time.monotonic() - self._last < EVERY_SECONDS
        ):
            return
        measured = "" if moment.validation_loss is None else f" validation={moment.validation_loss:.4f}"
        self._write(f"{fold} step={moment.step}/{moment.steps} loss={moment.training_loss:.4f}{measured}")

    def close(self) -> None:
        self._stream.flush()

    def moment_of(self, fold: str) -> "Watch":
        """For a loop that knows nothing of folds."""
        return lambda moment: self.moment(fold, moment)

    def _write(self, line: str) -> None:
        self._last = time.monotonic()
        self._stream.write(line + "\n")
        self._stream.flush()


class Bar:
    """A bar for a terminal, with the time that is left."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream)
        columns = (
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}  {task.fields[figures]}"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=self._console, transient=False)
        self._tasks: dict[str, TaskID] = {}
        self._validation: dict[str, str] = {}

    def stage(self, words: str) -> None:
        self._console.print(words, highlight=False, style="dim")

    def moment(self, fold: str, moment: "Moment") -> None:
        if fold not in self._tasks:
            self._progress.start()
            self._tasks[fold] = self._progress.add_task(fold, total=moment.steps, figures="")
        if moment.validation_loss is not None:
            self._validation[fold] = f"  validation {moment.validation_loss:.3f}"
        figures = f"loss {moment.training_loss:.3f}{self._validation.get(fold, '')}"
        self._progress.update(self._tasks[fold], completed=moment.step, figures=figures)

    def close(self) -> None:
        self._progress.stop()


def watcher_for(stream: TextIO) -> Watcher:
    """A bar where somebody looks at a terminal, lines elsewhere."""
    return Bar(stream) if stream.isatty() else Lines(stream)
