"""``jupyter progress`` and ``progress-kit``: the operations of a user from the command line.

Exit codes: 0 done (of `wait`: succeeded), 1 failed, 2 the command line cannot be meant, 3 no hub could be asked, 4 the
hub said no, 5 there is no such operation, 6 cancelled, 7 lost, 124 the time was over, 130 interrupted. `run` exits as
its command does.
"""

from progress_kit.cli.main import main

__all__ = ["main"]
