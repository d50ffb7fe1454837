"""Defines the command `haut erase`, which erases all data of one or more subjects."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from haut_ext import ConfigError, ErasureIncomplete, ErasureReceipt, NotFound
from haut_ext.cli import output
from haut_ext.cli.client import client, command
from haut_ext.cli.erase_targets import Target, find_subjects, print_subjects, receipt_paths
from haut_ext.cli.exit_codes import INCOMPLETE
from haut_ext.cli.options import (
    AllWithThisName,
    DryRun,
    Flag,
    Json,
    KeepSubject,
    Receipt,
    Reference,
    SubjectsOrReceipts,
    Yes,
    examples,
)
from haut_ext.cli.receipts import print_json, print_page, show_receipts, verify_receipts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from haut_ext import Haut

EXAMPLES = examples(
    "haut erase customer-4711 customer-4712 --dry-run",
    "haut erase 2fea742a-62ec-4a81-9729-9e0283f9c40c --yes --receipt receipt.json",
    "haut erase --show receipt.json",
    "haut erase --verify receipt.json",
)


def erase(
    subjects: SubjectsOrReceipts,
    yes: Yes = False,
    dry_run: DryRun = False,
    all_with_this_name: AllWithThisName = False,
    keep_subject: KeepSubject = False,
    receipt: Receipt = None,
    reference: Reference = None,
    show: Annotated[bool, Flag("--show", help="Print the receipt FILE as a page.")] = False,
    verify: Annotated[
        bool, Flag("--verify", help="Make all checks again, and add their results to FILE.")
    ] = False,
    json: Json = False,
) -> None:
    """Erase all data of one or more persons, and write a receipt for each.

    After an erasure, the command verifies that the service has no data left. If it stops early, it
    prints the command that continues.
    """
    if show or verify:
        others = (yes, dry_run, all_with_this_name, keep_subject, receipt, reference)
        if any(others) or (show and verify):
            raise ConfigError("--show and --verify can be combined with --json only")
        (show_receipts if show else verify_receipts)([*map(Path, subjects)], json=json)
        return
    from haut_ext.erasure_receipt import check_reference

    check_reference(reference)
    given = _check_path(receipt)
    with client() as haut:
        if given is not None:
            haut.scope.check(given, str(receipt))
        found = find_subjects(haut, subjects, all_with_this_name=all_with_this_name)
        targets = [
            Target(it, path, _read_unfinished(haut, path, it, reference, keep_subject=keep_subject))
            for it, path in receipt_paths(receipt, list(found)).items()
        ]
        if dry_run or not yes:
            started = [it.subject_id for it in targets if it.started is not None]
            print_subjects(haut, found, started, json=json and dry_run, to_stderr=not dry_run)
        target: dict[str, object] = {"subjects": len(targets)}
        if keep_subject:
            target["keep_subject"] = True
        if not output.confirm_deletion(haut, target, yes=yes, dry_run=dry_run, json=False):
            return
        verified = _erase_all(
            haut, targets, reference, receipt, keep_subject=keep_subject, json=json
        )
    if not verified:
        raise typer.Exit(INCOMPLETE)


def _erase_all(
    haut: Haut,
    targets: Sequence[Target],
    reference: str | None,
    receipt: Path | None,
    *,
    keep_subject: bool,
    json: bool,
) -> bool:
    """Erase subjects one after another, and return whether all erasures are verified."""
    verified, several = True, len(targets) > 1
    saved = {target.subject_id for target in targets if target.started is not None}
    if receipt is not None and several:
        receipt.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number, target in enumerate(targets):
        try:
            erased = _erase(haut, target, reference, saved, keep_subject=keep_subject)
        except (ErasureIncomplete, ConfigError, NotFound, OSError, KeyboardInterrupt) as error:
            is_absent = isinstance(error, NotFound) and error.confirmed
            remaining = targets[number + is_absent :]
            if remaining and (number or target.subject_id in saved):
                path = receipt if several else target.path
                _print_advice(remaining, reference, path, keep_subject=keep_subject)
                output.exit_if_not_written(error)
            elif not number:
                output.err().print("The erasure stopped before anything was erased.")
            raise
        verified = verified and erased.verified
        if json:
            print_json(erased, several=several)
        else:
            print_page(erased, f"Receipt: {target.path}")
    return verified


def _print_advice(
    remaining: Sequence[Target], reference: str | None, receipt: Path | None, *, keep_subject: bool
) -> None:
    options = " --keep-subject" * keep_subject
    options += f" --reference {quote(reference)}" if reference else ""
    options += f" --receipt {quote(str(receipt))}" if receipt else ""
    ids = " ".join(str(target.subject_id) for target in remaining)
    output.err().print(f"The erasure stopped. Continue with: {command(f'erase {ids}{options}')}")


def _erase(
    haut: Haut, target: Target, reference: str | None, saved: set[UUID], *, keep_subject: bool
) -> ErasureReceipt:
    """Erase a subject. The receipt is on disk before each request that changes something.

    Adds the subject's id to `saved` once its receipt has been written.
    """
    from haut_ext.bulk.receipt_files import save_receipt

    def save(receipt: ErasureReceipt) -> None:
        save_receipt(target.path, receipt)
        saved.add(receipt.subject_id)

    return haut.erase_subject(
        target.subject_id,
        keep_subject=keep_subject,
        reference=reference,
        receipt=target.started,
        on_step=save,
    )


def _check_path(receipt: Path | None) -> ErasureReceipt | None:
    """Check the argument of --receipt, and return the receipt if the file exists."""
    from haut_ext.bulk.receipt_files import load_receipt

    is_folder = receipt is not None and receipt.is_dir()
    _check_folder(receipt / "receipt" if receipt is not None and is_folder else receipt or Path())
    return None if receipt is None or is_folder else load_receipt(receipt)


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
    haut: Haut, path: Path, subject_id: UUID, reference: str | None, *, keep_subject: bool
) -> ErasureReceipt | None:
    """Return the receipt of an erasure that has not been completed, if the file exists.

    Raises:
        ConfigError: If the file is something else, such as the receipt of another subject or of a
            completed erasure, of one that keeps the subject although `keep_subject` is false, or of
            one with another reference.
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
    if reference not in (None, receipt.reference):
        raise ConfigError(f"{path} is the receipt of an erasure with another reference")
    return receipt
