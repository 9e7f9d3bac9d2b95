"""Text that comes from users: made safe to show and cut visibly."""

import re
from typing import Final

NAME_LENGTH: Final = 200
MESSAGE_LENGTH: Final = 2_000
TASK_ERROR_LENGTH: Final = 200

# C0 and C1 controls, the line and paragraph separators, bidirectional marks, embeddings, overrides and isolates.
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SPACES: Final = {"\n": " ", "\r": " ", "\t": " "}


def clean(text: str) -> str:
    """Return `text` with control and bidirectional characters replaced: white space by a space, others by U+FFFD."""
    return _UNSAFE.sub(lambda match: _SPACES.get(match[0], "\ufffd"), text)


def shorten(text: str, length: int) -> str:
    """Return `text` cleaned and, where it has more than `length` characters, cut visibly by an ellipsis."""
    text = _SURROGATE.sub("\ufffd", clean(text))
    return text if len(text) <= length else text[: length - 1] + "…"
