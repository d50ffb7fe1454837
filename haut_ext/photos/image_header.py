"""What an image file says of itself: format by content, and edges.

Headers are read here and not by an imaging library, which would be a heavy dependency for three
numbers. They are walked forwards, up to the pixels, in bounded steps and bytes whatever their
length fields say, and judged as Pillow does, which is the oracle of the tests. Whether the pixels
are whole, no header tells: a JPEG or PNG cut in half passes. Only a WEBP says how long it is, and
is held to it.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from typing import Literal

from attrs import frozen

from haut_ext.errors import ImageRejected

__all__ = ["Header", "read_header", "refusal"]

_MAX_STEPS = 65_536
"""Real photos have a few dozen parts before the pixels; 30 MiB of empty ones would take seconds."""


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


def refusal(reason: str) -> ImageRejected:
    """Return the error for one reason."""
    return ImageRejected((reason,))


def read_header(read: Callable[[int], bytes], size: int | None, limit: int) -> Header:
    """Return format and edges of a photo.

    Args:
        read: Gives the next bytes: exactly that many, fewer only at the end.
        size: The photo's length in bytes, if it is known.
        limit: Within how many bytes the pixels must begin.

    Raises:
        ImageRejected: If it is no JPEG, PNG or WEBP, or is damaged before the pixels.
    """
    head = read(12)
    if not head:
        raise refusal("the photo is 0 bytes long; it must have at least one")
    walk = _Walk(head, read, limit)
    if head.startswith(b"\xff\xd8\xff"):
        return Header("JPEG", *_jpeg(walk))
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Header("PNG", *_png(walk))
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        announced = 8 + int.from_bytes(head[4:8], "little")
        if size is not None and size < announced:
            raise _damaged(f"it is {size:,} bytes long and says of itself {announced:,}")
        return Header("WEBP", *_webp(walk))
    raise refusal("the photo must be JPEG, PNG or WEBP by content, not by name; it is none of them")


def _damaged(what: str) -> ImageRejected:
    return refusal(f"the photo is damaged: {what}")


class _Walk:
    """Goes through a header forwards, from its beginning."""

    def __init__(self, head: bytes, read: Callable[[int], bytes], limit: int) -> None:
        self._head = head
        self._read = read
        self._limit = self._left = limit
        self._steps = 0

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes, at most 64 KiB, or refuse the photo."""
        self._left -= size
        self._steps += 1
        if self._left < 0:
            raise refusal(f"the photo's pixels do not begin within its first {self._limit:,} bytes")
        if self._steps > _MAX_STEPS:
            raise _damaged("its header does not end")
        piece, self._head = self._head[:size], self._head[size:]
        if len(piece) < size:
            piece += self._read(size - len(piece))
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


def _jpeg(walk: _Walk) -> tuple[int, int]:
    """Walk the segments up to the first scan (ITU-T T.81, annex B)."""
    edges = None
    walk.take(2)
    while True:
        # Between segments, decoders pass over bytes that are no marker, and over fill bytes.
        while walk.take(1) != b"\xff":
            pass
        while (code := walk.take(1)[0]) == 0xFF:
            pass
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


def _jpeg_frame(frame: bytes) -> tuple[int, int]:
    if len(frame) < 6:
        raise _damaged("its frame header is too short")
    precision, height, width, components = struct.unpack_from(">BHHB", frame)
    if len(frame) != 6 + 3 * components or not width or not height:
        raise _damaged("its frame header is wrong")
    if precision != 8 or components not in (1, 3, 4):
        raise refusal(
            f"the JPEG has {components} components of {precision} bits; "
            "it must have 1, 3 or 4, of 8 bits each"
        )
    return width, height


# Bit depths for each colour type (PNG, table 11.1).
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


def _png(walk: _Walk) -> tuple[int, int]:
    """Walk the chunks, with their checksums, up to the first that holds pixels (PNG, clause 5)."""
    start = walk.take(8 + 25)[
        8:
    ]  # the signature and the first chunk, which has one length and name
    if start[:8] != b"\0\0\0\x0dIHDR" or zlib.crc32(start[4:21]) != int.from_bytes(start[21:]):
        raise _damaged("it does not begin with its header")
    width, height, depth, colour, _, filtering, _ = struct.unpack(">IIBBBBB", start[8:21])
    if filtering or not width or not height or depth not in _PNG_DEPTHS.get(colour, ()):
        raise _damaged("its header is wrong")
    while True:
        length, kind = struct.unpack(">I4s", walk.take(8))
        if kind == b"IDAT":
            return width, height
        if kind == b"IEND" or not re.fullmatch(rb"\w{4}", kind):
            raise _damaged("its pixels are missing")
        if walk.skip(length, zlib.crc32(kind)) != int.from_bytes(walk.take(4)):
            raise _damaged("a checksum in its header is wrong")


def _webp(walk: _Walk) -> tuple[int, int]:
    """Walk the chunks up to the first that holds pixels (RFC 9649)."""
    canvas = None
    walk.take(12)
    while True:
        kind, length = struct.unpack("<4sI", walk.take(8))
        if kind in (b"VP8 ", b"VP8L"):
            edges = _vp8(walk.take(10), length) if kind == b"VP8 " else _vp8l(walk.take(5))
            if canvas not in (None, edges):
                raise _damaged("its canvas and its only frame differ in size")
            return edges
        if canvas is None:
            if kind != b"VP8X" or length != 10:
                raise _damaged("it does not begin with its header")
            extended = walk.take(10)
            canvas = (
                int.from_bytes(extended[4:7], "little") + 1,
                int.from_bytes(extended[7:], "little") + 1,
            )
        elif kind == b"ANMF":
            return canvas
        else:
            walk.skip(length + length % 2)


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
