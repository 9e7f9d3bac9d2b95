"""Builds what is released from a clean checkout, and looks at it as strangers will: ``make package``.

Each extra is installed alone into a fresh environment, and what it is there for is imported.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Final

from tests.packaging.environment import ROOT

# What has to be importable after `pip install progress-kit[extra]`.
EXTRAS: Final = {
    "": "progress_kit, progress_kit.publisher, progress_kit.scheduler, progress_kit.client",
    "jupyter": "progress_kit_jupyter.app",
    "lab": "jupyterlab, progress_kit_jupyter.app",
    "widget": "anywidget, progress_kit.display.widget",
    "dask": "distributed, progress_kit.scheduler.engines.dask",
    "loky": "loky",
    "tqdm": "progress_kit.tqdm, progress_kit.tqdm.auto",
    "cli": "rich, shtab, progress_kit.cli.live",
    "notify": "apprise",
    "otel": "opentelemetry.trace",
    "all": "progress_kit_jupyter.away, progress_kit_jupyter.tracing, progress_kit.display.widget",
}


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a program and return what it printed; ends everything if it fails."""
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def main() -> None:
    """Build, check, install."""
    bin_, dist = Path(sys.executable).parent, ROOT / "dist"
    for old in dist.glob("progress_kit-*"):
        old.unlink()
    run(bin_ / "python", "-m", "build", "--no-isolation", "--outdir", dist)
    (wheel,), (archive,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    print(f"built {wheel.name} ({wheel.stat().st_size:,} bytes), {archive.name} ({archive.stat().st_size:,} bytes)")
    run(bin_ / "twine", "check", "--strict", wheel, archive)
    run(bin_ / "check-wheel-contents", wheel)
    print("metadata and contents are good")
    for extra, modules in EXTRAS.items():
        with tempfile.TemporaryDirectory() as home:
            venv.create(home)
            python = Path(home) / "bin/python"
            run(bin_ / "uv", "pip", "install", "--quiet", "--python", python, f"{wheel}[{extra}]" if extra else wheel)
            run(python, "-W", "error::ImportWarning", "-c", f"import {modules}", cwd=Path(home))
            print(f"[{extra}]: installs alone, and imports {modules}")


if __name__ == "__main__":
    main()
