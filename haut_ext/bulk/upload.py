"""One row: its photos checked and hashed, its subject found or created, then the upload, journalled.

With an executor the bytes are read and sent by its workers, and nothing else is: slots and
computations are asked for here, so that the journal knows of each, and a worker that dies leaves
nothing but bytes that are sent again.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from attrs import field, frozen

from haut_api.models import SignedUpload, UploadSlotV3
from haut_ext._sync.client import Haut
from haut_ext._sync.resources.images import Images
from haut_ext._sync.workflows.upload import check_photos, new_state, upload_and_compute
from haut_ext.bulk.journal import Entry, Journal
from haut_ext.bulk.manifest import COLUMNS, RawRow, Row, parse_row, read_manifest, row_key
from haut_ext.bulk.runner import (
    BulkReport,
    Gate,
    OneAtATime,
    Outcome,
    Progress,
    limited,
    list_of_problems,
    run,
)
from haut_ext.errors import (
    ConfigError,
    HautError,
    ImageRejected,
)
from haut_ext.keyword_arguments import Progress as BytesProgress
from haut_ext.keyword_arguments import UploadOptions
from haut_ext.photos.checks import Photo, PhotoFile
from haut_ext.types import Side, UploadState
from haut_ext.workflow_errors import UploadIncomplete

Hash = list[Any]
"""Of a photo: its size, its time of change in nanoseconds, and the SHA-256 of its content."""

_CHANGED = (
    "the row or a photo is not what was begun or done before; put it back, or give it another row"
)


def bulk_upload(
    haut: Haut,
    manifest: str | os.PathLike[str] | Iterable[Mapping[str, Any]],
    *,
    journal: str | os.PathLike[str],
    in_flight: int = 8,
    per_second: float | None = None,
    patience: float = 3600.0,
    compute_again: bool = False,
    executor: Executor | None = None,
    problems: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> BulkReport:
    """Upload the photos of many subjects and start their analysis, each paid for once.

    Called again with the same journal, it goes on where it was, whatever ended it. Rows that are
    done are passed over; a row that failed is tried again; a row that is not what it was is left
    alone. A subject given by its name is looked for, and created if there is none; the rows of one
    subject are done one after the other.

    Args:
        haut: The client.
        manifest: What `read_manifest` takes, or any iterable of such rows: mappings with `subject` or
            `subject_id`, at least one of `front`, `right` and `left` (paths), and perhaps `meta`
            (JSON, for the photos) and `row` (what it goes by in the journal; its place unless given).
        journal: The SQLite file that survives this process; made if it does not exist.
        in_flight: Rows at once, at the most. More than 16 help only with an executor.
        per_second: Requests to the API in a second, at the most.
        patience: Seconds to wait for a service that turns everything away or cannot be reached.
        compute_again: Send a computation of unknown fate once more, although it may have been paid
            for. Without it, the images are looked at, and if they show no result the row is listed
            as `unknown`.
        executor: Whose workers send the bytes. They need the same paths and this package.
        problems: Where rows with a problem are listed; `<journal>.problems.csv` unless given. Once
            repaired, and under another name, that list can be the manifest for the same journal.
        progress: Called with the counts so far after each row.

    Raises:
        ConfigError: If the manifest or the journal cannot be used, or another process uses it.
        BulkStopped: If the token is refused, patience has run out, or a file of the run cannot be
            written. Call again to go on.
    """
    listed = list_of_problems(journal, problems)
    rows: Iterable[RawRow]
    if isinstance(manifest, str | os.PathLike):
        if Path(manifest).absolute() == listed.absolute():
            raise ConfigError("each run writes this list anew: save it under another name")
        rows = read_manifest(manifest)
    else:
        rows = manifest
    gate = Gate(in_flight, per_second, patience)
    with Journal(journal, "upload", haut.scope) as kept:
        travelling = None if executor is None else _Travelling(haut, executor)
        uploads = _Uploads(limited(haut, gate), kept, rows, compute_again, travelling)
        return run(uploads, kept, gate, progress, listed, COLUMNS)


@frozen
class _Line:
    """A row as it was read, and its place in the manifest, from 1."""

    place: int
    raw: RawRow

    @property
    def key(self) -> str:
        return row_key(self.raw, self.place)


class _Uploads:
    def __init__(
        self,
        haut: Haut,
        journal: Journal,
        rows: Iterable[RawRow],
        compute_again: bool,
        travelling: _Travelling | None,
    ) -> None:
        self._subjects = haut.subjects
        self._images = haut.images if travelling is None else _SentElsewhere(haut, travelling)
        self._executor = None if travelling is None else travelling.executor
        self._journal = journal
        self._rows = rows
        self._compute_again = compute_again
        # Taken in this order, so that nobody waits for one who waits for him.
        self._same_row, self._same_name, self._same_subject = (OneAtATime() for _ in range(3))

    def items(self) -> Iterator[_Line]:
        return (_Line(place, raw) for place, raw in enumerate(self._rows, 1))

    def do(self, item: _Line) -> Outcome:
        with self._same_row(item.key):
            return self._do(item)

    def _do(self, line: _Line) -> Outcome:
        row = parse_row(line.raw, line.place)
        known = self._journal.find(row.key)
        if known is not None and known.done and _untouched(row, known):
            if known.listed:
                self._note(row, known.files, known.state, done=True)
            return "skipped"
        state = None if known is None else UploadState.from_json(known.state)
        sides = () if state is None else state.sides
        stored = [side.side for side in sides if side.status == "stored"]
        missing: dict[Side, PhotoFile] = {
            side: path for side, path in row.files.items() if side not in stored
        }
        if known is not None and known.digest != row.digest:
            return self._complain(line, "changed", _CHANGED)
        check_photos(missing)
        hashes = self._hashes(row, known)
        if known is not None and any(hashes[side][2] != known.files[side][2] for side in hashes):
            return self._complain(line, "changed", _CHANGED)
        if known is not None and known.done:  # a photo has another time, and the same content
            self._note(row, hashes, known.state, done=True)
            return "skipped"
        if state is None:
            state = new_state(self._subject_id(row), missing)

        def note(state: UploadState) -> None:
            self._note(row, hashes, state.to_json(), done=state.compute == "started")

        options = UploadOptions(on_state=note)
        if row.meta is not None:
            options["meta"] = row.meta
        # What a lost answer left behind is known by its side and time: no two rows at once.
        with self._same_subject(state.subject_id):
            upload_and_compute(
                self._images,
                state,
                missing,
                options,
                compute_again=self._compute_again,
            )
        return "done"

    def _note(self, row: Row, hashes: dict[str, Hash], state: str, *, done: bool) -> None:
        self._journal.note(row.key, row.digest, hashes, state, done=done)

    def give_up(self, item: _Line, error: HautError) -> Outcome:
        if isinstance(error, UploadIncomplete) and error.state.compute == "unknown":
            return self._complain(item, "unknown", str(error.cause))
        if isinstance(error, ImageRejected | ConfigError):
            return self._complain(item, "bad", str(error))
        cause = error.cause if isinstance(error, UploadIncomplete) else error
        return self._complain(item, "failed", str(cause))

    def _complain(self, line: _Line, outcome: Outcome, reason: str) -> Outcome:
        content = {} if isinstance(line.raw, str) else dict(line.raw)
        self._journal.complain(line.key, outcome, reason, json.dumps(content, default=str))
        return outcome

    def _subject_id(self, row: Row) -> UUID:
        """Return the subject; this needs no journal, as one that a lost answer made has its name."""
        if row.subject_id is not None:
            return row.subject_id
        assert row.subject is not None
        with self._same_name(row.subject):
            subject = self._subjects.find(row.subject) or self._subjects.create(row.subject)
        return subject.id

    def _hashes(self, row: Row, known: Entry | None) -> dict[str, Hash]:
        """Return the photos' hashes, reading only what has changed; a photo sent may be gone."""
        hashes: dict[str, Hash] = {}
        for side, path in row.files.items():
            before = None if known is None else known.files[side]
            try:
                now = _size_and_time(path)
                if before is not None and before[:2] == now:
                    hashes[side] = before
                elif self._executor is None:
                    hashes[side] = [*now, _sha256(path)]
                else:
                    hashes[side] = [*now, _elsewhere(self._executor, _sha256, path)]
            except OSError as error:
                if before is None:
                    raise ImageRejected((f"{side}: {error.strerror}",)) from None
                hashes[side] = before
        return hashes


def _size_and_time(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _untouched(row: Row, known: Entry) -> bool:
    """Whether the row is what it was, and the photos look as they did, or are there no more."""
    try:
        return known.digest == row.digest and all(
            _size_and_time(path) == known.files[side][:2] for side, path in row.files.items()
        )
    except OSError:
        return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# On an executor


@frozen
class _Task:
    """A call for a worker; executors log what they are given, and this shows nothing of it."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = field(repr=False)

    def __call__(self) -> Any:
        return self.function(*self.arguments)


def _elsewhere(executor: Executor, function: Callable[..., Any], *arguments: Any) -> Any:
    return executor.submit(_Task(function, arguments)).result()


class _Travelling:
    """A client, pickled for the workers of an executor, where no rate limiter is."""

    def __init__(self, haut: Haut, executor: Executor) -> None:
        self.executor = executor
        try:
            self.client = pickle.dumps(haut)
        except ConfigError as error:
            raise ConfigError(
                f"with an executor the client is pickled for the workers: {error}"
            ) from error


class _SentElsewhere(Images):
    """The images of a client, whose bytes are read and sent by an executor's workers."""

    def __init__(self, haut: Haut, travelling: _Travelling) -> None:
        super().__init__(haut.images._operations)
        self._travelling = travelling

    def send_bytes(
        self,
        slot: SignedUpload | UploadSlotV3,
        photo: Photo,
        *,
        progress: BytesProgress | None = None,
    ) -> None:
        _elsewhere(self._travelling.executor, _send_bytes, self._travelling.client, slot, photo)


@lru_cache(maxsize=1)
def _client(pickled: bytes) -> Haut:
    """Return the worker's one client, which keeps its connections from task to task."""
    client: Haut = pickle.loads(pickled)  # noqa: S301 - comes from the coordinator, as this task does
    return client


def _send_bytes(client: bytes, slot: SignedUpload | UploadSlotV3, photo: Photo) -> None:
    _client(client).images.send_bytes(slot, photo)
