"""A network over more data than fits: exact tiles in bounded memory, and the precision that is fastest here."""

from hypercolumn.inference.blending import blend
from hypercolumn.inference.dense import DenseMapper, dense_map
from hypercolumn.inference.export import Exported, export_onnx
from hypercolumn.inference.instance_tiles import TiledInstances, label_tiles
from hypercolumn.inference.mutagenesis import MutationMap, Mutator, mutagenesis
from hypercolumn.inference.precision import Precision
from hypercolumn.inference.prediction import Predictor, predict
from hypercolumn.inference.probe import choose
from hypercolumn.inference.symmetries import mean_over_symmetries

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
