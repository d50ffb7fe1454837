"""Files that only their owner can read, such as receipts. They are written completely or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from haut_ext.regular_files import open_regular

_MAX_SIZE = 64 * 1024 * 1024


def check_folder(folder: Path) -> None:
    """Raise OSError if no file can be created in the folder."""
    with tempfile.TemporaryFile(dir=folder):
        pass


def check_new_folder(folder: Path) -> None:
    """Raise OSError if no file can be created in the folder, which may have to be created, too."""
    try:
        folder.lstat()
    except (FileNotFoundError, NotADirectoryError):
        check_new_folder(folder.parent)
    else:
        check_folder(folder)


def create(path: Path, text: str) -> None:
    """Create a file with the given text, and wait until it is on disk.

    Raises:
        FileExistsError: If something exists at the path, even a dangling link.
        OSError: If the file cannot be written.
    """
    with creating(path) as file:
        file.write(text)


def replace(path: Path, text: str) -> None:
    """Replace a file with a new one, and wait until it is on disk.

    Raises:
        OSError: If the file cannot be written. The file at the path is then unchanged.
    """
    with replacing(path) as file:
        file.write(text)


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Let no other process that uses this function replace a file (not on Windows).

    Waits for other processes. The lock is lost if the process ends.

    Raises:
        OSError: If the file does not exist or cannot be read.
    """
    if os.name != "posix":
        yield
        return
    import fcntl

    while True:
        with open_regular(path, follow_links=False) as file:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
            # Another process may have replaced the file in the meantime.
            if os.path.samestat(os.fstat(file.fileno()), os.lstat(path)):
                yield
                return


@contextmanager
def creating(path: Path, errors: str = "strict", newline: str | None = None) -> Generator[IO[str]]:
    """Open a text file that appears at the path once the block ends without an error.

    `errors` and `newline` are arguments of `open`.

    Raises:
        FileExistsError: If something exists at the path, even a dangling link.
        OSError: If the file cannot be written.
    """
    with writing(path, move_to_free_path, errors=errors, newline=newline) as file:
        yield file


@contextmanager
def replacing(path: Path, errors: str = "strict", newline: str | None = None) -> Generator[IO[str]]:
    """Open a text file that replaces the file at the path once the block ends without an error.

    A link at the path is replaced, not followed. `errors` and `newline` are arguments of `open`.

    Raises:
        OSError: If the file cannot be written. The file at the path is then unchanged.
    """
    with writing(path, os.replace, errors=errors, newline=newline) as file:
        yield file


@contextmanager
def writing(
    path: Path,
    move: Callable[[str, Path], None],
    mode: str = "w",
    *,
    sync: bool = True,
    **options: Any,
) -> Generator[IO[Any]]:
    """Open a temporary file in the folder of the path, and move it to the path at the end.

    Args:
        path: The path. The name of the temporary file begins with a period and the path's name.
        move: Function that moves the temporary file to the path.
        mode: Mode of the file, `w` for text or `wb`.
        sync: Whether to wait until the file is on disk.
        options: Arguments of `open`.
    """
    with _errors_naming(path):
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        if "b" not in mode:
            options["encoding"] = "utf-8"
        with open(descriptor, mode, **options) as file:
            yield file
            file.flush()
            if sync:
                os.fsync(descriptor)
        with _errors_naming(path):
            move(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    if sync and os.name == "posix":
        sync_to_disk(path.parent)


@contextmanager
def _errors_naming(path: Path) -> Generator[None]:
    """Let errors name the path, and not the temporary file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None


def move_to_free_path(temporary: str, path: Path) -> None:
    """Move a file to a path. Raise FileExistsError if something exists there."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        os.replace(temporary, path)
    else:
        os.unlink(temporary)


def sync_to_disk(path: Path) -> None:
    """Wait until a file, or the list of the files in a folder, is on disk; not on Windows."""
    descriptor = os.open(path, os.O_RDONLY)
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
    with open_regular(path, follow_links=False) as file:
        content = file.read(_MAX_SIZE + 1)
    if len(content) > _MAX_SIZE:
        raise ValueError(f"it is larger than {_MAX_SIZE >> 20} MiB")
    return content.decode("utf-8")
