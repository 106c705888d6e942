"""Networks: tensors in, tensors out. No loss, no metric, no download.

Each is built as `Network(dims, in_channels, classes, *, ...)` for signals, images and volumes, and has
`features(image)`, one vector an example, for embeddings.
"""

from torch import nn

from hypercolumn.networks.layer_table import LayerRow, describe
from hypercolumn.networks.resnet import ResNet
from hypercolumn.networks.unet import UNet

NETWORKS: dict[str, type[nn.Module]] = {
    "unet": UNet,
    "resnet": ResNet,
}
"""Every network of the room by the name that the study file and the command line give it."""

__all__ = ["NETWORKS", "LayerRow", "ResNet", "UNet", "describe"]
