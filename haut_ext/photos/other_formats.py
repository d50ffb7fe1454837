"""Names the format of a file that is not a JPEG, PNG or WEBP, and advises how to get a photo."""

from __future__ import annotations

import re

HEAD_BYTES = 1024
"""Number of bytes at the beginning of a file that `describe` needs."""

_CONVERT = "convert it to JPEG, for example with Pillow"
_ERROR_PAGE = (
    "it may be an error page that was saved instead of a photo, so download the photo again"
)
_FRAME = "save a frame of it as JPEG"
_DECODE = "decode it with base64.b64decode, or pass it as a data: URL"

_FORMATS = tuple(
    (re.compile(pattern, re.DOTALL | re.IGNORECASE), name, advice)
    for pattern, name, advice in (
        (rb".{4}ftyp(?:avi[fs]|(?:mif1|msf1|miaf).{0,60}avif)", "AVIF", _CONVERT),
        (
            rb".{4}ftyp(?:hei|hev|mif1|msf1)",
            "HEIC",
            "convert it to JPEG, for example with pillow-heif, or set the phone's camera to save JPEG",
        ),
        (rb"II[*+]\0|MM\0[*+]", "TIFF or a raw format of a camera", _CONVERT),
        (rb"GIF8", "GIF", _CONVERT),
        (rb"BM.{4}\0{4}", "BMP", _CONVERT),
        (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL", _CONVERT),
        (rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  ", "JPEG 2000", _CONVERT),
        (rb"%PDF-", "PDF", "extract the photo from it as JPEG"),
        (
            rb".{4}(?:ftyp|moov|mdat|wide|free|skip)|RIFF.{4}AVI |\x1aE\xdf\xa3|\0\0\x01[\xb0-\xbf]",
            "video",
            _FRAME,
        ),
        (rb"(?:\xef\xbb\xbf)?\s*<(?:svg|(?:\?xml|!--|!doctype svg).*<svg)\b", "SVG", _CONVERT),
        (rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body|!--)", "HTML", _ERROR_PAGE),
        (rb"(?:\xef\xbb\xbf)?\s*<\?xml", "XML", _ERROR_PAGE),
        (rb"\s*\{\s*\"", "JSON", _ERROR_PAGE),
        (rb"data:[\w/+.-]*[;,]", "data: URL as bytes", "pass it as a str"),
        (rb"/9j/|iVBORw0KGg|UklGR", "base64 text", _DECODE),
    )
)


def describe(head: bytes) -> str:
    """Return the format of a file and what to do, as the end of a sentence.

    Args:
        head: The beginning of the file, `HEAD_BYTES` or the entire file.
    """
    for pattern, name, advice in _FORMATS:
        if pattern.match(head):
            return f"another format: {name}; {advice}"
    return "another format"
