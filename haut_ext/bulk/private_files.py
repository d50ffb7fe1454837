"""Files that only their owner can read, such as receipts. They are written completely or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

_MAX_SIZE = 64 * 1024 * 1024
# Windows has neither of these flags.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # opening a named pipe would wait for a writer


def check_folder(folder: Path) -> None:
    """Raise OSError if no file can be created in the folder."""
    with tempfile.TemporaryFile(dir=folder):
        pass


def create(path: Path, text: str) -> None:
    """Create a file with the given text, and wait until it is on disk.

    Raises:
        FileExistsError: If something exists at the path, even a dangling link.
        OSError: If the file cannot be written.
    """
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        replace(path, text)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def replace(path: Path, text: str) -> None:
    """Replace a file with a new one, and wait until it is on disk.

    Raises:
        OSError: If the file cannot be written. The file at the path is then unchanged.
    """
    with replacing(path) as file:
        file.write(text)


@contextmanager
def replacing(path: Path, errors: str = "strict", newline: str | None = None) -> Generator[TextIO]:
    """Open a text file that replaces the file at the path once the block ends without an error.

    A link at the path is replaced, not followed. `errors` and `newline` are arguments of `open`.

    Raises:
        OSError: If the file cannot be written. The file at the path is then unchanged.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8", errors=errors, newline=newline) as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    if os.name == "posix":
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path) -> str:
    """Return the text of a file.

    Raises:
        OSError: If the file cannot be read, or is a link.
        ValueError: If it is not a regular file of text, or is too large.
    """
    descriptor = os.open(path, os.O_RDONLY | _NO_LINK | _NO_WAIT)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        if status.st_size > _MAX_SIZE:
            raise ValueError(f"it is larger than {_MAX_SIZE >> 20} MiB")
        return file.read(_MAX_SIZE).decode("utf-8")
