"""Marks cells of a CSV file that a spreadsheet program would execute as formulas."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

_FORMULA = "=+-@"
_MARK = "'"


def marked(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cells of a row with an apostrophe before each text that starts like a formula.

    Numbers are not marked. A text that begins with an apostrophe gets another one, so that `unmarked`
    returns every text unchanged.
    """
    return {
        name: _MARK + cell if isinstance(cell, str) and _needs_mark(cell) else cell
        for name, cell in cells.items()
    }


def _needs_mark(cell: str) -> bool:
    if cell.startswith((_MARK, "\t", "\r", "\n")):
        return True
    # Some programs ignore white space before a formula, and accept full-width signs.
    visible = (each for each in cell if each.isprintable() and not each.isspace())
    first = unicodedata.normalize("NFKC", next(visible, ""))
    return first != "" and first in _FORMULA


def unmarked(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cells of a row that `marked` returned, without the marks."""
    return {
        name: cell[1:] if isinstance(cell, str) and cell.startswith(_MARK) else cell
        for name, cell in cells.items()
    }
