"""Build hook: puts the built labextension into the wheel; builds it, widget and page first where node is at hand."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path("jupyter_ext/labextension")
BUILD = Path("jupyter_ext/progress_kit_jupyter/labextension")
TARGET = "share/jupyter/labextensions/progress-kit"
WIDGET = Path("progress_kit/display/static/widget.js")  # package data, listed among the artifacts of pyproject.toml
PAGE = Path("jupyter_ext/progress_kit_jupyter/static/page.js")  # as the widget
BUILD_LOG = "build_log.json"  # holds paths of the machine that built it
WATCHED = ("src", "style", "schema", "scripts", "package.json", "package-lock.json", "tsconfig.json")


class LabextensionHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds `shared-data` for the labextension only when there is a build of it.

    An editable install gets none, since copies would go stale: `make lab` links the build directory instead.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build what is stale; `version` is "standard" or "editable"."""
        root = Path(self.root)
        if version == "editable":
            return
        if not (root / "PKG-INFO").exists() and is_stale(root):  # an sdist has PKG-INFO and carries a build
            self._build(root)
        built = (root / BUILD / "package.json").exists()
        if self.target_name == "wheel" and built:
            for file in (path for path in (root / BUILD).rglob("*") if path.is_file() and path.name != BUILD_LOG):
                build_data["shared_data"][str(file)] = f"{TARGET}/{file.relative_to(root / BUILD).as_posix()}"
        elif not built:
            self.app.display_warning(
                "progress_kit: node and npm were not found and there is no built labextension, so this package comes "
                "without the JupyterLab side (no live bars after a reload, no panel) and without the widget of VS Code "
                "and Colab. Install Node.js 20 or newer and install again, or install a released wheel."
            )

    def _build(self, root: Path) -> None:
        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            if (root / BUILD / "package.json").exists():
                self.app.display_warning("progress_kit: the labextension is older than its sources; npm was not found")
            return
        self.app.display_info("progress_kit: building the labextension with npm")
        scripts = str(Path(sys.executable).parent)  # where jupyter-builder is
        env = {**os.environ, "PATH": os.pathsep.join([scripts, os.environ.get("PATH", "")])}
        for command in (["ci", "--no-audit", "--no-fund"], ["run", "build:prod"]):
            subprocess.run([npm, *command], cwd=root / SOURCE, env=env, check=True)  # noqa: S603 - npm, found above


def is_stale(root: Path) -> bool:
    """Tell whether any source of labextension, widget and page is newer than its build, or there is no build."""
    built = (root / BUILD / "package.json", root / WIDGET, root / PAGE)
    if not all(path.exists() for path in built):
        return (root / SOURCE / "package.json").exists()
    newest = max((path.stat().st_mtime for path in _sources(root / SOURCE)), default=0.0)
    return newest > min(path.stat().st_mtime for path in built)


def _sources(source: Path) -> Iterator[Path]:
    for name in WATCHED:
        path = source / name
        if path.is_dir():
            yield from (found for found in path.rglob("*") if found.is_file())
        elif path.exists():
            yield path
