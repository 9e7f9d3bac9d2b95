"""How much the store is given of an operation, by the wish of the server and of its publisher."""

import msgspec
import pytest

from progress_kit.hub import Keeping, KernelDied, LoadPrior, PriorLoaded, StoreStatus
from progress_kit.model import Failure, Origin, Prior, Pseudonyms, Snapshot, Stage
from progress_kit.protocol.messages import (
    Ack,
    HistoryMode,
    Inbox,
    PowerSum,
    Presence,
    Read,
    Span,
    StageRecord,
    State,
    Timeline,
)
from tests.hub.bench import Bench

NAMES = Pseudonyms(b"k" * 32)
KIND = "Letters@/home/durand/letters.py"
SPANS = (Span("to Durand", "letters to Durand", "durand's PC", 1, 0.0, 2.0, "succeeded"),)
TOLD = (StageRecord(name="letters to Durand", costs=(PowerSum(1.0, 5.0),)),)


def letters(seq: int, *, ended: bool = False, failed: bool = False) -> Snapshot:
    """Return a state of an operation that says Durand wherever it can."""
    state = "failed" if failed else "succeeded" if ended else "running"
    return Snapshot(
        id="op_1",
        name="Letters to Durand",
        kind=KIND,
        state=state,  # type: ignore[arg-type] # one of the three
        seq=seq,
        message="Durand",
        stages=(Stage(name="letters to Durand", state=state, done=1, elapsed_s=2.0),),  # type: ignore[arg-type] # as above
        elapsed_s=2.0,
        error=Failure(type="DurandError", message="Durand") if failed else None,
        origin=Origin(notebook="durand.ipynb", kernel_id="k_1"),
    )


def bench(server: HistoryMode, publisher: HistoryMode) -> Bench:
    """Return a hub with a publisher, and a page that shows the inbox."""
    hub = Bench(keeping=Keeping(server, NAMES))
    hub.publisher(1, history=publisher)
    hub.subscriber(2)
    hub.say(2, Presence(visible=True, focused=True, can_notify=False))
    return hub


def given(hub: Bench) -> bytes:
    """Return all that the store was given, as bytes."""
    return msgspec.json.encode([hub.rows, hub.kept, hub.records])


@pytest.mark.parametrize(
    "server, publisher", [("anonymous", "full"), ("full", "anonymous"), ("anonymous", "anonymous")]
)
def test_without_names_it_is_kept_what_a_run_took(server: HistoryMode, publisher: HistoryMode) -> None:
    """Whoever of both wants it; who watches sees the names all the same, in the inbox too."""
    hub = bench(server, publisher)
    hub.publish(1, letters(1))
    hub.publish(1, letters(2, ended=True))
    hub.say(1, Timeline(operation="op_1", spans=SPANS, stages=TOLD))
    hub.say(2, Read(ids="all"))
    hub.wait(1)
    assert b"urand" not in given(hub)
    ended = hub.rows[-1]
    assert (ended.kind, ended.elapsed_s, ended.state) == (NAMES.kind(KIND), 2.0, "succeeded")
    (record,) = hub.records
    assert record.spans == ()
    assert record.stages == (StageRecord(name=NAMES.stage("letters to Durand"), costs=(PowerSum(1.0, 5.0),)),)
    assert [[(item.id, item.read) for item in kept.items] for kept in hub.kept] == [[("op_1", False)], [("op_1", True)]]
    assert hub.got(2, State)[-1].operations[-1].name == "Letters to Durand"
    assert hub.got(2, Inbox)[-1].items[0].name == "Letters to Durand"


def test_a_failure_is_kept_without_its_words() -> None:
    """Also one that the hub itself tells, since the kernel is dead."""
    hub = bench("anonymous", "full")
    hub.publish(1, letters(1, failed=True))
    assert b"urand" not in given(hub)
    hub = bench("anonymous", "full")
    hub.publish(1, letters(1))
    hub.disconnect(1)
    hub.handle(KernelDied("k_1"))
    hub.wait(3)
    assert hub.rows[-1].state == "failed"
    assert b"urand" not in given(hub)


@pytest.mark.parametrize("server, publisher", [("off", "full"), ("full", "off"), ("off", "anonymous")])
def test_nothing_is_kept_where_history_is_off(server: HistoryMode, publisher: HistoryMode) -> None:
    """Not even after a store that was broken is whole again; the publisher need not repeat the end."""
    hub = bench(server, publisher)
    hub.publish(1, letters(1))
    hub.handle(StoreStatus("memory", "a full disk"))
    hub.handle(StoreStatus("ok"))
    hub.publish(1, letters(2, ended=True))
    hub.say(1, Timeline(operation="op_1", spans=SPANS, stages=TOLD))
    hub.say(2, Read(ids="all"))
    hub.handle(StoreStatus("memory", "a full disk"))
    hub.handle(StoreStatus("ok"))
    hub.wait(1)
    assert (hub.rows, hub.records, [item for kept in hub.kept for item in kept.items]) == ([], [], [])
    assert [ack.durable for ack in hub.got(1, Ack)] == [{"op_1": 2}]
    assert hub.got(2, Inbox)[-1].items[0].read
    hub.publish(1, letters(2, ended=True))
    assert [ack.durable for ack in hub.got(1, Ack)] == [{"op_1": 2}] * 2


def test_nothing_is_asked_of_the_history_where_it_is_off() -> None:
    """Neither kept nor used."""
    hub = bench("full", "off")
    hub.publish(1, letters(1))
    assert hub.asked == []


def test_the_publisher_is_told_of_earlier_runs_by_its_own_names() -> None:
    """The store, which knows pseudonyms only, is told which stages there are."""
    hub = bench("anonymous", "full")
    hub.publish(1, letters(1))
    assert hub.asked == [LoadPrior("local", KIND, ("letters to Durand",))]
    prior = Prior(runs=1, total_s=(1.0, 2.0, 3.0))
    hub.handle(PriorLoaded("local", KIND, prior))
    assert [ack.priors for ack in hub.got(1, Ack)] == [{KIND: prior}]


def test_a_broken_store_that_is_whole_again_is_given_no_names() -> None:
    """Everything is given to it anew, in the same way."""
    hub = bench("full", "anonymous")
    hub.handle(StoreStatus("memory", "a full disk"))
    hub.publish(1, letters(1, ended=True))
    hub.handle(StoreStatus("ok"))
    assert len(hub.rows) == 2
    assert b"urand" not in given(hub)


@pytest.mark.parametrize("asked", [KIND, NAMES.kind(KIND), "other"])
def test_a_kind_is_deleted_by_its_name_and_by_its_pseudonym(asked: str) -> None:
    """The history lists pseudonyms, the live operations have names."""
    hub = bench("anonymous", "full")
    hub.publish(1, letters(1, ended=True))
    claims = hub.authority.verify(hub.token("command"), hub.now.wall)
    hub.take(hub.manager.forget_history(claims, asked, hub.now))
    assert (hub.manager.counts()[0] == 0) == (asked != "other")
