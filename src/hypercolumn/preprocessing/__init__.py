"""Deterministic steps before a network: fitted on training records, applied to any sample, saved with the run."""

from hypercolumn.preprocessing.normalization import Normalization, fit_normalization

__all__ = ["Normalization", "fit_normalization"]
