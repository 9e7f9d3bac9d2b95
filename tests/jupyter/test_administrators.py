"""What an administrator can read about the settings."""

import re
from pathlib import Path

import pytest

from progress_kit_jupyter.app import ProgressKit

README = Path(__file__).parents[2] / "README.md"
TRAITS = ProgressKit.class_own_traits(config=True)


@pytest.mark.parametrize("name", sorted(TRAITS))
def test_every_setting_is_explained(name: str) -> None:
    """By itself, for ``--help-all``, and in the table of the README; a number says its unit in its name or there."""
    assert len(str(TRAITS[name].help).split()) >= 4
    section = README.read_text(encoding="utf-8").partition("\n## For administrators\n")[2].partition("\n## ")[0]
    rows = [row for row in section.splitlines() if row.startswith("| `")]
    assert any(re.search(rf"`{name}`", row.split("|")[1]) for row in rows), f"{name} is not in the table"


def test_the_table_has_no_setting_that_there_is_not() -> None:
    """Whatever is named in its first column can be set."""
    section = README.read_text(encoding="utf-8").partition("\n## For administrators\n")[2].partition("\n## ")[0]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(TRAITS)
