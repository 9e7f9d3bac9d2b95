"""Asking for operations: those of the hub and, where there is none, at least those of this process."""

import math
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from progress_kit import clock
from progress_kit.errors import HubError, HubNotFoundError, HubUnreachableError, OperationNotFoundError
from progress_kit.model import Estimate, OperationState, Snapshot, is_terminal
from progress_kit.tracker import announce, values
from progress_kit.tracker.values import Real

if TYPE_CHECKING:
    from progress_kit.client import History, Watch

_LOOK_S: Final = 0.05
"""How often `wait` looks at an operation of its own process."""


def operations() -> list[Snapshot]:
    """Return the operations that are live or ended a short while ago, in the order of their start.

    They are the hub's, of all notebooks and scripts of this user; this process's own come straight from it. Without a
    hub they are only those. Raises `HubRefusedError` if the hub says no.
    """
    from progress_kit import client

    own = _own()
    try:
        known = {snapshot.id: snapshot for snapshot in client.operations()}
    except (HubNotFoundError, HubUnreachableError):
        known = {}
    for operation, snapshot in own.items():
        known[operation] = _newer(snapshot, known.get(operation))
    return sorted(known.values(), key=lambda snapshot: snapshot.started_at or 0.0)


def get(id: str) -> Snapshot:  # noqa: A002 - the word that fits
    """Return one operation; raises `OperationNotFoundError` if neither this process nor the hub knows it.

    If there is no hub to ask, the error's ``__cause__`` says so.
    """
    from progress_kit import client

    snapshot = _own().get(id)
    try:
        return _newer(client.get(id), snapshot)
    except (OperationNotFoundError, HubNotFoundError, HubUnreachableError) as error:
        if snapshot is not None:
            return snapshot
        raise _unknown(id, error) from error


def cancel(id: str, reason: str | None = None) -> None:  # noqa: A002 - the word that fits
    """Ask an operation to stop, wherever it runs; it does so where it counts next. One that has ended stays as it is.

    Raises `OperationNotFoundError` if neither this process nor the hub knows it.
    """
    for operation in announce.running():
        if operation.id == id:
            operation.cancel(reason)
            return
    if id in _own():
        return
    from progress_kit import client

    try:
        client.cancel(id, reason)
    except (HubNotFoundError, HubUnreachableError) as error:
        raise _unknown(id, error) from error


def watch(
    *,
    operations: Iterable[str] | None = None,
    kinds: Iterable[str] | None = None,
    notebook: str | None = None,
    states: Iterable[OperationState] | None = None,
    max_rate_hz: float | None = None,
) -> "Watch":
    """Return the hub's operations as they change, to be iterated with ``for`` or ``async for``.

    Each item is the list of the newest snapshots of all operations that match, in the order of their start; the first
    one comes at once. Selected are those with one of these ids, kinds or states, or of this notebook (its path as in
    `Snapshot.origin`); None takes all. `max_rate_hz` bounds how many items come in a second.

    It survives lost connections and restarts of the server. Iterating raises `HubNotFoundError` or
    `HubUnreachableError` where there is no hub in the beginning, and `HubRefusedError` if it says no.
    """
    from progress_kit import client
    from progress_kit.protocol.messages import Filter

    rate = None if max_rate_hz is None else values.rate(max_rate_hz, "max_rate_hz")
    wanted = Filter(
        operations=values.texts(operations, "operations"),
        kinds=values.texts(kinds, "kinds"),
        notebook=None if notebook is None else values.name(notebook, "notebook"),
        states=values.operation_states(states, "states"),
    )
    return client.Watch(wanted, max_rate_hz=rate)


def wait(id: str, timeout: float | None = None) -> Snapshot:  # noqa: A002 - the word that fits
    """Wait until an operation has ended, wherever it runs, and return its last snapshot.

    Its `state` says how it ended. An operation whose process is gone is returned too: its `hub.lease` is ``lost``, and
    its state still what was last heard of it. A hub that goes away meanwhile is waited for.

    Raises `TimeoutError` after `timeout` seconds (None waits as long as it takes), `OperationNotFoundError` if neither
    this process nor the hub knows the operation, and `HubRefusedError` if the hub says no.
    """
    return Waiting(id, timeout).result()


def estimate(kind: str, cost: Real | Iterable[Real] | None = None) -> Estimate | None:
    """Return how long a run of `kind` will take, before it starts, from what earlier runs took.

    `cost` says how much there is to do, as the sum of what the items cost (by the same measure as `cost=` of `track`)
    or as the costs of all items; where earlier runs had no costs, each item counts as 1, so that it is their number.
    Without it the run is taken to be like the earlier ones. None where there is no history of the kind. Where there is
    no hub that could be asked, it is that of this machine's processes whose runs no hub has taken in.
    Raises `InvalidValueError` for arguments that cannot be meant, and `HubRefusedError` if the hub says no.
    """
    from progress_kit import client

    kind = values.name(kind, "kind")
    costs = None if cost is None else _costs(cost)
    prior = client.prior(kind)
    return None if prior is None else client.forecast(prior, costs)


def history(kind: str | None = None, *, limit: int = 100) -> "History":
    """Return the last runs that have ended, the newest first: of one kind, or of all; at most `limit`.

    Where there is no hub that could be asked, they are those of this machine's processes that no hub has taken in.
    Raises `InvalidValueError` for arguments that cannot be meant, and `HubRefusedError` if the hub says no.
    """
    from progress_kit import client

    most = int(values.amount(limit, "limit"))
    return client.runs(None if kind is None else values.name(kind, "kind"), most)


def _costs(cost: Real | Iterable[Real]) -> float | list[float]:
    if isinstance(cost, Iterable) and not isinstance(cost, str | bytes):
        return [float(values.amount(each, "the cost of an item")) for each in cost]
    return float(values.amount(cost, "cost"))


def _own() -> dict[str, Snapshot]:
    found = {snapshot.id: snapshot for snapshot in announce.outlet().snapshots()}
    for operation in announce.running():
        found[operation.id] = operation.sample()
    return found


def _newer(one: Snapshot, other: Snapshot | None) -> Snapshot:
    return one if other is None or one.seq >= other.seq else other


def _unknown(operation: str, error: HubError) -> OperationNotFoundError:
    if isinstance(error, OperationNotFoundError):
        return OperationNotFoundError(f"no operation {operation!r} is known to the hub")
    return OperationNotFoundError(f"this process has no operation {operation!r}, and no hub could be asked: {error}")


class Waiting:
    """One wait for the end of an operation, which another thread may give up."""

    def __init__(self, operation: str, timeout: float | None) -> None:
        self._operation = operation
        self._timeout_s = None if timeout is None else float(values.amount(timeout, "timeout"))
        self._deadline = math.inf if self._timeout_s is None else clock.monotonic() + self._timeout_s
        self._given_up = threading.Event()
        self._watch: Watch | None = None

    def result(self) -> Snapshot:
        """Return the last snapshot; see `wait`."""
        from progress_kit import client

        while (own := _own().get(self._operation)) is not None:
            if is_terminal(own.state):
                return own
            if self._given_up.wait(_LOOK_S) or clock.monotonic() >= self._deadline:
                raise self._late()
        left_s = None if self._timeout_s is None else self._deadline - clock.monotonic()
        self._watch = client.Watch(client.one(self._operation), timeout_s=left_s)
        if self._given_up.is_set():
            self._watch.close()
        try:
            for view in self._watch:
                if (snapshot := client.ended(self._operation, view)) is not None:
                    return snapshot
        except TimeoutError:
            pass
        except (HubNotFoundError, HubUnreachableError) as error:
            raise _unknown(self._operation, error) from error
        finally:
            self._watch.close()
        raise self._late()

    def give_up(self) -> None:
        """Let a thread that waits for the result go on."""
        self._given_up.set()
        if self._watch is not None:
            self._watch.close()

    def _late(self) -> TimeoutError:
        within = "" if self._timeout_s is None else f" within {self._timeout_s:g} s"
        return TimeoutError(f"operation {self._operation!r} has not ended{within}")
