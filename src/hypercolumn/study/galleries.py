"""Pictures for the report: the best, median and worst cases with their outlines, the records that a finding speaks of,
and pairs that are one image.
"""

import json
from collections.abc import Sequence

import numpy as np

from hypercolumn import report
from hypercolumn.audit import Finding
from hypercolumn.data import Piece, Split, read_image
from hypercolumn.data.instance_map import with_small_numbers
from hypercolumn.errors import HypercolumnError
from hypercolumn.evaluation import Better, Predictions, in_unit, shown
from hypercolumn.evaluation.instance_figures import precision_by_row
from hypercolumn.evaluation.overlap import dice
from hypercolumn.study.material import Material, in_box
from hypercolumn.study.object_gallery import Seen, object_galleries
from hypercolumn.study.predicting import Trained, decode, load_trained
from hypercolumn.study.run import Run

EACH = 3
LARGEST_SIDE = 480
EVIDENCE = {
    "A-SLICES-WORSE": "A group that does worse and that no column names",
    "A-STRATA-WORSE": "A declared group that does worse",
    "A-LABEL-NOISE": "Labels that the network contradicts",
    "A-MASKS-INCOMPLETE": "Where objects may lack an annotation",
    "A-MASKS-OUTLINES": "Outlines far from those of the network",
    "A-TEXT-READABLE": "Text that tells the label",
}
"""Findings whose records are shown, by code, with the heading of their pictures."""
SHOWN, MOST_FINDINGS = 6, 6


def case_values(predictions: Predictions) -> tuple[str, np.ndarray, Better]:
    """One number a piece to order the cases by, and which way it is better: AP of the objects, Dice over the
    foreground, the probability of the truth, or the absolute error of a number.
    """
    table = predictions.table
    if predictions.target_kind == "instances":
        return "AP", precision_by_row(table), Better.HIGHER
    if predictions.kind == "segmentation":
        foreground = range(1, len(predictions.classes))
        sums = [
            np.sum([table[f"{part}_{index}"].to_numpy() for index in foreground], axis=0) for part in ("tp", "fp", "fn")
        ]
        return "Dice", np.asarray(dice(*sums), dtype=float), Better.HIGHER
    if predictions.kind == "regression":
        apart = (table["answer"] - table["truth"]).abs().to_numpy(float)
        return in_unit("absolute error", predictions.measured_in), apart, Better.LOWER
    names = [f"p_{index}" for index in range(len(predictions.classes))]
    given = table[names].to_numpy()
    if predictions.target_kind == "labels":
        truth = table[[f"truth_{index}" for index in range(len(predictions.classes))]].to_numpy()
        return "mean probability of the truth", np.where(truth > 0, given, 1 - given).mean(1), Better.HIGHER
    true = given[np.arange(len(given)), table["truth"].to_numpy().astype(int)]
    return "probability of the truth", true, Better.HIGHER


def galleries(run: Run, predictions: Predictions, findings: Sequence[Finding] = ()) -> tuple[report.Gallery, ...]:
    """Best, median and worst cases and the records of findings; a word where data or weights are not at hand."""
    from hypercolumn.study.study import Study

    metric, values, better = case_values(predictions)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort([better.goodness(value) for value in values[known]], kind="stable")]
    if not len(order):
        return ()
    half = max(0, len(order) // 2 - EACH // 2)
    chosen = {"Worst cases": order[:EACH], "Median cases": order[half : half + EACH], "Best cases": order[::-1][:EACH]}
    try:
        study = Study.read(run.folder / "study.yaml")
        material = study.material
        cases = _Cases(run, material, predictions, metric, values)
        ranked = tuple(
            report.Gallery(title, tuple(cases.case(int(index)) for index in indices))
            for title, indices in chosen.items()
        ) + _evidence(findings, cases)
        if predictions.target_kind != "instances":
            return ranked
        noun = predictions.classes[1]
        return ranked + object_galleries(predictions.table, cases.objects, draw=picture, noun=noun)
    except HypercolumnError as error:
        return (report.Gallery("Cases", (), f"The pictures are left out: {error.problem.what}."),)


def _evidence(findings: Sequence[Finding], cases: "_Cases") -> tuple[report.Gallery, ...]:
    """The first records of each finding that names some, under the words of what they share or of how to look."""
    place = {str(record): index for index, record in reversed(list(enumerate(cases.predictions.table["record"])))}
    named = [
        (finding, [place[group[0]] for group in finding.groups if group and group[0] in place])
        for finding in findings
        if finding.code in EVIDENCE
    ]
    found = []
    for finding, places in [each for each in named if each[1]][:MOST_FINDINGS]:
        said = {"group": "{}", "shared": "they share {}"}
        words = [form.format(finding.evidence[key]) for key, form in said.items() if key in finding.evidence]
        count = f"the first {SHOWN} of {len(places)} named" if len(places) > SHOWN else f"{len(places)} named"
        pictures = tuple(cases.case(index) for index in places[:SHOWN])
        found.append(report.Gallery(EVIDENCE[finding.code], pictures, "; ".join([*words, count])))
    return tuple(found)


def pairs(run: Run, findings: Sequence[Finding], most: int = 12) -> tuple[report.Pair, ...]:
    """The images that an audit found to be one, side by side."""
    from hypercolumn.study.study import Study

    groups = [
        group
        for finding in findings
        if finding.code.startswith("A-DUPLICATES")
        for group in finding.groups
        if len(group) >= 2
    ]
    if not groups:
        return ()
    found = {
        (pair["first"], pair["second"]): pair
        for pair in json.loads((run.folder / "similarity.json").read_text(encoding="utf-8"))["pairs"]
    }
    shown = []
    try:
        cohort = Study.read(run.folder / "study.yaml").cohort
        for first, second, *_ in groups[:most]:
            pair = found.get((first, second)) or found.get((second, first)) or {}
            left, right = (
                report.Case(name, picture(read_image(list(cohort.inputs(name))).array)) for name in (first, second)
            )
            words = (
                f"{pair.get('kind', 'look alike')}, {pair.get('transform', '')}, correlation {pair['score']:.3f}"
                if pair
                else "look alike"
            )
            shown.append(report.Pair(left, right, words))
    except HypercolumnError:
        return tuple(shown)
    return tuple(shown)


class _Cases:
    """Cases drawn one by one; each fold's network is loaded once."""

    def __init__(self, run: Run, material: Material, predictions: Predictions, metric: str, values: np.ndarray) -> None:
        self.run, self.material, self.predictions, self.metric, self.values = run, material, predictions, metric, values
        self.pieces = {piece.name: piece for piece in _tested(run.split)}
        self.models: dict[str, Trained | None] = {}

    def case(self, index: int) -> report.Case:
        row = self.predictions.table.iloc[index]
        piece = self.pieces[str(row.name)]
        image = in_box(self.material.image(piece.record), piece.box)
        header = self.material.headers[piece.record]
        truth = prediction = None
        words = str(row["fold"])
        if self.material.dense:
            told_apart = self.material.told_apart
            labels = self.material.instances(piece.record) if told_apart else self.material.mask(piece.record)
            truth = _plane(_drawn(in_box(labels, piece.box)))
            prediction = self._predicted(str(row["fold"]), piece)
            prediction = None if prediction is None else _plane(_drawn(prediction))
        elif self.predictions.kind == "regression":
            unit = self.predictions.measured_in
            words = f"{shown(row['truth'])} {unit}".rstrip() + f", predicted {shown(row['answer'])}; {words}"
        elif "truth" in row:
            classes = self.predictions.classes
            guess = int(np.argmax([row[f"p_{number}"] for number in range(len(classes))]))
            words = f"{classes[int(row['truth'])]}, predicted {classes[guess]}; {words}"
        shrink = _shrink(image.shape[1:])
        return report.Case(
            record=piece.name,
            image=picture(image),
            words=words,
            truth=None if truth is None else truth[::shrink, ::shrink],
            prediction=None if prediction is None else prediction[::shrink, ::shrink],
            metric=self.metric,
            value=float(self.values[index]),
            pixel=None if header.spacing is None else header.spacing[-1] * shrink,
            length_unit=header.unit or "",
        )

    def objects(self, name: str) -> Seen | None:
        """A piece of two axes with its true and predicted objects; None where it cannot be shown."""
        piece = self.pieces[name]
        truth = in_box(self.material.instances(piece.record), piece.box)
        predicted = self._predicted(str(self.predictions.table.at[name, "fold"]), piece)
        if predicted is None or truth.ndim != 2:
            return None
        image = in_box(self.material.image(piece.record), piece.box)
        return Seen(name, image, truth, predicted, self.material.headers[piece.record])

    def _predicted(self, fold: str, piece: Piece) -> np.ndarray | None:
        if fold not in self.models:
            digest = self.run.state()["folds"][fold]["sha256"]
            try:
                self.models[fold] = load_trained(self.run.fold(fold), sha256=digest, memory_bytes=2**30)
            except HypercolumnError:
                self.models[fold] = None
        model = self.models[fold]
        if model is None:
            return None
        probabilities = in_box(model.probabilities(self.material.image(piece.record)), piece.box)
        if model.settings is None:
            return decode(model.task, probabilities)
        header = self.material.headers[piece.record]
        return model.settings.objects(probabilities, header.spacing, header.unit)


def picture(array: np.ndarray) -> np.ndarray:
    """An array (channel, *space) as (row, column, 3) uint8, stretched between two percentiles for the eye alone."""
    if array.ndim == 2:
        array = np.repeat(array[:, None], 64, axis=1)
    flat = _plane(array, leading=1).astype(np.float32)
    shrink = _shrink(flat.shape[1:])
    flat = flat[:, ::shrink, ::shrink]
    flat = (
        flat[:3]
        if len(flat) >= 3
        else (np.repeat(flat[:1], 3, axis=0) if len(flat) == 1 else np.concatenate([flat, flat[:1] * 0]))
    )
    low, high = np.percentile(flat, (0.5, 99.5))
    return (np.clip((flat - low) / max(high - low, 1e-9), 0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)


def _drawn(labels: np.ndarray) -> np.ndarray:
    """Labels of any type as outlines are drawn of them."""
    return np.asarray(with_small_numbers(labels), dtype=np.int64)


def _plane(array: np.ndarray, leading: int = 0) -> np.ndarray:
    """The middle plane of a volume; an image as it is."""
    while array.ndim - leading > 2:
        array = array.take(array.shape[leading] // 2, axis=leading)
    return array


def _shrink(space: Sequence[int]) -> int:
    return max(1, -(-max(space[-2:]) // LARGEST_SIDE))


def _tested(split: Split) -> list[Piece]:
    return [piece for fold in split.folds for piece in fold.test]
