"""How a scheduler's run went: its makespan against what was possible, what each worker did, and what was slow."""

from html import escape
from typing import NamedTuple

from progress_kit.scheduler.plan import Plan
from progress_kit.scheduler.plan_ledger import Slow
from progress_kit.scheduler.plan_preview import written
from progress_kit.scheduler.tables import Html, table

_BAR = 20


class Lane(NamedTuple):
    """What one worker did: how many attempts, and for how many seconds in all."""

    worker: str
    tasks: int
    busy_s: float


class Report(NamedTuple):
    """How it went; `print` it, or let a notebook show it.

    `makespan_s` is from the first task's start to the last one's end. `lower_bound_s`: no schedule of these tasks on
    these workers could have been shorter, since all work was shared evenly, or the longest chain of dependencies took
    that long. `efficiency` is their ratio, at most 1. `counts` says how many tasks ended how.
    """

    name: str
    counts: dict[str, int]
    workers: int
    makespan_s: float
    lower_bound_s: float
    busy_s: float
    lanes: tuple[Lane, ...]
    slowest: tuple[Slow, ...]

    @classmethod
    def of(cls, name: str, plan: Plan, now: float) -> "Report":
        """Return what the plan knows at `now`."""
        ledger = plan.ledger
        counts: dict[str, int] = {}
        for stage in plan.tally.stages.values():
            for state in ("succeeded", "failed", "cancelled", "skipped", "abandoned", "running", "pending"):
                counts[state] = counts.get(state, 0) + getattr(stage, state)
        last = now if plan.tally.running else ledger.last
        makespan_s = 0.0 if ledger.first is None or last is None else max(0.0, last - ledger.first)
        workers = max(1, plan.workers)
        return cls(
            name=name,
            counts={state: number for state, number in counts.items() if number},
            workers=workers,
            makespan_s=makespan_s,
            lower_bound_s=min(makespan_s, max(ledger.busy_s / workers, ledger.chain_s)),
            busy_s=ledger.busy_s,
            lanes=tuple(Lane(worker, lane.tasks, lane.busy_s) for worker, lane in sorted(ledger.lanes.items())),
            slowest=tuple(ledger.slowest),
        )

    @property
    def efficiency(self) -> float | None:
        """The lower bound as a part of the makespan; None where nothing ran."""
        return self.lower_bound_s / self.makespan_s if self.makespan_s > 0 else None

    def __str__(self) -> str:
        counts = ", ".join(f"{number:,} {state}" for state, number in self.counts.items()) or "no tasks"
        lines = [f"{self.name}: {counts}"]
        if self.efficiency is None:
            return lines[0]
        lines.append(
            f"makespan {self.makespan_s:.3g} s, lower bound {self.lower_bound_s:.3g} s on {self.workers} workers "
            f"(efficiency {self.efficiency:.0%})"
        )
        width = max(len(lane.worker) for lane in self.lanes)
        for lane in self.lanes:
            share = min(1.0, lane.busy_s / self.makespan_s)
            bar = ("█" * round(share * _BAR)).ljust(_BAR, "·")
            lines.append(f"  {lane.worker:<{width}} {bar} {share:>4.0%} busy, {lane.tasks:,} tasks")
        lines.append("slowest:")
        lines += [f"  {slow.duration_s:>8.3g} s  {_what(slow)}" for slow in self.slowest]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        if self.efficiency is None:
            return f"<p>{escape(str(self))}</p>"
        first, second, *_ = str(self).splitlines()
        shares = [min(1.0, lane.busy_s / self.makespan_s) for lane in self.lanes]
        lanes = [
            (lane.worker, Html(f"<meter min='0' max='1' value='{share:.3f}'></meter> {share:.0%}"), f"{lane.tasks:,}")
            for lane, share in zip(self.lanes, shares, strict=True)
        ]
        slow = [
            (
                f"{each.duration_s:.3g} s",
                each.name if each.attempt == 1 else f"{each.name}, attempt {each.attempt}",
                each.stage,
                each.worker,
                "" if each.cost is None else written(each.cost),
            )
            for each in self.slowest
        ]
        return (
            f"<p><strong>{escape(first)}</strong><br>{escape(second)}</p>"
            + table(("worker", "busy", "tasks"), lanes, numbers={2})
            + table(("slowest", "task", "stage", "worker", "cost"), slow, numbers={0, 4})
        )


def _what(slow: Slow) -> str:
    cost = "" if slow.cost is None else f", cost {written(slow.cost)}"
    again = f", attempt {slow.attempt}" if slow.attempt > 1 else ""
    return f"{slow.name} [{slow.stage}] on {slow.worker}{cost}{again}"
