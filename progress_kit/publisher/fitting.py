"""A snapshot's JSON, made to fit the wire by leaving out what a viewer misses least."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from progress_kit.model import TASK_ERROR_LENGTH, Origin, Snapshot, Stage, Task, shorten
from progress_kit.protocol import encode
from progress_kit.protocol.limits import SNAPSHOT_BYTES
from progress_kit.protocol.messages import Span, StageRecord, Timeline

MAX_SPANS: Final = 2_000
TIMELINE_BYTES: Final = 192 * 1024
_SHORT: Final = 100


def fit(snapshot: Snapshot, limit: int = SNAPSHOT_BYTES) -> bytes:
    """Return `snapshot` as JSON of at most `limit` bytes (at least 20 KiB).

    Errors of tasks are always cut to 200 characters. If that is not enough, listed tasks go first, the last ones before
    the others (`tasks_omitted` counts them), then nested counters, the stages' messages, the metrics, the stages' units
    and at last the stages themselves with the origin.
    """
    snapshot = replace(snapshot, hub=None, tasks=tuple(map(_with_short_error, snapshot.tasks)))
    data = encode(snapshot)
    if len(data) <= limit:
        return data
    snapshot, data = _with_fewer_tasks(snapshot, limit)
    for reduce in _REDUCTIONS:
        if len(data) <= limit:
            break
        snapshot = reduce(snapshot)
        data = encode(snapshot)
    return data


def fit_timeline(
    operation: str, spans: Iterable[Span], stages: Sequence[StageRecord] = (), limit: int = TIMELINE_BYTES
) -> bytes:
    """Return the message with the timeline of `operation`: the longest 2,000 spans, or fewer in `limit` bytes.

    What `stages` tell is never left out; it takes at most 100 kB.
    """
    longest = sorted(spans, key=lambda span: span.start_s - span.end_s)[:MAX_SPANS]
    data = encode(Timeline(operation=operation, spans=tuple(longest), stages=tuple(stages)))
    while len(data) > limit and longest:
        longest = longest[: len(longest) * limit // len(data)]
        data = encode(Timeline(operation=operation, spans=tuple(longest), stages=tuple(stages)))
    return data


def _with_short_error(task: Task) -> Task:
    if task.error is None or len(task.error.message) <= TASK_ERROR_LENGTH:
        return task
    return replace(task, error=replace(task.error, message=shorten(task.error.message, TASK_ERROR_LENGTH)))


def _with_fewer_tasks(snapshot: Snapshot, limit: int) -> tuple[Snapshot, bytes]:
    """Return `snapshot` with as many of its tasks, from the first on, as fit (found by halving)."""
    kept, too_many = 0, len(snapshot.tasks)
    while kept < too_many - 1:
        half = (kept + too_many) // 2
        if len(encode(_first_tasks(snapshot, half))) <= limit:
            kept = half
        else:
            too_many = half
    reduced = _first_tasks(snapshot, kept)
    return reduced, encode(reduced)


def _first_tasks(snapshot: Snapshot, count: int) -> Snapshot:
    omitted = snapshot.tasks_omitted + len(snapshot.tasks) - count
    return replace(snapshot, tasks=snapshot.tasks[:count], tasks_omitted=omitted)


def _stages(change: Callable[[Stage], Stage]) -> Callable[[Snapshot], Snapshot]:
    return lambda snapshot: replace(snapshot, stages=tuple(map(change, snapshot.stages)))


_REDUCTIONS: Final[tuple[Callable[[Snapshot], Snapshot], ...]] = (
    _stages(lambda stage: replace(stage, counters=())),
    _stages(lambda stage: replace(stage, message=shorten(stage.message, _SHORT))),
    lambda snapshot: replace(snapshot, metrics={}),
    _stages(lambda stage: replace(stage, message="", unit=shorten(stage.unit, 8))),
    lambda snapshot: replace(snapshot, stages=(), origin=Origin(pid=snapshot.origin.pid)),
)
