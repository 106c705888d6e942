"""Tasks: what an output means. Target to loss, and output to answer; never a network's name."""

from hypercolumn.tasks.anchors import Anchors
from hypercolumn.tasks.border_weights import border_weights
from hypercolumn.tasks.classification import Classification
from hypercolumn.tasks.detection import Detection, DetectionLosses
from hypercolumn.tasks.detection_settings import DetectionSettings
from hypercolumn.tasks.detection_target import DetectionTarget
from hypercolumn.tasks.detections import Detections
from hypercolumn.tasks.imbalance import class_weights, group_sampling_weights, sampling_weights
from hypercolumn.tasks.instance_fit import FittedInstances, PredictedImage, fit_instances
from hypercolumn.tasks.instances import InstanceSettings, instances
from hypercolumn.tasks.regression import Regression
from hypercolumn.tasks.segmentation import Segmentation, with_weights
from hypercolumn.tasks.staged import StagedNetwork
from hypercolumn.tasks.suppression import non_maximum_suppression
from hypercolumn.tasks.task import Task

__all__ = [
    "Anchors",
    "Classification",
    "Detection",
    "DetectionLosses",
    "DetectionSettings",
    "DetectionTarget",
    "Detections",
    "FittedInstances",
    "InstanceSettings",
    "PredictedImage",
    "Regression",
    "Segmentation",
    "StagedNetwork",
    "Task",
    "border_weights",
    "class_weights",
    "fit_instances",
    "group_sampling_weights",
    "instances",
    "non_maximum_suppression",
    "sampling_weights",
    "with_weights",
]
