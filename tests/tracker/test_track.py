import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import progress_kit as pk
from progress_kit.testing import FakeClock, RecordingPublisher


def _squares(count: int) -> Iterator[int]:
    for number in range(count):
        yield number * number


ITERABLES = [
    [1, 2, 3],
    (1, 2, 3),
    range(1, 4),
    {1: "a", 2: "b", 3: "c"},
    {1, 2, 3},
    frozenset({1, 2, 3}),
    deque([1, 2, 3]),
    "abc",
    b"abc",
]


@pytest.mark.parametrize("iterable", ITERABLES, ids=lambda value: type(value).__name__)
def test_a_loop_sees_the_same_items(iterable: Iterable[object], publisher: RecordingPublisher) -> None:
    """A tracked loop gets the items of the iterable, in its order, and the total is its length."""
    assert list(pk.track(iterable, "Counting")) == list(iterable)
    (ended,) = publisher.ended
    assert (ended.state, ended.name, ended.fraction) == ("succeeded", "Counting", 1.0)
    (stage,) = ended.stages
    assert (stage.name, stage.done, stage.total) == ("main", 3, 3)


@pytest.mark.parametrize("iterable", [[1, 2, 3], range(3), (4, 5, 6), deque([1, 2, 3])], ids=repr)
def test_an_item_is_done_when_its_body_is(iterable: Iterable[int], publisher: RecordingPublisher) -> None:
    """While the body works on the first item nothing is done yet; all are when the loop is over."""
    seen = [publisher.sample()[0].stages[0].done for _ in pk.track(iterable)]
    assert seen == [0, 1, 2]
    assert publisher.ended[0].stages[0].done == 3


def test_a_generator_has_no_total_until_its_end(publisher: RecordingPublisher) -> None:
    """What does not know its length shows a count without a total, and the total is known at the end."""
    totals = [publisher.sample()[0].stages[0].total for _ in pk.track(_squares(4))]
    assert totals == [None] * 4
    assert (publisher.ended[0].stages[0].done, publisher.ended[0].stages[0].total) == (4, 4)


def test_a_total_can_be_given(publisher: RecordingPublisher) -> None:
    """With `total` a generator shows how far it is."""
    fractions = [publisher.sample()[0].fraction for _ in pk.track(_squares(4), total=4)]
    assert fractions == [0.0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize("promised", [2, 5])
def test_a_wrong_length_is_corrected_at_the_end(promised: int, publisher: RecordingPublisher) -> None:
    """An iterable that lies about its length is looped over as it is; the end shows what was true."""

    class Liar:
        def __len__(self) -> int:
            return promised

        def __iter__(self) -> Iterator[int]:
            return iter([1, 2, 3])

    fractions = []
    for _ in pk.track(Liar()):
        (snapshot,) = publisher.sample()
        assert snapshot.stages[0].total == promised
        fractions.append(snapshot.fraction)
    assert all(fraction is not None and 0 <= fraction <= 1 for fraction in fractions)
    assert (publisher.ended[0].stages[0].done, publisher.ended[0].stages[0].total) == (3, 3)


def test_a_length_that_raises_is_no_reason_to_stop() -> None:
    """A broken ``__len__`` only means that the total is unknown."""

    class Broken:
        def __len__(self) -> int:
            raise RuntimeError("no")

        def __iter__(self) -> Iterator[int]:
            return iter([1, 2])

    assert [number for number in pk.track(Broken())] == [1, 2]  # noqa: C416 - list() would ask for the length


def test_a_list_may_grow_while_it_is_looped_over(publisher: RecordingPublisher) -> None:
    """A work list that grows is followed, and counted right."""
    todo = [1]
    for item in pk.track(todo):
        if item < 4:
            todo.append(item + 1)
        assert publisher.sample()[0].stages[0].done == item - 1
    assert publisher.ended[0].stages[0].done == 4


def test_a_huge_range_has_no_usable_length(publisher: RecordingPublisher) -> None:
    """A range that is longer than any list can be looped over as well."""
    for number in pk.track(range(10**30)):
        if number == 2:
            break
    assert publisher.ended[0].stages[0].done == 2


def test_without_a_name_it_is_called_by_its_function(publisher: RecordingPublisher) -> None:
    """The function that the loop is in names it."""
    for _ in pk.track([1]):
        pass
    assert publisher.ended[0].name == "test_without_a_name_it_is_called_by_its_function"


def test_a_unit_is_shown(publisher: RecordingPublisher) -> None:
    """`unit` says what is counted."""
    for _ in pk.track([1], unit="files"):
        pass
    assert publisher.ended[0].stages[0].unit == "files"


def test_each_loop_is_an_operation_of_its_own(publisher: RecordingPublisher) -> None:
    """What can be looped over twice can be so when tracked, and each loop has its own id."""
    numbers = pk.track([1, 2], "Twice")
    assert list(numbers) == list(numbers) == [1, 2]
    assert len(numbers) == 2
    first, second = publisher.ended
    assert first.id != second.id


def test_a_loop_inside_a_loop_over_the_same_object_gets_all_items(publisher: RecordingPublisher) -> None:
    """Nesting two loops over one tracked object gives every pair, and the inner one is a counter of the outer."""
    numbers = pk.track([1, 2], "Pairs")
    pairs = []
    for a in numbers:
        for b in numbers:
            pairs += [(a, b)]
        assert pk.current() is numbers
    assert pairs == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert [ended.stages[0].counters[0].name for ended in publisher.ended] == ["Pairs"]


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns a thousand times as often as usual."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(usual)


def test_two_threads_may_loop_over_the_same_object(publisher: RecordingPublisher, restless: None) -> None:
    """Each of them has an operation of its own, and is inside of that one, also if they begin at the same moment."""
    barrier = threading.Barrier(2)

    def loop(numbers: Iterable[int]) -> set[str | None]:
        seen = set()
        for _ in numbers:
            barrier.wait(10)
            seen.add(pk.current().id)
            barrier.wait(10)
        return seen

    with ThreadPoolExecutor(2) as pool:
        for _ in range(50):
            first, second = pool.map(loop, [pk.track(range(3))] * 2)
            assert (len(first), len(second), len(first | second)) == (1, 1, 2)
    assert [ended.stages[0].done for ended in publisher.ended] == [3] * 100


def test_a_block_around_the_loop_is_the_run(publisher: RecordingPublisher, clock: FakeClock) -> None:
    """In a ``with`` block the block begins and ends the operation; loops in it add up."""
    with pk.track([1, 2, 3], "Block") as numbers:
        numbers.message = "first"
        numbers.metrics["x"] = 1
        for _ in numbers:
            clock.advance(1)
        assert not publisher.ended
        for _ in numbers:
            clock.advance(1)
    (ended,) = publisher.ended
    assert (ended.stages[0].done, ended.stages[0].total, ended.elapsed_s) == (6, 6, 6.0)
    assert (ended.message, ended.metrics) == ("first", {"x": 1})


def test_a_snapshot_is_the_same_object_while_nothing_changes(publisher: RecordingPublisher) -> None:
    """Whoever samples sees by identity that nothing is new, and a higher `seq` with each that is."""
    for _ in pk.track([1, 2]):
        (one,), (other,) = publisher.sample(), publisher.sample()
        assert one is other
    history = publisher.history(publisher.ended[0].id)
    assert [snapshot.seq for snapshot in history] == list(range(1, len(history) + 1))


def test_it_says_how_fast_and_how_long(publisher: RecordingPublisher, clock: FakeClock) -> None:
    """Two items a second with ten to go take five seconds more, give or take."""
    for number in pk.track(range(20)):
        clock.advance(0.5)
        (snapshot,) = publisher.sample()
        if number == 10:
            break
    assert snapshot.stages[0].rate == pytest.approx(2.0, rel=0.15)
    assert snapshot.estimate is not None
    assert snapshot.estimate.p50_s == pytest.approx(5.0, rel=0.15)
    assert snapshot.estimate.basis == ("rate",)
    assert snapshot.estimate.p10_s is not None
    assert snapshot.estimate.p90_s is not None
    assert snapshot.estimate.p10_s < 5.0 < snapshot.estimate.p90_s


def test_an_exception_of_the_iterable_passes_unchanged() -> None:
    """What the iterable raises reaches the loop as it is."""
    error = ValueError("from inside")

    def broken() -> Iterator[int]:
        yield 1
        raise error

    with pytest.raises(ValueError, match="from inside") as caught:
        list(pk.track(broken()))
    assert caught.value is error


def test_the_data_is_let_go_at_the_end() -> None:
    """A tracker that has ended keeps nothing of what was looped over alive."""
    import gc
    import weakref

    class Item:
        pass

    def items() -> Iterator[Item]:
        yield from [Item(), Item()]

    generator = items()
    gone = weakref.ref(generator)
    for _ in pk.track(generator):
        pass
    del generator
    gc.collect()
    assert gone() is None
