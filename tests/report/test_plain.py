"""The numbers that a machine reads are the numbers that were handed in."""

import json
from dataclasses import fields, is_dataclass

import numpy as np

from hypercolumn.report import Curve, ReportContent, State
from hypercolumn.report.plain import SCHEMA, numbers


def same(plain, value):
    """Whether a plain value says what a value of the content says."""
    if isinstance(value, np.ndarray) and value.ndim > 1:
        return True
    if is_dataclass(value):
        return all(same(plain.get(field.name), getattr(value, field.name)) for field in fields(value))
    if isinstance(value, (tuple, list)):
        return len(plain) == len(value) and all(same(*pair) for pair in zip(plain, value, strict=True))
    if isinstance(value, dict):
        return plain.keys() == value.keys() and all(same(plain[key], entry) for key, entry in value.items())
    return plain == value


def test_everything_but_images_survives_the_way_through_json(clean_content, blocked_content):
    for content in (clean_content, blocked_content):
        read = json.loads(json.dumps(numbers(content), allow_nan=False))
        assert read["schema"] == SCHEMA
        assert same(read, content)


def test_scores_say_their_title_and_whether_they_can_be_interpreted(blocked_content):
    read = numbers(blocked_content)
    assert read["verdict"]["state"] == State.BLOCKING
    for row, plain in zip(blocked_content.scores, read["scores"], strict=True):
        assert plain["score"]["title"] == row.score.title("patient")
        assert plain["score"]["interpretable"] == (row.score.metric not in ("Dice", "IoU"))


def test_no_image_travels(clean_content):
    case = numbers(clean_content)["galleries"][0]["cases"][0]
    assert not {"image", "truth", "prediction"} & set(case)
    assert len(json.dumps(numbers(clean_content))) < 100_000


def test_arrays_and_numpy_numbers_become_plain(clean_content):
    steps = np.arange(3)
    curve = Curve(
        "Fold 1",
        steps,
        np.array([0.5, np.nan, 0.25], np.float32),
        [None, np.float64(0.5), None],
        stopped_at=np.int64(2),
    )
    content = ReportContent("Nuclei", "nuclei", "patient", "2026-03-14", "0.1.0", curves=(curve,))
    read = json.loads(json.dumps(numbers(content), allow_nan=False))["curves"][0]
    assert read["training_loss"] == [0.5, None, 0.25]
    assert read["validation_score"] == [None, 0.5, None]
    assert (read["steps"], read["stopped_at"]) == ([0, 1, 2], 2)


def test_an_undefined_score_is_null_and_keeps_its_reason(clean_content):
    score = numbers(clean_content)["scores"][-1]["score"]
    assert (score["value"], score["low"], score["high"]) == (None, None, None)
    assert score["note"] == "no patient has it in a test fold"
