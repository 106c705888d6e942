"""Networks with stages for tests: one that knows the truth, and the parts of images that it is asked about."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hypercolumn.tasks.anchors import Anchors
from hypercolumn.tasks.boxes import BoxCode, iou_matrix


@dataclass(frozen=True, eq=False)
class Answer:
    """What a stage gives."""

    codes: object
    objectness: object = None
    logits: object = None


@dataclass(eq=False)
class Knowing:
    """Proposes the true boxes of each image, exactly, and judges every box by the true one that it overlaps most."""

    boxes: Sequence[Tensor]
    classes: Sequence[Tensor]
    kinds: int
    anchors: Anchors
    region_code: BoxCode
    confidence: float = 20.0
    strides: tuple[int, ...] = (4, 8)

    def features(self, image: Tensor) -> tuple[Tensor, ...]:
        space = image.shape[-2:]
        return tuple(torch.zeros(len(image), 1, *(-(-side // stride) for side in space)) for stride in self.strides)

    def propose(self, maps: Sequence[Tensor]) -> Answer:
        levels = self.anchors.on([level.shape[2:] for level in maps], strides=self.strides)
        logits, codes = [], []
        for anchors in levels:
            logits.append(torch.full((len(self.boxes), len(anchors)), -self.confidence))
            codes.append(torch.zeros(len(self.boxes), len(anchors), 4))
            for image, true in enumerate(self.boxes):
                if len(true):
                    best, nearest = iou_matrix(anchors, true).max(dim=1)
                    near = best > 0.3
                    logits[-1][image, near] = self.confidence
                    codes[-1][image, near] = BoxCode().encode(true[nearest[near]], anchors[near])
        return Answer(tuple(codes), objectness=tuple(logits))

    def heads(self, maps: Sequence[Tensor], boxes: Sequence[Tensor]) -> Answer:
        logits, codes = [], []
        for image, asked in enumerate(boxes):
            score, code = torch.zeros(len(asked), 1 + self.kinds), torch.zeros(len(asked), self.kinds, 4)
            score[:, 0] = self.confidence
            if len(asked) and len(self.boxes[image]):
                best, nearest = iou_matrix(asked, self.boxes[image]).max(dim=1)
                hit = torch.nonzero(best >= 0.5)[:, 0]
                kind = self.classes[image][nearest[hit]]
                score[hit, 0], score[hit, 1 + kind] = 0.0, self.confidence
                code[hit, kind] = self.region_code.encode(self.boxes[image][nearest[hit]], asked[hit])
            logits.append(score)
            codes.append(code)
        return Answer(torch.cat(codes), logits=torch.cat(logits))

    def masks(self, maps: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
        """Every box is filled."""
        return torch.full((sum(map(len, boxes)), self.kinds, 28, 28), self.confidence)
