"""A table of objects against scikit-image's, and against geometry that can be worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import perimeter_crofton, regionprops_table

from hypercolumn.data import Sample
from hypercolumn.data.measuring import measure_objects
from hypercolumn.errors import InvalidArgument, LabelError, ShapeMismatch

maps = arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3))


def ellipse(
    shape: tuple[int, int], radii: tuple[float, float], spacing: tuple[float, float] = (1.0, 1.0)
) -> np.ndarray:
    y, x = np.ogrid[: shape[0], : shape[1]]
    middle = [(length - 1) / 2 for length in shape]
    return sum(((a - m) * s / r) ** 2 for a, m, s, r in zip((y, x), middle, spacing, radii, strict=True)) <= 1


@settings(max_examples=60, deadline=None)
@given(labels=maps, seed=st.integers(0, 1000))
def test_position_size_box_and_brightness_are_scikit_images(labels: np.ndarray, seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal((2, *labels.shape))
    table = measure_objects(labels, image=Sample(values, ("y", "x"), (2.0, 0.5), "um"))
    names = ("label", "area", "centroid", "bbox", "equivalent_diameter_area")
    expected = regionprops_table(labels, properties=names, spacing=(2.0, 0.5))
    inside = regionprops_table(labels, np.moveaxis(values, 0, -1), properties=("intensity_mean", "intensity_max"))
    assert table["object"].tolist() == expected["label"].tolist()
    for name, column in (("area", "area"), ("equivalent_diameter", "equivalent_diameter_area")):
        np.testing.assert_allclose(table[name], expected[column])
    np.testing.assert_allclose(table["y"], expected["centroid-0"] + 1.0)
    np.testing.assert_allclose(table["x"], expected["centroid-1"] + 0.25)
    for place, name in enumerate(("first_y", "first_x", "stop_y", "stop_x")):
        assert table[name].tolist() == expected[f"bbox-{place}"].tolist()
    for channel in (0, 1) if len(table) else ():
        np.testing.assert_allclose(table[f"mean_{channel}"], inside[f"intensity_mean-{channel}"])
        np.testing.assert_allclose(table[f"highest_{channel}"], inside[f"intensity_max-{channel}"])


@settings(max_examples=60, deadline=None)
@given(labels=maps)
def test_the_perimeter_is_croftons_of_each_object_alone(labels: np.ndarray) -> None:
    table = measure_objects(labels)
    expected = [perimeter_crofton(np.pad(labels == number, 1), directions=4) for number in table["object"]]
    np.testing.assert_allclose(table["perimeter"], expected)


def test_axes_are_those_of_scikit_image_with_the_extent_of_a_sample_added() -> None:
    labels = np.random.default_rng(0).integers(0, 3, (12, 14))
    expected = regionprops_table(labels, properties=("axis_major_length", "axis_minor_length"), spacing=(2.0, 2.0))
    table = measure_objects(labels, spacing=(2.0, 2.0), unit="um")
    np.testing.assert_allclose(table["longest_axis"] ** 2, expected["axis_major_length"] ** 2 + 16 * 4 / 12)
    np.testing.assert_allclose(table["shortest_axis"] ** 2, expected["axis_minor_length"] ** 2 + 16 * 4 / 12)


@pytest.mark.parametrize("spacing", [(0.5, 0.5), (0.5, 1.5)])
def test_a_disk_is_a_disk_whatever_the_samples(spacing: tuple[float, float]) -> None:
    shape = tuple(int(60 / step) | 1 for step in spacing)
    labels = ellipse(shape, (25.0, 25.0), spacing).astype(np.uint8)
    row = measure_objects(labels, spacing=spacing, unit="um").iloc[0]
    assert row["area"] == pytest.approx(np.pi * 625, rel=0.01)
    assert row["equivalent_diameter"] == pytest.approx(50, rel=0.01)
    assert row["longest_axis"] == pytest.approx(50, rel=0.01)
    assert row["elongation"] == pytest.approx(1, abs=0.01)
    assert row["perimeter"] == pytest.approx(50 * np.pi, rel=0.03)
    assert row["circularity"] == pytest.approx(1, abs=0.06)


def test_an_ellipse_has_its_axes_and_a_box_its_moments() -> None:
    row = measure_objects(ellipse((101, 61), (45.0, 15.0)).astype(int)).iloc[0]
    assert (row["longest_axis"], row["shortest_axis"]) == (pytest.approx(90, rel=0.01), pytest.approx(30, rel=0.01))
    volume = np.zeros((8, 9, 10), dtype=int)
    volume[1:3, 2:6, 3:9] = 5
    row = measure_objects(volume, spacing=(4.0, 1.0, 1.0), unit="mm").iloc[0]
    assert row["volume"] == 2 * 4 * 4 * 6
    assert (row["z"], row["y"], row["x"]) == (8.0, 4.0, 6.0)
    assert row["longest_axis"] == pytest.approx(4 * 8 / np.sqrt(12))
    assert row["shortest_axis"] == pytest.approx(4 * 4 / np.sqrt(12))
    assert "perimeter" not in row


def test_one_pixel_has_a_length_and_a_border() -> None:
    row = measure_objects(np.array([[0, 0, 0], [0, 70_000, 0], [0, 0, 0]])).iloc[0]
    assert row["object"] == 70_000
    assert row["longest_axis"] == row["shortest_axis"] == pytest.approx(4 / np.sqrt(12))
    assert not row["at_border"]
    assert row["unit"] == "sample"


def test_pieces_are_counted_and_the_border_is_told() -> None:
    table = measure_objects(np.array([[0, 0, 0, 0, 0], [0, 7, 0, 7, 9], [0, 0, 0, 0, 0]]))
    assert table["pieces"].tolist() == [2, 1]
    assert table["at_border"].tolist() == [False, True]


def test_an_image_without_objects_is_a_table_without_rows() -> None:
    empty = measure_objects(np.zeros((4, 5), dtype=np.uint16), image=Sample(np.zeros((1, 4, 5)), ("y", "x")))
    full = measure_objects(np.ones((4, 5), dtype=np.uint16), image=Sample(np.zeros((1, 4, 5)), ("y", "x")))
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)


def test_more_objects_than_16_bits_count() -> None:
    table = measure_objects(np.arange(1, 70_001).reshape(100, 700))
    assert len(table) == 70_000
    assert table["samples"].eq(1).all()


def test_channels_are_named_and_an_all_black_image_is_measured() -> None:
    image = Sample(np.zeros((2, 3, 3), dtype=np.uint8), ("y", "x"), channels=("dapi", "actin"))
    row = measure_objects(np.eye(3, dtype=int), image=image).iloc[0]
    assert row["mean_dapi"] == row["deviation_actin"] == row["lowest_dapi"] == row["highest_actin"] == 0


def test_what_does_not_fit_is_refused() -> None:
    labels = np.ones((4, 5), dtype=int)
    with pytest.raises(ShapeMismatch, match=r"shape \(4, 5\) for an image of shape \(4, 6\)"):
        measure_objects(labels, image=Sample(np.zeros((1, 4, 6)), ("y", "x")))
    with pytest.raises(InvalidArgument, match="unit"):
        measure_objects(labels, spacing=(1.0, 1.0))
    with pytest.raises(InvalidArgument, match="spacing"):
        measure_objects(labels, spacing=(1.0, 0.0), unit="um")
    with pytest.raises(ShapeMismatch, match="instance map"):
        measure_objects(np.ones(5, dtype=int))
    with pytest.raises(LabelError, match="instance map"):
        measure_objects(labels * 0.5)
