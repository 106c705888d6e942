"""The networks of a run as ONNX files, each with what a stranger must know to use it and how far it can be believed.

    standardized image (example, channel, *space)  ->  probabilities (example, class, *space), or a number in its unit

The notes in a file say how an image is standardized, what the classes are, what the score was and what it speaks of,
and which certificate vouches for the split. Nothing of the records is in it: no names and no paths.
"""

import json
from pathlib import Path

from hypercolumn.data import NumberTarget
from hypercolumn.errors import NetworkError, UsageError
from hypercolumn.inference.export import Exported, export_onnx
from hypercolumn.preprocessing import Normalization
from hypercolumn.study.external import load_ensemble
from hypercolumn.study.progress import Watcher
from hypercolumn.study.run import Run
from hypercolumn.study.study import Study
from hypercolumn.tasks import Detection

STANDARDIZED = {
    "image": "by channel, subtract the middle and divide by a quarter of the range from the image's own 0.1th to its "
    "99.9th percentile",
    "cohort": "by channel, subtract the centre and divide by the spread",
}


def export_run(folder: Path, out: Path, *, fold: str | None, watcher: Watcher) -> list[Exported]:
    """Write the network of each fold, or of one, as `out`/FOLD.onnx, and check each with ONNX Runtime.

    Raises UsageError for a fold that is not there or a folder that has such a file already; NetworkError where a
    network cannot be written; MissingExtra without the export extra.
    """
    run = Run.open(folder)
    names = [fold] if fold is not None else list(run.state()["folds"])
    taken = [name for name in names if (out / f"{_file(name)}.onnx").exists()]
    if taken:
        raise UsageError(
            f"{_file(taken[0])}.onnx is there already", where=str(out), fix="give another folder with --out"
        )
    said = _about(run)
    written = []
    for name in names:
        watcher.stage(f"writing {name}")
        [member] = load_ensemble(run, fold=name, memory_bytes=2**31).members
        notes = said | {"fold": name, "normalization": _words(member.normalization)}
        if isinstance(member.task, Detection):
            raise NetworkError(
                "a Mask R-CNN is not one function of its image, which is what an ONNX file holds",
                why="boxes are chosen between its stages",
                fix="use hypercolumn predict, or train with network: unet",
            )
        network, answer = member.predictor.network, member.task.probabilities
        written.append(export_onnx(network, out / f"{_file(name)}.onnx", answer=answer, notes=notes))
    return written


def _about(run: Run) -> dict[str, str]:
    """What is true of every network of a run."""
    asked = Study.read(run.folder / "study.yaml").asked
    target, lead, state = asked.target.target(), run.lead(), run.state()
    blocking = [finding.code for finding in run.findings if finding.blocking]
    score = f"{lead.title(run.noun())}: {lead}"
    said = {
        "made by": f"hypercolumn {state['versions']['hypercolumn']}",
        "study": asked.name,
        "input": "image (example, channel, *space), standardized as said under normalization",
        "generalises to": run.noun(),
        "score out of fold, all folds": score if not blocking else f"not to be believed: {', '.join(blocking)}",
        "certificate": run.certificate.sha256,
    }
    if isinstance(target, NumberTarget):
        return said | {"output": "a number (example, 1)", "unit": target.unit}
    return said | {"output": "a probability for each class", "classes": json.dumps(list(target.classes))}


def _words(normalization: Normalization) -> str:
    """How to standardize an image, in words and as the numbers."""
    return json.dumps({"how": STANDARDIZED[normalization.kind], **normalization.to_dict()})


def _file(name: str) -> str:
    return name.replace(" ", "-")
