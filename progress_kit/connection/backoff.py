"""How long to wait before the next try."""

import random
from collections.abc import Callable
from typing import Final

BASE_S: Final = 0.5
CAP_S: Final = 30.0


class Backoff:
    """Full jitter: each wait is drawn evenly from 0 to a bound that doubles from `base_s` up to `cap_s` (seconds).

    The even draw spreads a crowd of clients whose hub restarted; `uniform` is the source of chance, for tests.
    """

    def __init__(
        self,
        *,
        base_s: float = BASE_S,
        cap_s: float = CAP_S,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self._uniform = uniform
        self._bound_s = base_s

    def next(self, *, at_most_s: float | None = None) -> float:
        """Return the seconds to wait now; `at_most_s` lowers the cap for this and the later waits."""
        cap_s = self._cap_s if at_most_s is None else min(self._cap_s, at_most_s)
        bound_s = min(self._bound_s, cap_s)
        self._bound_s = min(bound_s * 2, self._cap_s)
        return self._uniform(0.0, bound_s)

    def reset(self) -> None:
        """Begin again with short waits, after a connection that held."""
        self._bound_s = self._base_s
