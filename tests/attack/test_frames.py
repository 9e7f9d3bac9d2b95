"""Whatever a client sends, the hub answers with an error or closes, and nobody else notices."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attack.frames import TRICKS, broken_frames, frames
from tests.attack.target import ROLES, Target

roles = st.sampled_from(ROLES)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("frame", TRICKS.values(), ids=TRICKS)
def test_a_known_trick_is_refused(frame: str | bytes, role: str) -> None:
    """By an error or a close, whoever sends it; nothing is changed, nothing is stored."""
    target = Target(role)
    target.attack(frame)


@given(frames, roles)
@settings(max_examples=200, deadline=None)
def test_what_follows_the_schema_hurts_nobody_else(frame: bytes, role: str) -> None:
    """Any message of any type, from another user or the holder of a share link: the victim's view stays as it is.

    Nor does the attacker see anything of it.
    """
    Target(role).attack(frame)


@given(broken_frames(), roles)
@settings(max_examples=200, deadline=None)
def test_broken_bytes_are_an_error_or_a_close(frame: bytes, role: str) -> None:
    """Frames with places cut out, repeated and overwritten."""
    Target(role).attack(frame)
