"""Reads and writes the receipts of erasures, and the summary of a list of erasures.

A receipt or summary never replaces another one.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

from haut_ext import ConfigError, ErasureReceipt, private_files
from haut_ext.csv_cells import unmarked

SUMMARY_COLUMNS = ("input", "subject_id", "receipt_file", "verified", "remark")


def load_receipt(path: Path) -> ErasureReceipt | None:
    """Return the receipt stored at a path, or None if nothing exists there.

    Raises:
        ConfigError: If the path is something else, such as a link or a damaged receipt.
    """
    if not os.path.lexists(path):
        return None
    try:
        return ErasureReceipt.from_json(private_files.read(path))
    except UnicodeError:
        reason = "it is not a text file"
    except ValueError as error:
        reason = str(error)
    except OSError as error:
        reason = "it is a link" if path.is_symlink() else str(error.strerror)
    raise ConfigError(f"{path} cannot be used as the file of a receipt: {reason}")


def save_receipt(path: Path, receipt: ErasureReceipt) -> None:
    """Write a receipt to a path, where an earlier state of the same erasure may be stored.

    Raises:
        ConfigError: If the path is another receipt, or something else, or another program has added
            steps to the receipt in the meantime.
        OSError: If the file cannot be written.
    """
    text = receipt.to_json() + "\n"
    if load_receipt(path) is None:
        private_files.create(path, text)
        return
    with private_files.locked(path):
        earlier = load_receipt(path)
        if earlier is None or not receipt.continues(earlier):
            raise ConfigError(
                f"{path} is the receipt of another erasure, or another program has changed it since it "
                "was read: it is not overwritten"
            )
        private_files.replace(path, text)


def path_for(folder: Path, receipt: ErasureReceipt) -> tuple[Path, ErasureReceipt | None]:
    """Return the path of a receipt in a folder: `<subject id>.json`, or `<subject id>-2.json` if
    another receipt of the subject is stored there, and so on.

    If the path contains the receipt already, or a later state of it with the results of a
    verification, return this state, too.
    """
    for path in _numbered(folder, str(receipt.subject_id), ".json"):
        try:
            stored = load_receipt(path)
        except ConfigError:
            continue
        if stored is None or receipt.continues(stored) or stored.continues(receipt):
            return path, stored if stored and stored.continues(receipt) else None
    raise AssertionError  # pragma: no cover - the numbers do not end


def path_for_summary(folder: Path, inputs: Sequence[str], journal: str | os.PathLike[str]) -> Path:
    """Return the path of the summary of a list: `summary.csv`, or `summary-2.csv` if something else
    is stored there, such as the summary of another list, and so on.

    Args:
        folder: The folder.
        inputs: The ids and names of the list, in its order.
        journal: Path of the journal, which is not read: closing it would release its lock.
    """
    for path in _numbered(folder, "summary", ".csv"):
        if not os.path.lexists(path):
            return path
        if os.path.realpath(path) == os.path.realpath(journal):
            continue
        with suppress(OSError, ValueError, csv.Error):
            if _distinct(line["input"] for line in read_summary(path)) == _distinct(inputs):
                return path
    raise AssertionError  # pragma: no cover - the numbers do not end


def read_summary(path: Path) -> Iterator[dict[str, str]]:
    """Yield the lines of a summary.

    Raises:
        OSError, ValueError, csv.Error: If the file cannot be read, or is something else.
    """
    lines = csv.DictReader(io.StringIO(private_files.read(path), newline=""))
    if tuple(lines.fieldnames or ()) != SUMMARY_COLUMNS:
        raise ValueError("it is not a summary")
    for line in lines:
        yield {name: cell or "" for name, cell in unmarked(line).items()}


def _distinct(inputs: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(inputs))


def _numbered(folder: Path, stem: str, suffix: str) -> Iterator[Path]:
    for number in count(1):
        yield folder / (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
