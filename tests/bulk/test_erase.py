"""Tests of bulk erasure: receipts, problems, and continuing an interrupted run."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from haut_ext import ConfigError, ErasureReceipt, Haut
from haut_ext.bulk import BulkReport, BulkStopped, bulk_erase, bulk_upload, plan_erasure
from haut_ext.bulk.manifest import PROBLEM_COLUMNS
from haut_ext.bulk.receipt_files import read_summary, save_receipt
from haut_ext.sandbox import Request, Sandbox, faults
from tests.bulk.conftest import PHOTO


def summary(report: BulkReport) -> list[dict[str, str]]:
    assert report.summary is not None
    return list(read_summary(report.summary))


def test_each_subject_gets_a_receipt_and_a_line_of_the_summary(
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
    lines = summary(report)
    assert [line["input"] for line in lines] == ids
    assert [line["verified"] for line in lines] == ["yes"] * 5 + ["no"] * 2
    assert lines[4] == {**lines[0], "remark": "row 1 names the same subject"}
    assert [line["receipt_file"] for line in lines] == [*(f"{it}.json" for it in ids[:5]), "", ""]
    assert [line["subject_id"] for line in lines] == [*ids[:5], "", unknown]
    assert lines[5]["remark"] == "the dataset has no subject with this name"
    assert lines[6]["remark"] == "the dataset has no such subject"
    assert len(sandbox.snapshot()["subjects"]) == 1
    receipts = [
        ErasureReceipt.from_json(path.read_text())
        for path in (tmp_path / "receipts").glob("*.json")
    ]
    assert {str(receipt.subject_id) for receipt in receipts} == set(ids[:4])
    assert all(receipt.verified for receipt in receipts)


def test_next_run_completes_a_failed_erasure(tmp_path: Path, haut: Haut, sandbox: Sandbox) -> None:
    [subject] = sandbox.add_subjects(1)
    sandbox.faults.add("delete_subject", faults.status(403))
    run: dict[str, Any] = {"journal": tmp_path / "journal", "receipts": tmp_path / "receipts"}
    assert bulk_erase(haut, [subject.id], **run).failed == 1
    assert list((tmp_path / "receipts").glob("*.json")) == []
    assert bulk_erase(haut, [subject.id], **run).done == 1
    assert bulk_erase(haut, [subject.id], **run).skipped == 1
    [path] = (tmp_path / "receipts").glob("*.json")
    steps = [step.status for step in ErasureReceipt.from_json(path.read_text()).steps]
    assert steps.count("refused") == 1
    assert sandbox.snapshot()["subjects"] == []


def test_next_run_writes_a_missing_receipt(tmp_path: Path, haut: Haut, sandbox: Sandbox) -> None:
    """A receipt may be missing because of a power failure, or because a user deleted the file."""
    [subject] = sandbox.add_subjects(1)
    run: dict[str, Any] = {"journal": tmp_path / "journal", "receipts": tmp_path / "receipts"}
    assert bulk_erase(haut, [subject.id], **run).done == 1
    [path] = (tmp_path / "receipts").glob("*.json")
    text = path.read_text()
    path.unlink()
    assert bulk_erase(haut, [subject.id], **run).skipped == 1
    assert path.read_text() == text


def test_run_stops_when_a_receipt_cannot_be_written(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    subjects = sandbox.add_subjects(3)
    ids = [subject.id for subject in subjects]
    run: dict[str, Any] = {"journal": tmp_path / "journal", "receipts": tmp_path / "receipts"}

    def remove_folder(_: Request) -> None:
        with suppress(FileNotFoundError):
            (tmp_path / "receipts").rmdir()

    sandbox.before_request = remove_folder
    with pytest.raises(BulkStopped, match=r"receipts/[0-9a-f-]{36}\.json'\); is the disk full"):
        bulk_erase(haut, ids, **run)
    sandbox.before_request = None
    with closing(sqlite3.connect(tmp_path / "journal")) as journal:
        [erased] = journal.execute("SELECT count(*) FROM rows WHERE done").fetchone()
    assert erased >= 1
    report = bulk_erase(haut, ids, **run)
    assert (report.done, report.skipped, report.complete) == (3 - erased, erased, True)
    receipts = (tmp_path / "receipts").glob("*.json")
    assert {ErasureReceipt.from_json(path.read_text()).verified for path in receipts} == {True}


def test_404_of_a_proxy_is_no_unknown_subject(tmp_path: Path, haut: Haut, sandbox: Sandbox) -> None:
    [subject] = sandbox.add_subjects(1)
    page = faults.status(404, b"<html>no such host</html>", content_type="text/html")
    sandbox.faults.add("update_subject", page)
    run: dict[str, Any] = {"journal": tmp_path / "journal", "receipts": tmp_path / "receipts"}
    report = bulk_erase(haut, [subject.id], **run)
    assert (report.failed, report.bad) == (1, 0)
    assert bulk_erase(haut, [subject.id], **run).done == 1


RESULTS = faults.status(
    200, b'{"face_skin_metrics_3": {}}', content_type="application/json", when="before"
)


def test_next_run_repeats_a_check_that_found_data(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    [subject] = sandbox.add_subjects(1)
    sandbox.add_images(subject, 1, PHOTO)
    sandbox.faults.add("get_batch_results_v3", RESULTS, times=2)
    run: dict[str, Any] = {"journal": tmp_path / "journal", "receipts": tmp_path / "receipts"}
    path = tmp_path / "receipts" / f"{subject.id}.json"
    for verified in (False, False, True):
        report = bulk_erase(haut, [subject.id], **run)
        assert (report.done, report.failed) == (int(verified), int(not verified))
        assert ErasureReceipt.from_json(path.read_text()).verified == verified
    assert report.complete


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("damaged", [False, True])
def test_record_of_another_subject_in_the_journal_erases_nobody(
    tmp_path: Path, haut: Haut, sandbox: Sandbox, done: bool, damaged: bool
) -> None:
    [subject, other, third] = sandbox.add_subjects(3)
    journal = tmp_path / "journal"
    run: dict[str, Any] = {"journal": journal, "receipts": tmp_path / "receipts"}
    assert bulk_erase(haut, [third.id], **run).done == 1
    with sqlite3.connect(journal) as database:
        database.execute("UPDATE rows SET key = ?, done = ?", (subject.id, done))
        if damaged:
            database.execute("UPDATE rows SET state = replace(state, 'done', 'unknown')")
    database.close()
    report = bulk_erase(haut, [subject.id, other.id], **run)
    assert (report.done, report.bad) == (1, 1)
    assert "entry of the row is damaged" in summary(report)[0]["remark"]
    assert [found["id"] for found in sandbox.snapshot()["subjects"]] == [subject.id]


def test_receipt_of_another_erasure_is_not_overwritten(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    [subject] = sandbox.add_subjects(1)
    receipts = tmp_path / "receipts"
    receipts.mkdir()
    earlier = haut.erase_subject(subject.id, keep_subject=True, reference="first").to_json()
    (receipts / f"{subject.id}.json").write_text(earlier)
    (tmp_path / "elsewhere").write_text("")
    (receipts / f"{subject.id}-2.json").symlink_to(tmp_path / "elsewhere")
    for outcome in ("done", "skipped"):
        report = bulk_erase(
            haut, [subject.id], journal=tmp_path / "j", receipts=receipts, reference="second"
        )
        assert getattr(report, outcome) == 1
    assert (receipts / f"{subject.id}.json").read_text() == earlier
    assert (tmp_path / "elsewhere").read_text() == ""
    assert len(list(receipts.glob("*.json"))) == 3
    path = receipts / f"{subject.id}-3.json"
    assert ErasureReceipt.from_json(path.read_text()).reference == "second"
    assert path.stat().st_mode & 0o777 == 0o600


def test_finding_of_a_verification_is_not_hidden_by_the_journal(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    [subject] = sandbox.add_subjects(1)
    run: dict[str, Any] = {"journal": tmp_path / "j", "receipts": tmp_path / "receipts"}
    bulk_erase(haut, [subject.id], **run)
    path = tmp_path / "receipts" / f"{subject.id}.json"
    with sandbox.database.lock:
        sandbox.database.subjects[subject.id] = subject.dataset.subjects[subject.id] = subject
    receipt = ErasureReceipt.from_json(path.read_text())
    haut.verify_erasure(receipt, on_step=lambda later: save_receipt(path, later))
    before = path.read_text()
    plan = plan_erasure(haut, [subject.id], **run)
    for planned in ([subject.id], plan, plan_erasure(haut, [subject.id], journal=run["journal"])):
        report = bulk_erase(haut, planned, **run)
        assert not report.complete
        [line] = summary(report)
        assert (line["verified"], line["receipt_file"]) == ("no", path.name)
        assert "the service still has data: the person's record" in line["remark"]
    [entry] = plan.entries
    assert (entry.status, "still has data" in entry.remark) == ("changed", True)
    assert path.read_text() == before
    assert [file.name for file in path.parent.glob("*.json")] == [path.name]


def test_summary_of_a_run_that_uses_the_folder_meanwhile_is_kept(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    first, second = sandbox.add_subjects(2)
    reports: list[BulkReport] = []

    def run(subject_id: str, **arguments: Any) -> BulkReport:
        journal = tmp_path / subject_id
        return bulk_erase(haut, [subject_id], journal=journal, receipts=tmp_path / "r", **arguments)

    report = run(first.id, progress=lambda _: reports.append(run(second.id)))
    for each, subject in ((report, first), (reports[0], second)):
        assert [line["subject_id"] for line in summary(each)] == [subject.id]


@pytest.mark.parametrize("folder", ["file/receipts", "file", "nul\0", "/proc"])
def test_folder_that_cannot_be_written_to_is_rejected_before_any_request(
    tmp_path: Path, haut: Haut, sandbox: Sandbox, folder: str
) -> None:
    [subject] = sandbox.add_subjects(1)
    (tmp_path / "file").touch()
    for function in (bulk_erase, plan_erasure):
        with pytest.raises(ConfigError, match="receipts= is no folder"):
            function(haut, [subject.id], journal=tmp_path / "j", receipts=tmp_path / folder)
        with pytest.raises(ConfigError, match="the journal cannot be"):
            function(haut, [subject.id], journal=tmp_path / folder / "j", receipts=tmp_path / "new")
    assert sandbox.requests == []
    plan_erasure(haut, [subject.id], journal=tmp_path / "j", receipts=tmp_path / "new" / "folder")
    assert not (tmp_path / "j").exists()


@pytest.mark.parametrize("exists", [False, True])
def test_files_of_a_run_are_private(
    tmp_path: Path, haut: Haut, sandbox: Sandbox, exists: bool
) -> None:
    [subject] = sandbox.add_subjects(1)
    if exists:
        (tmp_path / "j").touch(mode=0o644)
    modes: dict[str, int] = {}

    def record(_: object) -> None:
        for path in tmp_path.rglob("*"):
            if path.is_file():
                modes[path.name] = path.stat().st_mode & 0o777

    run: dict[str, Any] = {"journal": tmp_path / "j", "receipts": tmp_path / "r"}
    report = bulk_erase(haut, [subject.id, uuid4()], **run, progress=record)
    assert "j-wal" in modes
    record(report)
    expected = {"j", "j-wal", "summary.csv", f"{subject.id}.json"}
    assert modes == dict.fromkeys(expected, 0o600)
    assert {path.name for path in tmp_path.rglob("*")} == expected - {"j-wal"} | {"r"}
    assert (tmp_path / "r").stat().st_mode & 0o777 == 0o700


def test_journal_is_not_written_through_a_link_of_its_log(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    [subject] = sandbox.add_subjects(1)
    (tmp_path / "elsewhere").touch()
    (tmp_path / "j-wal").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="the journal cannot be written"):
        bulk_erase(haut, [subject.id], journal=tmp_path / "j", receipts=tmp_path / "r")
    assert (tmp_path / "elsewhere").read_bytes() == b""
    assert sandbox.requests == []


@pytest.mark.parametrize("name", ["j", "j.problems.csv", "problems.csv"])
@pytest.mark.parametrize("kind", ["link", "dangling link", "other file", "pipe"])
def test_other_file_at_the_path_of_a_file_of_the_run_is_refused(
    tmp_path: Path, haut: Haut, sandbox: Sandbox, name: str, kind: str
) -> None:
    path, elsewhere = tmp_path / name, tmp_path / "elsewhere"
    content = "" if name == "j" else ",".join(PROBLEM_COLUMNS)  # a file that would be accepted
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "other file":
        path.write_text("reason,problem,row\n")
    else:
        path.symlink_to(elsewhere)
        if kind == "link":
            elsewhere.write_text(content)
    problems = path if name == "problems.csv" else None
    with pytest.raises(ConfigError, match=r"journal|list of problems"):
        bulk_upload(haut, [], journal=tmp_path / "j", problems=problems)
    assert sandbox.requests == []
    assert kind != "other file" or path.read_text() == "reason,problem,row\n"
    assert elsewhere.exists() == (kind == "link")
    assert kind != "link" or elsewhere.read_text() == content
