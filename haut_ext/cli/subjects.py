"""Defines the `haut subjects` commands, which list, find and delete subjects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from haut_ext.cli import output
from haut_ext.cli.client import client, find_subject_id
from haut_ext.cli.exit_codes import FAILURE
from haut_ext.cli.options import DryRun, Json, Subject, Yes, examples, group

if TYPE_CHECKING:
    from collections.abc import Iterable

    import haut_ext

app = group("List, find and delete subjects.")


@app.command(
    "list", epilog=examples("haut subjects list", "haut subjects list --search customer-47 --json")
)
def list_subjects(
    search: Annotated[
        str | None,
        typer.Option(metavar="TERM", help="List subjects whose name contains this term."),
    ] = None,
    json: Json = False,
) -> None:
    """List the subjects of the dataset.

    Prints a table of the first 50 subjects or, with --json, all subjects, one per line.
    """
    with client() as haut:
        _print(haut.subjects.iterate(search), json)


@app.command(
    epilog=examples("haut subjects find customer-4711", "haut subjects find customer-4711 --json")
)
def find(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Exact name of a subject.")],
    json: Json = False,
) -> None:
    """Find the subjects that have exactly the given name.

    Exits with code 1 if no subject has the name.
    """
    with client() as haut:
        found = haut.subjects.find(name)
        if not found:
            output.err().print("haut: no subject has this name")
            raise typer.Exit(FAILURE)
        _print(found, json)


@app.command(
    epilog=examples(
        "haut subjects delete customer-4711 --dry-run",
        "haut subjects delete 2fea742a-62ec-4a81-9729-9e0283f9c40c --yes",
    )
)
def delete(subject: Subject, yes: Yes = False, dry_run: DryRun = False, json: Json = False) -> None:
    """Delete the record of a subject.

    To erase all data of a person and get a receipt, use haut erase.
    """
    with client() as haut:
        target = {"subject_id": find_subject_id(haut, subject)}
        if output.confirm_deletion(haut, target, yes=yes, dry_run=dry_run, json=json):
            haut.subjects.delete(target["subject_id"])
            output.print_deleted(target, json=json)


def _print(subjects: Iterable[haut_ext.Subject], json: bool) -> None:
    output.print_list(
        subjects,
        ("id", "created (UTC)", "name"),
        lambda subject: (subject.id, output.format_time(subject.creation_time), subject.name),
        lambda subject: subject.to_dict(),
        json=json,
    )
