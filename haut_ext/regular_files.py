"""Opens regular files only: opening a named pipe would block, and reading a device may never end."""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from typing import IO, Any

# Windows has neither of these flags.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # opening a named pipe would wait for a writer


def open_regular(
    path: str | os.PathLike[str], *, flags: int = 0, follow_links: bool = True
) -> BufferedReader:
    """Open a regular file for reading; create it with access for its owner only if `flags` say so.

    Raises:
        OSError: If the file cannot be opened, or is a link and `follow_links` is False.
        ValueError: If it is not a regular file.
    """
    no_link = 0 if follow_links else _NO_LINK

    def opener(name: str, mode: int) -> int:
        return os.open(name, mode | flags | no_link | _NO_WAIT, 0o600)

    file = open(path, "rb", opener=opener)  # noqa: SIM115 - returned to the caller
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ValueError("it is not a regular file")
    return file


def reason_of(error: Exception) -> str:
    """Return the reason of an error without the path, which may contain a person's name."""
    return getattr(error, "strerror", None) or type(error).__name__


def check_private(file: IO[Any]) -> None:
    """Raise ValueError if others can read an open file. On Windows, the mode does not tell it."""
    status = os.fstat(file.fileno())
    if os.name == "posix" and status.st_uid != os.getuid():
        raise ValueError("it belongs to another user")
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
        raise ValueError("it can be read by other users; run chmod 600 on it")
