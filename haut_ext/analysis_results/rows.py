"""Converts analysis results to rows and data frames.

The columns of a table have one type each, so that tables can be written to Parquet: a number and a
category are different columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from typing import Any, Literal

from haut_ext.algorithm_families import PREFIX
from haut_ext.analysis_results.json_values import Value, as_time
from haut_ext.analysis_results.results import AlgorithmResult
from haut_ext.errors import ConfigError

Row = dict[str, Value]
"""Row of a table of results, by the names of its columns."""

ColumnType = Literal["text", "number", "time"]
Library = Literal["pandas", "polars"]

IMAGE_COLUMNS: Mapping[str, ColumnType] = {
    "subject": "text",
    "name": "text",
    "batch": "text",
    "image": "text",
    "side": "text",
    "date": "time",
}
"""Columns that identify an image or, in v3, a batch."""

COLUMNS: Mapping[str, ColumnType] = {
    **IMAGE_COLUMNS,
    "family": "text",
    "area": "text",
    "metric": "text",
    "number": "number",
    "category": "text",
    "unit": "text",
}
"""Columns of a table with one row for each metric."""


def long_rows(results: Iterable[AlgorithmResult], batch: Row) -> list[Row]:
    """Return a row with the keys `COLUMNS` for each metric.

    Args:
        results: Results of a batch.
        batch: Values of the columns `subject`, `name` and `batch`.
    """
    return [
        {
            **batch,
            **_image_cells(result, result.created_at),
            "family": result.family,
            "area": metric.area,
            "metric": metric.name,
            "number": metric.number,
            "category": metric.category,
            "unit": metric.unit,
        }
        for result in results
        for metric in result.metrics
    ]


def wide_rows(results: Iterable[AlgorithmResult], batch: Row) -> list[Row]:
    """Return a row for each image or, in v3, for the batch.

    The keys are `IMAGE_COLUMNS` and, for each metric, its family, area and name, such as
    `acne.forehead.acne_score`. All rows have the same keys.

    Args:
        results: Results of a batch.
        batch: Values of the columns `subject`, `name` and `batch`.
    """
    by_image: dict[object, list[AlgorithmResult]] = {}
    for result in results:
        by_image.setdefault((result.image_id, result.side), []).append(result)
    cells = {
        image: {
            metric_column(result.family, metric.area, metric.name): metric.value
            for result in of_image
            for metric in result.metrics
        }
        for image, of_image in by_image.items()
    }
    columns = dict.fromkeys(column for values in cells.values() for column in values)
    rows: list[Row] = []
    for image, of_image in by_image.items():
        times = [created for each in of_image if (created := each.created_at)]
        identity = {**batch, **_image_cells(of_image[0], min(times, default=None))}
        rows.append(identity | {column: cells[image].get(column) for column in columns})
    return rows


def metric_column(family: str, area: str | None, metric: str) -> str:
    """Return the name of a metric's column in a table with one row for each image."""
    parts = (family.removeprefix(PREFIX), area, metric)
    return ".".join(part for part in parts if part is not None)


def _image_cells(result: AlgorithmResult, created_at: datetime | None) -> Row:
    return {
        "image": None if result.image_id is None else str(result.image_id),
        "side": str(result.side) if result.side else None,
        "date": None if created_at is None else created_at.isoformat(),
    }


def to_dataframe(rows: Sequence[Row], library: Library | None) -> Any:
    """Return a data frame whose columns have the types that their names imply.

    Args:
        rows: Rows of `long_rows` or `wide_rows`.
        library: Library of the data frame. If None, pandas if it is installed, otherwise polars.

    Raises:
        ConfigError: If the library is unknown or not installed.
    """
    if library is None:
        library = "pandas" if find_spec("pandas") or not find_spec("polars") else "polars"
    if library not in ("pandas", "polars"):
        raise ConfigError(f"library must be 'pandas' or 'polars', not {library!r}")
    types = _column_types(rows)
    columns = {column: [TO_TYPE[types[column]](row[column]) for row in rows] for column in types}
    try:
        return (_to_pandas if library == "pandas" else _to_polars)(columns, types)
    except ImportError as error:
        raise ConfigError(
            f"to_dataframe() needs {library}: pip install 'haut-ext[{library}]'"
        ) from error


def _to_pandas(columns: Mapping[str, list[Any]], types: Mapping[str, ColumnType]) -> Any:
    import pandas

    dtypes = {"text": "string", "number": "float64", "time": "datetime64[us, UTC]"}
    return pandas.DataFrame(
        {
            _encodable(column): pandas.Series(values, dtype=dtypes[types[column]])
            for column, values in columns.items()
        }
    )


def _to_polars(columns: Mapping[str, list[Any]], types: Mapping[str, ColumnType]) -> Any:
    import polars

    dtypes = {
        "text": polars.String(),
        "number": polars.Float64(),
        "time": polars.Datetime("us", "UTC"),
    }
    return polars.DataFrame(
        [
            polars.Series(_encodable(column), values, dtypes[types[column]])
            for column, values in columns.items()
        ]
    )


def _column_types(rows: Sequence[Row]) -> dict[str, ColumnType]:
    return {
        column: COLUMNS.get(column)
        or ("text" if any(isinstance(row[column], str) for row in rows) else "number")
        for column in (rows[0] if rows else COLUMNS)
    }


def _encodable(text: str) -> str:
    """Return a text without lone surrogates, which a data frame cannot contain."""
    return text.encode("utf-8", "replace").decode()


def _to_text(value: Value) -> str | None:
    return None if value is None else _encodable(str(value))


def _to_number(value: Value) -> float | None:
    try:
        return None if value is None else float(value)
    except (OverflowError, ValueError):
        return None


TO_TYPE: Mapping[ColumnType, Callable[[Value], Any]] = {
    "text": _to_text,
    "number": _to_number,
    "time": as_time,
}
"""Functions that convert a value to the type of its column, by the type."""
