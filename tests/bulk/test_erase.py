"""Tests of bulk erasure: receipts, problems, and continuing an interrupted run."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from haut_ext import ErasureReceipt, Haut
from haut_ext.bulk import BulkStopped, bulk_erase
from haut_ext.sandbox import Sandbox, faults
from tests.bulk.conftest import PHOTO


def test_each_subject_gets_a_receipt_and_problems_are_listed(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    subjects = sandbox.add_subjects(5)
    for subject in subjects:
        sandbox.add_images(subject, 3, PHOTO)
    unknown = str(uuid4())
    ids = [*(subject.id for subject in subjects[:4]), subjects[0].id, "a name", unknown]
    counts: list[int] = []
    report = bulk_erase(
        haut,
        iter(ids),
        journal=tmp_path / "journal",
        receipts=tmp_path / "receipts",
        progress=lambda report: counts.append(report.done),
    )
    assert (report.done, report.skipped, report.bad) == (4, 1, 2)
    assert max(counts) == 4
    assert report.problems is not None
    rows = list(csv.DictReader(report.problems.read_text().splitlines()))
    assert {(row["row"], row["subject_id"]) for row in rows} == {("row 6", ""), (unknown, unknown)}
    assert "a name" not in report.problems.read_text()
    assert len(sandbox.snapshot()["subjects"]) == 1
    receipts = [
        ErasureReceipt.from_json(path.read_text()) for path in (tmp_path / "receipts").iterdir()
    ]
    assert {str(receipt.subject_id) for receipt in receipts} == set(ids[:4])
    assert all(receipt.verified for receipt in receipts)


def test_next_run_completes_a_failed_erasure(tmp_path: Path, haut: Haut, sandbox: Sandbox) -> None:
    [subject] = sandbox.add_subjects(1)
    sandbox.faults.add("delete_subject", faults.status(403))
    run: dict[str, Any] = {"journal": tmp_path / "journal", "receipts": tmp_path / "receipts"}
    assert bulk_erase(haut, [subject.id], **run).failed == 1
    assert list((tmp_path / "receipts").iterdir()) == []
    assert bulk_erase(haut, [subject.id], **run).done == 1
    assert bulk_erase(haut, [subject.id], **run).skipped == 1
    [path] = (tmp_path / "receipts").iterdir()
    steps = [step.status for step in ErasureReceipt.from_json(path.read_text()).steps]
    assert steps.count("failed") == 1
    assert sandbox.snapshot()["subjects"] == []


def test_next_run_writes_a_missing_receipt(tmp_path: Path, haut: Haut, sandbox: Sandbox) -> None:
    """A receipt may be missing because of a power failure, or because a user deleted the file."""
    [subject] = sandbox.add_subjects(1)
    run: dict[str, Any] = {"journal": tmp_path / "journal", "receipts": tmp_path / "receipts"}
    assert bulk_erase(haut, [subject.id], **run).done == 1
    [path] = (tmp_path / "receipts").iterdir()
    text = path.read_text()
    path.unlink()
    assert bulk_erase(haut, [subject.id], **run).skipped == 1
    assert path.read_text() == text


def test_run_stops_when_a_receipt_cannot_be_written(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    subjects = sandbox.add_subjects(3)
    ids = [subject.id for subject in subjects]
    obstacle = tmp_path / "receipts" / f"{ids[0]}.part"
    obstacle.mkdir(parents=True)
    run: dict[str, Any] = {"journal": tmp_path / "journal", "receipts": tmp_path / "receipts"}
    with pytest.raises(BulkStopped, match="is the disk full"):
        bulk_erase(haut, ids, **run)
    obstacle.rmdir()
    report = bulk_erase(haut, ids, **run)
    assert (report.done + report.skipped, report.complete) == (3, True)
    receipts = (tmp_path / "receipts").iterdir()
    assert {ErasureReceipt.from_json(path.read_text()).verified for path in receipts} == {True}


def test_404_of_a_proxy_is_no_unknown_subject(tmp_path: Path, haut: Haut, sandbox: Sandbox) -> None:
    [subject] = sandbox.add_subjects(1)
    page = faults.status(404, b"<html>no such host</html>", content_type="text/html")
    sandbox.faults.add("clear_subject_storage", page)
    run: dict[str, Any] = {"journal": tmp_path / "journal", "receipts": tmp_path / "receipts"}
    report = bulk_erase(haut, [subject.id], **run)
    assert (report.failed, report.bad) == (1, 0)
    assert bulk_erase(haut, [subject.id], **run).done == 1
