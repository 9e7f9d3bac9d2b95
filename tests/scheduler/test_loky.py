"""loky's reusable processes."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from loky import get_reusable_executor  # type: ignore[import-untyped] # it has no types

from progress_kit.scheduler.engines.base import Lost
from progress_kit.scheduler.engines.loky import LokyEngine
from tests.scheduler.engine_desk import Desk, begun, hold


@pytest.fixture(scope="module", autouse=True)
def _end() -> Iterator[None]:
    yield
    get_reusable_executor().shutdown(wait=True, kill_workers=True)


def test_its_processes_stay_warm_and_a_broken_pool_is_renewed(tmp_path: Path) -> None:
    """The second scheduler finds the processes of the first; after a death the next job runs in new ones."""
    with Desk(LokyEngine(2)) as desk:
        first = {desk.value(key) for key in [desk.run(os.getpid) for _ in range(8)]}
        assert os.getpid() not in first
        assert desk.engine.name == "loky"
        assert desk.engine.workers == 2
    with Desk(LokyEngine(2)) as desk:
        assert desk.call(lambda: os.getpid()) in first  # noqa: PLW0108 - a lambda is meant
        key, waiting = desk.batch((hold, tmp_path / "gate"), (abs, -1))
        os.kill(begun(tmp_path / "gate"), signal.SIGKILL)
        (lost,) = desk.wait(Lost, key)
        assert (lost.begun, lost.waiting) == ((key,), (waiting,))
        assert desk.call(os.getpid) not in first
