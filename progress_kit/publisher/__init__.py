"""The kernel's side of the wire: samples this process's operations in a thread of its own and tells the hub.

`get()` is the way in. Nothing here raises into the user's code; trouble is one warning of the logger ``progress_kit``.
"""

import os
import sys
from typing import Final

from progress_kit.publisher.process import Disabled, Publisher, create
from progress_kit.publisher.sampler import Sink, Source

__all__ = ["Disabled", "Publisher", "Sink", "Source", "get"]

_KEY: Final = "_progress_kit_publishers"


def get() -> Publisher | Disabled:
    """Return this process's publisher; one that does nothing under ``PROGRESS_KIT=off``.

    It lives in `sys`, not in this module, so that ``%autoreload`` keeps it, and under the process's id, so that a
    forked child has its own. (The parent's stays referenced there: a child never closes what is not its own.)
    """
    publishers: dict[int, Publisher | Disabled] = vars(sys).setdefault(_KEY, {})
    pid = os.getpid()
    found = publishers.get(pid)
    return found if found is not None else publishers.setdefault(pid, create())
