"""Cells that run for long, as operations: from what kernels say of themselves on IOPub, whatever their language.

Pure: what was heard goes in with its moment, snapshots come out. A cell is known from the moment that its kernel says
it is busy with an `execute_request`; it becomes an operation when it has run for so long as was asked for.
"""

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from msgspec import Struct

from progress_kit.hub.events import Now
from progress_kit.model import (
    MESSAGE_LENGTH,
    NAME_LENGTH,
    Failure,
    OperationState,
    Origin,
    Snapshot,
    Stage,
    StageState,
    operation_fraction,
    shorten,
)
from progress_kit.protocol.messages import Execution

CELL_NAME: Final = 80
UPDATE_S: Final = 2.0
"""How often an operation's duration is told anew."""
INTERRUPT_S: Final = 10.0
"""An error that follows an interrupt so closely is its effect."""
EXECUTIONS: Final = 1_000
_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,100}\Z")


class Cell(Struct, eq=False):
    """One execution of one cell, as far as it is known."""

    kernel_id: str
    request: str
    started: Now
    after_s: float | None
    code: str | None = None
    notebook: str | None = None
    cell_id: str | None = None
    error: Failure | None = None
    error_at: float = 0.0
    is_operation: bool = False
    suppressed: bool = False
    seq: int = 0
    told: float = 0.0

    @property
    def operation(self) -> str:
        """The operation's id: the same whenever and wherever it is made from this request."""
        if _ID.match(self.request):
            return f"cell_{self.request}"
        return f"cell_{sha256(self.request.encode('utf-8', 'replace')).hexdigest()}"

    @property
    def name(self) -> str:
        """The first line of the code that says something."""
        lines = (line.strip() for line in (self.code or "").splitlines())
        return shorten(next(filter(None, lines), "") or "Cell", CELL_NAME)

    @property
    def kind(self) -> str | None:
        """``name@notebook path``; None without a notebook, where nothing tells one cell from another."""
        return None if self.notebook is None else shorten(f"{self.name}@{self.notebook}", NAME_LENGTH)


class Cells:
    """All executions that are running. `default_after_s` counts where no page said how long is long; None: never."""

    def __init__(self, default_after_s: float | None) -> None:
        self._default_after_s = default_after_s
        self._cells: dict[tuple[str, str], Cell] = {}
        self._executions: dict[tuple[str, str], Execution] = {}
        self._interrupts: dict[str, float] = {}

    def __bool__(self) -> bool:
        return bool(self._cells)

    def kernels(self) -> set[str]:
        """Return the ids of the kernels that are running cells."""
        return {cell.kernel_id for cell in self._cells.values()}

    # -- what is heard --------------------------------------------------------------------------------------------

    def execution(self, message: Execution) -> None:
        """A page has sent a cell; its kernel may have begun with it or not."""
        key = (message.kernel_id, message.request)
        cell = self._cells.get(key)
        if cell is not None:
            _describe(cell, message)
            return
        self._executions[key] = message
        if len(self._executions) > EXECUTIONS:
            del self._executions[next(iter(self._executions))]

    def busy(self, kernel_id: str, request: str, now: Now) -> None:
        """A kernel has begun with a request."""
        cell = self._cells[kernel_id, request] = Cell(kernel_id, request, now, self._default_after_s)
        execution = self._executions.pop((kernel_id, request), None)
        if execution is not None:
            _describe(cell, execution)

    def code(self, kernel_id: str, request: str, code: str) -> None:
        """A kernel tells all who listen what it runs. Silent requests, which no person made, are never told."""
        cell = self._cells.get((kernel_id, request))
        if cell is not None:
            cell.code = code

    def error(self, kernel_id: str, request: str, kind: str, message: str, now: Now) -> None:
        """A cell has raised an exception."""
        cell = self._cells.get((kernel_id, request))
        if cell is not None:
            cell.error = Failure(type=shorten(kind, NAME_LENGTH), message=shorten(message, MESSAGE_LENGTH))
            cell.error_at = now.monotonic

    def interrupted(self, kernel_id: str, now: Now) -> None:
        """Somebody interrupted a kernel."""
        self._interrupts[kernel_id] = now.monotonic

    def idle(self, kernel_id: str, request: str, now: Now) -> Snapshot | None:
        """A kernel has done with a request; return the end if it was an operation."""
        cell = self._cells.pop((kernel_id, request), None)
        if cell is None or not cell.is_operation:
            return None
        if cell.error is None:
            return _snapshot(cell, "succeeded", now)
        since_s = cell.error_at - self._interrupts.get(kernel_id, float("-inf"))
        cancelled = cell.error.type == "KeyboardInterrupt" or 0 <= since_s < INTERRUPT_S
        return _snapshot(cell, "cancelled" if cancelled else "failed", now)

    def kernel_died(self, kernel_id: str) -> list[str]:
        """Forget what a kernel was running; return the ids of what were operations, whose end the hub says."""
        self._interrupts.pop(kernel_id, None)
        for key in [key for key in self._executions if key[0] == kernel_id]:
            del self._executions[key]
        gone = [self._cells.pop(key) for key in list(self._cells) if key[0] == kernel_id]
        return [cell.operation for cell in gone if cell.is_operation]

    # -- what becomes of it ---------------------------------------------------------------------------------------

    def due(self, now: Now) -> list[Cell]:
        """Return the cells that have run for so long that they become operations, unless `suppress` says no."""
        return [
            cell
            for cell in self._cells.values()
            if not cell.is_operation
            and not cell.suppressed
            and cell.code is not None
            and cell.after_s is not None
            and now.monotonic - cell.started.monotonic >= cell.after_s
        ]

    def begin(self, cell: Cell, now: Now) -> Snapshot | None:
        """Make a cell an operation; None if it has ended meanwhile."""
        if self._cells.get((cell.kernel_id, cell.request)) is not cell or cell.suppressed or cell.is_operation:
            return None
        cell.is_operation = True
        return _snapshot(cell, "running", now)

    def refresh(self, now: Now) -> Iterator[Snapshot]:
        """Yield the state of operations that have not been told of for two seconds."""
        for cell in self._cells.values():
            if cell.is_operation and now.monotonic - cell.told >= UPDATE_S:
                yield _snapshot(cell, "running", now)

    def tracked(self, kernel_id: str, first_seen_at: float) -> list[str]:
        """Say that a kernel reports an operation itself, which the hub first saw at this wall-clock second.

        The cell that it began in is no operation beside it: return the ids of those to withdraw.
        """
        withdrawn = []
        for cell in self._cells.values():
            if cell.kernel_id == kernel_id and not cell.suppressed and first_seen_at >= cell.started.wall:
                cell.suppressed = True
                if cell.is_operation:
                    cell.is_operation = False
                    withdrawn.append(cell.operation)
        return withdrawn

    def kernel_of(self, operation: str) -> str | None:
        """Return the kernel that is running this operation; None if it has ended."""
        return next((cell.kernel_id for cell in self._cells.values() if cell.operation == operation), None)


def _describe(cell: Cell, message: Execution) -> None:
    cell.cell_id, cell.notebook, cell.after_s = message.cell_id, message.notebook, message.after_s


def _snapshot(cell: Cell, state: OperationState, now: Now) -> Snapshot:
    cell.seq += 1
    cell.told = now.monotonic
    elapsed_s = max(0.0, now.monotonic - cell.started.monotonic)
    running = state == "running"
    stage_state: StageState = state
    stages = (Stage(name="main", state=stage_state, started_s=0.0, elapsed_s=elapsed_s),)
    return Snapshot(
        id=cell.operation,
        name=cell.name,
        state=state,
        seq=cell.seq,
        kind=cell.kind,
        stage="main" if running else None,
        fraction=operation_fraction(state, stages),
        stages=stages,
        error=cell.error if state == "failed" else None,
        actions=("cancel",) if running else (),
        started_at=cell.started.wall,
        elapsed_s=elapsed_s,
        ended_at=None if running else cell.started.wall + elapsed_s,
        origin=Origin(kernel_id=cell.kernel_id, notebook=cell.notebook, cell_id=cell.cell_id),
    )
