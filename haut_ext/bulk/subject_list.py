"""Reads lists of subjects, in which each row is the id or the exact name of a subject.

A list is read and checked completely before the first request. If a row is invalid, the whole list is
rejected: if a row was read in another way than its author meant, another person could be erased.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

from attrs import field, frozen

from haut_ext import ConfigError
from haut_ext.argument_checks import check_name, comparable_name, parse_id
from haut_ext.bulk.manifest import Lines, check_encoding, check_separator, parse_json_line
from haut_ext.bulk.report import file_errors
from haut_ext.regular_files import reason_of

SubjectRow: TypeAlias = str | UUID | Mapping[str, Any]
"""A row of a list: an id, a name, or a mapping with one of the keys `subject_id`, `id` and `name`. A
string that is a UUID is an id."""

COLUMNS = ("subject_id", "id", "name")
"""Columns that name a subject. If a list has several of them, the first one is used."""

_JSON_SUFFIXES = (".jsonl", ".ndjson")
_SEPARATORS = re.compile(r"[,;\t|]")
_SHOWN_PROBLEMS = 5


@frozen
class ListedSubject:
    """A row of a list. Either `subject_id` or `name` is set.

    Attributes:
        row: Position in the list, starting at 1. The header and blank lines are not counted.
        text: The id or the name as written in the list.
    """

    row: int
    text: str = field(repr=False)
    subject_id: UUID | None
    name: str | None = field(default=None, repr=False)

    @property
    def key(self) -> str:
        """Key of the row in the journal. Rows with the same id or the same name have one key.

        The name itself is not recorded, because the journal is kept after the erasure.
        """
        if self.name is None:
            return str(self.subject_id)
        return f"name {hashlib.sha256(comparable_name(self.name).encode()).hexdigest()}"


def parse_subjects(rows: Iterable[SubjectRow]) -> list[ListedSubject]:
    """Check the rows of a list, and return them.

    Raises:
        ConfigError: If rows are invalid. The message contains their numbers, but no names.
    """
    listed: list[ListedSubject] = []
    problems: list[str] = []
    for number, row in enumerate(rows, 1):
        try:
            listed.append(_parse(row, number))
        except ConfigError as error:
            problems.append(f"row {number}: {error}")
    if problems:
        shown = "; ".join(problems[:_SHOWN_PROBLEMS])
        more = f"; and {len(problems) - _SHOWN_PROBLEMS} more" * (len(problems) > _SHOWN_PROBLEMS)
        raise ConfigError(f"the list of subjects has invalid rows: {shown}{more}")
    return listed


def _parse(row: SubjectRow, number: int) -> ListedSubject:
    if isinstance(row, Mapping):
        column = next((name for name in COLUMNS if row.get(name) is not None), None)
        if column is None:
            raise ConfigError(f"a row needs one of the keys {', '.join(COLUMNS)}")
        value = row[column]
        if column == "name":
            return ListedSubject(number, value, None, check_name(value))
        subject_id = parse_id(value, column)
        return ListedSubject(number, str(value), subject_id)
    if isinstance(row, UUID) or _is_id(row):
        return ListedSubject(number, str(row), parse_id(row, "subject_id"))
    return ListedSubject(number, row, None, check_name(row))


def _is_id(text: object) -> bool:
    with suppress(ConfigError):
        parse_id(text, "subject_id")
        return True
    return False


def read_subject_list(path: str | os.PathLike[str]) -> list[SubjectRow]:
    """Return the rows of a list of subjects.

    Args:
        path: A `.csv` file with a column `subject_id`, `id` or `name`; a `.jsonl` or `.ndjson` file
            with one of these keys in each object; or a file or pipe with one id or name per line. `-`
            is stdin. The format of a file with another suffix, or of a pipe, is recognized by its first
            line: an object in JSON, or a header with one of the columns.

    Raises:
        ConfigError: If the list cannot be read, is empty, is not encoded in UTF-8, has no such column,
            or contains a row in another format.
    """
    suffix = "" if path == "-" else Path(path).suffix.lower()
    try:
        file = open(0 if path == "-" else path, "rb", closefd=path != "-")  # noqa: SIM115
    except (OSError, ValueError) as error:
        raise ConfigError(f"the list of subjects cannot be read: {reason_of(error)}") from None
    with file_errors(), file:
        check_encoding(file.peek(), "the list of subjects")
        text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
        try:
            rows = list(_read(Lines(text), suffix))
        except csv.Error as error:
            raise ConfigError(f"the list of subjects cannot be read: {error}") from None
    if not rows:
        raise ConfigError("the list of subjects is empty")
    return rows


def _read(lines: Lines, suffix: str) -> Iterator[SubjectRow]:
    first = next(filter(str.strip, lines), "")
    rest = chain([first], lines)
    cells = {cell.strip('" \r\n') for cell in _SEPARATORS.split(first)}
    if suffix == ".csv" or (suffix not in _JSON_SUFFIXES and cells & {*COLUMNS}):
        check_separator(first, "the list of subjects")
        read = _read_csv(rest, lines)
    elif suffix in _JSON_SUFFIXES or isinstance(parse_json_line(first), dict):
        read = _read_json_lines(rest, lines)
    else:
        read = _read_text(rest, lines)
    for number, row in enumerate(read, 1):
        try:
            for value in row.values() if isinstance(row, Mapping) else (row,):
                str(value).encode()
        except UnicodeError:
            raise ConfigError(f"row {number} of the list is not encoded in UTF-8") from None
        yield row


def _read_csv(text: Iterable[str], lines: Lines) -> Iterator[SubjectRow]:
    table = csv.reader(text, strict=True)
    header = next(table)
    lines.start_row()
    column = next((name for name in COLUMNS if name in header), None)
    if column is None:
        raise ConfigError(f"the list of subjects has no column {', '.join(COLUMNS[:2])} or name")
    if header.count(column) > 1:
        raise ConfigError(f"the list of subjects has several columns {column}")
    number = 0
    for cells in table:
        lines.start_row()
        if not any(map(str.strip, cells)):
            continue
        number += 1
        if len(cells) != len(header):
            raise ConfigError(
                f"row {number} of the list has {len(cells)} cells, but the header has {len(header)}. "
                "Put a name that contains a comma in quotation marks"
            )
        yield {column: cells[header.index(column)]}


def _read_json_lines(text: Iterable[str], lines: Lines) -> Iterator[SubjectRow]:
    for number, line in enumerate(filter(str.strip, text), 1):
        lines.start_row()
        row = parse_json_line(line)
        if isinstance(row, str):
            raise ConfigError(f"row {number} of the list: {row}")
        yield {name: row[name] for name in COLUMNS if name in row}


def _read_text(text: Iterable[str], lines: Lines) -> Iterator[SubjectRow]:
    for number, line in enumerate(filter(str.strip, text), 1):
        lines.start_row()
        value = line.strip()
        cells = (cell.strip('" ') for cell in _SEPARATORS.split(value))
        if not _is_id(value) and (
            isinstance(parse_json_line(value), dict) or any(map(_is_id, cells))
        ):
            raise ConfigError(
                f"row {number} of the list contains more than an id or a name. Use a .csv file with a "
                "header, or a .jsonl file"
            )
        yield value
