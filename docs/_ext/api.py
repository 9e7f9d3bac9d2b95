"""Docstrings and signatures as they are written in this project."""  # noqa: INP001

import re
from importlib import import_module

from docutils import nodes
from msgspec import Struct
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.environment import BuildEnvironment

TYPE_VARIABLES = frozenset({"F", "K", "P", "R", "T", "W"})
GIVEN = (Struct, tuple)
"""What has fields, which are in a table or in the text."""
GIVEN_NAMES = frozenset(
    f"progress_kit.{name}"
    for name in (
        *("Track", "Stage", "Capture", "Poll", "client.Watch", "client.History"),
        *("scheduler.Task", "scheduler.feed.Mapped", "scheduler.feed.Completed", "tracker.values.Metrics"),
    )
)
"""What other calls return."""
REAL = "SupportsIndex | SupportsFloat"
"""Any number, numpy's included; people read that as float."""
PRIVATE = re.compile(r",?\s*_\w+: [^,)]+?= None(?=[,)])")
"""An argument of a signature that is ours alone, such as ``_code: CodeType | None = None``."""


def missing(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.TextElement
) -> nodes.Element | None:
    """Link a name that a signature took from the module where it is defined to where it is documented.

    What stands in backquotes in a docstring and is no name that is documented, is code: an argument, a word of the
    wire. Type variables are nothing to be linked either. All else that is missing is a warning.
    """
    target = str(node.get("reftarget"))
    if target.rpartition(".")[2] in TYPE_VARIABLES:
        return contnode
    domain = env.domains.python_domain
    name = _documented(domain, target, bare=node.get("reftype") == "class")
    if name is not None and name != target:
        node["refspecific"] = False
        return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, contnode)
    return contnode if node.get("reftype") == "obj" else None


def _documented(domain: PythonDomain, target: str, *, bare: bool) -> str | None:
    """Return the documented name of what `target` names, if it is documented under another one.

    `bare`: a type may be called by its last name alone, as where it is imported for type checkers only.
    """
    last = target.rpartition(".")[2]
    names = [name for name in domain.objects if name.rpartition(".")[2] == last and name.startswith("progress_kit")]
    found = _named(target)
    if found is None:
        return names[0] if bare and len(names) == 1 and "." not in target else None
    return next((name for name in names if _named(name) is found), None)


def _named(dotted: str) -> object:
    """Return what has this name, None if nothing has."""
    module, _, name = dotted.rpartition(".")
    try:
        return getattr(import_module(module), name, None) if module.startswith("progress_kit") else None
    except ImportError:
        return None


def shorten(
    _app: Sphinx, _what: str, name: str, value: object, _options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Leave out of a signature what is ours alone, and all of it where nobody makes such a thing by hand."""
    if isinstance(value, type) and (issubclass(value, GIVEN) or name in GIVEN_NAMES):
        return "", None
    return (PRIVATE.sub("", signature).replace(REAL, "float") if signature else signature), returns


def examples(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Take what is indented in a docstring as code."""
    shown: list[str] = []
    for number, line in enumerate(lines):
        begins = line.startswith("    ") and not (number and lines[number - 1].strip())
        if begins and not _goes_on(shown):
            shown += [".. code-block:: python", ""]
        shown.append(line)
    lines[:] = shown


def _goes_on(shown: list[str]) -> bool:
    """Whether the last line that is not empty belongs to a block already."""
    last = next((line for line in reversed(shown) if line.strip()), "")
    return last.startswith("    ")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.config.default_role = "py:obj"
    app.connect("missing-reference", missing, priority=900)
    app.connect("autodoc-process-signature", shorten)
    app.connect("autodoc-process-docstring", examples)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
