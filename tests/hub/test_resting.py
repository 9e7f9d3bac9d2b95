"""Publishing by requests: what the hub makes of each, and how commands come back."""

import json
from typing import Any

import msgspec
import pytest

from progress_kit.errors import ProtocolError
from progress_kit.hub import Claims, Keeping, PriorLoaded, Restored
from progress_kit.model import Prior, Snapshot
from progress_kit.protocol import Limits, decode_snapshot
from progress_kit.protocol.messages import Command, CommandResult, Scope, Span, State, Timeline
from progress_kit.protocol.rest import CommandAnswer, PutRequest, PutResponse
from tests.hub.bench import Bench


def claims(hub: Bench, *scopes: Scope, sub: str = "local", **narrow: Any) -> Claims:
    """What the holder of such a token may do."""
    return hub.authority.verify(hub.token(*scopes, sub=sub, **narrow), hub.now.wall)


def put(
    hub: Bench, snapshot: dict[str, Any], operation: str = "op_1", by: Claims | None = None, **more: Any
) -> PutResponse:
    """Publish one state by a request; return the answer."""
    request = PutRequest(snapshot=msgspec.Raw(json.dumps(snapshot).encode()), **more)
    hub.take(hub.manager.put(by or claims(hub, "publish"), operation, request, hub.now))
    return hub.manager.told(operation)


def shown(hub: Bench, conn: int = 9) -> Snapshot:
    """What a subscriber was shown last."""
    hub.wait(1)
    return [each for state in hub.got(conn, State) for each in state.operations][-1]


RUNNING = {"name": "Backup", "state": "running", "stages": [{"name": "main", "done": 40, "total": 100}]}
ENDED = {"name": "Backup", "state": "succeeded"}
PRIOR = Prior(runs=3, total_s=(1.0, 2.0, 3.0))


def test_name_and_state_are_enough(hub: Bench) -> None:
    """The hub counts the snapshots, and says how far the operation is."""
    hub.subscriber(9)
    assert put(hub, RUNNING) == PutResponse(seq=1, state="running", durable=False, commands=())
    found = shown(hub)
    assert found.hub is not None
    assert (found.id, found.name, found.hub.via, found.hub.owner) == ("op_1", "Backup", "rest", "local")
    assert (found.fraction, found.stage, found.stages[0].state) == (0.4, "main", "running")
    assert put(hub, {"name": "Backup", "state": "running"}).seq == 2
    assert shown(hub).fraction is None


def test_who_names_no_times_gets_those_of_the_hub(hub: Bench) -> None:
    """So that a script of a few lines is shown with its time, and the next run can be compared with this one."""
    hub.subscriber(9)
    began = hub.now.wall
    put(hub, RUNNING)
    hub.wait(20)
    put(hub, RUNNING)
    found = shown(hub)
    assert (found.started_at, found.elapsed_s, found.ended_at) == (began, 20, None)
    ended = hub.now.wall
    put(hub, ENDED)
    found = shown(hub)
    assert (found.started_at, found.elapsed_s, found.ended_at) == (began, ended - began, ended)


def test_times_that_are_named_are_kept(hub: Bench) -> None:
    """The sender knows better how long it has been going on."""
    hub.subscriber(9)
    put(hub, RUNNING | {"started_at": 5.0, "elapsed_s": 700.0})
    found = shown(hub)
    assert (found.started_at, found.elapsed_s) == (5.0, 700.0)


def test_the_end_is_durable_when_it_is_stored(hub: Bench) -> None:
    """Asked again, the answer says so; and it is final."""
    put(hub, RUNNING)
    assert not put(hub, ENDED | {"seq": 7}).durable
    hub.stored("op_1", 7)
    assert put(hub, ENDED | {"seq": 7}).durable
    assert [row.state for row in hub.rows] == ["running", "succeeded"]
    for later in (ENDED, RUNNING, ENDED | {"seq": 8}):
        with pytest.raises(ProtocolError) as error:
            put(hub, later)
        assert error.value.code == "terminal"


def test_an_older_snapshot_is_refused_and_the_same_renews_the_lease(hub: Bench) -> None:
    """By the sender's own count."""
    hub.subscriber(9)
    put(hub, RUNNING | {"seq": 5})
    with pytest.raises(ProtocolError) as error:
        put(hub, RUNNING | {"seq": 4})
    assert error.value.code == "stale_seq"
    for _ in range(4):
        hub.wait(6)
        assert put(hub, RUNNING | {"seq": 5}).seq == 5
    assert len([each for state in hub.got(9, State) for each in state.operations]) == 1


def lease(hub: Bench) -> str:
    """What the hub believes of the operation."""
    data = hub.manager.snapshot(claims(hub, "subscribe"), "op_1")
    assert data is not None
    hub_info = decode_snapshot(data).hub
    assert hub_info is not None
    return hub_info.lease


def test_a_lease_may_be_long(hub: Bench) -> None:
    """A backup that says something every ten minutes is no lost one in between."""
    put(hub, RUNNING, lease_s=600)
    hub.wait(290)
    assert lease(hub) == "ok"
    hub.wait(20)
    assert lease(hub) == "stale"
    hub.wait(300)
    assert lease(hub) == "lost"
    put(hub, RUNNING, lease_s=600)
    assert lease(hub) == "ok"


@pytest.mark.parametrize(
    "snapshot",
    [
        {"name": "x"},
        {"state": "running"},
        {"name": "x", "state": "sleeping"},
        {"name": "x", "state": "running", "seq": -1},
        {"name": "x", "state": "running", "seq": None},
        {"name": "x", "state": "running", "stages": 3},
        {"name": "x", "state": "running", "stages": [3]},
        {"name": 7, "state": "running"},
        {"name": "x" * 201, "state": "running"},
        [],
    ],
)
def test_what_is_no_snapshot_is_refused(hub: Bench, snapshot: Any) -> None:
    """And nothing has changed."""
    with pytest.raises(ProtocolError) as error:
        put(hub, snapshot)
    assert error.value.code == "bad_request"
    assert hub.manager.known("op_1") is None
    with pytest.raises(ProtocolError):
        hub.manager.told("op_1")


def test_the_address_says_which_operation_it_is(hub: Bench) -> None:
    """Not the body."""
    put(hub, RUNNING | {"id": "op_other"})
    assert hub.manager.known("op_1") == "open"
    assert hub.manager.known("op_other") is None


def test_an_operation_belongs_to_its_session(hub: Bench) -> None:
    """Of a user and a process: nobody else publishes it, by whichever way."""
    hub.publisher(1, "s_1")
    hub.publish(1, Snapshot(id="op_1", name="n", state="running", seq=1))
    put(hub, RUNNING, "op_2", session="s_2")
    attempts: list[tuple[str, Claims, str | None]] = [
        ("op_1", claims(hub, "publish"), None),
        ("op_1", claims(hub, "publish"), "s_2"),
        ("op_2", claims(hub, "publish"), None),
        ("op_2", claims(hub, "publish", sub="ann"), "s_2"),
        ("op_3", claims(hub, "publish", operation="op_2"), None),
    ]
    for operation, by, session in attempts:
        with pytest.raises(ProtocolError) as error:
            put(hub, RUNNING, operation, by, session=session)
        assert error.value.code == "forbidden"
    assert put(hub, RUNNING | {"seq": 9}, "op_1", session="s_1").seq == 9


def test_a_token_of_one_operation_publishes_that_one(hub: Bench) -> None:
    """For a script that is trusted with no more."""
    assert put(hub, RUNNING, "op_1", claims(hub, "publish", operation="op_1")).seq == 1


def test_too_many_requests_are_refused_but_no_end(hub: Bench) -> None:
    """Until time has passed."""
    hub = Bench(limits=Limits(messages_per_s=1.0, burst_messages=3))
    for _ in range(3):
        put(hub, RUNNING)
    with pytest.raises(ProtocolError) as error:
        put(hub, RUNNING)
    assert error.value.code == "rate"
    hub.wait(1)
    put(hub, RUNNING)
    assert put(hub, ENDED).state == "succeeded"


def test_a_command_waits_for_the_next_request(hub: Bench) -> None:
    """Until it is answered; who asked hears the answer."""
    hub.subscriber(9)
    put(hub, RUNNING | {"actions": ["cancel"]})
    hub.say(9, Command(request="r", operation="op_1", action="cancel", reason="enough"))
    (command,) = put(hub, RUNNING | {"actions": ["cancel"]}).commands
    assert (command.action, command.reason, command.by) == ("cancel", "enough", "local")
    assert put(hub, RUNNING | {"actions": ["cancel"]}).commands == (command,)
    hub.take(hub.manager.answer(claims(hub, "publish"), "op_1", command.request, CommandAnswer(ok=True), hub.now))
    assert hub.got(9, CommandResult) == [CommandResult(request="r", ok=True)]
    assert put(hub, RUNNING).commands == ()


def test_of_commands_that_say_the_same_the_last_waits(hub: Bench) -> None:
    """Somebody pressed the button again and again; after the end none waits."""
    hub.subscriber(9)
    put(hub, RUNNING | {"actions": ["cancel", "pause"]})
    put(hub, RUNNING, "op_2")
    for number in range(5):
        hub.say(9, Command(request=f"r{number}", operation="op_1", action="cancel"))
    hub.say(9, Command(request="p", operation="op_1", action="pause"))
    assert [each.action for each in put(hub, RUNNING | {"actions": ["cancel"]}).commands] == ["cancel", "pause"]
    assert put(hub, RUNNING, "op_2").commands == ()
    assert put(hub, ENDED).commands == ()


@pytest.mark.parametrize("case", ["unknown", "another operation", "another user", "another token"])
def test_an_answer_to_no_command_is_refused(hub: Bench, case: str) -> None:
    """It tells nothing of what others have."""
    hub.subscriber(9)
    put(hub, RUNNING | {"actions": ["cancel"]}, session="s_1")
    put(hub, RUNNING, "op_2", session="s_1")
    hub.say(9, Command(request="r", operation="op_1", action="cancel"))
    (command,) = put(hub, RUNNING | {"actions": ["cancel"]}, session="s_1").commands
    by, operation, request = claims(hub, "publish"), "op_1", command.request
    if case == "unknown":
        request = "c99"
    elif case == "another operation":
        operation = "op_2"
    elif case == "another user":
        by = claims(hub, "publish", sub="ann")
    else:
        by = claims(hub, "publish", operation="op_2")
    with pytest.raises(ProtocolError) as error:
        hub.manager.answer(by, operation, request, CommandAnswer(ok=True), hub.now)
    assert error.value.code == "not_found"


def test_an_answer_that_comes_late_is_taken(hub: Bench) -> None:
    """Who asked has been told by then that none came."""
    hub.subscriber(9)
    put(hub, RUNNING | {"actions": ["cancel"]}, lease_s=600)
    hub.say(9, Command(request="r", operation="op_1", action="cancel"))
    hub.wait(11)
    assert hub.got(9, CommandResult) == [CommandResult(request="r", ok=False, error="unsupported")]
    (command,) = put(hub, RUNNING, lease_s=600).commands
    hub.take(hub.manager.answer(claims(hub, "publish"), "op_1", command.request, CommandAnswer(ok=True), hub.now))
    assert put(hub, RUNNING, lease_s=600).commands == ()


def test_its_history_is_kept_as_it_wishes(hub: Bench) -> None:
    """Or as the server does, whichever is less."""
    put(hub, RUNNING, history="off")
    assert hub.rows == []
    strict = Bench(keeping=Keeping("off"))
    put(strict, RUNNING)
    assert strict.rows == []


def test_what_a_kind_took_is_asked_for_once(hub: Bench) -> None:
    """Not with each request."""
    for _ in range(5):
        put(hub, RUNNING | {"kind": "backup"})
    assert len(hub.asked) == 1


def test_a_fraction_that_is_given_is_kept(hub: Bench) -> None:
    """A sender may know better than its counts; and which stage it is in."""
    hub.subscriber(9)
    put(hub, RUNNING | {"fraction": 0.9, "stage": "upload"})
    found = shown(hub)
    assert (found.fraction, found.stage) == (0.9, "upload")


def test_a_long_lease_outlives_the_server(hub: Bench) -> None:
    """A backup that says something every ten minutes is not called lost because the server was started anew."""
    put(hub, RUNNING, lease_s=600)
    again = Bench(epoch="e_2")
    again.handle(Restored([hub.rows[-1]]))
    again.wait(290)
    again.subscriber(9)
    assert [each.hub.lease for each in again.got(9, State)[0].operations if each.hub is not None] == ["stale"]
    again.wait(20)
    assert [each.hub.lease for each in again.got(9, State)[-1].operations if each.hub is not None] == ["lost"]


def test_a_publisher_that_estimates_is_told_what_earlier_runs_took(hub: Bench) -> None:
    """With the answer to its next request, once; one that does not estimate has nothing from it."""
    for operation, estimates in (("op_1", True), ("op_2", False)):
        put(hub, RUNNING | {"kind": "backup"}, operation, session=f"s_{operation}", estimates=estimates)
        hub.handle(PriorLoaded("local", "backup", PRIOR))
        told = put(hub, RUNNING | {"kind": "backup"}, operation, session=f"s_{operation}", estimates=estimates)
        assert told.priors == ({"backup": PRIOR} if estimates else {})
        assert put(hub, RUNNING | {"kind": "backup"}, operation, session=f"s_{operation}").priors == {}


def test_a_timeline_comes_with_the_end(hub: Bench) -> None:
    """And is kept with it; one of another operation is none of its."""
    span = Span("t1", "main", "pid 1", 1, 0.0, 2.0, "succeeded")
    put(hub, RUNNING, session="s_1")
    put(hub, ENDED, session="s_1", timeline=Timeline(operation="op_1", spans=(span,)))
    put(hub, ENDED, "op_2", session="s_1", timeline=Timeline(operation="op_1", spans=(span,)))
    assert [(each.operation, each.spans) for each in hub.records] == [("op_1", (span,))]
