"""What a tracker and a scheduler have in common for their users: how to ask their operation, and what to tell it."""

from typing import TYPE_CHECKING

from progress_kit.model import OperationState, Snapshot
from progress_kit.tracker.values import Metrics

if TYPE_CHECKING:
    from progress_kit.tracker.operation import Operation


class Front:
    """Something that is one operation for as long as its block."""

    operation: "Operation"

    @property
    def id(self) -> str:
        """The operation's id."""
        return self.operation.id

    @property
    def name(self) -> str:
        """The operation's name."""
        return self.operation.name

    @property
    def state(self) -> OperationState:
        """``pending`` before the block, ``running`` in it (``paused`` while it waits), and then how it ended."""
        return self.operation.visible_state

    def snapshot(self) -> Snapshot:
        """Return the operation's whole state at this moment, frozen."""
        return self.operation.sample()

    @property
    def message(self) -> str:
        """What is going on, shown below the bar."""
        return self.operation.message

    @message.setter
    def message(self, value: object) -> None:
        self.operation.message = value

    @property
    def metrics(self) -> Metrics:
        """Named numbers that are shown live, 64 at most; setting one does no IO."""
        return self.operation.metrics

    @property
    def alive(self) -> bool:
        """Whether it is running, in this process."""
        return self.operation.alive
