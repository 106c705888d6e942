"""Networks: tensors in, tensors out. No loss, no metric, no download.

Each is built as `Network(dims, in_channels, classes, *, ...)` for signals, images and volumes, and has
`features(image)`, one vector an example, for embeddings. Those of STAGED answer in stages instead, and `features` are
their maps.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from hypercolumn.networks.feature_pyramid import FeaturePyramid
from hypercolumn.networks.layer_table import LayerRow, describe
from hypercolumn.networks.mask_rcnn import MaskRCNN, MaskRCNNSettings
from hypercolumn.networks.region_align import region_align
from hypercolumn.networks.resnet import ResNet
from hypercolumn.networks.unet import UNet

NETWORKS: dict[str, type[nn.Module]] = {
    "unet": UNet,
    "resnet": ResNet,
}
"""Every network of the room by the name that the study file and the command line give it."""

STAGED: dict[str, type[nn.Module]] = {
    "mask_rcnn": MaskRCNN,
}
"""Networks that are no function of their image alone: boxes are chosen between their stages, by a task. So they have no
map of scores whose shape follows from the input's, no receptive field and no tiles, and a contract of their own.
"""


def build_network(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """A network by its name and the plain arguments that a plan and a weights sheet keep.

    >>> build_network("unet", {"dims": 1, "in_channels": 1, "classes": 2, "width": 4, "depth": 1}).dims
    1
    """
    if name not in STAGED:
        return NETWORKS[name](**arguments)
    return STAGED[name](**{**arguments, "settings": MaskRCNNSettings(**arguments["settings"])})


__all__ = [
    "NETWORKS",
    "STAGED",
    "FeaturePyramid",
    "LayerRow",
    "MaskRCNN",
    "MaskRCNNSettings",
    "ResNet",
    "UNet",
    "build_network",
    "describe",
    "region_align",
]
