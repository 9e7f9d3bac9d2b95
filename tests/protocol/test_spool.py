"""The lines of a spool: what a process wrote down before it died, whatever became of the file."""

import pytest

from progress_kit.model import OperationState, Snapshot
from progress_kit.protocol import encode
from progress_kit.protocol.messages import PowerSum, StageRecord
from progress_kit.protocol.spool import LINE_BYTES, SpooledEnd, durable_line, end_line, file_name, pid_of, read


def end(operation: str = "op_1", seq: int = 7, state: OperationState = "succeeded") -> Snapshot:
    """How an operation ended."""
    return Snapshot(id=operation, name="Night\u0007ly", state=state, seq=seq)


def line(snapshot: Snapshot, hub_id: str | None = "h_1") -> bytes:
    """The line that a process writes for it."""
    return end_line(hub_id, "s_1", encode(snapshot))


def ids(ends: list[SpooledEnd]) -> list[str]:
    """The operations of these ends."""
    return [each.snapshot.id for each in ends]


def test_what_is_written_is_read() -> None:
    """The hub that it is for, the session, what the stages tell later runs; control characters are replaced."""
    stages = (StageRecord(name="main", costs=(PowerSum(1.0, 6.0),)),)
    (found,) = read(end_line("h_1", "s_1", encode(end()), stages).split(b"\n"))
    assert (found.hub_id, found.session, found.snapshot.seq, found.stages) == ("h_1", "s_1", 7, stages)
    assert found.snapshot.name == "Night\ufffdly"
    (found,) = read([line(end(), None)])
    assert (found.hub_id, found.stages) == (None, ())


def test_what_the_hub_has_stored_is_struck_out() -> None:
    """In whichever order the lines came; the history has it all the same."""
    lines = [durable_line({"op_2": 7}), line(end("op_1")), line(end("op_2")), durable_line({"op_1": 6})]
    assert ids(read(lines)) == ["op_1"]
    assert ids(read(lines, struck=True)) == ["op_1", "op_2"]
    assert read([*lines, durable_line({"op_1": 7})]) == []


def test_an_operation_is_read_once() -> None:
    """A line may be there twice; the newer end counts."""
    assert [each.snapshot.seq for each in read([line(end(seq=8)), line(end(seq=7)), line(end(seq=8))])] == [8]


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\0\0\0",
        b"[]",
        b"{}",
        b"null",
        b'{"durable":3}',
        b'{"snapshot":{}}',
        line(end())[:-30],
        b"\xff\xfe",
        b"[" * 9_999,
    ],
)
def test_a_broken_line_spoils_nothing(broken: bytes) -> None:
    """A disk that was full, a power failure: the other lines are read."""
    assert ids(read([line(end("op_1")), broken, line(end("op_2"))])) == ["op_1", "op_2"]


@pytest.mark.parametrize(
    "raw",
    [
        line(end(state="running")),
        line(end()).replace(b'"session":"s_1"', b'"session":"no id"'),
        line(end()).replace(b'"version":1', b'"version":0'),
        line(end()).replace(b'"seq":7', b'"seq":-7'),
        line(Snapshot(id="op", name="n" * LINE_BYTES, state="failed")),
    ],
    ids=["running", "session", "version", "seq", "long"],
)
def test_what_is_no_end_is_passed_over(raw: bytes) -> None:
    """Whoever wrote it."""
    assert read([raw]) == []


def test_the_name_says_whose_spool_it_is() -> None:
    """By the process, and who takes it in."""
    assert file_name(12) == "progress-kit-spool-12.jsonl"
    assert pid_of(file_name(12)) == pid_of(file_name(12, "h_1.2")) == 12
    assert pid_of("progress-kit-12.json") is pid_of("progress-kit-spool-x.jsonl") is None
