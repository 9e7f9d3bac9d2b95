"""A real Jupyter server in a process of its own, with nothing of the user's: for tests that need the whole way."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

import nbformat

MIME: Final = "application/vnd.progress-kit.operation.v1+json"
TOKEN: Final = "browser-tests"
_CLASSES: Final = {"lab": "LabApp", "notebook": "JupyterNotebookApp"}
# Jupyter says that it is running before it listens; the hub starts after that.
_READY: Final = "is ready"
_PATIENCE_S: Final = 60.0
_GOODBYE_S: Final = 10.0


class Lab:
    """`jupyter lab` (or `jupyter notebook`) on a free port of 127.0.0.1, all its directories under `home`.

    It can be killed and started again on the same port, as a person would. Documents are shared between browsers
    as by jupyter-collaboration only where it is `collaborative`.
    """

    def __init__(self, home: Path, application: str = "lab", *, collaborative: bool = False) -> None:
        self.home = home
        self.collaborative = collaborative
        self.root = home / "root"
        self.application = application
        self.port = _free_port()
        self.log: list[str] = []
        self.env = {
            name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "JPY", "PROGRESS_KIT"))
        }
        for variable, name in (
            ("HOME", "home"),
            ("IPYTHONDIR", "ipython"),
            ("JUPYTER_CONFIG_DIR", "config"),
            ("JUPYTER_DATA_DIR", "data"),
            ("JUPYTER_RUNTIME_DIR", "runtime"),
            ("JUPYTERLAB_SETTINGS_DIR", "settings"),
            ("JUPYTERLAB_WORKSPACES_DIR", "workspaces"),
        ):
            (home / name).mkdir(parents=True, exist_ok=True)
            self.env[variable] = str(home / name)
        self.root.mkdir(parents=True, exist_ok=True)
        # Each page would have node asked whether JupyterLab should be built anew.
        page: dict[str, object] = {"buildCheck": False}
        if not collaborative:
            # Without shared documents its pages should be those of a JupyterLab without the package.
            names = ("collaboration", "docprovider")
            page["disabledExtensions"] = dict.fromkeys((f"@jupyter/{name}-extension" for name in names), True)
        (home / "config" / "labconfig").mkdir(parents=True, exist_ok=True)
        (home / "config" / "labconfig" / "page_config.json").write_text(json.dumps(page), encoding="utf-8")
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._news = threading.Condition()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def page(self, path: str) -> str:
        """The address of a page, with the token to get in."""
        return f"{self.url}/{path}?token={TOKEN}"

    def start(self) -> None:
        """Start it, and wait until it serves."""
        seen = len(self.log)
        command = [
            *(sys.executable, "-m", "jupyter", self.application, "--no-browser", "--allow-root"),
            *(f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1"),
            *(f"--ServerApp.root_dir={self.root}", f"--IdentityProvider.token={TOKEN}"),
            # Nothing is fetched from outside, and no news are offered.
            *("--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url=None"),
            f"--YDocExtension.disable_rtc={not self.collaborative}",
            # Nobody asks node, npm and R for the language servers that this machine may have.
            "--LanguageServerManager.autodetect=False",
            *("--LabApp.extension_manager=readonly", f"--{_CLASSES[self.application]}.expose_app_in_browser=True"),
        ]
        self._process = subprocess.Popen(
            command, cwd=self.root, env=self.env, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        with self._news:
            self._news.wait_for(lambda: self._said(_READY, seen) or self._ended(), _PATIENCE_S)
        assert self._said(_READY, seen), "\n".join(self.log[seen:])

    def kill(self) -> None:
        """End it as a crash would: SIGKILL, no word to anyone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it, and its kernels."""
        self._end(signal.SIGTERM)

    def notebook(self, name: str, *cells: str) -> Path:
        """Write a notebook with code cells called c0, c1 … into its root."""
        path = self.root / name
        document = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
            cells=[
                nbformat.v4.new_code_cell(code, id=f"c{number}")  # type: ignore[no-untyped-call]
                for number, code in enumerate(cells)
            ],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        nbformat.write(document, path)  # type: ignore[no-untyped-call]
        return path

    def script(self, code: str) -> subprocess.Popen[str]:
        """Start a Python script in its root; what it prints can be read from the process."""
        (self.root / "script.py").write_text(code, encoding="utf-8")
        return subprocess.Popen(
            [sys.executable, "script.py"],
            cwd=self.root,
            env=self.env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def saved_outputs(self, name: str, cell: int = 0) -> list[dict[str, Any]]:
        """The outputs of a cell as they are in the file."""
        document = json.loads((self.root / name).read_text(encoding="utf-8"))
        outputs: list[dict[str, Any]] = document["cells"][cell]["outputs"]
        return outputs

    def _end(self, signum: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signum)
        # Stopped in the middle of a page's request, jupyter_server ends its kernels, and then waits for ever for the
        # thread of that request (anyio's to_thread).
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GOODBYE_S)
        process.kill()
        process.wait()
        if self._reader is not None:
            self._reader.join(_PATIENCE_S)
        assert process.stderr is not None
        process.stderr.close()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._news:
                self.log.append(line.rstrip())
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def _said(self, text: str, since: int) -> bool:
        return any(text in line for line in self.log[since:])

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None


def _free_port() -> int:
    """A port below those that systems give out by themselves, so that no kernel takes it before the server does."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port of a hundred is free")
