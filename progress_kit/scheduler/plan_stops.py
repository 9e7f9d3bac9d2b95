"""How tasks are stopped that run: asked first, then harder where the engine can, and given up at last.

A part of the plan, which alone changes the states of tasks.
"""

from typing import TYPE_CHECKING, Final

from progress_kit.errors import OperationCancelled, TaskAbandonedError, TaskTimeoutError, WorkerLostError
from progress_kit.scheduler.engines.base import Key
from progress_kit.scheduler.plan_node import Node, Parcel, Told

if TYPE_CHECKING:
    from progress_kit.scheduler.plan import Plan

KILL_S: Final = 1.0
"""So long it may take until the death of a worker that was killed is told."""


class Stops:
    """What was asked to stop, and what was given up."""

    def __init__(self, plan: "Plan") -> None:
        self._plan = plan
        self._abandoned: dict[Key, tuple[Parcel, bool]] = {}
        """What was given up and has not ended, and whether it had begun."""
        self._held = 0
        """How many workers cannot be used any more because of that."""

    def ask(self, node: Node, why: Told, now: float) -> None:
        """Ask a task that runs, or will, to stop."""
        node.told = why
        self._plan.todo.stop.append((node.key, "soft"))
        self._escalate_at(node, 1, now)

    def _escalate_at(self, node: Node, step: int, now: float) -> None:
        """Look again when it has had its time: the harder ways share the grace, the last one comes at its end."""
        ways = max(1, len(self._plan.capabilities.stops))
        wait_s = self._plan.cancel_grace_s / max(1, ways - 1)
        if 1 < ways <= step:
            wait_s = KILL_S
        self._plan.deadlines.set(now + wait_s, "escalate", node, step)

    def escalate(self, node: Node, step: int, now: float) -> None:
        """It has had its time: stop it in the next harder way, or give it up."""
        stops = self._plan.capabilities.stops
        if step < len(stops):
            self._plan.todo.stop.append((node.key, stops[step]))
            self._escalate_at(node, step + 1, now)
        else:
            self.give_up(node, now)

    def give_up(self, node: Node, now: float) -> None:
        """Nobody waits for a job any more; one that has not begun by now never will, it was told so."""
        self._let_go(node, now)
        if node.told == "timeout":
            node.error = timed_out(node, None)
        elif node.started is None:
            self._plan.over(node, "cancelled", now)
            return
        else:
            node.error = TaskAbandonedError(
                f"{node.name} was told to stop and did not; it may still be running ({node.worker})"
            )
        self._plan.over(node, "abandoned", now)
        if self._held >= self._plan.workers:
            self._stuck(now)

    def _let_go(self, node: Node, now: float) -> None:
        parcel, node.parcel = node.parcel, None
        assert parcel is not None
        begun = node.started is not None
        self._plan.todo.abandon.append(node.key)
        self._abandoned[node.key] = parcel, begun
        if self._plan.capabilities.replaces:
            self._plan.parcels.turn(parcel, "", now, next_begins=False)
            for each in parcel.nodes:
                if each.parcel is parcel and each.told is None and each.started is None:
                    self.ask(each, "elsewhere", now)
        else:
            self._held += begun

    def _stuck(self, now: float) -> None:
        """No worker is left: every one is held by a task that ignores it when it is told to stop."""
        for node in sorted(self._plan.nodes.values(), key=lambda each: -each.number):
            if node.ended or node.started is not None:
                continue
            self._plan.ready.remove(node)
            if node.parcel is not None:
                self._plan.todo.stop.append((node.key, "soft"))
                self._let_go(node, now)
            node.error = WorkerLostError(
                f"{node.name} cannot run: every worker is held by a task that was told to stop and did not"
            )
            self._plan.end(node, "failed", now)

    def late(self, key: Key) -> None:
        """A job has ended of which nobody waited for the end any more."""
        given_up = self._abandoned.pop(key, None)
        if given_up is not None and not self._plan.capabilities.replaces:
            parcel, begun = given_up
            self._held -= begun
            self._plan.parcels.turn(parcel, "", 0.0, next_begins=False)


def timed_out(node: Node, cause: BaseException | None) -> TaskTimeoutError:
    """Return the error of a task that took too long."""
    error = TaskTimeoutError(f"{node.name} took longer than {node.group.timeout_s:g} s (attempt {node.attempt})")
    error.__cause__ = cause if not isinstance(cause, OperationCancelled) else None
    return error


def is_cancellation(error: BaseException, *, told: bool) -> bool:
    """Whether a job ended because it was told to stop."""
    if isinstance(error, OperationCancelled):
        return True
    return told and (isinstance(error, KeyboardInterrupt) or type(error).__name__ in {"CancelledError", "Cancelled"})
