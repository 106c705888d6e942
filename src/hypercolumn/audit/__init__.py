"""Audits: one defect a file, (cohort, split, what was found) -> findings. "Passed" and "not checked" are answers too.

An audit judges; it reads no file, trains nothing and repairs nothing.
"""

from hypercolumn.audit.background import background
from hypercolumn.audit.burnt_in_text import burnt_in_text
from hypercolumn.audit.drift import drift
from hypercolumn.audit.duplicates import duplicates
from hypercolumn.audit.events import event_noise
from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.fitting import Fitted, fitting
from hypercolumn.audit.gate import KINDS, fails
from hypercolumn.audit.labels import label_noise
from hypercolumn.audit.lineage import leakage, lineage
from hypercolumn.audit.looks import looks
from hypercolumn.audit.masks import mask_noise, mask_suspects
from hypercolumn.audit.metadata_shortcut import metadata_shortcut
from hypercolumn.audit.not_checked import not_checked
from hypercolumn.audit.plate import plate
from hypercolumn.audit.raters import rater_noise
from hypercolumn.audit.site import site
from hypercolumn.audit.site_label import site_labels
from hypercolumn.audit.slices import slices
from hypercolumn.audit.strata import strata
from hypercolumn.audit.time_order import time_order
from hypercolumn.data.similarity import large_clusters

__all__ = [
    "KINDS",
    "Finding",
    "Fitted",
    "Severity",
    "background",
    "burnt_in_text",
    "drift",
    "duplicates",
    "event_noise",
    "fails",
    "fitting",
    "label_noise",
    "large_clusters",
    "leakage",
    "lineage",
    "looks",
    "mask_noise",
    "mask_suspects",
    "metadata_shortcut",
    "not_checked",
    "plate",
    "rater_noise",
    "site",
    "site_labels",
    "slices",
    "strata",
    "time_order",
]
