"""Looking at a folder: which files are examples, which are answers, and what the tables beside them say.

Every guess is made from names and headers, comes with its reason in words, and ends in a study file that the user can
correct. One thing is never guessed: the patient. A score that claims to hold for new patients needs the user's word for
who they are.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from hypercolumn.data import channel_groups, read_header, read_image, read_labels, read_table
from hypercolumn.data.answers import COCO, OUTLINES, images_of, outline_classes
from hypercolumn.data.table import text_of
from hypercolumn.errors import DataError, HypercolumnError, UnreadableFile

IMAGES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy"}
ANSWERS = IMAGES | OUTLINES
"""What a label file may be: a label image, or outlines drawn for one image."""
TABLES = {".csv", ".tsv", ".parquet"}
LABEL_WORDS = (
    "labels? masks? segs? segmentations? annotations? gts? groundtruths? ground_truth truth targets? instances?"
)
IMAGE_WORDS = "images? imgs? raw inputs? data photos? scans? micrographs?"
_LABEL = re.compile(rf"^(?:.*[_\- ])?(?:{'|'.join(LABEL_WORDS.split())})$", re.IGNORECASE)
_IMAGE = re.compile(rf"^(?:.*[_\- ])?(?:{'|'.join(IMAGE_WORDS.split())})$", re.IGNORECASE)

ROLES = {
    "patient": ("patient", "subject", "donor", "animal", "mouse", "individual", "case", "participant"),
    "specimen": ("specimen", "slide", "scan", "recording", "plate", "biopsy", "sample", "stack", "volume"),
    "site": ("site", "hospital", "center", "centre", "institution", "clinic", "scanner"),
    "batch": (
        "scanner",
        "device",
        "machine",
        "microscope",
        "laboratory",
        "lab",
        "protocol",
        "date",
        "batch",
        "stain",
        "operator",
    ),
    "strata": ("sex", "gender", "age_band", "age_group", "ethnicity", "subtype", "stage"),
    "target": (
        "label",
        "class",
        "diagnosis",
        "grade",
        "target",
        "category",
        "outcome",
        "measurement",
        "value",
        "score",
    ),
    "kind": ("type", "modality", "source", "origin", "imaging"),
}
"""Words that a column's name is looked through for, by the role that they suggest."""


MOST_CLASSES = 20
FEWEST_NUMBERS = 5
"""More different numbers than the first are no classes; nor are this many that hardly repeat."""

UNITS = ("nm", "um", "mm", "cm", "m", "ug", "mg", "g", "kg", "ml", "l", "s", "min", "h", "days", "months", "years")
"""Units that the name of a column may end in."""


@dataclass(frozen=True)
class Guess:
    """What a folder seems to hold; `reasons` say why, one sentence for each guess."""

    table: pd.DataFrame
    target: str
    kind: str
    classes: dict[str, int] | tuple[str, ...]
    key: str | None = None
    site: str | None = None
    patient: str | None = None
    specimen: str | None = None
    position: str | None = None
    batch: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    free: tuple[str, ...] = field(default=())
    unit: str = ""

    @property
    def by_region(self) -> bool:
        """One specimen alone: only a split by region is possible."""
        return self.position is not None or len(self.table) == 1

    @property
    def needs_patient(self) -> bool:
        return self.patient is None and not self.by_region


def look(folder: Path) -> Guess:
    """Look at a data folder. Raises DataError where it holds nothing to learn from."""
    if not folder.is_dir():
        raise DataError("this is not a folder", where=str(folder), fix="give the folder that holds the images")
    files = sorted(
        path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and not _hidden(path, folder)
    )
    images = [PurePosixPath(path.as_posix()) for path in files if path.suffix.lower() in IMAGES]
    outlines = [PurePosixPath(path.as_posix()) for path in files if path.suffix.lower() in OUTLINES - {COCO}]
    documents = [PurePosixPath(path.as_posix()) for path in files if path.suffix.lower() == COCO]
    tables = {path: _table(folder / path) for path in files if path.suffix.lower() in TABLES}
    known = {path: table for path, table in tables.items() if table is not None and len(table)}
    if not images:
        raise DataError(
            "no image was found",
            where=folder.name,
            why=f"looked for {', '.join(sorted(IMAGES))}",
            fix="give the folder that holds them",
        )
    for path, table in known.items():
        manifest = _as_manifest(table, folder)
        if manifest is not None:
            return _finish(folder, *manifest, [f"{path.as_posix()} names {len(table)} files: it is the manifest"])
    return _finish(folder, *_from_files(folder, images, outlines or _coco(folder, documents), known))


def _from_files(
    folder: Path, images: list[PurePosixPath], outlines: list[PurePosixPath], tables: dict[Path, pd.DataFrame]
) -> tuple[pd.DataFrame, str, str | None, list[str]]:
    """A manifest made from file names: (table, input column, target column, reasons)."""
    reasons: list[str] = []
    labels = [path for path in images if any(_LABEL.match(part) for part in (*path.parts[:-1], path.stem))] or outlines
    inputs = [path for path in images if path not in set(labels)]
    sets = channel_groups([str(path) for path in inputs])
    if any(len(members) > 1 for members in sets.values()):
        reasons.append(f"{len(inputs)} files are {len(sets)} examples with one file a channel")
    table = pd.DataFrame({"image": [";".join(members) for members in sets.values()]})
    table.insert(0, "record", [_record(members[0], sets) for members in sets.values()])
    if table["record"].duplicated().any():
        table["record"] = [str(PurePosixPath(members[0]).with_suffix("")) for members in sets.values()]
    target: str | None = None
    if labels:
        by_stem = _by_stem(folder, labels)
        table["mask"] = [
            by_stem.get(_stem(PurePosixPath(cell.split(";")[0]), group=True), "") for cell in table["image"]
        ]
        paired = int((table["mask"] != "").sum())
        if paired == 0:
            raise DataError(
                "images and label images have no name in common",
                where=folder.name,
                fix="name both alike, or write a manifest with the columns image and mask",
            )
        target = "mask"
        if labels[0].suffix.lower() == COCO:
            reasons.append(f"{paired} of {len(table)} images are named in {', '.join(map(str, labels))} (COCO)")
        else:
            what = "outlines" if labels[0].suffix.lower() in OUTLINES else "a label image"
            reasons.append(f"{paired} of {len(table)} images have {what} of the same name in {labels[0].parent}/")
    table = _join_tables(table, tables, reasons)
    folders = [PurePosixPath(cell.split(";")[0]).parent.name for cell in table["image"]]
    if target is None and len(set(folders)) > 1 and min(folders.count(name) for name in set(folders)) > 1:
        table["class"] = folders
        target = "class"
        reasons.append(f"images lie in {len(set(folders))} folders, one a class: {', '.join(sorted(set(folders)))}")
    return table, "image", target, reasons


def _coco(folder: Path, documents: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """The JSON files that are COCO files, right or wrong in their records."""
    found = []
    for path in documents:
        try:
            images_of(folder / path)
        except UnreadableFile:
            continue
        found.append(path)
    return found


def _by_stem(folder: Path, labels: Sequence[PurePosixPath]) -> dict[str, str]:
    """The label file of each image, by the stem of its name."""
    if labels[0].suffix.lower() != COCO:
        return {_stem(path): str(path) for path in labels}
    return {_stem(PurePosixPath(name), group=True): str(path) for path in labels for name in images_of(folder / path)}


def _finish(folder: Path, table: pd.DataFrame, image: str, target: str | None, reasons: list[str]) -> Guess:
    """Give every column its role."""
    if image != "image":
        table = table.rename(columns={image: "image"})
    if "record" not in table.columns:
        table = table.assign(record=[PurePosixPath(str(cell).split(";")[0]).stem for cell in table["image"]])
    target = target or _named(table, "target", used={"image"})
    if target is None:
        raise DataError(
            "no answer to learn was found",
            where=folder.name,
            why="there are no label images, no folder a class, and no column called label, class, diagnosis, grade or "
            "measurement",
            fix="add a folder of label images named like the images, or a CSV with a label column",
        )
    table = table[table[target].notna() & (table[target] != "")].reset_index(drop=True)
    kind, classes, why = _target(folder, table, target)
    reasons.append(why)
    used = {"image", "record", target}
    known_patient = _named(table, "patient", used=used)
    stack = _stack(folder, table) if kind in {"mask", "instances"} and known_patient is None else None
    if stack is not None:
        reasons.append(stack)
        table["stack"] = folder.name
        table["slice"] = [int(re.findall(r"\d+", record)[-1]) for record in table["record"]]
        return Guess(table, target, kind, classes, "record", specimen="stack", position="slice", reasons=tuple(reasons))
    roles: dict[str, str | None] = {}
    for role in ("patient", "specimen", "site"):
        roles[role] = _named(table, role, used=used)
        if roles[role]:
            used.add(str(roles[role]))
            reasons.append(f"column {roles[role]!r} is taken for the {role}, by its name")
    if roles["site"] is None:
        roles["site"] = _kind_column(table, used)
        if roles["site"]:
            used.add(str(roles["site"]))
            values = table[roles["site"]].nunique()
            reasons.append(
                f"column {roles['site']!r} has {values} values over {len(table)} records and tells kinds of "
                "acquisition apart: proposed as site"
            )
    batch = tuple(name for name in _all_named(table, "batch") if name not in used)
    strata = tuple(name for name in _all_named(table, "strata") if name not in used and name not in batch)
    free = tuple(name for name in table.columns if name not in {*used, *batch, *strata})
    key = "record" if "record" in table.columns and table["record"].is_unique else None
    return Guess(
        table,
        target,
        kind,
        classes,
        key,
        roles["site"],
        roles["patient"],
        roles["specimen"],
        None,
        batch,
        strata,
        tuple(reasons),
        free,
        _unit_in(target) if kind == "number" else "",
    )


def _target(folder: Path, table: pd.DataFrame, target: str) -> tuple[str, dict[str, int] | tuple[str, ...], str]:
    """What kind of answer a column holds: label images are opened, a few of them, to see."""
    cells = [str(cell) for cell in table[target]]
    if PurePosixPath(cells[0]).suffix.lower() in OUTLINES:
        named = sorted({name for cell in cells[:: max(1, len(cells) // 8)] for name in outline_classes(folder / cell)})
        what = named[0] if len(named) == 1 else "object"
        of = f" of the class{'es' * (len(named) > 1)} {', '.join(named)}" if named else ""
        return "instances", ("background", what), f"outlines are drawn one an object{of}: instances"
    if PurePosixPath(cells[0]).suffix.lower() not in IMAGES:
        numbers = _numbers(table[target])
        if numbers is not None:
            low, high, different = min(numbers), max(numbers), len(set(numbers))
            why = f"{different} different numbers from {low:g} to {high:g} over {len(numbers)} records"
            return "number", (), f"column {target!r} holds {why}: too many for classes, so a measured number"
        values = tuple(
            sorted(
                {
                    str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
                    for cell in table[target]
                }
            )
        )
        if len(values) > 50:
            raise DataError(
                f"column {target!r} has {len(values)} different values",
                why="that is no list of classes",
                fix="name the target in the study file",
            )
        return "class", values, f"column {target!r} names {len(values)} classes: {', '.join(values)}"
    found: set[int] = set()
    consecutive = []
    for cell in cells[:: max(1, len(cells) // 8)]:
        labels = read_labels(folder / cell)
        stored = set(np.unique(labels).tolist())
        consecutive.append(len(stored) > 3 and max(stored) <= 2 * len(stored))
        found |= stored
    if np.mean(consecutive) > 0.5:
        return "instances", ("background", "object"), "label images number their objects from 1: instances"
    if len(found) > 32:
        raise DataError(
            f"label images hold {len(found)} different values",
            where=target,
            why="neither classes nor numbered objects",
            fix="store one whole number a class",
        )
    values_sorted = sorted(found)
    names = [
        "background",
        *(("foreground",) if len(values_sorted) == 2 else tuple(f"class_{value}" for value in values_sorted[1:])),
    ]
    return (
        "mask",
        dict(zip(names, values_sorted, strict=True)),
        f"label images hold the values {', '.join(map(str, values_sorted))}: one a class",
    )


def _numbers(column: pd.Series) -> list[float] | None:
    """The cells as numbers, where they are numbers that hardly repeat or are many; None where they can be classes.

    Raises DataError for numbers with a decimal comma.
    """
    cells = [text_of(cell) for cell in column]
    if all(re.fullmatch(r"[-+]?\d+([.,]\d+)?", cell) for cell in cells) and any("," in cell for cell in cells):
        shown = next(cell for cell in cells if "," in cell)
        raise DataError(
            f"column {column.name!r} holds numbers with a decimal comma",
            why=f"such as {shown}, which may be read as two numbers or as thousands",
            fix=f"write them with a point: {shown.replace(',', '.')}",
        )
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        return None
    different = len(set(numbers))
    many = different > MOST_CLASSES or (different >= FEWEST_NUMBERS and 2 * different > len(numbers))
    return numbers if many and np.isfinite(numbers).all() else None


def _unit_in(column: str) -> str:
    """The unit that a column's name ends in, where it is one: "diameter_mm".

    >>> _unit_in("diameter_mm"), _unit_in("age")
    ('mm', '')
    """
    last = re.split(r"[^A-Za-z]+", column.strip("_ )]"))[-1]
    return last if last in UNITS and last != column else ""


def _stack(folder: Path, table: pd.DataFrame) -> str | None:
    """Whether the images are the slices of one stack: numbered without a gap, one size, neighbours alike."""
    if len(table) < 6 or any(len(str(cell).split(";")) > 1 for cell in table["image"]):
        return None
    numbers = [re.findall(r"\d+", record) for record in table["record"]]
    if not all(numbers) or len({re.sub(r"\d+$", "", record) for record in table["record"]}) != 1:
        return None
    order = np.argsort([int(found[-1]) for found in numbers])
    values = sorted(int(found[-1]) for found in numbers)
    paths = [folder / str(table["image"].iloc[index]) for index in order]
    if (
        values != list(range(values[0], values[0] + len(values)))
        or len({read_header(path).shape for path in paths}) != 1
    ):
        return None
    thumbs = [_thumbnail(read_image(path).array) for path in paths[:24]]
    near = float(np.mean([np.mean(a * b) for a, b in pairwise(thumbs)]))
    half = len(thumbs) // 2
    far = float(np.mean([np.mean(a * b) for a, b in zip(thumbs[:-half], thumbs[half:], strict=True)]))
    if near < far + 0.1:
        return None
    return (
        f"{len(table)} images of one size, numbered without a gap, neighbours correlated at {near:.2f} and far "
        f"ones at {far:.2f}: "
        "one stack of one specimen, to be split in contiguous blocks with a gap"
    )


def _thumbnail(array: np.ndarray) -> np.ndarray:
    """A coarse, standardized grey picture: block means on a grid of 64."""
    grey = array.reshape(-1, *array.shape[-2:]).mean(0)
    rows, columns = (max(1, length // 64) for length in grey.shape)
    grey = grey[: grey.shape[0] // rows * rows, : grey.shape[1] // columns * columns]
    coarse = grey.reshape(grey.shape[0] // rows, rows, grey.shape[1] // columns, columns).mean((1, 3))
    return (coarse - coarse.mean()) / (coarse.std() + 1e-12)


def _as_manifest(table: pd.DataFrame, folder: Path) -> tuple[pd.DataFrame, str, str | None] | None:
    """The table with its input and target columns, if some column names files that are there."""
    named = []
    for name in table.columns:
        cells = [str(cell) for cell in table[name].dropna()]
        if cells and all(PurePosixPath(cell.split(";")[0]).suffix.lower() in ANSWERS for cell in cells):
            there = sum((folder / cell.split(";")[0]).is_file() for cell in cells[:20])
            if there >= 0.5 * min(20, len(cells)):
                named.append(name)
    if not named:
        return None
    firsts = {name: PurePosixPath(str(table[name].dropna().iloc[0])) for name in named}
    drawn = {
        name
        for name, path in firsts.items()
        if path.suffix.lower() in OUTLINES and (path.suffix.lower() != COCO or _coco(folder, [path]))
    }
    target = next((name for name in named if name in drawn or _LABEL.match(name)), None)
    image = next((name for name in named if name != target and name not in drawn), None)
    return None if image is None else (table, image, target)


def _join_tables(table: pd.DataFrame, tables: dict[Path, pd.DataFrame], reasons: list[str]) -> pd.DataFrame:
    """Join each table that names the records in one of its columns."""
    for path, other in tables.items():
        for name in other.columns:
            keys = other[name].astype(str).map(lambda cell: PurePosixPath(cell).stem)
            if keys.is_unique and table["record"].isin(set(keys)).mean() >= 0.9:
                extra = other.assign(_key=keys).drop(
                    columns=[column for column in other.columns if column in table.columns]
                )
                table = table.merge(extra, left_on="record", right_on="_key", how="left").drop(columns="_key")
                reasons.append(
                    f"{path.as_posix()} describes {int(table['record'].isin(set(keys)).sum())} of the images, "
                    f"by column {name!r}"
                )
                break
    return table


def _named(table: pd.DataFrame, role: str, *, used: Iterable[str]) -> str | None:
    return next((name for name in _all_named(table, role) if name not in set(used)), None)


def _all_named(table: pd.DataFrame, role: str) -> list[str]:
    """Columns whose name has one of the role's words as a part of its own, the likeliest word first."""
    parts = {name: set(re.split(r"[^a-z]+", str(name).lower())) for name in table.columns}
    whole = {name: re.sub(r"[^a-z]+", "_", str(name).lower()) for name in table.columns}
    return [name for word in ROLES[role] for name in table.columns if word in parts[name] or word == whole[name]]


def _kind_column(table: pd.DataFrame, used: Sequence[str] | set[str]) -> str | None:
    """A text column with few values that tells kinds of acquisition apart."""
    for name in _all_named(table, "kind"):
        counts = table[name].value_counts()
        if (
            name not in used
            and 2 <= len(counts) <= 20
            and counts.median() >= 2
            and not pd.api.types.is_numeric_dtype(table[name])
        ):
            return name
    return None


def _table(path: Path) -> pd.DataFrame | None:
    try:
        return read_table(path)
    except HypercolumnError:
        return None


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)


def _record(member: str, sets: dict[str, tuple[str, ...]]) -> str:
    name = next((name for name, members in sets.items() if members[0] == member and len(members) > 1), member)
    return PurePosixPath(name).stem


def _stem(path: PurePosixPath, *, group: bool = False) -> str:
    """The name that an image and its label image share: without the ending, and without _mask, _label, ..."""
    words = "|".join(LABEL_WORDS.split())
    stem = re.sub(rf"[_\- ](?:{words})$", "", path.stem, flags=re.IGNORECASE)
    words = "|".join(IMAGE_WORDS.split())
    stem = re.sub(rf"[_\- ](?:{words})$", "", stem, flags=re.IGNORECASE)
    return re.sub(r"[_\-](?:w|ch?|C)\d+$", "", stem) if group else stem
