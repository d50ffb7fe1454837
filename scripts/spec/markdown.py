"""Markdown for the reports of this package."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def code(text: str) -> str:
    """Format a text as code."""
    return f"`{text}`"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    head = list(head)
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def section(title: str, head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield a heading with a table, each after an empty line."""
    yield from ("", title, "", *table(head, rows))
