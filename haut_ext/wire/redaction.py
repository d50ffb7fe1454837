"""Names for requests that can be logged, and text of others with the secrets taken out."""

from __future__ import annotations

import json
import re

_ID = re.compile(r"(?<=/)(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9]+)(?=/|$)")
_SIGNED_PARAMETER = re.compile(
    r"(?i)((?:\bX-(?:Goog|Amz)-[A-Z-]+|\bSignature)(?:=|%3D))[^&\s\"'<>]+"
)
_SECRET_FIELD = re.compile(
    r'("(?:\w*token\w*|password|data)"\s*:\s*)"(?:[^"\\]|\\.)*"?', re.IGNORECASE | re.DOTALL
)
"""The answers of login, refresh and the making of a private token hold tokens (api-facts 2, 3)."""
_BEARER = re.compile(r"(?i)(bearer\s+)[^\s\"'<>,;]+")

STORAGE = "(storage)"
"""What stands for a signed address, whose path and query open a person's photo."""


def route(path: str) -> str:
    """Return the path with each id as `{id}`: what names an operation in errors and logs."""
    return _ID.sub("{id}", path)


def ids(path: str) -> list[str]:
    """Return the ids in a path, in their order."""
    return _ID.findall(path)


def texts(document: bytes) -> tuple[str, ...]:
    """Return the texts in a JSON object, each in every way that an echo may spell it."""
    try:
        values = json.loads(document).values()
    except (ValueError, AttributeError):
        return ()
    found = {value for value in values if isinstance(value, str) and value}
    for ascii_only in (True, False):
        found |= {json.dumps(value, ensure_ascii=ascii_only)[1:-1] for value in found}
    return tuple(found)


def scrub(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return text of the other side without what it may have echoed: tokens and signed queries.

    Args:
        text: What the other side sent.
        secrets: What the request held: the token in use, or what a login is made with. Taken out
            wherever it stands.
    """
    for secret in sorted(secrets, key=len, reverse=True):  # one may be a part of another
        text = text.replace(secret, "[redacted]")
    text = _SECRET_FIELD.sub(r'\1"[redacted]"', text)
    return _BEARER.sub(r"\1[redacted]", _SIGNED_PARAMETER.sub(r"\1[redacted]", text))
