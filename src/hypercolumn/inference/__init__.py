"""A network over more data than fits: exact tiles in bounded memory, and the precision that is fastest here."""

from hypercolumn.inference.instance_tiles import TiledInstances, label_tiles
from hypercolumn.inference.precision import Precision, choose
from hypercolumn.inference.prediction import Predictor, predict

__all__ = ["Precision", "Predictor", "TiledInstances", "choose", "label_tiles", "predict"]
