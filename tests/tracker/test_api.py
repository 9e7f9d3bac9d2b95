import pytest

import progress_kit as pk
from progress_kit import client
from progress_kit.model import Snapshot
from progress_kit.testing import RecordingPublisher


class Hub:
    """Stands for the hub that the client asks."""

    def __init__(self, *snapshots: Snapshot) -> None:
        self.snapshots = {snapshot.id: snapshot for snapshot in snapshots}
        self.cancelled: list[tuple[str, str | None]] = []
        self.error: Exception | None = None

    def operations(self) -> list[Snapshot]:
        if self.error is not None:
            raise self.error
        return list(self.snapshots.values())

    def get(self, id: str) -> Snapshot:  # noqa: A002 - the word that fits
        if self.error is not None:
            raise self.error
        if id not in self.snapshots:
            raise pk.OperationNotFoundError("not there")
        return self.snapshots[id]

    def cancel(self, id: str, reason: str | None = None) -> None:  # noqa: A002 - the word that fits
        self.get(id)
        self.cancelled.append((id, reason))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub that knows one operation of another process."""
    hub = Hub(Snapshot(id="op_far", name="Far", state="running", seq=4, started_at=1.0))
    for name in ("operations", "get", "cancel"):
        monkeypatch.setattr(client, name, getattr(hub, name))
    return hub


@pytest.fixture(params=[pk.HubNotFoundError("none found"), pk.HubUnreachableError("no answer")], ids=["none", "silent"])
def no_hub(hub: Hub, request: pytest.FixtureRequest) -> Hub:
    """No hub, or one that does not answer."""
    hub.error = request.param
    return hub


def test_operations_are_the_hub_s_and_this_process_s(hub: Hub) -> None:
    """Both are listed, in the order of their start, each once and with the newest state."""
    with pk.ProgressTracker("Near") as tracker:
        hub.snapshots[tracker.id] = Snapshot(id=tracker.id, name="Near", state="running", seq=0)
        tracker.message = "newer"
        assert [(each.name, each.message) for each in pk.operations()] == [("Far", ""), ("Near", "newer")]
        assert pk.get(tracker.id).message == "newer"
        assert pk.get("op_far").name == "Far"
    hub.snapshots[tracker.id] = Snapshot(id=tracker.id, name="Near", state="succeeded", seq=99)
    assert pk.get(tracker.id).seq == 99


def test_cancel_reaches_this_process_or_the_hub(hub: Hub) -> None:
    """What runs here is asked directly, everything else through the hub."""
    with pytest.raises(pk.OperationCancelled, match="enough"), pk.ProgressTracker("Near") as tracker:  # noqa: PT012 - the block is what is tested
        pk.cancel(tracker.id, "enough")
        tracker.raise_if_cancelled()
    pk.cancel(tracker.id)
    pk.cancel("op_far", "enough")
    assert hub.cancelled == [("op_far", "enough")]


def test_without_a_hub_this_process_knows_its_own(no_hub: Hub, publisher: RecordingPublisher) -> None:
    """Running and ended ones, and nothing is raised."""
    with pk.ProgressTracker("Ended"):
        pass
    with pk.ProgressTracker("Running") as tracker:
        assert [each.name for each in pk.operations()] == ["Ended", "Running"]
        assert pk.get(tracker.id).state == "running"
    assert pk.get(publisher.ended[0].id).name == "Ended"


def test_an_unknown_operation(hub: Hub) -> None:
    """It is a `LookupError`, whoever was asked."""
    with pytest.raises(pk.OperationNotFoundError, match="'op_none'"):
        pk.get("op_none")
    with pytest.raises(LookupError):
        pk.cancel("op_none")


def test_an_unknown_operation_without_a_hub(no_hub: Hub) -> None:
    """The error says that nobody else could be asked, and why."""
    for ask in (pk.get, pk.cancel):
        with pytest.raises(pk.OperationNotFoundError, match="no hub could be asked") as caught:
            ask("op_none")
        assert caught.value.__cause__ is no_hub.error


def test_a_hub_that_refuses_says_so(hub: Hub) -> None:
    """A refusal is no missing hub."""
    hub.error = pk.HubRefusedError("forbidden", "not yours")
    with pytest.raises(pk.HubRefusedError, match="not yours"):
        pk.operations()
