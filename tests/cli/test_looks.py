"""Tables for people: no wider than their terminals."""

import pytest

from progress_kit.cli.hints import hint
from progress_kit.cli.looks import HEADER, fitted, row, table
from progress_kit.display.terminal import columns_of
from progress_kit.errors import HubRefusedError, HubUnreachableError
from progress_kit.model import Failure, Origin, Snapshot

TRAIN = Snapshot(
    id="op_16a6dc0306c813b5eaff7358",
    name="Train the 漢字 model on everything there is",
    state="failed",
    fraction=0.43,
    error=Failure(type="OSError", message="disk full"),
    elapsed_s=3_700.0,
    origin=Origin(notebook="work/notebooks/training/2026/train.ipynb"),
)
COPY = Snapshot(id="op_16a6dc0399c813b5eaff7358", name="Copy", state="running", fraction=0.1, elapsed_s=3.0)
ROWS = [HEADER, row(TRAIN), row(COPY)]


@pytest.mark.parametrize("columns", [60, 72, 80, 100, 130, 200])
def test_a_table_fits_into_the_terminal(columns: int) -> None:
    """Names and places are cut, and ids to beginnings that still say which."""
    lines = table(fitted(ROWS, columns)).splitlines()
    assert max(map(columns_of, lines)) <= columns
    ids = [line.split()[-1] for line in lines[1:]]
    assert ids[0] != ids[1]
    assert TRAIN.id.startswith(ids[0])
    assert COPY.id.startswith(ids[1])


def test_with_room_nothing_is_cut() -> None:
    """Ids are whole, and the place is there."""
    assert fitted(ROWS, 200) == [list(each) for each in ROWS]
    assert "WHERE" in fitted(ROWS, 120)[0]
    assert "WHERE" not in fitted(ROWS, 70)[0]


def test_who_has_set_the_environment_is_reminded_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address and the token that do not work come from there."""
    refused, away = HubRefusedError("forbidden", "no"), HubUnreachableError("away")
    monkeypatch.delenv("PROGRESS_KIT_HUB_URL", raising=False)
    assert hint(refused) is None
    monkeypatch.setenv("PROGRESS_KIT_HUB_URL", "http://lab:8888/")
    monkeypatch.setenv("PROGRESS_KIT_TOKEN", "secret")
    assert "PROGRESS_KIT_TOKEN" in (hint(refused) or "")
    assert "http://lab:8888/" in (hint(away) or "")
    assert "secret" not in (hint(refused) or "") + (hint(away) or "")
