"""Download sink: where the chunks of a download are written, from the start again if that is
possible.

A path gets its file only when the download is complete; until then the data is in a temporary file
beside it. A file object of the caller's is written at its position, and rewound there for another
attempt.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast

from haut_ext.errors import CallerError


class DownloadSink:
    """A binary file that a download is written to, from its present position.

    Attributes:
        written: Bytes that have been written.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._start = _position(file)
        self.written = 0

    @property
    def replayable(self) -> bool:
        """Whether the download can be written again from its start."""
        return self._start is not None or self.written == 0

    def rewind(self) -> None:
        """Discard what has been written.

        Raises:
            OSError: If the file cannot seek after all.
        """
        if self.written and self._start is not None:
            self._file.seek(self._start)
            self._file.truncate()
        self.written = 0

    def write(self, chunk: bytes) -> None:
        self.written += len(chunk)
        left = memoryview(chunk)
        while left:
            # A raw file may take less than it is given, and says how much.
            try:
                taken = cast("int | None", self._file.write(left))
            except Exception as error:
                raise CallerError(error) from None
            left = left[len(left) if taken is None else taken :]


@contextmanager
def open_sink(to: str | os.PathLike[str] | BinaryIO) -> Generator[DownloadSink]:
    """Open a sink for a path or a binary file; the path appears when the download is complete."""
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


def _position(file: BinaryIO) -> int | None:
    """Return the position of a file, or None if it cannot seek."""
    try:
        return file.tell() if file.seekable() else None
    except (AttributeError, OSError, ValueError):
        return None
