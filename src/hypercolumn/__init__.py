"""Hypercolumn: from raw biomedical data to a convolutional network whose score can be believed.

>>> import hypercolumn as hc
>>> study = hc.Study.read("study.yaml")  # doctest: +SKIP
>>> run = study.train()  # doctest: +SKIP

Rooms are loaded when they are first used: `hc.networks`, `hc.convolution`, `hc.inference`, `hc.audit` and the others.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_ROOMS = (
    "audit",
    "augment",
    "convolution",
    "data",
    "errors",
    "evaluation",
    "experiments",
    "inference",
    "networks",
    "preprocessing",
    "report",
    "study",
    "tasks",
    "training",
)

if TYPE_CHECKING:
    from hypercolumn.study import Run, Study

__all__ = ["Run", "Study", "__version__", *_ROOMS]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"hypercolumn.{name}")
    if name in {"Run", "Study"}:
        return getattr(importlib.import_module("hypercolumn.study"), name)
    raise AttributeError(f"module 'hypercolumn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
