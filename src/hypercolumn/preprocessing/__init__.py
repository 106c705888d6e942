"""Deterministic steps before a network: fitted on training records, applied to any sample, saved with the run."""

from hypercolumn.preprocessing.harmonisation import Harmonisation, fit_harmonisation
from hypercolumn.preprocessing.normalization import SAMPLED, Normalization, fit_normalization

__all__ = ["SAMPLED", "Harmonisation", "Normalization", "fit_harmonisation", "fit_normalization"]
