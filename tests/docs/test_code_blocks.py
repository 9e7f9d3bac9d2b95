"""Every block of code in the documentation runs, page by page, beside a real server."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.page import KINDS, NOT_RUN, blocks, caption, languages
from tests.integration.processes import Home

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [path for path in sorted(DOCS.rglob("*.md")) if "_build" not in path.parts]
WITH_CODE = [path for path in PAGES if languages(path) & KINDS.keys()]
# What does not run here, and why, as it stands in the caption.
NOT_RUN_HERE = {
    "howto/another-machine": ["it takes another machine", "it takes another machine"],
    "tutorial": ["it would wait for you", "it takes two minutes, which are meant for your eyes"],
}


def name(path: Path) -> str:
    """Return what a page is called in the list of tests."""
    return path.relative_to(DOCS).with_suffix("").as_posix()


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_CODE, ids=name)
def test_all_code_of_a_page_runs(page: Path, home: Home, environment: dict[str, str]) -> None:
    """Whoever copies a page's code, from the top down, sees no error and no warning of ours."""
    work = home.root_dir / name(page)
    work.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.docs.page", str(page)]
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "progress_kit" not in done.stderr, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_is_of_a_known_kind(page: Path) -> None:
    """No block escapes: what is not run is text that somebody sees, or listed here with its reason."""
    assert languages(page) <= {*KINDS, "text"}
    found = [caption(each).removeprefix(f"{NOT_RUN}: ") for each in blocks(page) if caption(each).startswith(NOT_RUN)]
    assert found == NOT_RUN_HERE.get(name(page), [])
