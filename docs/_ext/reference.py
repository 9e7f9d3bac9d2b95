"""Directives that write a reference from what the program itself goes by, as Markdown."""  # noqa: INP001

import json
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective
from wire import fields, kinds, messages, rest_calls, structs

from progress_kit import settings
from progress_kit.cli.arguments import parser
from progress_kit.protocol.limits import Limits

ROOT = Path(__file__).parents[2]
LAB_SETTINGS = ROOT / "jupyter_ext/labextension/schema/settings.json"


class Written(SphinxDirective):
    """A directive whose content is Markdown that `write` returns."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Called by Sphinx."""
        text = "\n".join(self.write(*self.arguments))
        return self.parse_text_to_nodes(text, allow_section_headings=True)

    def write(self, *arguments: str) -> Iterator[str]:
        """Yield the lines."""
        raise NotImplementedError


def described(module: str, owner: str) -> dict[str, str]:
    """Return the docstrings of a class's attributes, which Python itself does not keep."""
    found = ModuleAnalyzer.for_module(module).find_attr_docs()
    return {name: " ".join(lines).strip() for (where, name), lines in found.items() if where == owner}


def markdown(text: str) -> str:
    """Return a docstring's paragraph as Markdown: doubled backquotes are code in both."""
    return " ".join(cleandoc(text).split())


_WORDS = {None: "none", True: "on", False: "off"}


class Environment(Written):
    """The environment variables, from the settings of the library."""

    def write(self, *_: str) -> Iterator[str]:
        """Yield a definition for each."""
        defaults = settings.Settings()
        for name, text in described("progress_kit.settings", "Settings").items():
            if name == "problems":
                continue
            variable = "PROGRESS_KIT" if name == "enabled" else f"PROGRESS_KIT_{name.upper()}"
            value = getattr(defaults, name)
            default = f"{value:g}" if isinstance(value, float) else _WORDS.get(value, value)
            plain = markdown(text.removeprefix(f"``{variable}``: "))
            yield f"`{variable}` (default: {default})\n: {plain[0].upper()}{plain[1:]}\n"


class LimitTable(Written):
    """The names of `c.ProgressKit.limits`."""

    def write(self, *_: str) -> Iterator[str]:
        """Yield a row for each."""
        texts = described("progress_kit.protocol.limits", "Limits")
        yield "| limit | default | |\n|---|---|---|"
        for name in Limits.__struct_fields__:
            yield f"| `{name}` | {getattr(Limits(), name):,g} | {markdown(texts.get(name, ''))} |"


_NO_DEFAULT = {"''", "[]", "{}", "None", "traitlets.Undefined"}
"""Where the text says more of it."""


class Traits(Written):
    """The settings of the server, from its traits."""

    def write(self, *_: str) -> Iterator[str]:
        """Yield a definition for each."""
        from progress_kit_jupyter.app import ProgressKit

        for name, trait in ProgressKit.class_own_traits(config=True).items():
            kind = type(trait).__name__
            given = trait.default_value_repr()
            default = "" if given in _NO_DEFAULT else f", default: `{given}`"
            yield f"`c.ProgressKit.{name}` ({kind}{default})"
            paragraphs = [markdown(part) for part in cleandoc(trait.help).split("\n\n")]
            yield ": " + "\n\n  ".join(paragraphs) + "\n"


class LabSettings(Written):
    """The settings of JupyterLab, from the labextension's schema."""

    def write(self, *_: str) -> Iterator[str]:
        """Yield a definition for each."""
        for name, about in json.loads(LAB_SETTINGS.read_text(encoding="utf-8"))["properties"].items():
            yield f"{about['title']}: `{name}` (default: `{json.dumps(about['default'])}`)"
            choices = "".join(f" `{one['const']}`: {one['title'].lower()}." for one in about.get("oneOf", ()))
            yield f": {about['description']}{choices}\n"


class CommandLine(Written):
    """The command line, from its parser."""

    def write(self, *_: str) -> Iterator[str]:
        """Yield a section for each command."""
        whole = parser()
        yield from _options(whole)
        (commands,) = (action for action in whole._actions if isinstance(action, _SubParsersAction))  # noqa: SLF001 - argparse tells it in no other way
        for name, one in commands.choices.items():
            yield f"\n## {name}\n\n{one.description}\n"
            usage = " ".join(one.format_usage().removeprefix("usage: ").split())
            yield f"```text\n{usage}\n```\n"
            yield from _options(one)


def _options(one: ArgumentParser) -> Iterator[str]:
    for action in one._actions:  # noqa: SLF001 - as above
        if action.dest == "help" or isinstance(action, _SubParsersAction):
            continue
        value = action.metavar if action.nargs != 0 else None
        if action.choices is not None and value is None:
            value = "|".join(map(str, action.choices))
        names = [f"{flag} {value}" if value else flag for flag in action.option_strings] or [str(value)]
        yield f"{', '.join(f'`{name}`' for name in names)}\n: {action.help or 'which one'}\n"


class Exits(Written):
    """The exit codes of the command line."""

    def write(self, *_: str) -> Iterator[str]:
        """Yield the text that the help ends with."""
        yield f"```text\n{parser().epilog}\n```"


class Messages(Written):
    """The messages of one direction: `ClientMessage` or `HubMessage`."""

    def write(self, *arguments: str) -> Iterator[str]:
        """Yield a section for each."""
        yield from messages(arguments[0])


class Fields(Written):
    """The fields of one struct of the wire."""

    def write(self, *arguments: str) -> Iterator[str]:
        """Yield them as a table."""
        yield from fields(arguments[0])


class Others(Written):
    """The structs that messages and answers are made of."""

    def write(self, *_: str) -> Iterator[str]:
        """Yield a section for each."""
        yield from structs(kinds(None))


class Rest(Written):
    """The REST interface, from the OpenAPI document that the server gives."""

    def write(self, *_: str) -> Iterator[str]:
        """Yield a section for each call."""
        yield from rest_calls()


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    for name, directive in (
        ("environment-variables", Environment),
        ("limits", LimitTable),
        ("server-settings", Traits),
        ("lab-settings", LabSettings),
        ("command-line", CommandLine),
        ("exit-codes", Exits),
        ("messages", Messages),
        ("structs", Others),
        ("fields", Fields),
        ("rest-calls", Rest),
    ):
        app.add_directive(name, directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
