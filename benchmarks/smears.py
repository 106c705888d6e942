"""Smears of the blood cells (BCCD), and the best recipe without a network to hold one against.

    white cells, platelets     where blue exceeds red by a threshold; pieces within a range of sizes; boxes widened
    red cells                  where green is darker than the background by a threshold, less what is blue; watershed

Thresholds are in parts of the background's brightness. The settings are fitted by AP50, class by class, on the smears
that a network may see too. Images are at half their size: a platelet of 40 pixels still has 20. No bars here: see
`blood_cells`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.transform import downscale_local_mean

from hypercolumn.data import Objects, read_image, read_voc
from hypercolumn.evaluation import FoundBoxes, average_precision_by_class, compare_boxes
from hypercolumn.tasks import InstanceSettings, instances

CLASSES = ("RBC", "WBC", "Platelets")
RED, WHITE, PLATELET = range(3)
REDUCED = 2
"""Pixels of the file a pixel, along each axis."""


@dataclass(frozen=True, eq=False)
class Smear:
    """An image (channel, y, x) in 0 to 1 and its objects, both at the reduced size."""

    image: np.ndarray
    objects: Objects


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in a smear; `count` is the number of red cells, at the score fitted for counting."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    count: int = 0


Finder = Callable[[Smear], Found]


def smears(folder: Path) -> dict[str, Smear]:
    """Every smear of the folder by the name of its file."""
    if not folder.is_dir():
        raise FileNotFoundError("the smears are not at hand: put them at ../shared/data/bccd_bloodcells")
    found = {}
    for path in sorted((folder / "images").glob("*.jpg")):
        pixels = read_image(path).array
        objects = read_voc(folder / "annotations" / f"{path.stem}.xml", names=CLASSES, shape=pixels.shape[1:])
        image = downscale_local_mean(pixels / 255.0, (1, REDUCED, REDUCED)).astype(np.float32)
        boxes = np.minimum(objects.boxes / REDUCED, np.tile(image.shape[:0:-1], 2))
        found[f"images/{path.name}"] = Smear(image, replace(objects, shape=image.shape[1:], boxes=boxes))
    return found


def against(smear: Smear, found: Found) -> FoundBoxes:
    true = smear.objects
    return compare_boxes(
        found.boxes, true.boxes, scores=found.scores, found_classes=found.classes, true_classes=true.classes
    )


@dataclass(frozen=True)
class Recipe:
    """Thresholds in parts of the background's brightness, areas in pixels, factors by which boxes are widened."""

    white: float
    white_area: float
    white_widened: float
    platelet: float
    platelet_area: float
    platelet_widened: float
    red: float
    red_height: float
    red_area: float
    red_whole: float


WHITES = {"white": (0.05, 0.1, 0.15), "white_widened": (1.0, 1.1, 1.25)}
PLATELETS = {"platelet": (0.04, 0.07, 0.1), "platelet_area": (40.0, 80.0), "platelet_widened": (1.2, 1.5, 1.8)}
REDS = {"red": (0.04, 0.06, 0.1), "red_height": (0.25, 0.5, 1.0, 2.0), "red_area": (200.0, 500.0)}


def fit_recipe(known: Sequence[Smear]) -> Finder:
    """The settings with the best AP50 of each class on the smears that may be seen, one class after the other."""
    sides = [box[2:] - box[:2] for one in known for box in one.objects.boxes[one.objects.classes == RED]]
    whole = math.pi / 4 * float(np.median(np.prod(sides, axis=1)))
    best = Recipe(0.1, 400.0, 1.1, 0.07, 80.0, 1.5, 0.06, 0.5, 200.0, red_whole=whole)
    for kind, grid in ((WHITE, WHITES), (PLATELET, PLATELETS), (RED, REDS)):
        tried = [replace(best, **dict(zip(grid, values, strict=True))) for values in product(*grid.values())]
        scores = [
            average_precision_by_class(
                [against(one, by_recipe(one, recipe, (kind,))) for one in known], classes=3, thresholds=(0.5,)
            )[kind, 0]
            for recipe in tried
        ]
        best = tried[int(np.argmax(scores))]
    return lambda smear: by_recipe(smear, best, (RED, WHITE, PLATELET))


def by_recipe(smear: Smear, recipe: Recipe, kinds: Sequence[int]) -> Found:
    """Boxes of the kinds asked for; a red cell's score is how near its area is to that of a whole one."""
    bright = smear.image[:, smear.image[1] > smear.image[1].mean()]
    colour = smear.image / np.median(bright, axis=1)[:, None, None]
    blue = ndimage.gaussian_filter(colour[2] - colour[0], 1.0)
    white = pieces(blue > recipe.white, smallest=recipe.white_area, largest=np.inf, hole=4000)
    parts: list[tuple[np.ndarray, np.ndarray, int]] = []
    if WHITE in kinds:
        boxes, areas = bounds(white)
        parts.append((widened(boxes, recipe.white_widened, smear), areas, WHITE))
    if PLATELET in kinds:
        small = pieces((blue > recipe.platelet) & (white == 0), smallest=recipe.platelet_area, largest=800, hole=50)
        boxes, _ = bounds(small)
        depth = ndimage.mean(blue, small, np.arange(1, small.max() + 1)) if len(boxes) else np.zeros(0)
        parts.append((widened(boxes, recipe.platelet_widened, smear), np.asarray(depth), PLATELET))
    if RED in kinds:
        dark = (ndimage.gaussian_filter(1 - colour[1], 1.0) > recipe.red) & ~ndimage.binary_dilation(white > 0, None, 6)
        cells = instances(
            dark, InstanceSettings(height=recipe.red_height, smallest=recipe.red_area, holes=600, smoothing=1.0)
        )
        boxes, areas = bounds(cells)
        parts.append((boxes, -np.abs(np.log(areas / recipe.red_whole)), RED))
    return Found(
        np.concatenate([boxes for boxes, _, _ in parts]),
        np.concatenate([scores for _, scores, _ in parts]),
        np.concatenate([np.full(len(boxes), kind) for boxes, _, kind in parts]),
    )


def pieces(inside: np.ndarray, *, smallest: float, largest: float, hole: float) -> np.ndarray:
    labels = instances(inside, InstanceSettings(height=None, smallest=smallest, holes=hole))
    kept = np.bincount(labels.ravel()) <= largest
    kept[0] = False
    return (np.cumsum(kept) * kept)[labels]


def bounds(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (object, 4) and areas (object,) of an instance map."""
    slices = ndimage.find_objects(labels.astype(np.int32))
    boxes = np.array([(x.start, y.start, x.stop, y.stop) for y, x in slices], dtype=float).reshape(-1, 4)
    return boxes, np.bincount(labels.ravel(), minlength=len(boxes) + 1)[1:].astype(float)


def widened(boxes: np.ndarray, factor: float, smear: Smear) -> np.ndarray:
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, factor * (boxes[:, 2:] - boxes[:, :2]) / 2
    height, width = smear.image.shape[1:]
    return np.clip(np.concatenate([centre - half, centre + half], axis=1), 0, (width, height, width, height))
