"""Writes a download to a file, and discards the written bytes when the download is retried."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast

from haut_ext.errors import CallerError


class DownloadSink:
    """Writes a download to a binary file, starting at the file's current position.

    Attributes:
        written: Number of bytes written by the current attempt.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        try:
            self._start = file.tell() if file.seekable() else None
        except (AttributeError, OSError, ValueError):
            self._start = None
        self.written = 0

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
        self.written = 0

    def write(self, chunk: bytes) -> None:
        self.written += len(chunk)
        remaining = memoryview(chunk)
        while remaining:
            # An unbuffered file may write fewer bytes than requested.
            try:
                accepted = cast("int | None", self._file.write(remaining))
            except Exception as error:
                raise CallerError(error) from None
            remaining = remaining[len(remaining) if accepted is None else accepted :]


@contextmanager
def open_sink(to: str | os.PathLike[str] | BinaryIO) -> Generator[DownloadSink]:
    """Open a sink for a path or a binary file.

    A file at a path appears only when the download is complete. Until then, the data is in a
    temporary file in the same folder.
    """
    if not isinstance(to, str | os.PathLike):
        yield DownloadSink(to)
        return
    path = Path(to)
    with NamedTemporaryFile(dir=path.parent, prefix=".haut-", delete=False) as file:
        try:
            yield DownloadSink(cast("BinaryIO", file))
            file.close()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
