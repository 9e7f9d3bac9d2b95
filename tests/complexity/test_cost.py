import decimal
import fractions
import functools
import gc
import logging
import math
import os
import subprocess
import sys
import weakref
from array import array
from collections import ChainMap, UserList, deque
from collections.abc import Iterator, Sized
from pathlib import Path
from types import ModuleType, SimpleNamespace

import dask.array
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import progress_kit as pk
from progress_kit.complexity import Cost


@pytest.fixture
def cost() -> Cost:
    """Return a registry that nobody has added to."""
    return Cost()


class Graph:
    """Something that nobody but its author can measure."""

    def __init__(self, nodes: int) -> None:
        self.nodes = nodes


# -------------------------------------------------------------------- defaults


@pytest.mark.parametrize(
    "value, expected",
    [
        ([1, 2, 3], 3),
        ((), 0),
        ({"a": 1, "b": 2}, 2),
        ({1, 2}, 2),
        ({"a": 1}.keys(), 1),
        (deque([1, 2]), 2),
        (UserList([1, 2]), 2),
        (ChainMap({1: 1}, {2: 2}), 2),
        (b"four", 4),
        (bytearray(5), 5),
        (memoryview(array("d", [1.0, 2.0])), 16),
        (array("d", [1.0, 2.0]), 2),
        (range(10, 0, -3), 4),
        (range(0), 0),
        (range(10**30), 1e30),
        ("", 0),
        ("three short words", 3),
        ("路" * 200, 10),
    ],
)
def test_what_has_a_length_costs_its_length(cost: Cost, value: object, expected: float) -> None:
    """Containers cost their items, bytes their bytes, texts their words; a word has at most 20 characters."""
    assert cost(value) == expected


@pytest.mark.parametrize("value", [None, 7, 2.5, True, 1j, object(), iter([1]), len])
def test_what_has_no_size_has_no_cost(cost: Cost, value: object, caplog: pytest.LogCaptureFixture) -> None:
    """A number may be a size or a name, and an iterator ends where it ends: nothing is guessed, nor warned of."""
    assert cost(value) is None
    assert not caplog.records


def test_a_long_text_is_measured_by_its_beginning(cost: Cost) -> None:
    """The rest is taken to be like it, so that a text of any length takes no time."""
    assert cost("word " * 1_000_000) == pytest.approx(1_000_000, rel=1e-6)


def test_a_file_costs_its_bytes(cost: Cost, tmp_path: Path) -> None:
    """Every `os.PathLike` counts; a directory, and a file that is not there yet, have no cost."""
    path = tmp_path / "data"
    path.write_bytes(bytes(1_234))
    with os.scandir(tmp_path) as entries:
        assert [cost(entry) for entry in entries] == [1_234]
    assert cost(path) == 1_234
    assert cost(tmp_path) is None
    assert cost(tmp_path / "gone") is None


# -------------------------------------------------------------------- other packages


def test_arrays_and_images_cost_their_cells(cost: Cost) -> None:
    """Not their first dimension; subclasses and arrays without dimensions too."""

    class Own(np.ndarray[tuple[int, ...], np.dtype[np.float64]]):
        pass

    assert cost(np.zeros((3, 4, 5))) == 60
    assert cost(np.float64(3.0)) is None
    assert cost(np.array(3.0)) == 1
    assert cost(np.zeros((2, 3)).view(Own)) == 6
    assert cost(np.ma.masked_array(np.zeros((2, 3)))) == 6
    assert cost(dask.array.zeros((30, 40))) == 1_200
    assert cost(Image.new("L", (20, 10))) == 200


@pytest.mark.parametrize(
    "module, name, attribute, size, expected",
    [
        ("pandas.core.frame", "DataFrame", "shape", (5, 3), 15),
        ("pandas", "DataFrame", "shape", (5, 3), 15),
        ("polars.dataframe.frame", "DataFrame", "shape", (5, 3), 15),
        ("pyarrow.lib", "Table", "shape", (5, 3), 15),
        ("torch", "Tensor", "shape", (2, 3, 4), 24),
        ("scipy.sparse._matrix", "spmatrix", "nnz", 17, 17),
    ],
)
def test_tables_and_tensors_are_known_by_name(
    cost: Cost, module: str, name: str, attribute: str, size: object, expected: float
) -> None:
    """The class is recognized by its package and name, wherever in the package it lives; classes below it too."""
    kind = type(name, (), {"__module__": module, attribute: size, "__len__": lambda _: 5})
    assert cost(kind()) == expected
    assert cost(type("Own", (kind,), {})()) == expected


def test_a_class_of_the_same_name_elsewhere_is_another_one(cost: Cost) -> None:
    """Only the package's own class is measured by its cells."""
    kind = type("DataFrame", (), {"__module__": "pandas_like", "shape": (5, 3), "__len__": lambda _: 5})
    assert cost(kind()) == 5


def test_unknown_dimensions_are_an_unknown_cost(cost: Cost, caplog: pytest.LogCaptureFixture) -> None:
    """Dask tells the sizes of some arrays only when they are computed."""
    numbers = dask.array.arange(10, chunks=5)
    assert cost(numbers[numbers > 3]) is None
    assert len(caplog.records) == 1


def test_no_other_package_is_imported() -> None:
    """Asking costs no start of numpy, pandas or torch."""
    program = (
        "import sys; import progress_kit as pk; pk.cost([1]); pk.cost('x'); pk.cost(object())\n"
        "known = {'numpy', 'pandas', 'polars', 'torch', 'pyarrow', 'scipy', 'dask', 'PIL', 'msgspec'}\n"
        "print(*known & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# -------------------------------------------------------------------- one's own


def test_a_type_is_registered(cost: Cost) -> None:
    """The function counts for classes below, too, and is still there to be called."""

    @cost.register(Graph)
    def size(graph: Graph) -> float:
        return graph.nodes * 2

    class Tree(Graph):
        pass

    assert cost(Graph(3)) == 6
    assert cost(Tree(4)) == 8
    assert size(Graph(1)) == 2


def test_a_value_may_know_its_own_cost(cost: Cost) -> None:
    """By its method `__complexity__`, which goes before its length; None means that it does not know."""

    class Job:
        def __init__(self, answer: float | None) -> None:
            self.answer = answer

        def __len__(self) -> int:
            return 99

        def __complexity__(self) -> float | None:
            return self.answer

    assert cost(Job(2.5)) == 2.5
    assert cost(Job(None)) is None


def test_the_most_specific_class_decides(cost: Cost) -> None:
    """What a class says of itself goes before what was registered for a class above it, and the other way round."""

    class Below(Graph):
        def __complexity__(self) -> float:
            return 1.0

    class Bottom(Below):
        pass

    cost.register(Graph)(lambda _: 2.0)
    assert [cost(Graph(0)), cost(Below(0)), cost(Bottom(0))] == [2.0, 1.0, 1.0]
    cost.register(Bottom)(lambda _: 3.0)
    cost.register(Below)(lambda _: 4.0)
    assert [cost(Graph(0)), cost(Below(0)), cost(Bottom(0))] == [2.0, 4.0, 3.0]


def test_a_default_can_be_replaced(cost: Cost) -> None:
    """For a type, for everything with a length, or for the rest."""
    cost.register(str)(len)
    cost.register(Sized)(lambda _: 7)  # type: ignore[type-abstract] # mypy wants a class that can be made
    cost.register(object)(lambda _: 8)
    assert [cost("a b c"), cost([1, 2]), cost(object())] == [5, 7, 8]


def test_a_registry_is_for_itself(cost: Cost) -> None:
    """`pk.cost` is the one that everybody shares."""
    cost.register(Graph)(lambda graph: graph.nodes)
    assert pk.cost(Graph(1)) is None
    assert pk.cost([1, 2]) == 2
    assert repr(pk.cost) == "progress_kit.cost"


@pytest.mark.parametrize("kind", ["Graph", Graph(1), None, int | str])
def test_only_classes_are_registered(cost: Cost, kind: object) -> None:
    """Anything else is refused where it is given."""
    with pytest.raises(pk.InvalidValueError, match="is no class"):
        cost.register(kind)  # type: ignore[arg-type] # wrong on purpose


# -------------------------------------------------------------------- bad answers


@pytest.mark.parametrize("answer", [math.nan, math.inf, -math.inf, -1, "7", [], 1j, 10**400])
def test_a_bad_answer_is_an_unknown_cost(cost: Cost, answer: object, caplog: pytest.LogCaptureFixture) -> None:
    """With one warning for all values of a type."""
    cost.register(Graph)(lambda _: answer)  # type: ignore[arg-type,return-value] # wrong on purpose
    assert [cost(Graph(1)), cost(Graph(2))] == [None, None]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "the cost of " in caplog.text
    assert "Graph is unknown" in caplog.text


def test_a_cost_function_may_fail(cost: Cost, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever it raises, the user's loop goes on; the warning says what it was."""

    class Broken:
        def __len__(self) -> int:
            raise OSError("gone")

    assert [cost(Broken()), cost(Broken())] == [None, None]
    assert len(caplog.records) == 1
    assert "OSError('gone')" in caplog.text


def test_what_is_asked_to_stop_stops(cost: Cost) -> None:
    """An interrupt is not a failure of the cost function."""

    def stop(_: Graph) -> float:
        raise KeyboardInterrupt

    cost.register(Graph)(stop)
    with pytest.raises(KeyboardInterrupt):
        cost(Graph(1))


@pytest.mark.parametrize("answer", [3, 3.0, np.int64(3), np.float32(3), decimal.Decimal(3), fractions.Fraction(3)])
def test_any_number_is_an_answer(cost: Cost, answer: float) -> None:
    """It is returned as a float."""
    cost.register(Graph)(lambda _: answer)
    found = cost(Graph(1))
    assert (found, type(found)) == (3.0, float)


# -------------------------------------------------------------------- properties

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text() | st.binary()
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=8,
)


@given(anything)
def test_a_cost_is_a_number_or_unknown(value: object) -> None:
    """Whatever comes in: finite, at least 0, and the same when asked again."""
    found = pk.cost(value)
    assert found is None or (0 <= found < math.inf)
    assert pk.cost(value) == found


@given(st.lists(st.integers()), st.lists(st.integers()))
def test_costs_of_parts_add_up(first: list[int], second: list[int]) -> None:
    """Twice the items are twice the cost."""
    whole = pk.cost(first + second)
    assert whole == len(first) + len(second)


@given(st.integers(-(10**40), 10**40), st.integers(-(10**40), 10**40), st.integers(-(10**20), 10**20).filter(bool))
def test_ranges_of_any_size(start: int, stop: int, step: int) -> None:
    """A range costs how many numbers it has, even where `len` fails."""
    expected = max(0, -((start - stop) // step))
    assert pk.cost(range(start, stop, step)) == float(expected)


@given(st.text(alphabet="ab \n", max_size=300), st.integers(1, 50))
def test_more_of_the_same_text_costs_more(text: str, times: int) -> None:
    """Never less, and about as many times as much."""
    once, often = pk.cost(text + " "), pk.cost((text + " ") * times)
    assert once is not None
    assert often is not None
    assert often == pytest.approx(once * times, abs=times)


@given(st.floats() | st.integers() | st.none() | st.text())
def test_any_answer_is_checked(answer: object) -> None:
    """A registered function that answers anything at all never raises, and never yields what is no cost."""
    cost = Cost()
    cost.register(SimpleNamespace)(lambda _: answer)  # type: ignore[arg-type,return-value] # wrong on purpose
    found = cost(SimpleNamespace())
    assert found is None or (0 <= found < math.inf)


@given(st.integers(0, 6), st.data())
def test_the_nearest_registered_class_wins(depth: int, data: st.DataObject) -> None:
    """In a line of classes the one nearest to the value's own decides, in whatever order they were registered."""
    cost = Cost()
    line: list[type] = [Graph]
    for number in range(depth):
        line.append(type(f"Below{number}", (line[-1],), {}))
    chosen = data.draw(st.lists(st.sampled_from(range(len(line))), unique=True))
    for index in chosen:
        cost.register(line[index])(functools.partial(lambda index, _: index, index))
    for index, kind in enumerate(line):
        above = [each for each in chosen if each <= index]
        assert cost(kind(0)) == (max(above) if above else None)


def test_classes_are_not_kept_alive(cost: Cost, caplog: pytest.LogCaptureFixture) -> None:
    """Classes made in a loop, or in a cell that is run again and again, can go."""

    def one() -> weakref.ref[type]:
        kind = type("Passing", (), {"__len__": lambda _: -1})
        assert cost(kind()) is None
        return weakref.ref(kind)

    caplog.set_level(logging.CRITICAL, "progress_kit")  # a record of the warning would hold the error, and it the value
    found = one()
    gc.collect()
    assert found() is None


def rows() -> Iterator[int]:
    """Yield rows."""
    yield 1


def test_modules_and_generators_are_not_touched(cost: Cost) -> None:
    """A generator is not advanced."""
    generator = rows()
    assert cost(generator) is None
    assert cost(ModuleType("name")) is None
    assert list(generator) == [1]
