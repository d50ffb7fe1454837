"""Functions that format the reports on specification changes as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def code(text: str) -> str:
    """Format a text as inline code in Markdown."""
    return f"`{text}`"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    head = list(head)
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
