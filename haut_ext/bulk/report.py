"""Result of a bulk run, and the error that stops one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from attrs import asdict, frozen

from haut_ext import HautError


@frozen
class BulkReport:
    """Counts of the rows of a run, by outcome.

    Attributes:
        done: Rows that this run completed.
        skipped: Rows that an earlier run had completed.
        bad: Rows that are invalid, or ids of subjects that do not exist. Nothing was changed for them.
        changed: Rows that differ from the rows recorded in the journal.
        failed: Rows for which the service rejected a request, or requests kept failing. The next run
            tries them again.
        unknown: Rows for which it is unknown whether the analysis, which is billed, was started.
        problems: List of all rows with a problem; None if there are none. After repairs, the list can
            be the manifest of the next run.
    """

    done: int = 0
    skipped: int = 0
    bad: int = 0
    changed: int = 0
    failed: int = 0
    unknown: int = 0
    problems: Path | None = None

    @property
    def complete(self) -> bool:
        """Whether no row has a problem."""
        return self.problems is None

    def __str__(self) -> str:
        counts = asdict(
            self, filter=lambda attribute, value: attribute.name != "problems" and value
        )
        text = ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "nothing to do"
        return text + (f"; the problems are listed in {self.problems}" if self.problems else "")


BulkProgress = Callable[[BulkReport], None]
"""Function that is called with the counts so far after each row."""


class BulkStopped(HautError):
    """A run stopped before its end. The same call with the same journal continues it.

    Attributes:
        cause: The error that stopped the run, if any.
    """

    def __init__(self, message: str, *, cause: Exception | None = None) -> None:
        super().__init__(message)
        self.cause = cause
