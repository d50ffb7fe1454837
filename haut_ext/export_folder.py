"""Folder or zip file of an export. The files are private, and replace only files of the export.

Until an export ends, the file `export-progress.jsonl` records it: the first line is the manifest so
far, and each further line is a file or a change. A line is written before its file appears. A
process that is killed therefore leaves no unrecorded file, and the next export continues the
folder. At the end, `manifest.json` takes the place of this file.

A zip file is created from a folder beside it, which is deleted afterwards.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from attrs import evolve

from haut_ext import private_files
from haut_ext.errors import CallerError, ConfigError
from haut_ext.export_manifest import ExportChange, ExportedFile, ExportManifest
from haut_ext.regular_files import open_regular
from haut_ext.types import from_json, to_json

MANIFEST = "manifest.json"
PROGRESS = "export-progress.jsonl"
_TEMPORARY = "export.tmp"
_PATH = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,99}/){0,9}[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SIGNATURES = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp"}
_SUFFIXES = (*_SIGNATURES.values(), ".bin")


class ExportFolder:
    """Folder of an export. Use it in `with`; nothing is written before `start`.

    Args:
        to: Path of the folder, or of the zip file if it ends with `.zip`.
        manifest: Manifest without files.
        on_file: Called with each new file.

    Attributes:
        manifest: Manifest of the export, without the files and changes.
        files: Files of the export by path.
        changes: Noticed changes.

    Raises:
        ConfigError: If the path cannot be used, such as for a folder that contains other files, or the
            export of another subject.
    """

    def __init__(
        self,
        to: str | os.PathLike[str],
        manifest: ExportManifest,
        on_file: Callable[[ExportedFile], None] | None = None,
    ) -> None:
        self._on_file = on_file
        self._opened = ExitStack()
        self._progress: IO[bytes] | None = None
        try:
            self._target = self._root = Path(to)
            self._zipped = self._target.suffix.lower() == ".zip"
            if self._zipped:
                self._root = self._target.with_name(self._target.name + ".partial")
            self.manifest = self._open(manifest)
            self.files = {file.path: file for file in self.manifest.files if self._is_intact(file)}
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            self._opened.close()
            if isinstance(error, ConfigError):
                raise
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(f"to= cannot be used for an export: {reason}") from None
        self.changes = list(self.manifest.changes)

    def _open(self, manifest: ExportManifest) -> ExportManifest:
        """Check the path, and return the manifest, continued if the folder contains an export."""
        if self._zipped and os.path.lexists(self._target):
            left = f". {self._root} is left over, and can be deleted" * self._root.exists()
            raise ConfigError(f"to= exists already, and is not overwritten{left}")
        try:
            mode = os.lstat(self._root).st_mode
        except FileNotFoundError:
            private_files.check_folder(self._root.parent)
            return manifest
        if not stat.S_ISDIR(mode):
            raise ConfigError("to= must be a folder that is not a link, or end with .zip")
        self._lock()
        names = {name for name in os.listdir(self._root) if not name.startswith(f".{_TEMPORARY}.")}
        if not names:
            return manifest
        if PROGRESS in names:
            earlier = _read_progress(self._root / PROGRESS)
        elif MANIFEST in names:
            earlier = ExportManifest.from_json(private_files.read(self._root / MANIFEST))
            if earlier.complete and not self._zipped:
                raise ConfigError("to= contains a complete export, which is not overwritten")
        else:
            raise ConfigError("to= contains other files: pass the path of a new folder")
        return manifest.resume(earlier)

    def _lock(self) -> None:
        """Prevent that another process uses the folder (not on Windows)."""
        if os.name != "posix":
            return
        import fcntl

        descriptor = os.open(self._root, os.O_RDONLY)
        self._opened.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError("to= is in use by another process") from None

    def __enter__(self) -> ExportFolder:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._opened.close()

    def start(self, *, sandbox: bool) -> None:
        """Create the folder, or continue it, and begin to record the progress.

        Raises:
            OSError: If a file cannot be written.
        """
        self.manifest = evolve(self.manifest, sandbox=sandbox)
        if not os.path.lexists(self._root):
            self._root.mkdir(mode=0o700)
            self._lock()
        os.chmod(self._root, 0o700)
        for leftover in self._root.glob(f".{_TEMPORARY}.*"):
            leftover.unlink()
        line = json.dumps(json.loads(self._current().to_json())) + "\n"
        private_files.replace(self._root / PROGRESS, line)
        self._progress = self._opened.enter_context((self._root / PROGRESS).open("ab", buffering=0))

    def _current(self) -> ExportManifest:
        files = tuple(self.files[path] for path in sorted(self.files))
        return evolve(self.manifest, files=files, changes=tuple(self.changes))

    def finish(self, manifest: ExportManifest) -> ExportManifest:
        """Write the manifest, and create the zip file if the export is finished.

        Args:
            manifest: `self.manifest` with the outcome of the export.

        Raises:
            OSError: If a file cannot be written.
        """
        self.manifest = manifest
        manifest = self._current()
        self._sync_to_disk()
        private_files.replace(self._root / MANIFEST, manifest.to_json() + "\n")
        (self._root / PROGRESS).unlink(missing_ok=True)
        if self._zipped and manifest.finished_at is not None:
            self._create_zip()
        return manifest

    def _sync_to_disk(self) -> None:
        """Wait until all files are on disk. To wait for each file separately would take longer."""
        if os.name == "posix":
            paths = [Path(path) for path in self.files]
            folders = {parent for path in paths for parent in path.parents}
            for path in [*paths, *folders]:
                private_files.sync_to_disk(self._root / path)

    def _create_zip(self) -> None:
        paths = [*self.files, MANIFEST]

        def move(temporary: str, _: Path) -> None:
            private_files.move_to_free_path(temporary, self._target)
            if os.name == "posix":
                private_files.sync_to_disk(self._target.parent)

        with (
            private_files.writing(self._root / _TEMPORARY, move, "wb") as file,
            ZipFile(file, "w") as archive,
        ):
            for path in paths:
                self._add_to_zip(archive, path)
        for path in paths:
            (self._root / path).unlink()
        for folder, _, _ in os.walk(self._root, topdown=False):
            with suppress(OSError):  # a folder with other files
                os.rmdir(folder)

    def _add_to_zip(self, archive: ZipFile, path: str) -> None:
        entry = ZipInfo.from_file(self._root / path, path, strict_timestamps=False)
        entry.compress_type = ZIP_STORED if path.endswith(_SUFFIXES) else ZIP_DEFLATED
        with self.open(path) as source, archive.open(entry, "w") as copy:
            while chunk := source.read(1 << 20):
                copy.write(chunk)

    def open(self, path: str) -> BufferedReader:
        """Open a file of the export for reading.

        Raises:
            OSError, ValueError: If it is not a regular file.
        """
        folders = [self._root / parent for parent in Path(path).parents]
        if not all(stat.S_ISDIR(os.lstat(folder).st_mode) for folder in folders):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        return open_regular(self._root / path, follow_links=False)

    def _is_intact(self, file: ExportedFile) -> bool:
        if not _PATH.fullmatch(file.path):
            raise ConfigError("to= contains a damaged manifest: a path is invalid")
        try:
            with self.open(file.path) as content:
                return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
        except (OSError, ValueError):
            return False

    def paths(self, pattern: str) -> Iterator[str]:
        """Iterate over the paths of files that match a regular expression, in order."""
        return (path for path in sorted(self.files) if re.fullmatch(pattern, path))

    def read_json(self, path: str) -> Any:
        """Return the content of a JSON file of the export."""
        with self.open(path) as file:
            return json.load(file)

    def write_json(self, path: str, value: Any, source: str) -> bool:
        """Write a JSON file, unless it already has this content. Return whether it was written.

        Raises:
            OSError: If the file cannot be written.
        """
        text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        content = text.encode("utf-8", "backslashreplace")  # JSON's escapes of lone surrogates
        if path in self.files and self.files[path].sha256 == hashlib.sha256(content).hexdigest():
            return False
        with self.writing(path, source) as file:
            file.write(content)
        return True

    def downloaded(self, path: str) -> ExportedFile | None:
        """Return the file that was downloaded to a path without extension, if there is one."""
        found = (self.files.get(path + suffix) for suffix in _SUFFIXES)
        return next(filter(None, found), None)

    @contextmanager
    def writing(
        self, path: str, source: str, address_sha256: str | None = None
    ) -> Generator[IO[bytes]]:
        """Open a binary file that appears at the path once the block ends without an error.

        Args:
            path: Path of the file. A download gets an extension according to its content.
            source: See `ExportedFile.source`.
            address_sha256: See `ExportedFile.address_sha256`; given for a download.

        Raises:
            OSError: If the file cannot be written.
        """
        previous = self.files.get(path) if address_sha256 is None else self.downloaded(path)

        def move(temporary: str, _: Path) -> None:
            with open(temporary, "rb") as content:
                suffix = "" if address_sha256 is None else _suffix(content.read(12))
                content.seek(0)
                sha256 = hashlib.file_digest(content, "sha256").hexdigest()
                size = content.tell()
            now = datetime.now(UTC)
            file = ExportedFile(path + suffix, sha256, size, source, now, address_sha256)
            destination = self._make_folder(file.path)
            if os.path.lexists(destination) and not self._is_recorded(file.path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(destination))
            self._record(file=file)
            os.replace(temporary, destination)
            if previous is not None and previous.path != file.path:
                del self.files[previous.path]
                (self._root / previous.path).unlink(missing_ok=True)
            self.files[file.path] = file
            try:
                if self._on_file is not None:
                    self._on_file(file)
            except Exception as error:
                raise CallerError(error) from None

        with private_files.writing(self._root / _TEMPORARY, move, "wb", sync=False) as opened:
            yield opened

    def _is_recorded(self, path: str) -> bool:
        return path in self.files or any(file.path == path for file in self.manifest.files)

    def _make_folder(self, path: str) -> Path:
        """Create the folder of a path, and return the path. No link is followed."""
        for parent in reversed(Path(path).parents[:-1]):
            with suppress(FileExistsError):
                os.mkdir(self._root / parent, 0o700)
            if not stat.S_ISDIR(os.lstat(self._root / parent).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(parent))
        return self._root / path

    def add_change(self, change: ExportChange) -> None:
        """Record a change."""
        self.changes.append(change)
        self._record(change=change)

    def _record(self, **line: ExportedFile | ExportChange) -> None:
        assert self._progress is not None, "start() was not called"
        content = {name: json.loads(to_json(value)) for name, value in line.items()}
        self._progress.write(json.dumps(content).encode() + b"\n")


def _suffix(head: bytes) -> str:
    return next((it for start, it in _SIGNATURES.items() if head.startswith(start)), ".bin")


def _read_progress(path: Path) -> ExportManifest:
    """Return the manifest of an export that has not ended.

    Raises:
        ValueError: If the file is damaged. An incomplete last line is ignored.
    """
    first, *others = private_files.read(path).split("\n")
    manifest = ExportManifest.from_json(first)
    files = {file.path: file for file in manifest.files}
    changes = list(manifest.changes)
    for line in others[:-1]:
        content = json.loads(line)
        if "file" in content:
            file = from_json(ExportedFile, json.dumps(content["file"]))
            files[file.path] = file
        else:
            changes.append(from_json(ExportChange, json.dumps(content["change"])))
    return evolve(manifest, files=tuple(files.values()), changes=tuple(changes))
