"""Prints the output of the commands: data as tables or JSON on stdout, and messages on stderr.

Control characters, which a name or a message of the service may contain, are escaped: a terminal
would execute them. Nothing is shortened: if a table is wider than the terminal, its cells are wrapped
or listed.
"""

from __future__ import annotations

import errno
import json as json_module
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import typer
from attrs import frozen

from haut_ext import ConfigError, HautError
from haut_ext.cli.exit_codes import INCOMPLETE
from haut_ext.text import escape, is_control

if TYPE_CHECKING:
    from datetime import datetime

    from haut_ext import Haut, Image

T = TypeVar("T")

_MAX_ROWS = 50
_GAP = 2
"""Number of spaces between columns."""
_WRAPPED_WIDTH = 12
"""Smallest width of a column whose cells are wrapped."""
_ID_WIDTH = 36
"""Width of a column with ids, which are not wrapped, because they are copied."""


@frozen
class Printer:
    """Prints text to stdout or stderr."""

    file: TextIO

    def print(self, *lines: str) -> None:
        """Print lines, with control characters and line breaks in them escaped."""
        self.file.write("\n".join(map(escape, lines)) + "\n")


def out() -> Printer:
    """Return a printer to stdout."""
    return Printer(_opened(sys.stdout))


def err() -> Printer:
    """Return a printer to stderr."""
    return Printer(_opened(sys.stderr))


def write_unencodable_characters_escaped() -> None:
    """Let stdout and stderr escape characters that their encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")


def _opened(file: TextIO | None) -> TextIO:
    if file is None:  # Python closes it on startup
        raise OSError(errno.EBADF, "stdout or stderr is closed")
    return file


def flush() -> bool:
    """Write the buffered output to stdout, and return whether it was written.

    Python would also write it, but print `Exception ignored` and exit with code 120 if that fails.
    """
    if sys.stdout is None:  # it is closed, and was not used
        return True
    try:
        sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.EPIPE:  # the reader, such as `head`, may have ended
            err().print(f"haut: {error}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def exit_if_not_written(error: BaseException) -> None:
    """End a command whose progress is stored, because a file could not be written any more."""
    if isinstance(error, ConfigError) or (
        isinstance(error, OSError) and not isinstance(error, HautError)
    ):
        err().print(f"haut: {error}")
        raise typer.Exit(INCOMPLETE) from None


def format_time(time: datetime) -> str:
    """Format a time to the second, without its time zone."""
    return f"{time:%Y-%m-%d %H:%M:%S}"


def quality_score(image: Image) -> float | None:
    """Return the quality score of an image, or None if it has none."""
    score = image.quality_score
    return score if isinstance(score, float | int) else None


def print_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    text = json_module.dumps(value, default=str, ensure_ascii=not _writes_unicode())
    write(
        "".join(json_module.dumps(each)[1:-1] if is_control(each) else each for each in text) + "\n"
    )


def write(text: str) -> None:
    """Write text to stdout.

    Raises:
        OSError: If stdout is closed.
    """
    _opened(sys.stdout).write(text)


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


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, to_stderr: bool = False
) -> None:
    """Print a table. If it is wider than the terminal, wrap its cells or list those of each row."""
    from rich.cells import cell_len

    cells = [["" if cell is None else escape(str(cell)) for cell in row] for row in rows]
    lines = [list(columns), *cells]
    widths = [max(cell_len(line[number]) for line in lines) for number in range(len(columns))]
    console = err() if to_stderr else out()
    if console.file.isatty() and not _narrow(widths, _terminal_width()):
        width = max(map(len, columns))
        for line in cells:
            for column, cell in zip(columns, line, strict=True):
                console.print(f"{column:<{width}}  {cell}")
            console.print("")
        return
    for line in lines:
        wrapped = [_wrap(cell, width) for cell, width in zip(line, widths, strict=True)]
        for parts in zip_longest(*wrapped, fillvalue=""):
            padded = (
                part + " " * (width - cell_len(part))
                for part, width in zip(parts, widths, strict=True)
            )
            console.print((" " * _GAP).join(padded).rstrip())


def _narrow(widths: list[int], terminal: int) -> bool:
    """Make the widest columns narrower until a table fits; return whether that is possible."""
    room = terminal - _GAP * (len(widths) - 1)
    smallest = [width if width == _ID_WIDTH else min(width, _WRAPPED_WIDTH) for width in widths]
    if sum(smallest) > room:
        return False
    while sum(widths) > room:
        shrinkable = (n for n, width in enumerate(widths) if width > smallest[n])
        widths[max(shrinkable, key=widths.__getitem__)] -= 1
    return True


def _wrap(cell: str, width: int) -> list[str]:
    """Return the lines of a cell in a column."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.text import Text

    if cell_len(cell) <= width:
        return [cell]
    return [line.plain for line in Text(cell).wrap(Console(), width, overflow="fold")]


def _terminal_width() -> int:
    return shutil.get_terminal_size().columns


def print_paragraphs(lines: Sequence[Sequence[str]]) -> None:
    """Print rows in aligned columns, the last of which may be of any length."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (f"{cell:<{width}}" for cell, width in zip(line[:-1], widths, strict=False))
        out().print((" " * _GAP).join((*padded, escape(line[-1]))))


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
        err().print(f"  {name}: {escape(str(value))}")
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
