"""Estimates of operations whose publisher makes none: other languages, cells, whoever publishes by hand.

Who is estimated here: an operation whose publisher did not say in its `hello` that it estimates itself, as long as no
estimate has come with it. A publisher that estimates and sends none knows that there is no basis for one, and an
operation that once came with its own estimate is left to its publisher.
"""

from collections import OrderedDict
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from progress_kit.eta import Estimator
from progress_kit.hub.events import Now
from progress_kit.hub.peers import Session
from progress_kit.model import Estimate, Prior, Snapshot, is_terminal

OPERATIONS: Final = 1_000
"""So many operations are estimated at once; the one that was heard of longest ago makes room."""
LEAST: Final = 1e-9
MOST: Final = 1e18
"""Seconds, counts and weights beyond these are none of anything that happens, and nothing is made of them."""
EVERY_S: Final = 0.5
"""An operation that is published more often than this is not estimated anew each time; the last estimate runs down."""


class Watch(Struct, eq=False):
    """One operation that is estimated here, or was until its publisher did (`estimator` is None then)."""

    estimator: Estimator | None
    began: float
    """Hub's monotonic second at which it was first seen."""
    seen: float = 0.0
    """Hub's monotonic second of the last snapshot."""
    elapsed_s: float = 0.0
    estimated: float | None = None
    """When the snapshot was seen that `estimate` was made for."""
    estimate: Estimate | None = None


class Estimates:
    """Fills in what publishers leave out."""

    def __init__(self) -> None:
        self._watches: OrderedDict[tuple[str, str], Watch] = OrderedDict()
        self._priors: OrderedDict[tuple[str, str], Prior] = OrderedDict()

    def __len__(self) -> int:
        return len(self._watches)

    def complete(self, session: Session, snapshot: Snapshot, now: Now) -> Snapshot:
        """Return `snapshot`, with an estimate and its stages' rates where its publisher makes none."""
        if session.estimates or not _is_plausible(snapshot):
            return snapshot
        key = (session.owner, snapshot.id)
        if is_terminal(snapshot.state):
            self._watches.pop(key, None)
            return snapshot
        watch = self._watches.get(key)
        if watch is None:
            weights_given = len({stage.weight for stage in snapshot.stages}) > 1
            watch = self._watches[key] = Watch(Estimator(weights_given=weights_given), now.monotonic)
            if len(self._watches) > OPERATIONS:
                self._watches.popitem(last=False)
        self._watches.move_to_end(key)
        if snapshot.estimate is not None:
            watch.estimator = None
        if watch.estimator is None:
            return snapshot
        watch.seen = now.monotonic
        watch.elapsed_s = now.monotonic - watch.began if snapshot.elapsed_s is None else snapshot.elapsed_s
        watch.estimator.prior = self._priors.get((session.owner, snapshot.kind or ""))
        watch.estimator.update(watch.elapsed_s, snapshot.stages)
        return self._filled(snapshot, watch, watch.estimator)

    def forget(self, owner: str, operation: str) -> None:
        """Forget an operation that has left, such as one that was lost and never came back."""
        self._watches.pop((owner, operation), None)

    def learn(self, owner: str, kind: str, prior: Prior) -> None:
        """Take in what earlier runs of a kind took; by `again` an operation profits that was seen before."""
        self._priors[owner, kind] = prior
        self._priors.move_to_end((owner, kind))
        if len(self._priors) > OPERATIONS:
            self._priors.popitem(last=False)

    def operations(self, owner: str) -> list[str]:
        """Return the operations of `owner` that are estimated here."""
        return [key[1] for key, watch in self._watches.items() if key[0] == owner and watch.estimator is not None]

    def again(self, owner: str, snapshot: Snapshot) -> Snapshot:
        """Return `snapshot`, which the hub has had for a while, as it would be estimated if it came now.

        What is left counts from when it came, as in every snapshot; viewers subtract the time since.
        """
        watch = self._watches.get((owner, snapshot.id))
        if watch is None or watch.estimator is None or is_terminal(snapshot.state):
            return snapshot
        watch.estimator.prior = self._priors.get((owner, snapshot.kind or ""))
        watch.estimated = None
        return self._filled(snapshot, watch, watch.estimator)

    @staticmethod
    def _filled(snapshot: Snapshot, watch: Watch, estimator: Estimator) -> Snapshot:
        if watch.estimated is None or watch.seen - watch.estimated >= EVERY_S:
            watch.estimated, watch.estimate = watch.seen, estimator.estimate(watch.elapsed_s)
        rates = estimator.rates()
        return replace(
            snapshot,
            estimate=_later(watch.estimate, watch.seen - watch.estimated) if snapshot.state == "running" else None,
            stages=tuple(
                replace(stage, rate=rates.get(stage.name)) if stage.rate is None else stage for stage in snapshot.stages
            ),
        )


def _is_plausible(snapshot: Snapshot) -> bool:
    """Whether the numbers are those of something that happens; what cannot be is shown as it came."""
    numbers = [snapshot.elapsed_s or 0.0]
    for stage in snapshot.stages:
        numbers += stage.done, stage.total or 0, stage.weight
    return all(number == 0 or LEAST <= number <= MOST for number in numbers)


def _later(estimate: Estimate | None, passed_s: float) -> Estimate | None:
    """Return `estimate` as it is when so much time has passed."""
    if estimate is None or passed_s <= 0:
        return estimate
    p10_s, p90_s = estimate.p10_s, estimate.p90_s
    return replace(
        estimate,
        p10_s=None if p10_s is None else max(0.0, p10_s - passed_s),
        p50_s=max(0.0, estimate.p50_s - passed_s),
        p90_s=None if p90_s is None else max(0.0, p90_s - passed_s),
    )
