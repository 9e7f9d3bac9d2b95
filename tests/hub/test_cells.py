"""When a cell is an operation, and what it says; and how the hub treats what the server says itself."""

import msgspec
import pytest

from progress_kit.hub import Connected, Executed, KernelDied, Now
from progress_kit.hub import cells as module
from progress_kit.hub.cells import Cells
from progress_kit.model import Failure, Origin, Snapshot
from progress_kit.protocol.messages import Error, Execution, Hello, PublisherInfo, State, WatchCells
from tests.hub.bench import Bench


def at(second: float) -> Now:
    """A moment."""
    return Now(second, 1_700_000_000.0 + second)


def execution(after_s: float | None, request: str = "r_1") -> Execution:
    """What a page says of a cell that it sends."""
    return Execution(kernel_id="k_1", request=request, cell_id="c_1", notebook="a.ipynb", after_s=after_s)


def begun(cells: Cells, request: str = "r_1", code: str = "work()", second: float = 0.0) -> None:
    """Let a kernel begin with a cell."""
    cells.busy("k_1", request, at(second))
    cells.code("k_1", request, code)


def promoted(cells: Cells, second: float) -> Snapshot:
    """Return the operation that the one cell that is due becomes."""
    (cell,) = cells.due(at(second))
    snapshot = cells.begin(cell, at(second))
    assert snapshot is not None
    return snapshot


@pytest.mark.parametrize("first", ["page", "kernel"])
def test_a_page_says_how_long_is_long(first: str) -> None:
    """Whether its message or the kernel's comes first; it names the cell and the notebook."""
    cells = Cells(None)
    if first == "page":
        cells.execution(execution(5.0))
    begun(cells)
    if first == "kernel":
        cells.execution(execution(5.0))
    assert cells.due(at(4.9)) == []
    snapshot = promoted(cells, 5.0)
    assert (snapshot.id, snapshot.name, snapshot.kind, snapshot.seq) == ("cell_r_1", "work()", "work()@a.ipynb", 1)
    assert snapshot.origin == Origin(kernel_id="k_1", notebook="a.ipynb", cell_id="c_1")
    assert (snapshot.started_at, snapshot.elapsed_s, snapshot.fraction) == (at(0).wall, 5.0, None)
    assert cells.due(at(9)) == []


def test_a_page_may_say_no_where_the_server_says_yes() -> None:
    """The user's setting wins over the server's; without a page the server's counts."""
    cells = Cells(2.0)
    cells.execution(execution(None, "r_1"))
    begun(cells, "r_1")
    begun(cells, "r_2")
    assert [cell.request for cell in cells.due(at(10))] == ["r_2"]
    silent = Cells(None)
    begun(silent)
    assert silent.due(at(1e6)) == []


def test_silent_requests_are_no_cells() -> None:
    """What no person typed is not shown: a kernel tells no code for it."""
    cells = Cells(1.0)
    cells.busy("k_1", "r_1", at(0))
    assert cells.due(at(10)) == []
    assert cells.idle("k_1", "r_1", at(11)) is None
    assert not cells


@pytest.mark.parametrize(
    "code, name",
    [
        ("\n\n  x = load()  \ny", "x = load()"),
        ("", "Cell"),
        ("a" * 100, "a" * 79 + "…"),
        ("bad\u202ename\x07", "bad�name�"),
    ],
)
def test_a_cell_is_called_by_its_first_line(code: str, name: str) -> None:
    """Cut visibly, and safe to show."""
    cells = Cells(1.0)
    begun(cells, code=code)
    snapshot = promoted(cells, 2)
    assert (snapshot.name, snapshot.kind) == (name, None)


def test_an_id_is_made_of_any_request() -> None:
    """Other clients name their requests as they like; the operation's id is valid, and the same each time."""
    ids = set()
    for request in ("r 1/ü", "r 1/ü", "x" * 500):
        cells = Cells(1.0)
        begun(cells, request)
        ids.add(promoted(cells, 2).id)
    assert len(ids) == 2
    for name in ids:
        msgspec.convert({"id": name, "name": "n", "state": "running"}, Snapshot)


@pytest.mark.parametrize(
    "error, interrupted_at, state, failure",
    [
        (None, None, "succeeded", None),
        (None, 6.0, "succeeded", None),
        (("ValueError", "no"), None, "failed", Failure(type="ValueError", message="no")),
        (("KeyboardInterrupt", ""), None, "cancelled", None),
        (("Error in Sys.sleep(9)", ""), 6.0, "cancelled", None),
        (("ValueError", "no"), -30.0, "failed", Failure(type="ValueError", message="no")),
        (("ValueError", "no"), 7.5, "failed", Failure(type="ValueError", message="no")),
    ],
)
def test_a_cell_ends_as_its_kernel_says(
    error: tuple[str, str] | None, interrupted_at: float | None, state: str, failure: Failure | None
) -> None:
    """An error fails it; the error that follows an interrupt, in any language, is a cancel."""
    cells = Cells(1.0)
    begun(cells)
    promoted(cells, 2)
    if interrupted_at is not None:
        cells.interrupted("k_1", at(interrupted_at))
    if error is not None:
        cells.error("k_1", "r_1", *error, at(7))
    ended = cells.idle("k_1", "r_1", at(8))
    assert ended is not None
    assert (ended.state, ended.error, ended.elapsed_s, ended.ended_at) == (state, failure, 8.0, at(8).wall)
    assert (ended.actions, ended.stage, ended.stages[0].state) == ((), None, state)
    assert not cells


def test_short_cells_leave_nothing() -> None:
    """What ends before its time was never an operation, and unknown requests are none."""
    cells = Cells(5.0)
    begun(cells)
    cells.error("k_1", "r_1", "ValueError", "no", at(1))
    assert cells.idle("k_1", "r_1", at(2)) is None
    cells.error("k_1", "r_9", "ValueError", "no", at(1))
    cells.code("k_1", "r_9", "x")
    assert cells.idle("k_1", "r_9", at(2)) is None


def test_one_that_ends_while_it_is_looked_up_is_not_begun() -> None:
    """Between the question for its notebook and the answer the cell may have gone."""
    cells = Cells(1.0)
    begun(cells)
    (cell,) = cells.due(at(2))
    cells.idle("k_1", "r_1", at(3))
    assert cells.begin(cell, at(3)) is None


def test_its_duration_is_told_every_two_seconds() -> None:
    """Between them viewers count for themselves."""
    cells = Cells(1.0)
    begun(cells)
    promoted(cells, 2)
    assert list(cells.refresh(at(3.9))) == []
    (snapshot,) = cells.refresh(at(4))
    assert (snapshot.seq, snapshot.elapsed_s, snapshot.state) == (2, 4.0, "running")
    assert cells.kernel_of("cell_r_1") == "k_1"
    assert cells.kernel_of("cell_r_2") is None
    assert cells.kernels() == {"k_1"}


def test_a_cell_that_reports_itself_is_no_operation() -> None:
    """One that began after the cell did is the cell's; an earlier one (a thread's) and another kernel's are not."""
    cells = Cells(5.0)
    begun(cells, second=100.0)
    assert cells.tracked("k_1", at(99).wall) == []
    assert cells.tracked("k_2", at(101).wall) == []
    assert len(cells.due(at(110))) == 1
    assert cells.tracked("k_1", at(101).wall) == []
    assert cells.due(at(110)) == []
    assert cells.idle("k_1", "r_1", at(120)) is None


def test_one_that_reports_itself_late_is_withdrawn() -> None:
    """Its operation is taken back once, and has no end."""
    cells = Cells(1.0)
    begun(cells)
    snapshot = promoted(cells, 2)
    assert cells.tracked("k_1", at(3).wall) == [snapshot.id]
    assert cells.tracked("k_1", at(3).wall) == []
    assert list(cells.refresh(at(9))) == []
    assert cells.idle("k_1", "r_1", at(9)) is None


def test_a_dead_kernel_runs_nothing() -> None:
    """Neither what it ran nor what it was to run is remembered."""
    cells = Cells(1.0)
    cells.execution(execution(9.0, "r_next"))
    begun(cells)
    snapshot = promoted(cells, 2)
    begun(cells, "r_2")
    assert cells.kernel_died("k_1") == [snapshot.id]
    assert not cells
    begun(cells, "r_next")
    assert len(cells.due(at(2))) == 1


def test_what_pages_say_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of cells that never begin the oldest are forgotten."""
    monkeypatch.setattr(module, "EXECUTIONS", 2)
    cells = Cells(None)
    for number in range(3):
        cells.execution(execution(1.0, f"r_{number}"))
    for number in range(3):
        begun(cells, f"r_{number}")
    assert [cell.request for cell in cells.due(at(2))] == ["r_1", "r_2"]


# -- the hub ----------------------------------------------------------------------------------------------------------


def server(hub: Bench) -> None:
    """Let the server publish an operation of a kernel, as its own publisher does."""
    hub.handle(Connected(9, via="server"))
    hub.say(9, Hello(token=hub.token("publish"), client="server/1", publisher=PublisherInfo(session="server_1")))
    hub.publish(9, Snapshot(id="cell_1", name="x", state="running", origin=Origin(kernel_id="k_1")))


def test_what_the_server_says_is_marked(hub: Bench) -> None:
    """`via` is `server`, and it does not count among the publishers."""
    server(hub)
    hub.subscriber(2)
    (shown,) = hub.got(2, State)[-1].operations
    assert shown.hub is not None
    assert shown.hub.via == "server"
    assert hub.manager.counts() == (1, 0, 1)
    assert hub.manager.observed_kernels() == {"k_1"}
    assert hub.manager.reported_by("k_1") == []


def test_what_the_server_says_is_taken_back_quietly(hub: Bench) -> None:
    """Only the server's own operation, and only of its owner; no page keeps it, and no end is announced."""
    server(hub)
    hub.publisher(1)
    hub.publish(1, Snapshot(id="op_1", name="x", state="running", origin=Origin(kernel_id="k_1")))
    hub.subscriber(2)
    assert hub.manager.reported_by("k_1") == [hub.now.wall]
    for owner, operation in (("local", "op_1"), ("ann", "cell_1"), ("local", "cell_1"), ("local", "cell_9")):
        hub.take(hub.manager.withdraw(owner, operation, hub.now))
    hub.wait(1)
    assert [each for state in hub.got(2, State) for each in state.removed] == ["cell_1"]
    assert hub.kept == []


def test_the_server_s_word_is_not_waited_for_when_a_kernel_dies(hub: Bench) -> None:
    """There is no process whose last frames may be on their way."""
    server(hub)
    hub.subscriber(2)
    hub.handle(KernelDied("k_1"))
    assert hub.rows[-1].state == "failed"


def test_the_kernels_are_listened_to_while_a_page_wants_that(hub: Bench) -> None:
    """One of the user's pages is enough; one that is closed takes nothing back, one that is told no does."""
    for conn in (1, 2):
        hub.subscriber(conn)
    hub.subscriber(3, token=hub.token("subscribe", sub="other"))
    hub.subscriber(4, token=hub.token("subscribe", notebook="a.ipynb"))
    hub.say(3, WatchCells(after_s=1.0))
    hub.say(4, WatchCells(after_s=1.0))
    assert [error.code for error in hub.got(4, Error)] == ["forbidden"]
    for conn, after_s in ((1, None), (1, 30.0), (2, None), (1, None), (2, 30.0)):
        hub.say(conn, WatchCells(after_s=after_s))
    hub.disconnect(2)
    assert [each.wanted for each in hub.watches if each.owner == "local"] == [False, True, True, False, True]


def test_pages_say_what_they_execute(hub: Bench) -> None:
    """A page of the user, that is: neither a publisher nor a share link."""
    hub.subscriber(1)
    hub.subscriber(2, token=hub.token("subscribe", notebook="a.ipynb"))
    hub.publisher(3)
    for conn in (2, 3):
        hub.say(conn, execution(1.0))
        assert [error.code for error in hub.got(conn, Error)] == ["forbidden"]
    assert hub.executed == []
    hub.say(1, execution(1.0))
    assert hub.executed == [Executed("local", execution(1.0))]
