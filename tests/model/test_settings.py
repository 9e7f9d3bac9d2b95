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


@pytest.mark.parametrize("value, labextension", [("on", True), ("off", False), ("0", False)])
def test_the_server_says_what_its_pages_have(value: str, labextension: bool) -> None:  # noqa: FBT001
    """Without a word of it they have not got the labextension."""
    assert settings.read({"PROGRESS_KIT_LABEXTENSION": value}).labextension is labextension
    assert not settings.read({}).labextension


def test_the_widget_can_be_wanted_or_not() -> None:
    """What is neither is explained, and means that it depends on the page."""
    assert settings.read({"PROGRESS_KIT_WIDGET": "Off"}).widget == "off"
    assert settings.read({}).widget == "auto"
    read = settings.read({"PROGRESS_KIT_WIDGET": "maybe"})
    assert (read.widget, read.problems) == (
        "auto",
        ("PROGRESS_KIT_WIDGET='maybe' is not one of auto, on, off; auto is used",),
    )


@pytest.mark.parametrize(
    "value, expected",
    [("full", "full"), ("anonymous", "anonymous"), (" OFF ", "off"), ("annonymous", "off"), ("", "off")],
)
def test_how_much_is_kept(value: str, expected: str) -> None:
    """A word that is none of the three is explained, and keeps nothing: its writer wanted less than everything."""
    read = settings.read({"PROGRESS_KIT_HISTORY": value})
    assert read.history == expected
    wrong = value.strip().lower() != expected
    assert read.problems == (
        (f"PROGRESS_KIT_HISTORY={value!r} is none of full, anonymous, off; off is used",) if wrong else ()
    )
