"""Every exception of progress_kit, and whose fault each is.

ProgressError
├── UsageError                      the caller's: raised where the call is made, never out of a running loop later
│   ├── InvalidValueError           a total, weight, count or argument that cannot be meant (also a ValueError)
│   ├── UnknownStageError           a stage name that the operation does not have (also a LookupError)
│   ├── DuplicateStageError         a stage name used twice (also a ValueError)
│   ├── StageOrderError             a stage entered while another one, or itself, is running
│   ├── OperationEndedError         a tracker, stage or scheduler used after its end
│   ├── DependencyCycleError        tasks that wait for each other (also a ValueError)
│   ├── LibraryMissingError         what needs a library that is not installed (also an ImportError)
│   │   └── EngineMissingError      an engine of a scheduler does
│   └── NotPicklableError           a function, argument or result that cannot go to or from a worker (also a TypeError)
├── TaskError                       what happened to a task of a scheduler, beside the exceptions of its own function
│   ├── TaskTimeoutError            it took longer than its `timeout` (also a TimeoutError)
│   ├── TaskSkippedError            it needed a task that did not succeed; its cause is that one's error
│   ├── TaskAbandonedError          it was told to stop, did not, and may still be running
│   ├── WorkerLostError             the worker that it ran on died or vanished
│   └── RemoteTaskError             stands for its exception, which could not be brought here from the worker
├── HubError                        the environment's: only calls that ask the hub (`get`, `cancel` …) raise it
│   ├── HubNotFoundError            no running hub could be discovered
│   ├── HubUnreachableError         it was found, and does not answer
│   ├── HubRefusedError             it answered no; carries the protocol's error code
│   └── OperationNotFoundError      it does not know that operation (also a LookupError)
├── ProtocolError                   the peer's: a message that does not follow the protocol
└── OperationCancelled              nobody's: someone asked this operation to stop
"""


class ProgressError(Exception):
    """Base class of everything that progress_kit raises on purpose."""


class UsageError(ProgressError):
    """The call cannot be meant as it was written."""


class InvalidValueError(UsageError, ValueError):
    """An argument has a value that cannot be meant; the message names it and says what is allowed."""


class UnknownStageError(UsageError, LookupError):
    """The operation has no stage of this name."""


class DuplicateStageError(UsageError, ValueError):
    """Two stages of one operation have the same name."""


class StageOrderError(UsageError):
    """A stage was entered while another one, or itself, was running."""


class OperationEndedError(UsageError):
    """The operation or stage has ended; an end is final."""


class DependencyCycleError(UsageError, ValueError):
    """Tasks need each other's results, so that none of them could ever begin."""


class LibraryMissingError(UsageError, ImportError):
    """A library that the call needs is not installed; the message says which."""


class EngineMissingError(LibraryMissingError):
    """The library of an engine is not installed; the message says what to install."""


class NotPicklableError(UsageError, TypeError):
    """Something that has to go to a worker in another process, or come from there, cannot be pickled."""


class TaskError(ProgressError):
    """A task of a scheduler has no result, for another reason than an exception of its own function."""


class TaskTimeoutError(TaskError, TimeoutError):
    """A task took longer than it may."""


class TaskSkippedError(TaskError):
    """A task was not run, since one that it needed did not succeed."""


class TaskAbandonedError(TaskError):
    """A task was told to stop and did not; nobody waits for it any more."""


class WorkerLostError(TaskError):
    """The worker that a task ran on, or could have run on, is gone."""


class RemoteTaskError(TaskError):
    """A task raised an exception that cannot be brought here from its worker; the message and the cause describe it."""


class HubError(ProgressError):
    """The hub could not be asked, or said no."""


class HubNotFoundError(HubError):
    """No running hub was discovered."""


class HubUnreachableError(HubError):
    """The hub was discovered and does not answer."""


class HubRefusedError(HubError):
    """The hub answered with an error.

    `code` is one of the protocol's error codes, such as ``forbidden`` or ``rate``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type["HubRefusedError"], tuple[str, str]]:
        # An exception with a two-argument __init__ does not unpickle by itself.
        return type(self), (self.code, self.message)


class OperationNotFoundError(HubError, LookupError):
    """The hub does not know this operation (or it belongs to somebody else)."""


class ProtocolError(ProgressError):
    """A message does not follow the protocol.

    `code` is the protocol's error code to answer with; the text never repeats the input.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type["ProtocolError"], tuple[str, str]]:
        return type(self), (self.code, self.message)


class OperationCancelled(ProgressError):  # noqa: N818 - named like asyncio's and concurrent.futures' CancelledError: it is no error
    """Someone asked this operation to stop; raised in the loop's own thread at its next step."""
