import io
import logging
import sys

import pytest
from tqdm import tqdm as theirs

from progress_kit.display.terminal import terminal
from progress_kit.model import Snapshot
from progress_kit.testing import RecordingPublisher
from progress_kit.tqdm import tqdm
from progress_kit.tqdm.contrib.logging import logging_redirect_tqdm
from tests.tqdm.conftest import Console

# Neither the rate nor the time may depend on the machine.
FORMAT = "{desc}: {n_fmt}/{total_fmt}|{bar}|{postfix}"


def texts(bar_class: type[theirs]) -> str:
    """What a class writes to a file for the same work."""
    with io.StringIO() as file:
        common = {"file": file, "bar_format": FORMAT, "ncols": 60, "mininterval": 0, "miniters": 1}
        for number in (bar := bar_class(range(5), desc="Work", **common)):
            bar.set_postfix(number=number, word="x")
            bar.set_description(f"Work {number}")
        with bar_class(total=3, unit="B", unit_scale=True, leave=False, **common) as bar:
            bar.update(2)
            bar_class.write("between", file=file)
            bar.reset(total=8)
            bar.n = 4
            bar.refresh()
        return file.getvalue()


def test_a_given_file_gets_what_tqdm_writes(publisher: RecordingPublisher) -> None:
    """To the byte; and the operation is there besides, for all who watch elsewhere."""
    assert texts(tqdm) == texts(theirs)
    assert [ended.stages[0].done for ended in publisher.ended] == [5, 4]
    assert publisher.ended[0].name == "Work"


def test_a_log_gets_what_tqdm_writes(publisher: RecordingPublisher, capsys: pytest.CaptureFixture[str]) -> None:
    """Where standard error is no terminal, nothing is lost from the log of a job."""
    for _ in tqdm(range(3), desc="Job"):
        pass
    assert "Job: 100%" in capsys.readouterr().err
    assert publisher.ended[0].stages[0].done == 3


def test_where_there_is_no_standard_error_the_loop_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under pythonw."""
    monkeypatch.setattr(sys, "stderr", None)
    assert list(tqdm([1, 2])) == [1, 2]


def test_write_and_logging_do_not_run_into_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed through `write` stands on lines of its own, above the line of the operations."""
    console = Console()
    monkeypatch.setattr(sys, "stderr", console)
    line = terminal()
    assert line is not None
    line.show(Snapshot(id="op_1", name="Work", state="running"), None)
    drawn = console.getvalue()
    assert drawn.startswith("\rWork")
    tqdm.write("hello", file=console)
    assert console.getvalue() == f"{drawn}\r{' ' * (len(drawn) - 1)}\rhello\n{drawn}"
    logger = logging.getLogger("tests.tqdm")
    logger.addHandler(logging.StreamHandler(console))
    with logging_redirect_tqdm(loggers=[logger]):
        logger.warning("careful")
    assert f"\rcareful\n{drawn}" in console.getvalue()
