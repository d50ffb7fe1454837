"""A run believes none of its files: they may belong to another row, run, company or service."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from haut_ext import ConfigError, ErasureReceipt, Haut
from haut_ext.bulk import BulkReport, bulk_erase, bulk_results, bulk_upload
from haut_ext.bulk import journal as journal_module
from haut_ext.sandbox import Sandbox, faults
from tests.bulk.conftest import PHOTO

checksum: Callable[..., str] = vars(journal_module)["_checksum"]


def change_row(journal: Path, key: str, state: str, *, forge: bool) -> None:
    """Give a row another state; if `forge`, with a valid checksum."""
    with sqlite3.connect(journal) as database:
        if forge:
            [row] = database.execute("SELECT digest, files FROM rows WHERE key = ?", (key,))
            values = (checksum(key, *row, state), key)
            database.execute("UPDATE rows SET checksum = ? WHERE key = ?", values)
        database.execute("UPDATE rows SET state = ? WHERE key = ?", (state, key))
    database.close()


def states(journal: Path) -> dict[str, str]:
    with sqlite3.connect(journal) as database:
        found = dict(database.execute("SELECT key, state FROM rows"))
    database.close()
    return found


def problem_of(report: BulkReport) -> str:
    assert report.bad == 1, str(report)
    path = report.problems or report.summary
    assert path is not None
    return path.read_text()


# States of uploads


@pytest.mark.parametrize("named_by", ["subject", "subject_id"])
@pytest.mark.parametrize("forge", [False, True])
@pytest.mark.parametrize("done", [False, True])
def test_state_of_another_row_is_refused(
    tmp_path: Path,
    haut: Haut,
    sandbox: Sandbox,
    photo: Path,
    named_by: str,
    forge: bool,
    done: bool,
) -> None:
    a, b = sandbox.add_subjects(2)
    column = "name" if named_by == "subject" else "id"
    rows = [
        {"row": key, named_by: getattr(it, column), "front": photo}
        for key, it in zip("ab", (a, b), strict=True)
    ]
    run: dict[str, Any] = {"journal": tmp_path / "j"}
    if not done:
        sandbox.faults.add("upload_image", faults.status(403), times=2)
    bulk_upload(haut, rows, **run)
    change_row(tmp_path / "j", "a", states(tmp_path / "j")["b"], forge=forge)
    before, requests = sandbox.snapshot(), len(sandbox.requests)
    if done and forge:
        photo.touch()  # otherwise the row is skipped: nothing is left to do for it
        if named_by == "subject":
            return  # a forged entry can claim that a row is complete
    report = bulk_upload(haut, rows[:1], **run)
    assert ("another subject" if forge else "damaged") in problem_of(report)
    assert sandbox.snapshot() == before
    reads = sandbox.requests[requests:]
    assert all(request.method == "GET" for request in reads)
    assert not reads or (forge and named_by == "subject")


@pytest.mark.parametrize("field", ["service", "company_id", "dataset_id"])
def test_state_of_another_service_company_or_dataset_is_refused(
    tmp_path: Path, haut: Haut, sandbox: Sandbox, photo: Path, field: str
) -> None:
    [subject] = sandbox.add_subjects(1)
    rows = [{"row": "a", "subject_id": subject.id, "front": photo}]
    sandbox.faults.add("upload_image", faults.status(403))
    bulk_upload(haut, rows, journal=tmp_path / "j")
    state = json.loads(states(tmp_path / "j")["a"])
    other = "https://other.example" if field == "service" else str(uuid4())
    change_row(tmp_path / "j", "a", json.dumps({**state, field: other}), forge=True)
    requests = len(sandbox.requests)
    for report in (
        bulk_upload(haut, rows, journal=tmp_path / "j"),
        bulk_results(haut, journal=tmp_path / "j", to=tmp_path / "t.csv"),
    ):
        assert "another service, company or dataset" in problem_of(report)
    assert len(sandbox.requests) == requests


@pytest.mark.parametrize(
    "files",
    [None, 0, b"\xff", "", "null", "[]", "{}", "[" * 5000, "1" * 5000]
    + [f'{{"front": {value}}}' for value in ("null", "[]", '"abc"', "[1, 2]", '{"a": 1}')],
    ids=lambda value: repr(value)[:20],
)
def test_damaged_entry_is_a_problem_of_its_row(
    tmp_path: Path, haut: Haut, sandbox: Sandbox, photo: Path, files: Any
) -> None:
    """The checksum is valid, so the entry was damaged by a program, or changed on purpose."""
    rows = [{"row": "a", "subject": "a", "front": photo}]
    bulk_upload(haut, rows, journal=tmp_path / "j")
    requests = len(sandbox.requests)
    with sqlite3.connect(tmp_path / "j") as database:
        [[digest, state]] = database.execute("SELECT digest, state FROM rows")
        values = (files, checksum("a", digest, files, state))
        database.execute("UPDATE rows SET files = ?, checksum = ?", values)
    database.close()
    assert "damaged" in problem_of(bulk_upload(haut, rows, journal=tmp_path / "j"))
    assert len(sandbox.requests) == requests


def encoded(text: str) -> str:
    return base64.b85encode(zlib.compress(text.encode(), 1)).decode()


def test_damaged_results_are_read_again(tmp_path: Path, haut: Haut, sandbox: Sandbox) -> None:
    """The checksums are valid, so the entries were damaged by a program, or changed on purpose."""
    damaged = ["", "~", "0", encoded("[[]," + " " * 70_000_000 + "[]]")]
    documents = ("", "[" * 100_000, "0", "[[]]", "[0, 0]", "[[0], []]", "[[[0]], []]", "[[], [0]]")
    damaged += map(encoded, (*documents, "[[], [{}]]", '[[], [{"problem": "a", "reason": 0}]]'))
    subjects = [subject.id for subject in sandbox.add_subjects(len(damaged) + 1)]
    leftover = sandbox.database.subjects[subjects[-1]]
    sandbox.add_images(leftover, 1)  # without a photo, so that the journal is kept
    run: dict[str, Any] = {"subjects": subjects, "to": tmp_path / "t.csv", "wait_timeout": 0}
    assert bulk_results(haut, **run).failed == 1
    (tmp_path / "t.csv").unlink()
    for subject_id, state in zip(subjects, damaged, strict=False):
        change_row(tmp_path / "t.csv.journal", subject_id, state, forge=True)
    report = bulk_results(haut, **run)
    assert (report.done, report.failed) == (len(damaged), 1)


def test_journal_of_no_run_is_refused(tmp_path: Path, haut: Haut) -> None:
    bulk_upload(haut, [], journal=tmp_path / "j")
    with sqlite3.connect(tmp_path / "j") as database:
        database.execute("DELETE FROM journal")
    database.close()
    with pytest.raises(ConfigError, match="another run"):
        bulk_upload(haut, [], journal=tmp_path / "j")


# Receipts of erasures


@pytest.mark.parametrize("field", ["service", "company_id", "dataset_id", "subject_id"])
@pytest.mark.parametrize("verified", [False, True])
def test_receipt_of_another_scope_is_refused(
    tmp_path: Path, haut: Haut, sandbox: Sandbox, field: str, verified: bool
) -> None:
    subject, kept = sandbox.add_subjects(2)
    run: dict[str, Any] = {"journal": tmp_path / "j", "receipts": tmp_path / "r"}
    bulk_erase(haut, [subject.id], **run)
    text = states(tmp_path / "j")[subject.id]
    document = json.loads(text)
    del document["checksum"]
    document[field] = "https://other.example" if field == "service" else kept.id
    if not verified:
        document |= {"steps": document["steps"][:1]}
    forged = ErasureReceipt.from_json(json.dumps({**document, "checksum": seal(document)}))
    change_row(tmp_path / "j", subject.id, forged.to_json(), forge=True)
    requests = len(sandbox.requests)
    report = bulk_erase(haut, [subject.id], **run)
    expected = "another subject" if field == "subject_id" else "another service, company or dataset"
    assert expected in problem_of(report)
    assert len(sandbox.requests) == requests
    assert [found["id"] for found in sandbox.snapshot()["subjects"]] == [kept.id]


def seal(document: dict[str, Any]) -> str:
    from haut_ext import erasure_receipt

    sealed: str = vars(erasure_receipt)["_checksum"](document)
    return sealed


def test_damaged_entry_of_a_name_erases_nobody(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    """The checksum is valid, so the entry was damaged by a program, or changed on purpose."""
    [subject] = sandbox.add_subjects(1)
    run: dict[str, Any] = {"journal": tmp_path / "j", "receipts": tmp_path / "r"}
    sandbox.faults.add("delete_subject", faults.status(403))
    bulk_erase(haut, [subject.name], **run)
    [key] = [key for key in states(tmp_path / "j") if key.startswith("name ")]
    for state in ("", "[" * 100_000, "[]", '{"subject_ids": [1], "erase": true}'):
        change_row(tmp_path / "j", key, state, forge=True)
        requests = len(sandbox.requests)
        report = bulk_erase(haut, [subject.name], **run)
        assert (report.bad, len(sandbox.requests)) == (1, requests)


def test_name_whose_entry_names_another_subject_erases_nobody(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    subject, other = sandbox.add_subjects(2)
    run: dict[str, Any] = {"journal": tmp_path / "j", "receipts": tmp_path / "r"}
    sandbox.faults.add("update_subject", faults.status(500), times=None)
    assert bulk_erase(haut.with_options(max_retries=0), [subject.name], **run).failed == 1
    sandbox.faults.clear()
    [key] = [key for key in states(tmp_path / "j") if key.startswith("name ")]
    state = json.dumps({"subject_ids": [other.id], "erase": True})
    change_row(tmp_path / "j", key, state, forge=True)
    before = sandbox.snapshot()["subjects"]
    report = bulk_erase(haut, [subject.name], **run)
    assert (report.changed, report.done) == (2, 0)
    assert "has another name" in (tmp_path / "r" / "summary.csv").read_text()
    assert sandbox.snapshot()["subjects"] == before


# Photos


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_photo_that_becomes_a_pipe_or_a_device_is_a_problem(
    tmp_path: Path, haut: Haut, sandbox: Sandbox, photo: Path, kind: str
) -> None:
    """The photo is already stored; the run only wants to know whether it has changed."""
    other = tmp_path / "other.jpg"
    other.write_bytes(PHOTO)
    rows = [{"subject": "a", "front": photo, "right": other}]
    sandbox.faults.add("upload_image", faults.status(403))
    bulk_upload(haut, rows, journal=tmp_path / "j")
    before = sandbox.snapshot()
    for path in (photo, other):  # one of them is stored
        path.unlink()
        if kind == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero")
        assert "regular file" in problem_of(bulk_upload(haut, rows, journal=tmp_path / "j"))
        path.unlink()
        path.write_bytes(PHOTO)
    assert sandbox.snapshot() == before
