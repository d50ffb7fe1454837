"""Tests of the table of results: sources, formats, problems, and continuing an interrupted run."""

from __future__ import annotations

import csv
import json
import os
import stat
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from pyarrow import parquet

from haut_ext import ConfigError, Haut
from haut_ext.analysis_results.rows import COLUMNS, Row
from haut_ext.bulk import BulkStopped, bulk_results, bulk_upload
from haut_ext.bulk.result_tables import write_table
from haut_ext.csv_cells import unmarked
from haut_ext.sandbox import Request, Sandbox, faults
from tests.bulk.conftest import PHOTO

pytestmark = pytest.mark.slow

NAMES = ["=1+1", 'a,\n"b"', "'quoted", "\u202e\U0001f600"]


def upload(haut: Haut, folder: Path, count: int = 3) -> list[UUID]:
    """Upload photos of new subjects with hostile names by a bulk run; return their ids."""
    (folder / "photo.jpg").write_bytes(PHOTO)
    photo = str(folder / "photo.jpg")
    rows = [{"subject": NAMES[number % 4] + str(number), "front": photo} for number in range(count)]
    rows.append({**rows[0], "left": photo})
    report = bulk_upload(haut, rows, journal=folder / "uploads", max_in_flight=1)
    assert report.done == count + 1
    return [subject.id for subject in haut.subjects.iterate()]


def read_table(path: Path) -> list[Row]:
    """Read a table with another library than the one that wrote it, as far as possible."""
    rows: list[dict[str, Any]]
    if path.suffix == ".parquet":
        rows = parquet.read_table(path).to_pylist()
        return [{**row, "date": row["date"].isoformat()} for row in rows]
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    with path.open(newline="", encoding="utf-8") as file:
        rows = [unmarked(row) for row in csv.DictReader(file)]
    return [
        {name: cell or None for name, cell in row.items()}
        | {"number": float(row["number"]) if row["number"] else None}
        for row in rows
    ]


def expected_rows(haut: Haut, subjects: list[UUID], *, names: bool, api: Any = "v1") -> list[Row]:
    found = {subject.id: subject.name for subject in haut.subjects.iterate()}
    return [
        {**row, "name": found[subject] if names else None}
        for subject in subjects
        for row in haut.history(subject, api=api)
    ]


def same(one: list[Row], other: list[Row]) -> bool:
    def texts(rows: list[Row]) -> list[str]:
        return sorted(
            json.dumps([*row.items()], default=str)
            for row in (
                {**row, "number": None if row["number"] is None else float(str(row["number"]))}
                for row in rows
            )
        )

    return texts(one) == texts(other)


def read_problems(path: Path | None) -> list[dict[str, str]]:
    assert path is not None
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_table_has_the_rows_of_each_subjects_history(
    tmp_path: Path, haut: Haut, suffix: str
) -> None:
    ids = upload(haut, tmp_path)
    dataset = haut.scope.dataset_id
    sources: list[dict[str, Any]] = [
        {"subjects": [*ids[:2], str(ids[0])]},
        {"dataset_id": dataset},
        {"journal": tmp_path / "uploads"},
    ]
    # A batch that is not in the journal of the upload
    haut.upload_and_compute(ids[0], front=PHOTO)
    for number, source in enumerate(sources):
        table = tmp_path / f"table {number}{suffix}"
        report = bulk_results(haut, to=table, **source)
        assert report.problems is None
        found = read_table(table)
        assert list(found[0]) == list(COLUMNS)
        expected = expected_rows(
            haut, ids[:2] if "subjects" in source else ids, names="dataset_id" in source
        )
        if "journal" in source:
            uploaded = {row["batch"] for row in found}
            assert len(uploaded) == 4
            expected = [row for row in expected if row["batch"] in uploaded]
        else:
            assert len({row["batch"] for row in found}) == (4 if "subjects" in source else 5)
        assert same(found, expected)
        assert not Path(f"{table}.journal").exists()
        if sys.platform != "win32":
            assert stat.S_IMODE(table.stat().st_mode) == 0o600
    assert not list(tmp_path.glob(".*"))


def test_table_of_v3_results(tmp_path: Path, haut: Haut, sandbox: Sandbox) -> None:
    subjects = [UUID(subject.id) for subject in sandbox.add_subjects(2)]
    for subject in subjects:
        haut.upload_and_compute(subject, front=PHOTO, left=PHOTO, api="v3", wait=True)
    table = tmp_path / "results.jsonl"
    assert bulk_results(haut, subjects=subjects, api="v3", to=table).done == 2
    assert same(read_table(table), expected_rows(haut, subjects, names=False, api="v3"))


def test_what_is_missing_is_listed_apart_and_read_by_the_next_run(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    sandbox.fail_algorithm("selfie_v2.acne", "=No face")
    ids = upload(haut, tmp_path)
    [never_computed, leftover] = sandbox.add_subjects(2)
    sandbox.add_images(never_computed, 1, PHOTO)
    sandbox.add_images(leftover, 1)
    gone = uuid4()
    everyone: list[Any] = [*ids, never_computed.id, leftover.id, gone, "a person's name"]
    sandbox.faults.add("list_image_results", faults.status(403))
    table = tmp_path / "results.csv"
    run: dict[str, Any] = {"to": table, "subjects": everyone, "wait_timeout": 0, "max_in_flight": 1}
    report = bulk_results(haut, **run)
    assert (report.done, report.failed, report.bad) == (2, 3, 2)
    lines = read_problems(report.problems)
    assert {(line["problem"], line["subject_id"]) for line in lines} == {
        ("failed", str(ids[0])),
        ("bad", str(gone)),
        ("bad", ""),
        ("missing", never_computed.id),
        ("missing", leftover.id),
        *(("algorithm", str(each)) for each in ids[1:]),
    }
    assert {line["family"] for line in lines if line["problem"] == "algorithm"} == {
        "selfie_v2.acne"
    }
    assert {line["reason"] for line in lines if line["problem"] == "algorithm"} == {"'=No face"}
    assert "a person" not in Path(str(report.problems)).read_text()
    assert same(read_table(table), expected_rows(haut, ids[1:], names=False))
    table.rename(tmp_path / "first.csv")
    batch_id = next(haut.images.iterate(never_computed.id)).image_batch_id
    haut.images.compute(batch_id)
    before = sandbox.received("list_image_results")
    report = bulk_results(haut, **{**run, "wait_timeout": 120})
    assert (report.done, report.skipped, report.failed, report.bad) == (2, 2, 1, 2)
    assert sandbox.received("list_image_results") - before <= 5
    assert same(
        read_table(table), expected_rows(haut, [*ids, UUID(never_computed.id)], names=False)
    )


def test_subject_that_is_deleted_during_the_run_is_listed(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    ids = upload(haut, tmp_path)
    with Haut(**sandbox.credentials) as other:

        def erase(request: Request) -> None:
            if request.operation == "list_image_results":
                sandbox.before_request = None
                for subject in ids[1:]:
                    other.erase_subject(subject)

        sandbox.before_request = erase
        report = bulk_results(
            haut, to=tmp_path / "a.jsonl", dataset_id=haut.scope.dataset_id, max_in_flight=1
        )
    assert (report.done, report.bad) == (1, 2)
    found = {line["subject_id"] for line in read_problems(report.problems)}
    assert found == {str(subject) for subject in ids[1:]}
    assert same(read_table(tmp_path / "a.jsonl"), expected_rows(haut, ids[:1], names=True))


@pytest.mark.parametrize("change", ["deleted", "incomplete"])
def test_results_of_an_image_without_a_photo_are_not_taken_for_complete(
    tmp_path: Path, change: str
) -> None:
    with Sandbox(analysis_seconds=10) as sandbox, Haut(**sandbox.credentials) as haut:
        [subject] = sandbox.add_subjects(1)
        [image] = sandbox.add_images(subject, 1, PHOTO if change == "incomplete" else None)
        if change == "incomplete":
            haut.images.compute(image.batch.id)
            sandbox.clock.advance(5.5)
            haut.images.get(image.id)
            haut.subjects.clear_storage(subject.id)
        else:

            def delete(request: Request) -> None:
                if request.operation == "list_image_results":
                    sandbox.before_request = None
                    sandbox.database.delete_image(image)

            sandbox.before_request = delete
        run: dict[str, Any] = {"subjects": [subject.id], "wait_timeout": 0}
        report = bulk_results(haut, to=tmp_path / "a.csv", **run)
        [line] = read_problems(report.problems)
    assert (line["problem"], line["batch_id"]) == ("missing", image.batch.id)
    assert ("no longer exists" in line["reason"]) == (change == "deleted")
    assert bool(read_table(tmp_path / "a.csv")) == (change == "incomplete")


def test_run_can_be_repeated_in_the_same_process(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    upload(haut, tmp_path)
    run: dict[str, Any] = {"to": tmp_path / "a.csv", "journal": tmp_path / "uploads"}
    sandbox.faults.add("list_image_results", faults.unauthorized(), times=None)
    with pytest.raises(BulkStopped) as kept:
        bulk_results(haut, **run, max_in_flight=1)
    sandbox.faults.clear()
    assert bulk_results(haut, **run).done == 4, str(kept)  # the error is still referenced


def test_results_of_a_subject_that_was_erased_between_two_runs_are_not_in_the_table(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    ids = upload(haut, tmp_path)
    run: dict[str, Any] = {"to": tmp_path / "a.csv", "dataset_id": haut.scope.dataset_id}
    sandbox.faults.add("list_image_results", faults.unauthorized(), skip=4, times=None)
    with pytest.raises(BulkStopped, match="token"):
        bulk_results(haut, **run, max_in_flight=1)
    assert not (tmp_path / "a.csv").exists()
    sandbox.faults.clear()
    haut.erase_subject(ids[0])
    report = bulk_results(haut, **run)
    assert report.problems is None
    assert same(read_table(tmp_path / "a.csv"), expected_rows(haut, ids[1:], names=True))


@pytest.mark.slow
def test_batches_that_were_never_analyzed_delay_the_run_once(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    images = [sandbox.add_images(subject, 1, PHOTO)[0] for subject in sandbox.add_subjects(3)]
    bulk_results(
        haut,
        to=tmp_path / "a.csv",
        subjects=[image.batch.subject.id for image in images],
        max_in_flight=1,
        wait_timeout=2,
        poll_interval=0.05,
    )
    paths = [it.path for it in sandbox.requests if it.operation == "list_image_results"]
    first, *others = (sum(image.id in path for path in paths) for image in images)
    assert first > 3
    assert all(1 <= count <= 2 for count in others)


def test_results_are_read_after_the_deadline_ended_the_first_check(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    ids = upload(haut, tmp_path)
    sandbox.faults.add("list_image_results", faults.stall())
    report = bulk_results(
        haut, to=tmp_path / "a.csv", subjects=ids, max_in_flight=1, wait_timeout=0.3
    )
    assert report.problems is None
    assert same(read_table(tmp_path / "a.csv"), expected_rows(haut, ids, names=False))


def test_run_that_stops_does_not_wait_for_results(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    [never_computed, other] = sandbox.add_subjects(2)
    sandbox.add_images(never_computed, 1, PHOTO)
    waits = threading.Event()
    sandbox.before_request = lambda request: (
        waits.set() if request.operation == "list_image_results" else None
    )

    def subjects() -> Iterator[str]:
        yield never_computed.id
        waits.wait()
        sandbox.faults.add("list_images", faults.unauthorized(), times=None)
        yield other.id

    started = time.monotonic()
    with pytest.raises(BulkStopped, match="token"):
        bulk_results(
            haut, to=tmp_path / "a.csv", subjects=subjects(), wait_timeout=600, poll_interval=0.1
        )
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"to": "taken.csv"}, "exists already"),
        ({"to": "dangling.csv"}, "exists already"),
        ({"to": "a.txt"}, "must end in .parquet, .csv, .jsonl"),
        ({"to": "missing/a.csv"}, "folder that can be written"),
        ({"to": "nul\0.csv"}, "to= must be in a folder"),
        ({"to": 300 * "a" + ".csv"}, "to= must be in a folder"),
        ({"subjects": [], "to": "a.csv"}, "exactly one of"),
        ({"dataset_id": None, "to": "a.csv"}, "exactly one of"),
        ({"dataset_id": None, "journal": "none", "to": "a.csv"}, "does not exist"),
        ({"to": "a.csv", "wait_for": ["nonsense"]}, "unknown algorithm family"),
        ({"to": "a.csv", "wait_for": ["acne"], "api": "v3"}, "v1 only"),
        ({"to": "a.csv", "wait_timeout": -1}, "wait_timeout"),
        ({"to": "a.csv", "problems": "a.csv"}, "overwrite the table"),
        ({"to": "a.csv", "problems": "taken.csv"}, "overwrite"),
    ],
)
def test_invalid_arguments_are_refused_before_any_request(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    haut: Haut,
    sandbox: Sandbox,
    arguments: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken.csv").write_text("precious")
    Path("dangling.csv").symlink_to("nowhere")
    with pytest.raises(ConfigError, match=message):
        bulk_results(haut, **{"dataset_id": haut.scope.dataset_id, **arguments})
    assert sandbox.requests == []
    assert sorted(os.listdir()) == ["dangling.csv", "taken.csv"]
    assert Path("taken.csv").read_text() == "precious"


def test_parquet_needs_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, haut: Haut, sandbox: Sandbox
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ConfigError, match=r"pip install 'haut-ext\[parquet\]'"):
        bulk_results(haut, to=tmp_path / "a.parquet", subjects=[])
    assert sandbox.requests == []


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_table_accepts_any_text_and_number(tmp_path: Path, suffix: str) -> None:
    texts: list[Any] = ["\ud800", "\0", "a\r\nb", "=1+1", "\ufeff", "", None]
    numbers: list[Any] = [10**400, -0.0, 2**63, float("nan"), None, 1, 0.5]
    rows: list[Row] = [
        {**dict.fromkeys(COLUMNS, text), "number": number, "date": None}
        for text, number in zip(texts, numbers, strict=True)
    ]
    write_table(tmp_path / f"a{suffix}", iter(rows))
    assert (tmp_path / f"a{suffix}").stat().st_size > 0
    if suffix == ".parquet":
        found = parquet.read_table(tmp_path / "a.parquet").to_pylist()
        assert [row["name"] for row in found] == ["?", *texts[1:]]
        assert found[0]["number"] is None
    elif suffix == ".csv":
        with (tmp_path / "a.csv").open(newline="") as file:
            assert [row["name"] for row in csv.DictReader(file)][3] == "'=1+1"


def test_file_that_appears_during_the_run_is_not_overwritten(
    tmp_path: Path, haut: Haut, sandbox: Sandbox
) -> None:
    ids = upload(haut, tmp_path)
    table = tmp_path / "a.csv"

    def create(_: Request) -> None:
        table.write_text("precious")

    sandbox.before_request = create
    with pytest.raises(BulkStopped, match="is not overwritten: move it"):
        bulk_results(haut, to=table, subjects=ids)
    assert table.read_text() == "precious"
    table.unlink()
    sandbox.before_request = None
    before = len(sandbox.requests)
    assert bulk_results(haut, to=table, subjects=ids).skipped == 3
    assert len(sandbox.requests) == before
    assert same(read_table(table), expected_rows(haut, ids, names=False))


def test_journal_of_another_source_is_refused(tmp_path: Path, haut: Haut, sandbox: Sandbox) -> None:
    ids = upload(haut, tmp_path)
    sandbox.faults.add("list_image_results", faults.status(403))
    bulk_results(haut, to=tmp_path / "a.csv", subjects=ids)
    (tmp_path / "a.csv").unlink()
    with pytest.raises(ConfigError, match="another run"):
        bulk_results(haut, to=tmp_path / "a.csv", dataset_id=haut.scope.dataset_id)
    # The journal of an upload can be exported to several tables.
    for name in ("b.csv", "c.csv"):
        assert bulk_results(haut, to=tmp_path / name, journal=tmp_path / "uploads").done == 4


def test_incomplete_uploads_are_listed(tmp_path: Path, haut: Haut, sandbox: Sandbox) -> None:
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    rows = [{"subject": str(number), "front": tmp_path / "photo.jpg"} for number in range(2)]
    sandbox.faults.add("compute_batch", faults.status(403))
    bulk_upload(haut, rows, journal=tmp_path / "uploads", max_in_flight=1)
    report = bulk_results(haut, to=tmp_path / "a.jsonl", journal=tmp_path / "uploads")
    assert (report.done, report.bad) == (1, 1)
    [line] = read_problems(report.problems)
    assert line["row"] == "1"
    assert "the upload of the row is not complete" in line["reason"]
