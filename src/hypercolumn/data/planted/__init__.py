"""Planted cohorts: tables and arrays with one flaw of known size, and the truth beside them; size 0 is the clean twin.

They are the test bench of the audits: what an audit finds at which size, and what it takes for found where nothing is.
Cohorts of files in a folder are written by `images`, `signals`, `volumes` and `sequences`, of the patients that
`patients` draws.
"""

from hypercolumn.data.planted.groups import PlantedSite, PlantedSlice, plant_site, plant_slice
from hypercolumn.data.planted.leakage import (
    PlantedBleed,
    PlantedCopies,
    PlantedShortcut,
    plant_copies,
    plant_patient_bleed,
    plant_shortcut,
)
from hypercolumn.data.planted.noise import PlantedNoise, plant_noise, plant_raters

__all__ = [
    "PlantedBleed",
    "PlantedCopies",
    "PlantedNoise",
    "PlantedShortcut",
    "PlantedSite",
    "PlantedSlice",
    "plant_copies",
    "plant_noise",
    "plant_patient_bleed",
    "plant_raters",
    "plant_shortcut",
    "plant_site",
    "plant_slice",
]
