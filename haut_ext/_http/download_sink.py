"""File that a download is written to, with support for starting again after a failed attempt."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast

from haut_ext.errors import CallerError


class DownloadSink:
    """Binary file that receives a download, starting at the file's current position.

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
        """Whether the download can be written again from its start."""
        return self._start is not None or self.written == 0

    def rewind(self) -> None:
        """Discard the bytes that have been written.

        Raises:
            OSError: If the file reported that it can seek but fails to do so.
        """
        if self.written and self._start is not None:
            self._file.seek(self._start)
            self._file.truncate()
        self.written = 0

    def write(self, chunk: bytes) -> None:
        self.written += len(chunk)
        remaining = memoryview(chunk)
        while remaining:
            # An unbuffered file may accept only a part of the data.
            try:
                accepted = cast("int | None", self._file.write(remaining))
            except Exception as error:
                raise CallerError(error) from None
            remaining = remaining[len(remaining) if accepted is None else accepted :]


@contextmanager
def open_sink(to: str | os.PathLike[str] | BinaryIO) -> Generator[DownloadSink]:
    """Open a sink for a path or a binary file.

    A path is created only when the download is complete; until then the data is in a temporary file
    in the same folder.
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
