"""What happens at some time to an attempt, if nothing has happened to it by then."""

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Literal, NamedTuple

from progress_kit.scheduler.plan_node import Node

Kind = Literal["retry", "timeout", "escalate"]


class Deadline(NamedTuple):
    """`step` says how far a task was on the way of being stopped."""

    at: float
    order: int
    kind: Kind
    node: Node
    attempt: int
    step: int


class Deadlines:
    """The earliest one first; those that mean nothing any more are forgotten when their turn comes."""

    def __init__(self) -> None:
        self._heap: list[Deadline] = []
        self._order = 0

    @property
    def next(self) -> float | None:
        """When the next one is; None without any."""
        heap = self._heap
        while heap and not _means(heap[0]):
            heappop(heap)
        return heap[0].at if heap else None

    def set(self, at: float, kind: Kind, node: Node, step: int = 0) -> None:
        """Remember one for the attempt that a task is at."""
        self._order += 1
        heappush(self._heap, Deadline(at, self._order, kind, node, node.attempt, step))

    def due(self, now: float) -> Iterator[Deadline]:
        """Yield those whose time has come, and forget them."""
        while self._heap and self._heap[0].at <= now:
            deadline = heappop(self._heap)
            if _means(deadline):
                yield deadline


def _means(deadline: Deadline) -> bool:
    node = deadline.node
    if node.ended or node.attempt != deadline.attempt:
        return False
    if deadline.kind == "retry":
        return node.parcel is None and not node.queued
    return node.parcel is not None and (node.told is None) == (deadline.kind == "timeout")
