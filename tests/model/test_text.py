"""Text that comes from users."""

from hypothesis import given
from hypothesis import strategies as st

from progress_kit.model import clean, shorten


def test_markup_stays_text() -> None:
    """It is shown as it was written; nothing is taken out of it."""
    assert clean("<b>résumé</b> & 日本語 🎉") == "<b>résumé</b> & 日本語 🎉"


def test_control_and_bidirectional_characters_are_replaced() -> None:
    """White space becomes a space; what could hide or reorder text becomes visible."""
    assert clean("a\tb\nc\r\x00\x1b[31m\u202e\u2066\u061c\x85") == "a b c \ufffd\ufffd[31m\ufffd\ufffd\ufffd\ufffd"


def test_long_text_is_cut_visibly() -> None:
    """The last character says that something is missing."""
    assert shorten("x" * 10_000, 200) == "x" * 199 + "…"
    assert shorten("x" * 200, 200) == "x" * 200


def test_half_characters_can_be_encoded() -> None:
    """A lone surrogate, as file names may have it, is replaced."""
    assert shorten("caf\udce9", 200).encode() == "caf\ufffd".encode()


@given(st.text(), st.integers(1, 50))
def test_any_text_fits_and_can_be_sent(text: str, length: int) -> None:
    """Whatever it holds."""
    short = shorten(text, length)
    assert len(short) <= length
    assert clean(short) == short
    short.encode()
