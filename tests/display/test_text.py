import pytest
from hypothesis import given
from hypothesis import strategies as st

from progress_kit.display import text


@pytest.mark.parametrize(
    "done,total,unit,shown",
    [
        (698, 1836, "files", "698 / 1,836 files"),
        (698, None, "files", "698 files"),
        (3, 9, "", "3 / 9"),
        (0.5, 3, "epochs", "0.5 / 3 epochs"),
        (1_900_000_000, 4_300_000_000, "bytes", "1.9 / 4.3 GB"),
        (0, 4_300_000_000, "B", "0.0 / 4.3 GB"),
        (999, None, "bytes", "999 B"),
        (999_960, None, "bytes", "1.0 MB"),
        (512, 900, "MB", "512 / 900 MB"),
        (1_900, 4_300, "MiB", "1.9 / 4.2 GiB"),
        (700, None, "KiB", "700 KiB"),
        (3, 8, "Mb", "3 / 8 Mb"),
        (3, 8, "GB rows", "3 / 8 GB rows"),
    ],
)
def test_counters_have_separators_and_bytes_have_prefixes(
    done: float, total: float | None, unit: str, shown: str
) -> None:
    """Thousands are separated; bytes are shown in SI units, both sides in the same one."""
    assert text.counter(done, total, unit) == shown


@pytest.mark.parametrize(
    "per_s,unit,shown",
    [
        (74.3, "files", "74 files/s"),
        (2.13, "files", "2.1 files/s"),
        (0.2, "files", "12 files/min"),
        (0.001, "", "3.6/h"),
        (11_200_000, "bytes", "11.2 MB/s"),
        (1_100.5, "kB", "1.1 MB/s"),
        (0.25, "MiB", "256 KiB/s"),
        (2_345, "rows", "2,345 rows/s"),
        (1_234_567, "rows", "1.2M rows/s"),
    ],
)
def test_rates_use_the_time_that_makes_them_readable(per_s: float, unit: str, shown: str) -> None:
    """Two digits are enough, and slow work is counted by the minute or hour."""
    assert text.rate(per_s, unit) == shown


@pytest.mark.parametrize(
    "seconds,shown",
    [(0, "0 s"), (43.9, "43 s"), (64.2, "1 min 04 s"), (7_500, "2 h 05 min"), (3 * 86_400 + 14_500, "3 d 4 h")],
)
def test_durations_are_exact(seconds: float, shown: str) -> None:
    """Elapsed time counts up in whole units."""
    assert text.duration(seconds) == shown


def test_short_durations_may_have_tenths() -> None:
    """What took 3.2 s says so; what took 9.97 s does not read 10.0 s."""
    assert [text.duration(seconds, tenths=True) for seconds in (3.21, 9.97, 21.4)] == ["3.2 s", "9 s", "21 s"]


@pytest.mark.parametrize(
    "seconds,shown",
    [
        (0.01, "1 s"),
        (7.4, "7 s"),
        (41.2, "40 s"),
        (58, "1 min"),
        (101, "1 min 40 s"),
        (735, "12 min"),
        (3_590, "1 h"),
        (9_100, "2 h 30 min"),
        (100_000, "28 h"),
        (250_000, "69 h"),
        (1_150_000, "13 d"),
    ],
)
def test_guesses_are_rounded_to_what_can_be_known(seconds: float, shown: str) -> None:
    """A time left is given in coarse steps, so that it does not flicker; it is never 0."""
    assert text.roughly(seconds) == shown


def test_a_percentage_is_only_100_at_the_end() -> None:
    """0.999 reads 99 %, and 0.29 does not become 28 % by binary fractions."""
    assert [text.percent(f) for f in (0.0, 0.29, 0.999, 1.0)] == ["0 %", "29 %", "99 %", "100 %"]


@pytest.mark.parametrize("value,shown", [(0.31274, "0.3127"), (12345.6, "12,346"), (1.2e-7, "1.20e-07"), (0, "0")])
def test_metrics_have_four_digits(value: float, shown: str) -> None:
    """A loss or a score is shown as precisely as one can read it in passing."""
    assert text.metric(value) == shown


@given(st.floats(0, 1e30), st.sampled_from(["", "files", "bytes"]))
def test_any_number_has_a_short_text(value: float, unit: str) -> None:
    """Whatever is counted, there is a text, and where it is rounded it stays short."""
    assert text.counter(value, None, unit)
    assert len(text.rate(value, "bytes")) < 24
    assert len(text.metric(value)) < 14
    assert text.duration(value)
    assert text.roughly(value)


@given(st.floats(0, 1e20))
def test_bytes_never_show_a_thousand_of_a_unit(value: float) -> None:
    """1,000 kB is 1 MB."""
    assert float(text.counter(value, None, "bytes").split()[0]) < 1000
