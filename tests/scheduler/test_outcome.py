"""What crosses from a worker to the scheduler, and what is said of what cannot."""

import pickle
import threading
import traceback

import pytest

from progress_kit.errors import HubRefusedError, NotPicklableError, RemoteTaskError
from progress_kit.scheduler.engines.base import Failed, Outcome, Succeeded
from progress_kit.scheduler.outcome import pack, unpack


class TwoArgumentsError(Exception):
    """Does not unpickle by itself: `args` has one value, `__init__` takes two."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(what)
        self.code = code


class LockedError(Exception):
    """Cannot be pickled at all."""

    def __init__(self) -> None:
        super().__init__("it is locked")
        self.lock = threading.Lock()


class RudeError(Exception):
    """Everything about it fails."""

    def __init__(self) -> None:
        super().__init__(threading.Lock())

    def __str__(self) -> str:
        raise RuntimeError("no words")

    def __reduce__(self) -> tuple[object, ...]:
        raise SystemExit(7)


class Trap:
    """Can be pickled, and not unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return _explode, ()


def _explode() -> None:
    raise KeyboardInterrupt


def _raised(error: BaseException) -> Failed:
    try:
        raise error  # noqa: TRY301 - for the traceback
    except BaseException as caught:  # noqa: BLE001 - any of them
        return Failed(caught)


def _across(outcome: Outcome) -> Outcome:
    return unpack(pack(outcome, "resize cat.png"))


def _failure(outcome: Outcome) -> BaseException:
    arrived = _across(outcome)
    assert isinstance(arrived, Failed)
    return arrived.error


@pytest.mark.parametrize("value", [None, 3, "text", b"bytes", [1, {"a": (2.5, None)}], range(4)])
def test_a_result_arrives(value: object) -> None:
    """What was returned is what arrives."""
    assert _across(Succeeded(value)) == Succeeded(value)


def test_a_lambda_arrives() -> None:
    """Functions travel by value, so a task may return one."""
    arrived = _across(Succeeded(lambda x: x + 1))
    assert isinstance(arrived, Succeeded)
    assert arrived.value(2) == 3


def test_a_result_that_cannot_be_pickled_is_an_error_that_names_task_and_type() -> None:
    """It is known at once which task returned what."""
    error = _failure(Succeeded(threading.Lock()))
    assert isinstance(error, NotPicklableError)
    assert isinstance(error, TypeError)
    assert "'resize cat.png'" in str(error)
    assert "_thread.lock" in str(error)
    assert "engine='threads'" in str(error)


@pytest.mark.parametrize("value", [Trap(), [Trap()]])
def test_a_result_that_cannot_be_unpickled_is_an_error(value: object) -> None:
    """Even where unpickling raises what should end the program."""
    error = _failure(Succeeded(value))
    assert isinstance(error, NotPicklableError)
    assert "cannot be unpickled" in str(error)


def test_an_exception_arrives_with_the_traceback_of_the_worker() -> None:
    """Its cause shows where in the worker it was raised."""
    failed = _raised(ValueError("too wide"))
    arrived = _across(failed)
    assert isinstance(arrived, Failed)
    assert type(arrived.error) is ValueError
    assert arrived.error.args == ("too wide",)
    shown = "".join(traceback.format_exception(arrived.error))
    assert "in _raised" in shown
    assert "raise error" in arrived.traceback


def test_an_exception_with_two_arguments_arrives_whole() -> None:
    """Its class and what it carries are the same, so that `except` finds it."""
    with pytest.raises(TypeError):
        pickle.loads(pickle.dumps(TwoArgumentsError("no", 5)))  # noqa: S301 - our own
    error = _failure(_raised(TwoArgumentsError("no", 5)))
    assert type(error) is TwoArgumentsError
    assert error.args == ("no",)
    assert error.code == 5


def test_an_exception_that_knows_how_to_travel_is_left_to_it() -> None:
    """Its own way of pickling is used."""
    error = _failure(_raised(HubRefusedError("rate", "too many")))
    assert isinstance(error, HubRefusedError)
    assert error.code == "rate"


@pytest.mark.parametrize(
    "error, said", [(LockedError(), "LockedError: it is locked"), (RudeError(), "RudeError: RudeError")]
)
def test_an_exception_that_cannot_travel_is_described(error: Exception, said: str) -> None:
    """What arrives names the task, the type and the words, and shows the worker's traceback."""
    arrived = _failure(_raised(error))
    assert type(arrived) is RemoteTaskError
    assert "'resize cat.png'" in str(arrived)
    assert said in str(arrived)
    assert "in _raised" in "".join(traceback.format_exception(arrived))


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), MemoryError()])
def test_what_ends_programs_arrives_as_it_is(error: BaseException) -> None:
    """A task that calls `sys.exit` has failed with that; what becomes of it is for the scheduler to say."""
    arrived = _failure(_raised(error))
    assert type(arrived) is type(error)
    assert arrived.args == error.args


def test_an_exception_that_refuses_to_be_pickled_arrives_without_being_asked() -> None:
    """Where its class and what it holds can travel, it is put together again from these."""

    class RefusingError(ValueError):
        def __reduce__(self) -> tuple[object, ...]:
            raise SystemExit(7)

    error = _failure(_raised(RefusingError("no")))
    assert isinstance(error, ValueError)
    assert error.args == ("no",)


def test_notes_arrive() -> None:
    """What was added to an exception is there too."""
    error = ValueError("wide")
    error.add_note("in page 7")
    assert getattr(_failure(_raised(error)), "__notes__", None) == ["in page 7"]
