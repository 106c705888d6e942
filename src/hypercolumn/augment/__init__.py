"""What a scanner, a stain, a hand or a body could have changed: draw a record, then apply it purely.

One augmentation a file. `Pipeline` joins them, `standard` is the usual choice, `sample_window` cuts a window out of a
larger image and warps it in one step, `apply_batch` augments a batch; points, boxes and object numbers follow.
"""

from hypercolumn.augment.affine import Affine, AffineRecord
from hypercolumn.augment.augmentation import Augmentation, Geometric, Invertible
from hypercolumn.augment.batch import apply_batch
from hypercolumn.augment.blur import Blur, BlurRecord
from hypercolumn.augment.brightness import Brightness, BrightnessRecord
from hypercolumn.augment.channel_dropout import ChannelDropout, ChannelDropoutRecord
from hypercolumn.augment.compression import Compression, CompressionRecord
from hypercolumn.augment.contrast import Contrast, ContrastRecord
from hypercolumn.augment.crop import Crop, CropRecord
from hypercolumn.augment.elastic import Elastic, ElasticRecord
from hypercolumn.augment.flip import Flip, FlipRecord
from hypercolumn.augment.gamma import Gamma, GammaRecord
from hypercolumn.augment.greying import Greying, GreyingRecord
from hypercolumn.augment.illumination import Illumination, IlluminationRecord
from hypercolumn.augment.noise import Noise, NoiseRecord
from hypercolumn.augment.pipeline import Pipeline, Step
from hypercolumn.augment.points import Boxes, apply_boxes, apply_points, vanished, window_boxes, window_points
from hypercolumn.augment.quarter_turn import QuarterTurn, QuarterTurnRecord
from hypercolumn.augment.sampling import Interpolation
from hypercolumn.augment.standard import standard
from hypercolumn.augment.vignetting import Vignetting, VignettingRecord
from hypercolumn.augment.window import sample_window

AUGMENTATIONS = {
    kind.__name__: kind
    for kind in (
        Flip,
        QuarterTurn,
        Affine,
        Elastic,
        Crop,
        Blur,
        Noise,
        Brightness,
        Contrast,
        Gamma,
        Illumination,
        Vignetting,
        Compression,
        ChannelDropout,
        Greying,
    )
}
"""Every augmentation by its name."""

__all__ = [
    "AUGMENTATIONS",
    "Affine",
    "AffineRecord",
    "Augmentation",
    "Blur",
    "BlurRecord",
    "Boxes",
    "Brightness",
    "BrightnessRecord",
    "ChannelDropout",
    "ChannelDropoutRecord",
    "Compression",
    "CompressionRecord",
    "Contrast",
    "ContrastRecord",
    "Crop",
    "CropRecord",
    "Elastic",
    "ElasticRecord",
    "Flip",
    "FlipRecord",
    "Gamma",
    "GammaRecord",
    "Geometric",
    "Greying",
    "GreyingRecord",
    "Illumination",
    "IlluminationRecord",
    "Interpolation",
    "Invertible",
    "Noise",
    "NoiseRecord",
    "Pipeline",
    "QuarterTurn",
    "QuarterTurnRecord",
    "Step",
    "Vignetting",
    "VignettingRecord",
    "apply_batch",
    "apply_boxes",
    "apply_points",
    "sample_window",
    "standard",
    "vanished",
    "window_boxes",
    "window_points",
]
