"""What is with the engine: which tasks are given to it now, which of them travel together, whose turn it is there.

A part of the plan, which alone changes the states of tasks.
"""

from typing import TYPE_CHECKING

from progress_kit.scheduler.engines.base import Key
from progress_kit.scheduler.plan_node import Node, Parcel
from progress_kit.scheduler.plan_window import LONG_S, OVERHEAD_S, Window, predict

if TYPE_CHECKING:
    from progress_kit.scheduler.plan import Plan


class Parcels:
    """The parcels that have not come to their ends; `window` says how many there should be."""

    def __init__(self, plan: "Plan", window: Window) -> None:
        self._plan = plan
        self._window = window
        self.out: int = 0
        """How many there are."""
        self.hasty: bool = False
        """Whether what was sent last will have ended before anybody could look at it."""

    def send(self) -> None:
        """Give the engine what it should have by now."""
        plan, window = self._plan, self._window
        ready, alive = plan.ready, plan.nodes.values()
        least = True
        while (node := ready.peek(alive)) is not None:
            predicted_s = predict(node)
            most = window.parcels(predicted_s)
            # Where many are on their way, it is cheaper to send some at a time than each one as another one returns.
            if self.out >= (most if not least else window.enough(most, predicted_s)):
                return
            least = False
            nodes = [ready.pop()]
            if window.short(predicted_s):
                self._fill(nodes, predicted_s or 0.0)
            parcel = Parcel(nodes)
            for each in nodes:
                each.parcel = parcel
                each.key = Key(each.number, each.attempt)
                each.started = None
            self.out += 1
            self.hasty = predicted_s is not None and predicted_s < LONG_S and node.group.timeout_s is None
            plan.todo.run.append(nodes)

    def _fill(self, nodes: list[Node], predicted_s: float) -> None:
        """Add others to a short task."""
        plan, window = self._plan, self._window
        ready, alive = plan.ready, plan.nodes.values()
        room_s = LONG_S - predicted_s - OVERHEAD_S
        like, foretold_s = nodes[0], predicted_s
        for _ in range(window.most_together(len(ready) + 1) - 1):
            node = ready.peek(alive)
            if node is None:
                return
            if node.group is not like.group or node.cost != like.cost:
                like, found_s = node, predict(node)
                if found_s is None or not window.short(found_s):
                    return
                foretold_s = found_s
            room_s -= foretold_s + OVERHEAD_S
            if room_s < 0:
                return
            nodes.append(ready.pop())

    def turn(self, parcel: Parcel, worker: str, now: float, *, next_begins: bool = True) -> None:
        """One of a parcel has ended; the next one begins, which nobody tells of where no time depends on it."""
        parcel.left -= 1
        parcel.turn += 1
        if not parcel.left:
            self.out -= 1
        elif next_begins and parcel.turn < len(parcel.nodes):
            after = parcel.nodes[parcel.turn]
            if after.group.timeout_s is not None and after.parcel is parcel:
                self._plan.begin(after, worker, now)
