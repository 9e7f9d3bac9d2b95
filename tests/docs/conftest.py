import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.processes import ROOT, Home, Server

PIP = """#!{python}
import re, sys, tomllib
command, *words = sys.argv[1:]
assert command == "install", f"this pip only installs, it was asked to {{command}}"
for word in words:
    name, extras = re.fullmatch(r"([\\w-]+)(?:\\[([\\w,]+)\\])?", word).groups()
    assert name == "progress-kit", f"{{name}} is not ours"
    known = set(tomllib.load(open({project!r}, "rb"))["project"]["optional-dependencies"])
    assert set((extras or "").split(",")) - {{""}} <= known, f"{{word}}: there is only {{known}}"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The directories of somebody who reads the documentation, with a `pip` that installs nothing."""
    home = Home(tmp_path_factory.mktemp("reader"))
    pip = home.path / "bin" / "pip"
    pip.parent.mkdir()
    pip.write_text(PIP.format(python=sys.executable, project=str(ROOT / "pyproject.toml")), encoding="utf-8")
    pip.chmod(stat.S_IRWXU)
    return home


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Server]:
    """A running server, as the reader has."""
    with Server(home, None, "--IdentityProvider.token=reader") as running:
        yield running


@pytest.fixture(scope="module")
def environment(home: Home, server: Server) -> dict[str, str]:
    """The environment of a page's code, in which the server is found; what is short there stands for what is long."""
    assert server.file.is_file()
    path = os.pathsep.join(map(str, (home.path / "bin", Path(sys.executable).parent, os.environ["PATH"])))
    return home.environment(PATH=path, PYTHONUNBUFFERED="1", PROGRESS_KIT_ANNOUNCE_AFTER_S="0")
