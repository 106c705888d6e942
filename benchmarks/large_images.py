"""An image of 20,000 x 20,000 from a TIFF to a label TIFF: memory bounded, cost linear.

The image is textured noise in tiles of 256, written and predicted in processes of their own, whose peak of memory the
system counts. The network is a U-Net 16 wide and four deep, in the precision that is fastest here; its weights are
random, as time and memory do not depend on them.
"""

import json
import subprocess
import sys
import tempfile
from functools import cache

from benchmarks.harness import Measured, bar

SMALL, LARGE = 10_000, 20_000

_PREDICT = """
import json, resource, sys, time
from pathlib import Path
import numpy, tifffile, torch
from hypercolumn.data import opened_image
from hypercolumn.inference import Predictor
from hypercolumn.networks import UNet
from hypercolumn.preprocessing import Normalization
from hypercolumn.study.large import predict_opened
from hypercolumn.study.predicting import Trained
from hypercolumn.tasks import Segmentation
size, folder = int(sys.argv[1]), Path(sys.argv[2])
tile = numpy.random.default_rng(0).integers(0, 255, (64, 256, 256), dtype=numpy.uint8)
count = (-(-size // 256)) ** 2
tiles = (tile[number % 64] for number in range(count))
tifffile.imwrite(folder / "image.tif", tiles, shape=(size, size), dtype="uint8", tile=(256, 256), compression="zlib")
torch.manual_seed(0)
network = UNet(2, 1, 2, width=16, padding="same", normalization="batch", dropout=0.0).eval()
predictor = Predictor(network, memory_bytes=1 << 30, precision="auto")
model = Trained(predictor, Segmentation(("background", "cell")), Normalization("image"), True)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begin = time.perf_counter()
with opened_image(folder / "image.tif") as image:
    path = predict_opened(image, model, folder / "labels.tif")[0]
seconds = time.perf_counter() - begin
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({
    "seconds": seconds, "anonymous": peak / 2**20, "before": before / 2**20, "mib": path.stat().st_size / 2**20,
    "precision": predictor.precision.name,
}))
"""


@cache
def predicted(size: int) -> dict[str, float]:
    """Seconds, and the peak of the process in GiB, which counts what the system keeps of files too."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _PREDICT, str(size), folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _details() -> dict[str, object]:
    small, large = predicted(SMALL), predicted(LARGE)
    return {
        f"{SMALL} x {SMALL}, s": round(small["seconds"], 1),
        f"{LARGE} x {LARGE}, s": round(large["seconds"], 1),
        "million samples a second": round(LARGE**2 / 1e6 / large["seconds"], 1),
        f"peak at {SMALL}, GiB": round(small["anonymous"], 2),
        f"peak at {LARGE}, GiB": round(large["anonymous"], 2),
        "precision": large["precision"],
    }


@bar("a TIFF of 20,000 x 20,000 against a quarter of it: seconds for each sample", unit="ratio", at_most=1.15)
def linear() -> Measured:
    ratio = predicted(LARGE)["seconds"] / predicted(SMALL)["seconds"] / (LARGE / SMALL) ** 2
    return Measured(ratio, _details())


@bar("a TIFF of 20,000 x 20,000: peak of memory of the whole process", unit="GiB", at_most=4.0)
def memory() -> Measured:
    return Measured(predicted(LARGE)["anonymous"], _details())
