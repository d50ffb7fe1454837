"""Reads the dimensions of a photo, and decides whether it shows a face."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass

from haut_ext.errors import ImageRejected
from haut_ext.photos.image_header import read_header

_UNKNOWN_SIZE = (960, 1200)


@dataclass(frozen=True, slots=True)
class PhotoContent:
    """What the made-up results of a photo depend on.

    Attributes:
        digest: MD5 digest of the photo.
        width: Width in pixels.
        height: Height in pixels.
        shows_face: Whether the simulated face detector finds a face.
    """

    digest: bytes
    width: int
    height: int
    shows_face: bool


def read_photo(data: bytes | bytearray, digest: bytes) -> PhotoContent:
    """Return the content of a photo.

    The sandbox cannot decode pictures. It assumes that every photo shows a face, except pictures of
    one color or of a simple gradient, which it recognizes by their small size after compression.
    Files that are no pictures are accepted, too, so that tests need no real photos.

    Args:
        data: The photo, a complete file.
        digest: MD5 digest of the photo.
    """
    try:
        header = read_header(io.BytesIO(data).read, len(data), len(data))
    except ImageRejected:
        return PhotoContent(digest, *_UNKNOWN_SIZE, shows_face=True)
    pixels = header.width * header.height
    # Measured with JPEG, PNG and WEBP from 256x256 to 3000x4000: a picture of one color needs at most
    # 0.7 of the limit, and a portrait of the lowest quality at least 2.6 times the limit. The first
    # comparison saves compressing photos.
    limit = 600 + pixels // 1000
    uniform = len(data) < 4000 + pixels // 20 and len(zlib.compress(data, 1)) < limit
    return PhotoContent(digest, header.width, header.height, shows_face=not uniform)
