"""The operator in n dimensions: its definition, its laws and its costs, and the receptive field of whole networks."""

from hypercolumn.convolution.adjoint import input_gradient, kernel_gradient
from hypercolumn.convolution.composition import compose
from hypercolumn.convolution.continuous import SampledConvolution, sampled_convolution
from hypercolumn.convolution.definition import convolve, cross_correlate, flip
from hypercolumn.convolution.effective_field import EffectiveField, effective_field
from hypercolumn.convolution.folding import Folding, fold
from hypercolumn.convolution.kernels import Kernel, frequency_response, passes
from hypercolumn.convolution.layer import convolution_layer, cross_correlation_layer, transposed_layer
from hypercolumn.convolution.method import fast_convolve
from hypercolumn.convolution.pooling import average_pool, flatten, global_average, global_max, max_pool, pooled_length
from hypercolumn.convolution.receptive_field import AxisField, ReceptiveField, receptive_field
from hypercolumn.convolution.separation import Separation, separate
from hypercolumn.convolution.sizes import convolved_length, output_shape, takes, transposed_length
from hypercolumn.convolution.winograd import F23, F43, winograd

__all__ = [
    "F23",
    "F43",
    "AxisField",
    "EffectiveField",
    "Folding",
    "Kernel",
    "ReceptiveField",
    "SampledConvolution",
    "Separation",
    "average_pool",
    "compose",
    "convolution_layer",
    "convolve",
    "convolved_length",
    "cross_correlate",
    "cross_correlation_layer",
    "effective_field",
    "fast_convolve",
    "flatten",
    "flip",
    "fold",
    "frequency_response",
    "global_average",
    "global_max",
    "input_gradient",
    "kernel_gradient",
    "max_pool",
    "output_shape",
    "passes",
    "pooled_length",
    "receptive_field",
    "sampled_convolution",
    "separate",
    "takes",
    "transposed_layer",
    "transposed_length",
    "winograd",
]
