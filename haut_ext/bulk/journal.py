"""What survives the process: one SQLite file that says of each row how far it has come.

Each write is on the disk before it returns, also through a loss of power (WAL, synchronous=FULL).
That is the slowest part of a row, so writes of several threads go to the disk together: whoever comes
first writes for all who wait. The lock is the file's own, held until the process ends: a second one
is refused, and a dead one leaves none behind. A row that is begun keeps its hashes and its state, and
nothing of the manifest; only rows with a problem keep their content, to be listed for repair.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Self

from attrs import define, frozen

from haut_ext.errors import ConfigError
from haut_ext.settings import Scope

_LAYOUT = 1
_TABLES = """
CREATE TABLE journal (work TEXT NOT NULL);
CREATE TABLE rows (
    key TEXT PRIMARY KEY,
    digest TEXT,   -- of the row
    files TEXT,    -- JSON: size, time and SHA-256 of each photo
    state TEXT,    -- JSON: an UploadState or an ErasureReceipt, once the row is begun
    done INTEGER NOT NULL DEFAULT 0,
    problem TEXT,  -- bad, changed, failed or unknown
    reason TEXT,
    content TEXT   -- JSON: the row, while there is a problem
) WITHOUT ROWID;
CREATE INDEX problems ON rows (key) WHERE problem IS NOT NULL;
"""


@define
class _Write:
    """A change of one row, and what came of it."""

    statement: str
    values: tuple[object, ...]
    settled: bool = False
    error: Exception | None = None


@frozen
class Entry:
    """What the journal knows of a row that has been begun."""

    digest: str
    files: dict[str, Any]
    state: str
    done: bool
    listed: bool


class Journal:
    """The journal of one upload or erasure of many, open and locked.

    Args:
        path: Made, for its owner only, if it does not exist.
        kind: `upload` or `erase`.
        scope: Where the subjects are.

    Raises:
        ConfigError: If another process has it open, it is of other work, or it is no journal.
    """

    def __init__(self, path: str | os.PathLike[str], kind: str, scope: Scope) -> None:
        work = (
            f"{kind} in dataset {scope.dataset()} of company {scope.company_id} at {scope.base_url}"
        )
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._database = sqlite3.connect(
                path, timeout=0, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"the journal cannot be opened: {error}") from None
        self._lock = threading.Lock()
        self._waiting: deque[_Write] = deque()
        try:
            self._prepare(work)
        except sqlite3.OperationalError as error:
            self._database.close()
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise ConfigError("another process is working with this journal") from None
            raise
        except (sqlite3.DatabaseError, ConfigError) as error:
            self._database.close()
            if isinstance(error, ConfigError):
                raise
            raise ConfigError("the file is no journal of this version") from None

    def _prepare(self, work: str) -> None:
        execute = self._database.execute
        execute("PRAGMA locking_mode = EXCLUSIVE")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")
        execute("BEGIN EXCLUSIVE")
        [layout] = execute("PRAGMA user_version").fetchone()
        if layout == 0 and not execute("SELECT 1 FROM sqlite_schema").fetchone():
            for statement in _TABLES.split(";"):
                execute(statement)
            execute("INSERT INTO journal VALUES (?)", (work,))
            execute(f"PRAGMA user_version = {_LAYOUT}")
        elif layout != _LAYOUT:
            raise ConfigError("the file is no journal of this version")
        execute("COMMIT")
        [known] = execute("SELECT work FROM journal").fetchone()
        if known != work:
            raise ConfigError(f"the journal is of other work: {known}, not {work}")

    def _write(self, statement: str, *values: object) -> None:
        write = _Write(statement, values)
        self._waiting.append(write)
        with self._lock:
            if not write.settled:
                self._write_all_waiting()
        if write.error is not None:
            raise write.error

    def _write_all_waiting(self) -> None:
        writes = [self._waiting.popleft() for _ in range(len(self._waiting))]
        error = None
        try:
            self._database.execute("BEGIN")
            for write in writes:
                self._database.execute(write.statement, write.values)
            self._database.execute("COMMIT")
        except Exception as failure:
            error = failure
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
        for write in writes:
            write.settled, write.error = True, error

    def find(self, key: str) -> Entry | None:
        """Return what is known of a row, if it has been begun."""
        with self._lock:
            found = self._database.execute(
                "SELECT digest, files, state, done, problem IS NOT NULL FROM rows "
                "WHERE key = ? AND state IS NOT NULL",
                (key,),
            ).fetchone()
        if found is None:
            return None
        digest, files, state, done, listed = found
        return Entry(digest, json.loads(files), state, bool(done), bool(listed))

    def note(
        self, key: str, digest: str, files: Mapping[str, Any], state: str, *, done: bool = False
    ) -> None:
        """Note how far a row is; one that is done has no problem any more."""
        self._write(
            "INSERT INTO rows (key, digest, files, state, done) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET (digest, files, state, done) = "
            "(excluded.digest, excluded.files, excluded.state, excluded.done), "
            "problem = iif(excluded.done, NULL, problem), "
            "reason = iif(excluded.done, NULL, reason), "
            "content = iif(excluded.done, NULL, content)",
            *(key, digest, json.dumps(files), state, done),
        )

    def complain(self, key: str, problem: str, reason: str, content: str) -> None:
        """Note what is wrong with a row; how far it is stays as it was."""
        self._write(
            "INSERT INTO rows (key, problem, reason, content) VALUES (?, ?, ?, ?) ON CONFLICT (key) "
            "DO UPDATE SET (problem, reason, content) = "
            "(excluded.problem, excluded.reason, excluded.content)",
            *(key, problem, reason, content),
        )

    def problems(self) -> Iterator[tuple[str, str, str, str]]:
        """Return key, problem, reason and content of the rows that have a problem."""
        return self._database.execute(
            "SELECT key, problem, reason, content FROM rows WHERE problem IS NOT NULL "
            "ORDER BY CAST(key AS INTEGER), key"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._database.close()
