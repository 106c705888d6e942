"""Studies whose answer is one a record, and every kind of split, each from files to a report."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from hypercolumn.study import Run, Study

SIZE = 32
PATIENTS = 12


def picture(kind: int, chance: np.random.Generator) -> np.ndarray:
    """Noise with a disc (0), a ring (1) or a cross (2) somewhere: mean and spread are the same for all."""
    rows, columns = np.indices((SIZE, SIZE))
    centre = chance.uniform(10, 22, 2)
    distance = np.hypot(rows - centre[0], columns - centre[1])
    across = np.minimum(abs(rows - centre[0]), abs(columns - centre[1]))
    shape = (distance < 5, (distance > 6) & (distance < 8), (across < 1.5) & (distance < 9))[kind]
    grey = chance.normal(0, 1, (SIZE, SIZE)) + 2.0 * shape
    grey = (grey - grey.mean()) / grey.std()
    return np.clip(128 + 40 * grey, 0, 255).astype(np.uint8)


def cohort(folder: Path) -> pd.DataFrame:
    """Twelve patients at three sites with three images each, of three kinds."""
    chance = np.random.default_rng(0)
    rows = []
    for patient in range(PATIENTS):
        for number in range(3):
            kind = (patient + number) % 3
            name = f"p{patient:02d}_{number}.png"
            Image.fromarray(picture(kind, chance)).save(folder / name)
            words = ("disc", "ring", "cross")
            labels = ";".join([words[kind], *(["bright"] if patient % 2 else [])])
            rows.append((name, words[kind], labels, f"P{patient:02d}", f"site {patient % 3}"))
    return pd.DataFrame(rows, columns=["image", "kind", "labels", "patient", "site"])


TRAINING = {"steps": 6, "minutes": None, "width": 4, "batch": 4, "precision": "float32"}


def study(folder: Path, target: dict, *, column: str, generalises_to: str, split: dict, **more: object) -> Run:
    cohort(folder).to_csv(folder / "manifest.csv", index=False)
    columns = {"input": "image", "target": column, "patient": "patient", "site": "site"}
    content = {
        "name": "shapes",
        "data": {"manifest": "manifest.csv", "columns": columns},
        "target": target,
        "generalises_to": generalises_to,
        "split": split,
        "training": {**TRAINING, **more},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return Study.read(folder / "study.yaml").train(out=folder / "runs")


KINDS = {"kind": "class", "classes": ["disc", "ring", "cross"]}


@pytest.mark.parametrize(
    ("target", "column", "headline"),
    [
        (KINDS, "kind", "balanced accuracy"),
        ({"kind": "grade", "classes": ["disc", "ring", "cross"]}, "kind", "quadratic weighted kappa"),
        ({"kind": "labels", "classes": ["disc", "ring", "cross", "bright"]}, "labels", "AUROC"),
    ],
)
def test_each_kind_of_answer_goes_from_files_to_a_report(
    tmp_path: Path, target: dict, column: str, headline: str
) -> None:
    run = study(tmp_path, target, column=column, generalises_to="patient", split={"folds": 2})
    assert run.lead().metric == headline
    assert len(run.predictions) == 3 * PATIENTS
    assert {"majority class", "thumbnail pixels"} <= set(run.baseline_leads())
    assert "generalising to new patients" in (run.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("imbalance", ["class-weights", "focal", "balanced-sampling"])
def test_each_answer_to_imbalance_trains(tmp_path: Path, imbalance: str) -> None:
    run = study(
        tmp_path, KINDS, column="kind", generalises_to="patient", split={"kind": "hold-out"}, imbalance=imbalance
    )
    assert [fold.name for fold in run.split.folds] == ["hold-out"]


@pytest.mark.parametrize("kind", ["leave-one-site-out", "site-preserving"])
def test_splits_by_site_speak_of_new_sites(tmp_path: Path, kind: str) -> None:
    run = study(tmp_path, KINDS, column="kind", generalises_to="site", split={"kind": kind, "folds": 3})
    sites = pd.read_csv(run.folder / "manifest.csv").set_index("image")["site"]
    for fold in run.split.folds:
        tested = {sites[piece.record] for piece in fold.test}
        learnt = {sites[piece.record] for piece in (*fold.training, *fold.validation)}
        assert not tested & learnt
    assert run.lead().unit == "sites"


def test_the_network_beats_the_baselines_where_shape_alone_tells(tmp_path: Path) -> None:
    """Brightness says nothing here: mean intensities stay at chance while a few hundred steps learn the shapes."""
    run = study(
        tmp_path,
        KINDS,
        column="kind",
        generalises_to="patient",
        split={"folds": 2, "validation": 0},
        steps=250,
        width=8,
        batch=8,
    )
    lead, baselines = run.lead(), run.baseline_leads()
    assert lead.value is not None
    assert lead.value > 0.5, "chance is one third"
    assert lead.value > max(score.value or 0 for score in baselines.values())


def test_one_big_image_is_split_in_regions_that_the_network_cannot_see_across(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    mask = np.zeros((160, 480), dtype=np.uint8)
    rows, columns = np.indices(mask.shape)
    for row, column in zip(chance.uniform(0, 160, 60), chance.uniform(0, 480, 60), strict=True):
        mask[np.hypot(rows - row, columns - column) < 6] = 1
    grey = np.clip(80 + 60 * mask + chance.normal(0, 25, mask.shape), 0, 255).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "big.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    pd.DataFrame({"image": ["big.png"], "mask": ["mask.png"]}).to_csv(tmp_path / "manifest.csv", index=False)
    content = {
        "name": "one-image",
        "data": {"manifest": "manifest.csv", "columns": {"input": "image", "target": "mask", "patient": None}},
        "target": {"kind": "mask", "classes": {"background": 0, "disc": 1}},
        "generalises_to": "region",
        "split": {"kind": "regions", "folds": 2},
        "training": {**TRAINING, "window": [32, 32], "batch": 2},
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    run = Study.read(tmp_path / "study.yaml").train(out=tmp_path / "runs")
    import json

    from hypercolumn.convolution import receptive_field
    from hypercolumn.networks import NETWORKS

    plan = json.loads((run.fold("fold-1") / "plan.json").read_text())
    sees = max(receptive_field(NETWORKS[plan["network"]](**plan["arguments"]), (256, 256)).largest)
    assert sees <= min(run.split.gap.values())
    tested = sum(
        int(np.prod([stop - start for start, stop in piece.box]))
        for fold in run.split.folds
        for piece in fold.test
        if piece.box
    )
    assert tested == mask.size, "every sample of the image is scored once"
    counted = run.predictions.table[["tp_0", "fp_0", "fn_0", "tn_0"]].to_numpy().sum()
    assert counted == mask.size
    assert run.lead().unit == "regions"
