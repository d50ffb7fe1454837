"""Every row ends in one place: done once, or listed with its reason; nothing is paid for twice."""

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
from tests.bulk.holdings import holdings


def listed(path: Path | None) -> list[dict[str, str]]:
    assert path is not None
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "folder", "iterable"])
def test_every_kind_of_manifest(
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
        found = holdings(sandbox)
        assert sandbox.carried_out("compute_batch") == 2
    sides = {
        subject["name"]: {image["side"] for image in subject["batches"][0]["images"]}
        for subject in found
    }
    assert sides == {"a": {"front", "left"}, "b": {"right"}}
    metas = {image["meta"].get("visit") for s in found for image in s["batches"][0]["images"]}
    assert metas == {None if kind == "folder" else 1}


@pytest.mark.slow
def test_rows_are_read_as_they_are_needed(tmp_path: Path, photo: Path, sandbox: Sandbox) -> None:
    places = count()
    ahead: list[int] = []

    def rows() -> Iterator[dict[str, Any]]:
        for _ in range(40):
            number = next(places)
            ahead.append(number - sandbox.carried_out("compute_batch"))
            yield {"subject": f"person {number}", "front": photo}

    with Haut(**sandbox.credentials) as haut:
        bulk_upload(haut, rows(), journal=tmp_path / "journal", in_flight=3)
    assert max(ahead) <= 3


def test_bad_rows_are_listed_and_can_be_repaired(
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
    rows = listed(report.problems)
    assert [row["row"] for row in rows] == ["2", "3", "4", "5", "6", "7", "9"]
    for row, reason in zip(
        rows,
        ["either a subject", "no photo", "JPEG, PNG", "JSON", "UUID", "beyond the header", "404"],
        strict=True,
    ):
        assert reason in row["reason"]
    assert {subject["name"] for subject in holdings(sandbox)} == {"a", "h"}

    for row in rows:
        row.update(subject=f"repaired {row['row']}", subject_id="", front="photo.jpg", meta="")
    repaired = tmp_path / "repaired.csv"
    with repaired.open("w", newline="") as file:
        lines = csv.DictWriter(file, rows[0])
        lines.writeheader()
        lines.writerows(rows)
    report = bulk_upload(haut, repaired, journal=tmp_path / "journal")
    # Of the last row something was begun: for the subject that it named then.
    assert (report.done, report.changed) == (6, 1)
    assert sandbox.carried_out("compute_batch") == 8


def test_lines_that_are_no_rows_are_listed(tmp_path: Path, photo: Path, haut: Haut) -> None:
    lines = tmp_path / "manifest.jsonl"
    lines.write_text('{"subject": "a", "front": "photo.jpg"}\n{"subject": \n[1]\n')
    report = bulk_upload(haut, lines, journal=tmp_path / "journal")
    assert (report.done, report.bad) == (1, 2)
    assert [row["row"] for row in listed(report.problems)] == ["2", "3"]
    folder = tmp_path / "photos"
    (folder / "a").mkdir(parents=True)
    (folder / "stray.jpg").touch()
    for name in ("front.jpg", "front.png", "profile.jpg"):
        shutil.copy(photo, folder / "a" / name)
    report = bulk_upload(haut, folder, journal=tmp_path / "other")
    assert report.bad == 2
    reasons = {row["row"]: row["reason"] for row in listed(report.problems)}
    assert "stray.jpg" in reasons["stray.jpg"]
    assert "front.png" in reasons["a"]
    assert "profile.jpg" in reasons["a"]
    with pytest.raises(ConfigError, match="no such manifest"):
        bulk_upload(haut, tmp_path / "nothing.csv", journal=tmp_path / "third")
    with pytest.raises(ConfigError, match="a manifest is"):
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
def test_no_row_is_so_bad_that_it_stops_the_run(
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
    if changes == {"front": NOT_UTF8}:  # a path as the file system has it
        assert row["front"] == str(tmp_path / NOT_UTF8)
    assert [subject["name"] for subject in holdings(sandbox)] == ["b"]


def test_what_has_changed_is_noticed_and_left_alone(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    def run(**changes: Any) -> Any:
        row = {"subject": "a", "front": photo, "meta": {"visit": 1}, **changes}
        return bulk_upload(haut, [row], journal=tmp_path / "journal")

    assert run().done == 1
    assert run().skipped == 1
    os.utime(photo, ns=(1, 1))  # another time, the same content
    assert run().skipped == 1
    assert run(meta={"visit": 2}).changed == 1
    photo.write_bytes(PHOTO + b"edited")
    report = run()
    assert report.changed == 1
    assert [row["problem"] for row in listed(report.problems)] == ["changed"]
    photo.write_bytes(PHOTO)
    assert run().complete
    assert not (tmp_path / "journal.problems.csv").exists()
    photo.unlink()  # what has been sent is not needed any more
    assert run().skipped == 1
    assert sandbox.arrived("compute_batch") == 1


def test_a_row_that_stands_twice_under_one_key_is_done_once(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    rows = [{"row": 5, "subject": "a", "front": photo}] * 6
    report = bulk_upload(haut, rows, journal=tmp_path / "journal")
    assert (report.done, report.skipped) == (1, 5)
    assert sandbox.arrived("compute_batch") == 1


def test_all_rows_of_a_name_go_to_one_subject_one_after_the_other(
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
    assert len(holdings(sandbox)) == 1
    assert open_slots == [1] * 12


def test_a_computation_of_unknown_fate_is_listed_and_never_repeated_unasked(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    sandbox.faults.add("compute_batch", faults.reset("before"))
    row = {"subject": "a", "front": photo}
    for _ in range(2):
        report = bulk_upload(haut, [row], journal=tmp_path / "journal")
        assert (report.unknown, report.done) == (1, 0)
        assert [row["problem"] for row in listed(report.problems)] == ["unknown"]
    assert sandbox.arrived("compute_batch") == 1
    report = bulk_upload(haut, [row], journal=tmp_path / "journal", compute_again=True)
    assert report.done == 1
    assert sandbox.carried_out("compute_batch") == 1


def test_a_computation_that_shows_later_is_found(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    sandbox.faults.add("compute_batch", faults.reset("after"))
    row = {"subject": "a", "front": photo}
    assert bulk_upload(haut, [row], journal=tmp_path / "journal").done == 1
    assert sandbox.arrived("compute_batch") == 1


def test_a_passing_trouble_costs_nothing_and_a_lasting_one_is_listed(
    tmp_path: Path, photo: Path, sandbox: Sandbox
) -> None:
    rows = [{"subject": "a", "front": photo}]
    with Haut(**sandbox.credentials, max_retries=0) as haut:
        sandbox.faults.add("create_signed_upload_url", faults.close("after"))
        sandbox.faults.add("upload_image", faults.status(503))
        report = bulk_upload(haut, rows, journal=tmp_path / "journal")
        assert report.done == 1
        assert sandbox.faults.pending == []
        [subject] = holdings(sandbox)
        assert [len(batch["images"]) for batch in subject["batches"]] == [1]

        sandbox.faults.add("upload_image", faults.status(503), times=3)
        report = bulk_upload(haut, rows, journal=tmp_path / "other")
        assert report.failed == 1
        assert bulk_upload(haut, rows, journal=tmp_path / "other").done == 1
    assert sandbox.carried_out("compute_batch") == 2


def test_so_many_and_no_more_work_at_once(tmp_path: Path, photo: Path, sandbox: Sandbox) -> None:
    lock = threading.Lock()
    present: set[str] = set()
    most = 0

    def on_request(request: Request) -> None:
        nonlocal most
        with lock:
            if request.operation == "create_signed_upload_url":
                present.add(request.ids["subject_id"])
            most = max(most, len(present) - sandbox.carried_out("compute_batch"))

    sandbox.before_request = on_request
    rows = [{"subject": f"person {number}", "front": photo} for number in range(20)]
    with Haut(**sandbox.credentials) as haut:
        bulk_upload(haut, rows, journal=tmp_path / "journal", in_flight=2, per_second=1000)
        assert most <= 2
        for wrong in ({"in_flight": 0}, {"per_second": 0}):
            with pytest.raises(ConfigError):
                bulk_upload(haut, rows, journal=tmp_path / "journal", **wrong)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_refused_token_stops_the_run_and_the_next_goes_on(
    tmp_path: Path, photo: Path, sandbox: Sandbox
) -> None:
    rows = [{"subject": f"person {number}", "front": photo} for number in range(20)]
    computed = count(1)

    def on_request(request: Request) -> None:
        if request.operation == "compute_batch" and next(computed) == 7:
            sandbox.expire_token()

    sandbox.before_request = on_request
    with Haut(**sandbox.credentials) as haut, pytest.raises(BulkStopped, match="token"):
        bulk_upload(haut, rows, journal=tmp_path / "journal", in_flight=2)
    sandbox.issue_token()
    with Haut(**sandbox.credentials) as haut:
        assert bulk_upload(haut, rows, journal=tmp_path / "journal").complete
    assert sandbox.carried_out("compute_batch") == 20


def test_patience_with_a_service_that_cannot_be_reached_has_an_end(
    tmp_path: Path, photo: Path, sandbox: Sandbox
) -> None:
    rows = [{"subject": "a", "front": photo}]
    nowhere: Credentials = {**sandbox.credentials, "base_url": sandbox.dead_url}
    with (
        Haut(**nowhere, max_retries=0) as haut,
        pytest.raises(BulkStopped, match="turns everything away"),
    ):
        bulk_upload(haut, rows, journal=tmp_path / "journal", patience=0.01)
    sandbox.faults.add("create_signed_upload_url", faults.status(429, retry_after=600))
    with Haut(**sandbox.credentials) as haut:
        with pytest.raises(BulkStopped, match="600 s"):
            bulk_upload(haut, rows, journal=tmp_path / "other", patience=60)
        assert bulk_upload(haut, rows, journal=tmp_path / "other").done == 1


def test_a_journal_serves_one_process_and_one_work(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    journal = tmp_path / "journal"
    refused: list[str] = []

    def rows() -> Iterator[dict[str, Any]]:
        with pytest.raises(ConfigError) as caught:
            bulk_upload(haut, [], journal=journal)
        refused.append(str(caught.value))
        yield {"subject": "a", "front": photo}

    assert bulk_upload(haut, rows(), journal=journal).done == 1
    assert refused == ["another process is working with this journal"]
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    assert b"person" not in journal.read_bytes()

    with (
        Sandbox() as other,
        Haut(**other.credentials) as stranger,
        pytest.raises(ConfigError, match="other work"),
    ):
        bulk_upload(stranger, [], journal=journal)
    with pytest.raises(ConfigError, match="no journal"):
        bulk_upload(haut, [], journal=photo)
    sqlite3.connect(tmp_path / "database").execute("CREATE TABLE t (x)").connection.close()
    with pytest.raises(ConfigError, match="no journal"):
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
def test_a_full_disk_stops_the_run_and_the_next_goes_on(
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
    assert [len(subject["batches"]) for subject in holdings(sandbox)] == [1] * 60
