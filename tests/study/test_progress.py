"""Progress: short in a log, a bar on a terminal, nothing in a library."""

import io

import pytest

from hypercolumn.study.progress import Bar, Lines, Silent, watcher_for
from hypercolumn.training import Moment


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_one_line_a_measurement_and_no_carriage_return() -> None:
    log = io.StringIO()
    lines = watcher_for(log)
    assert isinstance(lines, Lines)
    for step in range(1, 1001):
        lines.moment("fold-1", Moment(step, 1000, 0.5, 0.4 if step % 250 == 0 else None))
    lines.close()
    assert log.getvalue().count("\n") == 4
    assert "\r" not in log.getvalue()


def test_a_log_is_not_silent_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr("hypercolumn.study.progress.time.monotonic", lambda: float(next(clock)))
    log = io.StringIO()
    lines = Lines(log)
    for step in range(1, 40):
        lines.moment("fold-1", Moment(step, 1000, 0.5))
    assert 5 <= log.getvalue().count("\n") <= 20


def test_a_terminal_gets_a_bar_with_the_figures() -> None:
    terminal = Terminal()
    bar = watcher_for(terminal)
    assert isinstance(bar, Bar)
    bar.stage("splitting")
    bar.moment("fold-1", Moment(5, 10, 0.1234, 0.4321))
    bar.close()
    assert "splitting" in terminal.getvalue()
    assert "loss 0.123" in terminal.getvalue()


def test_a_library_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    silent = Silent()
    silent.stage("splitting")
    silent.moment("fold-1", Moment(5, 10, 0.1))
    silent.close()
    assert capsys.readouterr() == ("", "")
