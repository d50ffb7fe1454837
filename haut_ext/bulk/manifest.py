"""Reads and checks the rows of a bulk-upload manifest, and writes the list of rows with a problem.

A row is a mapping with the keys in `COLUMNS`. The journal identifies a row by the value of its
`row` column or, if that is missing, by its position, starting at 1. If the manifest is a folder,
rows are identified by the name of the subject, because the order of files in a folder is not
defined.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any, Self, TextIO, TypeAlias, TypeVar
from uuid import UUID

from attrs import frozen

from haut_ext import ConfigError, Side, private_files
from haut_ext.argument_checks import parse_id
from haut_ext.argument_types import validated
from haut_ext.bulk.report import file_errors
from haut_ext.csv_cells import marked, unmarked
from haut_ext.regular_files import open_regular
from haut_ext.types import SIDE_IDS

T = TypeVar("T")
RawRow: TypeAlias = Mapping[str, Any] | str
"""A row that has not been checked yet. If a line could not be read, a string with the reason."""

COLUMNS = ("subject", "subject_id", *SIDE_IDS, "meta")
_MAX_LINE = 1_000_000
PROBLEM_COLUMNS = ("row", "problem", "reason")
"""Columns that the list of problems has in addition to those of a manifest. Manifests may also
contain them, so that a repaired list of problems can be used as a manifest."""


@frozen
class Row:
    """A manifest row: one to three photos of a subject to upload.

    Attributes:
        key: Key that identifies the row in the journal.
        subject: Name of the subject, unless its id is given.
        subject_id: Id of the subject, unless its name is given.
        files: Paths of the photos.
        meta: JSON value that is stored with the photos.
    """

    key: str
    subject: str | None
    subject_id: UUID | None
    files: dict[Side, Path]
    meta: Any

    @property
    def digest(self) -> str:
        """Digest of the row, to detect changes. Does not cover the content of the photos."""
        content = [self.subject, str(self.subject_id), sorted(self.files), self.meta]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@validated
def read_manifest(path: str | os.PathLike[str]) -> Iterator[RawRow]:
    """Return an iterator over the rows of a manifest. The manifest is read row by row.

    Relative paths of photos are resolved against the folder of the manifest.

    Args:
        path: A `.csv` file with a header; a `.jsonl` or `.ndjson` file with one object per line; or a
            folder with photos named `<subject>/<front|right|left>.<any suffix>`. Files have the
            columns `subject` or `subject_id`, `front`, `right`, `left`, `meta` (JSON) and `row`.

    Raises:
        ConfigError: If the manifest does not exist or has an unsupported format.
    """
    manifest = Path(path)
    with suppress(OSError):  # a path that is too long is reported below
        if manifest.is_dir():
            return _read_folder(manifest)
    first_line, suffix = _first_line(manifest, "the manifest"), manifest.suffix.lower()
    if suffix not in (".csv", ".jsonl", ".ndjson"):
        raise ConfigError("the manifest must be a .csv file, a .jsonl file or a folder")
    if suffix != ".csv":
        return _read_json_lines(manifest)
    check_separator(first_line, "the manifest")
    return _read_csv(manifest)


def _first_line(path: Path, name: str) -> str:
    """Return the first line of a text file.

    Raises:
        ConfigError: If the file cannot be read, is not a regular file or is not UTF-8 text. `name`
            is the name of the file in the message.
    """
    try:
        if not path.exists():
            raise ConfigError(f"{name} does not exist")
        with _open(path, name) as file:
            line = file.readline(_MAX_LINE)
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}") from None
    check_encoding(line, name)
    return line.decode("utf-8-sig", "replace")


def _open(path: Path, name: str = "the manifest") -> BufferedReader:
    """Open a regular file. A pipe could not be read a second time, as when a run is continued."""
    try:
        return open_regular(path)
    except ValueError:
        raise ConfigError(
            f"{name} must be a regular file: save its content to a file first"
        ) from None


def _open_text(path: Path, newline: str | None = None) -> TextIO:
    return TextIOWrapper(_open(path), "utf-8-sig", "surrogateescape", newline)


def check_encoding(head: bytes, name: str) -> None:
    """Raise ConfigError if a file is encoded in UTF-16, or is not text."""
    if b"\0" in head or head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError(f"{name} must be encoded in UTF-8, not in UTF-16 or a binary format")


def check_separator(header: str, name: str) -> None:
    """Raise ConfigError if the columns of a CSV file are not separated by commas."""
    if "," not in header and any(mark in header for mark in ";\t|"):
        raise ConfigError(f"the columns of {name} must be separated by commas")


def _read_csv(path: Path) -> Iterator[RawRow]:
    with file_errors(), _open_text(path, newline="") as file:
        lines = Lines(file)
        for line in _rows(csv.DictReader(lines, restkey="(cells beyond the header)"), lines):
            if isinstance(line, str):
                yield line
                continue
            cells = {name: cell for name, cell in line.items() if cell}
            if line.keys() >= {*PROBLEM_COLUMNS}:  # `write_problems` has marked the formulas
                cells = unmarked(cells)
            yield _absolute_paths(path.parent, cells)


def _read_json_lines(path: Path) -> Iterator[RawRow]:
    with file_errors(), _open_text(path) as file:
        lines = Lines(file)
        parsed = map(parse_json_line, filter(str.strip, lines))
        for row in _rows(parsed, lines):
            yield row if isinstance(row, str) else _absolute_paths(path.parent, row)


def parse_json_line(line: str) -> dict[str, Any] | str:
    """Return the JSON object in a line, or the reason why the line is invalid."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        content = None
    return content if isinstance(content, dict) else "the line is not a JSON object"  # pyright: ignore[reportUnknownVariableType]


class Lines:
    """Lines of a text file, of which those of one row have a limited length."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._length = 0

    def start_row(self) -> None:
        self._length = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        """Return the next line.

        Raises:
            csv.Error: If the row is longer than the limit. The rest of the line is skipped.
        """
        line = self._file.readline(_MAX_LINE + 1)
        if not line:
            raise StopIteration
        self._length += len(line.rstrip("\r\n"))
        if self._length > _MAX_LINE:
            while line and not line.endswith(("\r", "\n")):
                line = self._file.readline(_MAX_LINE)
            raise csv.Error(f"it has more than {_MAX_LINE:,} characters")
        return line


def _rows(rows: Iterator[T], lines: Lines) -> Iterator[T | str]:
    """Yield each row of the lines, or the reason why it cannot be read."""
    while True:
        lines.start_row()
        try:
            row = next(rows, None)
        except csv.Error as error:
            yield f"the line cannot be read: {error}"
            continue
        if row is None:
            return
        yield row


def _read_folder(path: Path) -> Iterator[RawRow]:
    with file_errors(), os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if not entry.is_dir():
                yield {"row": entry.name, f"file {entry.name}": entry.path}
                continue
            row: dict[str, Any] = {"row": entry.name, "subject": entry.name}
            for photo in sorted(os.scandir(entry.path), key=lambda photo: photo.name):
                side = Path(photo.name).stem.lower()
                expected = side in SIDE_IDS and side not in row
                if not photo.name.startswith("."):
                    column = side if expected else f"file {photo.name}"
                    row[column] = str(Path(photo.path).absolute())
            yield row


def _absolute_paths(folder: Path, row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with absolute paths, for workers that have another working directory."""
    for side in SIDE_IDS:
        if isinstance(row.get(side), str) and row[side]:
            row[side] = str((folder / row[side]).absolute())
    return row


def parse_row(raw: RawRow, number: int) -> Row:
    """Check a row without opening its photos, and return it.

    Args:
        raw: The row as read from the manifest.
        number: Number of the row in the manifest.

    Raises:
        ConfigError: If the row is invalid; the message lists all problems.
    """
    if isinstance(raw, str):
        raise ConfigError(raw)
    if not isinstance(raw, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigError(f"a row must be a mapping, not {type(raw).__name__}")
    problems: list[str] = []
    row = {name: value for name, value in raw.items() if not _is_empty(value)}
    if unknown := sorted(map(str, row.keys() - {*COLUMNS, *PROBLEM_COLUMNS})):
        problems.append(f"unknown or duplicate columns: {', '.join(unknown)}")
    subject, subject_id = row.get("subject"), None
    if ("subject" in row) == ("subject_id" in row):
        problems.append("a row needs either subject or subject_id")
    if not isinstance(subject, str | None) or len(subject or "") > 512:
        problems.append("the column subject must contain a name of 1 to 512 characters")
    try:
        if "subject_id" in row:
            subject_id = parse_id(row["subject_id"], "subject_id")
    except ConfigError as error:
        problems.append(str(error))
    files: dict[Side, Path] = {
        side: Path(row[side]) for side in SIDE_IDS if isinstance(row.get(side), str | os.PathLike)
    }
    if len(files) != len(row.keys() & SIDE_IDS.keys()):
        problems.append("the columns front, right and left must contain paths")
    elif not files:
        problems.append("no photo: a row needs at least one of front, right and left")
    meta = row.get("meta")
    try:
        meta = json.loads(meta) if isinstance(meta, str) else meta
        json.dumps([subject, meta], ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError):
        problems.append("the column meta must contain JSON, and the row must be encoded in UTF-8")
    if problems:
        raise ConfigError(escape_surrogates("; ".join(problems)))
    return Row(row_key(raw, number), subject, subject_id, files, meta)


def row_key(raw: RawRow, number: int) -> str:
    """Return the key that identifies a row in the journal."""
    key = raw.get("row") if isinstance(raw, Mapping) else None
    try:
        return escape_surrogates(str(number if _is_empty(key) else key))
    except ValueError:  # an integer of thousands of digits
        return str(number)


def row_content(raw: RawRow) -> str:
    """Return the content of a row as a JSON object; an empty one if the row is invalid."""
    try:
        return json.dumps({} if isinstance(raw, str) else {**raw}, default=str)
    except (TypeError, ValueError, RecursionError):
        return "{}"


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value)


def escape_surrogates(text: str) -> str:
    """Replace lone surrogates by escape sequences, so that the text can be encoded as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def write_problems(
    path: Path, problems: Iterable[tuple[str, str, str, str]], columns: Iterable[str] = COLUMNS
) -> bool:
    """Write a CSV list of the rows with a problem. If there are none, delete an existing list.

    Cells that a spreadsheet program would execute as formulas are marked.

    Args:
        path: Path of the list.
        problems: Tuples of row key, problem, reason and row content as JSON.
        columns: Columns for the content of the rows.

    Returns:
        Whether there are rows with a problem.

    Raises:
        ConfigError: If another file exists at the path.
        OSError: If the file cannot be written.
    """
    found = False
    check_list_of_problems(path)

    def cells() -> Iterator[dict[str, Any]]:
        nonlocal found
        for row, problem, reason, content in problems:
            found = True
            parsed = _parse_content(content)
            if not isinstance(parsed.get("meta"), str | None):
                parsed["meta"] = json.dumps(parsed["meta"])
            yield {**parsed, "row": row, "problem": problem, "reason": reason}

    write_private_csv(path, (*PROBLEM_COLUMNS, *columns), cells())
    if not found:
        path.unlink()
    return found


def write_private_csv(
    path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]
) -> None:
    """Write a CSV file that only its owner can read, or replace one. Formulas are marked.

    Raises:
        OSError: If the file cannot be written.
    """
    write = private_files.replacing if os.path.lexists(path) else private_files.creating
    with write(path, errors="surrogateescape", newline="") as file:
        lines = csv.DictWriter(file, columns, extrasaction="ignore")
        lines.writeheader()
        for row in rows:
            lines.writerow(marked({name: _encodable(cell) for name, cell in row.items()}))


def check_list_of_problems(path: Path) -> None:
    """Check that a path is free, or that a run has written the list of problems at the path.

    Raises:
        ConfigError: If something else exists at the path, such as a link or another file.
    """
    with suppress(OSError, ValueError):
        if not os.path.lexists(path):
            return
        with open_regular(path, follow_links=False) as file:
            if file.readline(_MAX_LINE).startswith(",".join(PROBLEM_COLUMNS).encode()):
                return
    raise ConfigError(
        f"the list of problems would overwrite {path}, which is not such a list: move that file, or "
        "pass another path as problems="
    )


def _parse_content(content: object) -> dict[str, Any]:
    """Return the content of a row as recorded in the journal, or nothing if it is damaged."""
    try:
        cells: Any = json.loads(content)  # type: ignore[arg-type]
    except (ValueError, TypeError, RecursionError):
        cells = {}
    return cells if isinstance(cells, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _encodable(cell: Any) -> Any:
    """Return a cell that can be written as UTF-8. Non-UTF-8 bytes of a path are preserved."""
    try:
        str(cell).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return escape_surrogates(cell)
    return cell
