"""The study file: strict, safe, and helpful about what is wrong with it."""

from pathlib import Path

import pytest

from hypercolumn.data import ClassTarget, InstancesTarget, MaskTarget, NumberTarget
from hypercolumn.errors import DataProblems, StudyFileError
from hypercolumn.study.study_file import parse_study_file, read_study_file

GOOD = """
schema: 1
name: nuclei
data:
  manifest: manifest.csv
  columns:
    input: image
    target: mask
    patient: patient
target: {kind: mask, classes: {background: 0, nucleus: 255}}
generalises_to: patient
"""


def problems(text: str) -> list[str]:
    with pytest.raises(DataProblems) as caught:
        parse_study_file(text)
    return [f"{problem.what} | {problem.where} | {problem.fix}" for problem in caught.value.problems]


def test_a_good_file_is_read_and_comes_back_from_its_resolved_form() -> None:
    asked = parse_study_file(GOOD)
    assert asked.target.target() == MaskTarget(("background", "nucleus"), (0, 255))
    assert parse_study_file(asked.resolved()) == asked


@pytest.mark.parametrize(
    ("wrong", "right", "line"),
    [
        ("generalizes_to: patient\ngeneralises_to", "generalises_to", 11),
        ("traning:\n  minutes: 3\nname", "training", 3),
    ],
)
def test_a_misspelt_key_is_named_with_its_line_and_the_nearest_right_one(wrong: str, right: str, line: int) -> None:
    key = wrong.split("\n")[-1]
    [said] = problems(GOOD.replace(f"{key}:", f"{wrong}:"))
    assert f"did you mean '{right}'" in said
    assert f"line {line}" in said


def test_every_problem_is_said_in_one_pass() -> None:
    text = GOOD.replace("kind: mask", "kind: masc").replace("patient: patient", "patiant: patient") + "seed: -1\n"
    assert len(problems(text)) >= 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("patient: patient\n", "patient: none\n"), "generalises_to: specimen"),
        (("generalises_to: patient", "generalises_to: site"), "needs data.columns.site"),
        (("generalises_to: patient", "generalises_to: region"), "belong together"),
        (("classes: {background: 0, nucleus: 255}", "classes: [background, nucleus]"), "stored values"),
        (("target: mask", "target: none"), "data.columns.target is needed"),
        (("    patient: patient\n", ""), "patient: none"),
        (("schema: 1", "schema: 2"), "schema"),
        (("name: nuclei", "name: ../nuclei"), "name"),
        (("schema: 1", "schema: 1\ntraining: {label_smoothing: 0.1}"), "label_smoothing is for classes"),
        (("schema: 1", "schema: 1\ntraining: {network: mask_rcnn}"), "finds objects"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_words(change: tuple[str, str], said: str) -> None:
    assert any(said in problem for problem in problems(GOOD.replace(*change)))


def test_a_key_that_stands_twice_is_refused() -> None:
    assert "stands twice" in problems(GOOD + "name: other\n")[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just words",
        "- a\n- list\n",
        "a: [1, 2",
        "!!python/object/apply:os.system ['true']",
        "name: !!python/name:os.system ''",
    ],
)
def test_what_is_no_study_is_refused_and_nothing_is_run(text: str) -> None:
    with pytest.raises((StudyFileError, DataProblems)):
        parse_study_file(text)


def test_settings_from_the_command_line_win_over_the_file() -> None:
    asked = parse_study_file(GOOD, overrides=["training.minutes=2.5", "split.folds=3", "training.window=[64, 64]"])
    assert (asked.training.minutes, asked.split.folds, asked.training.window) == (2.5, 3, (64, 64))


@pytest.mark.parametrize("override", ["minutes", "training.minutes", "=3", "training.minuts=3", "a b=1"])
def test_a_setting_that_means_nothing_is_refused(override: str) -> None:
    with pytest.raises((StudyFileError, DataProblems)):
        parse_study_file(GOOD, overrides=[override])


def test_a_missing_file_says_which_verb_writes_one(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match="hypercolumn init"):
        read_study_file(tmp_path / "study.yaml")
    with pytest.raises(StudyFileError, match="hypercolumn init"):
        read_study_file(tmp_path)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_bytes("name: Zürich".encode("latin-1"))
    with pytest.raises(StudyFileError, match="UTF-8"):
        read_study_file(tmp_path / "study.yaml")


def test_kinds_of_targets() -> None:
    instances = parse_study_file(
        GOOD.replace("{kind: mask, classes: {background: 0, nucleus: 255}}", "{kind: instances}")
    )
    assert instances.target.target() == InstancesTarget()
    numbered = parse_study_file(
        GOOD.replace("{kind: mask, classes: {background: 0, nucleus: 255}}", "{kind: class, classes: [0, 1]}")
    )
    assert numbered.target.target() == ClassTarget(("0", "1"))


MASK = "{kind: mask, classes: {background: 0, nucleus: 255}}"


def test_a_number_has_a_unit_and_no_classes() -> None:
    asked = parse_study_file(GOOD.replace(MASK, "{kind: number, unit: mm}"))
    assert asked.target.target() == NumberTarget("mm")
    assert parse_study_file(asked.resolved()) == asked
    assert parse_study_file(GOOD.replace(MASK, "{kind: number}")).target.target() == NumberTarget()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("{kind: number, classes: [small, large]}", "a number has no classes"),
        ("{kind: class, classes: [a, b], unit: mm}", "belongs to kind: number"),
        ("{kind: number, units: mm}", "did you mean 'unit'"),
        ("{kind: number}\ntraining: {imbalance: class-weights}", "a number has none"),
    ],
)
def test_what_a_number_cannot_have_is_refused_in_words(target: str, said: str) -> None:
    assert any(said in problem for problem in problems(GOOD.replace(MASK, target)))


def test_answers_to_checklists_are_kept_and_an_item_that_does_not_exist_is_named() -> None:
    assert parse_study_file(GOOD + "checklist: {TRIPOD+AI 3a: screening, CLAIM 5: retrospective}\n").checklist == {
        "TRIPOD+AI 3a": "screening",
        "CLAIM 5": "retrospective",
    }
    [said] = problems(GOOD + "checklist: {TRIPOD-AI 3a: screening}\n")
    assert "did you mean 'TRIPOD+AI 3a'" in said
