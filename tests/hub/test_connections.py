"""Getting in, staying in and being put out."""

import pytest

from progress_kit.hub import Connected, Received
from progress_kit.model import Snapshot
from progress_kit.protocol import Limits
from progress_kit.protocol.messages import (
    Error,
    Expiring,
    Heartbeat,
    Hello,
    Ping,
    Pong,
    Publish,
    Refresh,
    State,
    Subscribe,
    Welcome,
)
from tests.hub.bench import Bench


def test_welcome_says_what_a_client_needs(hub: Bench) -> None:
    """Who it is, what it may, how long, and the limits by name."""
    hub.connect(1, hub.token("subscribe"))
    (welcome,) = hub.got(1, Welcome)
    assert (welcome.user, welcome.scopes, welcome.epoch, welcome.known) == ("local", ("subscribe",), "e_1", None)
    assert welcome.token_expires_in_s == 300
    assert welcome.limits["frame_bytes"] == 256 * 1024


@pytest.mark.parametrize(
    "frame, code",
    [
        ('{"type":"ping"}', 4400),
        ("not json", 4400),
        ('{"type":"hello","token":"' + "x" * 5_000 + '","client":"c"}', 4400),
        ('{"type":"hello","token":"nonsense","client":"c"}', 4401),
        ('{"type":"hello","token":"","client":"c"}', 4401),
    ],
)
def test_whoever_does_not_say_hello_properly_is_put_out(hub: Bench, frame: str, code: int) -> None:
    """The first frame is a small hello with a valid token; nothing else is answered."""
    hub.handle(Connected(1))
    hub.handle(Received(1, frame))
    assert hub.closed == {1: code}
    assert hub.got(1, Welcome) == []


def test_hello_is_awaited_for_five_seconds(hub: Bench) -> None:
    """A silent connection costs nothing for long."""
    hub.handle(Connected(1))
    hub.wait(4)
    assert hub.closed == {}
    hub.wait(2)
    assert hub.closed == {1: 4408}


def test_publishing_needs_its_scope_and_no_page(hub: Bench) -> None:
    """A subscriber's token, a task's token, or a connection opened by a web page may not publish."""
    hub.connect(1, hub.token("subscribe"), session="s_1")
    hub.connect(2, hub.token("publish", operation="op_1"), session="s_2")
    hub.connect(3, hub.token("publish"), session="s_3", has_origin=True)
    assert hub.closed == {1: 4403, 2: 4403, 3: 4403}


def test_a_connection_that_does_not_publish_may_not(hub: Bench) -> None:
    """Even with the scope, the session must have been named in hello."""
    hub.connect(1, hub.token("publish"))
    hub.say(1, Publish(operations=(Snapshot(id="op_1", name="x", state="running", seq=1),)))
    hub.say(1, Heartbeat())
    hub.say(1, Subscribe(id="s"))
    assert [error.code for error in hub.got(1, Error)] == ["forbidden"] * 3
    assert hub.rows == []


def test_the_newest_connection_of_a_session_wins(hub: Bench) -> None:
    """A publisher that reconnects before the hub noticed takes its session over."""
    hub.publisher(1, session="s_1")
    hub.publisher(2, session="s_1")
    assert hub.closed == {1: 4409}
    hub.publish(2, Snapshot(id="op_1", name="x", state="running", seq=1))
    assert len(hub.rows) == 1


def test_connections_are_counted_by_user() -> None:
    """One user's many tabs do not lock others out."""
    hub = Bench(limits=Limits(subscribers_per_user=2, publishers_per_user=1))
    for conn in (1, 2, 3):
        hub.subscriber(conn)
    hub.publisher(4, session="s_1")
    hub.publisher(5, session="s_2")
    hub.subscriber(6, sub="bob")
    assert hub.closed == {3: 4429, 5: 4429}
    assert hub.manager.counts() == (0, 1, 3)


def test_a_token_is_refreshed_while_the_connection_lives(hub: Bench) -> None:
    """The hub warns a minute ahead; with a newer token the connection goes on, without it ends."""
    hub.subscriber(1)
    hub.subscriber(2)
    hub.wait(241)
    assert len(hub.got(1, Expiring)) == 1
    hub.say(1, Refresh(token=hub.token("subscribe")))
    hub.wait(100)
    assert hub.closed == {2: 4401}


def test_a_refresh_cannot_change_who_it_is(hub: Bench) -> None:
    """The subject stays; a token that is none is refused and the old one goes on."""
    hub.subscriber(1)
    hub.say(1, Refresh(token="nonsense"))
    assert hub.got(1, Error)[-1].code == "unauthenticated"
    hub.say(1, Refresh(token=hub.token("subscribe", sub="mallory")))
    assert hub.closed == {1: 4403}


def test_a_refresh_re_evaluates_the_scopes(hub: Bench) -> None:
    """A token without `subscribe` ends the subscriptions."""
    hub.subscriber(1)
    hub.say(1, Refresh(token=hub.token("command")))
    hub.publisher(2)
    hub.publish(2, Snapshot(id="op_1", name="x", state="running", seq=1))
    hub.wait(1)
    assert all(not state.operations for state in hub.got(1, State))


def test_a_revoked_token_ends_its_connections(hub: Bench) -> None:
    """Within a second."""
    token = hub.token("subscribe")
    hub.connect(1, token)
    hub.authority.revoke(hub.authority.verify(token, hub.now.wall).jti)
    hub.wait(1)
    assert hub.closed == {1: 4401}


def test_an_unknown_message_is_answered_and_the_connection_goes_on(hub: Bench) -> None:
    """A newer client may say more than this hub knows."""
    hub.subscriber(1)
    hub.handle(Received(1, '{"type":"telepathy","visible":true}'))
    hub.say(1, Ping())
    assert [error.code for error in hub.got(1, Error)] == ["unsupported"]
    assert hub.got(1, Pong) == [Pong()]
    assert hub.closed == {}


def test_a_malformed_frame_ends_the_connection(hub: Bench) -> None:
    """And so does one that is too large for the hub."""
    hub.subscriber(1)
    hub.handle(Received(1, '{"type":"subscribe","id":"not an id"}'))
    assert hub.closed == {1: 4400}


def test_hello_comes_once(hub: Bench) -> None:
    """A second one is an error."""
    hub.subscriber(1)
    hub.say(1, Hello(token=hub.token("subscribe"), client="c"))
    assert [error.code for error in hub.got(1, Error)] == ["bad_request"]
