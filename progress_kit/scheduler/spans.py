"""Which task ran where and when, in bounded memory. Pure: the times are passed in.

A million short tasks would be a million spans that nobody can see: when there are too many, neighbours on a worker are
told as one, the shortest first, so that the lanes stay true and the long tasks stay apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Final

from progress_kit.model import NAME_LENGTH, TaskState, shorten
from progress_kit.protocol.messages import Span

MOST: Final = 2_000
"""So many spans are told at most."""
_FINEST: Final = 1 / 2_000
"""Neighbours that together take less than such a part of the whole are the first to be told as one."""


@dataclass(slots=True)
class _Row:
    """One attempt of one task, or `tasks` of them in a row. Times are monotonic seconds."""

    task: str
    stage: str
    attempt: int
    start: float
    end: float
    state: TaskState
    tasks: int = 1

    def takes(self, other: "_Row", resolution_s: float) -> bool:
        """Add the one that comes next on the worker, if both are alike and short enough."""
        if (
            max(self.end, other.end) - min(self.start, other.start) > resolution_s
            or self.stage != other.stage
            or self.state != other.state
            or self.attempt != other.attempt
        ):
            return False
        self.start, self.end = min(self.start, other.start), max(self.end, other.end)
        self.tasks += other.tasks
        return True


class Timeline:
    """The spans of one operation, `most` at most, on the lanes of their workers."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lanes: dict[str, list[_Row]] = {}
        self._count = 0
        self._first, self._last = inf, -inf
        self._resolution_s = 0.0

    def __len__(self) -> int:
        return self._count

    def add(  # noqa: PLR0913, PLR0917 - the fields of a span
        self,
        task: str,
        stage: str,
        worker: str,
        attempt: int,
        start: float,
        end: float,
        state: TaskState,
        *,
        tasks: int = 1,
    ) -> None:
        """Take in one attempt, at monotonic seconds; those of one worker mostly come in the order of time.

        `tasks`: the first attempts of so many, one after the other.
        """
        self._first = min(self._first, start)
        self._last = max(self._last, end)
        row = _Row(task, stage, attempt, start, end, state, tasks)
        lane = self._lanes.get(worker)
        if lane is None:
            self._lanes[worker] = [row]
        elif self._resolution_s and lane[-1].takes(row, self._resolution_s):
            return
        else:
            lane.append(row)
        self._count += 1
        if self._count > 2 * self._most:
            self._coarsen()

    def _coarsen(self) -> None:
        """Tell neighbours as one until there are few enough again."""
        whole_s = max(self._last - self._first, 1e-9)
        while self._count > self._most and self._resolution_s < whole_s:
            self._resolution_s = max(2 * self._resolution_s, _FINEST * whole_s)
            for worker, lane in self._lanes.items():
                merged = lane[:1]
                for row in lane[1:]:
                    if not merged[-1].takes(row, self._resolution_s):
                        merged.append(row)
                self._lanes[worker] = merged
            self._count = sum(map(len, self._lanes.values()))
        if self._count > self._most:  # more workers, or more failures, than spans may be told
            longest = sorted(
                (row.start - row.end, worker, at) for worker, lane in self._lanes.items() for at, row in enumerate(lane)
            )
            kept = sorted((worker, at) for _, worker, at in longest[: self._most])
            lanes: dict[str, list[_Row]] = {}
            for worker, at in kept:
                lanes.setdefault(worker, []).append(self._lanes[worker][at])
            self._lanes, self._count = lanes, len(kept)

    def spans(self, began: float) -> Iterator[Span]:
        """Yield the spans, `most` at most, with times since `began`."""
        if self._count > self._most:
            self._coarsen()
        for worker, lane in self._lanes.items():
            lane_name = shorten(worker, NAME_LENGTH)
            for row in lane:
                name = shorten(row.task, NAME_LENGTH) if row.tasks == 1 else f"{row.tasks:,} tasks"
                start_s = max(0.0, row.start - began)
                yield Span(name, row.stage, lane_name, row.attempt, start_s, max(start_s, row.end - began), row.state)
