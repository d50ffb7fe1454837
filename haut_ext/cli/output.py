"""Prints the output of the commands: data as tables or JSON on stdout, and messages on stderr.

On a terminal, tables fit its width, and text that is too long ends in an ellipsis. Output to files
and pipes is not shortened.
"""

from __future__ import annotations

import errno
import json as json_module
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

    from haut_ext import Haut

T = TypeVar("T")

_MAX_ROWS = 50
_ID_WIDTH = 36
_UNLIMITED_WIDTH = 10_000
"""Width of tables that are not printed to a terminal."""


def out() -> Console:
    """Return a console that prints to stdout."""
    return _console(sys.stdout)


def err() -> Console:
    """Return a console that prints to stderr."""
    return _console(sys.stderr)


def _console(file: TextIO) -> Console:
    from rich.console import Console

    if file is None:  # pyright: ignore[reportUnnecessaryComparison] - Python closes it on startup
        raise OSError(errno.EBADF, "stdout or stderr is closed")
    width = None if file.isatty() else _UNLIMITED_WIDTH
    return Console(file=file, highlight=False, markup=False, width=width)


def format_time(time: datetime) -> str:
    """Format a time to the second, without its time zone."""
    return f"{time:%Y-%m-%d %H:%M:%S}"


def print_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    write(json_module.dumps(value, default=str, ensure_ascii=not _writes_unicode()) + "\n")


def write(text: str) -> None:
    """Write text to stdout.

    Raises:
        OSError: If stdout is closed.
    """
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]
        raise OSError(errno.EBADF, "stdout or stderr is closed")
    sys.stdout.write(text)


def _writes_unicode() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")


def print_list(
    items: Iterable[T],
    columns: Sequence[str],
    as_row: Callable[[T], Sequence[object]],
    as_json: Callable[[T], Any],
    *,
    json: bool,
) -> None:
    """Print a table of the first 50 items, or all items as JSON, one per line.

    Args:
        items: The items, read lazily.
        columns: Names of the columns.
        as_row: Function that returns the cells of an item.
        as_json: Function that returns the JSON value of an item.
        json: Whether to print JSON.
    """
    if json:
        for item in items:
            print_json(as_json(item))
        return
    first = list(islice(items, _MAX_ROWS + 1))
    print_table(columns, [as_row(item) for item in first[:_MAX_ROWS]])
    if len(first) > _MAX_ROWS:
        err().print(f"Only the first {_MAX_ROWS} items are shown. Use --json to list all items.")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table whose last column takes the remaining width of the terminal."""
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    console = out()
    remaining = console.width
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        longest = max(cell_len(line[number]) for line in [list(columns), *cells])
        last = number == len(columns) - 1
        width = min(longest, remaining if last else _ID_WIDTH)
        remaining -= width + 2
        table.add_column(column, no_wrap=True, overflow="ellipsis", width=width)
    for line in cells:
        table.add_row(*map(Text, line))
    console.print(table)


def print_paragraphs(lines: Sequence[Sequence[str]]) -> None:
    """Print rows in aligned columns. Long text in the last column is wrapped."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    for line in lines:
        grid.add_row(*map(Text, line))
    out().print(grid)


def confirm_deletion(
    haut: Haut, target: Mapping[str, object], *, yes: bool, dry_run: bool, json: bool
) -> bool:
    """Show what is about to be deleted, and ask for confirmation.

    Args:
        haut: The client.
        target: Names and values that describe the object to delete.
        yes: Whether to skip the question.
        dry_run: Whether to show the object without deleting it.
        json: Whether a dry run also prints the object as JSON.

    Returns:
        Whether to delete the object. If the user declines, the command ends.
    """
    facts = {"service": haut.scope.base_url, "dataset_id": haut.scope.dataset(), **target}
    err().print("To be deleted:")
    for name, value in facts.items():
        err().print(f"  {name}: {value}")
    if dry_run:
        if json:
            print_json(target)
        return False
    if not yes:
        typer.confirm("This cannot be undone. Continue?", abort=True, err=True)
    return True


def print_deleted(target: Mapping[str, object], *, json: bool) -> None:
    """Report which object has been deleted."""
    if json:
        print_json({**target, "deleted": True})
    else:
        out().print("Deleted.")
