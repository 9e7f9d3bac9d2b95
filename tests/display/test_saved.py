"""What stays in a notebook's file that shall be the same after each run: ``PROGRESS_KIT_SAVED=timeless``."""

from collections.abc import Iterator

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from msgspec.structs import replace

from progress_kit import settings
from progress_kit.display.bundle import timeless_bundle
from progress_kit.model import Failure, Origin, Snapshot, Stage
from tests.display.kernels import MIME, displays, run, running

COPY = "import progress_kit as pk\nprint('before')\nfor row in pk.track(range(3), 'Copy', unit='rows'): print(row)"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlockingKernelClient]:
    """A kernel whose notebooks shall be timeless."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROGRESS_KIT_SAVED", "timeless")
        patch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        with running(tmp_path_factory.mktemp("kernel") / "kernel-1.json") as client:
            yield client


def test_a_program_that_runs_notebooks_gets_one_line(kernel: BlockingKernelClient) -> None:
    """When the operation has ended, after what the cell has printed by then, and without an update: some know none."""
    _, published = run(kernel, COPY, by_person=False)
    [only] = displays(published)
    assert only["msg_type"] == "display_data"
    assert only["content"]["data"]["text/plain"] == "Copy: finished, 3 rows"
    assert list(only["content"]["data"]) == ["text/html", "text/plain"]
    assert printed_before(published) == "before\n0\n1\n2\n"


def test_a_person_sees_it_live_at_one_place(kernel: BlockingKernelClient) -> None:
    """From its beginning, however short it is, so that what is printed meanwhile always comes after it."""
    _, published = run(kernel, COPY)
    first, *_, last = displays(published)
    assert printed_before(published) == "before\n"
    assert next(iter(first["content"]["data"])) == MIME
    assert last["msg_type"] == "update_display_data"
    assert list(last["content"]["data"]) == ["text/html", "text/plain"]


def test_a_loop_that_was_left_is_not_shown_as_running(kernel: BlockingKernelClient) -> None:
    """Also where only its iterator's end tells, which must show nothing itself: another thread does it soon."""
    run(kernel, "import progress_kit as pk\nloop = iter(pk.track(range(3), 'Left')); next(loop)")
    _, published = run(kernel, "del loop")
    while not displays(published):
        published.append(kernel.get_iopub_msg(timeout=30))
    [only] = displays(published)
    assert only["content"]["data"]["text/plain"] == "Left: ended early"


def printed_before(published: list[dict[str, object]]) -> str:
    """What was printed before the first display."""
    text = ""
    for message in published:
        content = message["content"]
        assert isinstance(content, dict)
        if message["msg_type"] == "display_data":
            return text
        text += content.get("text", "")
    raise AssertionError("nothing was displayed")


SUCCEEDED = Snapshot(
    id="op_1",
    name="Train",
    state="succeeded",
    seq=12,
    fraction=1.0,
    stages=(
        Stage(name="load", state="succeeded", done=3, total=3, unit="files", rate=9.1, elapsed_s=8.0),
        Stage(name="train", state="succeeded", done=40, total=40, unit="steps", started_s=1.0, elapsed_s=6.0),
    ),
    metrics={"loss": 0.25},
    started_at=1_763_940_000.0,
    ended_at=1_763_940_014.0,
    elapsed_s=14.0,
    origin=Origin(host="h", pid=812, kernel_id="k", cell_id="c1"),
)
FAILED = replace(SUCCEEDED, state="failed", fraction=0.6, error=Failure(type="OSError", message="disk full"))


@pytest.mark.parametrize(
    "first, text",
    [(SUCCEEDED, "Train: finished, 40 steps"), (FAILED, "Train: failed: OSError: disk full · at 60 %")],
    ids=["succeeded", "failed"],
)
def test_two_runs_leave_the_same(first: Snapshot, text: str) -> None:
    """What was done, and how it ended; no ids, times, durations or rates, nor where it ran."""
    load, train = first.stages
    second = replace(
        first,
        id="op_2",
        seq=90,
        stages=(replace(load, elapsed_s=0.5, rate=70.0), replace(train, started_s=0.5, elapsed_s=80.0)),
        started_at=1_763_950_000.0,
        ended_at=1_763_950_081.0,
        elapsed_s=81.0,
        origin=Origin(host="other", pid=1, kernel_id="l", cell_id="c1"),
    )
    assert timeless_bundle(first) == timeless_bundle(second)
    assert timeless_bundle(first)["text/plain"] == text


def test_what_is_no_such_word_is_said() -> None:
    """And everything is kept, as usual."""
    read = settings.read({"PROGRESS_KIT_SAVED": "short"})
    assert read.saved == "full"
    assert read.problems == ("PROGRESS_KIT_SAVED='short' is not one of full, timeless; full is used",)
