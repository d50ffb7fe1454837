"""A photo on its way in: where its pieces are written, from the start again if that is possible.

A path gets its file when, and only when, the photo is complete; until then it is beside it, under
another name. A file of the caller's is written at its position, and put back there to begin again.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast


class Target:
    """A binary file that a photo is written to, at the position where it stands.

    Attributes:
        written: Bytes of the photo that have been written.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._start = _position(file)
        self.written = 0

    @property
    def replayable(self) -> bool:
        """Whether the photo can be written again from its beginning."""
        return self._start is not None or self.written == 0

    def rewind(self) -> None:
        """Undo what has been written.

        Raises:
            OSError: If the file cannot go back after all.
        """
        if self.written and self._start is not None:
            self._file.seek(self._start)
            self._file.truncate()
        self.written = 0

    def write(self, piece: bytes) -> None:
        self.written += len(piece)
        left = memoryview(piece)
        while left:
            # A raw file may take less than it is given, and says how much.
            taken = cast("int | None", self._file.write(left))
            left = left[len(left) if taken is None else taken :]


@contextmanager
def open_target(to: str | os.PathLike[str] | BinaryIO) -> Generator[Target]:
    """Give the target for a path or a binary file; the path appears when all has gone well."""
    if not isinstance(to, str | os.PathLike):
        yield Target(to)
        return
    path = Path(to)
    with NamedTemporaryFile(dir=path.parent, prefix=".haut-", delete=False) as file:
        try:
            yield Target(cast("BinaryIO", file))
            file.close()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _position(file: BinaryIO) -> int | None:
    """Return where the file stands, or None if it cannot go back there."""
    try:
        return file.tell() if file.seekable() else None
    except (AttributeError, OSError, ValueError):
        return None
