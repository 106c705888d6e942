"""Cohorts made from equations, written as files: their truth is known exactly, and nobody's data is in them."""

from hypercolumn.data.simulated.micrographs import simulate_micrographs

__all__ = ["simulate_micrographs"]
