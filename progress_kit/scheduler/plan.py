"""The plan: which task runs when, what is tried again, what is stopped. Stimulus in, instructions out.

Each method that tells the plan something takes the time as `now`, in monotonic seconds; `decide` then says what is to
be done. The plan does nothing itself, asks nobody and waits for nothing. It forgets a task when it has ended.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from progress_kit.errors import OperationCancelled, WorkerLostError
from progress_kit.model import TaskState
from progress_kit.scheduler.engines.base import Capabilities, Finished, Key, Lost, Started, Succeeded
from progress_kit.scheduler.plan_deadlines import Deadlines
from progress_kit.scheduler.plan_ledger import Ledger
from progress_kit.scheduler.plan_node import Instructions, Node
from progress_kit.scheduler.plan_order import Ready
from progress_kit.scheduler.plan_parcels import Parcels
from progress_kit.scheduler.plan_stops import Stops, is_cancellation, timed_out
from progress_kit.scheduler.plan_window import SHORT_S, Window
from progress_kit.scheduler.tally import Tally

OnError = Literal["raise", "collect", "continue"]

LONGEST_BACKOFF_S: Final = 30.0
MOST_FAILURES: Final = 1_000
"""So many failed tasks are kept until the end."""


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
        self.window: Window = Window(workers, capabilities)
        self.on_error = on_error
        self.cancel_grace_s = cancel_grace_s
        self.backoff_s = backoff_s
        self.ledger: Ledger = Ledger()
        self.ready: Ready = Ready()
        self.nodes: dict[int, Node] = {}
        self.stopping: str | None = None
        """Why nothing new is begun any more."""
        self.culprit: Node | None = None
        """The failed task because of which nothing is."""
        self.failures: list[Node] = []
        self.failed: int = 0
        self._needy = 0
        """How many tasks wait for others that they need."""
        self._last: list[Node] = []
        self.deadlines: Deadlines = Deadlines()
        self.todo: Instructions = Instructions()
        self.stops: Stops = Stops(self)
        self.parcels: Parcels = Parcels(self, self.window)

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
    def closing(self) -> bool:
        """Whether no more tasks come but those that tasks bring."""
        return self.tally.closed

    @property
    def idle(self) -> bool:
        """Whether every task has ended that there is."""
        return not self.nodes

    @property
    def busy(self) -> bool:
        """Whether the engine has something to do, and will tell of it."""
        return self.parcels.out > 0

    @property
    def hasty(self) -> bool:
        """Whether what was sent last will have ended before anybody could look at it."""
        return self.parcels.hasty

    @property
    def next_deadline(self) -> float | None:
        """When `tick` should be called at the latest; None if nothing waits for a time."""
        return self.deadlines.next

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
            self.end(node, "cancelled", now)
            return
        elif node.cause is not None:
            self.end(node, "skipped", now)
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
        self.tally.close()
        self._release_last()

    def started(self, event: Started, now: float) -> None:
        """A worker began a job."""
        node = self._running(event.key)
        if node is not None:
            self.begin(node, event.worker, now)

    def finished(self, event: Finished, now: float) -> None:
        """A job ended."""
        key, outcome = event.key, event.outcome
        node = self._running(key)
        if node is None or node.parcel is None:
            self.stops.late(key)
            return
        worker = event.worker
        self.parcels.turn(node.parcel, worker, now)
        node.parcel = None
        node.duration_s = duration_s = event.duration_s
        if isinstance(outcome, Succeeded):
            node.group.pace.learn(duration_s, node.cost)
            if node.told != "timeout":
                node.value = outcome.value
                node.worker = worker
                self.over(node, "succeeded", now)
                return
        elif is_cancellation(outcome.error, told=node.told is not None) and node.told != "timeout":
            if node.told == "elsewhere" and node.started is None:
                node.told = None
                self.ready.push(node)
                return
            node.error = outcome.error
            self.over(node, "cancelled", now)
            return
        else:
            node.error, node.traceback = outcome.error, outcome.traceback
        node.worker = worker
        if node.told == "timeout":
            node.error = timed_out(node, node.error)
        self._failed(node, now)

    def finished_together(self, events: Sequence[Finished], now: float) -> None:
        """Jobs ended, and are told of together; what is as usual, short ones that succeeded, is counted at once."""
        nodes: list[Node] = []
        total_s = 0.0
        worker = ""
        for event in events:
            node = self.nodes.get(event.key[0])
            duration_s = event.duration_s
            if (
                node is None
                or node.parcel is None
                or node.attempt != event.key[1]
                or node.told is not None
                or node.started is not None
                or node.cost is not None
                or duration_s >= SHORT_S
                or type(event.outcome) is not Succeeded
            ):
                self.finished(event, now)
                continue
            if nodes and (node.group is not nodes[0].group or event.worker != worker):
                self._count(nodes, worker, total_s, now)
                nodes, total_s = [], 0.0
            worker = node.worker = event.worker
            self.parcels.turn(node.parcel, worker, now)
            node.parcel = None
            node.duration_s = duration_s
            node.value = event.outcome.value
            node.chain_s += duration_s
            total_s += duration_s
            nodes.append(node)
            if node.dependents or self._last:
                self.end(node, "succeeded", now, told=True)
            else:
                node.state = "succeeded"
                del self.nodes[node.number]
                self.todo.settled.append(node)
        if nodes:
            self._count(nodes, worker, total_s, now)

    def _count(self, nodes: list[Node], worker: str, total_s: float, now: float) -> None:
        """Some short tasks of one group have succeeded on a worker, one after the other."""
        first = nodes[0]
        group = first.group
        group.pace.learn(total_s / len(nodes), None, len(nodes))
        self.tally.succeeded(group.stage, first.name, worker, now - total_s, now, count=len(nodes))
        self.ledger.add_short(nodes, worker, total_s, now)

    def lost(self, event: Lost, now: float) -> None:
        """A worker is gone, with jobs that it may have begun, and others that it surely had not."""
        for key in (*event.begun, *event.waiting):
            node = self._running(key)
            if node is None or node.parcel is None:
                self.stops.late(key)
                continue
            self.parcels.turn(node.parcel, "", now, next_begins=False)
            node.parcel = None
            if node.told == "cancelled":
                self.over(node, "cancelled", now)
            elif key in event.waiting or node.told == "elsewhere":
                node.told = None
                self.ready.push(node)
            else:
                node.worker = event.worker
                lost = WorkerLostError(f"{node.name} was lost with its worker ({event.worker}): {event.reason}")
                node.error = timed_out(node, lost) if node.told == "timeout" else lost
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
                self.end(node, "cancelled", now)
            elif node.told is None:
                self.stops.ask(node, "cancelled", now)
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
                self.stops.give_up(node, now)
        self.cancel(list(self.nodes.values()), now, reason)

    def tick(self, now: float) -> None:
        """Time has passed."""
        for deadline in self.deadlines.due(now):
            node = deadline.node
            if deadline.kind == "retry":
                self.ready.push(node)
            elif deadline.kind == "timeout":
                self.stops.ask(node, "timeout", now)
            else:
                self.stops.escalate(node, deadline.step, now)

    # ---------------------------------------------------------------- what it says

    def decide(self, *, hold: bool = False) -> Instructions:
        """Return what is to be done by now, each thing once; `hold`: nothing can run yet."""
        if self.ready and not hold:
            self.parcels.send()
        todo = self.todo
        if not (todo.run or todo.settled or todo.stop or todo.abandon):
            return _NOTHING
        self.todo = Instructions()
        return todo

    # ---------------------------------------------------------------- a task's way

    def _running(self, key: Key) -> Node | None:
        node = self.nodes.get(key.number)
        return node if node is not None and node.parcel is not None and node.attempt == key.attempt else None

    def begin(self, node: Node, worker: str, now: float) -> None:
        """A task begins on a worker, if nobody has told so before."""
        if node.started is not None:
            return
        group = node.group
        node.state, node.worker, node.started = "running", worker, now
        self.tally.started(node.key, group.stage, node.name, worker, node.cost, now)
        if group.timeout_s is not None:
            self.deadlines.set(now + group.timeout_s, "timeout", node)

    def _failed(self, node: Node, now: float) -> None:
        group = node.group
        again = node.attempt <= group.retries and isinstance(node.error, Exception)
        if not again or (self.stopping is not None and not group.always):
            self.over(node, "failed", now)
            return
        self.over(node, "pending", now)
        wait_s = min(self.backoff_s * 2.0 ** (node.attempt - 1), LONGEST_BACKOFF_S)
        node.attempt += 1
        node.state, node.told, node.started, node.error = "pending", None, None, None
        if wait_s > 0:
            self.deadlines.set(now + wait_s, "retry", node)
        else:
            self.ready.push(node)

    def over(self, node: Node, state: TaskState, now: float) -> None:
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
            self.end(node, state, now, told=ran)

    def end(self, node: Node, state: TaskState, now: float, *, told: bool = False) -> None:
        """A task has ended for good, and with it what cannot be without it. `told`: the tally knows."""
        ending: list[tuple[Node, TaskState]] = [(node, state)]
        for each, final in ending:  # it grows
            if each.ended:
                continue
            if not told:
                self.tally.dropped(each.group.stage, final, each.cost)
            told = False
            each.state = final
            self.todo.settled.append(each)
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
