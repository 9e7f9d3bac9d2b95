import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import progress_kit as pk

HEAVY = [
    "anyio",
    "asyncio",
    "ctypes",
    "email",
    "http",
    "IPython",
    "ipywidgets",
    "jwt",
    "msgspec",
    "socket",
    "websockets",
]


def modules_after(statement: str) -> set[str]:
    """Run `statement` in a fresh interpreter and return the modules that it loaded."""
    program = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True)
    return set(output.stdout.split())


def test_import_is_light() -> None:
    """``import progress_kit`` loads none of its dependencies, and next to nothing else."""
    modules = modules_after("import progress_kit")
    assert not modules & set(HEAVY)
    assert {module for module in modules if module.startswith("progress_kit")} == {"progress_kit"}


def test_making_a_tracker_loads_no_network() -> None:
    """Sockets and event loops are loaded when an operation is announced, not before."""
    modules = modules_after("import progress_kit as pk; pk.ProgressTracker('Work'); pk.track([1]); pk.current()")
    assert not modules & (set(HEAVY) - {"msgspec"})


def test_a_short_loop_loads_no_network() -> None:
    """A script of many short loops pays for counting only; nothing of it is announced."""
    modules = modules_after("import progress_kit as pk; list(pk.track([1, 2, 3]))")
    assert not modules & {"anyio", "asyncio", "websockets", "ssl", "jwt"}


@pytest.mark.parametrize("name", pk.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """What `__all__` promises can be had, and `dir` shows it."""
    assert getattr(pk, name) is not None
    assert name in dir(pk)


def test_a_name_that_is_not_there() -> None:
    """A typing error is told as usual."""
    with pytest.raises(AttributeError, match="'trakc'"):
        pk.trakc  # noqa: B018 - that is what is tested


def test_the_version_is_the_package_s() -> None:
    """`__version__` and the metadata agree."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == pk.__version__
