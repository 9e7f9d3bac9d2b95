"""Progress for programs that speak MCP or LSP.

The examples were checked with the types of `mcp` 2.3 (`ProgressNotification`) and `lsprotocol` 2025.0
(`ProgressNotification`, `WorkDoneProgressBegin`, `…Report`, `…End`), which know no field more and none less.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from progress_kit.display.notifications import Lsp, Mcp, Notify
from progress_kit.model import Estimate, Failure, Snapshot, Stage


def copying(done: int, total: int | None = 8, **more: Any) -> Snapshot:
    """An operation that copies files."""
    stage = Stage(name="main", state="running", done=done, total=total, unit="files")
    fraction = None if total is None else done / total
    fields = {"name": "Copy", "state": "running", "stage": "main", "stages": (stage,), "fraction": fraction}
    return Snapshot(**{"id": "op_1", "actions": ("cancel",), **fields, **more})


FINISHED = copying(8, state="succeeded", stage=None, fraction=1.0, elapsed_s=3.4)
FAILED = copying(4, state="failed", error=Failure(type="OSError", message="disk full"), elapsed_s=2.0)


def sent(notify: Notify, *snapshots: Snapshot) -> list[Any]:
    """The parameters of all notifications that are due."""
    return [notification["params"] for snapshot in snapshots for notification in notify(snapshot)]


def test_mcp_is_told_percent() -> None:
    """With the token that its request named; what changes nothing is not told twice."""
    running = replace(copying(5), estimate=Estimate(p50_s=40.0))
    assert Mcp(7)(running) == [
        {
            "jsonrpc": "2.0",
            "method": "notifications/progress",
            "params": {
                "progressToken": 7,
                "progress": 62.5,
                "total": 100,
                "message": "5 / 8 files · about 40 s left",
            },
        }
    ]
    notify = Mcp("t")
    assert [each["progress"] for each in sent(notify, copying(5), copying(5), copying(6), FINISHED)] == [62.5, 75, 100]


def test_mcp_is_told_counts_where_there_is_no_total() -> None:
    """A total that is learnt later does not make it jump back."""
    told = sent(Mcp("t"), copying(3, None), copying(5, None), copying(6, 8), copying(7, 8))
    assert [(each["progress"], each.get("total")) for each in told] == [(3, None), (5, None), (6, None), (7, None)]


def test_lsp_is_told_begin_reports_and_end() -> None:
    """Once each change; the title stands in the first, and how it ended in the last."""
    notify = Lsp("op_1")
    assert notify(copying(1)) == [
        {
            "jsonrpc": "2.0",
            "method": "$/progress",
            "params": {
                "token": "op_1",
                "value": {
                    "kind": "begin",
                    "title": "Copy",
                    "cancellable": True,
                    "message": "1 / 8 files",
                    "percentage": 12,
                },
            },
        }
    ]
    told = [each["value"] for each in sent(notify, copying(1), copying(4), FINISHED, FINISHED)]
    assert told == [
        {"kind": "report", "message": "4 / 8 files", "percentage": 50},
        {"kind": "end", "message": "finished in 3.4 s"},
    ]


def test_lsp_is_told_both_ends_of_what_has_ended_before() -> None:
    """A progress that ends has begun."""
    told = [each["value"] for each in sent(Lsp("t"), FAILED)]
    assert [(each["kind"], each["message"]) for each in told] == [
        ("begin", "failed: OSError: disk full · after 2.0 s at 50 %"),
        ("end", "failed: OSError: disk full · after 2.0 s at 50 %"),
    ]
    assert told[0]["cancellable"] is False


SNAPSHOTS = st.lists(st.builds(copying, st.integers(0, 20), st.none() | st.integers(20, 30)), max_size=20)


@pytest.mark.parametrize("end", [FINISHED, FAILED], ids=["finished", "failed"])
@given(snapshots=SNAPSHOTS)
def test_the_rules_of_both_protocols_hold(end: Snapshot, snapshots: list[Snapshot]) -> None:
    """Whatever the operation does: MCP's numbers grow, LSP has one begin, then reports, then one end."""
    numbers = [each["progress"] for each in sent(Mcp("t"), *snapshots, end)]
    assert numbers == sorted(set(numbers))
    kinds = [each["value"]["kind"] for each in sent(Lsp("t"), *snapshots, end)]
    assert (kinds[0], kinds[-1]) == ("begin", "end")
    assert set(kinds[1:-1]) <= {"report"}
