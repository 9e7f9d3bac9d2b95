import asyncio
import concurrent.futures
import io
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pandas as pd  # type: ignore[import-untyped] # it ships none
import pytest
from tqdm import notebook, std, tqdm
from tqdm.asyncio import tqdm as async_tqdm
from tqdm.auto import tqdm as auto_tqdm
from tqdm.contrib.concurrent import thread_map

import progress_kit as pk
from progress_kit.model import Counter, Snapshot
from progress_kit.testing import RecordingPublisher
from progress_kit.tqdm import tqdm as drop_in
from progress_kit.tracker import announce
from tests.adapters.in_worker import show_a_bar

Running = Callable[[], Snapshot]


@pytest.fixture(autouse=True)
def captured() -> Iterator[pk.Capture]:
    """Everything here is captured."""
    with pk.capture("tqdm") as handle:
        yield handle


def test_a_loop_is_an_operation(running: Running, publisher: RecordingPublisher) -> None:
    """It has its description as its name, the unit, and the count as tqdm knows it, a tenth of a second old at most."""
    for number in tqdm(range(10), desc="Parsing", unit="files", mininterval=0, miniters=1, file=io.StringIO()):
        if number == 4:
            snapshot = running()
            assert (snapshot.name, snapshot.stages[0].done, snapshot.stages[0].total) == ("Parsing", 4, 10)
            assert snapshot.stages[0].unit == "files"
            assert snapshot.kind == "Parsing@test_tqdm.py:test_a_loop_is_an_operation"
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done, ended.ended_early) == ("succeeded", 10, False)


def test_the_text_is_unchanged(captured: pk.Capture) -> None:
    """What is written is what tqdm writes, character for character."""
    # Without times and rates.
    look = {"bar_format": "{desc}{percentage:3.0f}%|{bar}|{n_fmt}/{total_fmt}{postfix}", "ncols": 60, "mininterval": 0}

    def written() -> str:
        file = io.StringIO()
        with tqdm(total=10, desc="Two", file=file, **look) as bar:
            bar.update(3)
            bar.set_postfix(loss=0.5)
            tqdm.write("in between", file=file)
            bar.reset(total=4)
            bar.update(4)
        for _ in tqdm(range(3), leave=False, position=1, file=file, **look):
            pass
        return file.getvalue()

    while_captured = written()
    captured.release()
    assert while_captured == written()
    assert "Two" in while_captured


def test_a_loop_without_description_is_called_by_its_function(publisher: RecordingPublisher) -> None:
    """So it can be told from others, and compared with its earlier runs."""
    for _ in tqdm(range(3), file=io.StringIO()):
        pass
    assert publisher.ended[0].name == "test_a_loop_without_description_is_called_by_its_function"


def test_counting_by_hand(running: Running, publisher: RecordingPublisher) -> None:
    """`update`, `n`, `total` and `reset` are seen at the next look, steps back too."""
    with tqdm(total=10, initial=3, file=io.StringIO()) as bar:
        bar.update(2.5)
        bar.update(-1)
        bar.total = 20
        assert (running().stages[0].done, running().stages[0].total) == (4.5, 20)
        bar.reset(total=4)
        assert (running().stages[0].done, running().stages[0].total) == (0, 4)
        bar.update(4)
    assert (publisher.ended[0].state, publisher.ended[0].ended_early) == ("succeeded", False)


def test_without_a_total(running: Running) -> None:
    """It is unknown then, and so is the fraction."""
    with tqdm(file=io.StringIO()) as bar:
        bar.update(7)
        assert (running().stages[0].done, running().stages[0].total, running().fraction) == (7, None, None)


def test_description_and_postfix(running: Running) -> None:
    """Numbers are metrics; other texts, and a new description, are the message."""
    with tqdm(total=2, desc="Train", file=io.StringIO()) as bar:
        bar.set_postfix(loss=0.25, lr=1e-3)
        assert (dict(running().metrics), running().message) == ({"loss": 0.25, "lr": 0.001}, "")
        bar.set_postfix_str("saving")
        bar.set_description("Test")
        assert running().message == "Test · saving"
        assert running().name == "Train"


def test_break_ends_early(publisher: RecordingPublisher) -> None:
    """That is no failure."""
    for number in tqdm(range(10), file=io.StringIO()):
        if number == 3:
            break
    assert (publisher.ended[0].state, publisher.ended[0].ended_early) == ("succeeded", True)


def test_closed_before_the_total(publisher: RecordingPublisher) -> None:
    """As after a `break`."""
    bar = tqdm(total=10, file=io.StringIO())
    bar.update(4)
    bar.close()
    bar.close()
    (ended,) = publisher.ended
    assert (ended.state, ended.ended_early, ended.stages[0].done) == ("succeeded", True, 4)


def test_an_exception_in_the_loop_fails_it(publisher: RecordingPublisher) -> None:
    """It is known which one as soon as it has reached the top; here the program catches it."""

    def work() -> None:
        for number in tqdm(range(10), file=io.StringIO()):
            if number == 3:
                raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        work()
    for operation in announce.running():
        operation.settle(last=True)
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done) == ("failed", 3)


def test_an_exception_in_a_block_fails_it(publisher: RecordingPublisher) -> None:
    """With type and message; one that was on its way before is not its own."""
    with pytest.raises(KeyError), tqdm(total=3, file=io.StringIO()):
        raise KeyError("x")
    try:
        next(iter(()))
    except StopIteration:
        for _ in tqdm(range(2), file=io.StringIO()):
            pass
    first, second = publisher.ended
    assert first.error is not None
    assert (first.state, first.error.type, second.state) == ("failed", "KeyError", "succeeded")


def test_an_exception_of_the_iterable_fails_it(publisher: RecordingPublisher) -> None:
    """With type and message."""

    def items() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(tqdm(items(), file=io.StringIO()))
    (ended,) = publisher.ended
    assert ended.error is not None
    assert (ended.state, ended.error.type, ended.error.message) == ("failed", "OSError", "gone")


def test_nested_bars_are_nested_counters(running: Running, publisher: RecordingPublisher) -> None:
    """They have no operations of their own, and neither has our loop inside of a bar."""
    for _ in tqdm(range(2), desc="epochs", file=io.StringIO()):
        for batch in tqdm(range(5), desc="batches", file=io.StringIO(), mininterval=0, miniters=1):
            if batch == 3:
                assert Counter(name="batches", done=3, total=5, unit="") in running().stages[0].counters
        for _ in pk.track("ab", "files"):
            pass
    (ended,) = publisher.ended
    assert {counter.name for counter in ended.stages[0].counters} == {"batches", "files"}


def test_inside_a_tracker(publisher: RecordingPublisher) -> None:
    """A bar of a library that a stage calls counts in that stage."""
    with pk.ProgressTracker("Report") as tracker, tracker.stage("analysis"):
        for _ in tqdm(range(5), desc="pages", file=io.StringIO()):
            pass
    (ended,) = publisher.ended
    assert ended.stages[1].counters == (Counter(name="pages", done=5, total=5, unit=""),)


def test_a_disabled_bar_is_no_operation(publisher: RecordingPublisher) -> None:
    """Who asks for none gets none."""
    for _ in tqdm(range(3), disable=True):
        pass
    assert publisher.snapshots() == []


def test_cancel_stops_the_loop(running: Running, publisher: RecordingPublisher) -> None:
    """It raises `OperationCancelled` in the loop's own thread at its next step that tqdm looks up."""

    def work() -> None:
        for number in tqdm(range(1000), mininterval=0, miniters=1, file=io.StringIO()):
            if number == 3:
                assert running().actions == ("cancel", "pause")
                publisher.command(running().id, "cancel")
            assert number < 10

    with pytest.raises(pk.OperationCancelled):
        work()
    assert publisher.ended[0].state == "cancelled"

    def again() -> None:
        with tqdm(total=5, file=io.StringIO()) as bar:
            publisher.command(running().id, "cancel")
            bar.update()

    with pytest.raises(pk.OperationCancelled):
        again()
    assert publisher.ended[1].state == "cancelled"


def test_a_paused_bar_waits_at_its_next_update(running: Running, publisher: RecordingPublisher) -> None:
    """And counts on, as tqdm's own method does, when it is resumed."""
    with tqdm(total=2, file=io.StringIO()) as bar:
        operation = running().id
        assert publisher.command(operation, "pause") is None
        thread = threading.Thread(target=bar.update)
        thread.start()
        while running().state != "paused":
            thread.join(0.01)
            assert thread.is_alive()
        assert publisher.command(operation, "resume") is None
        thread.join(10)
        assert running().stages[0].done == 1
        assert "update" not in vars(bar)


def test_asynchronous_loops(publisher: RecordingPublisher) -> None:
    """`async for` and `gather` of tqdm's own subclass."""

    async def one(number: int) -> int:
        return number

    async def main() -> None:
        async for _ in async_tqdm(range(3), desc="first", file=io.StringIO()):
            pass
        await async_tqdm.gather(*(one(number) for number in range(4)), desc="second", file=io.StringIO())

    asyncio.run(main())
    assert [(ended.name, ended.stages[0].done) for ended in publisher.ended] == [("first", 3), ("second", 4)]
    assert {(ended.state, ended.ended_early) for ended in publisher.ended} == {("succeeded", False)}


def test_asynchronous_loops_that_are_left(publisher: RecordingPublisher) -> None:
    """As others: a `break` is no failure, an exception is one."""

    async def leave() -> None:
        async for _ in async_tqdm(range(3), desc="break", file=io.StringIO()):
            break

    async def fail() -> None:
        async for _ in async_tqdm(range(3), desc="exception", file=io.StringIO()):
            raise LookupError

    asyncio.run(leave())
    with pytest.raises(LookupError):
        asyncio.run(fail())
    for operation in announce.running():
        operation.settle(last=True)
    assert [(ended.name, ended.state, ended.ended_early) for ended in publisher.ended] == [
        ("break", "succeeded", True),
        ("exception", "failed", False),
    ]


def test_libraries_that_use_tqdm(publisher: RecordingPublisher) -> None:
    """Pandas' `progress_apply`, `tqdm.auto`, `thread_map` and the notebook's bars are captured without a word."""
    tqdm.pandas(desc="rows", file=io.StringIO())
    frame = pd.DataFrame({"a": range(4)})
    frame["a"].progress_apply(lambda value: value)
    list(auto_tqdm([1], desc="auto", file=io.StringIO()))
    thread_map(str, [1, 2], desc="threads", file=io.StringIO())
    assert [ended.name for ended in publisher.ended] == ["rows", "auto", "threads"]
    assert [ended.stages[0].done for ended in publisher.ended] == [4, 1, 2]


def test_the_notebook_s_bar(publisher: RecordingPublisher, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is shown as ever, or, if asked for, not at all; a loop left by an exception has failed."""
    shown: list[object] = []
    monkeypatch.setattr(notebook, "display", shown.append)
    list(notebook.tqdm([1, 2], desc="shown"))
    assert len(shown) == 1
    with pk.capture("tqdm", output="ours"):
        list(notebook.tqdm([1, 2], desc="hidden"))
    assert len(shown) == 1

    def work() -> None:
        for _ in notebook.tqdm([1, 2], desc="failed", display=False):
            1 / 0  # noqa: B018 - that is what fails

    with pytest.raises(ZeroDivisionError):
        work()
    for operation in announce.running():
        operation.settle(last=True)
    assert [(ended.name, ended.state) for ended in publisher.ended] == [
        ("shown", "succeeded"),
        ("hidden", "succeeded"),
        ("failed", "failed"),
    ]


def test_ours_instead_of_theirs(publisher: RecordingPublisher) -> None:
    """With `output="ours"` tqdm writes nothing, and operations are drawn where those of `track` are."""
    file = io.StringIO()
    for _ in tqdm(range(2), file=file):
        assert [operation.silent for operation in announce.running()] == [True]
    assert file.getvalue()
    file = io.StringIO()
    with pk.capture("tqdm", output="ours"):
        for _ in tqdm(range(2), file=file):
            assert [operation.silent for operation in announce.running()] == [False]
    assert file.getvalue() == ""
    assert len(publisher.ended) == 2


def test_the_drop_in_is_not_captured_twice(publisher: RecordingPublisher) -> None:
    """Its bars are operations already."""
    for _ in drop_in(range(3), file=io.StringIO()):
        pass
    assert len(publisher.ended) == 1


def test_a_bar_in_a_thread(in_thread: Callable[[Callable[[], None]], None], publisher: RecordingPublisher) -> None:
    """It is an operation of its own."""

    def loop() -> None:
        for _ in tqdm(range(3), desc="inner", file=io.StringIO()):
            pass

    for _ in tqdm(range(1), desc="outer", file=io.StringIO()):
        in_thread(loop)
    assert [(ended.name, ended.state) for ended in publisher.ended] == [("inner", "succeeded"), ("outer", "succeeded")]


@pytest.mark.parametrize(
    "method",
    [
        pytest.param("fork", marks=pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")),
        "spawn",
        "forkserver",
    ],
)
def test_workers_capture_too(method: str) -> None:
    """Forked ones inherit it; spawned ones, and those of a fork server, are told with what they are to run."""
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
        report = executor.submit(show_a_bar, 3).result(50)
    assert report.pid != os.getpid()
    assert (report.ended, report.is_captured) == (["worker"], True)


def test_loky_s_workers_capture_too() -> None:
    """Joblib's default workers."""
    from loky import ProcessPoolExecutor  # type: ignore[import-untyped] # it ships none

    with ProcessPoolExecutor(1) as executor:
        assert executor.submit(show_a_bar, 3).result(50)[1:] == (["worker"], True)


def test_workers_after_the_release_do_not(captured: pk.Capture) -> None:
    """The process object is what it was."""
    captured.release()
    assert "__reduce_ex__" not in vars(multiprocessing.process.BaseProcess)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        assert executor.submit(show_a_bar, 3).result(50)[1:] == ([], False)


def test_a_worker_that_knows_no_progress_kit_runs_all_the_same(tmp_path: Path) -> None:
    """It may have another environment than its parent."""
    from progress_kit.adapters.workers import _PROGRAM

    program = f"import sys; sys.modules['progress_kit'] = None; exec({_PROGRAM!r}, {{}}); print('went on')"
    import subprocess

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=50)
    assert done.stdout == "went on\n"


def test_release_gives_everything_back(
    captured: pk.Capture, untouched: Callable[..., AbstractContextManager[None]]
) -> None:
    """The very same functions and classes."""
    captured.release()
    with untouched(std, notebook, multiprocessing.process):
        handle = pk.capture("tqdm")
        list(tqdm(range(3), file=io.StringIO()))
        handle.release()
