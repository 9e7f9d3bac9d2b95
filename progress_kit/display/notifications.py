"""An operation as the progress notifications that other programs know: those of MCP and of the language servers.

Each object follows one operation, turns its snapshots into the JSON-RPC notifications that are due, and does no IO::

    notify = Mcp(token)
    for view in pk.watch(operations=[id]):
        for notification in notify(view[0]): ...
"""

from collections.abc import Callable
from typing import Any, Final

from progress_kit.display.view import View
from progress_kit.model import Snapshot, is_terminal

Token = str | int
Notification = dict[str, Any]
Notify = Callable[[Snapshot], list[Notification]]

_WHOLE: Final = 100


class Mcp:
    """``notifications/progress`` of the Model Context Protocol, for a request that named `token`.

    The protocol wants its numbers to grow with each notification, so that what changes nothing in them is not sent.
    They are percent; of an operation that begins without a total, its counts. How it ended is told by the answer to
    the request, which is not made here.
    """

    def __init__(self, token: Token) -> None:
        self._token = token
        self._sent: float | None = None
        self._counts = False

    def __call__(self, snapshot: Snapshot) -> list[Notification]:
        """Return what is to be sent of `snapshot`."""
        if self._sent is None:
            self._counts = snapshot.fraction is None
        progress = sum(stage.done for stage in snapshot.stages) if self._counts else _percent(snapshot)
        if progress is None or (self._sent is not None and progress <= self._sent):
            return []
        self._sent = progress
        total = {} if self._counts else {"total": _WHOLE}
        message = _message(snapshot)
        params = {
            "progressToken": self._token,
            "progress": progress,
            **total,
            **({"message": message} if message else {}),
        }
        return [{"jsonrpc": "2.0", "method": "notifications/progress", "params": params}]


class Lsp:
    """``$/progress`` of the Language Server Protocol: begin, reports and end under `token`.

    Whoever begins without being asked has to create the token first, by ``window/workDoneProgress/create``.
    """

    def __init__(self, token: Token) -> None:
        self._token = token
        self._began = False
        self._ended = False
        self._told: tuple[int | None, str] | None = None

    def __call__(self, snapshot: Snapshot) -> list[Notification]:
        """Return what is to be sent of `snapshot`."""
        if self._ended:
            return []
        due = []
        percent, message = _percent(snapshot), _message(snapshot)
        told = None if percent is None else int(percent), message
        facts = {
            name: value for name, value in (("message", message), ("percentage", told[0])) if value not in {None, ""}
        }
        self._ended = is_terminal(snapshot.state)
        if not self._began:
            self._began = True
            can_cancel = "cancel" in snapshot.actions and not self._ended
            due.append(
                self._value({"kind": "begin", "title": View.of(snapshot).title, "cancellable": can_cancel, **facts})
            )
        elif told != self._told and not self._ended:
            due.append(self._value({"kind": "report", **facts}))
        if self._ended:
            due.append(self._value({"kind": "end", "message": message}))
        self._told = told
        return due

    def _value(self, value: dict[str, Any]) -> Notification:
        return {"jsonrpc": "2.0", "method": "$/progress", "params": {"token": self._token, "value": value}}


FORMATS: Final[dict[str, Callable[[Token], Notify]]] = {"mcp": Mcp, "lsp": Lsp}


def _percent(snapshot: Snapshot) -> float | None:
    """Return the share that is done in percent; None if it is unknown."""
    return None if snapshot.fraction is None else round(snapshot.fraction * _WHOLE, 1)


def _message(snapshot: Snapshot) -> str:
    view = View.of(snapshot)
    if view.ended:
        return view.summary
    state = "" if view.look == "running" else view.state
    return " · ".join(part for part in (state, view.counter, view.tasks, view.left, view.message) if part)
