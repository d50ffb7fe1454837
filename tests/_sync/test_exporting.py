# Derived from tests/_async/test_exporting.py by `make sync`; change that file instead.
"""Tests that an export contains all data of a subject, survives interruptions and is honest."""

from __future__ import annotations

import csv
import json
import os
import resource
import stat
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from haut_ext import (
    ConfigError,
    ExportedFile,
    ExportIncomplete,
    ExportManifest,
    Haut,
    NotFound,
)
from haut_ext._sync import pagination
from haut_ext._sync.workflows import export as workflow
from haut_ext.export_folder import ExportFolder
from haut_ext.sandbox import Fault, Request, Sandbox, faults
from haut_ext.sandbox.records import Image, Subject
from tests.support.exported_files import PNG, add_batch, check_manifest, files_in, missing_data

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PROXY_404 = faults.status(404, b"<html>no such host</html>", content_type="text/html")
SERVICE_404 = faults.status(
    404,
    b'{"type":"client_error","errors":[{"code":"not_found","detail":"Not found.","attr":null}]}',
    content_type="application/json",
)
OTHER_IMAGE = faults.status(
    200, b'{"id":"2fea742a-62ec-4a81-9729-9e0283f9c40c"}', content_type="application/json"
)
EXPIRED = faults.status(
    400, b"<Error><Code>ExpiredToken</Code></Error>", content_type="application/xml"
)
NO_SUCH_KEY = faults.status(
    404, b"<Error><Code>NoSuchKey</Code></Error>", content_type="application/xml"
)


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    # The photos are as new as the first request, so their list is read twice, without waiting here.
    monkeypatch.setattr(pagination, "_TIME_RESOLUTION", 0.0)
    with Sandbox(analysis_reads=0) as sandbox:
        yield sandbox


@pytest.fixture
def subject(sandbox: Sandbox) -> Subject:
    """A subject with a batch of each version. A second subject must not be exported."""
    other, subject = sandbox.add_subjects(2)
    add_batch(sandbox, other)
    with sandbox.database.lock:
        subject.name = "=1+1"
        subject.meta = {"skin": "dry", "page": "https://shop.example/?id=3"}
    add_batch(sandbox, subject, 1)
    add_batch(sandbox, subject, 1, api="v3")
    return subject


def images_of(subject: Subject) -> list[Image]:
    return list(subject.images.values())


def test_export_contains_everything(
    sandbox: Sandbox, haut: Haut, subject: Subject, tmp_path: Path
) -> None:
    seen: list[ExportedFile] = []
    (folder := tmp_path / "export").mkdir(mode=0o755)
    manifest = haut.export_subject(subject.id, to=folder, reference="DSAR 17", on_file=seen.append)
    files = files_in(folder)
    check_manifest(manifest, files)
    assert missing_data(sandbox, subject, files) == []
    assert manifest.complete
    assert (manifest.absent, manifest.unknown, manifest.changes) == ((), (), ())
    assert {file.path for file in seen} == {file.path for file in manifest.files}
    assert (manifest.sandbox, manifest.reference) == (True, "DSAR 17")
    sources = {file.path.rpartition("/")[2]: file.source for file in manifest.files}
    nested = "GET /api/v1/companies/{id}/datasets/{id}/subjects/{id}/batches/"
    assert sources["image.json"] == "GET /api/v1/companies/{id}/images/{id}/"
    assert sources["results.v1.json"] == f"{nested}{{id}}/images/{{id}}/results/"
    assert sources["batch.json"] == nested
    assert sources["photo.png"] == "GET (storage)"
    assert len([path for path in files if "/files/" in path]) == 8  # masks and predicted images
    assert b"X-Goog" not in b"".join(files.values()), "a signed URL was stored"
    assert json.loads(files["subject.json"])["meta"] == subject.meta
    assert "complete: yes" in str(manifest)
    for path in [folder, *folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_tables(sandbox: Sandbox, haut: Haut, subject: Subject, tmp_path: Path) -> None:
    record = (haut.subjects.observe(subject.id)).to_dict() | {"=1": 1}
    response = faults.status(200, json.dumps(record).encode(), content_type="application/json")
    sandbox.faults.add("update_subject", response, times=None)
    haut.export_subject(subject.id, to=tmp_path / "export")
    tables = {
        path.stem: list(csv.DictReader(path.read_text("utf-8").splitlines()))
        for path in (tmp_path / "export").glob("*.csv")
    }
    assert [(row["name"], row["'=1"]) for row in tables["subject"]] == [("'=1+1", "1")]
    assert {row["id"] for row in tables["batches"]} == subject.batches.keys()
    assert {row["id"] for row in tables["images"]} == subject.images.keys()
    rows = tables["results"]
    assert {row["batch"] for row in rows} == subject.batches.keys()
    assert {row["image"] for row in rows} - {""} == {images_of(subject)[0].id}
    assert {row["subject"] for row in rows} == {subject.id}


@pytest.mark.parametrize("to", ["export", "export.zip"])
def test_nothing_is_written_for_an_unknown_subject(haut: Haut, tmp_path: Path, to: str) -> None:
    with pytest.raises(NotFound):
        haut.export_subject(uuid4(), to=tmp_path / to)
    assert files_in(tmp_path) == {}


def test_zip_file(sandbox: Sandbox, haut: Haut, subject: Subject, tmp_path: Path) -> None:
    path = tmp_path / "export.ZIP"
    sandbox.faults.add("download_image", faults.close(), skip=2, times=5)
    with pytest.raises(ExportIncomplete):
        haut.with_options(max_retries=0).export_subject(subject.id, to=path)
    assert not path.exists()
    sandbox.faults.clear()
    manifest = haut.export_subject(subject.id, to=path)
    assert os.listdir(tmp_path) == ["export.ZIP"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    check_manifest(manifest, files)
    assert missing_data(sandbox, subject, files) == []
    with pytest.raises(ConfigError, match="not overwritten"):
        haut.export_subject(subject.id, to=path)


OPERATIONS = [
    ("list_batches", 0),
    ("get_image", 1),
    ("list_smoothed_results", 0),
    ("download_image", 0),
    ("download_image", 4),
    ("update_subject", 1),
    ("list_images", 1),
    ("get_batch_results_v3", 3),
]


@pytest.mark.slow
@pytest.mark.parametrize(("operation", "number"), OPERATIONS)
def test_stopped_export_is_continued(
    sandbox: Sandbox, subject: Subject, tmp_path: Path, operation: str, number: int
) -> None:
    fault = faults.truncated() if operation == "download_image" else faults.bad_gateway()
    sandbox.faults.add(operation, fault, skip=number)
    folder = tmp_path / "export"
    with Haut(**sandbox.credentials, max_retries=0) as haut:
        with pytest.raises(ExportIncomplete) as caught:
            haut.export_subject(subject.id, to=folder)
        assert sandbox.faults.pending == []
        stopped = caught.value.manifest
        check_manifest(stopped, files_in(folder))
        assert not stopped.complete
        assert "complete: no" in str(stopped)
        before = sandbox.received("download_image")
        manifest = haut.export_subject(subject.id, to=folder)
    files = files_in(folder)
    check_manifest(manifest, files)
    assert manifest.complete
    assert manifest.changes == ()
    assert missing_data(sandbox, subject, files) == []
    kept = [file for file in stopped.files if file.source == "GET (storage)"]
    downloads = [file for file in manifest.files if file.source == "GET (storage)"]
    assert set(kept) <= set(downloads)
    assert sandbox.received("download_image") - before == len(downloads) - len(kept)


@pytest.mark.parametrize(
    ("operation", "fault", "path"),
    [
        ("download_image", PROXY_404, "/"),
        ("download_image", faults.login_page(), "/"),
        ("list_batches", PROXY_404, "batches"),
        ("list_batches", SERVICE_404, "batches"),
        ("list_image_results", PROXY_404, "results.v1.json"),
        ("get_batch_results_v3", faults.status(405), "results.v3.json"),
        ("get_image", OTHER_IMAGE, "image.json"),
    ],
)
def test_what_could_not_be_read_is_unknown(
    sandbox: Sandbox,
    haut: Haut,
    subject: Subject,
    tmp_path: Path,
    operation: str,
    fault: Fault,
    path: str,
) -> None:
    sandbox.faults.add(operation, fault, times=None)
    manifest = haut.export_subject(subject.id, to=tmp_path / "export")
    check_manifest(manifest, files_in(tmp_path / "export"))
    assert not manifest.complete
    assert manifest.unknown
    assert all(path in gap.path for gap in manifest.unknown)
    assert manifest.absent == ()
    sandbox.faults.clear()
    manifest = haut.export_subject(subject.id, to=tmp_path / "export")
    files = files_in(tmp_path / "export")
    check_manifest(manifest, files)
    assert manifest.complete
    assert missing_data(sandbox, subject, files) == []


@pytest.mark.parametrize("how", ["clear_storage", "storage only"])
def test_deleted_photos_are_absent(
    sandbox: Sandbox, haut: Haut, subject: Subject, tmp_path: Path, how: str
) -> None:
    if how == "clear_storage":
        haut.subjects.clear_storage(subject.id)
    else:
        sandbox.faults.add("download_image", NO_SUCH_KEY, times=None)
    manifest = haut.export_subject(subject.id, to=tmp_path / "export")
    photos = {f"images/{image.id}/photo" for image in images_of(subject)}
    assert photos <= {gap.path for gap in manifest.absent}
    assert manifest.complete
    assert manifest.unknown == ()
    assert "absent" in str(manifest)


def test_subject_that_is_found_in_the_list(
    sandbox: Sandbox, haut: Haut, subject: Subject, tmp_path: Path
) -> None:
    """The record does not contain those of other subjects on the same page of the list."""
    sandbox.faults.add("update_subject", faults.status(405), times=None)
    manifest = haut.export_subject(subject.id, to=tmp_path / "export")
    files = files_in(tmp_path / "export")
    assert manifest.complete
    assert json.loads(files["subject.json"])["id"] == subject.id
    assert missing_data(sandbox, subject, files) == []


def test_hostile_names_in_results_do_not_become_paths(
    sandbox: Sandbox, haut: Haut, subject: Subject, tmp_path: Path
) -> None:
    url = f"{sandbox.storage_url}/photo"
    names = ["../../x", "", "/etc/passwd", "con", "A", "a", "\ud800", "x" * 500, ".hidden", "a/b"]
    masks = dict.fromkeys(names, url)
    document = {"face_skin_metrics_3": {"parameters": {"..": {"masks": {"front": masks}}}}}
    results = json.dumps(document).encode()
    sandbox.faults.add(
        "get_batch_results_v3",
        faults.status(200, results, content_type="application/json"),
        times=None,
    )
    sandbox.faults.add("download_image", faults.status(200, PNG), times=None)
    folder = tmp_path / "export"
    manifest = haut.export_subject(subject.id, to=folder)
    assert manifest.complete
    check_manifest(manifest, files_in(folder))
    masks_found = [path.name for path in folder.rglob("files/*")]
    assert len(masks_found) == len(names) * len(subject.batches)
    assert len({name.lower() for name in masks_found}) == len(names)
    assert os.listdir(tmp_path) == ["export"]


def test_expired_address_is_requested_again(
    sandbox: Sandbox, haut: Haut, subject: Subject, tmp_path: Path
) -> None:
    sandbox.faults.add("download_image", EXPIRED, times=3)
    manifest = haut.export_subject(subject.id, to=tmp_path / "export")
    assert manifest.complete
    assert missing_data(sandbox, subject, files_in(tmp_path / "export")) == []


Change = Callable[[Sandbox, Subject], None]


def delete_image(sandbox: Sandbox, subject: Subject) -> None:
    sandbox.database.delete_image(images_of(subject)[0])


def delete_batch(sandbox: Sandbox, subject: Subject) -> None:
    sandbox.database.delete_batch(next(iter(subject.batches.values())))


def add_another_batch(sandbox: Sandbox, subject: Subject) -> None:
    add_batch(sandbox, subject, 1, api="v3")


def change_meta(sandbox: Sandbox, subject: Subject) -> None:
    subject.meta = {"skin": "oily"}


def delete_photos(sandbox: Sandbox, subject: Subject) -> None:
    sandbox.database.clear_storage(subject)


def restart_analysis(sandbox: Sandbox, subject: Subject) -> None:
    for image in images_of(subject)[:1]:
        image.analysis.clear_metrics()


END_OF_FIRST_PASS = ("get_batch_results_v3", 1)
SECOND_PASS = ("update_subject", 1)


@pytest.mark.parametrize(
    ("change", "moment", "reported"),
    [
        (delete_image, SECOND_PASS, {"deleted"}),
        (delete_image, END_OF_FIRST_PASS, {"deleted"}),
        (delete_batch, SECOND_PASS, {"deleted"}),
        (add_another_batch, SECOND_PASS, {"added"}),
        (add_another_batch, END_OF_FIRST_PASS, {"added"}),
        (change_meta, SECOND_PASS, {"changed"}),
        (delete_photos, SECOND_PASS, {"changed", "deleted"}),
        (restart_analysis, END_OF_FIRST_PASS, {"changed"}),
    ],
)
def test_change_during_the_export_is_reported(
    sandbox: Sandbox,
    haut: Haut,
    subject: Subject,
    tmp_path: Path,
    change: Change,
    moment: tuple[str, int],
    reported: set[str],
) -> None:
    operations: list[str] = []

    def change_once(request: Request) -> None:
        operations.append(request.operation)
        if request.operation == moment[0] and operations.count(request.operation) == moment[1] + 1:
            with sandbox.database.lock:
                change(sandbox, subject)

    sandbox.before_request = change_once
    manifest = haut.export_subject(subject.id, to=tmp_path / "export")
    files = files_in(tmp_path / "export")
    check_manifest(manifest, files)
    assert {it.change for it in manifest.changes} == reported
    assert manifest.complete
    assert missing_data(sandbox, subject, files) == []


def test_subject_that_is_deleted_during_the_export(
    sandbox: Sandbox, haut: Haut, subject: Subject, tmp_path: Path
) -> None:
    def delete(request: Request) -> None:
        if request.operation == "get_batch_results_v3":
            with sandbox.database.lock:
                if subject.id in sandbox.database.subjects:
                    sandbox.database.delete_subject(subject)

    sandbox.before_request = delete
    with pytest.raises(ExportIncomplete) as caught:
        haut.export_subject(subject.id, to=tmp_path / "export")
    manifest = caught.value.manifest
    check_manifest(manifest, files_in(tmp_path / "export"))
    assert not manifest.complete
    assert ("subject.json", "deleted") in {(it.path, it.change) for it in manifest.changes}


def test_data_that_never_stops_changing(
    sandbox: Sandbox,
    haut: Haut,
    subject: Subject,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workflow, "_MAX_PASSES", 3)

    def change(request: Request) -> None:
        if request.operation == "update_subject":
            with sandbox.database.lock:
                subject.meta = len(sandbox.requests)

    sandbox.before_request = change
    manifest = haut.export_subject(subject.id, to=tmp_path / "export")
    assert not manifest.complete
    assert [gap.reason for gap in manifest.unknown] == ["the data changed during each of 3 passes"]


def other_files(folder: Path, manifest: str) -> None:
    (folder / "notes.txt").write_text("mine")


def other_subject(folder: Path, manifest: str) -> None:
    document = {**json.loads(manifest), "subject_id": str(uuid4()), "finished_at": None}
    (folder / "manifest.json").write_text(json.dumps(document))


def other_service(folder: Path, manifest: str) -> None:
    document = {**json.loads(manifest), "service": "https://other.example"}
    (folder / "export-progress.jsonl").write_text(json.dumps(document) + "\n")


def complete_export(folder: Path, manifest: str) -> None:
    (folder / "manifest.json").write_text(manifest)


def damaged(folder: Path, manifest: str) -> None:
    (folder / "export-progress.jsonl").write_text(manifest[:50])


def path_outside(folder: Path, manifest: str) -> None:
    document = json.loads(manifest)
    document["files"][0]["path"] = "../../etc/passwd"
    (folder / "export-progress.jsonl").write_text(json.dumps(document) + "\n")


def link_to_manifest(folder: Path, manifest: str) -> None:
    (folder.parent / "elsewhere.json").write_text(manifest)
    (folder / "manifest.json").symlink_to(folder.parent / "elsewhere.json")


def link(folder: Path, manifest: str) -> None:
    folder.rmdir()
    (folder.parent / "elsewhere").mkdir()
    folder.symlink_to(folder.parent / "elsewhere")


def file(folder: Path, manifest: str) -> None:
    folder.rmdir()
    folder.write_text("mine")


@pytest.mark.parametrize(
    "prepare",
    [
        *(other_files, other_subject, other_service, complete_export, damaged, path_outside),
        *(link_to_manifest, link, file),
    ],
)
def test_what_is_not_this_export_is_not_touched(
    sandbox: Sandbox,
    haut: Haut,
    subject: Subject,
    tmp_path: Path,
    prepare: Callable[[Path, str], None],
) -> None:
    exported = haut.export_subject(subject.id, to=tmp_path / "first")
    folder = tmp_path / "second"
    folder.mkdir()
    prepare(folder, exported.to_json())
    before = files_in(tmp_path)
    requests = len(sandbox.requests)
    with pytest.raises(ConfigError, match="to="):
        haut.export_subject(subject.id, to=folder)
    assert files_in(tmp_path) == before
    assert len(sandbox.requests) == requests


@pytest.mark.parametrize("to", ["", "\0", "missing/export", "x" * 300, "x" * 250 + ".zip"])
def test_path_that_cannot_be_used(
    haut: Haut, subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text("")
    with pytest.raises(ConfigError, match="to="):
        haut.export_subject(subject.id, to=to)


def test_file_that_appears_at_a_path_of_the_export_is_not_replaced(
    sandbox: Sandbox, haut: Haut, subject: Subject, tmp_path: Path
) -> None:
    mine = tmp_path / "export" / "images" / images_of(subject)[0].id / "photo.png"

    def interfere(request: Request) -> None:
        if request.operation == "list_images":
            mine.parent.mkdir(parents=True, exist_ok=True)
            mine.write_text("mine")

    sandbox.before_request = interfere
    with pytest.raises(ExportIncomplete, match="exists"):
        haut.export_subject(subject.id, to=tmp_path / "export")
    assert mine.read_text() == "mine"


def test_folder_that_is_replaced_by_a_link_is_not_followed(
    sandbox: Sandbox, haut: Haut, subject: Subject, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def interfere(request: Request) -> None:
        if request.operation == "list_images" and not (tmp_path / "export/images").exists():
            (tmp_path / "export/images").symlink_to(elsewhere)

    sandbox.before_request = interfere
    with pytest.raises(ExportIncomplete):
        haut.export_subject(subject.id, to=tmp_path / "export")
    assert list(elsewhere.iterdir()) == []


def test_changed_file_is_exported_again(
    sandbox: Sandbox, haut: Haut, subject: Subject, tmp_path: Path
) -> None:
    folder = tmp_path / "export"
    sandbox.faults.add("list_batches", PROXY_404, times=2)
    assert not (haut.export_subject(subject.id, to=folder)).complete
    photos = sorted(folder.glob("images/*/photo.png"))
    photos[0].write_bytes(b"changed")
    photos[1].unlink()
    manifest = haut.export_subject(subject.id, to=folder)
    files = files_in(folder)
    check_manifest(manifest, files)
    assert missing_data(sandbox, subject, files) == []


def test_full_disk(sandbox: Sandbox, haut: Haut, subject: Subject, tmp_path: Path) -> None:
    with sandbox.database.lock:
        for image in images_of(subject)[:1]:
            sandbox.database.objects[image.key].data = bytes(100_000)
            sandbox.database.objects[image.key].md5 = b""
    sandbox.faults.add("download_image", faults.status(200, bytes(100_000)), times=1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, hard))
    try:
        with pytest.raises(ExportIncomplete, match="File too large") as caught:
            haut.export_subject(subject.id, to=tmp_path / "export")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(caught.value.cause, OSError)
    check_manifest(caught.value.manifest, files_in(tmp_path / "export"))


def test_errors_of_the_callback_reach_the_caller(
    haut: Haut, subject: Subject, tmp_path: Path
) -> None:
    def fail(file: ExportedFile) -> None:
        raise OSError("mine")

    with pytest.raises(OSError, match=r"^mine$"):
        haut.export_subject(subject.id, to=tmp_path / "export", on_file=fail)
    assert (haut.export_subject(subject.id, to=tmp_path / "export")).complete


def test_folder_in_use_is_refused(haut: Haut, subject: Subject, tmp_path: Path) -> None:
    refused: list[str] = []
    manifest = ExportManifest("", False, "", None, uuid4(), uuid4(), uuid4(), datetime.now(UTC))

    def start_second_export(file: ExportedFile) -> None:
        with pytest.raises(ConfigError, match="in use"):
            ExportFolder(tmp_path / "export", manifest)
        refused.append(file.path)

    haut.export_subject(subject.id, to=tmp_path / "export", on_file=start_second_export)
    assert refused


def test_manifest_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid ExportManifest"):
        ExportManifest.from_json('{"format": "haut-subject-export/2"}')


def test_resumed_export_keeps_its_reference(
    sandbox: Sandbox, haut: Haut, subject: Subject, tmp_path: Path
) -> None:
    sandbox.faults.add("list_batches", PROXY_404, times=2)
    folder = tmp_path / "export"
    first = haut.export_subject(subject.id, to=folder, reference="DSAR 17")
    with pytest.raises(ConfigError, match="another reference"):
        haut.export_subject(subject.id, to=folder, reference="DSAR 18")
    manifest = haut.export_subject(UUID(subject.id), to=folder)
    assert manifest.reference == "DSAR 17"
    assert manifest.started_at == first.started_at
