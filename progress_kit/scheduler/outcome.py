"""How functions, arguments and outcomes cross from one process to another: by cloudpickle, and what cannot is told.

An outcome travels as bytes, so that a pool's own machinery never unpickles anything of the user's: an exception whose
``__init__`` takes two arguments breaks `ProcessPoolExecutor` for good. Whether an exception unpickles is tried in the
worker; if not, it is put together again without its ``__init__``. A description in plain text travels beside it, and
stands in for what does not arrive all the same.
"""

import pickle
import traceback
from typing import Any, Final

import cloudpickle

from progress_kit.errors import NotPicklableError, RemoteTaskError
from progress_kit.scheduler.engines.base import Failed, Outcome, Succeeded

_SUCCEEDED: Final = b"+"
_FAILED: Final = b"-"
_PLAIN: Final = frozenset({type(None), bool, int, float, complex, str, bytes})
"""What every pickler writes in the same way; the builtin one is ten times as fast."""


def dumps(value: object) -> bytes:
    """Pickle anything that can be, lambdas and what is defined in a notebook included; raises what the pickler does."""
    if type(value) in _PLAIN:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    data: bytes = cloudpickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return data


def dump_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """Pickle a call's arguments, as a pair; raises what the pickler does."""
    if not kwargs and all(type(value) in _PLAIN for value in args):
        return pickle.dumps((args, kwargs), pickle.HIGHEST_PROTOCOL)
    return dumps((args, kwargs))


def cannot_go(error: Exception, task: str) -> Exception:
    """Return what to say when a job could not be pickled."""
    if isinstance(error, NotPicklableError):
        return error
    told = NotPicklableError(f"the arguments of task {task!r} cannot be sent to a worker: {_said(error)}")
    told.__cause__ = error
    return told


class _RemoteTraceback(Exception):  # noqa: N818 - it is no error of its own, it shows where one came from
    """The worker's traceback as text, shown as the cause of the exception that it belongs to."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


def pack(outcome: Outcome, task: str) -> bytes:
    """Return an outcome as bytes, in the worker. `task` is the name to call it by. Never raises."""
    if isinstance(outcome, Failed):
        return _pack_failure(outcome, task)
    try:
        return _SUCCEEDED + dumps(outcome.value)
    except BaseException as error:  # noqa: BLE001 - pickling runs the user's code
        told = NotPicklableError(
            f"the result of task {task!r} is a {_kind(outcome.value)}, which cannot be sent from its worker: "
            f"{_said(error)}. Return something that can be pickled, or use engine='threads'"
        )
        told.__cause__ = error
        return _pack_failure(Failed(told), task)


def _pack_failure(outcome: Failed, task: str) -> bytes:
    error = outcome.error
    text = outcome.traceback or "".join(traceback.format_exception(error))
    pickled = _pickled(error)
    return _FAILED + pickle.dumps((pickled, task, _kind(error), _said(error), text), pickle.HIGHEST_PROTOCOL)


def _pickled(error: BaseException) -> bytes | None:
    for form in (error, _Revived(error)):
        try:
            data = dumps(form)
            if type(pickle.loads(data)) is type(error):  # noqa: S301 - what has just been pickled
                return data
        except BaseException:  # noqa: BLE001, S112 - this is what is tried; it runs the user's code
            continue
    return None


class _Revived:
    """Pickles an exception in such a way that its ``__init__`` is not called when it is unpickled."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __reduce__(self) -> Any:  # noqa: ANN401 - as pickle has it
        return _revive, (type(self._error), self._error.args, vars(self._error))


def _revive(kind: type[BaseException], args: tuple[Any, ...], state: dict[str, Any]) -> BaseException:
    error = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(state)
    return error


def unpack(data: bytes) -> Outcome:
    """Return the outcome that `pack` packed, in the scheduler's process. Never raises.

    The worker's traceback, as text, is the cause of a failure's exception.
    """
    body = memoryview(data)[1:]
    if data[:1] == _SUCCEEDED:
        try:
            return Succeeded(pickle.loads(body))  # noqa: S301 - what our own worker sent
        except BaseException as error:  # noqa: BLE001 - unpickling runs the user's code
            told = NotPicklableError(f"a result was sent by its worker, but cannot be unpickled here: {_said(error)}")
            told.__cause__ = error
            return Failed(told, "".join(traceback.format_exception(error)))
    pickled, task, name, said, text = pickle.loads(body)  # noqa: S301 - as above
    return Failed(_rebuilt(pickled, task, name, said, text), text)


def _rebuilt(pickled: bytes | None, task: str, name: str, said: str, text: str) -> BaseException:
    error: object = None
    if pickled is not None:
        try:
            error = pickle.loads(pickled)  # noqa: S301 - as above
        except BaseException:  # noqa: BLE001 - as above
            error = None
    if not isinstance(error, BaseException):
        error = RemoteTaskError(f"task {task!r} failed with {name}: {said} (the exception itself cannot be pickled)")
    error.__cause__ = _RemoteTraceback(text)
    return error


def _kind(value: object) -> str:
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def _said(error: BaseException) -> str:
    try:
        return str(error) or type(error).__name__
    except BaseException:  # noqa: BLE001 - it runs the user's code
        return type(error).__name__
