"""What people install: the wheel, without node, with the base dependencies alone or beside JupyterLab."""

import json
import os
import re
import signal
import subprocess
import tomllib
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.environment import ROOT, Environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SHARED = "share/jupyter/labextensions/progress-kit"
HEALTH = "progress-kit/api/health"


@pytest.fixture(scope="module")
def base(make_environment: Callable[[], Environment], wheel: Path) -> Environment:
    """Return an environment with the wheel and its base dependencies."""
    environment = make_environment()
    environment.install(str(wheel))
    return environment


@pytest.fixture(scope="module")
def lab(make_environment: Callable[[], Environment], wheel: Path) -> Environment:
    """Return an environment with JupyterLab and a base install of the wheel."""
    environment = make_environment()
    environment.install("jupyterlab>=4.4,<5", str(wheel))
    return environment


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
    roots = {name.partition("/")[0] for name in names if ".data/" not in name and ".dist-info/" not in name}
    assert roots == {"progress_kit", "progress_kit_jupyter"}
    assert not [name for name in names if name.startswith("progress_kit_jupyter/labextension/")]


def test_base_install_reports_progress_without_jupyter_and_node(base: Environment) -> None:
    """`pip install progress-kit` on a machine without node brings no Jupyter server, and a tracked loop just runs."""
    installed = {line.partition("==")[0].lower() for line in base.run("pip", "freeze").splitlines()}
    assert "jupyter-core" in {name.replace("_", "-") for name in installed}
    assert not {"jupyter_server", "jupyterlab", "tornado"} & installed
    told = base.run("python", "-c", "import progress_kit as pk; print(sum(pk.track(range(10), 'Add')))")
    assert told.strip() == "45"


def test_install_from_a_git_tree_without_node_says_what_is_missing(
    make_environment: Callable[[], Environment], git_tree: Path
) -> None:
    """Without node, a source tree still installs, without the JupyterLab side and with a message that says so."""
    environment = make_environment()
    told = environment.install(str(git_tree))
    assert "Install Node.js" in told
    environment.run("python", "-c", "import progress_kit")
    assert not (environment.prefix / SHARED).exists()


def test_jupyter_finds_both_extensions(lab: Environment) -> None:
    """A base install enables the server extension and the labextension in JupyterLab."""
    servers = lab.run("jupyter", "server", "extension", "list")
    assert re.search(r"progress_kit_jupyter .*enabled", servers), servers
    assert re.search(r"progress_kit_jupyter \S+ .*OK", servers), servers
    assert re.search(r"progress-kit v\S+ .*enabled.*OK", lab.run("jupyter", "labextension", "list"))


@pytest.fixture
def running_lab(lab: Environment, tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the URL of a JupyterLab that has started, and the lines that it has logged."""
    command = [str(lab.prefix / "bin/jupyter"), "lab", "--no-browser", "--ServerApp.port=0", "--allow-root"]
    token = ["--IdentityProvider.token=packaging"]
    process = subprocess.Popen(
        [*command, *token], cwd=tmp_path, env=lab.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        for line in process.stdout:
            lines.append(line)
            if found := re.search(r"(http://127\.0\.0\.1:\d+/)lab", line):
                break
        else:
            pytest.fail("JupyterLab did not start:\n" + "".join(lines))
        yield found[1], lines
    finally:
        process.send_signal(signal.SIGTERM)
        lines += process.stdout
        process.wait()
        process.stdout.close()


def read(request: urllib.request.Request) -> dict[str, Any]:
    """Return the JSON answer; being refused is no answer yet, as the URL is told a moment before the server listens."""
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                answer: dict[str, Any] = json.load(response)
                return answer
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
            os.sched_yield()


def test_base_install_starts_in_jupyterlab_without_an_error(running_lab: tuple[str, list[str]]) -> None:
    """JupyterLab with a base install starts the hub, and logs neither an error nor a warning about it."""
    url, lines = running_lab
    health = read(urllib.request.Request(url + HEALTH, headers={"Authorization": "token packaging"}))  # noqa: S310
    assert health["status"] == "ok", health
    complaints = [line for line in lines if re.match(r"\[[EC] ", line) or ("[W" in line and "progress" in line)]
    assert complaints == []
    assert "Traceback" not in "".join(lines)
