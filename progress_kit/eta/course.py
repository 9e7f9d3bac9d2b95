"""The course of one stage so far: what was done when, at evenly spaced times, however long it lasts."""

from typing import Final

from progress_kit.eta.work import Sums

CELLS: Final = 256
"""So many times are remembered at most; when there are more, every second one is forgotten."""

Cell = tuple[float, ...]
"""What was done at one time: the items, then the sums of costs."""


class Course:
    """What one stage has done over its own time, which stands still while the stage is paused or another one runs.

    `spacing_s` is the time between two of the `cells`; between two movements the progress is taken as even. `spread_s`
    tells how unevenly it moves: the variance of the time it takes is `spread_s` per second, for every measure of cost
    and for the items, which are the first.
    """

    __slots__ = ("_sums", "cells", "first", "first_s", "here", "moved_s", "moves", "now_s", "spacing_s")

    def __init__(self, width: int) -> None:
        self.cells: list[Cell] = [(0.0,) * width]
        self.here: Cell = self.cells[0]
        self.spacing_s = 0.0
        self.now_s = self.moved_s = 0.0
        self.moves = 0
        self.first: Cell = self.here
        self.first_s = 0.0
        self._sums = [[0.0, 0.0, 0.0] for _ in range(width)]

    def wait(self, seconds: float) -> None:
        """Let time of the stage pass."""
        self.now_s += seconds

    def see(self, items: float, costs: Sums = ()) -> None:
        """Take in what is done now; not less than before."""
        passed_s = self.now_s - self.moved_s
        if items <= self.here[0] or passed_s <= 0:
            return
        there = (items, *costs)
        for sums, before, after in zip(self._sums, self.here, there, strict=True):
            step = after - before
            sums[0] += passed_s * passed_s
            sums[1] += passed_s * step
            sums[2] += step * step
        self.moves += 1
        if not self.spacing_s:
            self.first, self.first_s = there, self.now_s
            self.spacing_s = max(self.now_s / 4, 1e-200)
        self._fill(there, passed_s)
        self.moved_s, self.here = self.now_s, there

    def _fill(self, there: Cell, passed_s: float) -> None:
        cells = self.cells
        # However long it has stood still, only as many times are filled in as can be remembered.
        while self.now_s > 2 * CELLS * self.spacing_s:
            del cells[1::2]
            self.spacing_s *= 2
        while len(cells) * self.spacing_s <= self.now_s:
            share = (len(cells) * self.spacing_s - self.moved_s) / passed_s
            share = min(1.0, max(0.0, share))
            cells.append(tuple([a + (b - a) * share for a, b in zip(self.here, there, strict=True)]))
            if len(cells) > CELLS:
                del cells[1::2]
                self.spacing_s *= 2

    def spreads(self) -> list[float]:
        """Return how unevenly it has moved, in seconds, by items and by each exponent of the cost."""
        found = []
        for (times, both, steps), done in zip(self._sums, self.here, strict=True):
            pace_s = self.moved_s / done if done > 0 else 0.0
            found.append(max(0.0, times - 2 * both * pace_s + steps * pace_s * pace_s) / max(self.moved_s, 1e-300))
        return found
