"""Compares the photo that was sent or received with what the storage reports about it."""

from __future__ import annotations

import base64
import hashlib
import re

from haut_ext._httpx import httpx

_STORED = (200, 201, 204)
"""Statuses with which a storage confirms an upload."""
_END_MARKS = {
    "content-length",
    "transfer-encoding",
    "x-goog-hash",
    "x-goog-stored-content-length",
}
"""Headers that allow to detect that a connection broke before the end of a photo."""


class Checksum:
    """Size and MD5 of the bytes of a photo transfer.

    Attributes:
        size: Number of bytes.
        complete: Whether the complete photo has been sent. A server can respond earlier.
    """

    def __init__(self) -> None:
        self.size = 0
        self.complete = False
        self._md5 = hashlib.md5(usedforsecurity=False)

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._md5.update(chunk)

    def problem(self, response: httpx.Response, *, upload: bool) -> str | None:
        """Return the reason why a success status does not prove a transfer, or None if it does.

        Args:
            response: The response. The body of the response to an upload must have been read.
            upload: Whether the photo was sent; otherwise it was received.
        """
        headers = response.headers
        if upload:
            if response.status_code not in _STORED:
                return "this is not a status of a stored photo"
            if not self.complete:
                return "it was sent before the complete photo was received"
            if response.content and "xml" not in headers.get("content-type", ""):
                return "the body is not from a storage"
        elif "network_stream" in response.extensions and not headers.keys() & _END_MARKS:
            return "it states neither length nor checksum, so the photo may be truncated"
        if headers.get("x-goog-stored-content-encoding", "identity") != "identity":
            return None  # the checksums are those of the compressed photo
        length = headers.get("x-goog-stored-content-length", str(self.size))
        if length != str(self.size):
            return f"the storage has another number of bytes than the {self.size} transferred ones"
        if _stated_md5(headers) not in (None, self._md5.digest()):
            return "the storage has another checksum than the transferred photo"
        return None


def _stated_md5(headers: httpx.Headers) -> bytes | None:
    """Return the MD5 in the headers `x-goog-hash` or `ETag`, or None if they contain none."""
    found = re.search(r"(?:^|[,\s])md5=([A-Za-z0-9+/]{22}==)", headers.get("x-goog-hash", ""))
    if found:
        return base64.b64decode(found[1])
    # The ETag of an object that is encrypted with a customer's key is not its MD5.
    etag = re.fullmatch(r'"([0-9a-fA-F]{32})"', headers.get("etag", ""))
    encrypted = any("encryption" in name for name in headers)
    return bytes.fromhex(etag[1]) if etag and not encrypted else None
