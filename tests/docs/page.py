"""The code of a page of the documentation, and how each kind of it runs: ``python -m tests.docs.page PAGE``.

- `python` runs as it stands; one page is one program. With a caption that ends in ``.py`` it is a file, which is
  written for the blocks below it; ``jupyter_server_config.py`` is what a server reads, and is checked as one.
- `ipython` runs as cells do, magics included.
- `sh` runs in bash, and stops the test at the first command that fails. `pip` is one that only looks whether what is to
  be installed exists.
- `json` has to be JSON. `text` is what somebody sees, and does not run.

A block whose caption begins with "Not run here" does not run; `test_code_blocks.py` has the list of those.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from sybil import Document, Example, Region
from sybil.parsers.myst import CodeBlockParser

NOT_RUN: Final = "Not run here"
CONFIG: Final = "jupyter_server_config.py"


def caption(example: Example) -> str:
    """Return what stands above a block, empty for most."""
    options: dict[str, str] = example.region.lexemes.get("options") or {}
    return options.get("caption", "").strip("\"'")


def run_python(example: Example) -> None:
    """Run it in the page's own namespace, with the page's lines in tracebacks."""
    name = caption(example)
    if name == CONFIG:
        check_config(example)
    elif name.endswith(".py"):
        Path(name).write_text(example.parsed, encoding="utf-8")
    else:
        line = example.line + example.parsed.line_offset
        code = compile("\n" * line + example.parsed, example.path, "exec", dont_inherit=True)
        exec(code, example.namespace)  # noqa: S102 - our own documentation


def run_ipython(example: Example) -> None:
    """Run it as a cell."""
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.instance().run_cell(str(example.parsed)).raise_error()


def run_shell(example: Example) -> None:
    """Run it in bash."""
    subprocess.run(["bash", "-euo", "pipefail", "-c", str(example.parsed)], check=True, timeout=90)


def check_json(example: Example) -> None:
    """See that it can be read."""
    json.loads(str(example.parsed))


def check_config(example: Example) -> None:
    """See that a server takes the settings."""
    from traitlets.config import Config

    from progress_kit_jupyter.app import ProgressKit

    config = Config()
    exec(compile(str(example.parsed), example.path, "exec"), {"c": config})  # noqa: S102 - as above
    app = ProgressKit(config=config)
    unknown = set(config.get("ProgressKit", {})) - set(app.trait_names(config=True))
    assert not unknown, f"the server has no such settings: {unknown}"


KINDS: Final[dict[str, Callable[[Example], None]]] = {
    "python": run_python,
    "ipython": run_ipython,
    "sh": run_shell,
    "json": check_json,
}


def skip(_example: Example) -> None:
    """Leave it as it is."""


def blocks(path: Path) -> Iterator[Example]:
    """Yield the code blocks of a page from the first to the last; what cannot run here does nothing."""
    found = Document.parse(str(path), *(CodeBlockParser(language, run) for language, run in KINDS.items()))
    found.namespace["__name__"] = "__main__"
    yield from found


def languages(path: Path) -> set[str]:
    """Return the languages of all code blocks of a page."""
    page = Document(path.read_text(encoding="utf-8"), str(path))
    regions: list[Region] = list(CodeBlockParser("python").lexers(page))
    found = {str(region.lexemes["arguments"]) for region in regions}
    return {language for language in found if not language.startswith("{")}  # a directive, and perhaps no code


def main(path: Path) -> None:
    """Run the page."""
    for example in blocks(path):
        if not caption(example).startswith(NOT_RUN):
            evaluate: Any = example.region.evaluator
            try:
                evaluate(example)
            except BaseException:
                sys.stderr.write(f"{path.name}, line {example.line}:\n")
                raise


if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "agg"
    main(Path(sys.argv[1]))
