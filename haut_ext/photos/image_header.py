"""Reads image headers, and checks that the file does not end before the image.

The module does not use an imaging library, because that would be a large dependency for a few
values. It reads the photo forward up to the pixel data. The number of bytes and of parts (segments
or chunks) that it reads is limited. It accepts the headers that Pillow accepts, which tests verify.
It does not decode the pixel data, but searches them for the marker that ends the image.
"""

from __future__ import annotations

import re
import struct
import zlib
from contextlib import suppress
from typing import Literal

from attrs import field, frozen

from haut_ext.errors import ImageRejected
from haut_ext.photos.other_formats import HEAD_BYTES, describe
from haut_ext.photos.sources import Read, rejected

_MAX_READS = 65_536
"""Maximum number of reads. Real photos have a few dozen parts before the pixel data, but a file can
have 30 MiB of empty parts, which would take seconds."""

_END_MARKERS = {"JPEG": b"\xff\xd9", "PNG": b"\0\0\0\0IEND\xaeB`\x82"}

_MAX_EXIF = 65_536
"""Maximum size of a block of EXIF data, in bytes. In a JPEG, it cannot be larger."""

_PNG_BIT_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Valid bit depths for each PNG color type (PNG specification, table 11.1)."""


@frozen
class Header:
    """Format and dimensions of an image.

    Attributes:
        format: Format, determined by the content and not by the file name.
        width: Width in pixels, before any rotation by EXIF.
        height: Height in pixels, before any rotation by EXIF.
        orientation: EXIF orientation, from 1 to 8; 1 if the header states none.
    """

    format: Literal["JPEG", "PNG", "WEBP"]
    width: int
    height: int
    orientation: int = field(default=1, repr=False)


def read_header(read: Read, size: int | None, limit: int) -> Header:
    """Return format and dimensions of a photo.

    Args:
        read: Returns the next bytes of the photo.
        size: Size of the photo in bytes, or None if it is unknown.
        limit: Maximum number of bytes to read before the pixel data.

    Raises:
        ImageRejected: If the photo is not a JPEG, PNG or WEBP, or is damaged before the pixel data.
    """
    start = read(12)
    if not start:
        raise rejected("the photo has 0 bytes; it must have at least one")
    reader = _HeaderReader(start, read, limit)
    if start.startswith(b"\xff\xd8\xff"):
        return _read_jpeg(reader)
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return _read_png(reader)
    if start[:4] == b"RIFF" and start[8:] == b"WEBP":
        stated = 8 + int.from_bytes(start[4:8], "little")
        if size is not None and size < stated:
            raise _damaged(f"it has {size:,} bytes, but its header states {stated:,}")
        return _read_webp(reader, complete=size is not None)
    head = start + read(HEAD_BYTES - len(start))
    raise rejected(
        f"the photo must be a JPEG, PNG or WEBP image, but its content has {describe(head)}"
    )


class EndSearch:
    """Searches the bytes that follow the header of an image for the end of the image.

    In a JPEG, the marker of the end cannot occur in the pixel data. Bytes after it are ignored, as
    by other decoders; many phones append data to a photo.

    Attributes:
        found: Whether the end of the image has been found.
    """

    def __init__(self, header: Header, start: bytes, position: int) -> None:
        """Start after a header.

        Args:
            header: The header.
            start: The first 8 bytes of the file, which state the size of a WEBP file.
            position: Number of bytes of the file before the first byte passed to `feed`.
        """
        self._marker = _END_MARKERS.get(header.format, b"")
        self._remaining = 8 + int.from_bytes(start[4:8], "little") - position
        self._rest = b""
        self.found = False

    def feed(self, data: bytes) -> None:
        """Search the next bytes of the file."""
        if self._marker:
            window = self._rest + data
            self.found = self.found or self._marker in window
            self._rest = window[1 - len(self._marker) :]
        else:
            self._remaining -= len(data)
            self.found = self._remaining <= 0


def _damaged(problem: str) -> ImageRejected:
    return rejected(f"the photo is damaged: {problem}")


class _HeaderReader:
    """Reads an image header sequentially, and limits the number of bytes and of read calls."""

    def __init__(self, start: bytes, read: Read, limit: int) -> None:
        self._start = start
        self._read = read
        self._limit = self._remaining_bytes = limit
        self._remaining_reads = _MAX_READS

    def read(self, size: int) -> bytes:
        """Return exactly `size` bytes.

        Raises:
            ImageRejected: If the photo ends before `size` bytes are read, or a limit is exceeded.
        """
        self._remaining_bytes -= size
        self._remaining_reads -= 1
        if self._remaining_bytes < 0:
            raise rejected(f"the pixel data does not begin within the first {self._limit:,} bytes")
        if self._remaining_reads < 0:
            raise _damaged("the image header is too long")
        data, self._start = self._start[:size], self._start[size:]
        if len(data) < size:
            data += self._read(size - len(data))
        if len(data) < size:
            raise _damaged("the file ends before the pixel data")
        return data

    def skip(self, size: int, crc: int = 0) -> int:
        """Read and discard `size` bytes. Return their CRC-32, starting from the value `crc`."""
        while size:
            data = self.read(min(size, 32_768))
            crc = zlib.crc32(data, crc)
            size -= len(data)
        return crc


def _read_jpeg(reader: _HeaderReader) -> Header:
    """Read the JPEG segments before the first scan (ITU-T T.81, annex B)."""
    dimensions = None
    orientation = 1
    reader.read(2)
    while True:
        # Like other decoders, ignore bytes between segments that do not start a marker.
        while reader.read(1) != b"\xff":
            pass
        while (marker := reader.read(1)[0]) == 0xFF:
            pass
        if marker == 0x00 or 0xD0 <= marker <= 0xD7:  # no marker, or a marker without a segment
            continue
        if marker < 0xC0 or marker in (0xD8, 0xD9):
            raise _damaged(f"the image header contains the invalid marker {marker:#04x}")
        length = max(int.from_bytes(reader.read(2)) - 2, 0)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            dimensions = _jpeg_frame(reader.read(length))
            continue
        if marker == 0xE1:  # EXIF, or other metadata
            segment = reader.read(length)
            if segment.startswith(b"Exif\0\0"):
                orientation = _exif_orientation(memoryview(segment)[6:])
            continue
        reader.skip(length)
        if marker == 0xDA:
            if dimensions is None:
                raise _damaged("pixel data precedes the header with the dimensions")
            return Header("JPEG", *dimensions, orientation)


def _jpeg_frame(frame: bytes) -> tuple[int, int]:
    if len(frame) < 6:
        raise _damaged("the frame header is too short")
    precision, height, width, components = struct.unpack_from(">BHHB", frame)
    if len(frame) != 6 + 3 * components or not width or not height:
        raise _damaged("the frame header is invalid")
    if precision != 8 or components not in (1, 3, 4):
        raise rejected(
            f"the JPEG has {components} components of {precision} bits; "
            "it must have 1, 3 or 4 components of 8 bits"
        )
    return width, height


def _exif_orientation(exif: bytes | memoryview) -> int:
    """Return the orientation stated in a block of EXIF data, or 1 if there is no valid one."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(exif[:4]))
    if order is None:
        return 1
    try:
        [offset] = struct.unpack_from(f"{order}I", exif, 4)
        [count] = struct.unpack_from(f"{order}H", exif, offset)
        for number in range(count):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, offset + 2 + 12 * number)
            if tag == 0x0112:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def _read_png(reader: _HeaderReader) -> Header:
    """Read the PNG chunks before the pixel data, and verify their checksums."""
    reader.read(8)
    header = reader.read(25)
    if header[:8] != b"\0\0\0\x0dIHDR" or zlib.crc32(header[4:21]) != int.from_bytes(header[21:]):
        raise _damaged("the file does not begin with an image header")
    width, height, depth, color, _, filtering, _ = struct.unpack(">IIBBBBB", header[8:21])
    if filtering or not width or not height or depth not in _PNG_BIT_DEPTHS.get(color, ()):
        raise _damaged("its header is invalid")
    orientation = 1
    while True:
        length, kind = struct.unpack(">I4s", reader.read(8))
        if kind == b"IDAT":
            return Header("PNG", width, height, orientation)
        if kind == b"IEND" or not re.fullmatch(rb"\w{4}", kind):
            raise _damaged("its pixel data is missing")
        crc = zlib.crc32(kind)
        if kind == b"eXIf" and length <= _MAX_EXIF:
            exif = reader.read(length)
            length, crc = 0, zlib.crc32(exif, crc)
            orientation = _exif_orientation(exif)
        if reader.skip(length, crc) != int.from_bytes(reader.read(4)):
            raise _damaged("a checksum in the image header is wrong")


def _read_webp(reader: _HeaderReader, *, complete: bool) -> Header:
    """Read the WEBP chunks before the pixel data (RFC 9649).

    If the file is complete, also read the chunks after the pixel data, which contain the EXIF data.
    """
    canvas, has_exif = None, False
    reader.read(12)
    while True:
        kind, length = struct.unpack("<4sI", reader.read(8))
        if kind in (b"VP8 ", b"VP8L"):
            lossless = kind == b"VP8L"
            size = 5 if lossless else 10
            frame = reader.read(size)
            dimensions = _vp8l(frame) if lossless else _vp8(frame, length)
            if canvas not in (None, dimensions):
                raise _damaged("the sizes of the canvas and of the only frame differ")
            orientation = 1
            if has_exif and complete:
                with suppress(ImageRejected):  # damaged chunks after the pixel data are ignored
                    reader.skip(length + length % 2 - size)
                    orientation = _webp_orientation(reader)
            return Header("WEBP", *dimensions, orientation)
        if canvas is None:
            if kind != b"VP8X" or length != 10:
                raise _damaged("the file does not begin with an image header")
            flags, size = struct.unpack("<4s6s", reader.read(10))
            edges = int.from_bytes(size, "little")
            canvas, has_exif = ((edges & 0xFFFFFF) + 1, (edges >> 24) + 1), bool(flags[0] & 0x08)
        elif kind == b"ANMF":
            return Header("WEBP", *canvas)
        else:
            reader.skip(length + length % 2)


def _webp_orientation(reader: _HeaderReader) -> int:
    while True:
        kind, length = struct.unpack("<4sI", reader.read(8))
        if kind == b"EXIF" and length <= _MAX_EXIF:
            return _exif_orientation(reader.read(length).removeprefix(b"Exif\0\0"))
        reader.skip(length + length % 2)


def _vp8(head: bytes, length: int) -> tuple[int, int]:
    tag = int.from_bytes(head[:3], "little")
    width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", head, 6))
    # Bits of the frame tag from the lowest: 0 for a key frame, 3 bits for the version, 1 bit for
    # visibility, and the length of the first partition.
    usable = not tag & 1 and tag >> 1 & 7 <= 3 and tag >> 4 & 1 and tag >> 5 < length
    if not usable or head[3:6] != b"\x9d\x01\x2a" or not width or not height:
        raise _damaged("the frame header is invalid")
    return width, height


def _vp8l(head: bytes) -> tuple[int, int]:
    bits = int.from_bytes(head[1:], "little")
    if head[0] != 0x2F or bits >> 29:  # the highest three bits are the version, which must be 0
        raise _damaged("the frame header is invalid")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
