"""The documentation is built without a warning, without the network, and knows every public name."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from sphinx.util.inventory import InventoryFile

import progress_kit as pk
from progress_kit import errors, scheduler, settings
from progress_kit.tracker import aio

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    out = tmp_path_factory.mktemp("site")
    strict = ["--fail-on-warning", "--keep-going", "--nitpicky", "--quiet"]
    command = [sys.executable, "-m", "sphinx", "--builder", "html", *strict, str(ROOT / "docs"), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return out


@pytest.fixture(scope="module")
def documented(site: Path) -> set[str]:
    """The names that the reference has."""
    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="").data
    return {name for kind, names in inventory.items() if kind.startswith("py:") for name in names}


@pytest.mark.slow
def test_every_public_name_is_in_the_reference(documented: set[str]) -> None:
    """Whatever can be imported by a promise of ours can be looked up."""
    names = {f"progress_kit.{name}" for name in (*pk.__all__, "ProgressWidget") if not name.startswith("__")}
    names |= {f"progress_kit.scheduler.{name}" for name in scheduler.__all__ if name not in pk.__all__}
    names |= {f"progress_kit.aio.{name}" for name, value in vars(aio).items() if _is_coroutine_of(value, aio)}
    names |= {
        f"progress_kit.errors.{name}"
        for name, value in vars(errors).items()
        if isinstance(value, type) and name not in pk.__all__
    }
    assert names - documented == set()


@pytest.mark.slow
def test_every_setting_is_in_the_reference(site: Path) -> None:
    """Each setting of the server, and each environment variable, is named with its meaning."""
    from progress_kit_jupyter.app import ProgressKit

    server = (site / "reference" / "server.html").read_text(encoding="utf-8")
    assert [name for name in ProgressKit.class_own_traits(config=True) if f"c.ProgressKit.{name}<" not in server] == []
    environment = (site / "reference" / "environment.html").read_text(encoding="utf-8")
    fields = settings.Settings.__dataclass_fields__.keys() - {"enabled", "problems"}
    assert [name for name in fields if f"PROGRESS_KIT_{name.upper()}<" not in environment] == []


def test_public_names_are_what_type_checkers_take_them_for() -> None:
    """A name that two rooms have, such as `Stage`, is the same at run time as in an editor."""
    tree = ast.parse((ROOT / "progress_kit" / "__init__.py").read_text(encoding="utf-8"))
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    homes = {
        alias.name: str(node.module)
        for node in checked.body
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("progress_kit.")
        for alias in node.names
        if alias.name in pk.__all__
    }
    assert len(homes) > 40
    assert [name for name, home in homes.items() if getattr(pk, name) is not getattr(import_module(home), name)] == []


def _is_coroutine_of(value: object, module: object) -> bool:
    import inspect

    return inspect.iscoroutinefunction(value) and inspect.getmodule(value) is module and value.__name__[0] != "_"
