"""The plan: which task runs when, what is tried again, what is stopped. Stimulus in, instructions out.

Each method that tells the plan something takes the time as `now`, in monotonic seconds; `decide` then says what is to
be done. The plan does nothing itself, asks nobody and waits for nothing. It forgets a task when it has ended.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from progress_kit.errors import OperationCancelled, TaskAbandonedError, TaskTimeoutError, WorkerLostError
from progress_kit.model import TaskState
from progress_kit.scheduler.engines.base import Capabilities, Finished, Hardness, Key, Lost, Started, Succeeded
from progress_kit.scheduler.plan_deadlines import Deadlines
from progress_kit.scheduler.plan_ledger import Ledger
from progress_kit.scheduler.plan_node import Node, Parcel, Told
from progress_kit.scheduler.plan_order import Ready
from progress_kit.scheduler.plan_window import LONG_S, OVERHEAD_S, Window, predict
from progress_kit.scheduler.tally import Tally

OnError = Literal["raise", "collect", "continue"]

LONGEST_BACKOFF_S: Final = 30.0
KILL_S: Final = 1.0
"""So long it may take until the death of a worker that was killed is told."""
MOST_FAILURES: Final = 1_000
"""So many failed tasks are kept until the end."""


class Instructions:
    """What is to be done now: jobs to give to the engine, jobs to stop, jobs to give up, and tasks that have ended."""

    __slots__ = ("abandon", "run", "settled", "stop")

    def __init__(self) -> None:
        self.run: list[list[Node]] = []
        self.stop: list[tuple[Key, Hardness]] = []
        self.abandon: list[Key] = []
        self.settled: list[Node] = []


_NOTHING: Final = Instructions()


class Plan:
    """All tasks of a scheduler that have not ended.

    `workers` may be set whenever it changes. `on_error`: what a failed task means for the others. `backoff_s`: how long
    the first retry of a task waits, each further one twice as long up to half a minute. `cancel_grace_s`: how long a
    task may take to stop before it is stopped harder, and abandoned in the end.
    """

    def __init__(  # noqa: PLR0913 - all but the first by keyword
        self,
        tally: Tally,
        *,
        workers: int = 1,
        capabilities: Capabilities = Capabilities(),  # noqa: B008 - it is frozen
        on_error: OnError = "raise",
        cancel_grace_s: float = 5.0,
        backoff_s: float = 0.5,
    ) -> None:
        self.tally = tally
        self.window = Window(workers, capabilities)
        self.on_error = on_error
        self.cancel_grace_s = cancel_grace_s
        self.backoff_s = backoff_s
        self.ledger = Ledger()
        self.ready = Ready()
        self.nodes: dict[int, Node] = {}
        self.closing = False
        self.stopping: str | None = None
        """Why nothing new is begun any more."""
        self.culprit: Node | None = None
        """The failed task because of which nothing is."""
        self.hasty = False
        """Whether what was sent last will have ended before anybody could look at it."""
        self.failures: list[Node] = []
        self.failed = 0
        self._parcels = 0
        self._needy = 0
        """How many tasks wait for others that they need."""
        self._last: list[Node] = []
        self._deadlines = Deadlines()
        self._abandoned: dict[Key, tuple[Parcel, bool]] = {}
        """What was given up and has not ended, and whether it had begun."""
        self._held = 0
        """How many workers cannot be used any more because of that."""
        self._todo = Instructions()

    @property
    def workers(self) -> int:
        """How many tasks run at the same time."""
        return self.window.workers

    @workers.setter
    def workers(self, value: int) -> None:
        self.window.workers = value

    @property
    def capabilities(self) -> Capabilities:
        """What the engine can do."""
        return self.window.capabilities

    @capabilities.setter
    def capabilities(self, value: Capabilities) -> None:
        self.window.capabilities = value

    @property
    def idle(self) -> bool:
        """Whether every task has ended that there is."""
        return not self.nodes

    @property
    def busy(self) -> bool:
        """Whether the engine has something to do, and will tell of it."""
        return self._parcels > 0

    @property
    def next_deadline(self) -> float | None:
        """When `tick` should be called at the latest; None if nothing waits for a time."""
        return self._deadlines.next

    # ---------------------------------------------------------------- what it is told

    def add(self, node: Node, now: float, dependencies: Sequence[Node] = (), *, expected: bool = False) -> None:
        """There is one more task, which needs others of this plan; `expected`: the tally knows of it already."""
        group = node.group
        if not expected:
            self.tally.submitted(group.stage, node.cost)
        self.nodes[node.number] = node
        if dependencies:
            self._tie(node, dependencies)
        self.ready.rate(node)
        if group.always:
            if not dependencies:
                self._last.append(node)
                self._release_last()
                return
        elif self.stopping is not None:
            self._end(node, "cancelled", now)
            return
        elif node.cause is not None:
            self._end(node, "skipped", now)
            return
        if not node.needs:
            self.ready.push(node)

    def _tie(self, node: Node, dependencies: Sequence[Node]) -> None:
        waits_for = []
        for each in dependencies:
            if not each.ended:
                waits_for.append(each)
                if each.dependents is None:
                    each.dependents = []
                each.dependents.append(node)
            else:
                node.chain_s = max(node.chain_s, each.chain_s)
                if each.state != "succeeded" and not node.group.always:
                    node.cause = node.cause or each
        node.dependencies = tuple(waits_for)
        node.needs = len(waits_for)
        self._needy += node.needs > 0

    def close(self) -> None:
        """No more tasks come but those that tasks bring; what is to run last runs when all others have ended."""
        self.closing = True
        self._release_last()

    def started(self, event: Started, now: float) -> None:
        """A worker began a job."""
        node = self._running(event.key)
        if node is not None:
            self._begin(node, event.worker, now)

    def finished(self, event: Finished, now: float) -> None:
        """A job ended."""
        key, outcome = event.key, event.outcome
        node = self._running(key)
        if node is None or node.parcel is None:
            self._late(key)
            return
        worker = event.worker
        self._turn(node.parcel, worker, now)
        node.parcel = None
        node.duration_s = duration_s = event.duration_s
        if isinstance(outcome, Succeeded):
            node.group.pace.learn(duration_s, node.cost)
            if node.told != "timeout":
                node.value = outcome.value
                node.worker = worker
                self._over(node, "succeeded", now)
                return
        elif _is_cancellation(outcome.error, told=node.told is not None) and node.told != "timeout":
            if node.told == "elsewhere" and node.started is None:
                node.told = None
                self.ready.push(node)
                return
            node.error = outcome.error
            self._over(node, "cancelled", now)
            return
        else:
            node.error, node.traceback = outcome.error, outcome.traceback
        node.worker = worker
        if node.told == "timeout":
            node.error = self._timeout(node, node.error)
        self._failed(node, now)

    def lost(self, event: Lost, now: float) -> None:
        """A worker is gone, with jobs that it may have begun, and others that it surely had not."""
        for key in (*event.begun, *event.waiting):
            node = self._running(key)
            if node is None or node.parcel is None:
                self._late(key)
                continue
            self._turn(node.parcel, "", now, next_begins=False)
            node.parcel = None
            if node.told == "cancelled":
                self._over(node, "cancelled", now)
            elif key in event.waiting or node.told == "elsewhere":
                node.told = None
                self.ready.push(node)
            else:
                node.worker = event.worker
                lost = WorkerLostError(f"{node.name} was lost with its worker ({event.worker}): {event.reason}")
                node.error = self._timeout(node, lost) if node.told == "timeout" else lost
                self._failed(node, now)

    def cancel(self, nodes: Iterable[Node], now: float, reason: str | None = None) -> None:
        """Some tasks shall not run, or stop."""
        # What depends on others comes first, so that it is cancelled and not skipped.
        for node in sorted(nodes, key=lambda each: -each.number):
            if node.ended:
                continue
            if reason is not None and node.error is None:
                node.error = OperationCancelled(reason)
            if node.parcel is None:
                self.ready.remove(node)
                self._end(node, "cancelled", now)
            elif node.told is None:
                self._tell(node, "cancelled", now)
            elif node.told == "elsewhere":
                node.told = "cancelled"

    def stop(self, now: float, reason: str, culprit: Node | None = None) -> None:
        """All tasks shall stop but those that run whatever happens."""
        if self.stopping is None:
            self.stopping, self.culprit = reason, culprit
        self.cancel([node for node in self.nodes.values() if not node.group.always], now, reason)

    def abort(self, now: float, reason: str) -> None:
        """Nobody waits any more for anything: what has not ended is cancelled or abandoned at once."""
        self.stopping = self.stopping or reason
        for node in list(self.nodes.values()):
            if node.parcel is not None:
                node.told = "cancelled"
                self._give_up(node, now)
        self.cancel(list(self.nodes.values()), now, reason)

    def tick(self, now: float) -> None:
        """Time has passed."""
        for deadline in self._deadlines.due(now):
            node = deadline.node
            if deadline.kind == "retry":
                self.ready.push(node)
            elif deadline.kind == "timeout":
                self._tell(node, "timeout", now)
            else:
                self._escalate(node, deadline.step, now)

    # ---------------------------------------------------------------- what it says

    def decide(self, *, hold: bool = False) -> Instructions:
        """Return what is to be done by now, each thing once; `hold`: nothing can run yet."""
        if self.ready and not hold:
            self._send()
        todo = self._todo
        if not (todo.run or todo.settled or todo.stop or todo.abandon):
            return _NOTHING
        self._todo = Instructions()
        return todo

    def _send(self) -> None:
        ready, alive, window = self.ready, self.nodes.values(), self.window
        while (node := ready.peek(alive)) is not None:
            predicted_s = predict(node)
            if self._parcels >= window.parcels(predicted_s):
                return
            nodes = [ready.pop()]
            if window.short(predicted_s):
                self._fill(nodes, predicted_s or 0.0)
            parcel = Parcel(nodes)
            for each in nodes:
                each.parcel = parcel
                each.key = Key(each.number, each.attempt)
                each.started = None
            self._parcels += 1
            self.hasty = predicted_s is not None and predicted_s < LONG_S and node.group.timeout_s is None
            self._todo.run.append(nodes)

    def _fill(self, nodes: list[Node], predicted_s: float) -> None:
        """Add others to a short task."""
        ready, alive, window = self.ready, self.nodes.values(), self.window
        room_s = LONG_S - predicted_s - OVERHEAD_S
        for _ in range(window.most_together(len(ready) + 1) - 1):
            node = ready.peek(alive)
            foretold_s = None if node is None else predict(node)
            if foretold_s is None or not window.short(foretold_s):
                return
            room_s -= foretold_s + OVERHEAD_S
            if room_s < 0:
                return
            nodes.append(ready.pop())

    # ---------------------------------------------------------------- a task's way

    def _running(self, key: Key) -> Node | None:
        node = self.nodes.get(key.number)
        return node if node is not None and node.parcel is not None and node.attempt == key.attempt else None

    def _begin(self, node: Node, worker: str, now: float) -> None:
        if node.started is not None:
            return
        group = node.group
        node.state, node.worker, node.started = "running", worker, now
        self.tally.started(node.key, group.stage, node.name, worker, node.cost, now)
        if group.timeout_s is not None:
            self._deadlines.set(now + group.timeout_s, "timeout", node)

    def _turn(self, parcel: Parcel, worker: str, now: float, *, next_begins: bool = True) -> None:
        """One of a parcel has ended; the next one begins, which nobody tells of where no time depends on it."""
        parcel.left -= 1
        parcel.turn += 1
        if not parcel.left:
            self._parcels -= 1
        elif next_begins and parcel.turn < len(parcel.nodes):
            after = parcel.nodes[parcel.turn]
            if after.group.timeout_s is not None and after.parcel is parcel:
                self._begin(after, worker, now)

    def _late(self, key: Key) -> None:
        """A job has ended of which nobody waited for the end any more."""
        given_up = self._abandoned.pop(key, None)
        if given_up is not None and not self.capabilities.replaces:
            parcel, begun = given_up
            self._held -= begun
            self._turn(parcel, "", 0.0, next_begins=False)

    def _failed(self, node: Node, now: float) -> None:
        group = node.group
        again = node.attempt <= group.retries and isinstance(node.error, Exception)
        if not again or (self.stopping is not None and not group.always):
            self._over(node, "failed", now)
            return
        self._over(node, "pending", now)
        wait_s = min(self.backoff_s * 2.0 ** (node.attempt - 1), LONGEST_BACKOFF_S)
        node.attempt += 1
        node.state, node.told, node.started, node.error = "pending", None, None, None
        if wait_s > 0:
            self._deadlines.set(now + wait_s, "retry", node)
        else:
            self.ready.push(node)

    def _over(self, node: Node, state: TaskState, now: float) -> None:
        """An attempt is over; `pending` if there will be another one."""
        stage = node.group.stage
        duration_s = node.duration_s
        ran = node.started is not None or (duration_s is not None and state != "cancelled")
        if ran:
            worker = node.worker or ""
            self.tally.ended(
                node.key,
                stage,
                node.name,
                worker,
                node.cost,
                now,
                state=state,
                duration_s=duration_s,
                error=None if state == "succeeded" else node.error,
            )
            if node.started is None:
                node.started = now - (duration_s or 0.0)
            spent_s = now - node.started if duration_s is None else duration_s
            node.chain_s += spent_s
            self.ledger.add(node, spent_s, now)
        if state != "pending":
            self._end(node, state, now, told=ran)

    def _end(self, node: Node, state: TaskState, now: float, *, told: bool = False) -> None:
        """A task has ended for good, and with it what cannot be without it. `told`: the tally knows."""
        ending: list[tuple[Node, TaskState]] = [(node, state)]
        for each, final in ending:  # it grows
            if each.ended:
                continue
            if not told:
                self.tally.dropped(each.group.stage, final, each.cost)
            told = False
            each.state = final
            self._todo.settled.append(each)
            self.nodes.pop(each.number, None)
            self._needy -= each.needs > 0
            if each.dependencies and final != "succeeded":
                self.ready.outdate()  # what it needed is less urgent without it
            ending += [(dependent, "skipped") for dependent in self._untie(each)]
        if state == "failed" or (state == "abandoned" and node.told == "timeout"):
            self._count_failure(node, now)
        if self._last:
            self._release_last()

    def _untie(self, node: Node) -> Iterator[Node]:
        """Let go of a task that has ended; yield those that cannot be without it."""
        dependents, node.dependents, node.dependencies = node.dependents, None, ()
        for each in dependents or ():
            if each.ended:
                continue
            each.needs -= 1
            self._needy -= not each.needs
            each.chain_s = max(each.chain_s, node.chain_s)
            if node.state != "succeeded" and not each.group.always:
                each.cause = each.cause or node
                yield each
            elif not each.needs and each.cause is None:
                self.ready.push(each)

    def _count_failure(self, node: Node, now: float) -> None:
        self.failed += 1
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(node)
        if self.on_error == "raise" and self.stopping is None:
            self.stop(now, f"{node.name} failed", node)

    def _release_last(self) -> None:
        if not self.closing:
            return
        last = [node for node in self._last if not node.ended]
        # Others may need one of these.
        if len(self.nodes) == len(last) + self._needy:
            self._last = []
            for node in last:
                self.ready.push(node)

    # ---------------------------------------------------------------- stopping what runs

    def _tell(self, node: Node, why: Told, now: float) -> None:
        node.told = why
        self._todo.stop.append((node.key, "soft"))
        self._escalate_at(node, 1, now)

    def _escalate_at(self, node: Node, step: int, now: float) -> None:
        """Look again when it has had its time: the harder ways share the grace, the last one comes at its end."""
        ways = max(1, len(self.capabilities.stops))
        wait_s = self.cancel_grace_s / max(1, ways - 1)
        if 1 < ways <= step:
            wait_s = KILL_S
        self._deadlines.set(now + wait_s, "escalate", node, step)

    def _escalate(self, node: Node, step: int, now: float) -> None:
        stops = self.capabilities.stops
        if step < len(stops):
            self._todo.stop.append((node.key, stops[step]))
            self._escalate_at(node, step + 1, now)
        else:
            self._give_up(node, now)

    def _give_up(self, node: Node, now: float) -> None:
        """Nobody waits for a job any more; one that has not begun by now never will, it was told so."""
        self._let_go(node, now)
        if node.told == "timeout":
            node.error = self._timeout(node, None)
        elif node.started is None:
            self._over(node, "cancelled", now)
            return
        else:
            node.error = TaskAbandonedError(
                f"{node.name} was told to stop and did not; it may still be running ({node.worker})"
            )
        self._over(node, "abandoned", now)
        if self._held >= self.workers:
            self._stuck(now)

    def _let_go(self, node: Node, now: float) -> None:
        parcel, node.parcel = node.parcel, None
        assert parcel is not None
        begun = node.started is not None
        self._todo.abandon.append(node.key)
        self._abandoned[node.key] = parcel, begun
        if self.capabilities.replaces:
            self._turn(parcel, "", now, next_begins=False)
            for each in parcel.nodes:
                if each.parcel is parcel and each.told is None and each.started is None:
                    self._tell(each, "elsewhere", now)
        else:
            self._held += begun

    def _stuck(self, now: float) -> None:
        """No worker is left: every one is held by a task that ignores it when it is told to stop."""
        for node in sorted(self.nodes.values(), key=lambda each: -each.number):
            if node.ended or node.started is not None:
                continue
            self.ready.remove(node)
            if node.parcel is not None:
                self._todo.stop.append((node.key, "soft"))
                self._let_go(node, now)
            node.error = WorkerLostError(
                f"{node.name} cannot run: every worker is held by a task that was told to stop and did not"
            )
            self._end(node, "failed", now)

    @staticmethod
    def _timeout(node: Node, cause: BaseException | None) -> TaskTimeoutError:
        error = TaskTimeoutError(f"{node.name} took longer than {node.group.timeout_s:g} s (attempt {node.attempt})")
        error.__cause__ = cause if not isinstance(cause, OperationCancelled) else None
        return error


def _is_cancellation(error: BaseException, *, told: bool) -> bool:
    """Whether a job ended because it was told to stop."""
    if isinstance(error, OperationCancelled):
        return True
    return told and (isinstance(error, KeyboardInterrupt) or type(error).__name__ in {"CancelledError", "Cancelled"})
