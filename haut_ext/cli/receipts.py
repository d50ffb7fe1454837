"""Prints the receipt of an erasure, and verifies the erasure again."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from haut_ext import ConfigError, ErasureReceipt, VerificationIncomplete
from haut_ext.cli import output
from haut_ext.cli.client import client
from haut_ext.cli.error_messages import error_message
from haut_ext.cli.exit_codes import DATA_FOUND, INCOMPLETE

if TYPE_CHECKING:
    from haut_ext import Haut

_MAX_WIDTH = 80


def show_receipts(paths: Sequence[Path], *, json: bool) -> None:
    """Print receipts."""
    receipts = [_load(path) for path in paths]
    for receipt in receipts:
        if json:
            print_json(receipt, several=len(paths) > 1)
        else:
            print_page(receipt, *([""] if receipt is not receipts[-1] else []))


def print_json(receipt: ErasureReceipt, *, several: bool) -> None:
    """Print a receipt as JSON, on one line if it is one of several."""
    text = receipt.to_json()
    output.write((" ".join(map(str.strip, text.split("\n"))) if several else text) + "\n")


def print_page(receipt: ErasureReceipt, *lines: str) -> None:
    """Print a receipt as a page that fits the terminal, and then more lines."""
    width = min(_MAX_WIDTH, shutil.get_terminal_size((_MAX_WIDTH, 1)).columns)
    output.out().print(*receipt.to_text(width).split("\n"), *lines)


def verify_receipts(paths: Sequence[Path], *, json: bool) -> None:
    """Make all checks of erasures again, and add their results to the files of the receipts.

    Each result is on disk before the next request.
    """
    receipts = {path: _load(path) for path in paths}
    code = 0
    with client() as haut:
        for path, receipt in receipts.items():
            haut.scope.check(receipt, str(path))
        for path, receipt in receipts.items():
            code = max(code, _verify(haut, path, receipt, json=json, several=len(paths) > 1))
    if code:
        raise typer.Exit(code)


def _verify(haut: Haut, path: Path, receipt: ErasureReceipt, *, json: bool, several: bool) -> int:
    """Verify an erasure, print the result, and return the exit code."""
    from haut_ext.bulk.receipt_files import save_receipt

    saved = receipt

    def save(changed: ErasureReceipt) -> None:
        nonlocal saved
        save_receipt(path, changed)
        saved = changed

    stopped: Exception | None = None
    try:
        haut.verify_erasure(receipt, dataset_id=receipt.dataset_id, on_step=save)
    except VerificationIncomplete as error:
        stopped = error
    except (OSError, ConfigError, KeyboardInterrupt) as error:
        if saved is not receipt:
            output.err().print(
                f"The verification stopped. {path} contains the results so far. To make all checks, "
                "run the same command again."
            )
        if isinstance(error, KeyboardInterrupt):
            raise
        stopped = error  # other receipts are verified nevertheless
    if saved is not receipt and json:
        print_json(saved, several=several)
    elif saved is not receipt:
        output.out().print(f"{path}: verified: {saved.conclusion}")
    if stopped is not None:
        output.err().print(f"haut: {error_message(stopped)}")
    if saved.findings:
        return DATA_FOUND
    return 0 if saved.verified and stopped is None else INCOMPLETE


def _load(path: Path) -> ErasureReceipt:
    from haut_ext.bulk.receipt_files import load_receipt

    receipt = load_receipt(path)
    if receipt is None:
        raise ConfigError(f"the receipt {path} does not exist")
    return receipt
