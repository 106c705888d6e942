"""Tasks: what an output means. Target to loss, and output to answer; never a network's name."""

from hypercolumn.tasks.border_weights import border_weights
from hypercolumn.tasks.classification import Classification
from hypercolumn.tasks.imbalance import class_weights, group_sampling_weights, sampling_weights
from hypercolumn.tasks.instance_fit import FittedInstances, PredictedImage, fit_instances
from hypercolumn.tasks.instances import InstanceSettings, instances
from hypercolumn.tasks.regression import Regression
from hypercolumn.tasks.segmentation import Segmentation, with_weights
from hypercolumn.tasks.task import Task

__all__ = [
    "Classification",
    "FittedInstances",
    "InstanceSettings",
    "PredictedImage",
    "Regression",
    "Segmentation",
    "Task",
    "border_weights",
    "class_weights",
    "fit_instances",
    "group_sampling_weights",
    "instances",
    "sampling_weights",
    "with_weights",
]
