"""Audits: one defect a file, (cohort, split, what was found) -> findings. "Passed" and "not checked" are answers too.

An audit judges; it reads no file, trains nothing and repairs nothing.
"""

from hypercolumn.audit.duplicates import duplicates
from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.lineage import leakage, lineage
from hypercolumn.audit.not_checked import not_checked
from hypercolumn.data.similarity import large_clusters

__all__ = ["Finding", "Severity", "duplicates", "large_clusters", "leakage", "lineage", "not_checked"]
