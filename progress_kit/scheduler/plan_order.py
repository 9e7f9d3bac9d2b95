"""In which order tasks run that could: by priority, then by upward rank, then by the order of their submission.

The upward rank of a task is the cost of the most expensive way from it to the end: its own and that of what depends on
it. Without dependencies that is the longest task first. A task of unknown cost is taken for the largest known one.
"""

from collections.abc import Collection
from heapq import heapify, heappop, heappush
from typing import Final

from progress_kit.scheduler.plan_node import Node

_STEPS: Final = 64
"""So many ranks are raised at once when a task is added; where there are more, all are made anew later."""


class Ready:
    """The tasks that could run now, best first, and the ranks of all that have not ended."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, float, int, Node]] = []
        self._length = 0
        self._largest: float | None = None
        self._unknown = False
        self._stale = False
        self._looks = 0

    def __len__(self) -> int:
        return self._length

    def cost(self, node: Node) -> float:
        """Return what a task counts with."""
        if node.cost is None:
            return 1.0 if self._largest is None else self._largest
        return node.cost

    def rate(self, node: Node) -> None:
        """Give a new task its rank, and what it needs a higher one."""
        if node.cost is None:
            self._unknown = True
        elif self._largest is None or node.cost > self._largest:
            self._largest = node.cost
            self._stale = self._stale or self._unknown
        node.rank = self.cost(node)
        raised, steps = [node], 0
        while raised:
            current = raised.pop()
            for each in current.dependencies:
                rank = self.cost(each) + current.rank
                if rank > each.rank:
                    each.rank = rank
                    if each.queued:
                        self._enter(each)
                    raised.append(each)
                    steps += 1
            if steps > _STEPS:
                self._stale = True
                return

    def outdate(self) -> None:
        """Make all ranks anew before long."""
        self._stale = True

    def push(self, node: Node) -> None:
        """Take in a task that could run now."""
        node.queued = True
        self._length += 1
        self._enter(node)

    def remove(self, node: Node) -> None:
        """Take out a task that shall not run now."""
        if node.queued:
            node.queued = False
            self._length -= 1

    def peek(self, alive: Collection[Node]) -> Node | None:
        """Return the task that is next; `alive` are all that have not ended, for ranks that are out of date."""
        if self._stale:
            self._refresh(alive)
        heap = self._heap
        while heap:
            node = heap[0][3]
            if node.queued and -heap[0][1] == node.rank:
                return node
            heappop(heap)  # it is not waiting any more, or its rank is higher by now and it stands elsewhere
        return None

    def pop(self) -> Node:
        """Return the task that `peek` has shown, and take it out."""
        node = heappop(self._heap)[3]
        node.queued = False
        self._length -= 1
        return node

    def in_order(self) -> list[Node]:
        """Return the tasks that could run now, in their order."""
        queued = {node.number: node for _, _, _, node in self._heap if node.queued}
        return sorted(queued.values(), key=lambda node: (-node.group.priority, -node.rank, node.number))

    def _enter(self, node: Node) -> None:
        heappush(self._heap, (-node.group.priority, -node.rank, node.number, node))

    def _refresh(self, alive: Collection[Node]) -> None:
        """Make all ranks anew, though not at each look where there are many: that would cost more than it is worth."""
        self._looks += 1
        if self._looks * 16 < len(alive):
            return
        self._looks, self._stale = 0, False
        nodes = list(alive)
        for node in nodes:
            node.rank = self.cost(node)
        for node in sorted(nodes, key=lambda each: -each.number):
            # What depends on it has a higher number, so that its own rank is right by now.
            for each in node.dependencies:
                each.rank = max(each.rank, self.cost(each) + node.rank)
        queued = {node.number: node for _, _, _, node in self._heap if node.queued}
        self._heap = [(-node.group.priority, -node.rank, node.number, node) for node in queued.values()]
        heapify(self._heap)
