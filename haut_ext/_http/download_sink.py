"""Writes a download to a file, and discards the written bytes when the download is retried."""

from __future__ import annotations

import errno
import inspect
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO, cast

from haut_ext._http.checksum import Checksum
from haut_ext.errors import CallerError, ConfigError, HautError
from haut_ext.keyword_arguments import Progress
from haut_ext.regular_files import reason_of


class DownloadSink:
    """Writes a download to a binary file, starting at the file's current position.

    Attributes:
        checksum: Checksum of the bytes written by the current attempt.
        progress: Called with the number of bytes written and the total. A retry reports nothing
            until it has written more bytes than all earlier attempts.
        total: Size of the file in bytes, if the response states it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.progress: Progress | None = None
        self.total: int | None = None
        self._reported = 0
        try:
            self._start = file.tell() if file.seekable() else None
        except (AttributeError, OSError, ValueError):
            self._start = None
        self.checksum = Checksum()

    @property
    def written(self) -> int:
        """Number of bytes written by the current attempt."""
        return self.checksum.size

    @property
    def repeatable(self) -> bool:
        """Whether the written bytes can be discarded to start the download again."""
        return self._start is not None or self.written == 0

    def rewind(self) -> None:
        """Discard the bytes written so far, to start the download again.

        Raises:
            OSError: If seeking in the file fails.
        """
        if self.written and self._start is not None:
            self._file.seek(self._start)
            self._file.truncate()
        self.checksum = Checksum()

    def write(self, chunk: bytes) -> None:
        self.checksum.add(chunk)
        remaining = memoryview(chunk)
        while remaining:
            # An unbuffered file may write fewer bytes than requested.
            try:
                accepted = cast("int | None", self._file.write(remaining))
            except Exception as error:
                raise CallerError(error) from None
            remaining = remaining[len(remaining) if accepted is None else accepted :]
        if self.progress is not None and self.written > self._reported:
            self._reported = self.written
            try:
                self.progress(self.written, self.total)
            except Exception as error:
                raise CallerError(error) from None


@contextmanager
def open_sink(to: str | os.PathLike[str] | BinaryIO) -> Generator[DownloadSink]:
    """Open a sink for a path or a binary file.

    A regular file at a path appears only when the download is complete. Until then, the data is in a
    temporary file in the same folder. A symbolic link is followed, and an existing file keeps its
    mode. A named pipe or device is written directly.

    Raises:
        ConfigError: If the path or the file cannot be written.
        HautError: If writing to the path fails later, for example because the disk is full.
    """
    if not isinstance(to, str | os.PathLike):
        _check_writable(to)
        yield DownloadSink(to)
        return
    try:
        mode = os.stat(to).st_mode if os.path.exists(to) else None
        replaced = mode is None or stat.S_ISREG(mode)
        # The real path of /dev/stdout does not exist if stdout is a pipe.
        path = Path(os.path.realpath(to) if replaced else to)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        # No `with` (SIM115): the file is closed below, before it gets its final name.
        file = (
            NamedTemporaryFile(dir=path.parent, prefix=".haut-", delete=False)  # noqa: SIM115
            if replaced
            else path.open("wb", buffering=0)
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"to= cannot be written: {reason_of(error)}") from None
    with file:
        try:
            yield _PathSink(cast("BinaryIO", file))
            if replaced:
                _replace(file, path, mode)
        except BaseException:
            if replaced:
                Path(file.name).unlink(missing_ok=True)
            raise


def _check_writable(file: BinaryIO) -> None:
    try:
        written = file.write(b"")
    except Exception as error:
        raise ConfigError(
            f"to= must be a path or a binary file that can be written: {reason_of(error)}"
        ) from None
    if inspect.iscoroutine(written):
        written.close()
        raise ConfigError("to= must not be an asynchronous file")


def _replace(file: Any, path: Path, mode: int | None) -> None:
    """Close a complete temporary file, and move it to its path."""
    try:
        if mode is not None:
            os.chmod(file.name, stat.S_IMODE(mode))
        file.close()
        Path(file.name).replace(path)
    except OSError as error:
        raise HautError(f"the photo cannot be written: {reason_of(error)}") from error


class _PathSink(DownloadSink):
    """Sink that opened its file itself, so that an error of the file is not one of the caller."""

    def write(self, chunk: bytes) -> None:
        try:
            super().write(chunk)
        except CallerError as error:
            reason = f"the photo cannot be written: {reason_of(error.error)}"
            raise CallerError(HautError(reason)) from None
