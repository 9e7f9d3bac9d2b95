"""What the tests let workers do; a module of its own, because a spawned worker imports all that stands beside it."""

import io
import os
from typing import NamedTuple


class Report(NamedTuple):
    """What happened in a worker."""

    pid: int
    ended: list[str]
    is_captured: bool


def show_a_bar(items: int) -> Report:
    """Loop over so many items with a bar of tqdm's, and tell which operations ended."""
    from tqdm import tqdm

    from progress_kit.testing import RecordingPublisher

    with RecordingPublisher() as recording:
        for _ in tqdm(range(items), desc="worker", file=io.StringIO()):
            pass
    return Report(os.getpid(), [ended.name for ended in recording.ended], hasattr(tqdm.close, "__wrapped__"))
