from types import CodeType

import pytest

import progress_kit as pk
from progress_kit.model import Origin
from progress_kit.testing import RecordingPublisher
from progress_kit.tracker import naming

CELL = "/tmp/ipykernel_4711/123456.py"  # noqa: S108 - an example


def _code(file: str, *, function: bool = True) -> CodeType:
    module = compile("def train(): pass", file, "exec")
    return next(each for each in module.co_consts if isinstance(each, CodeType)) if function else module


@pytest.mark.parametrize(
    "where, origin, kind",
    [
        (_code("/home/ann/job.py"), Origin(script="/home/ann/job.py"), "Train@job.py:train"),
        (_code("/home/ann/job.py", function=False), Origin(), "Train@job.py"),
        (_code(CELL), Origin(notebook="work/a.ipynb"), "Train@work/a.ipynb"),
        (_code(CELL, function=False), Origin(notebook="work/a.ipynb"), "Train@work/a.ipynb"),
        (_code("/home/ann/lib.py"), Origin(notebook="work/a.ipynb"), "Train@lib.py:train"),
        (_code(CELL, function=False), Origin(), "Train"),
        (_code("<stdin>"), Origin(), "Train@train"),
        (_code("/tmp/tmpab12.py"), Origin(), "Train@train"),  # noqa: S108 - an example
    ],
)
def test_a_kind_is_the_same_in_each_run(where: CodeType, origin: Origin, kind: str) -> None:
    """File and function, or the notebook; never a line, a process or a temporary path."""
    assert naming.kind("Train", where, origin) == kind


@pytest.mark.parametrize(
    "where, name",
    [
        (_code("/home/ann/job.py"), "train"),
        (_code("/home/ann/job.py", function=False), "job.py"),
        (_code(CELL, function=False), "Loop"),
    ],
)
def test_a_loop_without_a_name(where: CodeType, name: str) -> None:
    """It is called by its function, else by the script."""
    assert naming.loop_name(where) == name


def test_the_kind_can_be_given(publisher: RecordingPublisher) -> None:
    """`kind` replaces the default, for trackers and loops."""
    with pk.ProgressTracker("Train", kind="train-v2"):
        pass
    for _ in pk.track([1], kind="rows-v1"):
        pass
    assert [ended.kind for ended in publisher.ended] == ["train-v2", "rows-v1"]
