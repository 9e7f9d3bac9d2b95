"""Whatever happens to tasks, and in whatever order, the plan keeps its promises.

Hypothesis looks for a way to break them, with an engine that is written down as plainly as it can be.
"""

from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from progress_kit.errors import OperationCancelled
from progress_kit.scheduler.engines.base import Capabilities, Failed, Finished, Key, Lost, Started, Succeeded
from progress_kit.scheduler.plan import Plan
from progress_kit.scheduler.plan_node import Group, Node
from progress_kit.scheduler.tally import Tally

GRACE_S = 5.0
MOST = 15  # so many tasks are always in their exact order; of more, the order is made anew only now and then
costs = st.one_of(st.none(), st.integers(0, 9).map(float))


class Worker:
    """Has some jobs: the first one may run, the others wait."""

    def __init__(self, number: int, nodes: Sequence[Node]) -> None:
        self.name = f"worker {number}"
        self.left = [(node, node.key) for node in nodes]
        self.runs = False
        self.told: set[Key] = set()


class Interleavings(RuleBasedStateMachine):
    """A plan, the tasks in it, and workers that do anything that workers may do."""

    def __init__(self) -> None:
        super().__init__()
        self.plan = Plan(Tally(["main"]), workers=1, on_error="continue", cancel_grace_s=GRACE_S, backoff_s=1.0)
        self.now = 0.0
        self.pace_s = 1.0
        self.nodes: list[Node] = []
        self.needs: dict[int, list[Node]] = {}
        self.workers: list[Worker] = []
        self.begun: set[Key] = set()
        self.settled: list[Node] = []

    # ---------------------------------------------------------------- what may happen

    @initialize(
        stops=st.sampled_from([(), ("soft",), ("soft", "kill")]),
        batches=st.booleans(),
        replaces=st.booleans(),
        short=st.booleans(),
        policy=st.sampled_from(["raise", "collect", "continue"]),
    )
    def choose(self, stops: tuple[str, ...], batches: bool, replaces: bool, short: bool, policy: str) -> None:  # noqa: FBT001 - hypothesis names them
        self.plan.on_error = policy  # type: ignore[assignment] # it is one
        self.pace_s = 1e-5 if short else 1.0
        self.plan.capabilities = Capabilities(stops=stops, batches=batches, replaces=replaces)  # type: ignore[arg-type] # they are

    @rule(
        cost=costs,
        priority=st.integers(-1, 1),
        retries=st.integers(0, 2),
        timeout=st.sampled_from([None, None, 3.0]),
        always=st.sampled_from([False, False, False, True]),
        data=st.data(),
    )
    @precondition(lambda self: len(self.nodes) < MOST)
    def add(
        self,
        cost: float | None,
        priority: int,
        retries: int,
        timeout: float | None,
        always: bool,  # noqa: FBT001 - hypothesis names them
        data: st.DataObject,
    ) -> None:
        group = Group("main", priority=priority, retries=retries, timeout_s=timeout, always=always)
        group.pace.learn(self.pace_s, None)
        node = Node(group, len(self.nodes), cost)
        needs = data.draw(st.lists(st.sampled_from(self.nodes), max_size=3, unique=True)) if self.nodes else []
        self.nodes.append(node)
        self.needs[node.number] = needs
        self.plan.add(node, self.now, needs)
        self.carry_out()

    @rule(data=st.data())
    @precondition(lambda self: any(not worker.runs for worker in self.workers))
    def begin(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from([each for each in self.workers if not each.runs]))
        self.begin_next(worker, tell=data.draw(st.booleans()))
        self.carry_out()

    @rule(data=st.data(), ok=st.booleans())
    @precondition(lambda self: any(worker.runs for worker in self.workers))
    def finish(self, data: st.DataObject, ok: bool) -> None:  # noqa: FBT001 - hypothesis names them
        self.finish_one(data.draw(st.sampled_from([each for each in self.workers if each.runs])), ok=ok)
        self.carry_out()

    @rule(data=st.data())
    @precondition(lambda self: self.workers)
    def lose(self, data: st.DataObject) -> None:
        self.kill(data.draw(st.sampled_from(self.workers)))
        self.carry_out()

    @rule(data=st.data())
    @precondition(lambda self: self.nodes)
    def cancel(self, data: st.DataObject) -> None:
        self.plan.cancel([data.draw(st.sampled_from(self.nodes))], self.now)
        self.carry_out()

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0, GRACE_S]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.plan.tick(self.now)
        self.carry_out()

    @rule(often=st.sampled_from([False, False, False, True]))
    def stop(self, often: bool) -> None:  # noqa: FBT001 - hypothesis names them
        if often:
            self.plan.stop(self.now, "asked to stop")
            self.carry_out()

    # ---------------------------------------------------------------- the engine

    def carry_out(self) -> None:
        ready = [node for node in self.nodes if node.queued]
        for _ in range(3):  # what is told below may have brought more
            todo = self.plan.decide()
            for nodes in todo.run:
                assert not any(node.ended for node in nodes), "what has ended is not begun"
                self.check_order(nodes, ready)
                self.workers.append(Worker(len(self.workers), nodes))
            for key, hardness in todo.stop:
                self.tell_to_stop(key, hardness)
            self.settled += todo.settled
            ready = [node for node in self.nodes if node.queued]

    def begin_next(self, worker: Worker, *, tell: bool) -> None:
        worker.runs = True
        node, key = worker.left[0]
        if key in worker.told:
            self.end_job(worker, Failed(OperationCancelled("before it began")), 0.0)
            return
        assert key not in self.begun, "an attempt runs once"
        self.begun.add(key)
        assert node.group.always or all(each.state == "succeeded" for each in self.needs[node.number])
        assert all(each.ended for each in self.needs[node.number])
        if tell:
            self.plan.started(Started(key, worker.name), self.now)

    def finish_one(self, worker: Worker, *, ok: bool) -> None:
        told = worker.left[0][1] in worker.told
        error = OperationCancelled("stopped") if told else ValueError("it failed")
        self.end_job(worker, Succeeded("a result") if ok else Failed(error), self.pace_s)

    def end_job(self, worker: Worker, outcome: Succeeded | Failed, duration_s: float) -> None:
        _, key = worker.left.pop(0)
        worker.runs = False
        self.plan.finished(Finished(key, worker.name, outcome, duration_s), self.now)
        if worker.left:
            self.begin_next(worker, tell=False)
        else:
            self.workers.remove(worker)

    def kill(self, worker: Worker) -> None:
        self.workers.remove(worker)
        keys = tuple(key for _, key in worker.left)
        begun = keys[:1] if worker.runs else ()
        self.plan.lost(Lost(worker.name, begun, keys[len(begun) :], "it was killed"), self.now)

    def tell_to_stop(self, key: Key, hardness: str) -> None:
        for worker in self.workers.copy():
            if any(each == key for _, each in worker.left):
                worker.told.add(key)
                if hardness == "kill":
                    self.kill(worker)

    # ---------------------------------------------------------------- what has to be true

    def check_order(self, sent: list[Node], ready: list[Node]) -> None:
        """The first one of what is sent is better than all that are still waiting."""
        best = sent[0]
        for other in ready:
            if other.queued:
                assert self.place(best) <= self.place(other)

    def place(self, node: Node) -> tuple[float, float, int]:
        largest = max((each.cost for each in self.nodes if each.cost is not None), default=1.0)

        def rank(each: Node) -> float:
            after = [rank(other) for other in self.nodes if each in self.needs[other.number] and not other.ended]
            return (largest if each.cost is None else each.cost) + max(after, default=0.0)

        return (-node.group.priority, -rank(node), node.number)

    @invariant()
    def every_task_is_told_of_once(self) -> None:
        assert len(set(map(id, self.settled))) == len(self.settled)
        assert all(node.ended for node in self.settled)

    @invariant()
    def not_more_is_given_to_the_engine_than_it_can_take(self) -> None:
        assert len(self.workers) <= self.plan.workers * 4 + len(self.nodes) * self.plan.capabilities.replaces

    def teardown(self) -> None:
        """However it went: once nothing more comes and workers do their work, every task ends, once."""
        self.plan.close()
        self.carry_out()
        for turn in range(20 * (len(self.nodes) + 1)):
            if self.plan.idle:
                break
            self.now += 10.0
            self.plan.tick(self.now)
            self.carry_out()
            for worker in self.workers.copy():
                if worker in self.workers:
                    if not worker.runs:
                        self.begin_next(worker, tell=turn % 2 == 0)
                    else:
                        self.finish_one(worker, ok=turn % 3 != 0)
            self.carry_out()
        assert self.plan.idle
        assert {id(node) for node in self.settled} == {id(node) for node in self.nodes}
        counts = self.plan.tally.stages["main"].counts()
        assert (counts.pending, counts.running, counts.paused) == (0, 0, 0)
        for state in ("succeeded", "failed", "cancelled", "skipped", "abandoned"):
            assert getattr(counts, state) == sum(node.state == state for node in self.nodes)


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=40, stateful_step_count=30)
