"""Minutes become steps, once, before the first step: from then on only steps count.

    steps = (budget - time of the looks at the validation side) / time of one step

A copy of the network makes a few steps to be timed and is thrown away. The number is written down with the run, so
that a resumed run, or one on a machine that is busy at the wrong moment, does not train for another length.
"""

import copy
import statistics
import time

import torch
from torch import nn

from hypercolumn.inference import Precision
from hypercolumn.tasks import Task
from hypercolumn.tasks.staged import StagedTask, example_losses, learner
from hypercolumn.training.examples import Examples

LOOKS = 12
"""How often a run looks at its validation side."""
VALIDATED = 64
"""At most so many windows are looked at each time."""


def seconds_a_step(
    network: nn.Module,
    task: Task | StagedTask,
    training: Examples,
    *,
    batch: int,
    precision: Precision,
    repeats: int = 5,
) -> float:
    """The median seconds of one step, drawing its examples included, on a copy of the network."""
    module = learner(precision.arrange(copy.deepcopy(network)), task).train()
    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-6)
    seconds = []
    for repeat in range(repeats + 1):
        begun = time.perf_counter()
        drawn = [training.draw(0, (repeat * batch + index) % len(training)) for index in range(batch)]
        images = precision.arrange(torch.stack([one.image for one in drawn]))
        targets = torch.stack([one.target for one in drawn])
        with precision.autocast():
            losses = example_losses(module, task, images, targets)
        optimiser.zero_grad()
        losses.mean().backward()
        optimiser.step()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds[1:])


def steps_for(minutes: float, second: float, *, batch: int, validated: int) -> int:
    """How many steps fit in the budget, at least ten; `validated` windows are looked at twelve times along the way.

    >>> steps_for(1.0, 0.5, batch=8, validated=0)
    120
    """
    forward = second / 3
    looks = LOOKS * min(VALIDATED, validated) / batch * forward
    return max(10, int((60 * minutes - min(looks, 30 * minutes)) / second))
