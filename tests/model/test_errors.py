"""The exceptions."""

import pickle

import pytest

from progress_kit import errors


def test_every_exception_is_a_progress_error() -> None:
    """One `except` catches them all."""
    found = [item for item in vars(errors).values() if isinstance(item, type)]
    assert len(found) > 10
    assert all(issubclass(item, errors.ProgressError) for item in found)


@pytest.mark.parametrize(
    "error",
    [
        errors.HubRefusedError("forbidden", "not yours"),
        errors.ProtocolError("bad_request", "no"),
        errors.InvalidValueError("total=-1"),
    ],
)
def test_an_exception_survives_pickling(error: errors.ProgressError) -> None:
    """So that it can cross a process pool."""
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def test_callers_may_catch_the_builtin_kind() -> None:
    """A bad value is a ValueError, an unknown name a LookupError."""
    assert issubclass(errors.InvalidValueError, ValueError)
    assert issubclass(errors.DuplicateStageError, ValueError)
    assert issubclass(errors.UnknownStageError, LookupError)
    assert issubclass(errors.OperationNotFoundError, LookupError)
