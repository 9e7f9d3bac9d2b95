"""What earlier runs took reaches the next one, with a real Jupyter server between them."""

import pytest

from progress_kit.model import Snapshot
from tests.integration.processes import Home, Script, Server, Watcher

pytestmark = pytest.mark.slow

# However short, these runs are worth telling, and their end is waited for on a slow machine too.
AT_ONCE = {"PROGRESS_KIT_ANNOUNCE_AFTER_S": "0", "PROGRESS_KIT_EXIT_FLUSH_S": "40"}

RUNS = """
import progress_kit as pk
for run in range({runs}):
    for size in pk.track([10, 20, 30], "Earlier", kind="thumbnails-v1", cost=float):
        pass
"""

NEXT = """
import progress_kit as pk
print("usual", pk.estimate("thumbnails-v1"))
print("by cost", pk.estimate("thumbnails-v1", cost=[10, 20]))
print("another", pk.estimate("never ran/before"))
for item in pk.track(range(3), "Next", kind="thumbnails-v1"):
    if item == 0:
        input()
"""


def run_ten_times(home: Home) -> None:
    """Have the history know ten runs; the script ends when the hub has stored all."""
    with Script(home, RUNS.format(runs=10), environment=AT_ONCE) as script:
        assert script.wait() == 0
        assert script.err.rest() == ""


def foretold(watcher: Watcher) -> Snapshot:
    """Wait until the next run has an estimate that rests on earlier ones."""
    watcher.until(lambda: any(_by_history(snapshot) for snapshot in watcher.session.view.values()))
    return next(filter(_by_history, watcher.session.view.values()))


def _by_history(snapshot: Snapshot) -> bool:
    return snapshot.estimate is not None and "history" in snapshot.estimate.basis


def test_the_next_run_is_estimated_before_its_first_item(home: Home, server: Server) -> None:
    """In another process than the earlier ones, and while nothing is counted yet; then it is slower than usual."""
    del server
    run_ten_times(home)
    with Script(home, NEXT, environment=AT_ONCE) as script, Watcher(home) as watcher:
        found = foretold(watcher)
        assert (found.name, found.stages[0].done) == ("Next", 0)
        assert found.estimate is not None
        assert found.estimate.basis == ("history",)
        assert "basis=('history',)" in script.out.until("usual")
        assert "basis=('cost', 'history')" in script.out.until("by cost")
        assert script.out.until("another") == "another None"
        # It waits for us, which no earlier run did: time that passes without an item is evidence enough.
        watcher.until(lambda: _slowdown(watcher.session.view[found.id]) > 1)
        script.go_on()
        watcher.wait("Next", "succeeded", stored=True)
        assert script.wait() == 0


def _slowdown(snapshot: Snapshot) -> float:
    return 0.0 if snapshot.estimate is None or snapshot.estimate.slowdown is None else snapshot.estimate.slowdown


def test_history_outlives_the_server(home: Home) -> None:
    """What ran under a server that was killed is known to the next one, and reaches a run that began between them."""
    with Server(home) as first:
        run_ten_times(home)
        first.kill()
    with Script(home, NEXT, environment=AT_ONCE) as script:
        with Server(home), Watcher(home) as watcher:
            found = foretold(watcher)
            assert (found.name, found.stages[0].done) == ("Next", 0)
        assert script.out.until("usual") == "usual None"
        script.go_on()
        assert script.wait() == 0


def test_a_program_asks_for_a_history_without_names(home: Home, server: Server) -> None:
    """By its environment, whatever the server keeps of others; the next run is foretold all the same."""
    del server
    source = RUNS.format(runs=3).replace("Earlier", "Letters to Durand").replace("thumbnails-v1", "durand-v1")
    with Script(home, source, environment={**AT_ONCE, "PROGRESS_KIT_HISTORY": "anonymous"}) as script:
        assert script.wait() == 0
        assert script.err.rest() == ""
    files = list((home.path / "data" / "progress_kit").iterdir())
    assert any(b"succeeded" in file.read_bytes() for file in files)
    assert not any(b"urand" in file.read_bytes() for file in files)
    with Script(home, 'import progress_kit as pk\nprint(pk.estimate("durand-v1"))') as script:
        assert script.wait() == 0
        assert "basis=('history',)" in script.out.rest()
