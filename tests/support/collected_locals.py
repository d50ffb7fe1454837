"""Collects the local variables of a traceback in the way that error reporting tools do."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.pretty import pretty_repr

import haut_api
import haut_ext

_PACKAGES = tuple(path for package in (haut_api, haut_ext) for path in package.__path__)


def collected_locals(error: BaseException) -> Iterator[tuple[str, str]]:
    """Yield each local variable in the frames of haut_ext and haut_api: its place and its text.

    Includes the frames of the errors that a printed traceback shows.
    """
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        for frame, line in traceback.walk_tb(current.__traceback__):
            if frame.f_code.co_filename.startswith(_PACKAGES):
                for name, value in frame.f_locals.items():
                    place = f"{Path(frame.f_code.co_filename).name}:{line} {name}"
                    yield place, _text_of(value)
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)


def _text_of(value: object, depth: int = 4) -> str:
    """Return the text that a tool would report; containers are opened, others printed."""
    if isinstance(value, Mapping) and depth:
        return ", ".join(f"{key}: {_text_of(item, depth - 1)}" for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset) and depth:
        return ", ".join(_text_of(item, depth - 1) for item in value)
    return f"{value!s} {value!r} {pretty_repr(value, max_depth=6)}"
