"""A fresh virtual environment, as on the machine of somebody else."""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEADLINE_S = 600.0
OWN = ("JPY", "JUPYTER", "PROGRESS_KIT", "PYTHON", "VIRTUAL_ENV")  # variables of the environment that we run in


class Environment:
    """A fresh virtual environment whose PATH holds nothing but itself: no node, no npm, no other Python.

    It has no pip of its own: the one that runs the tests installs into it, which saves making one each time.
    """

    def __init__(self, home: Path) -> None:
        self.prefix = home / "venv"
        venv.create(self.prefix)
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(OWN)},
            "HOME": str(home),
            "PATH": str(self.prefix / "bin"),
        }

    def run(self, program: str, *arguments: str) -> str:
        """Run a program of this environment and return all that it printed."""
        return self._run(str(self.prefix / "bin" / program), *arguments)

    def install(self, *requirements: str) -> str:
        """Install into this environment and return what pip told."""
        return self._pip("install", "--verbose", *requirements)

    def installed(self) -> dict[str, str]:
        """Return the versions of what is installed, by normalized name."""
        lines = self._pip("list", "--format=freeze").splitlines()
        pairs = (line.split("==") for line in lines if "==" in line)
        return {name.lower().replace("_", "-"): version for name, version in pairs}

    def _pip(self, *arguments: str) -> str:
        target = str(self.prefix / "bin/python")
        return self._run(sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", target, *arguments)

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.prefix,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout
