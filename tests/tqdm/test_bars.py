import asyncio
import gc
import io
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from tqdm import tqdm as theirs

import progress_kit as pk
from progress_kit.model import Counter, Snapshot
from progress_kit.testing import RecordingPublisher
from progress_kit.tqdm import TqdmKeyError, tqdm, trange
from progress_kit.tracker import announce

pytestmark = pytest.mark.usefixtures("console")


def running(publisher: RecordingPublisher) -> Snapshot:
    """The one operation that is running."""
    (snapshot,) = publisher.sample()
    return snapshot


def test_a_loop_is_an_operation(publisher: RecordingPublisher, console: io.StringIO) -> None:
    """It has the description as its name, the unit, and the count at any moment; nothing of tqdm's is written."""
    for number in (bar := tqdm(range(10), desc="Parsing", unit="files")):
        if number == 4:
            snapshot = running(publisher)
            assert (snapshot.name, snapshot.stages[0].done, snapshot.stages[0].total) == ("Parsing", 4, 10)
            assert snapshot.stages[0].unit == "files"
            assert bar.n == 4
    assert bar.n == 10
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done, ended.ended_early) == ("succeeded", 10, False)
    assert console.getvalue() == ""


def test_a_loop_without_description_is_called_by_its_function(publisher: RecordingPublisher) -> None:
    """So it can be told from others, and compared with its earlier runs."""
    for _ in trange(3):
        pass
    (ended,) = publisher.ended
    assert ended.name == "test_a_loop_without_description_is_called_by_its_function"
    assert ended.kind is not None
    assert "test_bars.py" in ended.kind


def test_counting_by_hand(publisher: RecordingPublisher) -> None:
    """`update`, `n` and `total` mean what they mean in tqdm, fractions and steps back too."""
    with tqdm(total=10, initial=3) as bar:
        bar.update()
        bar.update(2.5)
        bar.update(-1)
        assert bar.n == 5.5
        bar.n += 2
        bar.total = 20
        stage = running(publisher).stages[0]
        assert (stage.done, stage.total) == (7.5, 20)
        bar.reset(total=4)
        stage = running(publisher).stages[0]
        assert (stage.done, stage.total) == (0, 4)
    assert publisher.ended[0].state == "succeeded"
    bar.update()
    bar.close()


@pytest.mark.parametrize("total", [None, math.inf, "many", -3, math.nan])
def test_a_total_that_is_none_is_unknown(publisher: RecordingPublisher, total: object) -> None:
    """Whatever is given for a total, the loop goes on."""
    with tqdm(total=4) as bar:
        bar.total = total
        bar.update()
        assert running(publisher).stages[0].total is None


def test_nested_bars_are_counters_of_the_outer_one(publisher: RecordingPublisher) -> None:
    """Loops in loops are one operation, whoever made the inner ones."""
    for _ in tqdm(range(3), desc="files"):
        for _ in tqdm(range(2), desc="rows"):
            for _ in pk.track(range(4), "cells"):
                pass
    (ended,) = publisher.ended
    assert ended.stages[0].counters == (
        Counter(name="rows", done=2, total=2),
        Counter(name="cells", done=4, total=4),
    )


def test_a_bar_inside_a_stage_counts_there(publisher: RecordingPublisher) -> None:
    """A library's bar becomes a part of the operation that called it."""
    with pk.ProgressTracker("Report", stages=["load"]) as tracker, tracker.stage("load"):
        for _ in tqdm(range(2), desc="rows"):
            pass
    (ended,) = publisher.ended
    assert ended.stages[0].counters == (Counter(name="rows", done=2, total=2),)


def test_what_code_inside_a_bar_reports_arrives(publisher: RecordingPublisher) -> None:
    """`pk.current()` is the bar's operation."""
    for _ in tqdm(range(1)):
        current = pk.current()
        current.message = "half way"
        current.metrics["loss"] = 0.5
        current.advance()
        snapshot = running(publisher)
        assert (snapshot.message, snapshot.metrics, snapshot.stages[0].done) == ("half way", {"loss": 0.5}, 0)
        assert current.id == snapshot.id


def test_postfix_and_description_are_metrics_and_message(publisher: RecordingPublisher) -> None:
    """Numbers are metrics, words are message; the name stays, or the history would know each run by another one."""

    class Tensor:
        """As of one element."""

        def __float__(self) -> float:
            return 0.25

    bar = tqdm(total=3, desc="Training", postfix={"phase": "warm-up"})
    assert running(publisher).message == "phase=warm-up"
    bar.set_postfix(loss=0.5, accuracy=Tensor(), phase="main", bad=math.nan)
    bar.set_description("epoch 2")
    snapshot = running(publisher)
    assert snapshot.name == "Training"
    assert snapshot.metrics == {"loss": 0.5, "accuracy": 0.25, "bad": None}
    assert snapshot.message == "phase=main · epoch 2"
    assert bar.postfix == "accuracy=0.25, bad=nan, loss=0.5, phase=main"
    bar.set_postfix_str("nearly done")
    assert running(publisher).message == "nearly done · epoch 2"
    bar.close()


@pytest.mark.parametrize("arguments", [{"disable": True}, {"iterable": [], "disable": True}])
def test_a_disabled_bar_is_nothing(publisher: RecordingPublisher, arguments: dict[str, object]) -> None:
    """As in tqdm: it loops and takes every call."""
    bar = tqdm(**arguments)
    bar.update()
    bar.set_postfix(loss=1)
    bar.set_description("x")
    bar.close()
    assert publisher.snapshots() == []


def test_the_environment_sets_defaults() -> None:
    """`TQDM_…` variables are read when a program begins, as tqdm reads them."""
    code = "from progress_kit.tqdm import tqdm; print(tqdm([1]).disable, tqdm([1], disable=False).disable)"
    environment = {**os.environ, "TQDM_DISABLE": "1"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout == "True False\n"


def test_an_unknown_argument_is_the_same_error() -> None:
    """A misspelt argument is told of, not swallowed."""
    with pytest.raises(TqdmKeyError, match="colur"):
        tqdm([1], colur="red")


def test_a_break_is_no_failure(publisher: RecordingPublisher) -> None:
    """The loop that is left has counted what it did."""
    for number in tqdm(range(10)):
        if number == 3:
            break
    (ended,) = publisher.ended
    assert (ended.state, ended.ended_early, ended.stages[0].done) == ("succeeded", True, 3)


def test_an_exception_makes_it_failed(publisher: RecordingPublisher) -> None:
    """Out of its block, out of a `finally` that closes it, and out of the iterable itself."""

    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    def closed_in_the_end() -> None:
        bar = tqdm(total=2)
        try:
            raise ValueError("no more")
        finally:
            bar.close()

    with pytest.raises(ValueError, match="no more"), tqdm(total=2):
        raise ValueError("no more")
    with pytest.raises(ValueError, match="no more"):
        closed_in_the_end()
    with pytest.raises(ValueError, match="no more"):
        for _ in tqdm(broken()):
            pass
    for operation in announce.running():
        operation.settle(last=True)  # as at the end of a cell
    assert [ended.state for ended in publisher.ended] == ["failed"] * 3
    assert [ended.error.message for ended in publisher.ended[:2] if ended.error] == ["no more"] * 2


def test_an_exception_that_is_handled_around_it_is_none_of_its_own(publisher: RecordingPublisher) -> None:
    """A second attempt in an `except` block succeeds."""
    try:
        open("/nowhere")  # noqa: PTH123, SIM115 - to have an error to handle
    except OSError:
        for _ in tqdm([1]):
            pass
        tqdm(total=1).close()
    assert [ended.state for ended in publisher.ended] == ["succeeded", "succeeded"]


def test_a_bar_that_is_dropped_has_ended(publisher: RecordingPublisher) -> None:
    """Nobody closes all bars."""
    bar = tqdm(total=3)
    bar.update()
    del bar
    gc.collect()
    assert [(ended.state, ended.ended_early) for ended in publisher.ended] == [("succeeded", True)]


def test_cancel_reaches_a_loop_and_an_update(publisher: RecordingPublisher) -> None:
    """A viewer's button stops loops that were written for tqdm."""

    def looped() -> None:
        for number in tqdm(range(100)):
            assert number < 5
            if number == 4:
                publisher.command(running(publisher).id, "cancel")

    def by_hand() -> None:
        with tqdm(total=3) as bar:
            publisher.command(running(publisher).id, "cancel")
            bar.update()

    for work in (looped, by_hand):
        with pytest.raises(pk.OperationCancelled):
            work()
    assert [ended.state for ended in publisher.ended] == ["cancelled", "cancelled"]


def test_a_paused_bar_waits_at_its_next_update(publisher: RecordingPublisher) -> None:
    """And counts on when it is resumed."""
    with tqdm(total=2) as bar:
        bar.update()
        operation = running(publisher).id
        assert publisher.command(operation, "pause") is None
        thread = threading.Thread(target=bar.update)
        thread.start()
        while running(publisher).state != "paused":
            thread.join(0.01)
            assert thread.is_alive()
        assert pk.current().state == "paused"
        assert bar.n == 1
        assert publisher.command(operation, "resume") is None
        thread.join(10)
        assert bar.n == 2


def test_threads_count_in_one_bar(publisher: RecordingPublisher) -> None:
    """As with tqdm, workers may update their caller's bar."""
    with tqdm(total=40) as bar:
        threads = [threading.Thread(target=lambda: [bar.update() for _ in range(10)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert running(publisher).stages[0].done == 40


def test_it_is_still_a_tqdm() -> None:
    """Its text can be asked for, `isinstance` holds, and it is an iterable as before."""
    bar = tqdm(["a", "b"], desc="Two", ncols=60)
    assert isinstance(bar, theirs)
    assert (len(bar), bool(bar), "b" in tqdm(["a", "b"])) == (2, True, True)
    assert str(bar).startswith("Two:   0%|")
    assert bar.format_dict["total"] == 2
    assert list(reversed(tqdm([1, 2]))) == [2, 1]
    assert list(bar) == ["a", "b"]
    assert list(bar) == ["a", "b"]


def test_wrapattr_counts_bytes(publisher: RecordingPublisher) -> None:
    """Reading from a wrapped stream is progress."""
    with tqdm.wrapattr(io.BytesIO(b"x" * 1000), "read", total=1000, desc="Reading") as stream:
        stream.read(300)
        assert running(publisher).stages[0].done == 300


def test_a_subclass_that_draws_is_called(publisher: RecordingPublisher) -> None:
    """What overrides `display` shows what it shows, and is an operation besides."""
    drawn: list[int] = []

    class Own(tqdm):
        def display(self, msg: object = None, pos: object = None) -> None:
            del msg, pos
            drawn.append(self.n)

    for _ in Own(range(3), mininterval=0):
        pass
    assert drawn[0] == 0
    assert drawn[-1] == 3
    assert publisher.ended[0].stages[0].done == 3


def test_asynchronous_loops(publisher: RecordingPublisher) -> None:
    """`async for`, `gather` and `as_completed` of `progress_kit.tqdm.asyncio`."""
    from progress_kit.tqdm.asyncio import tqdm as async_tqdm

    async def one(number: int) -> int:
        return number

    async def main() -> None:
        async for _ in async_tqdm(range(3), desc="first"):
            pass
        assert await async_tqdm.gather(*(one(number) for number in range(4)), desc="second") == [0, 1, 2, 3]

    asyncio.run(main())
    assert [(ended.name, ended.stages[0].done) for ended in publisher.ended] == [("first", 3), ("second", 4)]


def test_helpers_use_our_bars(publisher: RecordingPublisher) -> None:
    """`contrib`, `notebook` and `auto` make operations too."""
    from progress_kit.tqdm.auto import tqdm as auto
    from progress_kit.tqdm.contrib import tenumerate, tmap, tzip
    from progress_kit.tqdm.contrib.concurrent import thread_map
    from progress_kit.tqdm.contrib.itertools import product
    from progress_kit.tqdm.notebook import tqdm as notebook

    assert list(auto([1], desc="auto")) == [1]
    assert list(notebook([1], desc="notebook", display=False)) == [1]
    assert list(tenumerate([5], desc="enumerate")) == [(0, 5)]
    assert list(tzip([1], [2], desc="zip")) == [(1, 2)]
    assert list(tmap(str, [1], desc="map")) == ["1"]
    assert list(product([1, 2], [3], desc="product")) == [(1, 3), (2, 3)]
    assert thread_map(str, [1, 2], desc="threads") == ["1", "2"]
    names = ["auto", "notebook", "enumerate", "zip", "map", "product", "threads"]
    assert [ended.name for ended in publisher.ended] == names
    assert {ended.state for ended in publisher.ended} == {"succeeded"}
