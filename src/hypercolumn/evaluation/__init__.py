"""Figures and what they are worth: metrics, their intervals over units, and the best to be had without a CNN."""

from hypercolumn.evaluation.agreement import balanced_accuracy, confusion_matrix, f1, quadratic_weighted_kappa, recall
from hypercolumn.evaluation.baselines import Baseline, OnDemand, baselines_for, best_baseline
from hypercolumn.evaluation.calibration import (
    brier,
    calibration_line,
    expected_calibration_error,
    fit_temperature,
)
from hypercolumn.evaluation.heterogeneity import Heterogeneity, heterogeneity
from hypercolumn.evaluation.intervals import Interval, interval
from hypercolumn.evaluation.overlap import dice, iou
from hypercolumn.evaluation.predictions import Predictions, classification_row, group_column, segmentation_row
from hypercolumn.evaluation.ranking import auprc, auroc
from hypercolumn.evaluation.reliability import ReliabilityCurve, reliability_curves
from hypercolumn.evaluation.score import Score
from hypercolumn.evaluation.scores import headline, headline_score, heterogeneity_by, scores, scores_by
from hypercolumn.evaluation.surface import surface_distances

__all__ = [
    "Baseline",
    "Heterogeneity",
    "Interval",
    "OnDemand",
    "Predictions",
    "ReliabilityCurve",
    "Score",
    "auprc",
    "auroc",
    "balanced_accuracy",
    "baselines_for",
    "best_baseline",
    "brier",
    "calibration_line",
    "classification_row",
    "confusion_matrix",
    "dice",
    "expected_calibration_error",
    "f1",
    "fit_temperature",
    "group_column",
    "headline",
    "headline_score",
    "heterogeneity",
    "heterogeneity_by",
    "interval",
    "iou",
    "quadratic_weighted_kappa",
    "recall",
    "reliability_curves",
    "scores",
    "scores_by",
    "segmentation_row",
    "surface_distances",
]
