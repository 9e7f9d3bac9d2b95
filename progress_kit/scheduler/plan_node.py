"""A task as the plan sees it. Everything in the modules ``plan*`` is pure: no threads, no IO, `now` is passed in."""

from typing import Final, Literal

from progress_kit.model import TERMINAL, TaskState
from progress_kit.scheduler.engines.base import Hardness, Key

When = Literal["success", "always"]
Told = Literal["cancelled", "timeout", "elsewhere"]
"""Why a task was asked to stop: for good, because it took too long, or because it shall run on another worker."""

_SOON: Final = 0.05
"""How much the newest duration moves the pace: the mean of about the last 20 tasks."""


class Pace:
    """How long tasks of one sort take: the mean of the last ones, and per cost where costs are known."""

    __slots__ = ("_number", "mean_s", "per_cost_s")

    def __init__(self) -> None:
        self.mean_s: float | None = None
        self.per_cost_s: float | None = None
        self._number = 0

    def learn(self, duration_s: float, cost: float | None, count: int = 1) -> None:
        """Take in that a task of `cost`, or each of `count`, took `duration_s`."""
        self._number += count
        share = max(count / self._number, _SOON if count == 1 else 1 - (1 - _SOON) ** count)
        known = self.mean_s
        self.mean_s = duration_s if known is None else known + share * (duration_s - known)
        if cost:
            each, known = duration_s / cost, self.per_cost_s
            self.per_cost_s = each if known is None else known + share * (each - known)

    def predict(self, cost: float | None) -> float | None:
        """Return how long a task of `cost` will take; None while none of its sort has ended.

        Small costs carry what every task takes whatever its cost, so that the longer of two guesses is taken.
        """
        if cost and self.per_cost_s is not None and self.mean_s is not None:
            return max(cost * self.per_cost_s, min(self.mean_s, 1e-3))
        return self.mean_s


class Group:
    """What the tasks of one sort have in common: those of one `map`, or of one function in one stage.

    `timeout_s` counts from the start of each attempt; `retries` is how often a failed one is tried again.
    """

    __slots__ = ("always", "pace", "priority", "retries", "stage", "timeout_s")

    def __init__(  # noqa: PLR0913 - all but the first by keyword
        self,
        stage: str,
        *,
        priority: float = 0.0,
        retries: int = 0,
        timeout_s: float | None = None,
        always: bool = False,
        pace: Pace | None = None,
    ) -> None:
        self.stage: str = stage
        self.priority: float = priority
        self.retries: int = retries
        self.timeout_s: float | None = timeout_s
        self.always: bool = always
        self.pace: Pace = pace or Pace()


class Node:
    """One task. The plan alone changes it; `started` and `ended` are on the clock that the plan is told.

    What most tasks never need are defaults of the class, so that a million of them are cheap.
    """

    state: TaskState = "pending"
    attempt: int = 1
    """The attempt that runs or is next, from 1."""
    key: Key = Key(-1, 0)
    """The attempt that was given to the engine last."""
    worker: str | None = None
    started: float | None = None
    duration_s: float | None = None
    """How long the function itself ran in the last attempt, by the worker's clock."""
    error: BaseException | None = None
    """Why it failed, was cancelled or skipped."""
    traceback: str = ""
    """The worker's traceback as text, where the exception's own did not travel."""
    cause: "Node | None" = None
    """For one that was skipped: the task that it needed and that did not succeed."""

    value: object = None
    """What it returned, until somebody takes it over."""

    # What the plan keeps for itself.
    rank: float = 0.0
    chain_s: float = 0.0
    """How long the longest chain of tasks took that leads to this one, itself included."""
    needs: int = 0
    """How many of its dependencies have not ended."""
    dependencies: "tuple[Node, ...]" = ()
    dependents: "list[Node] | None" = None
    queued: bool = False
    """It could run now."""
    parcel: "Parcel | None" = None
    """It was given to the engine, with these others."""
    told: "Told | None" = None
    """Why it was asked to stop."""

    def __init__(self, group: Group, number: int, cost: float | None = None) -> None:
        self.group = group
        self.number = number
        self.cost = cost

    def __repr__(self) -> str:
        return f"<Node {self.number} {self.state}>"

    @property
    def stage(self) -> str:
        """The stage that it belongs to."""
        return self.group.stage

    @property
    def name(self) -> str:
        """What people call it."""
        return f"task {self.number}"

    @property
    def ended(self) -> bool:
        """Whether its state is final."""
        return self.state in TERMINAL


class Parcel:
    """Tasks that were given to the engine together, to run one after the other in one worker."""

    __slots__ = ("left", "nodes", "turn")

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes: list[Node] = nodes
        self.left: int = len(nodes)
        self.turn: int = 0
        """How many of them have had their turn."""


class Instructions:
    """What is to be done now: jobs to give to the engine, jobs to stop, jobs to give up, and tasks that have ended."""

    __slots__ = ("abandon", "run", "settled", "stop")

    def __init__(self) -> None:
        self.run: list[list[Node]] = []
        self.stop: list[tuple[Key, Hardness]] = []
        self.abandon: list[Key] = []
        self.settled: list[Node] = []
