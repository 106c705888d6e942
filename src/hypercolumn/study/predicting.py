"""From weights to predictions: the test pieces of a fold, or any new image, by one network or the mean of several.

A piece that is a box is predicted with its surroundings in view and then cut out: the gap of the split is no smaller
than what the network sees, so nothing that was trained on is in sight.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn

from hypercolumn.data import Cohort, Piece
from hypercolumn.errors import WeightsError
from hypercolumn.evaluation import (
    classification_row,
    group_column,
    instance_row,
    regression_row,
    segmentation_row,
)
from hypercolumn.inference import Predictor, mean_over_symmetries
from hypercolumn.inference.detector import Detector
from hypercolumn.networks import NETWORKS, STAGED, build_network
from hypercolumn.preprocessing import Normalization
from hypercolumn.study.material import Material, in_box
from hypercolumn.study.objects import ObjectSettings, middle
from hypercolumn.study.plan import build_task
from hypercolumn.tasks import Detection, Task
from hypercolumn.tasks.detections import above, mean_of_planes
from hypercolumn.training import load_weights


@dataclass(frozen=True)
class Trained:
    """A network with what it needs to be used: its normalization, its task, and its tiles, worked out once a shape."""

    predictor: Predictor | Detector
    task: Task | Detection
    normalization: Normalization
    dense: bool
    settings: ObjectSettings | None = None
    flips: bool = False

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """Probabilities (class, *space) of a raw image (channel, *space), or (class,) for one answer a record; a number
        itself as (1,), in its own unit; planes (3, y, x) where the network finds objects itself.
        """
        prepared = self.normalization.apply(image)
        return mean_over_symmetries(self._answer, prepared) if self.flips else self._answer(prepared)

    def _answer(self, prepared: np.ndarray) -> np.ndarray:
        if isinstance(self.predictor, Detector):
            return self.predictor(prepared)
        if self.dense:
            return self.probabilities_of(self.predictor(prepared))
        network = self.predictor.network.eval()
        with torch.inference_mode():
            return self.probabilities_of(network(torch.from_numpy(prepared)[None])[0].float().numpy())

    def probabilities_of(self, logits: np.ndarray) -> np.ndarray:
        """The same from what the network gave (class, *space)."""
        assert not isinstance(self.task, Detection)
        return self.task.probabilities(torch.from_numpy(logits)[None])[0].numpy()


def load_trained(
    folder: Path,
    *,
    sha256: str | None,
    memory_bytes: int,
    network: nn.Module | None = None,
    precision: Literal["auto"] | None = None,
) -> Trained:
    """The network of one fold, in float32 or in the precision that is fastest here (`Predictor`).

    Raises WeightsError where the file was changed, or needs a module that was not given.
    """
    tensors, sheet = load_weights(folder / "weights.safetensors", sha256=sha256)
    if network is None:
        if sheet["network"] not in {*NETWORKS, *STAGED}:
            raise WeightsError(
                "these weights belong to a network of your own",
                where=folder.name,
                fix="open the run in Python and give the module: run.predict(images, network=module)",
            )
        network = build_network(sheet["network"], sheet["arguments"])
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise WeightsError(
            "the weights do not fit the network", where=folder.name, why=str(error).splitlines()[0]
        ) from None
    task = build_task(sheet["task"])
    dense = sheet["task"]["name"] in {"segmentation", "detection"}
    predictor: Predictor | Detector
    if isinstance(task, Detection):
        predictor = Detector(network, task)
    else:
        predictor = Predictor(network, memory_bytes=memory_bytes, precision=precision)
    normalization = Normalization.from_dict(sheet["normalization"])
    flips = bool(sheet.get("test_time_flips"))
    return Trained(predictor, task, normalization, dense, ObjectSettings.read(folder), flips)


@dataclass(frozen=True)
class Ensemble:
    """The mean of several networks' probabilities, or numbers: the folds of a run, each of which saw other patients."""

    members: tuple[Trained, ...]

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        each = [member.probabilities(image) for member in self.members]
        if isinstance(self.members[0].task, Detection):
            return mean_of_planes(each)
        return np.mean(each, axis=0)

    @property
    def dense(self) -> bool:
        return self.members[0].dense

    @property
    def settings(self) -> ObjectSettings | None:
        """How objects are told apart, where they are: the middle of what the folds found best."""
        found = [member.settings for member in self.members if member.settings is not None]
        return middle(found) if found else None


def decode(task: Task | Detection, probabilities: np.ndarray) -> np.ndarray:
    """The answer that follows from probabilities (class, ...)."""
    if isinstance(task, Detection):
        return (above(probabilities, 0.5) > 0).astype(np.int64)
    return task.decode(torch.from_numpy(probabilities)[None])[0].numpy()


def predicted_rows(
    model: Trained | Ensemble,
    pieces: Iterable[Piece],
    material: Material,
    *,
    fold: str,
    unit_of: Mapping[str, str],
    groups: Sequence[str],
) -> Iterator[tuple[str, dict[str, object]]]:
    """The rows of a table of predictions, one a piece."""
    task = model.task if isinstance(model, Trained) else model.members[0].task
    last: tuple[str, np.ndarray] | None = None
    for piece in pieces:
        if last is None or last[0] != piece.record:
            last = (piece.record, model.probabilities(material.image(piece.record)))
        probabilities = in_box(last[1], piece.box) if material.dense else last[1]
        yield (
            piece.name,
            {
                **who(piece, material.cohort, fold=fold, unit=unit_of[piece.name], groups=groups),
                **row_of(
                    probabilities,
                    piece,
                    material,
                    decided=decode(task, probabilities) if material.dense else None,
                    settings=model.settings,
                ),
            },
        )


def row_of(
    probabilities: np.ndarray,
    piece: Piece,
    material: Material,
    *,
    decided: np.ndarray | None = None,
    settings: ObjectSettings | None = None,
) -> dict[str, object]:
    """The numbers of one piece from its probabilities; where nothing was decided the likeliest class is taken."""
    if material.dense:
        header = material.headers[piece.record]
        truth = in_box(material.mask(piece.record), piece.box)
        planes, probabilities = probabilities, probabilities[: len(material.classes)]
        predicted = probabilities.argmax(0) if decided is None else decided
        row = segmentation_row(
            truth, predicted, probabilities, classes=material.classes, spacing=header.spacing, spacing_unit=header.unit
        )
        if not material.told_apart:
            return row
        assert settings is not None
        objects = in_box(material.instances(piece.record), piece.box)
        return row | instance_row(objects, settings.objects(planes, header.spacing, header.unit))
    if not material.classes:
        return regression_row(float(material.label(piece.record)), float(probabilities[0]))
    return classification_row(material.label(piece.record), np.clip(probabilities, 0, 1))


def who(piece: Piece, cohort: Cohort, *, fold: str, unit: str, groups: Sequence[str]) -> dict[str, object]:
    """Who a piece is: its record, fold, unit, and the columns that scores are shown by."""
    cells = {group_column(name): cohort.table.at[piece.record, name] for name in groups}
    return {"record": piece.record, "fold": fold, "unit": unit, **cells}


def group_names(cohort: Cohort) -> tuple[str, ...]:
    """The columns of a cohort that scores may be shown by."""
    columns = cohort.columns
    return tuple(dict.fromkeys((*columns.lineage.values(), *columns.batch, *columns.strata)))
