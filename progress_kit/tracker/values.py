"""What a caller hands in, checked where it is handed in, so that nothing has to be checked later."""

import math
import operator
from collections.abc import Iterable, Mapping
from typing import SupportsFloat, SupportsIndex, get_args

from progress_kit.errors import DuplicateStageError, InvalidValueError
from progress_kit.model import DEFAULT_STAGES, MAX_STAGES, NAME_LENGTH, Notify, NotifyWhen, OperationState, shorten

Amount = int | float
Real = SupportsIndex | SupportsFloat
"""Any real number, numpy's included."""
Stages = Mapping[str, float] | Iterable[str]
NotifyArgument = str | float

# Beyond this a number is not exact in a browser (and 64 bits are what the wire carries).
_EXACT = 2**53
_PLAIN = frozenset({int, float})
# The protocol's bound.
_MAX_RATE_HZ = 60


def number(value: object, what: str) -> Amount:
    """Return `value` as an int or float that JSON can carry, NaN and infinity among the floats."""
    try:
        whole = int(operator.index(value))  # type: ignore[arg-type] # the error is the answer
    except TypeError:
        return _inexact(value, what)
    return whole if -_EXACT <= whole <= _EXACT else _inexact(whole, what)


def _inexact(value: object, what: str) -> float:
    if isinstance(value, str | bytes):
        raise InvalidValueError(f"{what} is {value!r}; give a number, not text")
    try:
        return float(value)  # type: ignore[arg-type] # as above
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidValueError(f"{what} is {value!r}; give a real number") from error


def is_number(value: object) -> bool:
    """Whether `value` is a finite number, negative ones included."""
    try:
        return math.isfinite(number(value, "it"))
    except InvalidValueError:
        return False


def plain(value: object) -> Amount | None:
    """Return what others count in as a number that can be sent; None if it is none, or not one of things."""
    if type(value) not in _PLAIN:
        try:
            number = float(value)  # type: ignore[arg-type] # that is the question
        except (TypeError, ValueError, OverflowError):
            return None
        value = int(number) if number.is_integer() else number
    assert isinstance(value, int | float)
    return value if value >= 0 and math.isfinite(value) else None


def amount(value: object, what: str) -> Amount:
    """Return `value` as a number ≥ 0; raises `InvalidValueError` for what is none, negative, NaN or infinite."""
    result = number(value, what)
    if not 0 <= result < math.inf:  # also refuses NaN
        raise InvalidValueError(f"{what} is {value!r}; give a finite number that is not negative")
    return result


def rate(value: object, what: str) -> float:
    """Return `value` as a rate in Hz that the hub can keep: above 0, and at most 60."""
    result = float(amount(value, what))
    if not 0 < result <= _MAX_RATE_HZ:
        raise InvalidValueError(f"{what} is {value!r}; give more than 0 and at most {_MAX_RATE_HZ} Hz")
    return result


def total(value: object, done: Amount, what: str) -> Amount | None:
    """Return `value` as a total; None and infinity mean unknown. It must not be less than `done`."""
    if value is None or value == math.inf:
        return None
    result = amount(value, what)
    if result < done:
        raise InvalidValueError(
            f"{what} is {value!r}, but {done} are done already; give at least that, or None if unknown"
        )
    return result


def name(value: object, what: str) -> str:
    """Return `value` as a name: control characters replaced, cut visibly after 200 characters, never empty."""
    if not isinstance(value, str):
        raise InvalidValueError(f"{what} is {value!r}; give text")
    if not value.strip():
        raise InvalidValueError(f"{what} is empty; give a name that people understand")
    return shorten(value, NAME_LENGTH)


def label(value: object, what: str) -> str:
    """As `name`, but may be empty."""
    return "" if value == "" else name(value, what)


def stages(value: Stages | None) -> dict[str, float]:
    """Return stage names and their weights, in order.

    None stands for the five default stages. Raises `DuplicateStageError` for a name used twice, `InvalidValueError` for
    a weight that is not greater than 0, for no stage at all, and for more than 64.
    """
    if value is None:
        value = DEFAULT_STAGES
    if isinstance(value, str):
        raise InvalidValueError(
            f"stages is {value!r}; give names as a list, or weights as a dict such as {{{value!r}: 1}}"
        )
    given = list(value.items()) if isinstance(value, Mapping) else [(each, 1.0) for each in value]
    if not 1 <= len(given) <= MAX_STAGES:
        raise InvalidValueError(f"{len(given)} stages; an operation has 1 to {MAX_STAGES}")
    weights: dict[str, float] = {}
    for each, weight in given:
        stage = name(each, "a stage's name")
        if stage in weights:
            raise DuplicateStageError(f"two stages are named {stage!r}; every stage needs a name of its own")
        share = float(number(weight, f"the weight of stage {stage!r}"))
        if not 0 < share < math.inf:
            raise InvalidValueError(f"the weight of stage {stage!r} is {weight!r}; give a number greater than 0")
        weights[stage] = share
    return weights


def texts(value: Iterable[str] | None, what: str) -> tuple[str, ...] | None:
    """Return names to select by; None stands for any. A lone text is refused: it is a sequence of characters."""
    if value is None:
        return None
    if isinstance(value, str):
        raise InvalidValueError(f"{what} is {value!r}; give a list, such as [{value!r}]")
    return tuple(name(each, f"one of {what}") for each in value)


def operation_states(value: Iterable[str] | None, what: str) -> tuple[OperationState, ...] | None:
    """Return states of operations to select by; None stands for any."""
    given = texts(value, what)
    for each in given or ():
        if each not in get_args(OperationState):
            raise InvalidValueError(f"one of {what} is {each!r}; give {', '.join(map(repr, get_args(OperationState)))}")
    return given  # type: ignore[return-value] # just checked


def notify(value: NotifyArgument) -> Notify:
    """Return when an end is announced, by one of the words, or by a number of seconds that it must have taken."""
    words = [word for word in get_args(NotifyWhen) if word != "longer"]
    if isinstance(value, str):
        if value not in words:
            raise InvalidValueError(
                f"notify is {value!r}; give one of {', '.join(map(repr, words))}, or a number of seconds"
            )
        return Notify(when=value)  # type: ignore[arg-type] # just checked
    return Notify(when="longer", after_s=float(amount(value, "notify")))


class Metrics(dict[str, Amount | None]):
    """Named numbers that are shown live; each is made a plain number when it is set, in the caller's thread.

    NaN and infinity are kept as None (unknown), since JSON has no word for them. Raises `InvalidValueError` for what
    is no number.
    """

    def __setitem__(self, key: str, value: Real | None) -> None:
        checked = None if value is None else number(value, f"metric {key!r}")
        finite = checked if checked is None or math.isfinite(checked) else None
        super().__setitem__(shorten(str(key), NAME_LENGTH), finite)

    def update(self, *args: Mapping[str, Real | None], **kwargs: Real | None) -> None:  # type: ignore[override] # fewer forms
        """Set several at once."""
        for key, value in dict[str, Real | None](*args, **kwargs).items():
            self[key] = value
