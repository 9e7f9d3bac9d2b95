"""What was done so far, as the report at the end tells it: in bounded memory, whatever the number of tasks."""

from collections.abc import Sequence
from heapq import heappush, heappushpop
from typing import Final, NamedTuple

from progress_kit.scheduler.plan_node import Node

SLOWEST: Final = 10


class Slow(NamedTuple):
    """One of the attempts that took longest."""

    duration_s: float
    number: int
    attempt: int
    name: str
    stage: str
    worker: str
    cost: float | None


class Lane:
    """What one worker did."""

    __slots__ = ("busy_s", "tasks")

    def __init__(self) -> None:
        self.tasks: int = 0
        self.busy_s: float = 0.0


class Ledger:
    """Durations of all attempts that ran, by worker; the slowest of them; the longest chain of dependencies."""

    def __init__(self) -> None:
        self.lanes: dict[str, Lane] = {}
        self.first: float | None = None
        self.last: float | None = None
        self.busy_s: float = 0.0
        self.chain_s: float = 0.0
        self.attempts: int = 0
        self._slowest: list[Slow] = []

    def add(self, node: Node, spent_s: float, now: float) -> None:
        """Take in an attempt that has ended."""
        began = now - spent_s if node.started is None else min(node.started, now - spent_s)
        if self.first is None or began < self.first:
            self.first = began
        self.last = now
        self.attempts += 1
        self.busy_s += spent_s
        self.chain_s = max(self.chain_s, node.chain_s)
        lane = self.lanes.get(node.worker or "")
        if lane is None:
            lane = self.lanes[node.worker or ""] = Lane()
        lane.tasks += 1
        lane.busy_s += spent_s
        slowest = self._slowest
        if len(slowest) < SLOWEST:
            heappush(slowest, self._slow(node, spent_s))
        elif spent_s > slowest[0].duration_s:
            heappushpop(slowest, self._slow(node, spent_s))

    def add_short(self, nodes: Sequence[Node], worker: str, spent_s: float, now: float) -> None:
        """Take in the only attempts of short tasks, one after the other on a worker, which took `spent_s` together."""
        self.first = now - spent_s if self.first is None else min(self.first, now - spent_s)
        self.last = now
        self.attempts += len(nodes)
        self.busy_s += spent_s
        lane = self.lanes.get(worker)
        if lane is None:
            lane = self.lanes[worker] = Lane()
        lane.tasks += len(nodes)
        lane.busy_s += spent_s
        slowest = self._slowest
        for node in nodes:
            self.chain_s = max(self.chain_s, node.chain_s)
            duration_s = node.duration_s or 0.0
            if len(slowest) < SLOWEST:
                heappush(slowest, self._slow(node, duration_s))
            elif duration_s > slowest[0].duration_s:
                heappushpop(slowest, self._slow(node, duration_s))

    @property
    def slowest(self) -> list[Slow]:
        """The attempts that took longest, the longest first."""
        return sorted(self._slowest, reverse=True)

    @staticmethod
    def _slow(node: Node, spent_s: float) -> Slow:
        return Slow(spent_s, node.number, node.attempt, node.name, node.stage, node.worker or "", node.cost)
