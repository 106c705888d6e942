"""The numbers of detection: anchors, what is matched and drawn while learning, what is kept while answering.

Ren et al. 2015, arXiv:1506.01497, Lin et al. 2017, doi:10.1109/CVPR.2017.106, and He, Gkioxari, Dollar and Girshick
2017, doi:10.1109/ICCV.2017.322, as in the authors' later programs.
"""

from dataclasses import dataclass, field

from hypercolumn.errors import InvalidArgument
from hypercolumn.tasks.anchors import Anchors
from hypercolumn.tasks.boxes import BoxCode


@dataclass(frozen=True)
class DetectionSettings:
    """The numbers of the task; the defaults are the published ones for photographs.

    `candidates` a level and `proposals` an image are kept before and after suppression; `*_training` while learning.
    """

    anchors: Anchors = field(default_factory=Anchors)
    anchor_iou: tuple[float, float] = (0.3, 0.7)
    anchors_drawn: int = 256
    anchors_share: float = 0.5
    candidates: int = 1000
    candidates_training: int = 2000
    proposals: int = 1000
    proposals_training: int = 1000
    proposal_suppression: float = 0.7
    region_iou: float = 0.5
    regions_drawn: int = 512
    regions_share: float = 0.25
    proposal_code: BoxCode = field(default_factory=BoxCode)
    region_code: BoxCode = field(default_factory=lambda: BoxCode((10.0, 10.0, 5.0, 5.0)))
    score: float = 0.05
    suppression: float = 0.5
    most: int = 100

    def __post_init__(self) -> None:
        shares = ("anchors_share", "regions_share", "proposal_suppression", "region_iou", "score", "suppression")
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidArgument(name, getattr(self, name), fix="give a number from 0 to 1")
        low, high = self.anchor_iou
        if not 0 <= low <= high <= 1:
            raise InvalidArgument("anchor_iou", self.anchor_iou, fix="give two numbers from 0 to 1, ascending")
        counts = ("anchors_drawn", "candidates", "candidates_training", "proposals", "proposals_training", "most")
        for name in (*counts, "regions_drawn"):
            if getattr(self, name) < 1:
                raise InvalidArgument(name, getattr(self, name), fix="give at least 1")

    @classmethod
    def light(cls) -> "DetectionSettings":
        """For up to 400 objects of about 6 to 90 pixels in a micrograph, without an accelerator."""
        return cls(
            anchors=Anchors.light(), candidates_training=1000, proposals_training=500, regions_drawn=128, most=400
        )
