"""Objects written as GeoJSON: what the reader gets back, and what QuPath's own reader asks for."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hypercolumn.data import read_geojson
from hypercolumn.data.geojson import write_geojson
from hypercolumn.data.measuring import measure_objects
from hypercolumn.errors import InvalidArgument, LabelError

LABELS = np.array([[0, 3, 3, 0], [0, 3, 0, 9], [5, 0, 0, 9]])


@settings(max_examples=40, deadline=None)
@given(labels=arrays(np.int64, st.tuples(st.integers(1, 8), st.integers(1, 8)), elements=st.integers(0, 4)))
def test_read_again_the_polygons_cover_the_same_pixels(
    labels: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write_geojson(tmp_path_factory.mktemp("a") / "a.geojson", labels, names=("cell",))
    found = read_geojson(path, shape=labels.shape, names=("cell",))
    assert found.notes == ()
    numbers = np.unique(labels[labels > 0])
    np.testing.assert_array_equal(found.to_map(), np.where(labels > 0, np.searchsorted(numbers, labels) + 1, 0))


def test_features_are_as_qupath_writes_them(tmp_path: Path) -> None:
    """Type, geometry with closed rings, and the properties objectType, name, classification and measurements."""
    table = measure_objects(LABELS, spacing=(0.5, 0.5), unit="um")
    path = write_geojson(tmp_path / "a.geojson", LABELS, names=("red", "white"), classes=(0, 1, 1), measurements=table)
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["type"] == "FeatureCollection"
    assert [feature["properties"]["name"] for feature in document["features"]] == ["3", "5", "9"]
    assert [feature["properties"]["classification"]["name"] for feature in document["features"]] == [
        "red",
        "white",
        "white",
    ]
    for feature, samples in zip(document["features"], (3, 1, 2), strict=True):
        assert feature["type"] == "Feature"
        assert feature["geometry"]["type"] == "Polygon"
        assert all(ring[0] == ring[-1] for ring in feature["geometry"]["coordinates"])
        assert feature["properties"]["objectType"] == "detection"
        assert feature["properties"]["measurements"]["area"] == samples / 4
        assert "unit" not in feature["properties"]["measurements"]


def test_an_object_in_two_pieces_is_a_multipolygon_and_an_empty_map_a_file_without_features(tmp_path: Path) -> None:
    path = write_geojson(tmp_path / "a.geojson", np.array([[8, 0, 8]]))
    assert json.loads(path.read_text())["features"][0]["geometry"]["type"] == "MultiPolygon"
    empty = write_geojson(tmp_path / "b.geojson", np.zeros((3, 3), dtype=np.uint8))
    assert json.loads(empty.read_text())["features"] == []


def test_measurements_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    table = pd.DataFrame({"object": [3, 5, 9], "area": [1.0, np.nan, np.inf], "note": "a"})
    features = json.loads(write_geojson(tmp_path / "a.geojson", LABELS, measurements=table).read_text())["features"]
    assert [feature["properties"]["measurements"] for feature in features] == [{"area": 1.0}, {}, {}]


def test_what_does_not_fit_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    with pytest.raises(InvalidArgument, match="classes"):
        write_geojson(path, LABELS, classes=(0, 0))
    with pytest.raises(LabelError, match="classes from 0 to 1 of 1 names"):
        write_geojson(path, LABELS, classes=(0, 1, 0))
    with pytest.raises(LabelError, match="1 objects have no measurements, number 9"):
        write_geojson(path, LABELS, measurements=pd.DataFrame({"object": [3, 5], "area": [1.0, 2.0]}))
    with pytest.raises(InvalidArgument, match="measurements"):
        write_geojson(path, LABELS, measurements=pd.DataFrame({"area": [1.0]}))
    with pytest.raises(LabelError, match="instance map"):
        write_geojson(path, LABELS * 0.5)
    assert list(tmp_path.iterdir()) == []
