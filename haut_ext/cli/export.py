"""Defines the command `haut export`, which writes all data of a subject to a folder or zip file."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from haut_ext import ExportIncomplete
from haut_ext.cli import output
from haut_ext.cli.client import client, command, find_subject_id
from haut_ext.cli.exit_codes import INCOMPLETE
from haut_ext.cli.options import Json, Reference, Subject, examples

if TYPE_CHECKING:
    from haut_ext import ExportManifest, Haut

EXAMPLES = examples(
    "haut export customer-4711 --to customer-4711.zip",
    "haut export 2fea742a-62ec-4a81-9729-9e0283f9c40c --to folder --reference DSAR-17",
)


def export(
    subject: Subject,
    to: Annotated[
        Path,
        typer.Option(metavar="PATH", help="New folder or, if it ends with .zip, new zip file."),
    ],
    reference: Reference = None,
    json: Json = False,
) -> None:
    """Write all data of a person to a folder or a zip file, with a manifest.

    If the export stops early, running the same command again continues it.
    """
    with client() as haut:
        exported = _export(haut, find_subject_id(haut, subject), to, reference)
    if json:
        output.write(exported.to_json() + "\n")
    else:
        output.out().print(*str(exported).split("\n"), "", f"Export: {to}")
    if not exported.complete:
        raise typer.Exit(INCOMPLETE)


def _export(haut: Haut, subject_id: UUID, to: Path, reference: str | None) -> ExportManifest:
    from haut_ext.cli.progress_bars import bytes_bar

    try:
        with bytes_bar() as bar:
            task = bar.add_task("Exporting", total=None)
            return haut.export_subject(
                subject_id,
                to=to,
                reference=reference,
                on_file=lambda file: bar.advance(task, file.size),
            )
    except (ExportIncomplete, KeyboardInterrupt):
        arguments = f"export {subject_id} --to {quote(str(to))}"
        output.err().print(f"The export stopped. Continue with: {command(arguments)}")
        raise
