"""Bulk runs in another process, which a state machine can kill. This module is fast to import."""

from __future__ import annotations

import multiprocessing
import os
import signal
import ssl
import sys
from pathlib import Path
from typing import Any

from haut_ext import Haut
from haut_ext.bulk import (
    BulkReport,
    BulkStopped,
    bulk_erase,
    bulk_results,
    bulk_upload,
    plan_erasure,
    rate_limiter,
)

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["__main__", "haut_ext.bulk", __name__])

SSL_CONTEXT = ssl.create_default_context()
STOPPED = 3
"""Exit code of a process whose run stopped early."""


def upload(credentials: Any, rows: Any, journal: Path, options: dict[str, Any]) -> BulkReport:
    with Haut(**credentials, max_retries=0, verify=SSL_CONTEXT) as haut:
        return bulk_upload(haut, rows, journal=journal, **options)


def erase(credentials: Any, ids: Any, journal: Path, options: dict[str, Any]) -> BulkReport:
    with Haut(**credentials, max_retries=0, verify=SSL_CONTEXT) as haut:
        return erase_with(haut, ids, journal, options)


def erase_with(haut: Haut, subjects: Any, journal: Path, options: dict[str, Any]) -> BulkReport:
    """Erase subjects. With the option `plan_first`, carry out a plan that was made before."""
    options = {**options, "journal": journal}
    if options.pop("plan_first", False):
        subjects = plan_erasure(haut, subjects, **options)
    return bulk_erase(haut, subjects, receipts=journal.parent / "receipts", **options)


def results(credentials: Any, source: Any, journal: Path, options: dict[str, Any]) -> BulkReport:
    """Write a table next to its journal. Kill the process before the change `kill` of a file."""
    options = dict(options)
    if kill := options.pop("kill", 0):
        _kill_before_file_change(journal.parent, kill)
    with Haut(**credentials, max_retries=0, verify=SSL_CONTEXT) as haut:
        return bulk_results(haut, to=journal.with_suffix(""), **source, **options)


def _kill_before_file_change(folder: Path, number: int) -> None:
    """Kill this process before it links, renames or deletes a file in the folder."""
    count = 0

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event in ("os.link", "os.rename", "os.remove") and str(folder) in str(arguments[0]):
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)


def run_in_process(work: Any, *arguments: Any) -> None:
    """Run `upload`, `erase` or `results` without pauses."""
    vars(rate_limiter).update(_INITIAL_PAUSE=0.001, _MAX_PAUSE=0.001)
    try:
        work(*arguments)
    except BulkStopped:
        os._exit(STOPPED)
