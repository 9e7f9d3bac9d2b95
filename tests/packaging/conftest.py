"""A wheel built from this tree, and the environments that it is installed into; all are made once for all tests."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.processes import Home
from tests.packaging.environment import DEADLINE_S, ROOT, Environment


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel that `python -m build` makes: from this tree a source archive, from that the wheel."""
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """Return an environment with the wheel and its base dependencies."""
    environment = Environment(tmp_path_factory.mktemp("base"))
    environment.install(str(wheel))
    return environment


@pytest.fixture(scope="session")
def base_with_kernel(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """Return an environment of kernels: a base install of the wheel, and ipykernel."""
    environment = Environment(tmp_path_factory.mktemp("kernel"))
    environment.install("ipykernel", str(wheel))
    return environment


@pytest.fixture(scope="session")
def base_with_lab(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """Return an environment with JupyterLab and a base install of the wheel."""
    environment = Environment(tmp_path_factory.mktemp("lab"))
    environment.install("jupyterlab>=4.4,<5", str(wheel))
    return environment


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A user's own directories."""
    return Home(tmp_path)


@pytest.fixture
def git_tree(tmp_path: Path) -> Path:
    """Return a copy of what git knows, as `pip install git+https://…` sees it: sources without any build."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    tree = tmp_path / "tree"
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    return tree
