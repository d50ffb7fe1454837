"""Bulk runs that are killed repeatedly store the same data as a complete run and analyze each row once.

The sandbox kills the process of a run after a given number of requests, so the tests do not depend on
timing. A server process imports all modules once and forks itself for each of the 25 runs, which
therefore start quickly.
"""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import random
import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from haut_ext import Haut
from haut_ext.bulk import bulk_erase, bulk_results, bulk_upload
from haut_ext.sandbox import Credentials, Request, Sandbox
from tests.bulk.conftest import PHOTO
from tests.bulk.service_state import delete_leftovers, service_state

ROWS = 150
KILLS = 25
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["haut_ext.bulk"])


def upload(
    credentials: Credentials, manifest: Path, journal: Path, *, compute_again: bool = False
) -> None:
    with Haut(**credentials) as haut:
        bulk_upload(haut, manifest, journal=journal, compute_again=compute_again)


def erase(credentials: Credentials, subject_ids: list[str], journal: Path) -> None:
    with Haut(**credentials) as haut:
        bulk_erase(haut, subject_ids, journal=journal, receipts=journal.parent / "receipts")


def export(credentials: Credentials, table: Path, uploads: Path | None) -> None:
    with Haut(**credentials) as haut:
        source = {"dataset_id": haut.scope.dataset_id} if uploads is None else {"journal": uploads}
        bulk_results(haut, to=table, **source)


def run_until(sandbox: Sandbox, arrivals: int | None, work: Callable[[], None]) -> int | None:
    """Run `work` in another process, kill it after `arrivals` requests, and return its exit code."""
    process = _processes.Process(target=work)
    count = 0
    lock = threading.Lock()

    def on_request(request: Request) -> None:
        nonlocal count
        with lock:
            count += 1
            if count == arrivals and process.pid is not None:
                os.kill(process.pid, signal.SIGKILL)

    sandbox.before_request = on_request
    process.start()
    process.join()
    sandbox.before_request = None
    return process.exitcode


def write_manifest(folder: Path) -> Path:
    """Write a manifest of 150 rows for 100 persons; every tenth row has photos of all three sides."""
    (folder / "photo.jpg").write_bytes(PHOTO)
    (folder / "other.jpg").write_bytes(PHOTO + b"other")
    manifest = folder / "manifest.jsonl"
    with manifest.open("w") as file:
        for number in range(ROWS):
            row: dict[str, Any] = {"subject": f"person {number % 100}", "front": "photo.jpg"}
            if number % 10 == 0:
                row |= {"right": "other.jpg", "left": "photo.jpg"}
            file.write(json.dumps({**row, "meta": {"number": number}}) + "\n")
    return manifest


@pytest.mark.slow
def test_upload_killed_25_times_ends_in_the_state_of_an_undisturbed_run(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path)
    with Sandbox() as undisturbed:
        with Haut(**undisturbed.credentials) as haut:
            bulk_upload(haut, manifest, journal=tmp_path / "undisturbed")
        expected = service_state(undisturbed)
    assert sum(len(subject["batches"]) for subject in expected) == ROWS

    generator = random.Random(7)
    with Sandbox(analysis_reads=1) as sandbox:
        run = partial(upload, sandbox.credentials, manifest, tmp_path / "journal")
        for _ in range(KILLS):
            assert run_until(sandbox, generator.randint(1, 105), run) == -signal.SIGKILL
        assert run_until(sandbox, None, run) == 0

        # If a run was killed between the journal entry and the compute request for a row, it is unknown
        # whether the analysis was started. The row is reported and its analysis is not started again.
        problem_list = tmp_path / "journal.problems.csv"
        problems = list(csv.DictReader(problem_list.read_text().splitlines()))
        assert {row["problem"] for row in problems} == {"unknown"}
        assert sandbox.carried_out("compute_batch") == ROWS - len(problems)
        assert run_until(sandbox, None, partial(run, compute_again=True)) == 0
        assert not problem_list.exists()

        assert sandbox.carried_out("compute_batch") == ROWS
        with Haut(**sandbox.credentials) as haut:
            delete_leftovers(haut, tmp_path / "journal")
        assert service_state(sandbox) == expected
        assert sandbox.snapshot()["orphaned_files"] == {}


@pytest.mark.slow
def test_erasure_killed_repeatedly_erases_every_subject(tmp_path: Path) -> None:
    generator = random.Random(8)
    with Sandbox() as sandbox:
        subjects = sandbox.add_subjects(60)
        [*_, stays] = sandbox.add_subjects(1)
        for subject in (*subjects, stays):
            sandbox.add_images(subject, 2, PHOTO)
        run = partial(
            erase,
            sandbox.credentials,
            [subject.id for subject in subjects],
            tmp_path / "journal",
        )
        for _ in range(15):
            assert run_until(sandbox, generator.randint(1, 30), run) == -signal.SIGKILL
        assert run_until(sandbox, None, run) == 0

        assert [subject["id"] for subject in sandbox.snapshot()["subjects"]] == [stays.id]
        assert len(sandbox.database.objects) == 2
    receipts = [json.loads(path.read_text()) for path in (tmp_path / "receipts").glob("*.json")]
    assert {receipt["subject_id"] for receipt in receipts} == {subject.id for subject in subjects}
    assert all(receipt["verified"] for receipt in receipts)


@pytest.mark.slow
@pytest.mark.parametrize("of_upload", [False, True])
def test_results_killed_repeatedly_lose_and_repeat_no_row(tmp_path: Path, of_upload: bool) -> None:
    generator = random.Random(9)
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    rows = [{"subject": str(it), "front": tmp_path / "photo.jpg"} for it in range(20)]
    uploads = tmp_path / "uploads"
    with Sandbox(analysis_reads=1) as sandbox:
        with Haut(**sandbox.credentials) as haut:
            bulk_upload(haut, rows, journal=uploads)
            subjects = [subject.id for subject in haut.subjects.iterate()]
            expected = [row for subject in subjects for row in haut.history(subject)]
        table = tmp_path / "results.jsonl"
        run = partial(export, sandbox.credentials, table, uploads if of_upload else None)
        before = sandbox.received("list_image_results")
        kills = 5
        for _ in range(kills):
            assert run_until(sandbox, generator.randint(1, 10), run) == -signal.SIGKILL
            assert not table.exists()
        assert run_until(sandbox, None, run) == 0
        # A killed run repeats only the rows that were in progress, 8 at most.
        assert sandbox.received("list_image_results") - before <= len(rows) + 8 * kills
    found = [json.loads(line) | {"name": None} for line in table.read_text().splitlines()]
    assert sorted(map(str, found)) == sorted(map(str, expected))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "photo.jpg",
        "results.jsonl",
        "uploads",
    ]
