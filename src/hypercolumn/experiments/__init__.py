"""Published claims and textbook laws, measured again: one claim an experiment, its tables and its figures.

An experiment is a function that takes a new folder and a seed, writes what it measured below the folder, and returns
its tables. They all stand in `EXPERIMENTS`; the command line runs them by name.
"""

from collections.abc import Callable

from hypercolumn.errors import InvalidArgument
from hypercolumn.experiments import convolution, pitfalls, random_labels, unet
from hypercolumn.experiments.outcome import Outcome, Table

EXPERIMENTS: dict[str, Callable[..., Outcome]] = {
    "convolution": convolution.run,
    "unet": unet.run,
    "pitfalls": pitfalls.run,
    "random-labels": random_labels.run,
}

__all__ = ["EXPERIMENTS", "Outcome", "Table", "experiment_called"]


def experiment_called(name: str) -> Callable[..., Outcome]:
    """The experiment of this name; InvalidArgument names those that there are.

    >>> experiment_called("convolution") is EXPERIMENTS["convolution"]
    True
    """
    if name not in EXPERIMENTS:
        raise InvalidArgument("name", name, fix=f"use one of {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]
