"""Jobs that travel to a Dask cluster together: pickled in one piece, so that Dask does not look into what is in it."""

import asyncio
import pickle
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from dask.utils import funcname

from progress_kit.scheduler.engines.base import Failed, Finished, Job, Key
from progress_kit.scheduler.engines.remote.functions import Code, Functions
from progress_kit.scheduler.outcome import cannot_go, dump_arguments

if TYPE_CHECKING:
    from distributed import Future

    from progress_kit.scheduler.engines.remote.dask_worker import Parcel, Result

LARGE: Final = 64 * 1024
"""A function of more bytes than this travels once, and not with each batch of its jobs."""

# In quotes, because distributed has had a generic one only since the end of 2025.
DaskFuture: TypeAlias = "Future[tuple[str, list[Result]]]"


class Batch:
    """Jobs that were given together, and what has become of them."""

    def __init__(self, jobs: Sequence[Job], functions: Functions) -> None:
        self.prefix: str = funcname(jobs[0].function)
        self.names: dict[Key, str] = {}
        """The jobs of which no end has been reported."""
        self.refused: list[Finished] = []
        """Those that cannot be pickled."""
        self.future: DaskFuture | None = None
        self.follower: asyncio.Task[None] | None = None
        self._parcels: list[Parcel] = []
        self._codes: list[Code] = []
        for job in jobs:
            try:
                self._pack(job, functions)
            except Exception as error:  # noqa: BLE001 - pickling runs the user's code
                self.refused.append(Finished(job.key, "", Failed(cannot_go(error, job.name)), 0.0))

    def _pack(self, job: Job, functions: Functions) -> None:
        code = functions.code(job.function)
        if code not in self._codes:
            self._codes.append(code)
        self._parcels.append((*job.key, job.name, code.number, dump_arguments(job.args, dict(job.kwargs))))
        self.names[job.key] = job.name

    @property
    def large(self) -> list[Code]:
        """The functions that are too large to be sent with each batch."""
        return [code for code in self._codes if len(code.data) > LARGE]

    def blob(self) -> bytes:
        """Return what it is on its way, small functions included."""
        small = [code for code in self._codes if len(code.data) <= LARGE]
        places = {code.number: place for place, code in enumerate([*small, *self.large])}
        parcels = [
            (number, attempt, name, places[code], arguments)
            for number, attempt, name, code, arguments in self._parcels
            if (number, attempt) in self.names  # it was not cancelled before it could be sent
        ]
        return pickle.dumps((parcels, [code.data for code in small]), pickle.HIGHEST_PROTOCOL)
