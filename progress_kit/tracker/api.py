"""Asking for operations: those of the hub and, where there is none, at least those of this process."""

from collections.abc import Iterable

from progress_kit.errors import HubError, HubNotFoundError, HubUnreachableError, OperationNotFoundError
from progress_kit.model import Estimate, Snapshot
from progress_kit.tracker import announce, values
from progress_kit.tracker.values import Real


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


def estimate(kind: str, cost: Real | Iterable[Real] | None = None) -> Estimate | None:
    """Return how long a run of `kind` will take, before it starts, from what earlier runs took.

    `cost` says how much there is to do, as the sum of what the items cost (by the same measure as `cost=` of `track`)
    or as the costs of all items; where earlier runs had no costs, each item counts as 1, so that it is their number.
    Without it the run is taken to be like the earlier ones. None where there is no history of the kind, or no hub that
    could be asked. Raises `InvalidValueError` for arguments that cannot be meant, and `HubRefusedError` if the hub says
    no.
    """
    from progress_kit import client

    kind = values.name(kind, "kind")
    costs = None if cost is None else _costs(cost)
    try:
        prior = client.prior(kind)
    except (HubNotFoundError, HubUnreachableError):
        return None
    return None if prior is None else client.forecast(prior, costs)


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
