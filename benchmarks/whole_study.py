"""A whole study of nuclei (DSB2018), from the raw folder to predictions of every image out of fold, against MONAI.

The other side is what a user of MONAI would write: files cached in memory, random crops, flips, turns, affine warps and
noise, Dice and cross-entropy, AdamW, float32 as it comes, and its sliding window over the test images. The network (the
same module with the same weights at first), folds, steps, windows and batches are the same; it looks for no copies,
checks no split, fits no baselines, gives no intervals and writes no report, all of which ours does in its time.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import Measured, bar
from benchmarks.peers import peer
from hypercolumn.inference.precision import has_bfloat16_units

ROOT = Path(__file__).parents[1]
DSB = ROOT / "../shared/data/dsb2018_nuclei"
STEPS, FOLDS, WIDTH, REPEATS = 150, 2, 32, 5

_OURS = """
import sys
from pathlib import Path
from hypercolumn.study import Study, init
data, home, steps, folds, width = sys.argv[1:6]
study = init(Path(data), Path(home) / "study.yaml", patient="none")
settings = [f"training.steps={steps}", f"split.folds={folds}", f"training.width={width}", "training.depth=4"]
print(Study.read(study, settings).train(out=Path(home) / "runs").folder)
"""

_THEIRS = """
import json, sys
from pathlib import Path
import numpy, torch
from PIL import Image
import monai
from monai.data import CacheDataset, DataLoader
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss
from monai.transforms import (Compose, EnsureTyped, RandAffined, RandFlipd, RandGaussianNoised, RandRotate90d,
    RandSpatialCropd, ScaleIntensityRangePercentilesd, SpatialPadd)
asked = json.loads(Path(sys.argv[1]).read_text())
sys.path.insert(0, asked["source"])
from hypercolumn.networks import UNet
torch.manual_seed(0)
monai.utils.set_determinism(0)
window, both = asked["window"], ["image", "label"]
def read(entry):
    image = numpy.asarray(Image.open(entry["image"]).convert("RGB"), dtype=numpy.float32).transpose(2, 0, 1)
    label = (numpy.asarray(Image.open(entry["label"])) > 0).astype(numpy.float32)[None]
    return {"image": image, "label": label}
always = [ScaleIntensityRangePercentilesd("image", 0.1, 99.9, -2, 2, channel_wise=True)]
change = [
    SpatialPadd(both, window, mode="reflect"), RandSpatialCropd(both, window, random_size=False),
    RandFlipd(both, 0.5, 0), RandFlipd(both, 0.5, 1), RandRotate90d(both, 0.5),
    RandAffined(both, prob=0.7, rotate_range=3.14, scale_range=(0.25, 0.25), mode=("bilinear", "nearest"),
        padding_mode="reflection"),
    RandGaussianNoised("image", 0.3, 0.0, 0.15), EnsureTyped(both),
]
for number, fold in enumerate(asked["folds"]):
    cached = CacheDataset([read(entry) for entry in fold["training"]], Compose([*always, *change]), progress=False)
    loader = DataLoader(cached, batch_size=asked["batch"], shuffle=True, drop_last=True)
    network = UNet(2, 3, 2, width=asked["width"], depth=4, padding="same", normalization="batch", dropout=0.0)
    loss, step = DiceCELoss(to_onehot_y=True, softmax=True), 0
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    while step < asked["steps"]:
        for batch in loader:
            optimiser.zero_grad()
            loss(network(batch["image"].as_tensor()), batch["label"].as_tensor()).backward()
            optimiser.step()
            step += 1
            if step == asked["steps"]:
                break
    network.eval()
    plain = Compose(always)
    with torch.inference_mode():
        for entry in fold["test"]:
            image = torch.as_tensor(numpy.asarray(plain(read(entry))["image"]))[None]
            made = sliding_window_inference(image, window, 4, network, overlap=0.25, padding_mode="reflect")
            Image.fromarray(made.argmax(1)[0].numpy().astype(numpy.uint8)).save(
                Path(asked["out"]) / f"{number}-{Path(entry['image']).stem}.png")
"""


@bar(
    "whole study of nuclei against MONAI's with its sliding window, the same network and steps",
    unit="times as fast",
    at_least=3.0 if has_bfloat16_units() else 1.0,
)
def against_monai() -> Measured:
    if not DSB.is_dir():
        raise FileNotFoundError("the images are not at hand: put them at ../shared/data/dsb2018_nuclei")
    python = peer("monai-study", "monai>=1.5,<2", "pillow", "safetensors")
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for turn in range(REPEATS):
            place = home / f"ours-{turn}"
            place.mkdir()
            begun = time.perf_counter()
            arguments = [str(DSB), str(place), str(STEPS), str(FOLDS), str(WIDTH)]
            done = subprocess.run(
                [sys.executable, "-c", _OURS, *arguments], check=True, capture_output=True, text=True, cwd=ROOT
            )
            ours.append(time.perf_counter() - begun)
            asked = _asked(Path(done.stdout.splitlines()[-1]), home / f"theirs-{turn}")
            begun = time.perf_counter()
            subprocess.run([str(python), "-W", "ignore", "-c", _THEIRS, str(asked)], check=True, capture_output=True)
            theirs.append(time.perf_counter() - begun)
    ratios = [other / own for own, other in zip(ours, theirs, strict=True)]
    details = {
        "hypercolumn, s": [round(seconds, 1) for seconds in ours],
        "MONAI, s": [round(seconds, 1) for seconds in theirs],
        "steps a fold": STEPS,
        "folds": FOLDS,
    }
    return Measured(statistics.median(ratios), details)


def _asked(run: Path, out: Path) -> Path:
    """The folds, window and batch of our run, as the other side is told them."""
    out.mkdir()
    split = json.loads((run / "split.json").read_text(encoding="utf-8"))
    plan = json.loads(next((run / "folds").glob("*/plan.json")).read_text(encoding="utf-8"))
    import pandas as pd

    manifest = pd.read_csv(run / "manifest.csv", dtype=str)
    manifest.index = manifest["record"]
    files = {
        record: {"image": str(DSB / row["image"]), "label": str(DSB / row["mask"])}
        for record, row in manifest.iterrows()
    }
    folds = []
    for fold in split["folds"]:
        sides = {side: [files[piece["record"]] for piece in fold[side]] for side in ("training", "validation", "test")}
        folds.append({"training": sides["training"], "test": sides["test"]})
    asked = {
        "source": str(ROOT / "src"),
        "folds": folds,
        "window": plan["window"],
        "batch": plan["batch"],
        "width": WIDTH,
        "steps": STEPS,
        "out": str(out),
    }
    path = out / "asked.json"
    path.write_text(json.dumps(asked), encoding="utf-8")
    return path
