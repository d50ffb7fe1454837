"""Defines the `haut bulk` commands, which upload or erase many subjects, or read their results."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from attrs import asdict

from haut_ext.cli import output
from haut_ext.cli.client import client
from haut_ext.cli.error_messages import error_message
from haut_ext.cli.exit_codes import INTERRUPTED, ROWS_WITH_PROBLEMS
from haut_ext.cli.interrupts import finish_on_first_interrupt
from haut_ext.cli.options import (
    ComputeAgain,
    DryRun,
    Flag,
    Json,
    PollInterval,
    Reference,
    SettledAfter,
    WaitFor,
    Yes,
    examples,
    group,
)

if TYPE_CHECKING:
    from haut_ext.bulk import BulkProgress, BulkReport

app = group(
    "Upload or erase many subjects, or read their results. Interrupted runs can be continued."
)

_Journal = Annotated[
    Path,
    typer.Option(
        metavar="FILE", help="SQLite file that records the progress; created if it does not exist."
    ),
]
_MaxInFlight = Annotated[
    int, typer.Option(min=1, metavar="N", help="Maximum number of rows processed concurrently.")
]
_RequestsPerSecond = Annotated[
    float | None, typer.Option(metavar="N", help="Maximum rate of requests to the API.")
]
_Table = Annotated[
    Path, typer.Option(metavar="FILE", help="New file for the table: .parquet, .csv or .jsonl.")
]
_Uploads = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Journal of a bulk upload, for the results of its batches."),
]
_SubjectIds = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Text file with one subject id per line, or a .csv file with a subject_id column.",
    ),
]
_Dataset = Annotated[
    UUID | None, typer.Option(metavar="ID", help="Dataset, for the results of all its subjects.")
]
_V3 = Annotated[
    bool, Flag("--v3", help="Read results of Face Metrics 3.0. Not needed with --journal.")
]
_WaitTimeout = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="Maximum time to wait for results, from the start of the run.",
    ),
]
_SHOWN_PROBLEMS = 10


@app.command(
    epilog=examples(
        "haut bulk upload photos/ --journal photos.journal",
        "haut bulk upload manifest.csv --journal run.journal --requests-per-second 5",
        "haut bulk upload repaired.csv --journal run.journal",
    )
)
def upload(
    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST", help="A .csv or .jsonl file, or a folder with <subject>/front.jpg."
        ),
    ],
    journal: _Journal,
    max_in_flight: _MaxInFlight = 8,
    requests_per_second: _RequestsPerSecond = None,
    compute_again: ComputeAgain = False,
    json: Json = False,
) -> None:
    """Upload photos of many subjects, and start their analysis.

    The analysis of each row is started once and billed. If the run is interrupted, running the same
    command again continues it.
    """
    from haut_ext.bulk import bulk_upload, read_manifest

    with client() as haut, _progress(sum(1 for _ in read_manifest(manifest)), "rows") as progress:
        report = bulk_upload(
            haut,
            manifest,
            journal=journal,
            max_in_flight=max_in_flight,
            requests_per_second=requests_per_second,
            compute_again=compute_again,
            progress=progress,
        )
    _print(report, json)


@app.command(
    epilog=examples(
        "haut bulk erase ids.txt --journal run.journal --receipts receipts --dry-run",
        "haut bulk erase ids.txt --journal run.journal --receipts receipts --yes",
    )
)
def erase(
    ids: Annotated[
        Path,
        typer.Argument(
            metavar="IDS",
            help="Text file with one subject id per line, or a .csv file with a subject_id column.",
        ),
    ],
    journal: _Journal,
    receipts: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the receipts.")],
    reference: Reference = None,
    max_in_flight: _MaxInFlight = 8,
    requests_per_second: _RequestsPerSecond = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Erase all data of many subjects, and write a receipt for each.

    If the run is interrupted, running the same command again continues it.
    """
    from haut_ext.bulk import bulk_erase
    from haut_ext.bulk.manifest import read_subject_ids

    with client() as haut:
        subject_ids = list(read_subject_ids(ids))  # a pipe can be read only once
        target = {"subjects": len(subject_ids)}
        if not output.confirm_deletion(haut, target, yes=yes, dry_run=dry_run, json=json):
            return
        with _progress(len(subject_ids), "subjects") as progress:
            report = bulk_erase(
                haut,
                subject_ids,
                journal=journal,
                receipts=receipts,
                reference=reference,
                max_in_flight=max_in_flight,
                requests_per_second=requests_per_second,
                progress=progress,
            )
    _print(report, json)


@app.command(
    epilog=examples(
        "haut bulk results --journal upload.journal --to results.parquet",
        "haut bulk results --subjects ids.txt --to results.csv --wait-for acne",
        "haut bulk results --dataset 8a2e4c0b-6f0c-4a39-9b5d-0f1a52d5a9d4 --to results.jsonl",
    )
)
def results(
    to: _Table,
    journal: _Uploads = None,
    subjects: _SubjectIds = None,
    dataset: _Dataset = None,
    v3: _V3 = False,
    wait_timeout: _WaitTimeout = 120.0,
    wait_for: WaitFor = None,
    settled_after: SettledAfter = 10.0,
    poll_interval: PollInterval = 5.0,
    max_in_flight: _MaxInFlight = 8,
    requests_per_second: _RequestsPerSecond = None,
    json: Json = False,
) -> None:
    """Write the analysis results of many subjects to one table.

    Pass one of --journal, --subjects and --dataset. Missing results and failed algorithms are listed
    apart. If the run is interrupted, running the same command again continues it.
    """
    from haut_ext.bulk import bulk_results
    from haut_ext.bulk.manifest import read_subject_ids
    from haut_ext.bulk.results import count_uploads

    with client() as haut:
        total, ids = 0, None
        if subjects is not None:
            ids = list(read_subject_ids(subjects))
            total = len(ids)
        elif journal is not None:
            total = count_uploads(journal, haut.scope)
        elif dataset is not None:
            total = haut.subjects.list(page_size=1, dataset_id=dataset).total
        with _progress(total, "rows" if journal else "subjects") as progress:
            report = bulk_results(
                haut,
                to=to,
                journal=journal,
                subjects=ids,
                dataset_id=dataset,
                api="v3" if v3 else "v1",
                wait_for=wait_for or (),
                settled_after=settled_after,
                poll_interval=poll_interval,
                wait_timeout=wait_timeout,
                max_in_flight=max_in_flight,
                requests_per_second=requests_per_second,
                progress=progress,
            )
    _print(report, json)


@contextmanager
def _progress(total: int, unit: str) -> Generator[BulkProgress]:
    """Show a progress bar, and on Ctrl-C finish the rows in progress before the process ends."""
    from haut_ext.cli.progress_bars import rows_bar

    advice = "Run the same command again to continue."
    with rows_bar() as bar:
        task = bar.add_task(unit, total=total)

        def update(report: BulkReport) -> None:
            processed = report.done + report.bad + report.changed + report.failed + report.unknown
            # Counting skipped rows would distort the displayed rate.
            bar.update(task, completed=processed, total=total - report.skipped)

        try:
            with finish_on_first_interrupt(bar.console, advice):
                yield update
        except KeyboardInterrupt:
            bar.console.print(f"Stopped. {advice}")
            raise typer.Exit(INTERRUPTED) from None


def _print(report: BulkReport, json: bool) -> None:
    if json:
        output.print_json(asdict(report))
    else:
        output.out().print(str(report))
    if report.problems is None:
        return
    if not json:
        problems = list(islice(_read_problems(report.problems), _SHOWN_PROBLEMS))
        output.print_table(("row", "problem", "reason"), problems)
    raise typer.Exit(ROWS_WITH_PROBLEMS)


def _read_problems(path: Path) -> Iterator[tuple[str, str, str]]:
    from haut_ext.bulk import read_manifest

    for line in read_manifest(path):
        cells = {"reason": line} if isinstance(line, str) else line
        row, problem, reason = (cells.get(name, "") for name in ("row", "problem", "reason"))
        yield row, problem, error_message(reason)
