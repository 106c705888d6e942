"""Who is in the study and what their files hold: manifest, lineage, readers, near-duplicates, splits, windows.

Nothing here needs torch: a cohort can be checked in a blink, on a laptop.
"""

from hypercolumn.data.certificate import Certificate, certify, verify
from hypercolumn.data.cohort import LEVELS, Cohort, Columns
from hypercolumn.data.geojson import write_geojson
from hypercolumn.data.inspection import Inspection, inspect_files
from hypercolumn.data.instance_map import InstanceCheck, check_instances, separated
from hypercolumn.data.label_tiff import write_labels
from hypercolumn.data.measuring import measure_objects
from hypercolumn.data.objects import Objects
from hypercolumn.data.outlines import Polygon, RunLength
from hypercolumn.data.readers import (
    LIMIT_BYTES,
    Header,
    OpenedImage,
    channel_groups,
    opened_image,
    read_header,
    read_image,
    read_labels,
    read_region,
    within,
)
from hypercolumn.data.readers.annotations import read_coco, read_geojson, read_objects, read_voc
from hypercolumn.data.regions import by_region, correlation_length
from hypercolumn.data.sample import Sample
from hypercolumn.data.similarity import Pair, Similarity, find_copies, find_duplicates, large_clusters
from hypercolumn.data.split import GENERALISES_TO, SIDES, Box, Fold, Piece, Split
from hypercolumn.data.split_document import split_from_dict, split_to_dict
from hypercolumn.data.splitting import hold_out, k_folds, leave_one_site_out
from hypercolumn.data.table import read_table
from hypercolumn.data.target import (
    ClassTarget,
    GradeTarget,
    InstancesTarget,
    LabelsTarget,
    MaskTarget,
    NumberTarget,
    Target,
)
from hypercolumn.data.tracing import traced
from hypercolumn.data.units import units_of
from hypercolumn.data.verification import verify_split
from hypercolumn.data.windows import Window, WindowGrid

__all__ = [
    "GENERALISES_TO",
    "LEVELS",
    "LIMIT_BYTES",
    "SIDES",
    "Box",
    "Certificate",
    "ClassTarget",
    "Cohort",
    "Columns",
    "Fold",
    "GradeTarget",
    "Header",
    "Inspection",
    "InstanceCheck",
    "InstancesTarget",
    "LabelsTarget",
    "MaskTarget",
    "NumberTarget",
    "Objects",
    "OpenedImage",
    "Pair",
    "Piece",
    "Polygon",
    "RunLength",
    "Sample",
    "Similarity",
    "Split",
    "Target",
    "Window",
    "WindowGrid",
    "by_region",
    "certify",
    "channel_groups",
    "check_instances",
    "correlation_length",
    "find_copies",
    "find_duplicates",
    "hold_out",
    "inspect_files",
    "k_folds",
    "large_clusters",
    "leave_one_site_out",
    "measure_objects",
    "opened_image",
    "read_coco",
    "read_geojson",
    "read_header",
    "read_image",
    "read_labels",
    "read_objects",
    "read_region",
    "read_table",
    "read_voc",
    "separated",
    "split_from_dict",
    "split_to_dict",
    "traced",
    "units_of",
    "verify",
    "verify_split",
    "within",
    "write_geojson",
    "write_labels",
]
