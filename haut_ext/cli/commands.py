"""What `haut` can do. Each command is a thin face of one method; what it prints is decided in output.

The client and what draws bars are imported by the commands that use them: `haut --help` and a
shell's completion need neither, and would spend most of their time on them.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from uuid import UUID

import typer
from attrs import asdict

from haut_ext import (
    ConfigError,
    ErasureIncomplete,
    ErasureReceipt,
    HautError,
    ImageRejected,
    Side,
    UploadIncomplete,
    UploadState,
)
from haut_ext.cli import output
from haut_ext.cli.credentials import client

if TYPE_CHECKING:
    from haut_ext import Haut
    from haut_ext.bulk import BulkReport

FAILED, WRONG_INPUT, PROBLEMS, INCOMPLETE = 1, 2, 3, 4

_CODES = """\b
Exit codes:
  0    done
  1    failed, or declined
  2    wrong input or configuration; nothing was asked of the service
  3    done, but for rows with a problem, which are listed
  4    stopped half-way; the message says how to go on
  130  interrupted (Ctrl-C)"""

app = typer.Typer(
    name="haut",
    help="Photos of skin and their analysis: upload, look, erase. Configuration: HAUT_TOKEN or "
    "HAUT_TOKEN_FILE, HAUT_COMPANY_ID, HAUT_DATASET_ID, HAUT_BASE_URL.",
    epilog=_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"max_content_width": 100},
)
bulk = typer.Typer(
    help="Upload or erase many, with a journal.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(bulk, name="bulk")

Flag = typer.Option  # of a name alone: typer would add --no-...
Json = Annotated[bool, Flag("--json", help="Print JSON, for machines.")]
Yes = Annotated[bool, Flag("--yes", help="Do not ask.")]
DryRun = Annotated[bool, Flag("--dry-run", help="Show what would go, and stop.")]
Wait = Annotated[bool, Flag("--wait", help="Wait for the analysis.")]
Keep = Annotated[bool, Flag("--keep-subject", help="Leave the subject's record, emptied.")]
Again = Annotated[bool, Flag("--compute-again", help="Pay again where it may have been started.")]
Photo = Annotated[Path | None, typer.Option(help="JPEG, PNG or WEBP, at least 256 px.")]
Resume = Annotated[Path | None, typer.Option(help="Finish the upload whose state is in this file.")]
Receipt = Annotated[
    Path | None, typer.Option(help="The receipt's file [default: erasure-<id>.json].")
]
Subject = Annotated[str, typer.Argument(metavar="SUBJECT", help="A UUID, or the exact name.")]
Manifest = Annotated[Path, typer.Argument(help=".csv, .jsonl, or a folder: <subject>/front.jpg")]
Ids = Annotated[Path, typer.Argument(help="One UUID a line, or .csv with a column subject_id.")]
Receipts = Annotated[Path, typer.Option(help="The folder for the receipts.")]
Journal = Annotated[Path, typer.Option(help="The file that knows how far the run is.")]
InFlight = Annotated[int, typer.Option(min=1, help="How many at once.")]
PerSecond = Annotated[float | None, typer.Option(help="Requests to the API in a second, at most.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 for any free one.")]


def _examples(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def run() -> NoReturn:
    """Run the command line, and exit with a code of the list above."""
    try:
        app(prog_name="haut")
    except HautError as error:
        from haut_ext.bulk import BulkStopped

        output.err().print(f"haut: {error}")
        stopped = isinstance(error, UploadIncomplete | ErasureIncomplete | BulkStopped)
        wrong = isinstance(error, ConfigError | ImageRejected)
        sys.exit(INCOMPLETE if stopped else WRONG_INPUT if wrong else FAILED)
    except OSError as error:
        output.err().print(f"haut: {error}")
        sys.exit(FAILED)
    sys.exit(0)


def _subject_id(haut: Haut, subject: str) -> UUID:
    """Return the id of a subject given by its id or its exact name."""
    try:
        return UUID(subject)
    except ValueError:
        found = [item.id for item in haut.subjects.iterate(subject) if item.name == subject]
    if len(found) == 1:
        return found[0]
    raise ConfigError(
        f"{len(found)} subjects have this name; name one by its id"
        + "".join(f"\n  {subject_id}" for subject_id in found)
    )


@app.command(epilog=_examples("haut subjects", "haut subjects --q customer-47 --json"))
def subjects(
    q: Annotated[str | None, typer.Option(help="The service's search term.")] = None,
    json: Json = False,
) -> None:
    """List the subjects.

    A table of the first 50, or all of them as JSON lines.
    """
    with client() as haut:
        found = haut.subjects.iterate(q)
        if json:
            for subject in found:
                output.print_json(subject.to_dict())
            return
        shown = [(item.id, _time(item.creation_time), item.name) for item in islice(found, 51)]
        _table(("id", "created (UTC)", "name"), shown)


@app.command(epilog=_examples("haut images customer-4711", "haut images customer-4711 --json"))
def images(subject: Subject, json: Json = False) -> None:
    """List a subject's images.

    A table of the first 50, or all of them as JSON lines.
    """
    with client() as haut:
        found = haut.images.iterate(_subject_id(haut, subject))
        if json:
            for image in found:
                # A signed address opens the photo to whoever reads the output.
                output.print_json(
                    {**image.to_dict(), "signed_url": None, "aux_images": len(image.aux_images)}
                )
            return
        shown = [
            (
                image.id,
                image.side,
                image.quality_score,
                "yes" if image.signed_url else "no",
                _time(image.created_at),
            )
            for image in islice(found, 51)
        ]
        _table(("id", "side", "score", "file", "created (UTC)"), shown)


def _time(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _table(columns: tuple[str, ...], rows: Sequence[Sequence[object]]) -> None:
    output.print_table(columns, rows[:50])
    if len(rows) > 50:
        output.err().print("There are more: narrow the search, or use --json.")


@app.command(
    epilog=_examples(
        "haut upload customer-4711 --front front.jpg",
        "haut upload customer-4711 --front f.jpg --right r.jpg --left l.jpg --wait",
    )
)
def upload(
    subject: Subject,
    front: Photo = None,
    right: Photo = None,
    left: Photo = None,
    wait: Wait = False,
    resume: Resume = None,
    compute_again: Again = False,
    json: Json = False,
) -> None:
    """Upload a subject's photos, start the analysis.

    The photos form one batch. The analysis is billed. A name that no subject has makes a new one.
    """
    from haut_ext.cli.progress_bars import bytes_bar

    given: dict[str, Path | None] = {"front": front, "right": right, "left": left}
    with client() as haut, bytes_bar() as bar:
        tasks = {side: bar.add_task(side, total=None) for side, photo in given.items() if photo}

        def progress(sent: int, total: int | None, side: Side) -> None:
            bar.update(tasks[side], completed=sent, total=total)

        states: list[UploadState] = []
        files: dict[str, Any] = {**given, "progress": progress, "on_state": states.append}
        with _kept_state(states):
            if resume is not None:
                state = _read_state(resume)
                batch = haut.resume_upload(state, **files, compute_again=compute_again)
                resume.unlink()
            else:
                if not tasks:
                    raise ConfigError("no photo: pass at least one of --front, --right and --left")
                try:
                    subject_id = UUID(subject)
                except ValueError:
                    subject_id = haut.subjects.get_or_create(subject).id
                batch = haut.upload_and_compute(subject_id, **files)
        analysed = haut.wait_for_analysis(batch) if wait else ()
    scores = {image.id: image.quality_score for image in analysed}
    if json:
        output.print_json(
            {**asdict(batch), "quality_scores": {str(k): v for k, v in scores.items()}}
        )
        return
    output.out().print(f"Subject {batch.subject_id}\nBatch   {batch.batch_id}")
    rows = [(image.image_id, image.side, scores.get(image.image_id)) for image in batch.images]
    output.print_table(("image", "side", "score"), rows)


def _read_state(path: Path) -> UploadState:
    try:
        return UploadState.from_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


@contextmanager
def _kept_state(states: list[UploadState]) -> Generator[None]:
    """Keep the last state of an upload that stops half-way in a file, and say how to go on."""
    try:
        yield
    except (UploadIncomplete, KeyboardInterrupt) as error:
        if not states:
            raise
        state = error.state if isinstance(error, UploadIncomplete) else states[-1]
        path = Path(f"haut-upload-{state.subject_id}.json")
        path.write_text(state.to_json() + "\n", encoding="utf-8")
        sides = "".join(f" --{side.side} ..." for side in state.sides if side.status != "stored")
        output.err().print(f"Go on with: haut upload {state.subject_id} --resume {path}{sides}")
        raise


@app.command(
    epilog=_examples(
        "haut erase customer-4711 --dry-run",
        "haut erase 2fea742a-62ec-4a81-9729-9e0283f9c40c --yes --receipt receipt.json",
    )
)
def erase(
    subject: Subject,
    yes: Yes = False,
    dry_run: DryRun = False,
    keep_subject: Keep = False,
    receipt: Receipt = None,
    json: Json = False,
) -> None:
    """Erase a person's data, and write a receipt.

    The service is asked again afterwards. When it stops half-way, the same command completes it from
    the receipt so far.
    """
    with client() as haut:
        subject_id = _subject_id(haut, subject)
        path = receipt or Path(f"erasure-{subject_id}.json")
        before = _begun(path)
        count = 0
        if before is None:
            count = haut.images.list(subject_id).total
            output.err().print(
                f"To be erased at {haut.scope.base_url}:\n"
                f"  dataset {haut.scope.dataset()}\n"
                f"  subject {subject_id}{' (its emptied record stays)' if keep_subject else ''}\n"
                f"  images, with their files and results: {count}\n"
                "  the subject's metadata"
            )
        if dry_run:
            if json:
                output.print_json({"subject_id": subject_id, "images": count})
            return
        if not yes:
            typer.confirm("This cannot be undone. Erase?", abort=True, err=True)
        try:
            done = haut.erase_subject(subject_id, keep_subject=keep_subject, receipt=before)
        except ErasureIncomplete as error:
            path.write_text(error.receipt.to_json() + "\n", encoding="utf-8")
            output.err().print(f"The receipt so far is in {path}; the same command completes it.")
            raise
    path.write_text(done.to_json() + "\n", encoding="utf-8")
    if json:
        sys.stdout.write(path.read_text(encoding="utf-8"))
    else:
        output.out().print(f"{done}\n\nReceipt: {path}")
    if not done.verified:
        raise typer.Exit(INCOMPLETE)


def _begun(path: Path) -> ErasureReceipt | None:
    """Return the receipt of an erasure that has not been completed."""
    if not path.exists():
        return None
    try:
        receipt = ErasureReceipt.from_json(path.read_text(encoding="utf-8"))
    except ValueError:
        raise ConfigError(
            f"{path} is something else than a receipt; name another --receipt"
        ) from None
    return None if receipt.verified else receipt


@bulk.command(
    "upload",
    epilog=_examples(
        "haut bulk upload photos/ --journal photos.journal",
        "haut bulk upload manifest.csv --journal run.journal --per-second 5",
        "haut bulk upload repaired.csv --journal run.journal",
    ),
)
def bulk_upload_command(
    manifest: Manifest,
    journal: Journal,
    in_flight: InFlight = 8,
    per_second: PerSecond = None,
    compute_again: Again = False,
    json: Json = False,
) -> None:
    """Upload many subjects' photos, and start the analysis.

    The analysis is billed, once for each row. The same command goes on where it was, whatever ended it.
    """
    from haut_ext.bulk import bulk_upload, read_manifest

    with client() as haut, _watched(sum(1 for _ in read_manifest(manifest)), "rows") as progress:
        report = bulk_upload(
            haut,
            manifest,
            journal=journal,
            in_flight=in_flight,
            per_second=per_second,
            compute_again=compute_again,
            progress=progress,
        )
    _conclude(report, json)


@bulk.command(
    "erase",
    epilog=_examples("haut bulk erase ids.txt --journal erase.journal --receipts receipts/"),
)
def bulk_erase_command(
    ids: Ids,
    journal: Journal,
    receipts: Receipts,
    in_flight: InFlight = 8,
    per_second: PerSecond = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Erase many subjects, with a receipt for each.

    The same command goes on where it was, whatever ended it.
    """
    from haut_ext.bulk import bulk_erase
    from haut_ext.bulk.manifest import read_subject_ids

    with client() as haut:
        total = sum(1 for _ in read_subject_ids(ids))
        output.err().print(
            f"To be erased at {haut.scope.base_url}:\n"
            f"  dataset {haut.scope.dataset()}\n"
            f"  all data of so many subjects: {total:,}"
        )
        if dry_run:
            if json:
                output.print_json({"subjects": total})
            return
        if not yes:
            typer.confirm("This cannot be undone. Erase?", abort=True, err=True)
        with _watched(total, "subjects") as progress:
            report = bulk_erase(
                haut,
                read_subject_ids(ids),
                journal=journal,
                receipts=receipts,
                in_flight=in_flight,
                per_second=per_second,
                progress=progress,
            )
    _conclude(report, json)


@contextmanager
def _watched(total: int, what: str) -> Generator[Any]:
    """Show how a run goes, and what Ctrl-C does."""
    from haut_ext.cli.progress_bars import rows_bar

    advice = "The same command goes on from here."
    with rows_bar() as bar:
        task = bar.add_task(what, total=total)

        def progress(report: BulkReport) -> None:
            worked = report.done + report.bad + report.changed + report.failed + report.unknown
            # What was done before is no measure of the rate.
            bar.update(task, completed=worked, total=total - report.skipped)

        try:
            with output.two_interrupts(bar.console, advice):
                yield progress
        except KeyboardInterrupt:
            bar.console.print(f"Stopped. {advice}")
            raise typer.Exit(output.INTERRUPTED) from None


def _conclude(report: BulkReport, json: bool) -> None:
    if json:
        output.print_json(asdict(report))
    else:
        output.out().print(str(report))
    if report.problems is None:
        return
    if not json:
        output.print_table(
            ("row", "problem", "reason"), list(islice(_problems(report.problems), 10))
        )
    raise typer.Exit(PROBLEMS)


def _problems(path: Path) -> Iterator[tuple[str, str, str]]:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        for line in csv.DictReader(file):
            yield line["row"], line["problem"], line["reason"]


@app.command(epilog=_examples("haut sandbox", "haut sandbox --port 8080 --seed 1"))
def sandbox(
    port: Port = 8080,
    storage_port: Port = 0,
    seed: Annotated[int | None, typer.Option(help="Make ids and times reproducible.")] = None,
) -> None:
    """Run a local stand-in for the service.

    In memory, on loopback; Ctrl-C stops it.
    """
    from haut_ext.sandbox.__main__ import main as run_sandbox

    arguments = ["--port", str(port), "--storage-port", str(storage_port)]
    raise typer.Exit(run_sandbox(arguments if seed is None else [*arguments, "--seed", str(seed)]))


@app.command("doctor", epilog=_examples("haut doctor", "haut doctor --json"))
def doctor_command(json: Json = False) -> None:
    """Check the setup, and say what to do.

    Versions, configuration, reachability, clock, token and dataset.
    """
    from haut_ext.cli import doctor

    well = True
    lines: list[tuple[str, str, str]] = []
    for check in doctor.examine():
        well = well and check.ok
        if json:
            output.print_json(asdict(check))
        lines.append(("ok" if check.ok else "PROBLEM", check.name, check.found))
        if check.advice:
            lines.append(("", "", f"What to do: {check.advice}"))
    if not json:
        output.print_prose(lines)
    if not well:
        raise typer.Exit(FAILED)
