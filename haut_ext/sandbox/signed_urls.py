"""Computes signatures for Google Cloud Storage's V4 signed URLs.

The canonical request, the string to sign and the derivation of the HMAC key follow Google's
documentation of V4 signing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import quote

HMAC_ALGORITHM = "GOOG4-HMAC-SHA256"
# The sandbox signs with HMAC, even if the URL names the RSA algorithm. The google-cloud-storage
# package names RSA in its URLs, so tests can compare its signatures with those of the sandbox.
ALGORITHMS = (HMAC_ALGORITHM, "GOOG4-RSA-SHA256")
MAX_EXPIRATION_SECONDS = 604_800
"""Maximum lifetime of a V4 signed URL: 7 days, in seconds."""


def canonical_request(
    method: str,
    path: str,
    query: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    signed_headers: str,
) -> str:
    """Return a request in the canonical form that is signed for a V4 signed URL.

    Args:
        method: HTTP method.
        path: Percent-encoded path.
        query: Decoded names and values of the query parameters, without the signature.
        headers: Headers by name in lower case.
        signed_headers: Names of the signed headers in lower case, sorted and joined by semicolons.
    """
    encoded = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in query)
    names = signed_headers.split(";")
    return "\n".join(
        [
            method,
            path,
            "&".join(f"{name}={value}" for name, value in encoded),
            *(f"{name}:{' '.join(headers[name].split())}" for name in names),
            "",
            signed_headers,
            headers.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD"),
        ]
    )


def string_to_sign(algorithm: str, date: str, scope: str, canonical: str) -> str:
    """Return the string to sign for a canonical request."""
    return "\n".join([algorithm, date, scope, hashlib.sha256(canonical.encode()).hexdigest()])


def sign_string(secret: str, message: bytes) -> bytes:
    """Return the HMAC signature of a string to sign."""
    scope = message.decode().split("\n")[2]
    key = f"GOOG4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, message, "sha256")
