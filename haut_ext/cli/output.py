"""What people and machines see: tables and JSON on stdout; questions and advice on stderr.

On a terminal a table fits its width, and what is too long ends in an ellipsis; elsewhere nothing is
cut. rich is imported where it is used, for the same reason as in commands.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

_ID_WIDTH = 36
_UNCUT = 10_000
"""Columns of what is no terminal."""

INTERRUPTED = 130


def out() -> Console:
    return _console(sys.stdout)


def err() -> Console:
    return _console(sys.stderr)


def _console(file: TextIO) -> Console:
    from rich.console import Console

    width = None if file.isatty() else _UNCUT
    return Console(file=file, highlight=False, markup=False, width=width)


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False) + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; its last column gets what room is left, and ends in an ellipsis if that is less."""
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    console = out()
    room = console.width
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        longest = max(cell_len(line[number]) for line in [list(columns), *cells])
        last = number == len(columns) - 1
        width = min(longest, room if last else _ID_WIDTH)
        room -= width + 2
        table.add_column(column, no_wrap=True, overflow="ellipsis", width=width)
    for line in cells:
        table.add_row(*map(Text, line))
    console.print(table)


def print_prose(lines: Sequence[Sequence[str]]) -> None:
    """Print lines whose last part is prose, and wraps below its own beginning."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    for line in lines:
        grid.add_row(*map(Text, line))
    out().print(grid)


@contextmanager
def two_interrupts(console: Console, advice: str) -> Generator[None]:
    """Let the first Ctrl-C finish what is in flight, and the second end the process at once."""

    def first(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, second)
        console.print("Finishing what is in flight. Ctrl-C again stops at once.")
        raise KeyboardInterrupt

    def second(number: int, frame: FrameType | None) -> None:
        # No lock is taken, and no thread waited for.
        cursor = "\x1b[?25h" if console.is_terminal else ""
        os.write(2, f"{cursor}\nStopped at once. {advice}\n".encode())
        os._exit(INTERRUPTED)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
