"""Detection: the objects of an image, each with its box, its class, and its pixels.

    loss      = objectness + proposal codes + class + codes + mask                  each a mean over what is looked at
    objectness    binary cross-entropy of 256 anchors, half of them objects (IoU >= 0.7), the rest background (< 0.3)
    codes         |code - code of the true box|, of objects alone, by the number of all that were looked at
    class         cross-entropy of 512 proposals, a quarter of them objects (IoU >= 0.5)
    mask          binary cross-entropy of the map of the true class alone, at 28 x 28 cells of objects' proposals

    answer    proposals -> scores above 0.05 -> suppression within each class at 0.5 -> the 100 best -> their masks

He, Gkioxari, Dollar and Girshick 2017, doi:10.1109/ICCV.2017.322; proposals as in Ren et al. 2015, arXiv:1506.01497;
the numbers are those of the authors' later programs, with plain L1 for the codes. True boxes join the proposals while
learning. What is annotated by boxes alone has no mask loss.

A network with stages is asked through `StagedNetwork`, never by name. Losses are one an example: the samples of one
image are its own, so that two processes with half a batch each agree with one that has it all.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hypercolumn.data.objects import Objects
from hypercolumn.errors import InvalidArgument, LabelError, ShapeMismatch
from hypercolumn.tasks.anchor_matching import OBJECT, Matching, draw, match
from hypercolumn.tasks.boxes import clip
from hypercolumn.tasks.detection_settings import DetectionSettings
from hypercolumn.tasks.detection_target import DetectionTarget
from hypercolumn.tasks.detections import Detections
from hypercolumn.tasks.staged import StagedNetwork
from hypercolumn.tasks.suppression import non_maximum_suppression
from hypercolumn.tasks.task import in_float32


@dataclass(frozen=True, eq=False)
class DetectionLosses:
    """The five losses, each (batch,), float32."""

    objectness: Tensor
    proposal_codes: Tensor
    classes: Tensor
    codes: Tensor
    masks: Tensor

    @property
    def total(self) -> Tensor:
        """Their plain sum: (batch,)."""
        return self.objectness + self.proposal_codes + self.classes + self.codes + self.masks


@dataclass(frozen=True)
class Detection:
    """Find the objects of the kinds `classes`; that there is none is not one of them.

    masks: whether the pixels of objects are learnt and answered too.

    >>> task = Detection(("red", "white"), settings=DetectionSettings.light())
    >>> target = task.encode(np.array([[0, 0, 1], [2, 2, 0]]))
    >>> target.boxes, target.classes
    (tensor([[2., 0., 3., 1.],
             [0., 1., 2., 2.]]), tensor([0, 0]))
    """

    classes: tuple[str, ...]
    _: KW_ONLY
    settings: DetectionSettings = field(default_factory=DetectionSettings)
    masks: bool = True

    def __post_init__(self) -> None:
        if not self.classes or len(set(self.classes)) != len(self.classes):
            raise InvalidArgument("classes", self.classes, fix="give at least one class, each with a name of its own")

    def encode(self, target: Objects | np.ndarray) -> DetectionTarget:
        """The truth of one image: objects as they were annotated, or an instance map (y, x) of the first class."""
        if not isinstance(target, Objects):
            target = Objects.from_map(target, names=self.classes)
        if target.names != self.classes:
            raise LabelError(
                f"objects of the classes {', '.join(target.names)} for a task of {', '.join(self.classes)}",
                fix="read the annotations with the classes of the task, in its order",
            )
        return DetectionTarget.of(target)

    def losses(self, network: StagedNetwork, images: Tensor, targets: Tensor, *, generator: torch.Generator) -> Tensor:
        """One loss an example (batch,); targets (batch, y, x) number objects of the first class, -1 lies outside.

        What lies outside was mirrored: it is left out of account.
        """
        encoded = []
        for one in targets:
            numbers = one.cpu().numpy()
            outside = torch.from_numpy(outside_boxes(numbers < 0)).float()
            encoded.append(replace(self.encode(np.maximum(numbers, 0)), ignored=outside).to(images.device))
        return self.loss(network, images, encoded, generator=generator).total

    def loss(
        self,
        network: StagedNetwork,
        images: Tensor,
        targets: Sequence[DetectionTarget],
        *,
        generator: torch.Generator,
    ) -> DetectionLosses:
        """The losses of a network on images (batch, channel, y, x); `generator` draws what is looked at."""
        if len(images) != len(targets):
            raise ShapeMismatch(f"{len(targets)} targets for {len(images)} images", fix="give one target an image")
        maps = network.features(images)
        anchors, logits, codes = self._proposed(network, maps)
        proposal_losses = [
            self._proposal_loss(torch.cat(anchors), torch.cat(one, dim=0), torch.cat(code, dim=0), target, generator)
            for one, code, target in zip(_by_image(logits), _by_image(codes), targets, strict=True)
        ]
        objectness, proposal_codes = (torch.stack(column) for column in zip(*proposal_losses, strict=True))
        with torch.no_grad():
            proposals = self._select(anchors, logits, codes, _shape(images), training=True)
            drawn = [
                self._draw_regions(boxes, target, generator) for boxes, target in zip(proposals, targets, strict=True)
            ]
        judged = network.heads(maps, [regions.boxes for regions in drawn])
        self._check_classes(judged.logits)
        counts = [len(regions.boxes) for regions in drawn]
        region_losses = [
            self._region_loss(one, code, regions, target)
            for one, code, regions, target in zip(
                in_float32(judged.logits).split(counts),
                in_float32(judged.codes).split(counts),
                drawn,
                targets,
                strict=True,
            )
        ]
        classes, region_codes = (torch.stack(column) for column in zip(*region_losses, strict=True))
        masks = self._mask_losses(network, maps, drawn, targets)
        return DetectionLosses(objectness, proposal_codes, classes, region_codes, masks)

    @torch.no_grad()
    def decode(self, network: StagedNetwork, images: Tensor) -> list[Detections]:
        """The objects in each image (batch, channel, y, x); the network should be in evaluation mode."""
        maps = network.features(images)
        anchors, logits, codes = self._proposed(network, maps)
        shape = _shape(images)
        proposals = self._select(anchors, logits, codes, shape, training=False)
        judged = network.heads(maps, proposals)
        self._check_classes(judged.logits)
        counts = [len(boxes) for boxes in proposals]
        found = [
            self._answer(boxes, one, code, shape)
            for boxes, one, code in zip(
                proposals,
                in_float32(judged.logits).split(counts),
                in_float32(judged.codes).split(counts),
                strict=True,
            )
        ]
        boxes = [one[0] for one in found]
        masks: Sequence[Tensor | None] = [None] * len(found)
        if self.masks:
            kinds = torch.cat([one[2] for one in found])
            all_masks = in_float32(network.masks(maps, boxes))
            own = all_masks[torch.arange(len(kinds), device=kinds.device), kinds].sigmoid()
            masks = own.split([len(box) for box in boxes])
        return [
            Detections(
                shape,
                box.cpu().numpy(),
                score.cpu().numpy(),
                kind.cpu().numpy(),
                None if mask is None else mask.cpu().numpy(),
            )
            for (box, score, kind), mask in zip(found, masks, strict=True)
        ]

    def _proposed(
        self, network: StagedNetwork, maps: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """By level: anchors (box, 4), logits (batch, box), codes (batch, box, 4)."""
        proposed = network.propose(maps)
        shapes = [(one.shape[2], one.shape[3]) for one in maps]
        anchors = self.settings.anchors.on(shapes, strides=network.strides, device=maps[0].device)
        for level, logits in zip(anchors, proposed.objectness, strict=True):
            if len(level) != logits.shape[1]:
                raise ShapeMismatch(
                    f"{logits.shape[1]} proposals where there are {len(level)} anchors",
                    fix=f"build the network with {len(self.settings.anchors.ratios)} anchors a place",
                )
        return anchors, [in_float32(one) for one in proposed.objectness], [in_float32(one) for one in proposed.codes]

    def _select(
        self,
        anchors: Sequence[Tensor],
        logits: Sequence[Tensor],
        codes: Sequence[Tensor],
        shape: tuple[int, int],
        *,
        training: bool,
    ) -> list[Tensor]:
        """The proposals of each image: the best of every level, after suppression within the level."""
        settings = self.settings
        candidates = settings.candidates_training if training else settings.candidates
        proposals = settings.proposals_training if training else settings.proposals
        chosen = []
        for one, code in zip(_by_image(logits), _by_image(codes), strict=True):
            boxes, scores, levels = [], [], []
            for number, (anchor, score, box_code) in enumerate(zip(anchors, one, code, strict=True)):
                best = score.topk(min(candidates, len(score))).indices
                box = clip(settings.proposal_code.decode(box_code[best], anchor[best]), shape)
                solid = (box[:, 2:] > box[:, :2]).all(dim=1)
                boxes.append(box[solid])
                scores.append(score[best][solid])
                levels.append(torch.full((int(solid.sum()),), number))
            together = torch.cat(boxes)
            kept = non_maximum_suppression(
                together.detach().cpu().numpy(),
                torch.cat(scores).detach().cpu().numpy(),
                threshold=settings.proposal_suppression,
                groups=torch.cat(levels).numpy(),
            )
            chosen.append(together[torch.from_numpy(kept[:proposals]).to(together.device)].detach())
        return chosen

    def _proposal_loss(
        self, anchors: Tensor, logits: Tensor, codes: Tensor, target: DetectionTarget, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        low, high = self.settings.anchor_iou
        matching = match(anchors, target.boxes, target.ignored, high=high, low=low, force_best=True)
        objects, background = draw(
            matching.kind, count=self.settings.anchors_drawn, share=self.settings.anchors_share, generator=generator
        )
        looked_at = torch.cat([objects, background])
        count = max(len(looked_at), 1)
        is_object = (matching.kind[looked_at] == OBJECT).to(logits.dtype)
        objectness = functional.binary_cross_entropy_with_logits(logits[looked_at], is_object, reduction="sum") / count
        true = self.settings.proposal_code.encode(target.boxes[matching.object[objects]], anchors[objects])
        return objectness, (codes[objects] - true).abs().sum() / count

    def _draw_regions(self, proposals: Tensor, target: DetectionTarget, generator: torch.Generator) -> "_Regions":
        """Proposals, and the true boxes themselves, of which some are looked at: objects first."""
        boxes = torch.cat([proposals, target.boxes])
        iou = self.settings.region_iou
        matching = match(boxes, target.boxes, target.ignored, high=iou, low=iou)
        objects, background = draw(
            matching.kind, count=self.settings.regions_drawn, share=self.settings.regions_share, generator=generator
        )
        return _Regions.of(boxes, matching, objects, background)

    def _region_loss(
        self, logits: Tensor, codes: Tensor, regions: "_Regions", target: DetectionTarget
    ) -> tuple[Tensor, Tensor]:
        count, objects = max(len(logits), 1), len(regions.objects)
        kinds = target.classes[regions.objects]
        labels = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
        labels[:objects] = kinds + 1
        classes = functional.cross_entropy(logits, labels, reduction="sum") / count
        true = self.settings.region_code.encode(target.boxes[regions.objects], regions.boxes[:objects])
        own = codes[torch.arange(objects, device=codes.device), kinds]
        return classes, (own - true).abs().sum() / count

    def _mask_losses(
        self,
        network: StagedNetwork,
        maps: Sequence[Tensor],
        drawn: Sequence["_Regions"],
        targets: Sequence[DetectionTarget],
    ) -> Tensor:
        """(batch,); 0 for an image without masks or without objects."""
        known = [self.masks and target.masks is not None for target in targets]
        boxes = [
            regions.boxes[: len(regions.objects)] if with_masks else regions.boxes[:0]
            for regions, with_masks in zip(drawn, known, strict=True)
        ]
        losses = [boxes[0].new_zeros(()) for _ in boxes]
        counts = [len(box) for box in boxes]
        if sum(counts):
            logits = in_float32(network.masks(maps, boxes)).split(counts)
            for place, (one, box, regions, target) in enumerate(zip(logits, boxes, drawn, targets, strict=True)):
                if len(box) and target.masks is not None:
                    kinds = target.classes[regions.objects]
                    own = one[torch.arange(len(box), device=one.device), kinds]
                    true = target.masks.within(box, regions.objects, cells=own.shape[-1])
                    losses[place] = functional.binary_cross_entropy_with_logits(own, true)
        return torch.stack(losses)

    def _answer(
        self, proposals: Tensor, logits: Tensor, codes: Tensor, shape: tuple[int, int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (object, 4), scores and classes (object,) of one image, the best score first."""
        believed = logits.softmax(dim=1)[:, 1:]
        row, kind = torch.nonzero(believed > self.settings.score, as_tuple=True)
        boxes = clip(self.settings.region_code.decode(codes[row, kind], proposals[row]), shape)
        scores = believed[row, kind]
        solid = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
        boxes, scores, kind = boxes[solid], scores[solid], kind[solid]
        kept = non_maximum_suppression(
            boxes.cpu().numpy(), scores.cpu().numpy(), threshold=self.settings.suppression, groups=kind.cpu().numpy()
        )
        best = torch.from_numpy(kept[: self.settings.most]).to(boxes.device)
        return boxes[best], scores[best], kind[best]

    def _check_classes(self, logits: Tensor) -> None:
        if logits.shape[1] != len(self.classes) + 1:
            raise ShapeMismatch(
                f"logits of {logits.shape[1]} classes where {len(self.classes)} and the background are needed",
                fix=f"build the network with {len(self.classes)} classes",
            )


@dataclass(frozen=True, eq=False)
class _Regions:
    """Boxes that are looked at, those of objects first, and the true object of each of those."""

    boxes: Tensor
    objects: Tensor

    @classmethod
    def of(cls, boxes: Tensor, matching: Matching, objects: Tensor, background: Tensor) -> "_Regions":
        return cls(boxes[torch.cat([objects, background])], matching.object[objects])


def _by_image(levels: Sequence[Tensor]) -> list[list[Tensor]]:
    """By level (batch, ...) to by image."""
    return [[level[place] for level in levels] for place in range(len(levels[0]))]


def outside_boxes(outside: np.ndarray, *, smallest: int = 8) -> np.ndarray:
    """Boxes (region, 4) that cover what is True in (y, x), by halving; what is left below `smallest` is dropped.

    >>> outside_boxes(np.pad(np.ones((16, 16), dtype=bool), ((0, 0), (16, 0))))
    array([[16.,  0., 32., 16.]])
    """
    found: list[tuple[int, int, int, int]] = []

    def cover(y0: int, y1: int, x0: int, x1: int) -> None:
        part = outside[y0:y1, x0:x1]
        if part.all():
            found.append((x0, y0, x1, y1))
        elif part.any() and max(part.shape) > smallest:
            if y1 - y0 > x1 - x0:
                middle = (y0 + y1) // 2
                cover(y0, middle, x0, x1)
                cover(middle, y1, x0, x1)
            else:
                middle = (x0 + x1) // 2
                cover(y0, y1, x0, middle)
                cover(y0, y1, middle, x1)

    cover(0, outside.shape[0], 0, outside.shape[1])
    return np.array(found, dtype=np.float64).reshape(-1, 4)


def _shape(images: Tensor) -> tuple[int, int]:
    return images.shape[-2], images.shape[-1]
