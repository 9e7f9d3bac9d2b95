"""What the environment can say."""

from pathlib import Path

import pytest

from progress_kit import settings


def test_nothing_set_is_the_defaults() -> None:
    """On, ten samples a second, announced after half a second."""
    read = settings.read({})
    assert (read.enabled, read.sample_rate_hz, read.announce_after_s, read.connection_file) == (True, 10, 0.5, None)


def test_everything_can_be_set() -> None:
    """And the token is never shown."""
    read = settings.read(
        {
            "PROGRESS_KIT": "off",
            "PROGRESS_KIT_HUB_URL": "http://127.0.0.1:8888/progress-kit/",
            "PROGRESS_KIT_TOKEN": "secret",
            "PROGRESS_KIT_CONNECTION_FILE": "/run/file.json",
            "PROGRESS_KIT_SAMPLE_RATE_HZ": "2.5",
        }
    )
    assert (read.enabled, read.token, read.connection_file) == (False, "secret", Path("/run/file.json"))
    assert read.sample_rate_hz == 2.5
    assert "secret" not in repr(read)


@pytest.mark.parametrize("value", ["fast", "nan", "0", "-1", "1000", ""])
def test_a_number_that_is_none_is_explained(value: str) -> None:
    """The problem names the variable, the value and the bounds; the default is used, and all else counts."""
    read = settings.read({"PROGRESS_KIT": "off", "PROGRESS_KIT_SAMPLE_RATE_HZ": value})
    assert read.problems == (f"PROGRESS_KIT_SAMPLE_RATE_HZ={value!r} is not a number from 0.1 to 50; 10 is used",)
    assert (read.enabled, read.sample_rate_hz) == (False, 10)
