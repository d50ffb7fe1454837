"""Tests of bulk uploads: manifests, problems, changed rows, and no repeated analysis."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import resource
import shutil
import signal
import sqlite3
import stat
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from haut_ext import ConfigError, Haut
from haut_ext.bulk import BulkStopped, bulk_upload
from haut_ext.sandbox import Credentials, Request, Sandbox, faults
from tests.bulk.conftest import PHOTO
from tests.bulk.service_state import delete_leftovers, service_state


def read_problems(path: Path | None) -> list[dict[str, str]]:
    assert path is not None
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "folder", "iterable"])
def test_each_format_of_manifest(
    kind: str, tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photos = tmp_path / "photos"
    for subject, side in [("a", "front"), ("a", "left"), ("b", "right")]:
        (photos / subject).mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, photos / subject / f"{side}.JPG")
    (photos / ".hidden").touch()
    rows: list[dict[str, Any]] = [
        {"subject": "a", "front": "photos/a/front.JPG", "left": "photos/a/left.JPG"},
        {"subject": "b", "right": "photos/b/right.JPG"},
    ]
    manifest: Any = photos
    if kind == "csv":
        manifest = tmp_path / "manifest.csv"
        with manifest.open("w", newline="") as file:
            lines = csv.DictWriter(file, ["subject", "front", "right", "left", "meta"])
            lines.writeheader()
            lines.writerows({**row, "meta": '{"visit": 1}'} for row in rows)
    elif kind == "jsonl":
        manifest = tmp_path / "manifest.jsonl"
        text = "\n\n".join(json.dumps({**row, "meta": {"visit": 1}}) for row in rows)
        manifest.write_text(text, encoding="utf-8")
    elif kind == "iterable":
        manifest = ({**row, "meta": {"visit": 1}} for row in rows)
    with Sandbox() as sandbox, Haut(**sandbox.credentials) as haut:
        report = bulk_upload(haut, manifest, journal=tmp_path / "journal")
        assert (report.done, report.complete, str(report)) == (2, True, "2 done")
        found = service_state(sandbox)
        assert sandbox.carried_out("compute_batch") == 2
    sides = {
        subject["name"]: {image["side"] for image in subject["batches"][0]["images"]}
        for subject in found
    }
    assert sides == {"a": {"front", "left"}, "b": {"right"}}
    metas = {image["meta"].get("visit") for s in found for image in s["batches"][0]["images"]}
    assert metas == {None if kind == "folder" else 1}


@pytest.mark.slow
def test_rows_are_read_only_when_they_are_processed(
    tmp_path: Path, photo: Path, sandbox: Sandbox
) -> None:
    numbers = count()
    ahead: list[int] = []

    def rows() -> Iterator[dict[str, Any]]:
        for _ in range(40):
            number = next(numbers)
            ahead.append(number - sandbox.carried_out("compute_batch"))
            yield {"subject": f"person {number}", "front": photo}

    with Haut(**sandbox.credentials) as haut:
        bulk_upload(haut, rows(), journal=tmp_path / "journal", max_in_flight=3)
    assert max(ahead) <= 3


def test_invalid_rows_are_listed_and_can_be_repaired(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    (tmp_path / "small.jpg").write_bytes(b"no photo")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(
        "subject,subject_id,front,meta\n"
        "a,,photo.jpg,\n"
        ",,photo.jpg,\n"
        "c,,,\n"
        "d,,small.jpg,\n"
        "e,,photo.jpg,{not json\n"
        ",not-a-uuid,photo.jpg,\n"
        "g,,missing.jpg,,too many\n"
        "h,,photo.jpg,\n"
        ",00000000-0000-4000-8000-000000000000,photo.jpg,\n"
    )
    report = bulk_upload(haut, manifest, journal=tmp_path / "journal")
    assert (report.done, report.bad, report.failed) == (2, 6, 1)
    rows = read_problems(report.problems)
    assert [row["row"] for row in rows] == ["2", "3", "4", "5", "6", "7", "9"]
    for row, reason in zip(
        rows,
        ["either subject", "no photo", "JPEG, PNG", "JSON", "UUID", "beyond the header", "404"],
        strict=True,
    ):
        assert reason in row["reason"]
    assert {subject["name"] for subject in service_state(sandbox)} == {"a", "h"}

    for row in rows:
        row.update(subject=f"repaired {row['row']}", subject_id="", front="photo.jpg", meta="")
    repaired = tmp_path / "repaired.csv"
    with repaired.open("w", newline="") as file:
        lines = csv.DictWriter(file, rows[0])
        lines.writeheader()
        lines.writerows(rows)
    report = bulk_upload(haut, repaired, journal=tmp_path / "journal")
    # The last row counts as changed, because its upload was started for another subject.
    assert (report.done, report.changed) == (6, 1)
    assert sandbox.carried_out("compute_batch") == 8


def test_lines_that_are_not_rows_are_listed(tmp_path: Path, photo: Path, haut: Haut) -> None:
    lines = tmp_path / "manifest.jsonl"
    lines.write_text('{"subject": "a", "front": "photo.jpg"}\n{"subject": \n[1]\n')
    report = bulk_upload(haut, lines, journal=tmp_path / "journal")
    assert (report.done, report.bad) == (1, 2)
    assert [row["row"] for row in read_problems(report.problems)] == ["2", "3"]
    folder = tmp_path / "photos"
    (folder / "a").mkdir(parents=True)
    (folder / "stray.jpg").touch()
    for name in ("front.jpg", "front.png", "profile.jpg"):
        shutil.copy(photo, folder / "a" / name)
    report = bulk_upload(haut, folder, journal=tmp_path / "other")
    assert report.bad == 2
    reasons = {row["row"]: row["reason"] for row in read_problems(report.problems)}
    assert "stray.jpg" in reasons["stray.jpg"]
    assert "front.png" in reasons["a"]
    assert "profile.jpg" in reasons["a"]
    with pytest.raises(ConfigError, match="does not exist"):
        bulk_upload(haut, tmp_path / "nothing.csv", journal=tmp_path / "third")
    with pytest.raises(ConfigError, match="manifest must be"):
        bulk_upload(haut, photo, journal=tmp_path / "third")


NOT_UTF8 = os.fsdecode(b"\xff")


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "\ud800"},
        {"subject": NOT_UTF8},
        {"\ud800": "a column"},
        {"front": "\0"},
        {"front": NOT_UTF8},
        {"front": "p" * 5000},
        {"front": "."},
        {"meta": float("nan")},
        {"meta": "\ud800"},
        {"row": "\ud800", "subject": ["a list"]},
    ],
    ids=ascii,
)
def test_invalid_row_does_not_stop_the_run(
    changes: dict[str, Any], tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    rows = [{"subject": "a", "front": "photo.jpg"}, {"subject": "b", "front": "photo.jpg"}]
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(f"{json.dumps({**rows[0], **changes})}\n{json.dumps(rows[1])}\n")
    report = bulk_upload(haut, manifest, journal=tmp_path / "journal")
    assert (report.done, report.bad) == (1, 1)
    assert report.problems is not None
    with report.problems.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        [row] = csv.DictReader(file)
    if changes == {"front": NOT_UTF8}:  # the problem list contains the exact bytes of the path
        assert row["front"] == str(tmp_path / NOT_UTF8)
    assert [subject["name"] for subject in service_state(sandbox)] == ["b"]


def test_changed_row_or_photo_is_listed_and_not_uploaded(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    def run(**changes: Any) -> Any:
        row = {"subject": "a", "front": photo, "meta": {"visit": 1}, **changes}
        return bulk_upload(haut, [row], journal=tmp_path / "journal")

    assert run().done == 1
    assert run().skipped == 1
    os.utime(photo, ns=(1, 1))  # only the modification time of the photo changes, not its content
    assert run().skipped == 1
    assert run(meta={"visit": 2}).changed == 1
    photo.write_bytes(PHOTO + b"edited")
    report = run()
    assert report.changed == 1
    assert [row["problem"] for row in read_problems(report.problems)] == ["changed"]
    photo.write_bytes(PHOTO)
    assert run().complete
    assert not (tmp_path / "journal.problems.csv").exists()
    photo.unlink()  # a completed row no longer needs its photo
    assert run().skipped == 1
    assert sandbox.received("compute_batch") == 1


def test_rows_with_the_same_key_are_uploaded_once(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    rows = [{"row": 5, "subject": "a", "front": photo}] * 6
    report = bulk_upload(haut, rows, journal=tmp_path / "journal")
    assert (report.done, report.skipped) == (1, 5)
    assert sandbox.received("compute_batch") == 1


def test_rows_of_one_name_are_uploaded_one_after_another_to_one_subject(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    open_slots: list[int] = []

    def on_request(request: Request) -> None:
        if request.operation == "compute_batch":
            images = sandbox.snapshot()["subjects"][0]["batches"]
            open_slots.append(sum(not batch["computes"] for batch in images))

    sandbox.before_request = on_request
    rows = [{"subject": "a", "front": photo, "meta": {"visit": visit}} for visit in range(12)]
    assert bulk_upload(haut, rows, journal=tmp_path / "journal").done == 12
    assert len(service_state(sandbox)) == 1
    assert open_slots == [1] * 12


def test_computation_with_unknown_outcome_is_listed_and_repeated_only_on_request(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    sandbox.faults.add("compute_batch", faults.reset("before"))
    row = {"subject": "a", "front": photo}
    for _ in range(2):
        report = bulk_upload(haut, [row], journal=tmp_path / "journal")
        assert (report.unknown, report.done) == (1, 0)
        assert [row["problem"] for row in read_problems(report.problems)] == ["unknown"]
    assert sandbox.received("compute_batch") == 1
    report = bulk_upload(haut, [row], journal=tmp_path / "journal", compute_again=True)
    assert report.done == 1
    assert sandbox.carried_out("compute_batch") == 1


def test_one_run_repeats_a_computation_once_on_request(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    sandbox.faults.add("compute_batch", faults.bad_gateway(), times=2)
    row = {"subject": "a", "front": photo}
    for computations in (1, 2, 3):
        again = computations > 1
        report = bulk_upload(haut, [row], journal=tmp_path / "j", compute_again=again)
        assert sandbox.received("compute_batch") == computations
    assert report.done == 1


def test_computation_whose_response_was_lost_is_detected_by_its_results(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    sandbox.faults.add("compute_batch", faults.reset("after"))
    row = {"subject": "a", "front": photo}
    assert bulk_upload(haut, [row], journal=tmp_path / "journal").done == 1
    assert sandbox.received("compute_batch") == 1


def test_transient_error_is_retried_and_persistent_error_is_listed(
    tmp_path: Path, photo: Path, sandbox: Sandbox
) -> None:
    rows = [{"subject": "a", "front": photo}]
    with Haut(**sandbox.credentials, max_retries=0) as haut:
        sandbox.faults.add("create_signed_upload_url", faults.close("after"))
        sandbox.faults.add("upload_image", faults.status(503))
        report = bulk_upload(haut, rows, journal=tmp_path / "journal")
        assert report.done == 1
        assert sandbox.faults.pending == []
        assert len(report.possible_leftovers) == 1
        assert str(report) == "1 done; image records that may be left over: 1"
        delete_leftovers(haut, tmp_path / "journal")
        [subject] = service_state(sandbox)
        assert [len(batch["images"]) for batch in subject["batches"]] == [1]

        sandbox.faults.add("upload_image", faults.status(503), times=3)
        report = bulk_upload(haut, rows, journal=tmp_path / "other")
        assert report.failed == 1
        assert bulk_upload(haut, rows, journal=tmp_path / "other").done == 1
    assert sandbox.carried_out("compute_batch") == 2


def test_number_of_concurrent_rows_is_limited(
    tmp_path: Path, photo: Path, sandbox: Sandbox
) -> None:
    lock = threading.Lock()
    started: set[str] = set()
    most = 0

    def on_request(request: Request) -> None:
        nonlocal most
        with lock:
            if request.operation == "create_signed_upload_url":
                started.add(request.ids["subject_id"])
            most = max(most, len(started) - sandbox.carried_out("compute_batch"))

    sandbox.before_request = on_request
    rows = [{"subject": f"person {number}", "front": photo} for number in range(20)]
    with Haut(**sandbox.credentials) as haut:
        bulk_upload(
            haut, rows, journal=tmp_path / "journal", max_in_flight=2, requests_per_second=1000
        )
        assert most <= 2
        for invalid in ({"max_in_flight": 0}, {"requests_per_second": 0}):
            with pytest.raises(ConfigError):
                bulk_upload(haut, rows, journal=tmp_path / "journal", **invalid)  # type: ignore[arg-type]


@pytest.mark.slow
def test_rejected_token_stops_the_run_and_the_next_run_continues(
    tmp_path: Path, photo: Path, sandbox: Sandbox
) -> None:
    rows = [{"subject": f"person {number}", "front": photo} for number in range(20)]
    computed = count(1)

    def on_request(request: Request) -> None:
        if request.operation == "compute_batch" and next(computed) == 7:
            sandbox.expire_tokens()

    sandbox.before_request = on_request
    with Haut(**sandbox.credentials) as haut, pytest.raises(BulkStopped, match="token"):
        bulk_upload(haut, rows, journal=tmp_path / "journal", max_in_flight=2)
    sandbox.issue_token()
    with Haut(**sandbox.credentials) as haut:
        assert bulk_upload(haut, rows, journal=tmp_path / "journal").complete
    assert sandbox.carried_out("compute_batch") == 20


def test_run_stops_when_the_service_is_unavailable_for_the_outage_timeout(
    tmp_path: Path, photo: Path, sandbox: Sandbox
) -> None:
    rows = [{"subject": "a", "front": photo}]
    unreachable: Credentials = {**sandbox.credentials, "base_url": sandbox.unreachable_url}
    with (
        Haut(**unreachable, max_retries=0) as haut,
        pytest.raises(BulkStopped, match="unreachable or keeps rejecting"),
    ):
        bulk_upload(haut, rows, journal=tmp_path / "journal", outage_timeout=0.01)
    sandbox.faults.add("create_signed_upload_url", faults.status(429, retry_after=600))
    with Haut(**sandbox.credentials) as haut:
        with pytest.raises(BulkStopped, match="600 s"):
            bulk_upload(haut, rows, journal=tmp_path / "other", outage_timeout=60)
        assert bulk_upload(haut, rows, journal=tmp_path / "other").done == 1


def test_journal_belongs_to_one_process_and_one_dataset(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    journal = tmp_path / "journal"
    messages: list[str] = []

    def rows() -> Iterator[dict[str, Any]]:
        with pytest.raises(ConfigError) as caught:
            bulk_upload(haut, [], journal=journal)
        messages.append(str(caught.value))
        yield {"subject": "a", "front": photo}

    assert bulk_upload(haut, rows(), journal=journal).done == 1
    assert messages == ["the journal is in use by another process"]
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    assert b"person" not in journal.read_bytes()

    with (
        Sandbox() as other,
        Haut(**other.credentials) as other_haut,
        pytest.raises(ConfigError, match="another run"),
    ):
        bulk_upload(other_haut, [], journal=journal)
    with pytest.raises(ConfigError, match="not a journal"):
        bulk_upload(haut, [], journal=photo)
    sqlite3.connect(tmp_path / "database").execute("CREATE TABLE t (x)").connection.close()
    with pytest.raises(ConfigError, match="not a journal"):
        bulk_upload(haut, [], journal=tmp_path / "database")
    with pytest.raises(ConfigError, match="cannot be opened"):
        bulk_upload(haut, [], journal=tmp_path / "missing" / "journal")


def _upload_with_a_full_disk(credentials: Credentials, photo: Path, journal: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    rows = ({"subject": f"person {number}", "front": photo} for number in range(60))
    with Haut(**credentials) as haut, pytest.raises(BulkStopped, match="is the disk full"):
        bulk_upload(haut, rows, journal=journal)


@pytest.mark.slow
def test_full_disk_stops_the_run_and_the_next_run_continues(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    journal = tmp_path / "journal"
    process = multiprocessing.get_context("forkserver").Process(
        target=_upload_with_a_full_disk, args=(sandbox.credentials, photo, journal)
    )
    process.start()
    process.join()
    assert process.exitcode == 0
    done = sandbox.carried_out("compute_batch")
    assert 0 < done < 60
    rows = [{"subject": f"person {number}", "front": photo} for number in range(60)]
    report = bulk_upload(haut, rows, journal=journal)
    assert (report.done + report.skipped + report.unknown, report.failed) == (60, 0)
    bulk_upload(haut, rows, journal=journal, compute_again=True)
    assert sandbox.carried_out("compute_batch") == 60
    delete_leftovers(haut, journal)
    assert [len(subject["batches"]) for subject in service_state(sandbox)] == [1] * 60
