"""What is to be uploaded: rows, read one by one, and checked before anything is asked of the service.

A row is a mapping with the keys of `COLUMNS`. Its key in the journal is its `row`, or else its place,
from 1; a folder's rows go by the subject's name, since places in a folder mean nothing.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

from attrs import frozen

from haut_ext.argument_checks import parse_id
from haut_ext.errors import ConfigError
from haut_ext.types import SIDE_IDS, Side

RawRow: TypeAlias = Mapping[str, Any] | str
"""A row as it was read; a text is a line that could not be read."""

COLUMNS = ("subject", "subject_id", *SIDE_IDS, "meta")
REPORTED = ("row", "problem", "reason")
"""What the list of problems has besides, so that it can be repaired and used as a manifest."""


@frozen
class Row:
    """One upload: a subject by name or by id, one to three photos, and free JSON for them."""

    key: str
    subject: str | None
    subject_id: UUID | None
    files: dict[Side, Path]
    meta: Any

    @property
    def digest(self) -> str:
        """What tells whether the row has changed; the photos are compared by their content."""
        content = [self.subject, str(self.subject_id), sorted(self.files), self.meta]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_manifest(path: str | os.PathLike[str]) -> Iterator[RawRow]:
    """Return the rows of a manifest, lazily; relative paths of photos begin at the manifest's folder.

    Args:
        path: A `.csv` with a header line, a `.jsonl` or `.ndjson` with an object in each line, both
            with the columns `subject` or `subject_id`, `front`, `right`, `left` and `meta` (JSON);
            or a folder that holds `<subject>/<front|right|left>.<any suffix>`.

    Raises:
        ConfigError: If there is no such manifest, or it is none of these.
    """
    manifest = Path(path)
    if manifest.is_dir():
        return _folder(manifest)
    if not manifest.is_file():
        raise ConfigError("there is no such manifest")
    if manifest.suffix.lower() == ".csv":
        return _csv(manifest)
    if manifest.suffix.lower() in (".jsonl", ".ndjson"):
        return _json_lines(manifest)
    raise ConfigError("a manifest is a .csv, a .jsonl, or a folder with one folder a subject")


def _csv(path: Path) -> Iterator[RawRow]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = csv.DictReader(file, restkey="(cells beyond the header)")
        while True:
            try:
                line = next(lines, None)
            except csv.Error as error:
                yield f"the line cannot be read: {error}"
                continue
            if line is None:
                return
            yield _below(path.parent, {name: cell for name, cell in line.items() if cell})


def _json_lines(path: Path) -> Iterator[RawRow]:
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        for line in filter(str.strip, file):
            try:
                content = json.loads(line)
            except (ValueError, RecursionError):
                content = None
            if isinstance(content, dict):
                yield _below(path.parent, content)  # pyright: ignore[reportUnknownArgumentType]
            else:
                yield "the line is no JSON object"


def _folder(path: Path) -> Iterator[RawRow]:
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if not entry.is_dir():
                yield {"row": entry.name, f"file {entry.name}": entry.path}
                continue
            row: dict[str, Any] = {"row": entry.name, "subject": entry.name}
            for photo in sorted(os.scandir(entry.path), key=lambda photo: photo.name):
                side = Path(photo.name).stem.lower()
                fits = side in SIDE_IDS and side not in row
                if not photo.name.startswith("."):
                    row[side if fits else f"file {photo.name}"] = str(Path(photo.path).absolute())
            yield row


def _below(folder: Path, row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with its paths made whole, so that they hold elsewhere too."""
    for side in SIDE_IDS:
        if isinstance(row.get(side), str) and row[side]:
            row[side] = str((folder / row[side]).absolute())
    return row


def parse_row(raw: RawRow, place: int) -> Row:
    """Return a row, checked as far as it can be without opening a photo.

    Raises:
        ConfigError: With everything that is wrong with it.
    """
    if isinstance(raw, str):
        raise ConfigError(raw)
    wrong: list[str] = []
    row = {name: value for name, value in raw.items() if value is not None and value != ""}
    if unknown := sorted(row.keys() - {*COLUMNS, *REPORTED}):
        wrong.append(f"not a column, or not once: {', '.join(unknown)}")
    subject, subject_id = row.get("subject"), None
    if ("subject" in row) == ("subject_id" in row):
        wrong.append("a row has either a subject or a subject_id")
    if not isinstance(subject, str | None) or len(subject or "") > 512:
        wrong.append("the subject is a name of 1 to 512 characters")
    try:
        if "subject_id" in row:
            subject_id = parse_id(row["subject_id"], "subject_id")
    except ConfigError as error:
        wrong.append(str(error))
    files: dict[Side, Path] = {
        side: Path(row[side]) for side in SIDE_IDS if isinstance(row.get(side), str | os.PathLike)
    }
    if len(files) != len(row.keys() & SIDE_IDS.keys()):
        wrong.append("a photo is given by its path")
    elif not files:
        wrong.append("there is no photo: front, right or left")
    meta = row.get("meta")
    try:
        meta = json.loads(meta) if isinstance(meta, str) else meta
        json.dumps([subject, meta], ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError):
        wrong.append("the meta is not JSON, or the row is not UTF-8")
    if wrong:
        raise ConfigError(legible("; ".join(wrong)))
    return Row(row_key(raw, place), subject, subject_id, files, meta)


def row_key(raw: RawRow, place: int) -> str:
    """Return what the row goes by in the journal."""
    return legible(str(place if isinstance(raw, str) else raw.get("row") or place))


def legible(text: str) -> str:
    """Return a text that can be written anywhere: what is no Unicode is shown as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def read_subject_ids(path: str | os.PathLike[str]) -> Iterator[str]:
    """Yield the ids in a file: one a line, or those in the column `subject_id` of a `.csv`."""
    with Path(path).open(encoding="utf-8-sig", errors="replace", newline="") as file:
        if Path(path).suffix.lower() == ".csv":
            yield from (row.get("subject_id") or "" for row in csv.DictReader(file))
        else:
            yield from filter(None, map(str.strip, file))


def write_problems(
    path: Path, problems: Iterable[tuple[str, str, str, str]], columns: Iterable[str] = COLUMNS
) -> bool:
    """Write the list of problems (row, problem, reason, content as JSON); return whether there are any.

    A list from before is replaced, or removed when there is nothing to list any more.
    """
    unfinished = path.with_name(path.name + ".part")
    found = False
    with unfinished.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        lines = csv.DictWriter(file, (*REPORTED, *columns), extrasaction="ignore")
        lines.writeheader()
        for row, problem, reason, content in problems:
            found = True
            cells: dict[str, Any] = json.loads(content)
            if not isinstance(cells.get("meta"), str | None):
                cells["meta"] = json.dumps(cells["meta"])
            cells |= {name: _as_read(cell) for name, cell in cells.items()}
            lines.writerow({**cells, "row": row, "problem": problem, "reason": reason})
    if found:
        unfinished.replace(path)
    else:
        unfinished.unlink()
        path.unlink(missing_ok=True)
    return found


def _as_read(cell: Any) -> Any:
    """Return a cell with the bytes it came as, which a path may need, if it came as bytes."""
    try:
        str(cell).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return legible(cell)
    return cell
