"""Checks a photo before its upload, and iterates over its bytes.

`Photo.open` checks format, dimensions, size and completeness, and reports all problems at once. It
does not keep the content of the photo in memory. Each call of `Photo.chunks` reads the photo again,
and raises an error if its size has changed.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Generator, Mapping
from typing import TypeVar

from attrs import define, field

from haut_ext.errors import ImageRejected
from haut_ext.photos.image_header import EndSearch, Header, read_header
from haut_ext.photos.sources import OpenSource, PhotoFile, Read, Reader, find_source, rejected

Key = TypeVar("Key", bound=str)

MIN_EDGE = 256
"""Minimum width and height of a photo, in pixels (docs/api-facts.md, 5.7)."""

MAX_BYTES = 31_457_280
"""Maximum size of a photo, in bytes. Signed upload URLs do not accept more (docs/api-facts.md, 5.7)."""

_CHUNK_BYTES = 256 * 1024
_SEARCHED_BYTES = 32 * 1024

# The header of a stream that cannot seek is kept in memory until the upload. The limit is high,
# because some phones write entire depth maps before the pixel data.
_MAX_STREAM_HEADER = 8 * 1024 * 1024


@define(eq=False)
class Photo:
    """A photo that passed the checks of `Photo.open`.

    Attributes:
        header: Format and dimensions.
        size: Size in bytes. None for a stream that cannot seek, because its size is unknown.
        replayable: Whether `chunks` can be called several times. True for paths, bytes and seekable
            files.
    """

    header: Header
    size: int | None
    replayable: bool
    _open_source: OpenSource = field(repr=False)
    _stream_header: bytes = field(repr=False)
    _consumed: bool = field(default=False, init=False, repr=False)

    @classmethod
    def open(cls, file: PhotoFile) -> Photo:
        """Check a photo.

        Args:
            file: A path, a `data:` URL, bytes or a binary file object. Bytes are not copied. A file
                object is not closed. If the file can seek, the photo starts at the file's current
                position, which is restored after the check. Otherwise, the photo can be sent only
                once, its header must end within the first 8 MiB, which are kept in memory, and
                `chunks` checks whether it is complete.

        Raises:
            ImageRejected: If the photo cannot be read, is not a JPEG, PNG or WEBP, is damaged
                before the pixel data, ends before the end of the image, is smaller than 256 px in
                width or height, is empty, or is larger than 31,457,280 bytes. `reasons` lists all
                problems.

        Warns:
            UserWarning: If the EXIF orientation is not 1, because the service may ignore it.
        """
        stream_header = io.BytesIO()
        size, open_source = find_source(file, stream_header)
        reasons: list[str] = []
        header = None
        try:
            with open_source() as read:
                if size is None:
                    header = read_header(_record(read, stream_header), None, _MAX_STREAM_HEADER)
                else:
                    header = read_header(read, size, MAX_BYTES)
                    if size <= MAX_BYTES:
                        _check_end(read, header, size)
        except ImageRejected as error:
            reasons += error.reasons
        if size is not None and size > MAX_BYTES:
            reasons.append(f"the photo has {size:,} bytes; at most {MAX_BYTES:,} are allowed")
        if header is not None and min(header.width, header.height) < MIN_EDGE:
            reasons.append(
                f"the photo has {header.width}x{header.height} px; "
                f"each edge must have at least {MIN_EDGE} px"
            )
        if header is None or reasons:
            raise ImageRejected(tuple(reasons))
        if header.orientation != 1:
            warnings.warn(
                f"the photo has the EXIF orientation {header.orientation}, which the service may "
                "ignore: rotate the pixels, for example with PIL.ImageOps.exif_transpose",
                stacklevel=2,
            )
        stream_header.seek(0)
        return cls(header, size, size is not None, open_source, stream_header.getvalue())

    def chunks(self) -> Generator[bytes]:
        """Return an iterator over the bytes of the photo, in chunks of 256 KiB.

        If the photo is a path, closing or exhausting the iterator closes the opened file.

        Raises:
            ImageRejected: During the iteration, if the photo cannot be read, its size differs from
                `size`, or a stream exceeds 31,457,280 bytes or ends before the end of the image.
                The error is raised before the iteration ends, so that the service never receives a
                complete request. Also if `check_unread` raises it.
        """
        self.check_unread()
        self._consumed = True
        return self._read_chunks()

    def check_unread(self) -> None:
        """Raise ImageRejected if the photo is not `replayable` and `chunks` was called before."""
        if self._consumed and not self.replayable:
            raise rejected(
                "the photo is a stream that cannot seek and has already been read: open it again"
            )

    def _read_chunks(self) -> Generator[bytes]:
        remaining = MAX_BYTES if self.size is None else self.size
        header_bytes = len(self._stream_header)
        end_search = EndSearch(self.header, self._stream_header[:8], header_bytes)
        with self._open_source() as read:
            while remaining:
                expected = min(_CHUNK_BYTES, remaining)
                chunk = read(expected)
                remaining -= len(chunk)
                has_more = not remaining and bool(read(1))
                if self.size is None:
                    end_search.feed(chunk[header_bytes:])
                    header_bytes = max(0, header_bytes - len(chunk))
                    if has_more:
                        raise rejected(f"the photo has more than the allowed {MAX_BYTES:,} bytes")
                    if len(chunk) < expected and not end_search.found:
                        raise _truncated()
                    if not chunk:
                        return
                elif len(chunk) < expected or has_more:
                    raise rejected(
                        "the photo changed while it was being sent: "
                        f"it no longer has the {self.size:,} bytes that were checked"
                    )
                yield chunk


def check_photos(files: Mapping[Key, PhotoFile | Photo]) -> dict[Key, Photo]:
    """Return the photos of several sides, opened and checked unless they already are.

    Raises:
        ImageRejected: If a photo is invalid; the error lists the problems of all photos.
    """
    photos: dict[Key, Photo] = {}
    reasons: list[str] = []
    for side, file in files.items():
        try:
            photos[side] = file if isinstance(file, Photo) else Photo.open(file)
        except ImageRejected as error:
            reasons += [f"{side}: {reason}" for reason in error.reasons]
    if reasons:
        raise ImageRejected(tuple(reasons))
    return photos


def _check_end(read: Reader, header: Header, size: int) -> None:
    """Raise ImageRejected if a photo, whose header has been read, ends before the image."""
    if header.format == "WEBP":
        return  # the header states the size, which `read_header` compares
    header_end = read.position
    # In most photos, the marker is among the last bytes.
    for start in (max(header_end, size - _SEARCHED_BYTES), header_end):
        end_search = EndSearch(header, b"", start)
        read.position = start
        while not end_search.found and (data := read(_SEARCHED_BYTES)):
            end_search.feed(data)
        if end_search.found:
            return
    raise _truncated()


def _truncated() -> ImageRejected:
    return rejected(
        "the photo is truncated: the file ends before the end of the image. Copy or download it again"
    )


def _record(read: Read, buffer: io.BytesIO) -> Read:
    """Return a function that calls `read` and appends the bytes it returns to a buffer."""

    def read_and_record(size: int) -> bytes:
        data = read(size)
        buffer.write(data)
        return data

    return read_and_record
