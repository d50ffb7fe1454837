"""Defines the command `haut results`, which prints analysis results."""

from __future__ import annotations

import csv as csv_module
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from haut_ext import ConfigError, ResultsTimeout, UploadedBatch
from haut_ext.analysis_results.rows import COLUMNS
from haut_ext.cli import output
from haut_ext.cli.client import client, find_subject_id
from haut_ext.cli.exit_codes import INCOMPLETE
from haut_ext.cli.options import (
    Flag,
    Json,
    PollInterval,
    SettledAfter,
    Subject,
    WaitFor,
    WaitTimeout,
    examples,
)
from haut_ext.text import escape

if TYPE_CHECKING:
    from haut_ext import BatchResults, Haut
    from haut_ext.analysis_results.json_values import Value

EXAMPLES = examples(
    "haut results customer-4711",
    "haut results customer-4711 --wait --csv metrics.csv",
    "haut results customer-4711 --wait --wait-for acne --wait-for redness",
    "haut results customer-4711 --json",
)

_TABLE_COLUMNS = ("side", "family", "area", "metric", "value", "unit")


def results(
    subject: Subject,
    batch: Annotated[
        UUID | None, typer.Option(metavar="ID", help="Batch.  [default: the latest one]")
    ] = None,
    wait: Annotated[bool, Flag("--wait", help="Wait until all results exist.")] = False,
    wait_timeout: WaitTimeout = 120.0,
    wait_for: WaitFor = None,
    settled_after: SettledAfter = 10.0,
    poll_interval: PollInterval = 5.0,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also write the metrics to a new CSV file, one row per metric."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Print the analysis results of a batch.

    Prints a table of the first 50 metrics or, with --json, all metrics and failures as one object.
    """
    reason = None
    if csv is not None and os.path.lexists(csv):
        raise ConfigError(f"--csv {csv}: the file exists already, and is not overwritten")
    if csv is not None:
        _check_folder(csv)
    with client() as haut:
        subject_id = find_subject_id(haut, subject)
        uploaded = UploadedBatch(subject_id, batch or _latest_batch_id(haut, subject_id))
        try:
            if wait:
                found = haut.wait_for_results(
                    uploaded,
                    wait_timeout,
                    wait_for=wait_for or (),
                    settled_after=settled_after,
                    poll_interval=poll_interval,
                )
            else:
                found = haut.results(uploaded)
        except ResultsTimeout as error:
            found, reason = error.results, str(error)
    if csv is not None:
        _write_csv(found, csv)
    _print(found, json=json, table=csv is None)
    if reason is not None:
        output.err().print(f"{reason}\nRun the same command again to wait longer.")
        raise typer.Exit(INCOMPLETE)


def _check_folder(path: Path) -> None:
    """Raise ConfigError if no file can be created in the folder of a path."""
    from haut_ext.private_files import check_folder

    try:
        check_folder(path.parent)
    except OSError as error:
        raise ConfigError(f"--csv {path}: {error.strerror}") from None


def _latest_batch_id(haut: Haut, subject_id: UUID) -> UUID:
    images = haut.images.iterate(subject_id)
    latest = max(images, key=lambda image: image.created_at, default=None)
    if latest is None:
        raise ConfigError("the subject has no images")
    return latest.image_batch_id


def _write_csv(found: BatchResults, path: Path) -> None:
    from haut_ext import private_files
    from haut_ext.csv_cells import marked

    with private_files.creating(path, newline="") as file:
        rows = csv_module.DictWriter(file, COLUMNS)
        rows.writeheader()
        rows.writerows(map(marked, found.to_rows()))


def _print(found: BatchResults, *, json: bool, table: bool) -> None:
    if json:
        failures = [
            {"family": failed.family, "image": failed.image_id, "error": failed.error}
            for failed in found.failures
        ]
        output.print_json(
            {
                "subject_id": found.subject_id,
                "batch_id": found.batch_id,
                "complete": found.complete,
                "completeness": found.completeness,
                "metrics": found.to_rows(),
                "failures": failures,
            }
        )
        return
    if table:
        output.print_list(
            found.to_rows(),
            _TABLE_COLUMNS,
            _table_row,
            dict,
            json=False,
        )
    for failed in found.failures:
        reason = failed.error or "no reason given"
        output.err().print(escape(f"{failed.family} failed: {reason}"))


def _table_row(row: dict[str, Value]) -> list[Value]:
    value = row["category"] if row["number"] is None else row["number"]
    return [value if column == "value" else row[column] for column in _TABLE_COLUMNS]
