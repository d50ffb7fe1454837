"""Reads and writes the receipts of erasures. A receipt never replaces another one."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

from haut_ext import ConfigError, ErasureReceipt, private_files


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
        ConfigError: If the path is another receipt, or something else.
        OSError: If the file cannot be written.
    """
    earlier = load_receipt(path)
    text = receipt.to_json() + "\n"
    if earlier is None:
        private_files.create(path, text)
    elif receipt.continues(earlier):
        private_files.replace(path, text)
    else:
        raise ConfigError(f"{path} is the receipt of another erasure, which is not overwritten")


def path_for(folder: Path, receipt: ErasureReceipt) -> Path:
    """Return the path of a receipt in a folder: `<subject id>.json`, or `<subject id>-2.json` if
    another receipt of the subject is stored there, and so on."""
    for number in count(1):
        suffix = "" if number == 1 else f"-{number}"
        path = folder / f"{receipt.subject_id}{suffix}.json"
        try:
            earlier = load_receipt(path)
        except ConfigError:
            continue
        if earlier is None or receipt.continues(earlier):
            return path
    raise AssertionError  # pragma: no cover - the numbers do not end
