"""What people install: the wheel, without node, with the base dependencies alone or beside JupyterLab."""

import email
import json
import re
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.integration.processes import Home
from tests.packaging.environment import ROOT, Environment
from tests.packaging.server import Lab

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SHARED = "share/jupyter/labextensions/progress-kit"


def test_versions_agree() -> None:
    """The Python package and the labextension are released together, under one version."""
    python = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    node = json.loads((ROOT / "jupyter_ext/labextension/package.json").read_text(encoding="utf-8"))["version"]
    assert python == node


def test_wheel_holds_both_packages_and_the_labextension(wheel: Path) -> None:
    """One wheel brings library, server extension, its configuration and the built labextension, and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    data = f"{wheel.name.partition('-py3')[0]}.data/data/"
    shared = {name.removeprefix(f"{data}{SHARED}/") for name in names if name.startswith(data + SHARED)}
    assert {"package.json", "static/style.js"} <= shared
    assert any(re.fullmatch(r"static/remoteEntry\.[0-9a-f]+\.js", name) for name in shared)
    schemas = {
        f"schemas/progress-kit/{path.name}" for path in (ROOT / "jupyter_ext/labextension/schema").glob("*.json")
    }
    assert schemas <= shared
    assert f"{data}etc/jupyter/jupyter_server_config.d/progress_kit_jupyter.json" in names
    assert {"progress_kit/__init__.py", "progress_kit/py.typed", "progress_kit_jupyter/__init__.py"} <= set(names)
    display = "progress_kit/display/"
    assert {f"{display}stub.js", f"{display}static/widget.js", f"{display}static/widget.css"} <= set(names)
    page = "progress_kit_jupyter/static/"
    assert {f"{page}page.html", f"{page}page.js", f"{page}share.html", f"{page}manifest.webmanifest"} <= set(names)
    roots = {name.partition("/")[0] for name in names if ".data/" not in name and ".dist-info/" not in name}
    assert roots == {"progress_kit", "progress_kit_jupyter"}
    assert not [name for name in names if name.startswith("progress_kit_jupyter/labextension/")]


def test_wheel_holds_no_more_than_what_is_used(wheel: Path) -> None:
    """Neither sources and tests, nor source maps or what the build left; the pages' files are all there."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    folders, files = "tests|notebooks|node_modules|lib|docs", "map|tsx?|mts|tsbuildinfo|pyc"
    unwanted = re.compile(rf"(^|/)({folders})/|\.({files})$|build_log|conftest")
    assert [name for name in names if unwanted.search(name)] == []
    for static in ("progress_kit/display/static", "jupyter_ext/progress_kit_jupyter/static"):
        built = {f"{static.removeprefix('jupyter_ext/')}/{path.name}" for path in (ROOT / static).iterdir()}
        assert built <= set(names)


def test_the_licences_of_bundled_javascript_come_along(wheel: Path) -> None:
    """Beside each bundle is a list of what is in it, with the texts of its licences."""
    expected = {
        f"{SHARED}/static": {"@tanstack/react-virtual", "uplot"},
        "progress_kit/display/static": {"preact"},
        "progress_kit_jupyter/static": {"@tanstack/react-virtual", "preact"},
    }
    with zipfile.ZipFile(wheel) as archive:
        for folder, packages in expected.items():
            (name,) = (each for each in archive.namelist() if each.endswith(f"{folder}/third-party-licenses.json"))
            listed = {package["name"]: package for package in json.loads(archive.read(name))["packages"]}
            assert packages <= set(listed)
            assert all("Copyright" in listed[package]["extractedText"] for package in packages)
            assert all(package["licenseId"] for package in listed.values())


def test_metadata_tell_who_may_use_it_and_where(wheel: Path) -> None:
    """Licence, typing and Python versions are declared, and the README is the description."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Typing :: Typed" in metadata.get_all("Classifier", ())
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert str(metadata.get_payload()).lstrip().startswith("# progress_kit")


def test_base_install_reports_progress_without_jupyter_and_node(base: Environment) -> None:
    """`pip install progress-kit` on a machine without node brings no Jupyter server, and a tracked loop just runs."""
    installed = set(base.installed())
    assert "jupyter-core" in installed
    assert not {"jupyter-server", "jupyterlab", "tornado"} & installed
    told = base.run("python", "-c", "import progress_kit as pk; print(sum(pk.track(range(10), 'Add')))")
    assert told.strip() == "45"


def test_install_from_a_git_tree_without_node_says_what_is_missing(
    tmp_path_factory: pytest.TempPathFactory, git_tree: Path
) -> None:
    """Without node, a source tree still installs, without the JupyterLab side and with a message that says so."""
    environment = Environment(tmp_path_factory.mktemp("source"))
    told = environment.install(str(git_tree))
    assert "Install Node.js" in told
    environment.run("python", "-c", "import progress_kit")
    assert not (environment.prefix / SHARED).exists()


def test_jupyter_finds_both_extensions(base_with_lab: Environment) -> None:
    """A base install enables the server extension and the labextension in JupyterLab."""
    servers = base_with_lab.run("jupyter", "server", "extension", "list")
    assert re.search(r"progress_kit_jupyter .*enabled", servers), servers
    assert re.search(r"progress_kit_jupyter \S+ .*OK", servers), servers
    assert re.search(r"progress-kit v\S+ .*enabled.*OK", base_with_lab.run("jupyter", "labextension", "list"))


def test_the_lab_extra_brings_nothing_but_jupyterlab(base_with_lab: Environment, wheel: Path) -> None:
    """`pip install progress-kit[lab]` is the same as a base install beside JupyterLab."""
    before = base_with_lab.installed()
    base_with_lab.install(f"{wheel}[lab]")
    assert base_with_lab.installed() == before


def test_base_install_starts_in_jupyterlab_without_an_error(base_with_lab: Environment, home: Home) -> None:
    """JupyterLab with a base install starts the hub, and logs neither an error nor a warning about it."""
    with Lab(base_with_lab, home) as lab:
        health = lab.ask("progress-kit/api/health")
        lines = lab.stop()
    assert health["status"] == "ok", health
    logged = [line for line in lines if "received signal 15" not in line]  # that one tells of our own stop
    assert [line for line in logged if re.match(r"\[[EC] ", line) or ("[W" in line and "progress" in line)] == []
    assert "Traceback" not in "".join(lines)
