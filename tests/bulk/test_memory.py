"""Tests that the memory use of a bulk run does not depend on the number of rows or problems."""

from __future__ import annotations

import gc
import multiprocessing
import tracemalloc
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from haut_ext import Haut
from haut_ext.bulk import BulkReport, bulk_upload
from haut_ext.sandbox import Credentials, Sandbox, faults

ROWS = 300
EARLY, LATE = range(100, 120), range(280, 300)


def measure(credentials: Credentials, photo: Path, connection: Connection) -> None:
    """Measure the memory allocated early and late in a bulk run, and send the minimum of each stage."""
    samples: dict[range, list[int]] = {EARLY: [], LATE: []}

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(ROWS):
            yield {"subject": f"person {number}", "front": photo if number % 10 else "missing"}

    def progress(report: BulkReport) -> None:
        for period, sizes in samples.items():
            if report.done + report.bad + report.failed in period:
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    with Haut(**credentials) as haut:
        bulk_upload(haut, rows(), journal=photo.parent / "journal", progress=progress)
    connection.send([min(sizes) for sizes in samples.values()])


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_rows(
    tmp_path: Path, photo: Path, sandbox: Sandbox
) -> None:
    for _ in range(ROWS // 10):
        sandbox.faults.add("create_signed_upload_url", faults.status(403), skip=9)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("forkserver").Process(
        target=measure, args=(sandbox.credentials, photo, theirs)
    )
    process.start()
    before, after = ours.recv()
    process.join()
    assert after - before < 75_000  # a run that kept each row in memory would exceed this
