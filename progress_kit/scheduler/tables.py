"""Tables in HTML, as notebooks show them."""

from collections.abc import Collection, Iterable, Sequence
from html import escape


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Collection[int]) -> str:
    """Return a table; columns of text begin at the left, `numbers` end at the right."""

    def row(cells: Sequence[str], kind: str) -> str:
        sides = ("right" if column in numbers else "left" for column in range(len(head)))
        texts = (cell if isinstance(cell, Html) else escape(cell) for cell in cells)
        return "".join(
            f"<{kind} style='text-align: {side}'>{text}</{kind}>" for side, text in zip(sides, texts, strict=True)
        )

    body = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in rows)
    return f"<table><thead><tr>{row(head, 'th')}</tr></thead><tbody>{body}</tbody></table>"
