"""What a scanner, a stain, a hand or a body could have changed: draw a record, then apply it purely.

One augmentation a file. `Pipeline` joins them, `standard` is the usual choice, `sample_window` cuts a window out of a
larger image and warps it in one step.
"""

from hypercolumn.augment.affine import Affine, AffineRecord
from hypercolumn.augment.augmentation import Augmentation, Geometric
from hypercolumn.augment.blur import Blur, BlurRecord
from hypercolumn.augment.brightness import Brightness, BrightnessRecord
from hypercolumn.augment.contrast import Contrast, ContrastRecord
from hypercolumn.augment.flip import Flip, FlipRecord
from hypercolumn.augment.gamma import Gamma, GammaRecord
from hypercolumn.augment.greying import Greying, GreyingRecord
from hypercolumn.augment.noise import Noise, NoiseRecord
from hypercolumn.augment.pipeline import Pipeline, Step
from hypercolumn.augment.standard import standard
from hypercolumn.augment.window import sample_window

AUGMENTATIONS = {kind.__name__: kind for kind in (Flip, Affine, Blur, Noise, Brightness, Contrast, Gamma, Greying)}
"""Every augmentation by its name."""

__all__ = [
    "AUGMENTATIONS",
    "Affine",
    "AffineRecord",
    "Augmentation",
    "Blur",
    "BlurRecord",
    "Brightness",
    "BrightnessRecord",
    "Contrast",
    "ContrastRecord",
    "Flip",
    "FlipRecord",
    "Gamma",
    "GammaRecord",
    "Geometric",
    "Greying",
    "GreyingRecord",
    "Noise",
    "NoiseRecord",
    "Pipeline",
    "Step",
    "sample_window",
    "standard",
]
