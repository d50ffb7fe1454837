"""Reads photos from paths, bytes, seekable files and streams.

Error messages do not contain file names, because a file name may be the name of a person.
"""

from __future__ import annotations

import errno
import inspect
import io
import os
import stat
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from typing import BinaryIO, TypeAlias

from haut_ext.errors import ImageRejected

PhotoFile: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO

Read: TypeAlias = Callable[[int], bytes]
"""Function that returns the requested number of bytes, or fewer at the end of the photo."""

OpenSource: TypeAlias = Callable[[], AbstractContextManager[Read]]
"""Function that opens a photo for reading from its first byte."""


def find_source(file: PhotoFile, stream_header: io.BytesIO) -> tuple[int | None, OpenSource]:
    """Return the size of a photo and a function that opens the photo.

    Args:
        file: A path, bytes or a binary file object.
        stream_header: Buffer with the bytes that the checks have read from a stream that cannot
            seek. These bytes are returned first when the stream is read.

    Returns:
        The size is None for a stream that cannot seek.

    Raises:
        ImageRejected: If the file cannot be read or is not of a supported type.
    """
    if isinstance(file, bytes | bytearray | memoryview):
        with _read_errors():
            return memoryview(file).nbytes, partial(_open_memory, file)
    if isinstance(file, str | os.PathLike):
        return _path_size(file), partial(_open_path, file)
    read = getattr(file, "read", None)
    if not callable(read) or inspect.iscoroutinefunction(read):
        raise rejected(
            f"a photo must be a path, bytes or an open binary file, not {type(file).__name__}"
        )
    if (remaining := _seekable_range(file)) is None:
        return None, partial(_open_stream, file, stream_header)
    start, size = remaining
    return size, partial(_open_seekable, file, start)


def rejected(reason: str) -> ImageRejected:
    """Return an `ImageRejected` error with a single reason."""
    return ImageRejected((reason,))


@contextmanager
def _read_errors() -> Generator[None]:
    """Convert exceptions raised while a file is read to ImageRejected.

    ValueError is raised for a path with a NUL byte and for a closed file. TypeError is raised for a
    memoryview that is not contiguous.
    """
    try:
        yield
    except (OSError, ValueError, TypeError) as error:
        # The text of an OSError contains the path; `strerror` does not.
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise rejected(
            f"the file cannot be read ({reason}); it must be an existing and readable file, "
            "contiguous bytes, or an open binary file"
        ) from None


def _path_size(path: str | os.PathLike[str]) -> int:
    with _read_errors():
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        # Do not open a named pipe: this would block until another process writes to it.
        raise rejected("the path is not a regular file; open a pipe or a device yourself")
    return status.st_size


def _seekable_range(stream: BinaryIO) -> tuple[int, int] | None:
    """Return a file's position and the number of remaining bytes, or None if it cannot seek."""
    with _read_errors():
        # Compare with True, because methods of an asynchronous file return coroutines, which are
        # truthy.
        if not hasattr(stream, "seekable") or stream.seekable() is not True:
            return None
        start = stream.tell()
        stream.seek(0, os.SEEK_END)
        end = stream.tell()
        stream.seek(start)
    return start, max(end - start, 0)


def _open_memory(data: bytes | bytearray | memoryview) -> AbstractContextManager[Read]:
    def read_at(position: int, size: int) -> bytes:
        # Release each view at once, because a bytearray cannot be resized while a view exists.
        return bytes(memoryview(data).cast("B")[position : position + size])

    return nullcontext(_complete_reads(read_at))


@contextmanager
def _open_path(path: str | os.PathLike[str]) -> Generator[Read]:
    with _read_errors():
        stream = open(path, "rb")  # noqa: SIM115 - errors of the caller must not be converted
    with stream:
        yield _complete_reads(lambda _, size: stream.read(size))


@contextmanager
def _open_seekable(stream: BinaryIO, start: int) -> Generator[Read]:
    def read_at(position: int, size: int) -> bytes:
        # Reading another photo from the same file may have changed the file position.
        stream.seek(start + position)
        return stream.read(size)

    try:
        yield _complete_reads(read_at)
    finally:
        with suppress(OSError, ValueError):
            stream.seek(start)


def _open_stream(stream: BinaryIO, header: io.BytesIO) -> AbstractContextManager[Read]:
    return nullcontext(_complete_reads(lambda _, size: header.read(size) or stream.read(size)))


def _complete_reads(read_at: Callable[[int, int], object]) -> Read:
    """Return a function that reads repeatedly until it has all requested bytes.

    Raw files and pipes may return fewer bytes than requested.

    Args:
        read_at: Reads at most the given number of bytes from the given position.
    """
    position = 0

    def read(size: int) -> bytes:
        nonlocal position
        pieces: list[bytes] = []
        while size:
            with _read_errors():
                piece = read_at(position, size)
            if not isinstance(piece, bytes) or len(piece) > size:
                raise rejected(
                    f"reading {size} bytes of the file returned {type(piece).__name__} instead; "
                    "the file must be open in binary mode and blocking"
                )
            if not piece:
                break
            pieces.append(piece)
            position += len(piece)
            size -= len(piece)
        return b"".join(pieces)

    return read
