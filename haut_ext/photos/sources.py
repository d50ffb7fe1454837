"""Reads photos from paths, bytes, seekable files and streams.

Error messages do not contain file names, because a file name may be the name of a person.
"""

from __future__ import annotations

import base64
import errno
import inspect
import io
import os
import stat
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from typing import IO, Any, Protocol, TypeAlias
from urllib.parse import unquote_to_bytes

from haut_ext.errors import ImageRejected
from haut_ext.regular_files import open_regular, reason_of


class _HasFile(Protocol):
    """`UploadFile` of FastAPI and Starlette, whose own `read` is a coroutine function."""

    @property
    def file(self) -> IO[bytes]: ...


class _HasStream(Protocol):
    """`FileStorage` of Flask, which forwards all other attributes to `stream`."""

    @property
    def stream(self) -> IO[bytes]: ...


PhotoFile: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | _HasFile | _HasStream
)
"""A photo as a path, a `data:` URL, bytes or a binary file object, such as `UploadFile` of FastAPI."""

Read: TypeAlias = Callable[[int], bytes]
"""Function that returns the requested number of bytes, or fewer at the end of the photo."""


class Reader:
    """Reads a photo forward, and repeatedly until it has all requested bytes.

    Raw files and pipes may return fewer bytes than requested.

    Attributes:
        position: Position of the next byte. It can be changed unless the photo is a stream that
            cannot seek.
    """

    def __init__(self, read_at: Callable[[int, int], object]) -> None:
        """Create a reader at the first byte.

        Args:
            read_at: Reads at most the given number of bytes from the given position.
        """
        self._read_at = read_at
        self.position = 0

    def __call__(self, size: int) -> bytes:
        """Return the requested number of bytes, or fewer at the end of the photo."""
        pieces: list[bytes] = []
        while size:
            with _read_errors():
                piece = self._read_at(self.position, size)
            if not isinstance(piece, bytes) or len(piece) > size:
                raise rejected(
                    f"reading {size} bytes of the file returned {type(piece).__name__} instead; "
                    "the file must be open in binary mode and blocking"
                )
            if not piece:
                break
            pieces.append(piece)
            self.position += len(piece)
            size -= len(piece)
        return b"".join(pieces)


OpenSource: TypeAlias = Callable[[], AbstractContextManager[Reader]]
"""Function that opens a photo for reading from its first byte."""


def find_source(file: PhotoFile, stream_header: io.BytesIO) -> tuple[int | None, OpenSource]:
    """Return the size of a photo and a function that opens the photo.

    Args:
        file: A path, a data: URL, bytes or a binary file object, also one of a web framework.
        stream_header: Buffer with the bytes that the checks have read from a stream that cannot
            seek. These bytes are returned first when the stream is read.

    Returns:
        The size is None for a stream that cannot seek.

    Raises:
        ImageRejected: If the file cannot be read or is not of a supported type.
    """
    if isinstance(file, str) and file[:5].lower() == "data:":
        file = _decode_data_url(file)
    if isinstance(file, bytes | bytearray | memoryview):
        with _read_errors():
            return memoryview(file).nbytes, partial(_open_memory, file)
    if isinstance(file, str | os.PathLike):
        return _path_size(file), partial(_open_path, file)
    stream: Any = file
    if _is_asynchronous(stream):
        stream = getattr(file, "file", None)  # of an UploadFile
    if not callable(getattr(stream, "read", None)) or _is_asynchronous(stream):
        raise rejected(
            f"a photo must be a path, bytes or an open binary file, not {type(file).__name__}"
            + (", which reads asynchronously" if _is_asynchronous(file) else "")
        )
    if getattr(stream, "closed", False) is True:
        raise rejected("the file cannot be read, because it is closed")
    if (remaining := _seekable_range(stream)) is None:
        return None, partial(_open_stream, stream, stream_header)
    start, size = remaining
    return size, partial(_open_seekable, stream, start)


def _is_asynchronous(file: object) -> bool:
    return inspect.iscoroutinefunction(getattr(file, "read", None))


def _decode_data_url(url: str) -> bytes:
    head, _, content = url.partition(",")
    try:
        data = unquote_to_bytes(content)
        if not head.lower().endswith(";base64"):
            return data
        return base64.b64decode(data.translate(None, b" \t\r\n"), validate=True)
    except ValueError:
        raise rejected("the data: URL is invalid: its content is not base64") from None


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
        raise rejected(
            f"the file cannot be read ({reason_of(error)}); it must be an existing and readable file, "
            "contiguous bytes, or an open binary file"
        ) from None


def _path_size(path: str | os.PathLike[str]) -> int:
    try:
        with _read_errors():
            status = os.stat(path)
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except ImageRejected as error:
        if not isinstance(path, str):
            raise
        raise rejected(
            f"{error}. A str must be a path or a data: URL; decode base64 text first, for example "
            "with base64.b64decode"
        ) from None
    if not stat.S_ISREG(status.st_mode):
        # Do not open a named pipe: this would block until another process writes to it.
        raise rejected("the path is not a regular file; open a pipe or a device yourself")
    return status.st_size


def _seekable_range(stream: IO[bytes]) -> tuple[int, int] | None:
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


def _open_memory(data: bytes | bytearray | memoryview) -> AbstractContextManager[Reader]:
    def read_at(position: int, size: int) -> bytes:
        # Release each view at once, because a bytearray cannot be resized while a view exists.
        return bytes(memoryview(data).cast("B")[position : position + size])

    return nullcontext(Reader(read_at))


@contextmanager
def _open_path(path: str | os.PathLike[str]) -> Generator[Reader]:
    with _read_errors():
        stream = open_regular(path)  # errors of the caller must not be converted

    def read_at(position: int, size: int) -> bytes:
        if position != stream.tell():
            stream.seek(position)
        return stream.read(size)

    with stream:
        yield Reader(read_at)


@contextmanager
def _open_seekable(stream: IO[bytes], start: int) -> Generator[Reader]:
    def read_at(position: int, size: int) -> bytes:
        # Reading another photo from the same file may have changed the file position.
        stream.seek(start + position)
        return stream.read(size)

    try:
        yield Reader(read_at)
    except ImageRejected as error:
        if not start:
            raise
        hint = f"the file object was at position {start:,}: to send it from its beginning, seek(0)"
        raise ImageRejected((*error.reasons, hint)) from None
    finally:
        with suppress(OSError, ValueError):
            stream.seek(start)


def _open_stream(stream: IO[bytes], header: io.BytesIO) -> AbstractContextManager[Reader]:
    return nullcontext(Reader(lambda _, size: header.read(size) or stream.read(size)))
