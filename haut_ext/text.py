"""Escapes text from servers, files and arguments before it is shown in a message, log or terminal."""

from __future__ import annotations

import unicodedata

_JOINERS = "\u200c\u200d"
"""Invisible characters that some scripts and emoji need."""


def escape(text: str) -> str:
    """Return a text with control characters, line breaks and invisible characters escaped.

    A terminal would execute control characters. Line breaks could forge a line of a log or table,
    and bidirectional controls change the order in which text is displayed.
    """
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode() if is_control(character) else character
        for character in text
    )


def is_control(character: str) -> bool:
    """Return whether a character controls a terminal, or the layout or direction of text."""
    if character.isprintable() or character in _JOINERS:
        return False
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
