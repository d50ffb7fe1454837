"""Defines the command `haut erase`, which erases all data of a subject."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from haut_ext import ConfigError, ErasureIncomplete, ErasureReceipt
from haut_ext.cli import output
from haut_ext.cli.client import client, command, find_subject_id
from haut_ext.cli.exit_codes import INCOMPLETE
from haut_ext.cli.options import DryRun, Flag, Json, Reference, Subject, Yes, examples

if TYPE_CHECKING:
    from haut_ext import Haut

EXAMPLES = examples(
    "haut erase customer-4711 --dry-run",
    "haut erase 2fea742a-62ec-4a81-9729-9e0283f9c40c --yes --receipt receipt.json",
)


def erase(
    subject: Subject,
    yes: Yes = False,
    dry_run: DryRun = False,
    keep_subject: Annotated[
        bool,
        Flag("--keep-subject", help="Keep the subject record and its name, and clear the rest."),
    ] = False,
    receipt: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Path of the receipt.  [default: erasure-<id>.json]"),
    ] = None,
    reference: Reference = None,
    json: Json = False,
) -> None:
    """Erase all data of a person, and write a receipt.

    After the erasure, the command verifies that the service has no data left. If the erasure stops
    early, running the same command again continues it from the receipt.
    """
    from haut_ext.bulk.receipt_files import load_receipt
    from haut_ext.erasure_receipt import check_reference

    check_reference(reference)
    if not dry_run:
        _check_folder(receipt or Path())
    given = None if receipt is None else load_receipt(receipt)
    with client() as haut:
        if receipt is not None and given is not None:
            haut.scope.check(given, str(receipt))
        subject_id = find_subject_id(haut, subject)
        path = receipt or Path(f"erasure-{subject_id}.json")
        started = _read_unfinished(haut, path, subject_id, keep_subject=keep_subject)
        target: dict[str, object] = {"subject_id": subject_id}
        if started is None:
            target["images"] = haut.images.list(subject_id).total
        if keep_subject:
            target["keep_subject"] = True
        if not output.confirm_deletion(haut, target, yes=yes, dry_run=dry_run, json=json):
            return
        erased = _erase(haut, subject_id, path, started, reference, keep_subject=keep_subject)
    if json:
        output.write(erased.to_json() + "\n")
    else:
        output.out().print(*str(erased).split("\n"), "", f"Receipt: {path}")
    if not erased.verified:
        raise typer.Exit(INCOMPLETE)


def _erase(
    haut: Haut,
    subject_id: UUID,
    path: Path,
    started: ErasureReceipt | None,
    reference: str | None,
    *,
    keep_subject: bool,
) -> ErasureReceipt:
    """Erase a subject. The receipt is on disk before each request that changes something."""
    from haut_ext.bulk.receipt_files import save_receipt

    try:
        return haut.erase_subject(
            subject_id,
            keep_subject=keep_subject,
            reference=reference,
            receipt=started,
            on_step=lambda receipt: save_receipt(path, receipt),
        )
    except (ErasureIncomplete, OSError, KeyboardInterrupt) as error:
        if path.exists():
            keep = " --keep-subject" if keep_subject else ""
            arguments = f"erase {subject_id}{keep} --receipt {quote(str(path))}"
            output.err().print(f"The erasure stopped. Continue with: {command(arguments)}")
            output.exit_if_not_written(error)
        else:
            output.err().print("The erasure stopped before anything was erased.")
        raise


def _check_folder(path: Path) -> None:
    """Raise ConfigError if no file can be created in the folder of a path."""
    from haut_ext.private_files import check_folder

    folder = path.parent
    try:
        check_folder(folder)
    except OSError as error:
        raise ConfigError(
            f"the receipt cannot be written to the folder {folder}: {error.strerror}. Pass another "
            "path as --receipt"
        ) from None


def _read_unfinished(
    haut: Haut, path: Path, subject_id: UUID, *, keep_subject: bool
) -> ErasureReceipt | None:
    """Return the receipt of an erasure that has not been completed, if the file exists.

    Raises:
        ConfigError: If the file is something else, such as the receipt of another subject or of a
            completed erasure, or of one that keeps the subject although `keep_subject` is false.
    """
    from haut_ext.bulk.receipt_files import load_receipt

    receipt = load_receipt(path)
    if receipt is None:
        return None
    haut.scope.check(receipt, str(path))
    if receipt.subject_id != subject_id:
        raise ConfigError(
            f"{path} is the receipt of another subject, {receipt.subject_id}, which is not "
            "overwritten: pass another path as --receipt"
        )
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
