"""Where a proxy lets no WebSocket through, operations are told by requests: seen, cancelled, and never lost."""

from collections.abc import Iterator

import pytest

from tests.faults import FaultProxy
from tests.integration.processes import Home, Script, Server, Watcher, detour

pytestmark = pytest.mark.slow

STEPS = """
import progress_kit as pk
try:
    with pk.ProgressTracker({name!r}, stages={{"main": 1}}) as tracker:
        with tracker.stage("main", total=3, unit="steps") as stage:
            for step in range(3):
                print("at", step, tracker.id)
                input()
                stage.advance()
except pk.OperationCancelled:
    print("cancelled")
print("done")
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The directories that the tests of this file share."""
    return Home(tmp_path_factory.mktemp("rest"))


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Server]:
    """The server that they share."""
    with Server(home) as running:
        yield running


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    """A proxy that forbids upgrades."""
    with FaultProxy(server.port) as running:
        running.mode = "no_upgrade"
        yield running


@pytest.mark.parametrize("status", [403, 502])
def test_progress_is_told_by_requests(home: Home, server: Server, proxy: FaultProxy, status: int) -> None:
    """Whatever the proxy answers: counts, the end, and nothing on the program's own output."""
    proxy.status = status
    name = f"By requests {status}"
    with Script(home, STEPS.format(name=name), environment=detour(server, proxy)) as script, Watcher(home) as watcher:
        operation = script.out.until("at 0").split()[2]
        found = watcher.wait(name, "running", lease="ok")
        assert found.hub is not None
        assert found.hub.via == "rest"
        script.go_on()
        watcher.until(lambda: watcher.session.view[operation].stages[0].done == 1)
        script.go_on()
        script.go_on()
        assert script.wait() == 0
        assert script.err.rest() == ""
        assert watcher.wait(name, "succeeded", stored=True).id == operation
    assert proxy.refused_upgrades


def test_a_command_reaches_it(home: Home, server: Server, proxy: FaultProxy) -> None:
    """It comes with the answer to a request, and who asked hears that it was accepted."""
    with Script(home, STEPS.format(name="Far"), environment=detour(server, proxy)) as script, Watcher(home) as watcher:
        found = watcher.wait("Far", "running")
        request, frame = watcher.session.command(found.id, "cancel")
        watcher.send(frame)
        watcher.until(lambda: request in watcher.session.results)
        assert watcher.session.results[request].ok
        script.go_on()
        script.out.until("cancelled")
        watcher.wait("Far", "cancelled", stored=True)
        assert script.wait() == 0


def test_it_goes_back_to_the_websocket(home: Home, server: Server, proxy: FaultProxy) -> None:
    """As soon as one can be opened; the operation is the same."""
    source = "from progress_kit.publisher import requests\nrequests.STRETCH_S = 1.0\n" + STEPS.format(name="Back")
    with Script(home, source, environment=detour(server, proxy)) as script, Watcher(home) as watcher:
        found = watcher.wait("Back", "running")
        assert found.hub is not None
        assert found.hub.via == "rest"
        proxy.mode = "pass"
        script.go_on()

        def by_websocket() -> bool:
            hub = watcher.session.view[found.id].hub
            return hub is not None and hub.via == "websocket"

        watcher.until(by_websocket)
        script.go_on()
        script.go_on()
        watcher.wait("Back", "succeeded", stored=True)
        assert script.wait() == 0
