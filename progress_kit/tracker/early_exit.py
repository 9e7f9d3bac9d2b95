"""Telling a `break` from an exception when a loop is left early.

The iterator of a ``for`` statement lies on the stack of its function's frame. It is destroyed there either by an
instruction that drops it (`break`, `return`) or while an exception unwinds that stack; then the frame still stands at
the instruction that raised. No exception can be seen at that moment, so the instruction is all there is to go by.
Which exception it was is known a little later, if nobody caught it: the interpreter and IPython keep it in
``sys.last_value``.
"""

import opcode
import sys
from types import CodeType, FrameType
from typing import Final, NamedTuple

_CO_COROUTINE: Final = 0x80


def _numbers(*names: str) -> frozenset[int]:
    return frozenset(opcode.opmap[name] for name in names if name in opcode.opmap)


_BEGIN: Final = _numbers("GET_ITER")
_BEGIN_ASYNC: Final = _numbers("GET_AITER")
_CACHE: Final = _numbers("CACHE")
# What follows GET_ITER in a loop, and from 3.12 on in a comprehension; anything else keeps the iterator elsewhere.
_NEXT: Final = _numbers("FOR_ITER", "LOAD_FAST_AND_CLEAR", "EXTENDED_ARG")
# Without an exception the iterator is dropped by one of these (POP_ITER is 3.14's), or while a generator is closed
# where it yields. An exception that comes out of an `await` stands at other instructions on every version.
_LEAVE: Final = _numbers("POP_TOP", "POP_ITER", "END_FOR", "END_ASYNC_FOR", "YIELD_VALUE", "RESUME")


class CallSite(NamedTuple):
    """Where a loop began. The frame is known by its number: holding it would keep its variables alive."""

    code: CodeType
    instruction: int
    frame_id: int

    @classmethod
    def of(cls, frame: FrameType) -> "CallSite":
        """Return where `frame` stands."""
        return cls(frame.f_code, frame.f_lasti, id(frame))

    @classmethod
    def after_call(cls, frame: FrameType) -> "CallSite":
        """Return where `frame` takes the iterator of what it is calling, if that is a loop's iterable."""
        code, at = frame.f_code.co_code, frame.f_lasti + 2
        while at < len(code) - 2 and code[at] in _CACHE:
            at += 2
        return cls(frame.f_code, at, id(frame))

    def begins_loop(self) -> bool:
        """Whether a ``for`` statement or an inlined comprehension takes its iterator here."""
        code, at = self.code.co_code, self.instruction
        if not 0 <= at < len(code) - 2:
            return False
        return code[at] in _BEGIN_ASYNC or (code[at] in _BEGIN and code[at + 2] in _NEXT)

    def is_left_in(self, frame: FrameType | None) -> bool:
        """Whether it is the loop's own function that is destroying its iterator, while it stands in `frame`."""
        return frame is not None and frame.f_code is self.code and self.begins_loop()

    def left_by_exception_at(self, frame: FrameType | None) -> int | None:
        """Return the instruction at which an exception left the loop that began here; None if nothing tells of one.

        `frame` is the one in which the loop's iterator is being destroyed.
        """
        if frame is None or not self.is_left_in(frame) or self.code.co_code[frame.f_lasti] in _LEAVE:
            return None
        return frame.f_lasti

    def was_left_by(self, error: BaseException, instruction: int | None = None) -> bool:
        """Whether `error` came through the frame in which the loop began, at `instruction` if that is given."""
        traceback = error.__traceback__
        while traceback is not None:
            frame = traceback.tb_frame
            if frame.f_code is self.code and id(frame) == self.frame_id:
                # A coroutine's `await` is entered in the traceback under another instruction.
                return instruction in {None, traceback.tb_lasti} or bool(self.code.co_flags & _CO_COROUTINE)
            traceback = traceback.tb_next
        return False


def last_uncaught() -> BaseException | None:
    """Return the newest exception that nobody caught: what ended the last cell or is ending this program."""
    return getattr(sys, "last_value", None)
