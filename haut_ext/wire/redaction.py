"""Names for requests that can be logged, and text of others with the secrets taken out."""

from __future__ import annotations

import re

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SIGNED_PARAMETER = re.compile(
    r"(?i)((?:\bX-(?:Goog|Amz)-[A-Z-]+|\bSignature)(?:=|%3D))[^&\s\"'<>]+"
)
_BEARER = re.compile(r"(?i)(bearer\s+)[^\s\"'<>,;]+")

STORAGE = "(storage)"
"""What stands for a signed address, whose path and query open a person's photo."""


def route(path: str) -> str:
    """Return the path with each id as `{id}`: what names an operation in errors and logs."""
    return _UUID.sub("{id}", path)


def ids(path: str) -> list[str]:
    """Return the ids in a path, in their order."""
    return _UUID.findall(path)


def scrub(text: str, secret: str = "") -> str:
    """Return text of the other side without what it may have echoed: tokens and signed queries.

    Args:
        text: What the other side sent.
        secret: The token in use, which is taken out wherever it stands.
    """
    if secret:
        text = text.replace(secret, "[redacted]")
    return _BEARER.sub(r"\1[redacted]", _SIGNED_PARAMETER.sub(r"\1[redacted]", text))
