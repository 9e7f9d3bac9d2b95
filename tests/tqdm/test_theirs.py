import os
import re
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

ALLOWED_FAILURES = 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_tqdms_own_tests_pass_with_our_class(tmp_path: Path) -> None:
    """The tests that come with tqdm's sources, unmodified, on the drop-in; the ones that are skipped ask for others."""
    python = [sys.executable, "-m"]
    download = [*python, "pip", "download", "--quiet", "--no-binary", ":all:", "--no-deps", f"tqdm=={version('tqdm')}"]
    subprocess.run(download, cwd=tmp_path, check=True, timeout=200)
    (archive,) = tmp_path.glob("tqdm-*.tar.gz")
    with tarfile.open(archive) as sources:
        sources.extractall(tmp_path, filter="data")
    (sources_of_tqdm,) = (path for path in tmp_path.glob("tqdm-*") if path.is_dir())
    # Only their tests: the package is the one that is installed.
    command = [*python, "pytest", "-p", "swap", "-q", "-p", "no:cacheprovider", "--durations=5", "."]
    run = subprocess.run(
        command,
        cwd=sources_of_tqdm / "tests",
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    summary = run.stdout.splitlines()[-1]
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|error)", summary)}
    assert counts.get("failed", 0) + counts.get("error", 0) <= ALLOWED_FAILURES, run.stdout[-10_000:]
    assert counts["passed"] >= 150, run.stdout[-10_000:]
