"""The history of a hub, asked for by requests; a stub answers them."""

from collections.abc import Callable
from typing import Any

import pytest

from progress_kit.client import history, runs
from progress_kit.connection import AccessToken, Target
from progress_kit.errors import HubRefusedError, HubUnreachableError
from progress_kit.model import Snapshot
from progress_kit.protocol import encode
from progress_kit.protocol.rest import HistoryResponse

TARGET = Target(url="http://127.0.0.1:9/progress-kit/", secret="s")
Answer = Callable[[str], tuple[int, bytes]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were asked for."""
    monkeypatch.setattr(history, "first_answer", lambda ask: ask(TARGET, 1.0))
    monkeypatch.setattr(history, "access", lambda *_, **__: AccessToken("t"))
    return []


def answers(monkeypatch: pytest.MonkeyPatch, asked: list[str], answer: Answer) -> None:
    """Have a hub answer so."""

    def request(target: Target, method: str, path: str, **_: Any) -> tuple[int, bytes]:
        assert (target, method) == (TARGET, "GET")
        asked.append(path)
        return answer(path)

    monkeypatch.setattr(history, "request", request)


def page(first: int, count: int, following: str | None) -> tuple[int, bytes]:
    """One page of runs."""
    items = tuple(Snapshot(id=f"op_{first + i}", name="n", state="succeeded") for i in range(count))
    return 200, encode(HistoryResponse(items=items, next=following))


def test_a_long_history_is_read_page_by_page(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Until there are enough, or no more."""
    answers(monkeypatch, asked, lambda path: page(500, 100, None) if "before" in path else page(0, 500, "9.0_op_499"))
    assert [each.id for each in runs("a kind/é", 550)] == [f"op_{number}" for number in range(550)]
    assert asked == [
        "history?kind=a+kind%2F%C3%A9&limit=500",
        "history?kind=a+kind%2F%C3%A9&before=9.0_op_499&limit=50",
    ]
    assert len(runs(None, 1_000)) == 600


@pytest.mark.parametrize("answer, error", [((403, b"{}"), HubRefusedError), ((200, b"<html>"), HubUnreachableError)])
def test_an_answer_that_is_none_says_so(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, answer: tuple[int, bytes], error: type[Exception]
) -> None:
    """A hub that says no, and what is no hub; of a machine without one, the spools are read instead."""
    answers(monkeypatch, asked, lambda _: answer)
    with pytest.raises(error):
        history._read(TARGET, None, 10, 1.0)
