"""Binds network, task and data: the loop, its order, its chance, its checkpoints. The only room that knows Fabric."""

from hypercolumn.training.budget import LOOKS, seconds_a_step, steps_for
from hypercolumn.training.chance import Stream, generator, seed_torch
from hypercolumn.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from hypercolumn.training.examples import Example, Examples, Memory
from hypercolumn.training.loop import Fitted, Moment, Progress, Schedule, Watch, fit
from hypercolumn.training.order import Order, Slot
from hypercolumn.training.processes import agree, is_first, run_on, started_from_outside
from hypercolumn.training.weights import file_sha256, load_weights, save_weights

__all__ = [
    "LOOKS",
    "Checkpoint",
    "Example",
    "Examples",
    "Fitted",
    "Memory",
    "Moment",
    "Order",
    "Progress",
    "Schedule",
    "Slot",
    "Stream",
    "Watch",
    "agree",
    "file_sha256",
    "fit",
    "generator",
    "is_first",
    "load_checkpoint",
    "load_weights",
    "run_on",
    "save_checkpoint",
    "save_weights",
    "seconds_a_step",
    "seed_torch",
    "started_from_outside",
    "steps_for",
]
