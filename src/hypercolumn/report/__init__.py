"""Findings and figures into one HTML page that says first whether a score can be believed.

A report computes nothing: it takes a `ReportContent` full of numbers, words and small arrays, and lays it out.
"""

from hypercolumn.report.content import (
    Agreement,
    Baseline,
    Case,
    CertificateSummary,
    Characteristic,
    Characteristics,
    Check,
    Choice,
    Confusion,
    Curve,
    Excluded,
    Fact,
    Flow,
    FlowStep,
    Forest,
    Gallery,
    Light,
    OperatingCurve,
    Pair,
    Reliability,
    ReportContent,
    Reproduction,
    ScoreRow,
    State,
)
from hypercolumn.report.files import write
from hypercolumn.report.page import render

__all__ = [
    "Agreement",
    "Baseline",
    "Case",
    "CertificateSummary",
    "Characteristic",
    "Characteristics",
    "Check",
    "Choice",
    "Confusion",
    "Curve",
    "Excluded",
    "Fact",
    "Flow",
    "FlowStep",
    "Forest",
    "Gallery",
    "Light",
    "OperatingCurve",
    "Pair",
    "Reliability",
    "ReportContent",
    "Reproduction",
    "ScoreRow",
    "State",
    "render",
    "write",
]
