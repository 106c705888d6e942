"""A network over more data than fits: exact tiles in bounded memory, and the precision that is fastest here."""

from hypercolumn.inference.blending import blend
from hypercolumn.inference.instance_tiles import TiledInstances, label_tiles
from hypercolumn.inference.precision import Precision
from hypercolumn.inference.prediction import Predictor, predict
from hypercolumn.inference.probe import choose

__all__ = ["Precision", "Predictor", "TiledInstances", "blend", "choose", "label_tiles", "predict"]
