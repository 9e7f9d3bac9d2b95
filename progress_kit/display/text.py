"""Numbers and durations as a person reads them. Everything here is pure."""
# ruff: noqa: PLR2004 - how to round is a list of plain numbers

import math
from typing import Final

_SI = ("", "k", "M", "G", "T", "P", "E")
_BYTES: Final = (
    dict.fromkeys(("b", "byte", "bytes"), (1, 1000))
    | {f"{prefix}b".lower(): (1000**power, 1000) for power, prefix in enumerate(_SI) if power}
    | {f"{prefix}ib".lower(): (1024**power, 1024) for power, prefix in enumerate(_SI) if power}
)
"""How many bytes one of a unit is, and what its prefixes are powers of."""


def _bytes_of(unit: str) -> tuple[int, int] | None:
    """Look up a unit of bytes; ``Mb`` counts bits."""
    return None if len(unit) in (2, 3) and unit[-1] != "B" else _BYTES.get(unit.lower())


def count(value: float) -> str:
    """Return ``1,836`` or ``0.25``: thousands separated, at most two decimals."""
    text = f"{value:,.2f}"
    return text.rstrip("0").rstrip(".")


def percent(fraction: float) -> str:
    """Return ``62 %``; a part that is not whole never reads 100."""
    # 0.29 * 100 is a little less than 29.
    return f"{min(99, math.floor(fraction * 100 + 1e-9)) if fraction < 1 else 100} %"


def counter(done: float, total: float | None, unit: str) -> str:
    """Return ``698 / 1,836 files``, ``1.9 / 4.3 GB``, or ``698 files`` where the total is unknown."""
    if (known := _bytes_of(unit)) is not None:
        each, base = known
        amounts = [each * amount for amount in (done, total) if amount is not None]
        step = _si_step(max(amounts), base)
        return f"{' / '.join(_si(amount, step, base) for amount in amounts)} {_byte_unit(step, base)}"
    text = count(done) if total is None else f"{count(done)} / {count(total)}"
    return f"{text} {unit}" if unit else text


def rate(per_s: float, unit: str) -> str:
    """Return ``74 files/s``, ``11.2 MB/s``, ``12 files/min`` where less than one comes in a second."""
    if (known := _bytes_of(unit)) is not None:
        each, base = known
        step = _si_step(each * per_s, base)
        return f"{_si(each * per_s, step, base)} {_byte_unit(step, base)}/s"
    if per_s >= 1:
        value, per = per_s, "s"
    elif per_s * 60 >= 1:
        value, per = per_s * 60, "min"
    else:
        value, per = per_s * 3600, "h"
    if value >= 10_000:  # five digits that change all the time are not read
        step = _si_step(value)
        text = _si(value, step) + _SI[step]
    else:
        text = f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
    return f"{text} {unit}/{per}" if unit else f"{text}/{per}"


def duration(seconds: float, *, tenths: bool = False) -> str:
    """Return ``43 s``, ``1 min 04 s``, ``2 h 05 min`` or ``3 d 4 h``; with `tenths`, ``3.2 s`` below ten seconds."""
    if tenths and seconds < 9.95:  # else it would read 10.0 s
        return f"{seconds:.1f} s"
    whole = math.floor(seconds + 1e-6)
    minutes, rest_s = divmod(whole, 60)
    hours, rest_min = divmod(minutes, 60)
    if not minutes:
        return f"{rest_s} s"
    if not hours:
        return f"{minutes} min {rest_s:02} s"
    if hours < 48:
        return f"{hours} h {rest_min:02} min"
    return f"{hours // 24} d {hours % 24} h"


_COARSE = ((10, 1), (57.5, 5), (295, 10), (3_570, 60), (36_000, 600))
"""Below so many seconds, a guess is rounded to so many."""


def roughly(seconds: float) -> str:
    """Return a guessed duration no finer than it can be known: ``40 s``, ``1 min 40 s``, ``12 min``, ``2 h 30 min``."""
    step = next((step for below, step in _COARSE if seconds < below), 3_600)
    whole = max(1, round(seconds / step)) * step
    if whole >= 72 * 3_600:
        return f"{round(whole / 86_400):,} d"
    hours, rest = divmod(whole, 3_600)
    minutes, rest_s = divmod(rest, 60)
    if hours:
        return f"{hours:,} h {minutes:02} min" if minutes else f"{hours:,} h"
    if minutes:
        return f"{minutes} min {rest_s:02} s" if rest_s else f"{minutes} min"
    return f"{rest_s} s"


def metric(value: float) -> str:
    """Return a measured value with four significant digits: ``0.3127``, ``12,345``, ``1.20e-07``."""
    size = abs(value)
    if size and (size < 1e-4 or size >= 1e9):
        return f"{value:.2e}"
    return f"{value:,.0f}" if size >= 1000 else f"{value:.4g}"


def _byte_unit(step: int, base: int) -> str:
    prefix = _SI[step]
    return f"{prefix}B" if base == 1000 or not step else f"{prefix.upper()}iB"


def _si_step(value: float, base: int = 1000) -> int:
    step = 0
    # 999,960 would read "1000.0 kB".
    while step < len(_SI) - 1 and float(_si(value, step, base)) >= base:
        step += 1
    return step


def _si(value: float, step: int, base: int = 1000) -> str:
    scaled = value / base**step
    return f"{scaled:.0f}" if step == 0 or scaled >= 99.95 else f"{scaled:.1f}"
