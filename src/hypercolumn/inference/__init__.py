"""A network over more data than fits: exact tiles in bounded memory, and the precision that is fastest here.

Objects across tiles and symmetries are loaded when they are first used: with them come pandas and scikit-learn, 140 MB
that a prediction does without.
"""

import importlib
from typing import TYPE_CHECKING, Any

from hypercolumn.inference.blending import blend
from hypercolumn.inference.dense import DenseMapper, dense_map
from hypercolumn.inference.export import Exported, export_onnx
from hypercolumn.inference.mutagenesis import MutationMap, Mutator, mutagenesis
from hypercolumn.inference.precision import Precision
from hypercolumn.inference.prediction import Predictor, predict
from hypercolumn.inference.probe import choose

if TYPE_CHECKING:
    from hypercolumn.inference.instance_tiles import TiledInstances, label_tiles
    from hypercolumn.inference.symmetries import mean_over_symmetries

_LATER = {"TiledInstances": "instance_tiles", "label_tiles": "instance_tiles", "mean_over_symmetries": "symmetries"}

__all__ = [
    "DenseMapper",
    "Exported",
    "MutationMap",
    "Mutator",
    "Precision",
    "Predictor",
    "TiledInstances",
    "blend",
    "choose",
    "dense_map",
    "export_onnx",
    "label_tiles",
    "mean_over_symmetries",
    "mutagenesis",
    "predict",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(f"hypercolumn.inference.{_LATER[name]}"), name)
    raise AttributeError(f"module 'hypercolumn.inference' has no attribute {name!r}")
