"""The plan: every choice that the study file left open, made from the training fingerprint and explained in words.

The plan may choose no network that sees further than the split's gap: for a split by region it goes down in depth until
the receptive field fits, and says so.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from math import log2, prod
from typing import Any

from torch import nn

from hypercolumn.convolution import receptive_field
from hypercolumn.data import NumberTarget, Target
from hypercolumn.errors import SplitError
from hypercolumn.networks import NETWORKS, STAGED, MaskRCNNSettings, build_network
from hypercolumn.study.fingerprint import Fingerprint, ObjectForm
from hypercolumn.study.material import DENSE, Material
from hypercolumn.study.study_file import TrainingSection
from hypercolumn.tasks import (
    Anchors,
    Classification,
    Detection,
    DetectionSettings,
    Regression,
    Segmentation,
    Task,
    class_weights,
)
from hypercolumn.training.chance import Stream, seed_torch

LARGEST_WINDOW = {1: 4096, 2: 256, 3: 64}
SMALLEST_WINDOW = {1: 256, 2: 128, 3: 32}
OBJECTS_ACROSS = 6
"""A window is about so many objects wide: enough to see neighbours, small enough for many windows a step."""
CONTEXT = 4
"""A network that sees so many objects across needs no further level."""
BORDER_WEIGHT, BORDER_SIGMA = 10.0, 5.0
"""U-Net's w_0 and sigma, in samples."""
FEW_RECORDS, ELASTIC_FROM = 40, 100
"""Fewer records than this are bent as U-Net bends them, where an axis has so many samples."""
CONVEX, FEW_TOUCH = 0.85, 0.05
"""From this solidity on a watershed of the distance parts objects, and below this share of touching it need not."""
MOST_OBJECTS, LEAST_ANCHOR = 200, 8.0
"""A light Mask R-CNN answers up to 400 objects an image; its finest map has a place every 4 samples."""
ENOUGH_MINUTES = 5.0
"""From here on it tells objects with waists apart better than a watershed, below it does not: `benchmarks.forms`."""
WINDOW_FLOOR = {1: 64, 2: 32, 3: 16}
SAMPLES_A_STEP = {1: 65_536, 2: 12 * 128 * 128, 3: 2 * 64**3}


@dataclass(frozen=True)
class Choice:
    """One line of the plan.

    >>> print(Choice("batch", "8 windows", "half a million samples a step"))
    batch: 8 windows, since half a million samples a step
    """

    what: str
    value: str
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.value}, since {self.why}"


@dataclass(frozen=True)
class Plan:
    """How one fold is trained. Everything here is plain data, saved with the run."""

    network: str
    arguments: Mapping[str, Any]
    task: Mapping[str, Any]
    window: tuple[int, ...]
    batch: int
    learning_rate: float
    normalization: str
    balanced_sampling: bool
    augmentation: Mapping[str, Any] = field(default_factory=dict)
    border: Mapping[str, float] = field(default_factory=dict)
    choices: tuple[Choice, ...] = field(default=())

    def build(self, seed: int) -> nn.Module:
        """The network with its first weights, which depend on the seed alone."""
        seed_torch(seed, Stream.WEIGHTS)
        return build_network(self.network, self.arguments)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "Plan":
        choices = tuple(Choice(**choice) for choice in saved["choices"])
        return cls(**{**saved, "window": tuple(saved["window"]), "choices": choices})


def build_task(record: Mapping[str, Any]) -> Task | Detection:
    """The task that a plan (or a weights sheet) describes."""
    if record["name"] == "detection":
        settings = replace(DetectionSettings.light(), anchors=Anchors(tuple(record["anchors"])))
        return Detection(tuple(record["classes"]), settings=settings)
    arguments = {
        key: tuple(value) if isinstance(value, list) else value for key, value in record.items() if key != "name"
    }
    kinds: dict[str, type] = {
        "segmentation": Segmentation,
        "classification": Classification,
        "regression": Regression,
    }
    return kinds[record["name"]](**arguments)


def make_plan(
    seen: Fingerprint,
    target: Target,
    wanted: TrainingSection,
    *,
    by_region: bool,
    sees_at_most: int | None = None,
    own_network: nn.Module | None = None,
) -> Plan:
    """Decide everything that `wanted` leaves to "auto".

    `sees_at_most` is the gap of a split by region. Raises SplitError where no network is near-sighted enough.
    """
    dense = target.kind in DENSE
    choices: list[Choice] = []

    def choose(what: str, asked: Any, value: Any, why: str, shown: str | None = None) -> Any:
        """What the user asked, or the plan's own value with its reason."""
        if asked != "auto":
            choices.append(Choice(what, str(asked), "the study file says so"))
            return asked
        choices.append(Choice(what, shown or str(value), why))
        return value

    name = choose("network", wanted.network, *_network(seen, wanted, dense=dense, by_region=by_region))
    window = choose("window", wanted.window, *_window(seen, dense=dense))
    if isinstance(target, NumberTarget):
        balanced, task_record = False, _number(seen, target, choices)
    elif name in STAGED:
        balanced, task_record = False, _detection(seen, target, choices)
    else:
        balanced, task_record = _imbalance(seen, target, wanted, choose)
    task = build_task(task_record)
    normalization = _normalization(seen, wanted, by_region, choose)
    if isinstance(task, Detection):
        light = asdict(MaskRCNNSettings.light())
        arguments = {"dims": 2, "in_channels": seen.channels, "classes": len(task.classes), "settings": light}
    else:
        arguments = _network_arguments(name, seen, target, wanted, window, task.channels, sees_at_most, choose)
    if own_network is not None:
        name, arguments = "own", {}
        _check_sight(own_network, seen.dims, sees_at_most)
        choices = [choice for choice in choices if choice.what not in {"network", "width", "depth"}]
        choices.insert(0, Choice("network", type(own_network).__name__, "it was handed in"))
    batch = choose(
        "batch",
        wanted.batch,
        max(2, min(32 if not dense else 16, SAMPLES_A_STEP[seen.dims] // prod(window), max(2, seen.records))),
        f"about {SAMPLES_A_STEP[seen.dims]:,} samples a step keep two cores busy without filling memory",
    )
    rate = choose(
        "learning_rate",
        wanted.learning_rate,
        3e-3 if dense and name not in STAGED else 1e-3,
        "AdamW with warm-up and a cosine to zero",
    )
    augmentation = _augmentation(seen, target, choices)
    border = _border(seen, wanted, choose) if target.kind == "instances" and name not in STAGED else {}
    if seen.form is not None:
        choices.insert(1, _way_to_objects(seen.form, name))
    if wanted.devices * wanted.nodes > 1:
        choices.append(
            Choice(
                "batch statistics",
                "per process",
                f"{wanted.devices * wanted.nodes} processes normalize their own share of a batch",
            )
        )
    return Plan(
        name,
        arguments,
        task_record,
        tuple(window),
        int(batch),
        float(rate),
        normalization,
        balanced,
        augmentation,
        border,
        tuple(choices),
    )


def fields_of_view(material: Material, wanted: TrainingSection, own_network: nn.Module | None) -> tuple[int, ...]:
    """How far each network sees that could be planned for a split by region, the farthest first.

    Raises NetworkError for a network of the user's own that sees everything.
    """
    header = next(iter(material.headers.values()))
    dims = len(header.axes)
    if own_network is not None:
        return (_field(own_network, dims),)
    depths = (4, 3, 2, 1) if wanted.depth == "auto" else (wanted.depth,)
    return tuple(
        _field(NETWORKS["unet"](**_unet(dims, header.shape[0], 2, width=4, depth=depth)), dims) for depth in depths
    )


def _window(seen: Fingerprint, *, dense: bool) -> tuple[tuple[int, ...], str]:
    dims = seen.dims
    largest, floor = LARGEST_WINDOW[dims], WINDOW_FLOOR[dims]
    if not dense:
        largest *= 2
    why = "enough context for one answer"
    if dense and seen.object_size is not None:
        wanted = int(OBJECTS_ACROSS * seen.object_size)
        largest = min(largest, max(SMALLEST_WINDOW[dims], wanted))
        why = f"about {OBJECTS_ACROSS} objects wide, whose median diameter is {seen.object_size:.0f} samples"
    small = all(length < largest + 16 for length in seen.median)
    if small:
        why = f"half of the training records are no larger than {_times(seen.median)}"
    if small and not dense:
        return seen.median, f"{why}, and are seen as they will be when they are predicted"
    return tuple(max(floor, min(largest, length) // 16 * 16) for length in seen.median), f"{why}, and a multiple of 16"


def _normalization(seen: Fingerprint, wanted: TrainingSection, by_region: bool, choose: Any) -> str:  # noqa: FBT001
    if by_region:
        why = "one image lies on both sides of the split: only numbers of its training part may be used"
        return choose("normalization", wanted.normalization, "cohort", why)
    if seen.shift > 0.2:
        why = f"brightness moves between images by {seen.shift:.1f} of the contrast within one"
        return choose("normalization", wanted.normalization, "image", why)
    why = f"brightness hardly moves between images ({seen.shift:.2f} of the contrast within one) and may be evidence"
    return choose("normalization", wanted.normalization, "cohort", why)


def _augmentation(seen: Fingerprint, target: Target, choices: list[Choice]) -> dict[str, Any]:
    """What the training records themselves say may vary: sizes and colour."""
    found: dict[str, Any] = {}
    if isinstance(target, NumberTarget):
        found["scale"] = 0.0
        choices.append(Choice("augmentation of size", "none", "a measured number may depend on size"))
    elif seen.size_spread > 1.3:
        found["scale"] = round(min(0.6, seen.size_spread - 1), 2)
        why = f"objects of a record are commonly {seen.size_spread:.1f} times larger or smaller than in another"
        choices.append(Choice("augmentation of size", f"up to {1 + found['scale']:.2f} times", why))
    if target.kind in DENSE and seen.records < FEW_RECORDS and min(seen.median) >= ELASTIC_FROM:
        found["elastic"] = True
        why = f"{seen.records} training records are few: each is bent anew every time (Ronneberger 2015)"
        choices.append(Choice("augmentation of form", "elastic", why))
    if 0.03 <= seen.grey_share <= 0.97:
        found["greying"] = True
        why = f"{seen.grey_share:.0%} of the records are grey, the others have colour"
        choices.append(Choice("augmentation of colour", "taken out half of the time", why))
    return found


def _network(seen: Fingerprint, wanted: TrainingSection, *, dense: bool, by_region: bool) -> tuple[str, str]:
    """The kind of network for the answer, and for the objects where there are any, with the reason."""
    if not dense:
        return "resnet", "one answer for a whole record: residual stages and a global mean"
    alone = wanted.devices * wanted.nodes == 1 and not by_region and not wanted.test_time_flips
    alone = alone and (wanted.steps is not None or (wanted.minutes or 0.0) >= ENOUGH_MINUTES)
    if seen.dims == 2 and seen.form is not None and _waisted(seen.form) and seen.form.count <= MOST_OBJECTS and alone:
        return "mask_rcnn", "objects of such a form are found one by one, each with a mask of its own"
    return "unet", "each sample gets a class of its own: an encoder and a decoder with skips"


def _waisted(form: ObjectForm) -> bool:
    """Whether a watershed would part objects wrongly: they touch, and are narrow where they are one."""
    return form.solidity < CONVEX and form.touching >= FEW_TOUCH


def _way_to_objects(form: ObjectForm, network: str) -> Choice:
    """How objects are told apart, by what they look like."""
    seen = (
        f"a record holds {form.count:.0f} objects of about {form.diameter:.0f} samples, {form.touching:.0%} of them "
        f"touch another, and one fills {form.solidity:.0%} of its convex hull"
    )
    if _waisted(form):
        why = f"{seen}: a watershed cuts such forms at their waists"
    else:
        why = f"{seen}: {'they hardly touch' if form.touching < FEW_TOUCH else 'what is round comes apart at a waist'}"
    way = "U-Net, then a watershed of the distance"
    if network in STAGED:
        way = "Mask R-CNN, each by a box and a mask of its own"
    elif _waisted(form):
        why += f"; network: mask_rcnn parts them better from about {ENOUGH_MINUTES:g} minutes a fold on"
    return Choice("objects", way, why)


def _detection(seen: Fingerprint, target: Target, choices: list[Choice]) -> dict[str, Any]:
    """The task of a network that finds objects itself: its anchors are those sizes that the objects have."""
    diameter = seen.form.diameter if seen.form is not None else 2 * LEAST_ANCHOR
    least = max(LEAST_ANCHOR, 2.0 ** round(log2(max(diameter, 1.0) / 2)))
    sizes = [least * 2**level for level in range(4)]
    shown = ", ".join(f"{size:g}" for size in sizes)
    choices.append(Choice("anchors", f"{shown} samples", f"a median object is {diameter:.0f} samples wide"))
    return {"name": "detection", "classes": tuple(target.classes[1:]), "anchors": sizes}  # type: ignore[union-attr]


def _border(seen: Fingerprint, wanted: TrainingSection, choose: Any) -> dict[str, float]:
    """How much gaps between objects weigh in the loss, and how far from them."""
    sigma = BORDER_SIGMA if seen.object_size is None else min(BORDER_SIGMA, seen.object_size / 4)
    weight = choose(
        "weight of gaps",
        wanted.border_weight,
        BORDER_WEIGHT,
        "touching objects must come apart (Ronneberger 2015)",
        f"{BORDER_WEIGHT:g}, falling over {sigma:.1f} samples",
    )
    return {"border": float(weight), "sigma": round(float(sigma), 2)} if weight > 0 else {}


def _imbalance(seen: Fingerprint, target: Target, wanted: TrainingSection, choose: Any) -> tuple[bool, dict[str, Any]]:
    """The task with its weights, and whether records are drawn by unit and class, or windows by site."""
    present = [count for count in seen.counts if count > 0]
    ratio = max(present) / min(present) if present else 1.0
    dense = target.kind in DENSE
    if dense:
        automatic = "class-weights" if ratio > 20 else "none"
        why = f"the largest class has {ratio:.0f} times the samples of the smallest; the Dice term balances up to 20"
    else:
        automatic = (
            "balanced-sampling" if ratio > 3 and target.kind != "labels" else ("class-weights" if ratio > 3 else "none")
        )
        why = f"the largest class has {ratio:.1f} times the records of the smallest"
    way = choose("imbalance", wanted.imbalance, automatic, why)
    weights = tuple(class_weights(seen.counts).tolist()) if way == "class-weights" else None
    gamma = 2.0 if way == "focal" else None
    classes = tuple(getattr(target, "classes", ()))
    if dense:
        record = {"name": "segmentation", "classes": classes, "class_weights": weights, "focal": gamma}
        return wanted.imbalance in {"auto", "balanced-sampling"} and _rare_sites(seen, choose), record
    record = {
        "name": "classification",
        "classes": classes,
        "kind": target.kind,
        "class_weights": weights,
        "focal": gamma,
        "label_smoothing": wanted.label_smoothing,
        "generalised": wanted.generalised_cross_entropy,
    }
    return way == "balanced-sampling", record


def _rare_sites(seen: Fingerprint, choose: Any) -> bool:
    """Whether windows of rare sites are drawn more often than they occur."""
    ratio = max(seen.sites) / min(seen.sites) if seen.sites else 1.0
    if ratio <= 3:
        return False
    why = f"the largest site has {ratio:.0f} times the records of the smallest: half-way to every site alike"
    return choose("sampling", "auto", True, why, "rare sites more often")


def _number(seen: Fingerprint, target: NumberTarget, choices: list[Choice]) -> dict[str, Any]:
    """The task of a number, in deviations of the training side, where numbers differ (`balancing` has seen to it)."""
    assert seen.mean is not None
    assert seen.deviation
    shown = f"mean {seen.mean:.4g}, deviation {seen.deviation:.4g} {target.unit}".rstrip()
    why = "the network answers in deviations from the mean of the training numbers; the loss is the squared error"
    choices.append(Choice("scale of the number", shown, why))
    return {"name": "regression", "unit": target.unit, "mean": seen.mean, "std": seen.deviation}


def _network_arguments(
    name: str,
    seen: Fingerprint,
    target: Target,
    wanted: TrainingSection,
    window: tuple[int, ...],
    outputs: int,
    sees_at_most: int | None,
    choose: Any,
) -> dict[str, Any]:
    common = {"dims": seen.dims, "in_channels": seen.channels, "classes": outputs}
    if name == "resnet":
        depth = choose("depth", wanted.depth, 18, "the smallest of the published depths: biomedical cohorts are small")
        width = choose("width", wanted.width, 32, "half of the published width")
        stem = "small" if min(window) <= 64 else "imagenet"
        return {**common, "depth": depth, "width": width, "stem": stem}
    deepest = 4
    while deepest > 1 and min(window) // 2**deepest < 4:
        deepest -= 1
    why = f"a window of {_times(window)} can be halved {deepest} times and still hold context"
    width = choose("width", wanted.width, 32, "half of the published width")

    def sight(depth: int) -> int:
        return _field(NETWORKS["unet"](**_unet(seen.dims, seen.channels, outputs, width=4, depth=depth)), seen.dims)

    if seen.object_size is not None and deepest == 4 and sight(3) >= CONTEXT * seen.object_size:
        deepest = 3
        why = f"it sees {sight(3)} samples, more than {CONTEXT} times a median object of {seen.object_size:.0f}"
    if sees_at_most is not None:
        while deepest > 1 and sight(deepest) > sees_at_most:
            deepest -= 1
        why = f"it may see no further than the gap of {sees_at_most} samples between training and test"
    depth = choose("depth", wanted.depth, deepest, why)
    if sees_at_most is not None and sight(depth) > sees_at_most:
        raise SplitError(
            f"a U-Net of depth {depth} sees {sight(depth)} samples, the gap is {sees_at_most}",
            why="a test sample would see pixels that were trained on",
            fix="give a larger split.gap, fewer folds, or a smaller training.depth",
        )
    return _unet(seen.dims, seen.channels, outputs, width=width, depth=depth)


def _unet(dims: int, in_channels: int, classes: int, *, width: int, depth: int) -> dict[str, Any]:
    """The everyday U-Net: same padding, so that sizes stay, and batch normalization, so that it trains in minutes."""
    shape = {"dims": dims, "in_channels": in_channels, "classes": classes, "width": width, "depth": depth}
    return {**shape, "padding": "same", "normalization": "batch", "dropout": 0.0}


def _check_sight(network: nn.Module, dims: int, sees_at_most: int | None) -> None:
    """Refuse a network of the user's own that sees across the gap."""
    if sees_at_most is not None and _field(network, dims) > sees_at_most:
        raise SplitError(
            f"{type(network).__name__} sees {_field(network, dims)} samples, the gap is {sees_at_most}",
            why="a test sample would see pixels that were trained on",
            fix="give a larger split.gap, or a network that sees less",
        )


def _field(network: nn.Module, dims: int) -> int:
    """The largest extent that one output sees, along the axis where it sees furthest."""
    field = receptive_field(network, (LARGEST_WINDOW[dims],) * dims)
    return int(max(field.largest))


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
