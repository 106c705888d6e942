"""Figures and what they are worth: metrics, their intervals over units, and the best to be had without a CNN."""

from hypercolumn.evaluation.agreement import (
    balanced_accuracy,
    cohen_kappa,
    confusion_matrix,
    f1,
    quadratic_weighted_kappa,
    recall,
)
from hypercolumn.evaluation.annotated_objects import AnnotatedObjects, annotated_objects
from hypercolumn.evaluation.association import Association, association
from hypercolumn.evaluation.average_precision import average_precision, detection_row
from hypercolumn.evaluation.baselines import Baseline, OnDemand, baselines_for, best_baseline
from hypercolumn.evaluation.calibration import brier, calibration_line, expected_calibration_error, fit_temperature
from hypercolumn.evaluation.ceiling import Ceiling, mask_ceiling, rater_ceiling
from hypercolumn.evaluation.comparison import difference
from hypercolumn.evaluation.confident_learning import ConfidentLearning, confident_learning
from hypercolumn.evaluation.contingency import Contingency, contingency
from hypercolumn.evaluation.detection import (
    FoundBoxes,
    average_precision_by_class,
    compare_boxes,
    mean_average_precision,
)
from hypercolumn.evaluation.embeddings import Embeddings
from hypercolumn.evaluation.event_residuals import EventResiduals, event_residuals
from hypercolumn.evaluation.gap import Gap, group_gap
from hypercolumn.evaluation.heterogeneity import Heterogeneity, heterogeneity
from hypercolumn.evaluation.inflation import inflation
from hypercolumn.evaluation.instance_figures import detection_figures, instance_figures
from hypercolumn.evaluation.instances import instance_row
from hypercolumn.evaluation.intervals import Interval, interval
from hypercolumn.evaluation.losses import losses
from hypercolumn.evaluation.membrane_figures import membrane_figures
from hypercolumn.evaluation.membranes import membrane_row
from hypercolumn.evaluation.mixture import ErrorMixture, fit_error_mixture
from hypercolumn.evaluation.multiplicity import holm
from hypercolumn.evaluation.object_errors import ObjectErrors, object_errors
from hypercolumn.evaluation.overlap import dice, iou
from hypercolumn.evaluation.predictions import (
    Predictions,
    classification_row,
    group_column,
    regression_row,
    segmentation_row,
)
from hypercolumn.evaluation.probe import Probe, probe
from hypercolumn.evaluation.ranking import auprc, auroc, auroc_within
from hypercolumn.evaluation.rater_errors import RaterErrors, rater_errors
from hypercolumn.evaluation.raters import fleiss_kappa, krippendorff_alpha, pairwise_kappa
from hypercolumn.evaluation.readability import Readability, readability
from hypercolumn.evaluation.regression_figures import in_unit
from hypercolumn.evaluation.reliability import ReliabilityCurve, reliability_curves
from hypercolumn.evaluation.score import Better, Score, shown
from hypercolumn.evaluation.scores import headline, headline_score, heterogeneity_by, scores, scores_by
from hypercolumn.evaluation.site_only import site_only_auroc
from hypercolumn.evaluation.staple import Staple, staple
from hypercolumn.evaluation.surface import surface_distances
from hypercolumn.evaluation.suspects import Relabelling, relabelling_curve, suspects
from hypercolumn.evaluation.thresholds import Thresholds, fit_thresholds
from hypercolumn.evaluation.two_sample import TwoSamples, classifier_two_sample, maximum_mean_discrepancy
from hypercolumn.evaluation.warping import warping_error
from hypercolumn.evaluation.wrong_labels import WrongLabels, wrong_labels

__all__ = [
    "AnnotatedObjects",
    "Association",
    "Baseline",
    "Better",
    "Ceiling",
    "ConfidentLearning",
    "Contingency",
    "Embeddings",
    "ErrorMixture",
    "EventResiduals",
    "FoundBoxes",
    "Gap",
    "Heterogeneity",
    "Interval",
    "ObjectErrors",
    "OnDemand",
    "Predictions",
    "Probe",
    "RaterErrors",
    "Readability",
    "Relabelling",
    "ReliabilityCurve",
    "Score",
    "Staple",
    "Thresholds",
    "TwoSamples",
    "WrongLabels",
    "annotated_objects",
    "association",
    "auprc",
    "auroc",
    "auroc_within",
    "average_precision",
    "average_precision_by_class",
    "balanced_accuracy",
    "baselines_for",
    "best_baseline",
    "brier",
    "calibration_line",
    "classification_row",
    "classifier_two_sample",
    "cohen_kappa",
    "compare_boxes",
    "confident_learning",
    "confusion_matrix",
    "contingency",
    "detection_figures",
    "detection_row",
    "dice",
    "difference",
    "event_residuals",
    "expected_calibration_error",
    "f1",
    "fit_error_mixture",
    "fit_temperature",
    "fit_thresholds",
    "fleiss_kappa",
    "group_column",
    "group_gap",
    "headline",
    "headline_score",
    "heterogeneity",
    "heterogeneity_by",
    "holm",
    "in_unit",
    "inflation",
    "instance_figures",
    "instance_row",
    "interval",
    "iou",
    "krippendorff_alpha",
    "losses",
    "mask_ceiling",
    "maximum_mean_discrepancy",
    "mean_average_precision",
    "membrane_figures",
    "membrane_row",
    "object_errors",
    "pairwise_kappa",
    "probe",
    "quadratic_weighted_kappa",
    "rater_ceiling",
    "rater_errors",
    "readability",
    "recall",
    "regression_row",
    "relabelling_curve",
    "reliability_curves",
    "scores",
    "scores_by",
    "segmentation_row",
    "shown",
    "site_only_auroc",
    "staple",
    "surface_distances",
    "suspects",
    "warping_error",
    "wrong_labels",
]
