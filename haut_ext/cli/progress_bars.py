"""Progress bars that are shown on stderr if it is a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from haut_ext.cli import output


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.1f}/s")


def rows_bar() -> Progress:
    """Return a progress bar that counts rows, with their rate and the remaining time."""
    return _bar(MofNCompleteColumn(), _Rate())


def bytes_bar() -> Progress:
    """Return progress bars that count bytes, with their rate and the remaining time."""
    return _bar(DownloadColumn(), TransferSpeedColumn())


def _bar(*columns: ProgressColumn) -> Progress:
    console = Console(file=output.err().file, highlight=False, markup=False)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        *columns,
        TimeRemainingColumn(compact=True),
        console=console,
        expand=True,
        disable=not console.is_terminal,
    )
