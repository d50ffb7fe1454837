"""Journal of a bulk run: a SQLite file that records the progress of every row.

Every write to the journal is on disk before the call returns, so that it survives a power failure
(WAL mode with synchronous=FULL). Because waiting for the disk is the slowest part of processing a
row, concurrent writes of several threads are committed in one transaction.

The process locks the file until it ends. Meanwhile, other processes cannot open the file. A crashed
process leaves no lock behind.

For each row that has been started, the journal contains the state of the row and the hashes of its
photos. The content of the row is recorded only while the row has a problem.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Self, cast

from attrs import define, frozen

from haut_ext import ConfigError, Scope
from haut_ext.bulk.manifest import escape_surrogates
from haut_ext.bulk.report import file_errors

DAMAGED = "the journal's entry of the row is damaged"
_MIN_SQLITE = 3, 33
_FORMAT_VERSION = 2
_TABLES = """
CREATE TABLE journal (work TEXT NOT NULL);
CREATE TABLE rows (
    key TEXT PRIMARY KEY,
    digest TEXT,   -- of the row, to detect changes
    files TEXT,    -- JSON: size, modification time and SHA-256 of each photo
    state TEXT,    -- an UploadState or an ErasureReceipt as JSON, or encoded results
    done INTEGER NOT NULL DEFAULT 0,
    checksum TEXT, -- of the columns above except done, so that no row has the state of another
    problem TEXT,  -- bad, changed, failed or unknown
    reason TEXT,
    content TEXT   -- JSON: the row, while it has a problem
) WITHOUT ROWID;
CREATE INDEX problems ON rows (key) WHERE problem IS NOT NULL;
"""

_SELECT_STARTED = (
    "SELECT key, digest, files, state, done, problem IS NOT NULL, checksum FROM rows "
    "WHERE state IS NOT NULL"
)


@define
class _Write:
    """SQL statement that changes one row. `error` is set if the statement failed."""

    statement: str
    values: tuple[object, ...]
    finished: bool = False
    error: Exception | None = None


@frozen
class Entry:
    """Recorded progress of a row whose processing has started.

    Attributes:
        digest: Digest of the row's content when processing of the row started.
        files: Size, modification time and SHA-256 of each photo when processing of the row started.
        state: JSON of the row's `UploadState` or `ErasureReceipt`, or its encoded results.
        done: Whether the row is complete.
        has_problem: Whether the row has a recorded problem.
    """

    digest: str
    files: dict[str, Any]
    state: str
    done: bool
    has_problem: bool


class Journal:
    """Journal of a bulk run. The file stays open and locked.

    Args:
        path: The SQLite file. If it does not exist, it is created with access for its owner only.
        kind: What the run does, such as `upload` or `erase`.
        scope: Service, company and dataset that the run works on.

    Raises:
        ConfigError: If the file cannot be opened, is not a journal, is used by another process, or
            belongs to a run of another kind or on another dataset.
    """

    def __init__(self, path: str | os.PathLike[str], kind: str, scope: Scope) -> None:
        work = (
            f"{kind} in dataset {scope.dataset()} of company {scope.company_id} at {scope.base_url}"
        )
        path = os.path.abspath(path)  # so that `:memory:` is the name of a file
        if sqlite3.sqlite_version_info < _MIN_SQLITE:
            raise ConfigError(f"bulk runs need SQLite 3.33 or later, not {sqlite3.sqlite_version}")
        try:
            _create(path)
            self._database = sqlite3.connect(
                path, timeout=0, isolation_level=None, check_same_thread=False
            )
        except (OSError, ValueError, sqlite3.Error) as error:
            reason = "it is a link" if os.path.islink(path) else error
            raise ConfigError(f"the journal cannot be opened: {reason}") from None
        self._lock = threading.Lock()
        self._pending: deque[_Write] = deque()
        self._cursors: list[sqlite3.Cursor] = []
        try:
            self._prepare(work)
        except (sqlite3.Error, ConfigError) as error:
            self._database.close()
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(_reason(error)) from None

    def _prepare(self, work: str) -> None:
        execute = self._database.execute
        execute("PRAGMA locking_mode = EXCLUSIVE")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")
        execute("BEGIN EXCLUSIVE")
        [version] = execute("PRAGMA user_version").fetchone()
        if version == 0 and not execute("SELECT 1 FROM sqlite_schema").fetchone():
            for statement in _TABLES.split(";"):
                execute(statement)
            execute("INSERT INTO journal VALUES (?)", (work,))
            execute(f"PRAGMA user_version = {_FORMAT_VERSION}")
        elif version != _FORMAT_VERSION:
            raise ConfigError(
                "the file is not a journal, or was written by another version of haut-ext"
            )
        execute("COMMIT")
        execute("CREATE TEMP TABLE marked (key TEXT PRIMARY KEY) WITHOUT ROWID")
        [recorded] = execute("SELECT work FROM journal").fetchone() or [None]
        if recorded != work:
            raise ConfigError(
                f"the journal belongs to another run: {recorded}, not {work}. Use another journal"
            )

    def _write(self, statement: str, *values: object) -> None:
        write = _Write(statement, values)
        self._pending.append(write)
        with self._lock:
            if not write.finished:
                self._commit_pending()
        if write.error is not None:
            with file_errors():
                raise write.error

    def _commit_pending(self) -> None:
        writes = [self._pending.popleft() for _ in range(len(self._pending))]
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
            write.finished, write.error = True, error

    def get(self, key: str) -> Entry | None:
        """Return the recorded progress of a row, or None if the row has not been started.

        Raises:
            ConfigError: If the entry is damaged, or is that of another row.
        """
        with self._lock, file_errors():
            found = self._database.execute(_SELECT_STARTED + " AND key = ?", (key,)).fetchone()
        return None if found is None else _parse_entry(found)

    def entries(self) -> Iterator[tuple[str, Entry | ConfigError]]:
        """Return the key and the recorded progress, or what is wrong with it, of each started row."""
        with file_errors():
            for found in self._select(_SELECT_STARTED + " ORDER BY key"):
                try:
                    yield found[0], _parse_entry(found)
                except ConfigError as error:
                    yield found[0], error

    def save(
        self, key: str, digest: str, files: Mapping[str, Any], state: str, *, done: bool = False
    ) -> None:
        """Record the progress of a row. If the row is done, delete its recorded problem."""
        columns = (key, digest, json.dumps(files), state)
        self._write(
            "INSERT INTO rows (key, digest, files, state, done, checksum) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET (digest, files, state, done, checksum) = "
            "(excluded.digest, excluded.files, excluded.state, excluded.done, excluded.checksum), "
            "problem = iif(excluded.done, NULL, problem), "
            "reason = iif(excluded.done, NULL, reason), "
            "content = iif(excluded.done, NULL, content)",
            *(*columns, done, _checksum(*columns)),
        )

    def save_problem(self, key: str, problem: str, reason: str, content: str) -> None:
        """Record a row's problem, and leave the recorded progress of the row unchanged."""
        self._write(
            "INSERT INTO rows (key, problem, reason, content) VALUES (?, ?, ?, ?) ON CONFLICT (key) "
            "DO UPDATE SET (problem, reason, content) = "
            "(excluded.problem, excluded.reason, excluded.content)",
            *(key, problem, escape_surrogates(reason), content),
        )

    def mark(self, key: str) -> None:
        """Mark a row as part of this run. Marks are temporary, and take no memory."""
        self._write("INSERT OR IGNORE INTO temp.marked VALUES (?)", key)

    def is_marked(self, key: str) -> bool:
        """Return whether a row is part of this run."""
        with self._lock, file_errors():
            query = "SELECT 1 FROM temp.marked WHERE key = ?"
            return self._database.execute(query, (key,)).fetchone() is not None

    def problems(self) -> Iterator[tuple[str, str, str, str]]:
        """Return the key, problem, reason and content of each row that has a problem."""
        return self._select(
            "SELECT key, problem, reason, content FROM rows WHERE problem IS NOT NULL "
            "ORDER BY CAST(key AS INTEGER), key"
        )

    def _select(self, query: str) -> sqlite3.Cursor:
        cursor = self._database.execute(query)
        self._cursors.append(cursor)
        return cursor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            # A cursor keeps the file open and locked, and may itself be kept by an exception.
            for cursor in self._cursors:
                cursor.close()
            self._database.close()


def _parse_entry(columns: tuple[Any, ...]) -> Entry:
    key, digest, files, state, done, has_problem, checksum = columns
    if checksum != _checksum(key, digest, files, state):
        raise ConfigError(DAMAGED)
    return Entry(digest, _parse_files(files), state, bool(done), bool(has_problem))


def _parse_files(text: Any) -> dict[str, Any]:
    try:
        files = json.loads(text)
        if all(isinstance(it, list) and len(it) == 3 for it in files.values()):  # pyright: ignore[reportUnknownArgumentType]
            return cast("dict[str, Any]", files)
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    raise ConfigError(DAMAGED)


def _checksum(*columns: object) -> str:
    return hashlib.sha256(json.dumps(columns, default=repr).encode()).hexdigest()


def _create(path: str) -> None:
    """Create the file, unless it exists, and restrict access to its owner.

    SQLite's other files get the mode of the database. An existing file is not opened here: when a
    process closes a file, POSIX releases all locks of the process on it, even those of another
    journal.

    Raises:
        ValueError: If the path is something else, such as a link, which SQLite would follow.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise ValueError("it is not a regular file") from None
        if os.name == "posix":
            os.chmod(path, 0o600)


def _reason(error: sqlite3.Error) -> str:
    """Return why a file cannot be used as a journal."""
    if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
        return "the journal is in use by another process"
    if isinstance(error, sqlite3.OperationalError):
        return f"the journal cannot be written: {error}"
    return "the file is not a journal, or was written by another version of haut-ext"
