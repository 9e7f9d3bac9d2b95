"""When an operation is done. Everything here is pure: the time is passed in."""

from progress_kit.eta.rate import Estimates, RateEstimator

__all__ = ["Estimates", "RateEstimator"]
