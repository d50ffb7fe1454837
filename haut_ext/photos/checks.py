"""A photo on its way out: checked before anything is sent, then read in pieces, as often as needed.

`Photo.open` takes a path, bytes or a binary file, checks format, edges and size, and refuses with
all reasons at once. What it keeps is not the bytes but the way to them: each `chunks()` starts
where the photo began, and a photo that has another length by then is refused, not sent.

No message and no repr names the file: its name may be a person's.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from typing import BinaryIO, TypeAlias

from attrs import define, field

from haut_ext.errors import ImageRejected
from haut_ext.photos.image_header import Header, read_header, refusal

__all__ = ["MAX_BYTES", "MIN_EDGE", "Photo", "PhotoFile"]

PhotoFile: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO

MIN_EDGE = 256
"""Pixels that the smaller edge must have (api-facts 5.7)."""

MAX_BYTES = 31_457_280
"""Bytes that a photo may have: the end of the range that the service signs (api-facts 5.7)."""

_PIECE = 256 * 1024

# What is read of a stream that cannot be rewound has to be kept until it is sent. Phones put whole
# depth maps before the pixels, so this is generous.
_MAX_KEPT = 8 * 1024 * 1024

_Read: TypeAlias = Callable[[int], bytes]
"""The next bytes: exactly that many, fewer only at the end."""

_Source: TypeAlias = Callable[[], AbstractContextManager[_Read]]
"""One pass over the photo's bytes, from its beginning."""


@define(eq=False)
class Photo:
    """A photo that has passed the checks; made by `Photo.open`.

    Attributes:
        header: Format and edges.
        size: Length in bytes; None for a stream that cannot seek: nobody knows it before its end.
        replayable: Whether `chunks` can be called again: True for paths, bytes and seekable files.
    """

    header: Header
    size: int | None
    replayable: bool
    _source: _Source = field(repr=False)
    _spent: bool = field(default=False, init=False, repr=False)

    @classmethod
    def open(cls, file: PhotoFile) -> Photo:
        """Check a photo, and remember how to read it.

        Args:
            file: A path; bytes, which are not copied; or a binary file object, which is never
                closed. If it can seek, the photo is what lies from its present position on, and
                it is put back there. If it cannot, it can be sent once, and its header must
                lie within the first 8 MiB, which are kept until then.

        Raises:
            ImageRejected: If it cannot be read, is no JPEG, PNG or WEBP, is damaged before the
                pixels, has an edge below 256 px, or is not 1 to 31,457,280 bytes long; with
                every reason that applies (api-facts 5.7).
        """
        kept = io.BytesIO()
        size, source = _locate(file, kept)
        reasons: list[str] = []
        header = None
        try:
            with source() as read:
                if size is None:
                    header = read_header(_recording(read, kept), None, _MAX_KEPT)
                else:
                    header = read_header(read, size, MAX_BYTES)
        except ImageRejected as refused:
            reasons += refused.reasons
        if size is not None and size > MAX_BYTES:
            reasons.append(f"the photo is {size:,} bytes long; at most {MAX_BYTES:,} are allowed")
        if header is not None and min(header.width, header.height) < MIN_EDGE:
            reasons.append(
                f"the photo is {header.width}x{header.height} px; "
                f"each edge must have at least {MIN_EDGE} px"
            )
        if header is None or reasons:
            raise ImageRejected(tuple(reasons))
        kept.seek(0)
        return cls(header, size, size is not None, source)

    def chunks(self) -> Generator[bytes, None, None]:
        """Return the photo's bytes in pieces of 256 KiB, from where it began.

        A file that was opened for this is closed with the iterator, however that ends.

        Raises:
            ImageRejected: While iterating, if the photo can no longer be read, has become
                shorter or longer than `size`, or is a stream that exceeds 31,457,280 bytes.
                It is raised before the last piece, so that the service never has the whole.
            RuntimeError: At once, on the second call for a photo that is not `replayable`.
        """
        if not self.replayable:
            if self._spent:
                raise RuntimeError("this photo is a stream that cannot seek: it can be read once")
            self._spent = True
        return self._pieces()

    def _pieces(self) -> Generator[bytes, None, None]:
        left = MAX_BYTES if self.size is None else self.size
        with self._source() as read:
            while left:
                wanted = min(_PIECE, left)
                piece = read(wanted)
                left -= len(piece)
                if self.size is None:
                    if not piece:
                        return
                    if not left and read(1):
                        raise refusal(f"the photo is longer than the {MAX_BYTES:,} bytes allowed")
                elif len(piece) < wanted or (not left and read(1)):
                    raise refusal(
                        "the photo changed while it was being sent: "
                        f"it is no longer the {self.size:,} bytes that were checked"
                    )
                yield piece


def _unreadable(error: Exception) -> ImageRejected:
    # An OSError's own text holds the path; `strerror` does not.
    why = getattr(error, "strerror", None) or type(error).__name__
    return refusal(
        f"the file cannot be read ({why}); it must be an existing file that you may read, "
        "contiguous bytes, or an open binary file"
    )


# Where the bytes are


def _locate(file: PhotoFile, kept: io.BytesIO) -> tuple[int | None, _Source]:
    """Return the photo's length, None if it cannot be known, and its source."""
    if isinstance(file, bytes | bytearray | memoryview):
        try:
            return memoryview(file).nbytes, partial(_memory, file)
        except ValueError as error:  # a memoryview that was released
            raise _unreadable(error) from None
    if isinstance(file, str | os.PathLike):
        return _path_size(file), partial(_path, file)
    if not callable(getattr(file, "read", None)):
        raise refusal(
            f"a photo must be a path, bytes or an open binary file, not {type(file).__name__}"
        )
    extent = _extent(file)
    if extent is None:
        return None, partial(_stream, file, kept)
    start, size = extent
    return size, partial(_seekable, file, start)


def _path_size(path: str | os.PathLike[str]) -> int:
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        raise _unreadable(error) from None
    if not stat.S_ISREG(status.st_mode):
        # Opening a named pipe would wait for a writer, perhaps for ever.
        raise refusal("the path is not that of a regular file; open a pipe or device yourself")
    return status.st_size


def _extent(stream: BinaryIO) -> tuple[int, int] | None:
    """Return where the stream stands and how many bytes follow; None if it cannot seek."""
    try:
        # Only True counts: the methods of an async file give coroutines, and _fill refuses those.
        if not hasattr(stream, "seekable") or stream.seekable() is not True:
            return None
        start = stream.tell()
        stream.seek(0, os.SEEK_END)
        end = stream.tell()
        stream.seek(start)
    except (OSError, ValueError) as error:
        raise _unreadable(error) from None
    return start, max(end - start, 0)


def _memory(data: bytes | bytearray | memoryview) -> AbstractContextManager[_Read]:
    position = 0

    def read(size: int) -> bytes:
        nonlocal position
        # A view only for the moment: while one exists, its owner cannot resize a bytearray.
        piece = bytes(memoryview(data).cast("B")[position : position + size])
        position += len(piece)
        return piece

    return nullcontext(partial(_fill, read))


@contextmanager
def _path(path: str | os.PathLike[str]) -> Generator[_Read, None, None]:
    try:
        stream = open(path, "rb")  # noqa: SIM115 - closed below; an error of the caller's is not ours
    except (OSError, ValueError) as error:
        raise _unreadable(error) from None
    with stream:
        yield partial(_fill, stream.read)


@contextmanager
def _seekable(stream: BinaryIO, start: int) -> Generator[_Read, None, None]:
    position = start

    def read(size: int) -> bytes:
        # To its own place each time: an abandoned pass that is collected late, or a second photo
        # from the same file, may have moved it.
        nonlocal position
        stream.seek(position)
        piece = stream.read(size)
        position += len(piece)
        return piece

    try:
        yield partial(_fill, read)
    finally:
        with suppress(OSError, ValueError):
            stream.seek(start)


def _stream(stream: BinaryIO, kept: io.BytesIO) -> AbstractContextManager[_Read]:
    return nullcontext(partial(_fill, lambda size: kept.read(size) or stream.read(size)))


def _recording(read: _Read, kept: io.BytesIO) -> _Read:
    def record(size: int) -> bytes:
        piece = read(size)
        kept.write(piece)
        return piece

    return record


def _fill(read: Callable[[int], object], size: int) -> bytes:
    """Read `size` bytes, fewer only at the end: a raw file or a pipe gives less at any time."""
    pieces: list[bytes] = []
    while size:
        try:
            piece = read(size)
        except (OSError, ValueError, TypeError) as error:  # TypeError: a memoryview with gaps
            raise _unreadable(error) from None
        if not isinstance(piece, bytes) or len(piece) > size:
            raise refusal(
                f"reading {size} bytes of the file gave {type(piece).__name__} instead; "
                "it must be open in binary mode and blocking"
            )
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
