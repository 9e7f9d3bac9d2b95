"""The trainer and what belongs to it."""
