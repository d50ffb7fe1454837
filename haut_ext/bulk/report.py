"""Defines the report of a bulk run and the error raised if a run stops early."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from attrs import asdict, frozen

from haut_ext import HautError
from haut_ext.errors import parse_cause, parsed_by
from haut_ext.text import escape


@frozen
class BulkReport:
    """Number of rows in a bulk run for each outcome.

    Attributes:
        done: Rows that this run completed.
        skipped: Rows that were skipped because an earlier run had completed them, or because another
            row names the same subject.
        bad: Invalid rows, or rows of subjects that do not exist or whose name is ambiguous. Nothing
            was uploaded, erased or written for them.
        changed: Rows whose content differs from the one recorded in the journal. They were not
            processed.
        failed: Rows for which a request was rejected or failed repeatedly. The next run tries them
            again. In `bulk_results`, also rows with missing results.
        unknown: Rows whose analysis may or may not have been started, and billed.
        problems: Path of the list of rows with a problem; None if there are none. After you correct
            the rows, you can use the list of an upload as the manifest of the next run.
            None for erasures, whose summary contains the problems.
        summary: Path of the summary of the erasures; None for other runs.
        possible_leftovers: Ids of image records without a photo that interrupted uploads of the
            rows in `done`, or another program, have created. They are not deleted.
    """

    done: int = 0
    skipped: int = 0
    bad: int = 0
    changed: int = 0
    failed: int = 0
    unknown: int = 0
    problems: Path | None = None
    summary: Path | None = None
    possible_leftovers: tuple[UUID, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all rows were completed without a problem."""
        return self.problems is None and not (
            self.bad or self.changed or self.failed or self.unknown
        )

    def __str__(self) -> str:
        counts = asdict(self, filter=lambda _, value: isinstance(value, int) and bool(value))
        text = ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "nothing to do"
        if self.possible_leftovers:
            text += f"; image records that may be left over: {len(self.possible_leftovers):,}"
        if self.problems:
            text += f"; the problems are listed in {escape(str(self.problems))}"
        if self.summary:
            text += f"; the summary is {escape(str(self.summary))}"
        return text


BulkProgress = Callable[[BulkReport], None]
"""Function that is called after each row with the counts so far."""


@dataclass(eq=False, repr=False, kw_only=True)
class BulkStopped(HautError):
    """A bulk run stopped early. Calling the same function with the same journal continues the run.

    Attributes:
        cause: The error that stopped the run, if any.
    """

    cause: Exception | None = field(default=None, metadata=parsed_by(parse_cause))


@contextmanager
def file_errors() -> Generator[None]:
    """Convert an error of the journal or another file of the run to BulkStopped."""
    try:
        yield
    except HautError:  # a TransportTimeout is an OSError
        raise
    except (OSError, sqlite3.Error) as error:
        raise BulkStopped(
            f"a file of the run cannot be read or written ({error}); is the disk full? The progress "
            "is in the journal: solve the problem, then run again with the same journal",
            cause=error,
        ) from error
