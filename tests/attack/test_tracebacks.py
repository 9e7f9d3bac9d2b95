"""Tracebacks that show values, as IPython's verbose mode and crash reporters make them, hold no token."""

import socket
import traceback
from collections.abc import Callable, Iterator

import pytest
from IPython.core.ultratb import VerboseTB

import progress_kit as pk
from progress_kit.connection.target import Target
from progress_kit.connection.tokens import AccessToken
from progress_kit.protocol import encode
from progress_kit.protocol.messages import Hello, Refresh

CANARY = "eyJjYW5hcnki.eyJjYW5hcnki.canary"


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hub that the environment names, with a token, and that does not answer."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        monkeypatch.setenv("PROGRESS_KIT_HUB_URL", f"http://127.0.0.1:{taken.getsockname()[1]}/progress-kit/")
        monkeypatch.setenv("PROGRESS_KIT_TOKEN", CANARY)
        yield


@pytest.mark.parametrize(
    "question",
    [lambda: pk.get("op_1"), lambda: pk.cancel("op_1"), lambda: pk.wait("op_1", timeout=0.2)],
    ids=["get", "cancel", "wait"],
)
def test_an_error_of_a_hub_that_is_away(away: None, question: Callable[[], object]) -> None:
    """The token was on its way when it failed, in the variables of a dozen frames, of other libraries too."""
    with pytest.raises(Exception, match="hub") as caught:
        question()
    error = caught.value
    verbose = VerboseTB(theme_name="nocolor").text(type(error), error, error.__traceback__)
    assert "token" in verbose
    assert CANARY not in verbose
    formatted = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    assert CANARY not in "".join(each for each in formatted if "test_tracebacks" not in each)


def test_a_token_hides_itself_and_travels_all_the_same() -> None:
    """It is a text like any other but for its repr."""
    token = AccessToken(CANARY)
    target = Target(url="http://h/", secret=CANARY, token=CANARY)
    shown = repr([token, target, token.text, target.secret, {"header": target.token}])
    assert CANARY not in shown
    assert CANARY.encode() in encode(Hello(token=token.text, client="c"))
    assert CANARY.encode() in encode(Refresh(token=token.text))
    assert f"Bearer {token.text}" == f"Bearer {CANARY}"
