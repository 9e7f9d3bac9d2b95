from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pandas as pd  # type: ignore[import-untyped] # its types are another package
import pandas.core.groupby.generic  # type: ignore[import-untyped] # as above
import pytest

import progress_kit as pk
from progress_kit.model import Snapshot
from progress_kit.testing import RecordingPublisher

FRAME = pd.DataFrame({"group": [1, 1, 2], "value": [3, 4, 5]})


@pytest.fixture(autouse=True)
def captured() -> Iterator[pk.Capture]:
    """Everything here is captured."""
    with pk.capture("pandas") as handle:
        yield handle


CASES: dict[str, tuple[Callable[[], Any], str, int, str]] = {
    "rows": (lambda: FRAME.apply(lambda row: row["value"] + 1, axis=1), "DataFrame.apply", 3, "rows"),
    "columns": (lambda: FRAME.apply(lambda column: column.max()), "DataFrame.apply", 2, "columns"),
    "values": (lambda: FRAME["value"].apply(lambda value: value + 1), "Series.apply", 3, "rows"),
    "mapped": (lambda: FRAME["value"].map(lambda value: value + 1), "Series.map", 3, "rows"),
    "groups": (
        lambda: FRAME.groupby("group")[["value"]].apply(lambda group: group["value"].sum()),
        "DataFrameGroupBy.apply",
        2,
        "groups",
    ),
    "transformed": (
        lambda: FRAME.groupby("group")["value"].transform(lambda group: group - group.mean()),
        "SeriesGroupBy.transform",
        2,
        "groups",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_calls_are_counted(case: str, captured: pk.Capture, publisher: RecordingPublisher) -> None:
    """And the result is what it is without us."""
    call, name, total, unit = CASES[case]
    result = call()
    (ended,) = publisher.ended
    stage = ended.stages[0]
    assert (ended.name, ended.state, ended.ended_early) == (name, "succeeded", False)
    assert (stage.done, stage.total, stage.unit) == (total, total, unit)
    captured.release()
    assert result.equals(call())


def test_it_grows_as_it_goes(running: Callable[[], Snapshot]) -> None:
    """From row to row."""
    seen = FRAME["value"].map(lambda _: (running().stages[0].done, running().stages[0].total))
    assert list(seen) == [(0, 3), (1, 3), (2, 3)]


def test_what_pandas_knows_is_its_own(publisher: RecordingPublisher) -> None:
    """Names and functions that it runs as a whole tell nothing in between, and are called as ever."""
    FRAME.apply("max")
    FRAME.groupby("group")["value"].transform("mean")
    FRAME["value"].map({3: 4})
    FRAME["value"].apply(sum, by_row=False)
    assert publisher.ended == []


@pytest.mark.parametrize(
    "error, state", [(LookupError("x"), "failed"), (KeyboardInterrupt(), "cancelled")], ids=["failed", "interrupted"]
)
def test_an_exception_ends_it(error: BaseException, state: str, publisher: RecordingPublisher) -> None:
    """And passes unchanged."""

    def work(_: Any) -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        FRAME["value"].map(work)
    assert raised.value is error
    assert [ended.state for ended in publisher.ended] == [state]


def test_cancel(running: Callable[[], Snapshot], publisher: RecordingPublisher) -> None:
    """It is raised before the next call."""
    called: list[int] = []

    def work(value: int) -> None:
        called.append(value)
        publisher.command(running().id, "cancel")

    with pytest.raises(pk.OperationCancelled):
        FRAME["value"].map(work)
    assert (called, [ended.state for ended in publisher.ended]) == ([3], ["cancelled"])


def test_release(captured: pk.Capture, untouched: Callable[..., AbstractContextManager[None]]) -> None:
    """It leaves nothing behind."""
    captured.release()
    with untouched(pandas, pandas.core.groupby.generic), pk.capture("pandas"):
        FRAME["value"].map(lambda value: value)
