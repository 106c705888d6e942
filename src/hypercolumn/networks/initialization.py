"""He initialization: weights whose signal neither grows nor dies through rectified layers.

    w ~ N(0, 2 / N)        N = the number of inputs that one output sums over

He, Zhang, Ren and Sun 2015, doi:10.1109/ICCV.2015.123; U-Net and ResNet both ask for it. For a 3x3 convolution of 64
maps N is 576. A transposed convolution of size k and stride s sums, for one output, over (k / s)^dims places only;
torch counts k^dims times the *output* channels for its fan-in, which is not N.
"""

import math

import torch
from torch import nn

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
Transposed = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d


def incoming(layer: Convolution | Transposed | nn.Linear) -> float:
    """N, the number of inputs that one output of a layer sums over.

    >>> incoming(nn.Conv2d(64, 64, 3)), incoming(nn.ConvTranspose2d(1024, 512, 2, stride=2))
    (576.0, 1024.0)
    """
    if isinstance(layer, nn.Linear):
        return float(layer.in_features)
    places = float(math.prod(layer.kernel_size))
    if isinstance(layer, Transposed):
        places /= math.prod(layer.stride)
    return layer.in_channels / layer.groups * places


@torch.no_grad()
def he_initialization(network: nn.Module) -> None:
    """Draw the weights of every convolution and dense layer anew from torch's generator; biases become zero.

    >>> layer = nn.Conv2d(64, 64, 3)
    >>> he_initialization(layer)
    >>> round(layer.weight.std().item(), 2), layer.bias.abs().max().item()
    (0.06, 0.0)
    """
    for layer in network.modules():
        if isinstance(layer, Convolution | Transposed | nn.Linear):
            layer.weight.normal_(0.0, math.sqrt(2.0 / incoming(layer)))
            if layer.bias is not None:
                layer.bias.zero_()
