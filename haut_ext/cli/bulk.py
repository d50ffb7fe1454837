"""Defines the `haut bulk` commands, which upload or erase many subjects, or read their results."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from attrs import asdict

from haut_ext import ConfigError
from haut_ext.cli import output
from haut_ext.cli.client import client
from haut_ext.cli.error_messages import error_message
from haut_ext.cli.exit_codes import INTERRUPTED, ROWS_WITH_PROBLEMS
from haut_ext.cli.interrupts import finish_on_first_interrupt
from haut_ext.cli.options import (
    AllWithThisName,
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
    from haut_ext.bulk import BulkProgress, BulkReport, ErasurePlan

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
        help="Text file with one subject id per line, or a .csv or .jsonl file with subject_id or id.",
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
        "haut bulk erase list.txt --journal run.journal --receipts receipts --dry-run",
        "haut bulk erase list.txt --journal run.journal --receipts receipts --yes",
        "haut bulk erase - --journal run.journal --receipts folder --yes < list.csv",
    )
)
def erase(
    subjects: Annotated[
        str,
        typer.Argument(
            metavar="LIST",
            help="Text file with one id or name per line, or a .csv or .jsonl file with subject_id, id "
            "or name. A pipe, or - for stdin, can contain the same.",
        ),
    ],
    journal: _Journal,
    receipts: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder for the receipts and the summary.")
    ],
    reference: Reference = None,
    all_with_this_name: AllWithThisName = False,
    max_in_flight: _MaxInFlight = 8,
    requests_per_second: _RequestsPerSecond = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Erase all data of many subjects, and write a receipt for each and a summary.

    A line that is a UUID is an id; any other line is an exact name. If the run is interrupted,
    running the same command again continues it.
    """
    from haut_ext.bulk import bulk_erase, plan_erasure
    from haut_ext.bulk.subject_list import read_subject_list

    if subjects == "-" and not (yes or dry_run):
        raise ConfigError("the list is read from stdin, so pass --yes or --dry-run")
    run: dict[str, Any] = {
        "journal": journal,
        "receipts": receipts,
        "reference": reference,
        "max_in_flight": max_in_flight,
        "requests_per_second": requests_per_second,
    }
    with client() as haut:
        rows = read_subject_list(subjects)
        with _progress(len(rows), "lookups") as progress:
            plan = plan_erasure(
                haut, rows, all_with_this_name=all_with_this_name, progress=progress, **run
            )
        _print_plan(plan, json=json, dry_run=dry_run)
        target = {"subjects": len(plan.subject_ids)}
        if not output.confirm_deletion(haut, target, yes=yes, dry_run=dry_run, json=False):
            raise typer.Exit(0 if plan.complete else ROWS_WITH_PROBLEMS)
        with _progress(len(plan.entries), "subjects") as progress:
            report = bulk_erase(haut, plan, progress=progress, **run)
    _print(report, json)


def _print_plan(plan: ErasurePlan, *, json: bool, dry_run: bool) -> None:
    """Print a plan: in a dry run to stdout, otherwise its counts to stderr."""
    output.err().print(f"Plan: {plan}")
    if any(entry.status == "ambiguous" for entry in plan.entries):
        output.err().print("To erase all subjects of a name, pass --all-with-this-name.")
    if dry_run:
        output.print_list(
            plan.entries,
            ("row", "input", "subject id", "status", "remark"),
            lambda it: (it.row, it.input, it.subject_id, it.status, error_message(it.remark)),
            asdict,
            json=json,
        )


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
    from haut_ext.bulk.result_tables import check_target
    from haut_ext.bulk.results import count_uploads
    from haut_ext.bulk.subject_list import parse_subjects, read_subject_list

    check_target(to)  # before the request that counts the subjects
    with client() as haut:
        total, ids = 0, None
        if subjects is not None:
            ids = [
                row.subject_id or row.text for row in parse_subjects(read_subject_list(subjects))
            ]
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
    if report.complete:
        return
    if not json:
        columns, problems = _problems(report)
        output.print_table(columns, list(islice(problems, _SHOWN_PROBLEMS)))
    raise typer.Exit(ROWS_WITH_PROBLEMS)


def _problems(report: BulkReport) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
    from haut_ext.bulk.receipt_files import read_summary

    if report.summary is not None:
        lines = (line for line in read_summary(report.summary) if line["verified"] == "no")
        cells = ((it["input"], it["subject_id"], error_message(it["remark"])) for it in lines)
        return ("input", "subject id", "remark"), cells
    assert report.problems is not None
    return ("row", "problem", "reason"), _read_problems(report.problems)


def _read_problems(path: Path) -> Iterator[tuple[str, str, str]]:
    from haut_ext.bulk import read_manifest

    for line in read_manifest(path):
        cells = {"reason": line} if isinstance(line, str) else line
        row, problem, reason = (cells.get(name, "") for name in ("row", "problem", "reason"))
        yield row, problem, error_message(reason)
