"""What each ingredient of U-Net is worth: trained with all of them, and with one left out, on the same fields.

    all                  border weights, elastic deformation, dropout, skips concatenated, tiles with their surroundings
    one left out         no border weights | no elastic | no dropout | skips summed | no skips
    tiles alone          the same weights, but tiles cut without what lies around them
    fewer images         2, 4, 8, 16 and all training fields, everything else as it is

Simulated fields of touching nuclei under three scanners; a threshold finds about half of what a network does. Tissues
of the training, validation and test fields are other ones. Every network has the same steps and sees the same windows
in the same order for one seed. Dice is pooled over the test fields, AP that of objects over IoU 0.50 to 0.95 (settings
from validation fields), boundary F1 at two pixels, each the mean over seeds with their range. No claim beyond such
fields and a short training: what is worth nothing here may be worth much on tissue that deforms.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hypercolumn.augment import standard
from hypercolumn.data import Piece
from hypercolumn.data.simulated.micrographs import simulate_field
from hypercolumn.data.simulated.microscope import SCANNERS
from hypercolumn.data.simulated.nuclei import Tissue
from hypercolumn.evaluation.boundary import boundary_f1
from hypercolumn.evaluation.contingency import contingency
from hypercolumn.evaluation.instances import matches
from hypercolumn.evaluation.pixel_baselines import GlobalThreshold
from hypercolumn.experiments.outcome import Cell, Table
from hypercolumn.inference import Precision, Predictor, choose
from hypercolumn.networks import UNet
from hypercolumn.preprocessing import Normalization
from hypercolumn.study.progress import Watcher
from hypercolumn.tasks import Segmentation, border_weights
from hypercolumn.tasks.instance_fit import PredictedImage, fit_instances
from hypercolumn.tasks.instances import InstanceSettings, instances
from hypercolumn.training import Examples, Schedule, fit, run_on
from hypercolumn.training.chance import Stream, seed_torch

CLASSES = ("background", "nucleus")
TILE = 64


@dataclass(frozen=True)
class Recipe:
    """How a network is built and trained; the defaults are all the ingredients."""

    border: float = 10.0
    elastic: bool = True
    dropout: float = 0.5
    skips: str = "concatenate"
    images: int | None = None


RECIPES: Mapping[str, Recipe] = {
    "all ingredients": Recipe(),
    "no border weights": Recipe(border=0.0),
    "no elastic deformation": Recipe(elastic=False),
    "no dropout": Recipe(dropout=0.0),
    "skips summed": Recipe(skips="sum"),
    "no skips": Recipe(skips="none"),
}
ALONE = "tiles without surroundings"
IMAGES = (2, 4, 8, 16)


@dataclass(frozen=True)
class Effort:
    """How much is done: seeds, steps, and fields to train on, to fit the settings of objects on, and to test on."""

    seeds: int = 3
    steps: int = 300
    training: int = 24
    validation: int = 4
    test: int = 12
    size: int = 192
    window: int = 128
    batch: int = 6
    width: int = 16
    recipes: tuple[str, ...] = tuple(RECIPES)
    images: tuple[int, ...] = IMAGES


@dataclass(frozen=True, eq=False)
class Field:
    """One field of view: the standardized image (1, y, x), and its object numbers (y, x)."""

    image: np.ndarray
    objects: np.ndarray


@dataclass(frozen=True)
class Measured:
    """What one network reached on the test fields."""

    dice: float
    precision: float
    boundary: float


@dataclass(frozen=True)
class Ingredients:
    """Every network's figures by recipe and by number of images, one a seed; and the threshold's Dice."""

    recipes: Mapping[str, tuple[Measured, ...]]
    images: Mapping[int, tuple[Measured, ...]]
    threshold: float
    example: tuple[np.ndarray, np.ndarray, Mapping[str, np.ndarray]] = field(repr=False)


def measure_ingredients(*, seed: int, effort: Effort, watcher: Watcher) -> Ingredients:
    """Train and judge every network of the experiment."""
    counts = (effort.training, effort.validation, effort.test)
    training, validation, test = (_fields(seed, part, count, effort.size) for part, count in enumerate(counts))
    precision = _precision(training, effort)
    found: dict[str, list[Measured]] = {name: [] for name in (*effort.recipes, ALONE)}
    fewer: dict[int, list[Measured]] = {count: [] for count in effort.images if count < effort.training}
    shown: dict[str, np.ndarray] = {}
    for number in range(effort.seeds):
        for name in effort.recipes:
            watcher.stage(f"seed {number}: {name}")
            network = _trained(RECIPES[name], training, effort, seed=seed + number, precision=precision)
            whole = Predictor(network)
            settings = _settings(whole, validation)
            found[name].append(_judged([_foreground(whole(one.image)) for one in test], test, settings))
            if number == 0:
                shown[name] = _foreground(whole(test[0].image))
            if name == "all ingredients":
                alone = [_foreground(_tile_by_tile(network, one.image)) for one in test]
                found[ALONE].append(_judged(alone, test, settings))
                if number == 0:
                    shown[ALONE] = alone[0]
        for count in fewer:
            watcher.stage(f"seed {number}: {count} training fields")
            recipe = replace(Recipe(), images=count)
            network = _trained(recipe, training, effort, seed=seed + number, precision=precision)
            whole = Predictor(network)
            settings = _settings(whole, validation)
            fewer[count].append(_judged([_foreground(whole(one.image)) for one in test], test, settings))
    by_count = {count: tuple(each) for count, each in fewer.items()}
    if "all ingredients" in found:
        by_count[effort.training] = tuple(found["all ingredients"])
    recipes = {name: tuple(each) for name, each in found.items() if each}
    return Ingredients(recipes, by_count, _threshold(training, test), (test[0].image[0], test[0].objects, shown))


def ingredients_table(found: Ingredients) -> Table:
    """A row a recipe, the mean over seeds and, for Dice, their range."""
    rows: list[tuple[Cell, ...]] = [
        (name, *_means(each), _range([one.dice for one in each])) for name, each in found.recipes.items()
    ]
    rows.append(("threshold, no network", found.threshold, "", "", ""))
    return Table(
        "ingredients",
        "What each ingredient of U-Net is worth on simulated fields of touching nuclei",
        ("trained with", "Dice", "AP", "boundary F1", "Dice by seed"),
        tuple(rows),
        "test tissues are other ones than those trained on; AP over IoU 0.50 to 0.95; boundary F1 at 2 pixels",
    )


def images_table(found: Ingredients) -> Table:
    """A row a number of training fields."""
    rows = [(count, *_means(each), _range([one.dice for one in each])) for count, each in sorted(found.images.items())]
    return Table(
        "images",
        "How much a few annotated images do",
        ("training fields", "Dice", "AP", "boundary F1", "Dice by seed"),
        tuple(rows),
        f"a threshold fitted on all of them has a Dice of {found.threshold:.3f}",
    )


# ----------------------------------------------------------------------------------------------------- one network


def _trained(recipe: Recipe, fields: Sequence[Field], effort: Effort, *, seed: int, precision: Precision) -> nn.Module:
    seed_torch(seed, Stream.WEIGHTS)
    network = UNet(
        2,
        1,
        len(CLASSES),
        width=effort.width,
        depth=3,
        padding="same",
        normalization="batch",
        dropout=recipe.dropout,
        skips=recipe.skips,  # type: ignore[arg-type]
    )
    with tempfile.TemporaryDirectory() as folder:
        schedule = Schedule(
            steps=effort.steps,
            batch=effort.batch,
            learning_rate=3e-3,
            warmup=max(1, effort.steps // 10),
            checkpoint_every=effort.steps,
            seed=seed,
        )
        examples = _examples(recipe, fields[: recipe.images], effort, seed=seed)
        run_on(partial(_fit, network, examples, schedule, precision, Path(folder)), precision=precision)
    return network.eval()


def _fit(
    network: nn.Module, examples: Examples, schedule: Schedule, precision: Precision, folder: Path, fabric: Any
) -> None:
    fit(
        network,
        Segmentation(CLASSES),
        examples,
        validation=None,
        schedule=schedule,
        precision=precision,
        folder=folder,
        fabric=fabric,
    )


def _examples(recipe: Recipe, fields: Sequence[Field], effort: Effort, *, seed: int) -> Examples:
    answers = []
    for one in fields:
        mask = (one.objects > 0).astype(np.float32)
        weights = border_weights(one.objects, border=recipe.border, classes=(1.0, 1.0))
        answers.append(np.stack([mask, weights]))
    return Examples(
        pieces=tuple(Piece(str(number)) for number in range(len(fields))),
        read=lambda record: (fields[int(record)].image, answers[int(record)]),
        shapes=tuple(one.objects.shape for one in fields),
        window=(effort.window, effort.window),
        seed=seed,
        pipeline=standard(2, elastic=recipe.elastic),
    )


def _tile_by_tile(network: nn.Module, image: np.ndarray) -> np.ndarray:
    """The map put together from tiles that see nothing of their neighbours, whose border is that of an image."""
    made = np.zeros((len(CLASSES), *image.shape[1:]), dtype=np.float32)
    with torch.inference_mode():
        for y in range(0, image.shape[1], TILE):
            for x in range(0, image.shape[2], TILE):
                part = torch.from_numpy(np.ascontiguousarray(image[:, y : y + TILE, x : x + TILE]))
                made[:, y : y + TILE, x : x + TILE] = network(part[None])[0].numpy()
    return made


def _foreground(logits: np.ndarray) -> np.ndarray:
    return torch.from_numpy(logits).softmax(0)[1].numpy()


def _settings(predictor: Predictor, fields: Sequence[Field]) -> InstanceSettings:
    return fit_instances(
        [PredictedImage(one.objects, _foreground(predictor(one.image))) for one in fields],
        foregrounds=(0.4, 0.5, 0.6, 0.7),
        height_shares=(0.05, 0.1, 0.2, 0.4),
    ).settings


def _judged(foregrounds: Sequence[np.ndarray], fields: Sequence[Field], settings: InstanceSettings) -> Measured:
    shared = both = 0
    boundaries, precisions = [], []
    for foreground, one in zip(foregrounds, fields, strict=True):
        inside, truth = foreground >= 0.5, one.objects > 0
        shared += int(np.count_nonzero(inside & truth))
        both += int(np.count_nonzero(inside)) + int(np.count_nonzero(truth))
        boundaries.append(boundary_f1(truth, inside))
        found = matches(contingency(one.objects, instances(foreground, settings)))
        precisions.append(float(found.average_precision))
    return Measured(2 * shared / max(both, 1), float(np.nanmean(precisions)), float(np.nanmean(boundaries)))


def _fields(seed: int, part: int, count: int, size: int) -> list[Field]:
    """Fields of view of tissues that no other part has, under the three scanners in turn."""
    normalization, made = Normalization("image"), []
    for number in range(count):
        chance = np.random.default_rng((seed, part, number // 2))
        tissue = Tissue.draw(chance)
        drawn = np.random.default_rng((seed, part, number, 1))
        shot = simulate_field(drawn, tissue, SCANNERS[number % len(SCANNERS)], size=(size, size))
        made.append(Field(normalization.apply(shot.image[None]), shot.instances))
    return made


def _threshold(training: Sequence[Field], test: Sequence[Field]) -> float:
    """The pooled Dice of the best threshold that the training fields know."""
    import pandas as pd

    nothing = pd.DataFrame(index=range(len(training)))
    masks = [(one.objects > 0).astype(np.uint8) for one in training]
    fitted = GlobalThreshold().fit([one.image for one in training], masks, nothing)
    shared = both = 0
    for one in test:
        inside, truth = fitted.predict(one.image, pd.Series(dtype=object)).argmax(0) == 1, one.objects > 0
        shared += int(np.count_nonzero(inside & truth))
        both += int(np.count_nonzero(inside)) + int(np.count_nonzero(truth))
    return 2 * shared / max(both, 1)


def _precision(fields: Sequence[Field], effort: Effort) -> Precision:
    """The fastest precision to train in on this machine."""
    examples = _examples(Recipe(), fields[:2], effort, seed=0)
    drawn = [examples.plain(index % len(examples)) for index in range(2)]
    images, targets = torch.stack([one.image for one in drawn]), torch.stack([one.target for one in drawn])
    network = UNet(2, 1, 2, width=effort.width, depth=3, padding="same", normalization="batch")
    task = Segmentation(CLASSES)

    def loss(logits: Tensor) -> Tensor:
        return task.loss(logits, targets).mean()

    return choose(network, images, training=True, loss=loss, repetitions=3)


def _means(each: Sequence[Measured]) -> tuple[float, float, float]:
    columns = [[getattr(one, name) for one in each] for name in ("dice", "precision", "boundary")]
    return (float(np.mean(columns[0])), float(np.mean(columns[1])), float(np.mean(columns[2])))


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.3f} to {max(values):.3f}" if len(values) > 1 else f"{values[0]:.3f}"
