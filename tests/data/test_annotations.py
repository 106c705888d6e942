"""Annotations of objects: four formats that say the same, and everything that files of other people can hold."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hypercolumn.data import Objects, read_coco, read_geojson, read_objects, read_voc
from hypercolumn.data.readers.annotations.coco import decode_counts
from hypercolumn.errors import DataProblems, FileTooLarge, InvalidArgument, LabelError, ShapeMismatch, UnreadableFile

NAMES = ("red", "white")
DATA = Path(__file__).parents[2] / "../shared/data"
SQUARE = [2, 1, 6, 1, 6, 4, 2, 4]
BOW_TIE = [0, 0, 6, 6, 6, 0, 0, 6]


def written(path: Path, value: object) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def coco(annotations: list[dict], *, width: int = 10, height: int = 8, **tables: Any) -> dict:
    return {
        "images": [{"id": 7, "file_name": "a.png", "width": width, "height": height}],
        "categories": [{"id": 1, "name": "red"}, {"id": 5, "name": "white"}],
        "annotations": [{"id": n, "image_id": 7, "category_id": 1, **one} for n, one in enumerate(annotations)],
        **tables,
    }


def voc(*objects: str, size: str = "<width>10</width><height>8</height>") -> str:
    return f"<annotation><filename>a.png</filename><size>{size}</size>{''.join(objects)}</annotation>"


def voc_object(x0: object, y0: object, x1: object, y1: object, name: str = "red", more: str = "") -> str:
    sides = f"<xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>"
    return f"<object><name>{name}</name>{more}<bndbox>{sides}</bndbox></object>"


def feature(rings: Any, name: object = "red", kind: str = "Polygon") -> dict:
    geometry = {"type": kind, "coordinates": rings}
    return {"type": "Feature", "geometry": geometry, "properties": {"classification": {"name": name}}}


def pairs(flat: list[float]) -> list[list[float]]:
    return [flat[i : i + 2] for i in range(0, len(flat), 2)]


def read_one(path: Path, **settings: object) -> Objects:
    return read_coco(path, **settings)["a.png"]


def test_all_formats_say_the_same(tmp_path: Path) -> None:
    """A rectangle of pixels, columns 2 to 5 and rows 1 to 3."""
    labels = np.zeros((8, 10), dtype=np.uint8)
    labels[1:4, 2:6] = 9
    Image.fromarray(labels).save(tmp_path / "map.png")
    runs = {"size": [8, 10], "counts": [17, 3, 5, 3, 5, 3, 5, 3, 36]}
    found = {
        "voc": read_voc(written(tmp_path / "a.xml", voc(voc_object(3, 2, 6, 4))), names=NAMES),
        "box": read_one(written(tmp_path / "b.json", coco([{"bbox": [2, 1, 4, 3]}]))),
        "polygon": read_one(written(tmp_path / "c.json", coco([{"segmentation": [SQUARE], "bbox": [0, 0, 0, 0]}]))),
        "runs": read_one(written(tmp_path / "d.json", coco([{"segmentation": runs}]))),
        "text": read_one(
            written(tmp_path / "e.json", coco([{"segmentation": {"size": [8, 10], "counts": "a03500000o0"}}]))
        ),
        "geojson": read_geojson(
            written(tmp_path / "f.json", {"type": "FeatureCollection", "features": [feature([pairs(SQUARE)])]}),
            shape=(8, 10),
            names=NAMES,
        ),
        "map": read_objects(tmp_path / "map.png", names=NAMES, shape=(8, 10)),
    }
    for name, objects in found.items():
        assert objects.shape == (8, 10), name
        assert objects.boxes.tolist() == [[2, 1, 6, 4]], name
        assert objects.classes.tolist() == [0], name
        assert objects.names == NAMES, name
        assert objects.notes == (), name
        if name not in ("voc", "box"):
            assert objects.outlines is not None
            np.testing.assert_array_equal(objects.outlines[0].window((0, 0, 10, 8)), labels > 0, err_msg=name)


def test_counts_in_text_as_the_authors_program_writes_them() -> None:
    """A 7 x 9 mask with rows 2 to 4 of columns 3 to 7, without (3, 5), in the reference program's own coding."""
    counts = decode_counts("g03400NM032005", largest=63)
    mask = np.zeros((7, 9), dtype=bool)
    mask[2:5, 3:8] = True
    mask[3, 5] = False
    flat, inside, place = [], False, 0
    for count in counts:
        flat += [inside] * count
        inside, place = not inside, place + count
    np.testing.assert_array_equal(np.array(flat).reshape(9, 7).T, mask)


@pytest.mark.parametrize("text", ["g0340 0N", "g0o", "g~", "0" * 3 + "L", "o" * 20])
def test_counts_in_text_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(LabelError, match="run"):
        decode_counts(text, largest=63)


def test_crowds_and_the_difficult_are_ignored(tmp_path: Path) -> None:
    crowd = read_one(written(tmp_path / "a.json", coco([{"bbox": [2, 1, 4, 3], "iscrowd": 1}, {"bbox": [0, 0, 1, 1]}])))
    assert crowd.ignored.tolist() == [True, False]
    hard = voc(voc_object(1, 1, 2, 2, more="<difficult>1</difficult>"), voc_object(1, 1, 2, 2, "white"))
    found = read_voc(written(tmp_path / "a.xml", hard), names=NAMES)
    assert found.ignored.tolist() == [True, False]
    assert found.classes.tolist() == [0, 1]


def test_pixels_counted_from_0(tmp_path: Path) -> None:
    path = written(tmp_path / "a.xml", voc(voc_object(0, 0, 3, 1)))
    assert read_voc(path, names=NAMES, first_pixel=0).boxes.tolist() == [[0, 0, 4, 2]]
    counted_from_1 = read_voc(path, names=NAMES)
    assert counted_from_1.boxes.tolist() == [[0, 0, 3, 1]]
    assert "cut at its border" in counted_from_1.notes[0]


def test_images_without_annotations_have_no_objects(tmp_path: Path) -> None:
    assert len(read_one(written(tmp_path / "a.json", coco([])))) == 0
    assert len(read_voc(written(tmp_path / "a.xml", voc()), names=NAMES)) == 0
    assert len(read_geojson(written(tmp_path / "b.json", []), shape=(4, 4), names=NAMES)) == 0


def test_what_leaves_the_image_is_cut_and_told(tmp_path: Path) -> None:
    leaving = [-3, 2, 4, 2, 4, 20, -3, 20]
    for objects in (
        read_one(written(tmp_path / "a.json", coco([{"segmentation": [leaving]}]))),
        read_one(written(tmp_path / "b.json", coco([{"bbox": [-3, 2, 7, 18]}]))),
        read_geojson(written(tmp_path / "c.json", [feature([pairs(leaving)])]), shape=(8, 10), names=NAMES),
        read_voc(written(tmp_path / "a.xml", voc(voc_object(-2, 3, 4, 20))), names=NAMES),
    ):
        assert objects.boxes.tolist() == [[0, 2, 4, 8]]
        assert len(objects.notes) == 1
        assert "left the image and was cut at its border" in objects.notes[0]


def test_a_polygon_that_crosses_itself_is_refused_or_read_by_the_rule_asked_for(tmp_path: Path) -> None:
    for path, read in (
        (written(tmp_path / "a.json", coco([{"segmentation": [BOW_TIE]}])), read_one),
        (
            written(tmp_path / "b.json", [feature([pairs(BOW_TIE)])]),
            lambda path, **settings: read_geojson(path, shape=(8, 10), names=NAMES, **settings),
        ),
    ):
        with pytest.raises(DataProblems, match="crosses itself"):
            read(path)
        found = read(path, crossing="even-odd")
        assert "even-odd" in found.notes[0]
        assert found.outlines is not None
        assert found.outlines[0].window((0, 0, 10, 8)).sum() == 18  # two triangles of 9 pixels by their centres
        with pytest.raises(InvalidArgument, match="crossing"):
            read(path, crossing="repair")


def test_holes_and_parts_of_geojson(tmp_path: Path) -> None:
    outer, hole = pairs([0, 0, 6, 0, 6, 6, 0, 6, 0, 0]), pairs([2, 2, 4, 2, 4, 4, 2, 4, 2, 2])
    other = pairs([7, 0, 9, 0, 9, 2, 7, 2])
    path = written(tmp_path / "a.geojson", feature([[outer, hole], [other]], kind="MultiPolygon"))
    found = read_geojson(path, shape=(8, 10), names=NAMES)
    assert found.boxes.tolist() == [[0, 0, 9, 6]]
    assert found.outlines is not None
    assert found.outlines[0].window((0, 0, 10, 8)).sum() == 36 - 4 + 4


def test_a_feature_without_a_class_is_of_the_only_one(tmp_path: Path) -> None:
    bare = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [pairs(SQUARE)]}, "properties": None}
    path = written(tmp_path / "a.geojson", bare)
    assert len(read_geojson(path, shape=(8, 10), names=("cell",))) == 1
    with pytest.raises(DataProblems, match="class None is not one of red, white"):
        read_geojson(path, shape=(8, 10), names=NAMES)


def test_objects_with_and_without_outlines_have_boxes_alone(tmp_path: Path) -> None:
    mixed = coco([{"segmentation": [SQUARE]}, {"bbox": [0, 0, 2, 2]}])
    found = read_one(written(tmp_path / "a.json", mixed))
    assert found.outlines is None
    assert found.notes == ("only 1 of 2 objects have an outline, so boxes alone are taken",)


def test_every_record_that_is_wrong_is_named_in_one_pass(tmp_path: Path) -> None:
    annotations = [
        {"bbox": [1, 1, 0, 3]},
        {"bbox": [50, 1, 2, 3]},
        {"bbox": [1, 1, 2, 3], "category_id": 9},
        {"bbox": [1, 1, 2, 3], "image_id": 8},
        {"bbox": [1, 1, 2]},
        {"bbox": [1, 1, 2, "3"]},
        {"segmentation": [[1, 1, 5, 1, 1, 1]]},
        {"segmentation": [[1, 1, 5, 1, 3]]},
        {"segmentation": {"size": [10, 8], "counts": [80]}},
        {"segmentation": {"size": [8, 10], "counts": [80]}},
        {"segmentation": {"size": [8, 10], "counts": [10, 20]}},
        {"segmentation": {"size": [8, 10], "counts": [10, -20, 90]}},
        {"segmentation": {"size": [8, 10], "counts": [10**30]}},
        {"segmentation": [[50, 50, 60, 50, 60, 60]]},
        {"segmentation": [7]},
        {"bbox": [1, 1, 2, 2]},
    ]
    with pytest.raises(DataProblems) as caught:
        read_coco(written(tmp_path / "a.json", coco(annotations)))
    places = [problem.where for problem in caught.value.problems]
    assert places == [f"a.json, annotation {n}" for n in range(15)]
    said = " ".join(problem.what for problem in caught.value.problems)
    for words in ("no area", "outside of the image", "no category 9", "no image 8", "three corners", "no pixel"):
        assert words in said


def test_images_and_categories_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    twice = {"id": 7, "file_name": "b.png", "width": 4, "height": 4}
    document = coco([], images=[twice, twice, {"id": 8, "file_name": "c.png", "width": 0, "height": 10**9}])
    document["categories"] += [{"id": 1, "name": "blue"}, "x"]
    with pytest.raises(DataProblems) as caught:
        read_coco(written(tmp_path / "a.json", document))
    assert [problem.where for problem in caught.value.problems] == [
        "categories[2]",
        "categories[3]",
        "images[1]",
        "images[2]",
    ]


def test_classes_that_were_not_declared_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataProblems, match="'white' is not one of red"):
        read_coco(written(tmp_path / "a.json", coco([{"bbox": [1, 1, 2, 2], "category_id": 5}])), names=("red",))
    with pytest.raises(DataProblems, match="'blue' is not one of red, white"):
        read_voc(written(tmp_path / "a.xml", voc(voc_object(1, 1, 2, 2, "blue"))), names=NAMES)


def test_annotations_of_an_image_of_another_size_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.xml", voc())
    with pytest.raises(ShapeMismatch, match="annotated at 10 x 8"):
        read_voc(path, names=NAMES, shape=(10, 8))
    assert read_voc(path, names=NAMES, shape=(8, 10)).shape == (8, 10)
    np.save(tmp_path / "map.npy", np.zeros((4, 5), dtype=np.uint8))
    with pytest.raises(ShapeMismatch, match="instance map of shape"):
        read_objects(tmp_path / "map.npy", shape=(5, 4))


@pytest.mark.parametrize("size", ["", "<width>0</width><height>0</height>"])
def test_a_size_that_is_not_stated_is_that_of_the_image(tmp_path: Path, size: str) -> None:
    path = written(tmp_path / "a.xml", voc(voc_object(1, 1, 4, 4), size=size))
    assert read_voc(path, names=NAMES, shape=(8, 10)).shape == (8, 10)
    with pytest.raises(DataProblems, match=r"size/height is|state its width and height"):
        read_voc(path, names=NAMES)


@pytest.mark.parametrize("side", ["nan", "1e999", "ten"])
def test_a_size_that_is_no_number_is_refused(tmp_path: Path, side: str) -> None:
    with pytest.raises(DataProblems, match="size/width"):
        read_voc(written(tmp_path / "a.xml", voc(size=f"<width>{side}</width><height>8</height>")), names=NAMES)


@pytest.mark.parametrize("side", ["", "abc", "nan", "1e400", "-inf"])
def test_sides_that_are_no_numbers_are_named(tmp_path: Path, side: str) -> None:
    with pytest.raises(DataProblems) as caught:
        read_voc(written(tmp_path / "a.xml", voc(voc_object(1, 1, 4, side))), names=NAMES)
    assert caught.value.problems[0].where == "a.xml, object 1"


ATTACKS = {
    "entities in entities": '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]><annotation>&y;</annotation>',
    "a file of this machine": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>',
    "a document type elsewhere": '<!DOCTYPE annotation SYSTEM "http://localhost/a.dtd"><annotation/>',
    "an entity that is not there": "<annotation>&x;</annotation>",
    "no end": "<annotation><object>",
    "two roots": "<annotation/><annotation/>",
    "another root": "<svg/>",
    "no XML": "{}",
}


@pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS.keys())
def test_xml_that_declares_or_lacks_something_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnreadableFile, match=r"a\.xml"):
        read_voc(written(tmp_path / "a.xml", text), names=NAMES)


@pytest.mark.parametrize(
    "text",
    ["[NaN]", "[1, 2", "[" * 100_000, '{"images": []}', "[]", "7", "\x00", '{"type": "Topology"}'],
    ids=["nan", "cut", "deep", "tables", "list", "number", "zero", "other"],
)
@pytest.mark.parametrize(
    "read", [read_coco, lambda path: read_geojson(path, shape=(4, 4), names=NAMES)], ids=["coco", "geojson"]
)
def test_json_of_something_else_is_refused(tmp_path: Path, text: str, read: Callable[[Path], object]) -> None:
    path = written(tmp_path / "a.json", text)
    if text == "[]" and read is not read_coco:
        return
    with pytest.raises(UnreadableFile, match=r"a\.json"):
        read(path)


@pytest.mark.parametrize("geometry", [None, {"type": "Point", "coordinates": [1, 2]}, {"type": "Polygon"}, "x"])
def test_features_without_pixels_are_named(tmp_path: Path, geometry: object) -> None:
    path = written(tmp_path / "a.json", [{"type": "Feature", "geometry": geometry, "properties": {}}])
    with pytest.raises(DataProblems) as caught:
        read_geojson(path, shape=(4, 4), names=("cell",))
    assert caught.value.problems[0].where == "a.json, feature 1"


@pytest.mark.parametrize("rings", [7, [7], [[7]], [[[1]]], [[[1, 2], [3, "4"], [5, 6]]], []])
def test_coordinates_that_are_none_are_named(tmp_path: Path, rings: object) -> None:
    with pytest.raises(DataProblems, match="feature 1"):
        read_geojson(written(tmp_path / "a.json", [feature(rings)]), shape=(4, 4), names=NAMES)


def test_a_file_is_not_read_where_it_is_larger_than_allowed(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", coco([]) | {"info": "x" * 5000})
    with pytest.raises(FileTooLarge, match=r"a\.json"):
        read_coco(path, limit_bytes=1000)
    with pytest.raises(FileTooLarge):
        read_voc(written(tmp_path / "a.xml", voc() + " " * 5000), names=NAMES, limit_bytes=1000)


def test_a_vast_image_takes_no_memory(tmp_path: Path) -> None:
    """An image of 16 million by 16 million pixels is a few numbers until its pixels are asked for."""
    side = 1 << 24
    found = read_one(written(tmp_path / "a.json", coco([{"segmentation": [SQUARE]}], width=side, height=side)))
    assert found.shape == (side, side)
    assert found.outlines is not None
    assert found.outlines[0].window((0, 0, 10, 8)).sum() == 12


@pytest.mark.long
@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not here")
def test_the_real_blood_smears_hold_what_their_source_says() -> None:
    """80 smears: 1,146 red cells, 87 white cells, 106 platelets; sizes agree with the images."""
    counts: Counter[str] = Counter()
    names = ("RBC", "WBC", "Platelets")
    for path in sorted((DATA / "bccd_bloodcells/annotations").glob("*.xml")):
        with Image.open(DATA / f"bccd_bloodcells/images/{path.stem}.jpg") as image:
            shape = image.size[::-1]
        found = read_voc(path, names=names, shape=shape)
        counts.update(names[kind] for kind in found.classes)
    assert counts == {"RBC": 1146, "WBC": 87, "Platelets": 106}


@pytest.mark.long
@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not here")
def test_the_real_nuclei_are_as_many_as_their_source_says() -> None:
    maps = sorted((DATA / "dsb2018_nuclei/labels").iterdir())
    assert sum(len(read_objects(path, names=("nucleus",))) for path in maps) == 5134
