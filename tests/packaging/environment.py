"""A fresh virtual environment, as on the machine of somebody else."""

import os
import subprocess
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
OWN = ("JUPYTER", "PROGRESS_KIT", "PYTHON", "VIRTUAL_ENV")  # variables that belong to the environment we run in


class Environment:
    """A fresh virtual environment whose PATH holds nothing but itself: no node, no npm, no other Python."""

    def __init__(self, home: Path) -> None:
        self.prefix = home / "venv"
        venv.create(self.prefix, with_pip=True)
        self.env = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PYTHON", "JUPYTER", "VIRTUAL"))
            },
            "HOME": str(home),
            "PATH": str(self.prefix / "bin"),
        }

    def run(self, *command: str, cwd: Path | None = None) -> str:
        """Run a program of this environment and return all that it printed."""
        program = str(self.prefix / "bin" / command[0])
        done = subprocess.run(
            [program, *command[1:]],
            cwd=cwd or self.prefix,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def install(self, *requirements: str) -> str:
        """Install into this environment and return what pip told."""
        return self.run("python", "-m", "pip", "install", "--verbose", "--disable-pip-version-check", *requirements)
