"""How an operation learns what the hub says of earlier runs."""

from collections.abc import Callable

import msgspec

from progress_kit import clock
from progress_kit.model import Prior, Snapshot
from progress_kit.publisher.sampler import Sampler
from progress_kit.publisher.trouble import Trouble

from .conftest import Operation

USUAL = Prior(runs=3, total_s=(1.0, 2.0, 3.0))
LATER = Prior(runs=4, total_s=(1.0, 2.0, 3.0))


class Train(Operation):
    """A source of the kind `train`, whose message says what it has learnt."""

    def sample(self) -> Snapshot:
        self.done = len(self.learnt)
        snapshot = super().sample()
        if snapshot.kind is None:
            self._last = msgspec.structs.replace(snapshot, kind="train")
        return self._last


def sampler(*sources: Operation) -> Sampler:
    """A sampler that announces these at once."""
    made = Sampler(0.0, Trouble())
    for source in sources:
        made.add(source, None)
    return made


def test_an_operation_learns_of_its_own_kind() -> None:
    """Before it is sent for the first time, and once; what is newer it learns too."""
    train = Train()
    sampling = sampler(train)
    (first,) = sampling.step(clock.monotonic(), None, {"train": USUAL, "other": LATER})
    assert first.message == "1"
    assert sampling.step(clock.monotonic(), None, {"train": USUAL}) == []
    (second,) = sampling.step(clock.monotonic(), None, {"train": LATER})
    assert second.message == "2"
    assert train.learnt == [USUAL, LATER]


def test_nobody_learns_of_other_kinds() -> None:
    """Neither an operation without a kind, nor one of another kind."""
    train, unnamed = Train("op_1"), Operation("op_2")
    sampling = sampler(train, unnamed)
    assert len(sampling.step(clock.monotonic(), None, {"other": USUAL})) == 2
    assert (train.learnt, unnamed.learnt) == ([], [])


def test_what_has_ended_learns_nothing() -> None:
    """Its end is final, whatever is heard afterwards."""
    train = Train()
    sampling = sampler(train)
    sampling.step(clock.monotonic(), None)
    train.state = "succeeded"
    sampling.end(train)
    (ended,) = sampling.step(clock.monotonic(), None, {"train": USUAL})
    assert (ended.state, train.learnt) == ("succeeded", [])


def test_one_that_cannot_learn_does_not_silence_the_others(warnings: Callable[[], list[str]]) -> None:
    """It is no longer shown, with one warning."""

    class Broken(Train):
        def learn(self, prior: Prior) -> None:
            raise ValueError(prior.runs)

    sampling = sampler(Broken("op_1"), Train("op_2"))
    assert [snapshot.id for snapshot in sampling.step(clock.monotonic(), None, {"train": USUAL})] == ["op_2"]
    assert len(warnings()) == 1
