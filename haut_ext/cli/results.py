"""Defines the command `haut results`, which prints analysis results."""

from __future__ import annotations

import csv as csv_module
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from attrs import evolve

from haut_ext import ConfigError, NotFound, ResultsTimeout, UploadedBatch
from haut_ext.analysis_results.rows import COLUMNS
from haut_ext.cli import output
from haut_ext.cli.client import client, find_subject_id
from haut_ext.cli.exit_codes import INCOMPLETE
from haut_ext.cli.options import (
    ApiVersion,
    Flag,
    Json,
    PollInterval,
    SettledAfter,
    WaitFor,
    WaitTimeout,
    examples,
)
from haut_ext.text import escape

if TYPE_CHECKING:
    from haut_ext import BatchResults, Haut
    from haut_ext.analysis_results import Api
    from haut_ext.analysis_results.json_values import Value

EXAMPLES = examples(
    "haut results customer-4711",
    "haut results customer-4711 --wait --csv metrics.csv",
    "haut results customer-4711 --wait --wait-for acne --wait-for redness",
    "haut results customer-4711 --json",
    "haut results 2fea742a-62ec-4a81-9729-9e0283f9c40c --api v3",
)

_TABLE_COLUMNS = ("side", "family", "area", "metric", "value", "unit")


def results(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="SUBJECT|BATCH", help="Id or exact name of the subject, or id of the batch."
        ),
    ],
    batch: Annotated[
        UUID | None, typer.Option(metavar="ID", help="Batch.  [default: the latest one]")
    ] = None,
    api: ApiVersion = "v1",
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
    The API cannot look up the subject of a batch. Therefore the id of a batch alone starts a search,
    with a request for each subject of the dataset.
    """
    reason = None
    if csv is not None:
        _check_new_file(csv)
    with client() as haut:
        uploaded, name = _find_batch(haut, subject, batch, api)
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
    found = evolve(found, subject_name=name)
    if csv is not None:
        _write_csv(found, csv)
    _print(found, json=json, table=csv is None)
    if reason is not None:
        output.err().print(reason, "Run the same command again to wait longer.")
        raise typer.Exit(INCOMPLETE)


def _check_new_file(path: Path) -> None:
    """Raise ConfigError if a path exists, or no file can be created in its folder."""
    from haut_ext.private_files import check_folder

    if os.path.lexists(path):
        raise ConfigError(f"--csv {path}: the file exists already, and is not overwritten")
    try:
        check_folder(path.parent)
    except OSError as error:
        raise ConfigError(f"--csv {path}: {error.strerror}") from None


def _find_batch(
    haut: Haut, subject: str, batch_id: UUID | None, api: Api
) -> tuple[UploadedBatch, str | None]:
    """Return a batch, and the name of its subject if it is known.

    Args:
        haut: The client.
        subject: Id or name of a subject or, if `batch_id` is None, the id of a batch.
        batch_id: Id of a batch of the subject; the latest one if None.
        api: API version of the results.
    """
    subject_id = find_subject_id(haut, subject)
    name = None if str(subject_id) == subject.lower() else subject
    try:
        found = batch_id or _latest_batch_id(haut, subject_id)
    except NotFound as error:
        if name is not None or not error.confirmed:
            raise
        output.err().print(
            "No subject has this id. Searching the subjects of the dataset for a batch with this "
            "id; SUBJECT --batch ID needs no search."
        )
        for each in haut.subjects.iterate():
            if any(known.id == subject_id for known in haut.batches.iterate(each.id)):
                return UploadedBatch(each.id, subject_id, api=api), each.name
        raise
    return UploadedBatch(subject_id, found, api=api), name


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
    if not found.results:
        output.err().print(
            f"The batch has no {found.api} results{'' if found.complete else ' yet'}."
        )
    for failed in found.failures:
        reason = failed.error or "no reason given"
        output.err().print(escape(f"{failed.family} failed: {reason}"))


def _table_row(row: dict[str, Value]) -> list[Value]:
    value = row["category"] if row["number"] is None else row["number"]
    return [value if column == "value" else row[column] for column in _TABLE_COLUMNS]
