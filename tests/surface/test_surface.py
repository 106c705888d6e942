"""The public list, the rooms, and the code blocks of the documentation."""

import importlib
import importlib.util
import pkgutil
import re
import subprocess
from pathlib import Path

import pytest

import hypercolumn

ROOT = Path(__file__).parents[2]
ROOMS = sorted(module.name for module in pkgutil.iter_modules(hypercolumn.__path__) if module.ispkg)


def test_every_public_name_is_there() -> None:
    for name in hypercolumn.__all__:
        assert getattr(hypercolumn, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        hypercolumn.nonsense  # noqa: B018


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_a_sorted_public_list_that_is_true(room: str) -> None:
    module = importlib.import_module(f"hypercolumn.{room}")
    assert module.__doc__
    assert all(getattr(module, name, None) is not None for name in module.__all__)


def test_every_room_stands_in_the_architecture_and_in_the_import_contract() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    contract = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for room in ROOMS:
        assert f"  {room}/" in page, room
        assert re.search(rf"\b{room}\b", contract), room


def test_every_module_says_what_it_is() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith('"""'), path


def test_there_is_no_room_without_a_subject() -> None:
    names = {path.stem for path in (ROOT / "src").rglob("*.py")}
    assert not names & {"utils", "util", "helpers", "helper", "common", "misc"}


def test_the_verbs_of_the_readme_exist() -> None:
    from hypercolumn.cli import app

    verbs = {command.callback.__name__ for command in app.registered_commands if command.callback}
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\$ hypercolumn ([a-z]+)", text, re.MULTILINE)) <= verbs
    assert set(re.findall(r"^\| `([a-z]+)", text, re.MULTILINE)) == verbs


def test_make_help_names_every_verb() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for verb in ("demo", "test", "test-all", "bench"):
        assert verb in done.stdout


def test_the_examples_of_every_docstring_are_collected() -> None:
    """`**` in a pattern means one folder in Python 3.11: once, only the files at the top were run."""
    spec = importlib.util.spec_from_file_location("root_conftest", ROOT / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    collector = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(collector)
    with_examples = [path for path in (ROOT / "src").rglob("*.py") if ">>> " in path.read_text(encoding="utf-8")]
    assert len(with_examples) > 100
    assert [path for path in with_examples if not collector.examples.should_parse(path)] == []
