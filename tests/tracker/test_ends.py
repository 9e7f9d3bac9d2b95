import gc
import json
import subprocess
import sys
from collections.abc import Generator

import progress_kit as pk
from progress_kit.testing import RecordingPublisher

RECORD = """
import atexit, json, sys
import progress_kit as pk
from progress_kit.testing import RecordingPublisher

publisher = RecordingPublisher().__enter__()
atexit.register(lambda: print(json.dumps([
    [ended.name, ended.state, ended.ended_early, ended.error and [ended.error.type, ended.error.message], ended.message]
    for ended in publisher.ended
])))
"""


def ends_of(program: str) -> list[list[object]]:
    """Run `program` in a process of its own, and return how its operations ended. Nothing may be ignored on the way."""
    result = subprocess.run(
        [sys.executable, "-c", RECORD + program], capture_output=True, text=True, timeout=50, check=False
    )
    lines = result.stdout.splitlines()
    assert lines, result.stderr
    assert "ignored" not in result.stderr, result.stderr
    ends: list[list[object]] = json.loads(lines[-1])
    return ends


def test_an_uncaught_exception_in_a_script() -> None:
    """A bare loop that the program dies in has failed, with type and message."""
    ends = ends_of("for n in pk.track([1, 2], 'Loop'):\n    raise ValueError('bad row')")
    assert ends == [["Loop", "failed", False, ["ValueError", "bad row"], ""]]


def test_an_interrupt_in_a_script() -> None:
    """Ctrl-C in a bare loop is a cancel."""
    ends = ends_of("for n in pk.track([1, 2], 'Loop'):\n    raise KeyboardInterrupt")
    assert ends == [["Loop", "cancelled", False, None, ""]]


def test_what_still_runs_at_the_end_of_the_program_is_cancelled() -> None:
    """A loop or a tracker that nobody ended does not stay running for ever, and says why."""
    ends = ends_of("""
tracker = pk.ProgressTracker("Open")
tracker.__enter__()
loop = iter(pk.track([1, 2], "Suspended"))
next(loop)
""")
    # Destroying the loop at the interpreter's end must be quiet, too; `ends_of` looks.
    why = "The program ended before this operation did."
    assert sorted(ends) == [["Open", "cancelled", False, None, why], ["Suspended", "cancelled", False, None, why]]


def test_a_forked_child_reports_nothing_of_its_parent() -> None:
    """The child has a copy of the tracker, and the parent alone says how it ends; the child's own loops are its own."""
    ends = ends_of("""
import os, warnings
warnings.simplefilter("ignore")
with pk.ProgressTracker("Parent") as tracker, tracker.stage("analysis") as stage:
    child = os.fork()
    if child == 0:
        stage.advance(5)
        publisher.ended.clear()
        for n in pk.track([1, 2], "Child"):
            pass
        assert not pk.current()
        assert [ended.name for ended in publisher.ended] == ["Child"], publisher.ended
        assert publisher.ended[0].parent is None
        try:
            stage.__exit__(None, None, None)
            tracker.__exit__(None, None, None)
            assert len(publisher.ended) == 1
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    stage.message = str(os.waitstatus_to_exitcode(status))
    assert stage.message == "0", stage.message
""")
    assert ends == [["Parent", "succeeded", False, None, ""]]


def test_a_tracker_that_was_never_entered_is_never_seen(publisher: RecordingPublisher) -> None:
    """Making one announces nothing; it is pending and can be looked at."""
    tracker = pk.ProgressTracker("Unused")
    assert (tracker.state, tracker.snapshot().state, tracker.snapshot().elapsed_s) == ("pending", "pending", None)
    del tracker
    gc.collect()
    assert not publisher.snapshots()


def test_a_tracker_that_was_dropped_has_ended(publisher: RecordingPublisher) -> None:
    """Entered by hand and forgotten: nothing tells how it went, so it has ended early."""
    tracker = pk.ProgressTracker("Dropped")
    tracker.__enter__()
    del tracker
    gc.collect()
    assert [(ended.state, ended.ended_early) for ended in publisher.ended] == [("succeeded", True)]
    assert not pk.current()


def test_an_end_is_final(publisher: RecordingPublisher) -> None:
    """A second exit changes nothing, and the last snapshot stays the same object."""
    with pk.ProgressTracker("Work") as tracker:
        pass
    last = tracker.snapshot()
    tracker.__exit__(ValueError, ValueError("too late"), None)
    tracker.message = "too late"
    assert tracker.snapshot() is last
    assert tracker.state == "succeeded"
    assert publisher.ended == [last]


def test_a_closed_generator_in_a_block_has_left_early(publisher: RecordingPublisher) -> None:
    """A tracker inside a generator that nobody exhausts is no failure."""

    def rows() -> Generator[int, None, None]:
        with pk.ProgressTracker("Rows"):
            yield 1
            yield 2

    generator = rows()
    next(generator)
    generator.close()
    assert [(ended.state, ended.ended_early) for ended in publisher.ended] == [("succeeded", True)]
