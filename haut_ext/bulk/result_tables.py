"""Writes rows of analysis results to a new Parquet, CSV or JSON Lines file, row by row."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import IO, Any

from haut_ext import ConfigError, private_files
from haut_ext.analysis_results.rows import COLUMNS, TO_TYPE, ColumnType, Row
from haut_ext.csv_cells import marked
from haut_ext.regular_files import reason_of

_ROW_GROUP = 20_000
"""Number of rows of a Parquet file that are in memory together."""


def check_target(path: str | os.PathLike[str]) -> Path:
    """Return the path of a table as a Path.

    Raises:
        ConfigError: If the suffix is unknown, the path exists, no file can be created in its folder,
            or pyarrow is needed but not installed.
    """
    target = Path(path)
    journal = f"{target}.journal"
    advice = (
        f". To continue its run, move it. To read all results again, delete {journal}, too"
        if os.path.lexists(journal)
        else ""
    )
    if target.suffix not in _WRITERS:
        raise ConfigError(f"to= must end in {', '.join(_WRITERS)}")
    try:
        with suppress(FileNotFoundError):
            target.lstat()
            raise ConfigError(f"to=: {target} exists already, and is not overwritten" + advice)
        private_files.check_folder(target.parent)
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"to= must be in a folder that can be written: {reason_of(error)}"
        ) from None
    if target.suffix == ".parquet":
        try:
            import_module("pyarrow.parquet")
        except ImportError as error:
            raise ConfigError(
                "to= ends in .parquet, which needs pyarrow: pip install 'haut-ext[parquet]'"
            ) from error
    return target


def write_table(target: Path, rows: Iterable[Row]) -> None:
    """Write rows with the keys `COLUMNS` to a new file.

    Raises:
        FileExistsError: If something exists at the path.
        OSError: If the file cannot be written.
    """
    mode, write = _WRITERS[target.suffix]
    options: dict[str, Any] = {} if "b" in mode else {"newline": ""}
    move = private_files.move_to_free_path
    with private_files.writing(target, move, mode, **options) as file:
        write(file, rows)


def _write_csv(file: IO[str], rows: Iterable[Row]) -> None:
    lines = csv.DictWriter(file, COLUMNS)
    lines.writeheader()
    for row in rows:
        lines.writerow(marked({name: _encodable(cell) for name, cell in row.items()}))


def _encodable(cell: Any) -> Any:
    return TO_TYPE["text"](cell) if isinstance(cell, str) else cell


def _write_json_lines(file: IO[str], rows: Iterable[Row]) -> None:
    for row in rows:
        file.write(json.dumps(row) + "\n")


def _write_parquet(file: IO[bytes], rows: Iterable[Row]) -> None:
    # Without type information; `Any` keeps it from spreading.
    pyarrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    types: Mapping[ColumnType, Any] = {
        "text": pyarrow.string(),
        "number": pyarrow.float64(),
        "time": pyarrow.timestamp("us", "UTC"),
    }
    schema = pyarrow.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
    with parquet.ParquetWriter(file, schema) as writer:
        remaining = iter(rows)
        while group := list(islice(remaining, _ROW_GROUP)):
            columns = {
                name: [TO_TYPE[kind](row[name]) for row in group] for name, kind in COLUMNS.items()
            }
            writer.write_table(pyarrow.table(columns, schema))


_WRITERS: Mapping[str, tuple[str, Callable[[IO[Any], Iterable[Row]], None]]] = {
    ".parquet": ("wb", _write_parquet),
    ".csv": ("w", _write_csv),
    ".jsonl": ("w", _write_json_lines),
}
