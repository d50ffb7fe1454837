"""A photo on its way out: checked before anything is sent, then read in pieces, as often as needed.

`Photo.open` takes a path, bytes or a binary file, checks format, edges and size, and refuses with
all reasons at once. What it keeps is not the bytes but the way to them: each `chunks()` starts
where the photo began, and a photo that has another length by then is refused, not sent.

Headers are read here and not by an imaging library, which would be a heavy dependency for three
numbers. They are walked forwards, up to the pixels, and judged as Pillow does (the tests' oracle).
No message and no repr names the file: its name may be a person's.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import struct
import zlib
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from typing import BinaryIO, Literal, TypeAlias

from attrs import define, field, frozen

from haut_ext.errors import ImageRejected

__all__ = ["MAX_BYTES", "MIN_EDGE", "Header", "Photo", "PhotoFile", "read_header"]

PhotoFile: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO

MIN_EDGE = 256
"""Pixels that the smaller edge must have (api-facts 5.7)."""

MAX_BYTES = 31_457_280
"""Bytes that a photo may have: the end of the range that the service signs (api-facts 5.7)."""

_PIECE = 256 * 1024

# What is read of a stream that cannot be rewound has to be kept until it is sent. Phones put whole
# depth maps before the pixels, so this is generous.
_MAX_KEPT = 8 * 1024 * 1024

# Real photos have a few dozen parts before the pixels. Without a bound, 30 MiB of empty ones would
# keep the walk busy for many seconds.
_MAX_STEPS = 65_536

_Read: TypeAlias = Callable[[int], bytes]
"""The next bytes: exactly that many, fewer only at the end."""

_Source: TypeAlias = Callable[[], AbstractContextManager[_Read]]
"""One pass over the photo's bytes, from its beginning."""


@frozen
class Header:
    """What the file's own header says.

    Attributes:
        format: The format by content; the file's name plays no part.
        width: Pixels of a row as stored, that is, before any EXIF rotation.
        height: Rows as stored.
    """

    format: Literal["JPEG", "PNG", "WEBP"]
    width: int
    height: int


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
                    header = _walk(_recording(read, kept), None, _MAX_KEPT)
                else:
                    header = _walk(read, size, MAX_BYTES)
        except ImageRejected as refusal:
            reasons += refusal.reasons
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
                        raise _refusal(f"the photo is longer than the {MAX_BYTES:,} bytes allowed")
                elif len(piece) < wanted or (not left and read(1)):
                    raise _refusal(
                        "the photo changed while it was being sent: "
                        f"it is no longer the {self.size:,} bytes that were checked"
                    )
                yield piece


def read_header(stream: BinaryIO) -> Header:
    """Return format and edges of the photo that begins at the stream's position.

    Reads up to the pixels and leaves the stream somewhere there. Whether the pixels are whole, no
    header tells, so that a JPEG or PNG cut in half passes. Only a WEBP says how long it is, and is
    held to it if the stream can seek.

    Raises:
        ImageRejected: If it is no JPEG, PNG or WEBP, or is damaged before the pixels.
    """
    extent = _extent(stream)
    return _walk(partial(_fill, stream.read), extent and extent[1], MAX_BYTES)


def _refusal(reason: str) -> ImageRejected:
    return ImageRejected((reason,))


def _unreadable(error: Exception) -> ImageRejected:
    # An OSError's own text holds the path; `strerror` does not.
    why = getattr(error, "strerror", None) or type(error).__name__
    return _refusal(
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
        raise _refusal(
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
        raise _refusal("the path is not that of a regular file; open a pipe or device yourself")
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
            raise _refusal(
                f"reading {size} bytes of the file gave {type(piece).__name__} instead; "
                "it must be open in binary mode and blocking"
            )
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


# What the header says


class _Walk:
    """Goes through a header forwards, in bounded steps, whatever its length fields say."""

    def __init__(self, read: _Read, limit: int) -> None:
        self._read = read
        self._limit = self._left = limit

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes, at most 64 KiB, or refuse the photo."""
        if size > self._left:
            raise _refusal(
                f"the photo's pixels do not begin within its first {self._limit:,} bytes"
            )
        self._left -= size
        piece = self._read(size)
        if len(piece) < size:
            raise _damaged("it ends before its pixels")
        return piece

    def skip(self, size: int, crc: int = 0) -> int:
        """Pass over `size` bytes and return their CRC-32, continued from `crc`."""
        while size:
            piece = self.take(min(size, 65_536))
            crc = zlib.crc32(piece, crc)
            size -= len(piece)
        return crc


def _damaged(what: str) -> ImageRejected:
    return _refusal(f"the photo is damaged: {what}")


def _walk(read: _Read, size: int | None, limit: int) -> Header:
    """Read the header, whose photo is `size` bytes long if that is known."""
    head = read(3)
    if not head:
        raise _refusal(f"the photo is 0 bytes long; it must have 1 to {MAX_BYTES:,} bytes")
    walk = _Walk(read, limit)
    if head == b"\xff\xd8\xff":
        return Header("JPEG", *_jpeg(walk))
    head += read(5)
    if head == b"\x89PNG\r\n\x1a\n":
        return Header("PNG", *_png(walk))
    head += read(4)
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        announced = 8 + int.from_bytes(head[4:8], "little")
        if size is not None and size < announced:
            raise _damaged(f"it is {size:,} bytes long and says of itself {announced:,}")
        return Header("WEBP", *_webp(walk))
    raise _refusal(
        "the photo must be JPEG, PNG or WEBP by content, not by name; it is none of them"
    )


def _jpeg(walk: _Walk) -> tuple[int, int]:
    """Walk the segments up to the first scan (ITU-T T.81, annex B)."""
    edges = None
    marked = True  # the last byte of the signature is the first of a marker
    for _ in range(_MAX_STEPS):
        code = walk.take(1)[0]
        # Between segments, decoders pass over bytes that are no marker, and over fill bytes.
        if not marked or code == 0xFF:
            marked = code == 0xFF
            continue
        marked = False
        if code == 0x00 or 0xD0 <= code <= 0xD7:  # no marker after all, or a restart: no payload
            continue
        if code < 0xC0 or code in (0xD8, 0xD9):
            raise _damaged(f"its header holds the marker {code:#04x}")
        length = max(int.from_bytes(walk.take(2)) - 2, 0)
        if 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            edges = _jpeg_frame(walk.take(length))
            continue
        walk.skip(length)
        if code == 0xDA:
            if edges is None:
                raise _damaged("its pixels begin before it says how many there are")
            return edges
    raise _damaged("its header does not end")


def _jpeg_frame(frame: bytes) -> tuple[int, int]:
    if len(frame) < 6:
        raise _damaged("its frame header is too short")
    precision, height, width, components = struct.unpack_from(">BHHB", frame)
    if len(frame) != 6 + 3 * components or not width or not height:
        raise _damaged("its frame header is wrong")
    if precision != 8 or components not in (1, 3, 4):
        raise _refusal(
            f"the JPEG has {components} components of {precision} bits; "
            "it must have 1, 3 or 4, of 8 bits each"
        )
    return width, height


# Bit depths for each colour type (PNG, table 11.1).
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


def _png(walk: _Walk) -> tuple[int, int]:
    """Walk the chunks, with their checksums, up to the first that holds pixels (PNG, clause 5)."""
    edges = None
    for _ in range(_MAX_STEPS):
        length, kind = struct.unpack(">I4s", walk.take(8))
        if edges is None and (kind != b"IHDR" or length != 13):
            raise _damaged("it does not begin with its header")
        if kind == b"IDAT" and edges is not None:
            return edges
        if kind == b"IEND" or not re.fullmatch(rb"\w{4}", kind):
            raise _damaged("its pixels are missing")
        crc = zlib.crc32(kind)
        if edges is None:
            header = walk.take(13)
            crc = zlib.crc32(header, crc)
            width, height, depth, colour, _, filtering, _ = struct.unpack(">IIBBBBB", header)
            edges = width, height
            if filtering or not width or not height or depth not in _PNG_DEPTHS.get(colour, ()):
                raise _damaged("its header is wrong")
        else:
            crc = walk.skip(length, crc)
        if crc != int.from_bytes(walk.take(4)):
            raise _damaged("a checksum in its header is wrong")
    raise _damaged("its header does not end")


def _webp(walk: _Walk) -> tuple[int, int]:
    """Walk the chunks up to the first that holds pixels (RFC 9649)."""
    canvas = None
    for _ in range(_MAX_STEPS):
        kind, length = struct.unpack("<4sI", walk.take(8))
        if kind in (b"VP8 ", b"VP8L"):
            edges = _vp8(walk.take(10), length) if kind == b"VP8 " else _vp8l(walk.take(5))
            if canvas not in (None, edges):
                raise _damaged("its canvas and its only frame differ in size")
            return edges
        if canvas is not None:
            if kind == b"ANMF":
                return canvas
            walk.skip(length + length % 2)
        elif kind == b"VP8X" and length == 10:
            extended = walk.take(10)
            canvas = (
                int.from_bytes(extended[4:7], "little") + 1,
                int.from_bytes(extended[7:], "little") + 1,
            )
        else:
            raise _damaged("it does not begin with its header")
    raise _damaged("its header does not end")


def _vp8(head: bytes, length: int) -> tuple[int, int]:
    tag = int.from_bytes(head[:3], "little")
    width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", head, 6))
    # From the lowest bit: a key frame is 0, three bits of version, shown, length of the first part.
    usable = not tag & 1 and tag >> 1 & 7 <= 3 and tag >> 4 & 1 and tag >> 5 < length
    if not usable or head[3:6] != b"\x9d\x01\x2a" or not width or not height:
        raise _damaged("its frame header is wrong")
    return width, height


def _vp8l(head: bytes) -> tuple[int, int]:
    bits = int.from_bytes(head[1:], "little")
    if head[0] != 0x2F or bits >> 29:  # the version, which must be 0
        raise _damaged("its frame header is wrong")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
