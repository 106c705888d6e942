"""The study file, the plan made from the data, the run folder, and the way from the one to the other."""

from hypercolumn.study.run import Run
from hypercolumn.study.study import Study, init, resume

__all__ = ["Run", "Study", "init", "resume"]
