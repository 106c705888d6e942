"""The study file: what the user asked, in strict YAML.

An unknown key is an error with its line and the nearest right key; a value is checked before anything else runs. The
file holds no expressions and no class paths, and is read with `safe_load` rules only. Paths are relative to the file.

    precedence      default < file < --set a.b=c < option
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hypercolumn.data.cohort import Columns
from hypercolumn.data.target import (
    ClassTarget,
    GradeTarget,
    InstancesTarget,
    LabelsTarget,
    MaskTarget,
    NumberTarget,
    Target,
)
from hypercolumn.errors import DataProblems, Problem, StudyFileError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ColumnsSection(_Strict):
    """Which column of the manifest plays which role; `patient: none` says that nobody knows the patients."""

    input: str = "image"
    target: str | None = None
    key: str | None = None
    site: str | None = None
    patient: str | None
    specimen: str | None = None
    position: str | None = None
    batch: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()

    @field_validator("site", "patient", "specimen", "key", "position", "target", mode="before")
    @classmethod
    def _none_in_words(cls, value: object) -> object:
        return None if isinstance(value, str) and value.strip().lower() == "none" else value

    def columns(self) -> Columns:
        named = {"site": self.site, "patient": self.patient, "specimen": self.specimen}
        return Columns(
            input=self.input,
            target=self.target,
            key=self.key,
            lineage={level: column for level, column in named.items() if column is not None},
            position=self.position,
            batch=self.batch,
            strata=self.strata,
        )


class DataSection(_Strict):
    manifest: Path
    folder: Path = Path(".")
    sealed: Path | None = None
    columns: ColumnsSection


class TargetSection(_Strict):
    """What the answer means; classes are names, or for a mask names with the stored value of each; a number has a unit
    instead.
    """

    kind: Literal["class", "grade", "labels", "number", "mask", "instances"]
    classes: tuple[str, ...] | dict[str, int] = ()
    unit: Annotated[str, Field(max_length=24)] = ""

    @field_validator("classes", mode="before")
    @classmethod
    def _names_as_text(cls, value: object) -> object:
        return tuple(str(name) for name in value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _classes_fit(self) -> "TargetSection":
        if self.kind == "number" and self.classes:
            raise ValueError("a number has no classes; say what it is measured in with target.unit")
        if self.kind != "number" and self.unit:
            raise ValueError(f"target.unit belongs to kind: number, not to kind: {self.kind}")
        if self.kind == "mask" and not isinstance(self.classes, Mapping):
            raise ValueError("a mask needs its classes with their stored values, such as {background: 0, nucleus: 255}")
        if self.kind != "mask" and isinstance(self.classes, Mapping):
            raise ValueError(f"target.classes of kind {self.kind} is a list of names")
        if self.kind in {"class", "grade", "mask"} and len(self.classes) < 2:
            raise ValueError("at least two classes are needed")
        if self.kind == "instances" and len(self.classes) not in {0, 2}:
            raise ValueError("instances have two names: what is outside the objects, and the objects")
        return self

    def target(self) -> Target:
        names = tuple(self.classes)
        if self.kind == "number":
            return NumberTarget(self.unit)
        if isinstance(self.classes, dict) and self.kind == "mask":
            return MaskTarget.from_mapping(self.classes)
        if self.kind == "instances":
            return InstancesTarget((names[0], names[1])) if names else InstancesTarget()
        if self.kind == "labels":
            return LabelsTarget(names)
        return GradeTarget(names) if self.kind == "grade" else ClassTarget(names)


class SplitSection(_Strict):
    kind: Literal["folds", "hold-out", "leave-one-site-out", "site-preserving", "regions"] = "folds"
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    test: Annotated[float, Field(gt=0, lt=1)] = 0.25
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.2
    gap: dict[str, Annotated[int, Field(ge=0)]] | Literal["auto"] = "auto"
    join_large_clusters: bool | None = None
    time_limit: Annotated[float, Field(gt=0)] = 20.0


class TrainingSection(_Strict):
    """How to train; "auto" is decided by the plan from the training data, and the plan says why."""

    minutes: Annotated[float, Field(gt=0)] | None = 10.0
    steps: Annotated[int, Field(ge=1)] | None = None
    network: Literal["auto", "unet", "resnet", "mask_rcnn"] = "auto"
    width: Annotated[int, Field(ge=4)] | Literal["auto"] = "auto"
    depth: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    window: tuple[Annotated[int, Field(ge=1)], ...] | Literal["auto"] = "auto"
    batch: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    learning_rate: Annotated[float, Field(gt=0)] | Literal["auto"] = "auto"
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
    normalization: Literal["auto", "image", "cohort"] = "auto"
    border_weight: Annotated[float, Field(ge=0)] | Literal["auto"] = "auto"
    imbalance: Literal["auto", "none", "class-weights", "focal", "balanced-sampling"] = "auto"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    generalised_cross_entropy: Annotated[float, Field(gt=0, le=1)] | None = None
    augmentation: Annotated[float, Field(ge=0, le=2)] = 1.0
    test_time_flips: bool = False
    patience: Annotated[int, Field(ge=1)] | None = 8
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    devices: Annotated[int, Field(ge=1)] = 1
    nodes: Annotated[int, Field(ge=1)] = 1
    workers: Annotated[int, Field(ge=0)] = 0
    memory: Annotated[float, Field(gt=0)] = 2.0

    @model_validator(mode="after")
    def _one_budget(self) -> "TrainingSection":
        if self.minutes is None and self.steps is None:
            raise ValueError("give training.minutes or training.steps")
        return self


class StudyFile(_Strict):
    """The whole file, checked."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")] = "study"
    data: DataSection
    target: TargetSection
    generalises_to: Literal["site", "patient", "specimen", "region"]
    split: SplitSection = SplitSection()
    training: TrainingSection = TrainingSection()
    seed: Annotated[int, Field(ge=0)] = 0
    checklist: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> "StudyFile":
        columns = self.data.columns
        if self.generalises_to == "patient" and columns.patient is None:
            raise ValueError(
                "generalises_to: patient needs data.columns.patient; without one say generalises_to: specimen"
            )
        if self.generalises_to == "site" and columns.site is None:
            raise ValueError("generalises_to: site needs data.columns.site")
        if (self.split.kind == "regions") != (self.generalises_to == "region"):
            raise ValueError("split.kind: regions and generalises_to: region belong together")
        if self.split.kind in {"leave-one-site-out", "site-preserving"} and self.generalises_to != "site":
            raise ValueError(f"split.kind: {self.split.kind} keeps whole sites apart: say generalises_to: site")
        if self.target.kind == "number" and self.training.imbalance not in {"auto", "none"}:
            raise ValueError(f"training.imbalance: {self.training.imbalance} weighs classes, and a number has none")
        if self.training.network == "mask_rcnn":
            self._finds_objects()
        self._bears_noise()
        if columns.target is None:
            raise ValueError("data.columns.target is needed: the column with the labels or the label images")
        return self

    def _bears_noise(self) -> None:
        """Losses that bear wrong labels are for answers that are classes."""
        training = self.training
        asked = [name for name in ("label_smoothing", "generalised_cross_entropy") if getattr(training, name)]
        if asked and self.target.kind not in {"class", "grade", "labels"}:
            raise ValueError(f"training.{asked[0]} is for classes, grades and labels, not for kind: {self.target.kind}")
        if training.generalised_cross_entropy and training.imbalance == "focal":
            raise ValueError("training.generalised_cross_entropy trusts hard examples less, and focal trusts them more")

    def _finds_objects(self) -> None:
        """What a Mask R-CNN needs."""
        if self.target.kind != "instances":
            raise ValueError(f"training.network: mask_rcnn finds objects, and target.kind is {self.target.kind}")
        if self.split.kind == "regions":
            raise ValueError("training.network: mask_rcnn has no receptive field that a gap could be measured by")
        if self.training.devices * self.training.nodes > 1:
            raise ValueError("training.network: mask_rcnn is trained by one process")
        if self.training.test_time_flips:
            raise ValueError("training.network: mask_rcnn numbers objects, of which mirrorings have no mean")

    @field_validator("checklist")
    @classmethod
    def _known_items(cls, answers: dict[str, str]) -> dict[str, str]:
        if answers:
            from hypercolumn.report.sheets import CHECKLISTS

            known = [number for one in CHECKLISTS for number in one.numbers()]
            for name in answers:
                if name not in known:
                    close = difflib.get_close_matches(name, known, n=1)
                    hint = f"did you mean {close[0]!r}?" if close else f"items are called as {known[0]!r} is"
                    raise ValueError(f"{name!r} is no item of {', '.join(one.name for one in CHECKLISTS)}; {hint}")
        return answers

    def resolved(self) -> str:
        """The file with every default filled in, as it is saved in a run."""
        return yaml.safe_dump(self.model_dump(mode="json", by_alias=True), sort_keys=False, allow_unicode=True)


def read_study_file(path: Path, overrides: Sequence[str] = ()) -> StudyFile:
    """Read and check a study file; `overrides` are "a.b=c" with YAML values.

    Raises StudyFileError or DataProblems, each problem with its line and the nearest right key.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise StudyFileError(
            "the study file does not exist", where=str(path), fix="hypercolumn init DATA writes one"
        ) from None
    except IsADirectoryError:
        raise StudyFileError(
            "this is a folder, not a study file", where=str(path), fix=f"hypercolumn init {path}"
        ) from None
    except UnicodeDecodeError:
        raise StudyFileError("the study file is not UTF-8", where=str(path), fix="save it as UTF-8 text") from None
    return parse_study_file(text, where=path.name, overrides=overrides)


def parse_study_file(text: str, *, where: str = "study.yaml", overrides: Sequence[str] = ()) -> StudyFile:
    """The same from text."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise StudyFileError(
            "the study file is not YAML", where=f"{where}{line}", why=str(getattr(error, "problem", error))
        ) from None
    if not isinstance(content, dict) or node is None:
        raise StudyFileError("the study file holds no keys", where=where, fix="hypercolumn init DATA writes one")
    lines: dict[tuple[str, ...], int] = {}
    doubled = []
    for key, number, repeated in _key_lines(node):
        lines.setdefault(key, number)
        if repeated:
            doubled.append(
                Problem(
                    "E-STUDY", f"key {'.'.join(key)!r} stands twice", f"{where}, line {number}", fix="keep one of them"
                )
            )
    if doubled:
        raise DataProblems(doubled, where=where)
    for override in overrides:
        _override(content, override)
    try:
        return StudyFile.model_validate(content)
    except ValidationError as error:
        raise DataProblems([_explain(item, lines, where) for item in error.errors()], where=where) from None


def _override(content: dict[str, Any], override: str) -> None:
    name, separator, value = override.partition("=")
    if not separator or not re.fullmatch(r"[a-z_]+(\.[A-Za-z_]+)*", name):
        raise StudyFileError(f"--set {override!r} is not of the form a.b=c", fix="for example --set training.minutes=4")
    *sections, last = name.split(".")
    place = content
    for section in sections:
        if not isinstance(place.get(section), dict):
            place[section] = {}
        place = place[section]
    place[last] = yaml.safe_load(value)


def _key_lines(node: yaml.Node, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int, bool]]:
    """Every key of the file with its line, and whether it stands there a second time."""
    if isinstance(node, yaml.MappingNode):
        seen: set[tuple[str, ...]] = set()
        for key, value in node.value:
            path = (*prefix, str(key.value))
            yield path, key.start_mark.line + 1, path in seen
            seen.add(path)
            yield from _key_lines(value, path)


def _explain(item: Any, lines: Mapping[tuple[str, ...], int], where: str) -> Problem:
    """One complaint of the schema in our own words, with its line."""
    path = tuple(
        str(part)
        for part in item["loc"]
        if not str(part).startswith(("literal", "constrained", "tuple", "dict", "int", "float"))
    )
    known = next((lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in lines), None)
    place = f"{where}, line {known}" if known else where
    name = ".".join(path)
    if item["type"] == "extra_forbidden":
        close = difflib.get_close_matches(path[-1], _keys_of(path[:-1]), n=1)
        fix = f"did you mean {close[0]!r}?" if close else f"keys here: {', '.join(_keys_of(path[:-1]))}"
        return Problem("E-STUDY", f"unknown key {name!r}", place, fix=fix)
    if item["type"] == "missing":
        fix = {
            "generalises_to": "say what the score speaks of: site, patient, specimen or region",
            "data.columns.patient": "name the patient column, or write `patient: none` if nobody knows the patients",
        }.get(name, f"add {name}")
        return Problem("E-STUDY", f"{name!r} is missing", place, fix=fix)
    message = item["msg"].removeprefix("Value error, ")
    given = "" if isinstance(item.get("input"), (dict, list)) else f" (given: {item.get('input')!r})"
    return Problem("E-STUDY", f"{name or 'the study file'}: {message}{given}", place)


def _keys_of(path: tuple[str, ...]) -> list[str]:
    """The keys that a section may have."""
    model: type[BaseModel] = StudyFile
    for part in path:
        field = model.model_fields.get(part)
        kind = field.annotation if field else None
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return []
        model = kind
    return [field.alias or name for name, field in model.model_fields.items()]
