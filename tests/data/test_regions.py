"""Splits by region: stacks, images, refusals; and the correlation length against processes that have a known one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter

from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.regions import by_region, correlation_length
from hypercolumn.data.verification import verify_split
from hypercolumn.errors import InvalidArgument, SplitError


def stack(positions: list, *, lineage: dict[str, list] | None = None) -> Cohort:
    table = pd.DataFrame({"image": [f"{n}.png" for n in range(len(positions))], "z": positions, **(lineage or {})})
    columns = Columns(input="image", position="z", lineage={level: level for level in lineage or {}})
    return Cohort.from_table(table, columns, folder=".")


def image(*names: str) -> Cohort:
    return Cohort.from_table(pd.DataFrame({"image": names}), Columns(input="image"), folder=".")


def numbers(pieces) -> list[int]:
    return sorted(int(piece.record.removesuffix(".png")) for piece in pieces)


def test_every_slice_of_a_stack_is_tested_once_in_contiguous_blocks():
    split = by_region(stack(list(range(20))), gap={"z": 2}, folds=5)
    blocks = [numbers(fold.test) for fold in split.folds]
    assert sorted(map(tuple, blocks)) == [tuple(range(start, start + 4)) for start in range(0, 20, 4)]
    assert split.gap == {"z": 2}
    assert split.generalises_to == "region"
    for fold in split.folds:
        scored = numbers(fold.test) + numbers(fold.validation)
        assert all(abs(one - other) > 2 for one in numbers(fold.training) for other in scored)


def test_slices_are_ordered_by_position_and_not_by_row_and_may_skip_numbers():
    """Positions 90, 80 ... in steps of ten: the gap counts slices, not units of the position."""
    of = stack([90, 80, 70, 60, 50, 40, 30, 20, 10, 0])
    split = by_region(of, gap={"z": 1}, folds=2, validation=0)
    assert sorted(numbers(fold.training) for fold in split.folds) == [[0, 1, 2, 3], [6, 7, 8, 9]]


def test_slices_at_one_position_stay_together():
    of = stack([number // 2 for number in range(24)])
    split = by_region(of, gap={"z": 1}, folds=3)
    for fold in split.folds:
        for _, pieces in fold.sides():
            assert numbers(pieces) == sorted({n ^ 1 for n in numbers(pieces)}), "each with its twin"


def test_slices_of_two_patients_do_not_interleave_even_under_one_specimen_name():
    positions = [*range(0, 40, 2), *range(1, 41, 2)]
    of = stack(positions, lineage={"patient": ["A"] * 20 + ["B"] * 20, "specimen": ["1"] * 40})
    split = by_region(of, gap={"z": 2}, folds=4)
    assert {unit.split("[")[0] for unit in split.units} == {"A/1", "B/1"}
    assert verify_split(split, of) == []
    for fold in split.folds:
        for low in (0, 20):
            mine = [n for n in numbers(fold.training) if low <= n < low + 20]
            assert all(abs(one - other) > 2 for one in mine for other in numbers(fold.test) if low <= other < low + 20)


def test_what_looks_like_a_scored_slice_is_not_learnt_from():
    of, twins = stack(list(range(20))), [("0.png", "19.png")]
    split = by_region(of, gap={"z": 1}, folds=5, clusters=twins)
    assert verify_split(split, of, twins) == []
    (tested,) = [fold for fold in split.folds if 0 in numbers(fold.test)]
    assert 19 not in numbers(tested.training) + numbers(tested.validation)


def test_a_stack_without_room_says_which_gap_fits():
    """Twenty slices in five folds: beside the middle block of four lie eight, so a gap of seven leaves one."""
    with pytest.raises(
        SplitError, match=r"stack \(20 slices\) has no room for 5 folds with a gap of 9 along z"
    ) as caught:
        by_region(stack(list(range(20))), gap={"z": 9}, folds=5)
    assert "9 with 2 folds, 9 with 4 folds, 7 with 5 folds" in caught.value.problem.fix


def test_the_gap_of_a_stack_is_along_z():
    with pytest.raises(InvalidArgument, match='as "z"'):
        by_region(stack([0, 1, 2, 3]), gap={"y": 1, "x": 1})


def test_the_gap_of_boxes_stands_in_the_order_of_their_axes():
    split = by_region(image("a"), gap={"x": 7, "y": 5}, folds=2, shapes={"a": (60, 40)}, axes=("y", "x"))
    assert list(split.gap.items()) == [("y", 5), ("x", 7)]
    assert "a gap in samples of 5 along y, 7 along x" in split.notes[0]


def test_every_image_is_cut_by_itself_along_its_own_longest_axis():
    split = by_region(
        image("wide", "tall"),
        gap={"y": 5, "x": 5},
        folds=2,
        shapes={"wide": (30, 90), "tall": (90, 30)},
        axes=("y", "x"),
    )
    for fold in split.folds:
        assert all(piece.box[0] == (0, 30) for piece in fold.test if piece.record == "wide")
        assert all(piece.box[1] == (0, 30) for piece in fold.test if piece.record == "tall")


def test_no_room_for_validation_is_noted_and_not_an_error():
    split = by_region(image("a"), gap={"y": 60, "x": 60}, folds=2, shapes={"a": (128, 128)}, axes=("y", "x"))
    assert not any(fold.validation for fold in split.folds)
    assert "no room for a validation region in fold-1, fold-2" in split.notes[1]


def test_images_are_refused_without_shapes_with_twins_or_with_no_room():
    with pytest.raises(InvalidArgument, match=r"give a shape \(y, x\) for b"):
        by_region(image("a", "b"), gap={"y": 1, "x": 1}, shapes={"a": (9, 9)}, axes=("y", "x"))
    with pytest.raises(InvalidArgument, match="name the axes"):
        by_region(image("a"), gap={"y": 1}, shapes={"a": (9, 9)}, axes=("y", "x"))
    shapes = {"a": (90, 90), "b": (90, 90)}
    with pytest.raises(SplitError, match="a and b are near-duplicates"):
        by_region(image("a", "b"), gap={"y": 1, "x": 1}, shapes=shapes, axes=("y", "x"), clusters=[("a", "b")])
    with pytest.raises(SplitError, match=r"a \(90 x 90 samples\) has no room for 3 folds with a gap of 60 along y, 30"):
        by_region(image("a"), gap={"y": 60, "x": 30}, folds=3, shapes=shapes, axes=("y", "x"))
    with pytest.raises(InvalidArgument, match="0 or more"):
        by_region(image("a"), gap={"y": -1, "x": 0}, shapes=shapes, axes=("y", "x"))


@pytest.mark.parametrize("coefficient", [0.5, 0.8, 0.9, 0.95])
def test_first_order_autoregression_has_its_correlation_length(coefficient):
    """r(k) = a^k, below 1/e from k = -1 / ln a on."""
    noise = np.random.default_rng(0).standard_normal((200, 2000))
    process = lfilter([1.0], [1.0, -coefficient], noise, axis=1)
    expected = int(np.floor(-1 / np.log(coefficient))) + 1
    assert abs(correlation_length(process, axis=1) - expected) <= 1


@pytest.mark.parametrize("sigma", [2.0, 5.0, 9.0])
def test_gaussian_smoothing_correlates_over_twice_its_width(sigma):
    """White noise smoothed by a Gaussian has r(k) = exp(-k^2 / 4 sigma^2), below 1/e beyond k = 2 sigma."""
    noise = np.random.default_rng(1).standard_normal((3, 1500, 60))
    smooth = gaussian_filter1d(noise, sigma, axis=1, truncate=6)
    assert abs(correlation_length(smooth, axis=1) - 2 * sigma) <= 1
    assert correlation_length(smooth, axis=2) == 1


def test_the_threshold_and_the_scale_of_the_numbers():
    """r falls to 0.1 at sigma * sqrt(4 ln 10); neither offset nor scale of the image matters."""
    smooth = gaussian_filter1d(np.random.default_rng(2).standard_normal((400, 1000)), 4.0, axis=1)
    assert abs(correlation_length(smooth, axis=1, threshold=0.1) - 4 * np.sqrt(4 * np.log(10))) <= 1
    eight_bit = np.clip(128 + 100 * smooth, 0, 255).astype(np.uint8)
    assert correlation_length(eight_bit, axis=1) == correlation_length(smooth, axis=1)


def test_an_image_that_never_forgets_needs_more_gap_than_it_has():
    assert correlation_length(np.full((4, 30), 7), axis=1) == 30
    assert correlation_length(np.repeat(np.arange(5.0)[:, None], 30, axis=1), axis=1) == 30
    with pytest.raises(InvalidArgument, match="fewer than two samples"):
        correlation_length(np.zeros((4, 1)), axis=1)
    with pytest.raises(InvalidArgument, match="missing"):
        correlation_length(np.array([0.0, np.nan, 1.0]), axis=0)


@pytest.mark.long
def test_serial_sections_of_electron_microscopy_forget_each_other_within_a_slice_or_two():
    """ISBI 2012: sections are 50 nm apart and membranes are thinner than that in plane."""
    folder = Path(__file__).parents[2] / "../shared/data/isbi2012_em/image"
    if not folder.is_dir():
        pytest.skip("the real data are not here")
    from PIL import Image

    slices = np.stack([np.asarray(Image.open(path)) for path in sorted(folder.iterdir())])
    along_z, along_x = correlation_length(slices, axis=0), correlation_length(slices, axis=2)
    assert 1 <= along_z <= 3
    assert 2 <= along_x <= 32
    of = stack(list(range(len(slices))))
    assert verify_split(by_region(of, gap={"z": along_z}, folds=5), of) == []
