"""Frames that are accepted and frames that are not."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progress_kit.errors import ProtocolError
from progress_kit.model import Snapshot, Stage
from progress_kit.protocol import decode_client, decode_hub, decode_snapshot, encode
from progress_kit.protocol.messages import Publish, Subscribe

LIMIT = 256 * 1024


def publish(**fields: object) -> str:
    """Return a publish frame with one operation."""
    return json.dumps({"type": "publish", "operations": [{"id": "op_1", "name": "x", "state": "running", **fields}]})


def decoded(**fields: object) -> Snapshot:
    """Return the operation as the hub reads it."""
    message = decode_client(publish(**fields), limit=LIMIT)
    assert isinstance(message, Publish)
    return message.operations[0]


def test_a_snapshot_needs_only_id_name_and_state() -> None:
    """Everything else is unknown, and unknown fields of a newer sender are ignored."""
    snapshot = decoded(colour="blue")
    assert (snapshot.seq, snapshot.fraction, snapshot.stages) == (0, None, ())


def test_unknown_is_sent_as_null() -> None:
    """No field of a snapshot is ever absent."""
    sent = json.loads(encode(Snapshot(id="op_1", name="x", state="running")))
    assert set(sent) == set(Snapshot.__struct_fields__)
    assert sent["fraction"] is None


def test_optional_fields_of_requests_are_left_out() -> None:
    """A subscription to everything is short."""
    assert encode(Subscribe(id="s")) == b'{"type":"subscribe","id":"s","filter":{}}'


def test_numbers_keep_their_form() -> None:
    """43 items stay 43, half an epoch stays 0.5."""
    snapshot = decoded(stages=[{"name": "a", "done": 43}, {"name": "b", "done": 0.5}])
    assert encode(snapshot.stages[0]).count(b'"done":43,') == 1
    assert snapshot.stages[1].done == 0.5


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "op 1"},
        {"id": ""},
        {"id": "x" * 129},
        {"id": "op_1\n"},
        {"name": "x" * 201},
        {"message": "x" * 2_001},
        {"state": "skipped"},
        {"seq": -1},
        {"fraction": 1.1},
        {"stages": [{"name": "a", "weight": 0}]},
        {"stages": [{"name": "a", "total": -1}]},
        {"stages": [{"name": "a"}] * 65},
        {"tasks": [{"id": "t", "stage": "a"}] * 65},
        {"metrics": {"loss": "low"}},
        {"metrics": {str(number): 0 for number in range(65)}},
        {"name": "\ud800"},
        {"origin": {"pid": -1}},
        {"actions": ["explode"]},
    ],
    ids=str,
)
def test_values_outside_the_limits_are_refused(fields: dict[str, object]) -> None:
    """The hub refuses; it does not repair."""
    with pytest.raises(ProtocolError) as caught:
        decode_client(publish(**fields), limit=LIMIT)
    assert caught.value.code == "bad_request"


@pytest.mark.parametrize("frame", ["", "[]", "null", "1", "{", '{"type":7}', "{}", '{"type":"publish"}', "[" * 100_000])
def test_what_is_no_message_is_a_bad_request(frame: str) -> None:
    """Whatever it is, it is an error of the protocol and not a crash."""
    with pytest.raises(ProtocolError) as caught:
        decode_client(frame, limit=LIMIT)
    assert caught.value.code == "bad_request"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "-1e999"])
def test_numbers_are_finite(number: str) -> None:
    """Neither NaN nor infinity gets in."""
    frame = publish(metrics={"loss": 0.25}).replace("0.25", number)
    with pytest.raises(ProtocolError):
        decode_client(frame, limit=LIMIT)


def test_a_type_the_hub_does_not_know_is_unsupported() -> None:
    """So that the connection may go on."""
    with pytest.raises(ProtocolError) as caught:
        decode_client('{"type":"telepathy"}', limit=LIMIT)
    assert caught.value.code == "unsupported"


def test_a_frame_over_the_limit_is_too_large() -> None:
    """Counted in bytes, before anything is decoded."""
    for frame in ("x" * 101, "ü" * 51, b"x" * 101):
        with pytest.raises(ProtocolError) as caught:
            decode_client(frame, limit=100)
        assert caught.value.code == "too_large"


def test_errors_do_not_echo_what_was_sent() -> None:
    """Neither values nor keys: they might be a token."""
    with pytest.raises(ProtocolError) as caught:
        decode_client(publish(state="s3cret", metrics={"s3cret": "s3cret"}), limit=LIMIT)
    assert "s3cret" not in caught.value.message


def test_text_that_could_deceive_is_replaced_at_the_hub() -> None:
    """Control and bidirectional characters, in every string of the message, escaped or raw."""
    snapshot = decoded(name="a\u202eb", message="x\x00y\nz", metrics={"lo\u2066ss": 1})
    assert (snapshot.name, snapshot.message, list(snapshot.metrics)) == ("a\ufffdb", "x\ufffdy z", ["lo\ufffdss"])
    raw = '{"type":"publish","operations":[{"id":"op_1","name":"a\u202eb","state":"running"}]}'
    message = decode_client(raw, limit=LIMIT)
    assert isinstance(message, Publish)
    assert message.operations[0].name == "a\ufffdb"


def test_a_stored_snapshot_that_is_none_is_an_error() -> None:
    """Of the protocol, so that the caller can say which row is broken."""
    with pytest.raises(ProtocolError):
        decode_snapshot(b"{")


def outcome(decode: Callable[[], object]) -> str:
    """Return `message`, or the code of the protocol error."""
    try:
        decode()
    except ProtocolError as error:
        return error.code
    return "message"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
types = st.sampled_from(["hello", "publish", "subscribe", "command", "state", "welcome", "ack", "ping", "other"])


@given(st.dictionaries(st.sampled_from(["id", "token", "operations", "filter", "resume"]), json_values), types)
def test_any_json_is_a_message_or_a_protocol_error(fields: dict[str, object], kind: str) -> None:
    """Nothing else comes out, on both sides."""
    frame = json.dumps({"type": kind, **fields})
    for decode in (lambda: decode_client(frame, limit=LIMIT), lambda: decode_hub(frame)):
        assert outcome(decode) in {"message", "bad_request", "unsupported"}


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_protocol_error(frame: bytes) -> None:
    """Bad UTF-8 included."""
    assert outcome(lambda: decode_client(frame, limit=LIMIT)) in {"message", "bad_request", "unsupported"}


amounts = st.integers(0, 2**53) | st.floats(0, 1e12)


@given(
    st.builds(Stage, name=st.text(max_size=200), done=amounts, total=st.none() | amounts, weight=st.floats(1e-3, 1e3))
)
def test_a_snapshot_survives_the_wire(stage: Stage) -> None:
    """What is sent is what arrives."""
    snapshot = Snapshot(id="op_1", name="x", state="running", stages=(stage,))
    try:
        encoded = encode(snapshot)
    except UnicodeEncodeError:  # a lone surrogate, which the library never lets get here
        return
    assert decode_snapshot(encoded) == snapshot
