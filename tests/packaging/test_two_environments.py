"""JupyterLab in one environment, the kernel in another that has only the base install: how clusters and teams do it."""

import json
from pathlib import Path

import pytest

from tests.integration.processes import Home, Watcher
from tests.packaging.environment import Environment
from tests.packaging.server import Kernel, Lab

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CELL = """
import progress_kit as pk
for _ in pk.track(range(2), "Far away"):
    input()
"""
FOREIGN = {"ipywidgets", "jupyter_server", "jupyterlab"}


@pytest.fixture
def specs(base_with_kernel: Environment, tmp_path: Path) -> Path:
    """Return a Jupyter path with a kernel "elsewhere", which looks for hubs in a runtime directory of its own."""
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    where = ["--prefix", str(tmp_path), "--name", "elsewhere", "--env", "JUPYTER_RUNTIME_DIR", str(nowhere)]
    base_with_kernel.run("python", "-m", "ipykernel", "install", *where)
    return tmp_path / "share/jupyter"


def test_a_kernel_of_another_environment_is_seen(base_with_lab: Environment, specs: Path, home: Home) -> None:
    """It needs no more than the base install: the server names its hub to every kernel that it starts."""
    (home.root_dir / "trips").mkdir()
    with Lab(base_with_lab, home, JUPYTER_PATH=str(specs)) as lab:
        with Kernel(lab, "elsewhere", "trips/far.ipynb") as kernel, Watcher(home) as watcher:
            kernel.execute(
                CELL,
                named="__import__('os').environ['PROGRESS_KIT_CONNECTION_FILE']",
                loaded=f"sorted({FOREIGN!r}.intersection(__import__('sys').modules))",
            )
            watcher.wait("Far away", "running", lease="ok")
            for number in (1, 2):
                kernel.said("input_request", number)
                kernel.answer_input()
            reply = kernel.said("execute_reply")
            shown = kernel.said("display_data")
            watcher.wait("Far away", "succeeded")
        (operation,) = lab.ask("progress-kit/api/operations")["operations"]

    assert reply["status"] == "ok", reply
    told = {name: value["data"]["text/plain"] for name, value in reply["user_expressions"].items()}
    assert told == {"named": repr(str(lab.connection_file)), "loaded": "[]"}
    bundle = shown["data"]["application/vnd.progress-kit.operation.v1+json"]
    assert (bundle["operation"], operation["name"], operation["state"]) == (operation["id"], "Far away", "succeeded")
    assert operation["stages"][0]["done"] == 2
    assert operation["origin"]["kernel_id"] == kernel.id
    assert operation["origin"]["notebook"] == str(home.root_dir / "trips/far.ipynb")


def test_the_kernel_s_environment_is_another_one(specs: Path, base_with_kernel: Environment) -> None:
    """What the first test relies on: the kernel runs where neither a Jupyter server nor ipywidgets is installed."""
    spec = json.loads((specs / "kernels/elsewhere/kernel.json").read_text(encoding="utf-8"))
    assert spec["argv"][0] == str(base_with_kernel.prefix / "bin/python")
    assert not {"ipywidgets", "jupyter-server", "jupyterlab"} & set(base_with_kernel.installed())
