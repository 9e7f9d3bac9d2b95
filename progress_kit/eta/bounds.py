"""Numbers that are fit for reckoning."""

from typing import Final

LEAST: Final = 1e-30
MOST: Final = 1e30
"""Seconds, counts, costs and weights below and above these are taken as nothing, and as these."""


def number(value: float) -> float:
    """Return `value` within bounds; 0 for what is no number, or negative."""
    return MOST if value > MOST else float(value) if value >= LEAST else 0.0
