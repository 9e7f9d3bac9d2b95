"""What is still to be done, in which order, and how long it will take: the plan played through with predicted times."""

from heapq import heapify, heappop, heappush
from html import escape
from math import inf
from typing import NamedTuple

from progress_kit.scheduler.plan import Plan
from progress_kit.scheduler.plan_node import Node
from progress_kit.scheduler.tables import table

_LISTED = 20


class Step(NamedTuple):
    """One task as it should run. `begins` and `ends` count from now, in the preview's `unit`."""

    name: str
    stage: str
    cost: float | None
    begins: float
    ends: float
    running: bool = False


class Preview(NamedTuple):
    """What is still to be done; `print` it, or let a notebook show it.

    `unit` is ``s`` where it is known by tasks that have ended how long such tasks take, else ``cost``, where a task of
    unknown cost counts with the mean (or 1 if none is known). `makespan` is when the last task should end, and no
    schedule could be shorter than `lower_bound`: all work shared evenly, or the longest chain of dependencies.
    """

    steps: tuple[Step, ...]
    workers: int
    makespan: float
    lower_bound: float
    unit: str

    def __str__(self) -> str:
        unit = " s" if self.unit == "s" else " (in units of cost)"
        lines = [
            f"{len(self.steps)} tasks on {self.workers} workers",
            f"predicted makespan {written(self.makespan)}{unit}, lower bound {written(self.lower_bound)}{unit}",
        ]
        width = max((len(written(step.ends)) for step in self.steps[:_LISTED]), default=0)
        for number, step in enumerate(self.steps[:_LISTED], 1):
            when = f"{written(step.begins):>{width}} – {written(step.ends):<{width}}"
            lines.append(f"{number:>4}. {when}  {step.name} [{step.stage}]{self._more(step)}")
        if len(self.steps) > _LISTED:
            lines.append(self._rest)
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        head = "<br>".join(escape(line) for line in str(self).splitlines()[:2])
        rows = [
            (
                written(step.begins),
                written(step.ends),
                f"{step.name} (running)" if step.running else step.name,
                step.stage,
                "" if step.cost is None else written(step.cost),
            )
            for step in self.steps[:_LISTED]
        ]
        rest = f"<p>{escape(self._rest)}</p>" if len(self.steps) > _LISTED else ""
        return f"<p>{head}</p>{table(('from', 'to', 'task', 'stage', 'cost'), rows, numbers={0, 1, 4})}{rest}"

    @property
    def _rest(self) -> str:
        return f"      … and {len(self.steps) - _LISTED} more"

    def _more(self, step: Step) -> str:
        """Return what the times do not tell."""
        running = ", running" if step.running else ""
        if step.cost is None:
            return f", cost unknown{running}"
        return f", cost {written(step.cost)}{running}" if self.unit == "s" else running


def written(value: float) -> str:
    """Return a number as people write it: ``0.1284``, ``12,190``."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004 - a place to begin with commas


def preview(plan: Plan, now: float) -> Preview:
    """Play the plan through from `now` on."""
    nodes = sorted(plan.nodes.values(), key=lambda node: node.number)
    in_seconds = bool(nodes) and all(node.group.pace.mean_s is not None for node in nodes)
    known = [node.cost for node in nodes if node.cost is not None]
    mean = sum(known) / len(known) if known else 1.0
    takes: dict[int, float] = {}
    for node in nodes:
        if in_seconds:
            whole = node.group.pace.predict(node.cost) or 0.0
            takes[node.number] = max(0.0, whole - (now - node.started)) if node.started is not None else whole
        else:
            takes[node.number] = mean if node.cost is None else node.cost
    steps, makespan = _play(plan, nodes, takes)
    work = sum(takes.values()) / max(1, plan.workers)
    return Preview(
        tuple(steps), plan.workers, makespan, max(work, _longest_chain(nodes, takes)), "s" if in_seconds else "cost"
    )


def _play(plan: Plan, nodes: list[Node], takes: dict[int, float]) -> tuple[list[Step], float]:
    """Return the tasks in the order of their beginning, and when the last one ends."""
    needs = {node.number: node.needs for node in nodes}
    first = [node for node in nodes if not node.needs]
    last = [node for node in first if node.group.always and not node.queued and node.parcel is None]
    ready = [_turn(node) for node in first if node not in last]
    heapify(ready)
    free = [0.0] * max(1, plan.workers)
    steps: list[Step] = []
    running: list[tuple[float, int, Node]] = []
    while ready or running:
        while ready and free:
            node = heappop(ready)[-1]
            begins = heappop(free)
            ends = begins + takes[node.number]
            steps.append(Step(node.name, node.stage, node.cost, begins, ends, node.started is not None))
            heappush(running, (ends, node.number, node))
        ends, _, node = heappop(running)
        heappush(free, ends)
        # Whoever is free earlier has had nothing to do until now.
        free = [max(each, ends) for each in free]
        heapify(free)
        for dependent in node.dependents or ():
            needs[dependent.number] -= 1
            if not needs[dependent.number]:
                heappush(ready, _turn(dependent))
    makespan = max((step.ends for step in steps), default=0.0)
    for node in last:
        steps.append(Step(node.name, node.stage, node.cost, makespan, makespan + takes[node.number]))
        makespan += takes[node.number]
    return steps, makespan


def _turn(node: Node) -> tuple[float, float, int, Node]:
    """Return what tasks are sorted by; those that have been given to the engine come first."""
    priority = node.group.priority if node.parcel is None else inf
    return (-priority, -node.rank, node.number, node)


def _longest_chain(nodes: list[Node], takes: dict[int, float]) -> float:
    longest: dict[int, float] = {}
    for node in reversed(nodes):  # what depends on it comes after it
        after = max((longest.get(each.number, 0.0) for each in node.dependents or ()), default=0.0)
        longest[node.number] = takes[node.number] + after
    return max(longest.values(), default=0.0)
