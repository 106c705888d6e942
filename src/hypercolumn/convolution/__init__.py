"""The operator in n dimensions: sizes, and the receptive field of whole networks."""

from hypercolumn.convolution.receptive_field import AxisField, ReceptiveField, receptive_field
from hypercolumn.convolution.sizes import convolved_length, takes, transposed_length

__all__ = ["AxisField", "ReceptiveField", "convolved_length", "receptive_field", "takes", "transposed_length"]
