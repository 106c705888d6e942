"""Tasks: what an output means. Target to loss, and output to answer; never a network's name."""

from hypercolumn.tasks.classification import Classification
from hypercolumn.tasks.imbalance import class_weights, sampling_weights
from hypercolumn.tasks.regression import Regression
from hypercolumn.tasks.segmentation import Segmentation
from hypercolumn.tasks.task import Task

__all__ = ["Classification", "Regression", "Segmentation", "Task", "class_weights", "sampling_weights"]
