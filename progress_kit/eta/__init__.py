"""When an operation is done. Everything here is pure: the time is passed in."""

from progress_kit.eta.estimator import Estimator
from progress_kit.eta.learning import StageRun, course_of, learn, quantiles
from progress_kit.eta.pool import Pool, Running
from progress_kit.eta.work import EXPONENTS, CostSums, Work

__all__ = [
    "EXPONENTS",
    "CostSums",
    "Estimator",
    "Pool",
    "Running",
    "StageRun",
    "Work",
    "course_of",
    "learn",
    "quantiles",
]
