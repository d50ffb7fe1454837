"""Defines the command `haut erase`, which erases all data of a subject."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from haut_ext import ConfigError, ErasureIncomplete, ErasureReceipt
from haut_ext.cli import output
from haut_ext.cli.client import client, find_subject_id
from haut_ext.cli.exit_codes import INCOMPLETE
from haut_ext.cli.options import DryRun, Flag, Json, Subject, Yes, examples

EXAMPLES = examples(
    "haut erase customer-4711 --dry-run",
    "haut erase 2fea742a-62ec-4a81-9729-9e0283f9c40c --yes --receipt receipt.json",
)


def erase(
    subject: Subject,
    yes: Yes = False,
    dry_run: DryRun = False,
    keep_subject: Annotated[
        bool, Flag("--keep-subject", help="Keep the subject record, but remove its metadata.")
    ] = False,
    receipt: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Path of the receipt.  [default: erasure-<id>.json]"),
    ] = None,
    json: Json = False,
) -> None:
    """Erase all data of a person, and write a receipt.

    After the erasure, the command verifies that the service has no data left. If the erasure stops
    early, running the same command again continues it from the receipt.
    """
    with client() as haut:
        subject_id = find_subject_id(haut, subject)
        path = receipt or Path(f"erasure-{subject_id}.json")
        started = _read_unfinished(path, keep_subject=keep_subject)
        target: dict[str, object] = {"subject_id": subject_id}
        if started is None:
            target["images"] = haut.images.list(subject_id).total
        if keep_subject:
            target["keep_subject"] = True
        if not output.confirm_deletion(haut, target, yes=yes, dry_run=dry_run, json=json):
            return

        def write(receipt: ErasureReceipt) -> None:
            path.write_text(receipt.to_json() + "\n", encoding="utf-8")

        try:
            erased = haut.erase_subject(
                subject_id, keep_subject=keep_subject, receipt=started, on_step=write
            )
        except (ErasureIncomplete, KeyboardInterrupt):
            keep = " --keep-subject" if keep_subject else ""
            command = f"haut erase {subject_id}{keep} --receipt {quote(str(path))}"
            output.err().print(f"The erasure stopped. Continue with: {command}")
            raise
        write(erased)
    if json:
        output.write(path.read_text(encoding="utf-8"))
    else:
        output.out().print(f"{erased}\n\nReceipt: {path}")
    if not erased.verified:
        raise typer.Exit(INCOMPLETE)


def _read_unfinished(path: Path, *, keep_subject: bool) -> ErasureReceipt | None:
    """Return the receipt of an erasure that has not been completed, if the file exists.

    Raises:
        ConfigError: If the file is something else, such as the receipt of a completed erasure, or of
            one that keeps the subject although `keep_subject` is false.
    """
    if not path.exists():
        return None
    try:
        receipt = ErasureReceipt.from_json(path.read_text(encoding="utf-8"))
    except ValueError:
        raise ConfigError(f"{path} is not a receipt: pass another path as --receipt") from None
    if receipt.verified:
        raise ConfigError(
            f"{path} is the receipt of a completed erasure, which is not overwritten: pass another "
            "path as --receipt"
        )
    if receipt.keep_subject and not keep_subject:
        raise ConfigError(
            f"{path} is the receipt of an erasure that keeps the subject: pass --keep-subject to "
            "continue it, or another path as --receipt to erase the subject, too"
        )
    return receipt
