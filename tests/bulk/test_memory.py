"""Tests that the memory use of a bulk run does not depend on the number of rows or problems."""

from __future__ import annotations

import gc
import multiprocessing
import sys
import tracemalloc
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from haut_ext import Haut
from haut_ext.bulk import BulkReport, bulk_results, bulk_upload
from haut_ext.sandbox import Credentials, Sandbox, faults
from tests.bulk.conftest import PHOTO
from tests.support.measure_upload_memory import resident_size

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


SUBJECTS = 60


def measure_results(
    credentials: Credentials, subjects: list[str], table: Path, connection: Connection
) -> None:
    """Send the memory allocated early and late in a run, and the peak while the table is written."""
    sizes: list[int] = []

    def progress(report: BulkReport) -> None:
        if report.done in (*range(20, 26), *range(SUBJECTS - 5, SUBJECTS + 1)):
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
            tracemalloc.reset_peak()

    tracemalloc.start()
    with Haut(**credentials) as haut:
        bulk_results(haut, to=table, subjects=subjects, max_in_flight=1, progress=progress)
    peak = tracemalloc.get_traced_memory()[1]
    connection.send((min(sizes[:6]), min(sizes[6:]), peak - sizes[-1]))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_results(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    subjects = sandbox.add_subjects(SUBJECTS)
    for subject in subjects:
        [image] = sandbox.add_images(subject, 1, PHOTO)
        haut.images.compute(image.batch.id)
    ours, theirs = multiprocessing.Pipe()
    ids = [subject.id for subject in subjects]
    process = multiprocessing.get_context("forkserver").Process(
        target=measure_results, args=(sandbox.credentials, ids, tmp_path / "table.csv", theirs)
    )
    process.start()
    before, after, written = ours.recv()
    process.join()
    assert after - before < 20_000  # a run that kept each row in memory would exceed this
    assert written < 500_000  # all rows of the table take about 2 MB


MANY = 8000


class Service(httpx.BaseTransport):
    """Returns the same image and results for each subject, faster than the sandbox."""

    def __init__(self, images: bytes, results: bytes) -> None:
        self.images, self.results = images, results

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        content = self.images if request.url.path.endswith("/images/") else self.results
        headers = {"content-type": "application/json", "date": "Thu, 26 Nov 2026 00:00:00 GMT"}
        return httpx.Response(200, headers=headers, content=content)


def measure_many(images: bytes, results: bytes, table: Path, connection: Connection) -> None:
    """Send the resident memory after an eighth of the subjects, after all, and the peak, in MB."""
    sizes: list[float] = []

    def progress(report: BulkReport) -> None:
        if report.done in (MANY // 8, MANY):
            sizes.append(resident_size("VmRSS") / 1e6)

    with Haut(
        token="t",
        company_id=UUID(int=1),
        dataset_id=UUID(int=2),
        transport=Service(images, results),
    ) as haut:
        subjects = (UUID(int=number, version=4) for number in range(MANY))
        bulk_results(haut, to=table, subjects=subjects, progress=progress)
    connection.send((*sizes, resident_size("VmHWM") / 1e6))


@pytest.mark.release
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_flat_for_thousands_of_images(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    [subject] = sandbox.add_subjects(1)
    sandbox.add_images(subject, 1, PHOTO)
    company = haut.scope.company_id
    path = f"/api/v1/companies/{company}/subjects/{subject.id}/images/"
    images = haut.request("GET", path).content
    results = Path("tests/data/results/era-2025.json").read_bytes()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("forkserver").Process(
        target=measure_many, args=(images, results, tmp_path / "table.jsonl", theirs)
    )
    process.start()
    early, late, peak = ours.recv()
    process.join()
    with (tmp_path / "table.jsonl").open() as table:
        assert sum(1 for _ in table) == 20 * MANY
    assert late - early < 5
    assert peak - early < 10  # the table takes 30 MB
