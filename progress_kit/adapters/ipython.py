"""``%load_ext progress_kit``: cells as operations, and other libraries' bars, by magics.

- ``%%progress [name]``: this cell is an operation; tracked loops in it are its counters.
- ``%progress_capture [library …]``: as `progress_kit.capture`; ``off`` gives all of them back.
- ``%progress_cells SECONDS``: any cell that runs longer is an operation, from then on; ``off`` ends that. Loading the
  extension begins with 10 seconds.
"""

import _thread
import ast
import contextvars
import inspect
import signal
import sys
import threading
from types import CodeType
from typing import Any, Final

from IPython.core.interactiveshell import ExecutionResult, InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from progress_kit.adapters.capturing import Capture, capture
from progress_kit.errors import InvalidValueError, UsageError
from progress_kit.model import shorten
from progress_kit.tracker import announce
from progress_kit.tracker.mirror import Mirror
from progress_kit.tracker.seen import Seen
from progress_kit.tracker.tracker import ProgressTracker

LONG_S: Final = 10.0
_NAME: Final = 60
_STAGE: Final = "main"
_OFF: Final = "off"


@magics_class
class ProgressMagics(Magics):
    """The magics, and what they have switched on in this shell."""

    shell: InteractiveShell

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.cells = LongCells(shell)
        self._captures: list[Capture] = []

    @magic_arguments()
    @argument("name", nargs="*", help="What the operation is called; default: the cell's first line.")
    @argument("--kind", help="The key under which its runs are compared.")
    @argument("--notify", default="default", help="always, failure, never, or after how many seconds its end is told.")
    @cell_magic
    def progress(self, line: str, cell: str) -> object:
        """Run the cell as an operation. It fails as the cell does; a `break` is no failure."""
        args = parse_argstring(self.progress, line)
        name = " ".join(word.strip("\"'") for word in args.name) or title(cell)
        body, last = self._compiled(cell)
        tracker = ProgressTracker(name, [_STAGE], kind=args.kind, notify=_notify(args.notify), _code=body)
        with tracker, tracker.stage(_STAGE):
            exec(body, self.shell.user_ns)  # noqa: S102 - a cell is there to be executed
            return None if last is None else eval(last, self.shell.user_ns)  # noqa: S307 - as above

    @line_magic
    def progress_capture(self, line: str) -> None:
        """Let the bars of these libraries, or of all that are installed, be operations; `off` gives them back."""
        words = line.split()
        if words == [_OFF]:
            self.release()
        else:
            self._captures.append(capture(*words))

    @line_magic
    def progress_cells(self, line: str) -> None:
        """Let cells that run longer than so many seconds be operations; `off` ends that."""
        word = line.strip()
        try:
            after_s = None if word == _OFF else float(word)
        except ValueError:
            after_s = -1.0
        if after_s is not None and not 0 <= after_s < threading.TIMEOUT_MAX:
            raise InvalidValueError(f"%progress_cells {word}: give a number of seconds, such as 10, or off")
        self.cells.watch(after_s)

    def release(self) -> None:
        """Give back what was captured."""
        while self._captures:
            self._captures.pop().release()

    def _compiled(self, cell: str) -> tuple[CodeType, CodeType | None]:
        """Return the cell's code, and that of the expression at its end, whose value is shown."""
        source = self.shell.transform_cell(cell)
        file = self.shell.compile.cache(source, raw_code=cell)
        tree = self.shell.transform_ast(self.shell.compile.ast_parse(source, filename=file))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        body = compile(tree, file, "exec", flags=flags)
        value = None if last is None else compile(ast.Expression(last.value), file, "eval", flags=flags)
        if any(code is not None and code.co_flags & inspect.CO_COROUTINE for code in (body, value)):
            raise UsageError("%%progress cannot await; use `async with progress_kit.ProgressTracker(…)` in the cell")
        return body, value


class LongCells:
    """Makes an operation of each cell that runs for long, unless something in it is one."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._after_s: float | None = None
        self._timer: threading.Timer | None = None
        self._mirror: Mirror[LongCells] | None = None
        self._lock = threading.Lock()

    def watch(self, after_s: float | None) -> None:
        """Look at cells from the next one on; None looks at none."""
        if (self._after_s is None) != (after_s is None):
            change = self._shell.events.unregister if after_s is None else self._shell.events.register
            change("pre_run_cell", self._begin)
            change("post_run_cell", self._end)
        self._after_s = after_s
        if after_s is None:
            self._over(None)  # of the cell that says so nobody will tell

    def _begin(self, info: Any) -> None:
        if self._after_s is None or info.silent:
            return
        # The cell's own context: it says which cell it is.
        arguments = (contextvars.copy_context(), title(info.raw_cell), self._after_s)
        self._timer = threading.Timer(self._after_s, self._is_long, arguments)
        self._timer.daemon = True
        self._timer.start()

    def _is_long(self, context: contextvars.Context, name: str, ago_s: float) -> None:
        with self._lock:
            if self._timer is None or announce.running():
                return
            self._mirror = context.run(self._shown, name)
            self._mirror.operation.backdate(ago_s)

    def _shown(self, name: str) -> "Mirror[LongCells]":
        code = compile("", "<cell>", "exec")
        mirror = Mirror(self, _nothing, name, code=code, silent=False, on_cancel=_interrupt)
        mirror.operation.waits = False
        return mirror

    def _end(self, result: ExecutionResult) -> None:
        self._over(result.error_before_exec or result.error_in_exec)

    def _over(self, error: BaseException | None) -> None:
        with self._lock:
            timer, self._timer = self._timer, None
            mirror, self._mirror = self._mirror, None
        if timer is not None:
            timer.cancel()
        if mirror is not None:
            mirror.close(error)


def title(cell: str) -> str:
    """Return the first line of a cell that says something, as its name."""
    lines = [line.strip() for line in cell.splitlines()]
    said = [line.lstrip("# ") for line in lines if line.lstrip("# %")]
    return shorten(said[0], _NAME) if said else "Cell"


def _nothing(_cells: LongCells) -> Seen:
    return Seen()


def _interrupt() -> None:
    """Interrupt the cell, as the stop button does."""
    if sys.platform == "win32":
        _thread.interrupt_main()
    else:
        # A real signal also wakes what waits in the system.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _notify(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


_loaded: dict[int, ProgressMagics] = {}


def load(shell: InteractiveShell) -> None:
    """Register the magics, and watch for long cells."""
    unload(shell)
    magics = _loaded[id(shell)] = ProgressMagics(shell)
    shell.register_magics(magics)
    magics.cells.watch(LONG_S)


def unload(shell: InteractiveShell) -> None:
    """Take all of it back; the magics' names stay, as IPython has no way to remove them."""
    magics = _loaded.pop(id(shell), None)
    if magics is not None:
        magics.release()
        magics.cells.watch(None)
