import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.detection import (
    FoundBoxes,
    average_precision_by_class,
    compare_boxes,
    mean_average_precision,
)
from hypercolumn.evaluation.intervals import interval

TRUE = np.array([[0.0, 0, 10, 10], [50, 50, 60, 60], [100, 0, 110, 10]])


def image(found: np.ndarray, scores: list[float], true: np.ndarray = TRUE, **more: object) -> FoundBoxes:
    return compare_boxes(found, true, scores=np.array(scores), **more)


def drawn(seed: int, images: int = 6, kinds: int = 2) -> list[FoundBoxes]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(images):
        count = int(rng.integers(0, 6))
        corner = rng.uniform(0, 100, (count, 2))
        true = np.concatenate([corner, corner + rng.uniform(10, 40, (count, 2))], axis=1)
        tried = np.repeat(true, 2, axis=0) + rng.normal(0, 3, (2 * count, 4))
        found.append(
            compare_boxes(
                tried,
                true,
                scores=rng.random(2 * count),
                found_classes=rng.integers(kinds, size=2 * count),
                true_classes=rng.integers(kinds, size=count),
                ignored=rng.random(count) < 0.2,
            )
        )
    return found


def test_all_found_exactly_is_one_and_nothing_found_is_zero() -> None:
    assert average_precision_by_class([image(TRUE, [0.9, 0.8, 0.7])]).tolist() == [[1.0] * 10]
    assert average_precision_by_class([image(np.zeros((0, 4)), [])]).tolist() == [[0.0] * 10]


def test_a_curve_by_hand() -> None:
    """Right, wrong, right, wrong of three true objects: precision 1 up to recall 1/3, then 2/3 up to 2/3, then nothing.

    Recalls 0 to 0.33 are 34 of the 101, those up to 0.66 another 33: (34 + 33 * 2/3) / 101.
    """
    found = np.concatenate([TRUE[:1], TRUE[:1] + 30, TRUE[1:2], TRUE[1:2] + 300])
    value = average_precision_by_class([image(found, [0.9, 0.8, 0.7, 0.6])], thresholds=(0.5,)).item()
    assert value == pytest.approx((34 + 33 * 2 / 3) / 101)


def test_images_share_one_list_of_scores() -> None:
    """A false alarm in another image, of a higher score, halves the precision of the only hit."""
    first, second = image(TRUE[:1], [0.5], TRUE[:1]), image(TRUE[:1], [0.9], np.zeros((0, 4)))
    assert average_precision_by_class([first, second], thresholds=(0.5,)).item() == pytest.approx(0.5)


def test_a_second_hit_of_one_object_is_a_false_alarm() -> None:
    found = np.concatenate([TRUE[:1], TRUE[:1], TRUE[1:]])
    value = average_precision_by_class([image(found, [0.9, 0.8, 0.7, 0.6])], thresholds=(0.5,)).item()
    assert value == pytest.approx((34 * 1 + 67 * 3 / 4) / 101)


def test_iou_of_0_7_counts_up_to_0_7() -> None:
    found = image(np.array([[0.0, 0, 10, 7]]), [0.9], TRUE[:1])
    assert average_precision_by_class([found])[0].tolist() == [1.0] * 5 + [0.0] * 5


def test_what_lies_in_an_ignored_region_is_neither_right_nor_wrong() -> None:
    """Three boxes within a crowd, above the hit in score: without the mark they would be three false alarms."""
    crowd = np.array([[40.0, 40, 80, 80]])
    true = np.concatenate([TRUE[:1], crowd])
    inside = np.array([[42.0, 42, 52, 52], [60, 60, 70, 70], [62, 62, 70, 70]])
    found = np.concatenate([inside, TRUE[:1]])
    marked = image(found, [0.9, 0.8, 0.7, 0.6], true, ignored=np.array([False, True]))
    assert average_precision_by_class([marked], thresholds=(0.5,)).item() == 1.0
    unmarked = image(found, [0.9, 0.8, 0.7, 0.6], TRUE[:1])
    assert average_precision_by_class([unmarked], thresholds=(0.5,)).item() == pytest.approx(0.25)


def test_the_region_of_another_class_excuses_nothing() -> None:
    crowd = np.array([[40.0, 40, 80, 80]])
    found = image(
        np.concatenate([np.array([[42.0, 42, 78, 78]]), TRUE[:1]]),
        [0.9, 0.6],
        np.concatenate([TRUE[:1], crowd]),
        ignored=np.array([False, True]),
        true_classes=np.array([0, 1]),
    )
    assert average_precision_by_class([found], classes=2, thresholds=(0.5,))[0].item() == pytest.approx(0.5)


def test_classes_are_counted_apart_and_one_without_objects_is_undefined() -> None:
    found = image(TRUE, [0.9, 0.8, 0.7], found_classes=np.array([0, 1, 1]), true_classes=np.array([0, 1, 0]))
    table = average_precision_by_class([found], classes=3, thresholds=(0.5,))
    assert table[:, 0].tolist()[:2] == pytest.approx([51 / 101, 1.0])
    assert np.isnan(table[2, 0])
    assert float(mean_average_precision(table)) == pytest.approx((51 / 101 + 1) / 2)
    assert np.isnan(mean_average_precision(table[2:]))


def test_only_the_best_of_an_image_count() -> None:
    found = image(np.concatenate([TRUE[1:2] + 300, TRUE]), [0.1, 0.9, 0.8, 0.7])
    assert average_precision_by_class([found], thresholds=(0.5,), most=3).item() == 1.0
    assert average_precision_by_class([found], thresholds=(0.5,), most=1).item() == pytest.approx(34 / 101)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_ap_falls_with_the_threshold_and_lies_within_0_and_1(seed: int) -> None:
    table = average_precision_by_class(drawn(seed), classes=2)
    known = table[~np.isnan(table[:, 0])]
    assert ((known >= 0) & (known <= 1)).all()
    assert (np.diff(known, axis=1) <= 1e-12).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_only_the_order_of_scores_matters(seed: int) -> None:
    images = drawn(seed)
    squeezed = [
        FoundBoxes(i.iou, np.log1p(i.scores) / 7, i.found_classes, i.true_classes, i.covered, i.ignored_classes)
        for i in images
    ]
    np.testing.assert_array_equal(
        average_precision_by_class(images, classes=2), average_precision_by_class(squeezed, classes=2)
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_weight_of_two_is_the_image_twice_and_of_zero_its_absence(seed: int) -> None:
    images = drawn(seed, images=4)
    weights = np.array([[1.0, 2.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    weighted = average_precision_by_class(images, classes=2, weights=weights)
    repeated = average_precision_by_class([images[0], images[1], images[1], images[3]], classes=2)
    np.testing.assert_allclose(weighted[0], repeated)
    np.testing.assert_allclose(weighted[1], average_precision_by_class(images, classes=2))


def test_an_interval_over_images() -> None:
    images = drawn(3, images=40)
    found = interval(
        lambda weights: mean_average_precision(average_precision_by_class(images, classes=2, weights=weights)), 40
    )
    value = float(mean_average_precision(average_precision_by_class(images, classes=2)))
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < value < found.high < 1


@pytest.mark.parametrize(
    ("found", "more"),
    [
        (np.zeros((2, 3)), {}),
        (np.zeros((2, 4)), {"ignored": np.zeros(1, bool)}),
        (np.zeros((1, 4)), {}),
        (np.zeros((2, 4)), {"found_classes": np.zeros(3, int)}),
    ],
)
def test_what_does_not_belong_together_is_refused(found: np.ndarray, more: dict) -> None:
    with pytest.raises(ShapeMismatch, match="give"):
        compare_boxes(found, TRUE, scores=np.zeros(2), **more)


def test_numbers_that_cannot_be_are_refused() -> None:
    with pytest.raises(ShapeMismatch, match="weights"):
        average_precision_by_class(drawn(0), weights=np.ones(6))
    with pytest.raises(InvalidArgument, match="most"):
        average_precision_by_class(drawn(0), most=0)
    with pytest.raises(InvalidArgument, match="score"):
        average_precision_by_class([image(TRUE, [0.5, np.nan, 0.1])])
