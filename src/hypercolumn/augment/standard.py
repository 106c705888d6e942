"""The usual choice of augmentations, for images standardized to mean 0 and standard deviation 1.

What it assumes: the object may lie any way round (a micrograph; for an organ in a body set `rotate=False`), its size
varies by a quarter, the instrument varies in exposure, contrast, focus and noise. The order is the physical one:
geometry, then optics, then the camera.
"""

from hypercolumn.augment.affine import Affine
from hypercolumn.augment.blur import Blur
from hypercolumn.augment.brightness import Brightness
from hypercolumn.augment.contrast import Contrast
from hypercolumn.augment.elastic import Elastic
from hypercolumn.augment.flip import Flip
from hypercolumn.augment.gamma import Gamma
from hypercolumn.augment.greying import Greying
from hypercolumn.augment.noise import Noise
from hypercolumn.augment.pipeline import Pipeline, Step
from hypercolumn.errors import InvalidArgument


def standard(
    dims: int,
    *,
    strength: float = 1.0,
    rotate: bool = True,
    flip: bool = True,
    scale: float = 0.25,
    elastic: bool = False,
    greying: bool = False,
    spacing: tuple[float, ...] | None = None,
) -> Pipeline:
    """The pipeline for `dims` spatial axes; `strength` 0 changes nothing, 2 is twice as wild.

    With `rotate` every direction is as good as another: the angle is drawn from the whole circle whatever the
    strength; without it, from +-10 degrees times the strength, as a patient lies on a table. `flip` mirrors every
    axis half of the time. `scale` is by how much sizes vary; `elastic` bends soft tissue as U-Net does, by 10 samples
    times the strength, for windows of a hundred samples and more; `greying` is for cohorts that hold colour images
    and grey ones.

    >>> [type(step.augmentation).__name__ for step in standard(2).steps]
    ['Flip', 'Affine', 'Blur', 'Brightness', 'Contrast', 'Gamma', 'Noise']
    """
    if dims not in (1, 2, 3):
        raise InvalidArgument("dims", dims, fix="give 1, 2 or 3")
    if not 0 <= strength <= 4:
        raise InvalidArgument("strength", strength, fix="give a number from 0 (nothing) to 4; 1 is usual")
    if strength == 0:
        return Pipeline(())
    affine = Affine(
        rotation=180.0 if rotate else 10.0 * strength,
        scale=scale * strength,
        stretch=0.05 * strength,
        translation=0.0,
        spacing=spacing,
    )
    return Pipeline(
        (
            *((Step(Flip()),) if flip else ()),
            Step(affine, chance=0.7),
            *((Step(Elastic(10.0 * strength, spacing=spacing), chance=0.5),) if elastic else ()),
            Step(Blur(0.8 * strength, spacing=spacing), chance=0.2),
            Step(Brightness(0.15 * strength), chance=0.5),
            Step(Contrast(0.25 * strength), chance=0.5),
            Step(Gamma(0.25 * strength), chance=0.2),
            Step(Noise(0.15 * strength), chance=0.3),
            *((Step(Greying(), chance=0.5),) if greying else ()),
        )
    )
