"""The only module that reads the environment. Every setting carries its unit in its name."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Literal, TypeVar, get_args

W = TypeVar("W", bound=str)
Widget = Literal["auto", "on", "off"]
Display = Literal["auto", "off", "lines", "terminal", "notebook"]
Saved = Literal["full", "timeless"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a process is told from outside, with the defaults.

    Numbers come from ``PROGRESS_KIT_<NAME IN CAPITALS>``, for example ``PROGRESS_KIT_SAMPLE_RATE_HZ=5``.
    """

    enabled: bool = True
    """``PROGRESS_KIT=off`` switches everything off: no thread, no output, no connection."""
    hub_url: str | None = None
    """``PROGRESS_KIT_HUB_URL``: the hub to use instead of a discovered one."""
    token: str | None = None
    """``PROGRESS_KIT_TOKEN``: the token for `hub_url`."""
    connection_file: Path | None = None
    """``PROGRESS_KIT_CONNECTION_FILE``: the hub's connection file; the server extension sets it for its kernels."""
    history: Literal["full", "anonymous", "off"] = "full"
    """``PROGRESS_KIT_HISTORY``: what the hub keeps of this process's operations; see the server's setting of the same
    name, which may keep less. What is none of the three words means ``off``."""
    sample_rate_hz: float = 10.0
    """How often the publisher samples the counters, 0.1 to 50."""
    announce_after_s: float = 0.5
    """An operation that ends well before this age is neither shown, sent nor stored."""
    exit_flush_s: float = 2.0
    """How long the interpreter's exit may wait for the last states to be sent."""
    connect_timeout_s: float = 5.0
    """How long one attempt to reach the hub may take."""
    display: Display = "auto"
    """``PROGRESS_KIT_DISPLAY``: where this process shows its operations; whoever watches elsewhere sees them anyway.
    ``auto``: in the cell, else in the terminal, else (no terminal, ``CI`` set, ``TERM=dumb``) by a few lines."""
    widget: Widget = "auto"
    """``PROGRESS_KIT_WIDGET``: whether cells show operations by a widget; ``auto``: if the page has no labextension."""
    labextension: bool = False
    """``PROGRESS_KIT_LABEXTENSION``: the server extension sets it for its kernels if its pages draw operations."""
    saved: Saved = "full"
    """``PROGRESS_KIT_SAVED``: what stays in a notebook of an operation that has ended. ``timeless``: only what is the
    same after each run, as html and text. Such a cell shows every operation, however short, and from its beginning;
    where nobody can be asked for input (nbclient, papermill, nbval) once, at its end."""
    problems: tuple[str, ...] = ()
    """What the environment says that cannot be meant; those settings have their defaults."""

    def __repr__(self) -> str:
        shown = (
            f"{f.name}={'…' if f.name == 'token' and self.token else getattr(self, f.name)!r}" for f in fields(self)
        )
        return f"Settings({', '.join(shown)})"


_OFF: Final = frozenset({"off", "0", "false", "no"})
_BOUNDS: dict[str, tuple[float, float]] = {
    "sample_rate_hz": (0.1, 50.0),
    "announce_after_s": (0.0, 60.0),
    "exit_flush_s": (0.0, 60.0),
    "connect_timeout_s": (0.1, 60.0),
}


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of `environ` (default: the process's environment).

    A number that is none or out of its bounds is no reason for a computation to fail: it is named in `problems`.
    """
    problems: list[str] = []
    env = os.environ if environ is None else environ
    connection_file = env.get("PROGRESS_KIT_CONNECTION_FILE")
    return Settings(
        enabled=env.get("PROGRESS_KIT", "on").strip().lower() not in _OFF,
        hub_url=env.get("PROGRESS_KIT_HUB_URL") or None,
        token=env.get("PROGRESS_KIT_TOKEN") or None,
        connection_file=Path(connection_file) if connection_file else None,
        history=_history(env, problems),
        sample_rate_hz=_number(env, "sample_rate_hz", problems),
        announce_after_s=_number(env, "announce_after_s", problems),
        exit_flush_s=_number(env, "exit_flush_s", problems),
        connect_timeout_s=_number(env, "connect_timeout_s", problems),
        display=_word(env, "PROGRESS_KIT_DISPLAY", get_args(Display), problems),
        widget=_word(env, "PROGRESS_KIT_WIDGET", get_args(Widget), problems),
        labextension=env.get("PROGRESS_KIT_LABEXTENSION", "off").strip().lower() not in _OFF,
        saved=_word(env, "PROGRESS_KIT_SAVED", get_args(Saved), problems),
        problems=tuple(problems),
    )


def _word(env: Mapping[str, str], variable: str, words: tuple[W, ...], problems: list[str]) -> W:
    """Return what the environment says, the first of `words` if that is none of them."""
    text = env.get(variable, words[0])
    found = next((word for word in words if text.strip().lower() == word), None)
    if found is None:
        problems.append(f"{variable}={text!r} is not one of {', '.join(words)}; {words[0]} is used")
    return found or words[0]


def _history(env: Mapping[str, str], problems: list[str]) -> Literal["full", "anonymous", "off"]:
    text = env.get("PROGRESS_KIT_HISTORY", "full").strip().lower()
    match text:
        case "full" | "anonymous" | "off":
            return text
        case _:  # somebody wants less to be kept
            problems.append(f"PROGRESS_KIT_HISTORY={text!r} is none of full, anonymous, off; off is used")
            return "off"


def _number(env: Mapping[str, str], name: str, problems: list[str]) -> float:
    variable = f"PROGRESS_KIT_{name.upper()}"
    default: float = getattr(Settings(), name)
    text = env.get(variable)
    if text is None:
        return default
    low, high = _BOUNDS[name]
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:  # also refuses NaN
        problems.append(f"{variable}={text!r} is not a number from {low:g} to {high:g}; {default:g} is used")
        return default
    return value
