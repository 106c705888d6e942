"""Training as planned against the same network in plain float32 and default layout."""

import torch

from benchmarks.harness import Measured, bar, ratio
from hypercolumn.inference import Precision, choose
from hypercolumn.inference.precision import has_bfloat16_units
from hypercolumn.networks import UNet
from hypercolumn.tasks import Segmentation

WINDOWS, SIZE = 8, 160


def step(precision: Precision, images: torch.Tensor, targets: torch.Tensor) -> object:
    """One training step of the everyday U-Net, ready to be called again."""
    torch.manual_seed(0)
    network = precision.arrange(UNet(2, 1, 2, width=32, depth=4, padding="same", normalization="batch", dropout=0.0))
    task, optimiser = Segmentation(("background", "object")), torch.optim.AdamW(network.parameters(), lr=1e-4)
    arranged = precision.arrange(images)

    def once() -> None:
        optimiser.zero_grad()
        with precision.autocast():
            logits = network(arranged)
        task.loss(logits, targets).mean().backward()
        optimiser.step()

    return once


@bar(
    "training steps a second, as chosen against plain float32",
    unit="times as many",
    at_least=1.5 if has_bfloat16_units() else 1.0,
)
def steps_a_second() -> Measured:
    torch.manual_seed(0)
    images = torch.randn(WINDOWS, 1, SIZE, SIZE)
    targets = torch.randint(0, 2, (WINDOWS, SIZE, SIZE))
    network = UNet(2, 1, 2, width=32, depth=4, padding="same", normalization="batch", dropout=0.0)
    chosen = choose(network, images[:4], training=True)
    found = ratio(step(Precision(), images, targets), step(chosen, images, targets), repeats=5)  # type: ignore[arg-type]
    return Measured(found.value, {**found.details("plain float32", "as chosen"), "chosen": chosen.name})
