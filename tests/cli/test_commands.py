"""Tests of the `haut` commands: their effects, their output as text and JSON, and their exit codes."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

import haut_ext
from haut_ext import ErasureReceipt, Haut, UploadState
from haut_ext.sandbox import Request, faults
from tests.bulk.conftest import PHOTO
from tests.bulk.service_state import service_state
from tests.cli.conftest import HAUT, Shell
from tests.photo_files import exif, jpeg

pytestmark = pytest.mark.slow


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.slow
def test_subjects_and_images_are_listed(shell: Shell) -> None:
    shell.sandbox.add_subjects(60)
    [subject] = shell.sandbox.add_subjects(1, prefix="a person")
    shell.sandbox.add_images(subject, 2, PHOTO)
    out, err = shell.run("subjects", "list")
    assert len(out.splitlines()) == 51
    assert "Only the first 50 items are shown" in err
    assert len(json_lines(shell.run("subjects", "list", "--json")[0])) == 61
    out, err = shell.run("subjects", "list", "--search", "a person")
    assert (subject.id in out, len(out.splitlines()), err) == (True, 2, "")
    for name in (subject.id, subject.name):
        out, _ = shell.run("images", "list", name)
        assert [line.split()[1:3] for line in out.splitlines()[1:]] == [["front", "yes"]] * 2
    images = json_lines(shell.run("images", "list", subject.id, "--json")[0])
    assert len(images) == 2
    assert "X-Goog" not in json.dumps(images)
    assert "no subject has this name" in shell.run("images", "list", "unknown", code=2)[1]
    shell.run("images", "list", "00000000-0000-4000-8000-000000000000", code=1)


def test_subjects_are_found_by_exact_name(shell: Shell) -> None:
    shell.sandbox.add_subjects(3, prefix="a person")
    [first, _, _] = json_lines(shell.run("subjects", "list", "--json")[0])
    out, _ = shell.run("subjects", "find", first["name"])
    assert first["id"] in out
    assert json_lines(shell.run("subjects", "find", first["name"], "--json")[0]) == [first]
    out, err = shell.run("subjects", "find", "a person", code=1)
    assert (out, err) == ("", "haut: no subject has this name\n")


def test_name_of_several_subjects_is_ambiguous(shell: Shell) -> None:
    with shell.sandbox.database.lock:
        ids = [str(shell.sandbox.database.create_subject("a name").id) for _ in range(2)]
    _, err = shell.run("images", "list", "a name", code=2)
    assert "2 subjects have this name" in err
    assert all(subject_id in err for subject_id in ids)


def test_deletions_ask_first(shell: Shell) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    shell.sandbox.add_images(subject, 1, PHOTO)
    [image] = json_lines(shell.run("images", "list", subject.id, "--json")[0])
    for command, target in (
        (["images", "delete", image["id"]], {"image_id": image["id"]}),
        (["subjects", "delete", subject.name], {"subject_id": subject.id}),
    ):
        out, err = shell.run(*command, "--dry-run", "--json")
        assert json.loads(out).items() >= target.items()
        assert next(iter(target.values())) in err
        for answer in ("n\n", ""):
            assert "Aborted" in shell.run(*command, typed=answer, code=1)[1]
        assert shell.sandbox.carried_out("delete_image") == len(target.keys() & {"subject_id"})
        out, _ = shell.run(*command, "--yes", "--json")
        assert json.loads(out)["deleted"] is True
    assert shell.sandbox.snapshot()["subjects"] == []
    shell.run("images", "delete", image["id"], "--yes", code=1)
    assert "valid UUID" in shell.run("images", "delete", "an image", "--yes", code=2)[1]


def test_images_are_downloaded(shell: Shell) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    shell.sandbox.add_images(subject, 1, PHOTO)
    [image] = json_lines(shell.run("images", "list", subject.id, "--json")[0])
    for name in ("", ".jpeg"):  # files that the caller has not named
        (shell.folder / f"{image['id']}{name}").symlink_to("elsewhere")
    out, _ = shell.run("images", "download", image["id"])
    assert out == f"{image['id']}.jpeg\n"
    assert (shell.folder / out.strip()).read_bytes() == PHOTO
    assert (shell.folder / out.strip()).lstat().st_mode == stat.S_IFREG | 0o600
    assert not (shell.folder / "elsewhere").exists()
    assert len(list(shell.folder.iterdir())) == 3
    out, _ = shell.run("images", "download", image["id"], "--to", "x", "--json")
    assert json.loads(out) == {"image_id": image["id"], "path": "x", "bytes": len(PHOTO)}
    assert (shell.folder / "x").read_bytes() == PHOTO


def test_auxiliary_image_is_downloaded(shell: Shell) -> None:
    shell.run("upload", "customer-4711", "--front", "front.jpg", "--wait")
    [image] = json_lines(shell.run("images", "list", "customer-4711", "--json")[0])
    [aux] = image["aux_images"]
    assert aux["type"] == "selfie_front_face_restored_rgba"
    out, _ = shell.run("images", "download", image["id"], "--aux", aux["id"])
    assert out == f"{aux['id']}.jpeg\n"
    assert (shell.folder / out.strip()).read_bytes() == PHOTO
    _, err = shell.run("images", "download", image["id"], "--aux", image["id"], code=2)
    assert "no auxiliary image" in err


@pytest.mark.parametrize("to", ["-", "/dev/stdout"])
def test_photo_written_to_stdout_is_the_only_output(shell: Shell, to: str) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    [image] = shell.sandbox.add_images(subject, 1, PHOTO)
    with subprocess.Popen(
        [HAUT, "images", "download", image.id, "--to", to],
        cwd=shell.folder,
        env=shell.environment,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.communicate()[0] == PHOTO
    assert not (shell.folder / "-").exists()
    requests = len(shell.sandbox.requests)
    assert "--to -" in shell.run("images", "download", image.id, "--to", "-", "--json", code=2)[1]
    assert len(shell.sandbox.requests) == requests


def test_downloaded_file_of_an_unknown_format_keeps_its_name(shell: Shell) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    [image] = shell.sandbox.add_images(subject, 1, b"not a photo")
    assert shell.run("images", "download", image.id)[0] == f"{image.id}\n"
    assert (shell.folder / image.id).read_bytes() == b"not a photo"


def test_results_of_the_latest_batch_are_printed_and_exported(shell: Shell) -> None:
    shell.run("upload", "=customer-4711", "--front", "front.jpg")
    shell.sandbox.clock.advance(60)
    out, _ = shell.run("upload", "=customer-4711", "--front", "front.jpg", "--json")
    batch = json.loads(out)
    results = json.loads(shell.run("results", "=customer-4711", "--json")[0])
    assert (results["batch_id"], results["complete"]) == (batch["batch_id"], False)
    assert {metric["subject"] for metric in results["metrics"]} == {batch["subject_id"]}
    assert {metric["name"] for metric in results["metrics"]} == {"=customer-4711"}
    wait = ("--wait", "--wait-for", "acne", "--wait-for", "pores", "--poll-interval", "0.1")
    out, _ = shell.run("results", "=customer-4711", "--batch", batch["batch_id"], *wait)
    assert out.split()[:6] == ["side", "family", "area", "metric", "value", "unit"]
    out, _ = shell.run("results", "=customer-4711", "--csv", "metrics.csv")
    rows = list(csv.DictReader((shell.folder / "metrics.csv").read_text().splitlines()))
    assert (out, len(rows)) == ("", len(results["metrics"]))
    assert {row["name"] for row in rows} == {"'=customer-4711"}
    assert (shell.folder / "metrics.csv").stat().st_mode & 0o777 == 0o600
    requests = len(shell.sandbox.requests)
    _, err = shell.run("results", batch["subject_id"], "--csv", "metrics.csv", code=2)
    assert "exists already" in err
    _, err = shell.run("results", batch["subject_id"], "--csv", "missing/metrics.csv", code=2)
    assert err == "haut: --csv missing/metrics.csv: No such file or directory\n"
    assert len(shell.sandbox.requests) == requests
    [empty] = shell.sandbox.add_subjects(1)
    assert "no images" in shell.run("results", empty.id, code=2)[1]
    # Another program creates the file while the results are read.
    other = shell.folder / "other.csv"

    def create(request: Request) -> None:
        other.write_text("other")

    shell.sandbox.before_request = create
    _, err = shell.run("results", batch["subject_id"], "--csv", "other.csv", code=1)
    assert "other.csv" in err
    assert other.read_text() == "other"


@pytest.mark.parametrize("api", ["v1", "v3"])
def test_results_of_a_batch_are_found_without_its_subject(shell: Shell, api: Any) -> None:
    shell.sandbox.add_subjects(2)
    with Haut(**shell.sandbox.credentials) as haut:
        subject = haut.subjects.create("customer-4711")
        batch = haut.upload_and_compute(subject.id, front=PHOTO, api=api, wait=True)
        empty = haut.images.request_upload(subject.id).image_batch_id
    out, err = shell.run("results", str(batch.batch_id), "--api", api, "--json")
    assert "Searching the subjects" in err
    assert {(row["subject"], row["name"]) for row in json.loads(out)["metrics"]} == {
        (str(subject.id), "customer-4711")
    }
    named = ("results", "customer-4711", "--batch", str(batch.batch_id), "--api", api, "--json")
    assert shell.run(*named) == (out, "")
    _, err = shell.run("results", str(empty), "--api", api)
    assert f"The batch has no {api} results yet.\n" in err
    assert "404" in shell.run("results", str(UUID(int=1)), code=1)[1]


def test_waiting_ends_after_the_wait_timeout(shell: Shell) -> None:
    shell.sandbox.state.analyses.reads = 1000
    wait = ("--wait", "--wait-timeout", "0.1")
    out, err = shell.run("upload", "customer-4711", "--front", "front.jpg", *wait, code=4)
    assert "Batch" in out
    [advice] = [line for line in err.splitlines() if "haut results" in line]
    command = advice.partition("haut ")[2].split()
    _, err = shell.run(*command, "--wait-timeout", "0.1", code=4)
    assert err.endswith("\nRun the same command again to wait longer.\n")


def test_upload(shell: Shell) -> None:
    out, err = shell.run("upload", "customer-4711", "--front", "front.jpg", "--wait", "--json")
    [subject] = shell.sandbox.snapshot()["subjects"]
    uploaded = json.loads(out)
    assert uploaded["subject_id"] == subject["id"]
    assert len(uploaded["quality_scores"]) == 1
    assert err == ""
    out, _ = shell.run("upload", subject["id"], "--front", "front.jpg", "--left", "front.jpg")
    assert "left" in out
    assert len(shell.sandbox.snapshot()["subjects"]) == 1
    (shell.folder / "small.jpg").write_bytes(b"no photo")
    assert "JPEG" in shell.run("upload", subject["id"], "--front", "small.jpg", code=2)[1]
    assert "no photo" in shell.run("upload", subject["id"], code=2)[1]


def test_upload_that_stops_prints_how_to_continue(shell: Shell) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    shell.sandbox.faults.add("upload_image", faults.status(403))
    _, err = shell.run("upload", subject.id, "--front", "front.jpg", code=4)
    [advice] = [line for line in err.splitlines() if line.startswith("Continue with: haut ")]
    command = advice.removeprefix("Continue with: haut ").replace("...", "front.jpg").split()
    shell.run(*command)
    assert not list(shell.folder.glob("haut-upload-*"))
    [state] = service_state(shell.sandbox)
    assert [len(batch["images"]) for batch in state["batches"]] == [1]
    (shell.folder / "state").write_text("{}")
    assert "invalid UploadState" in shell.run("upload", "x", "--resume", "state", code=2)[1]


def test_state_of_an_upload_is_on_disk_before_each_request(shell: Shell) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    existing = shell.folder / f"haut-upload-{subject.id}.json"
    existing.symlink_to("elsewhere")
    states: list[UploadState] = []

    def read(request: Request) -> None:
        [path] = shell.folder.glob("haut-upload-*-2.json")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        states.append(UploadState.from_json(path.read_text()))

    shell.sandbox.before_request = read
    shell.run("upload", subject.id, "--front", "front.jpg")
    assert [state.stage for state in states] == ["slot", "bytes", "compute"]
    assert [path.name for path in shell.folder.glob("haut-upload-*")] == [existing.name]
    assert not existing.exists()


def test_upload_that_cannot_start_sends_no_request(shell: Shell) -> None:
    (shell.folder / "x.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99))
    _, err = shell.run("upload", "customer-4711", "--front", "x.heic", code=2)
    assert "HEIC" in err
    for missing in ("missing.json", ".", "front.jpg"):
        _, err = shell.run(
            "upload", "customer-4711", "--front", "front.jpg", "--resume", missing, code=2
        )
        assert f"--resume {missing}: " in err
    unwritable = evolve(shell, folder=Path("/proc"))
    photo = str(shell.folder / "front.jpg")
    _, err = unwritable.run("upload", "customer-4711", "--front", photo, code=2)
    assert "cannot be written to /proc" in err
    assert shell.sandbox.requests == []


def test_notes_about_an_upload_are_printed(shell: Shell) -> None:
    (shell.folder / "turned.jpg").write_bytes(jpeg(exif=exif()))
    [subject] = shell.sandbox.add_subjects(1)
    shell.sandbox.faults.add("create_signed_upload_url", faults.reset("after"))
    _, err = shell.run("upload", subject.id, "--front", "turned.jpg", code=4)
    assert "Warning: the photo has the EXIF orientation 6" in err
    [state] = shell.folder.glob("haut-upload-*")
    resume = ("upload", subject.id, "--resume", state.name)
    shell.sandbox.faults.add("compute_batch", faults.reset("before"))
    shell.run(*resume, "--front", "turned.jpg", code=4)
    _, err = shell.run(*resume, code=4)
    assert "pass --compute-again" in err
    assert "_again=" not in err
    _, err = shell.run(*resume, "--compute-again")
    [lost] = [
        image.id for image in shell.sandbox.database.images.values() if not image.batch.computes
    ]
    assert f"has created: {lost}. If no other program" in err


def test_same_resume_twice_starts_one_analysis(shell: Shell) -> None:
    """The state of an upload that stops again replaces the state that it was resumed from."""
    [subject] = shell.sandbox.add_subjects(1)
    shell.sandbox.faults.add("upload_image", faults.status(403))
    shell.run("upload", subject.id, "--front", "front.jpg", code=4)
    [state] = shell.folder.glob("haut-upload-*")
    state = state.rename(shell.folder / "my state.json")
    shell.sandbox.faults.add("compute_batch", faults.status(500, when="after"))
    resume = ("upload", subject.id, "--resume", state.name)
    _, err = shell.run(*resume, "--front", "front.jpg", code=4)
    assert "--resume 'my state.json'" in err
    shell.run(*resume, "--front", "front.jpg", code=2)
    shell.run(*resume)
    assert shell.sandbox.carried_out("compute_batch") == 1


def test_stopped_uploads_of_a_subject_have_different_files(shell: Shell) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    shell.sandbox.faults.add("upload_image", faults.status(403), times=2)
    for _ in range(2):
        shell.run("upload", subject.id, "--front", "front.jpg", code=4)
    assert len(list(shell.folder.glob("haut-upload-*"))) == 2


def test_state_file_is_locked_while_an_upload_uses_it(shell: Shell) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    locked: list[bool] = []

    def try_to_lock(request: Request) -> None:
        for state in shell.folder.glob("haut-upload-*.json"):
            with state.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    locked.append(True)
                else:
                    locked.append(False)

    shell.sandbox.before_request = try_to_lock
    shell.sandbox.faults.add("upload_image", faults.status(403))
    shell.run("upload", subject.id, "--front", "front.jpg", code=4)
    [state] = shell.folder.glob("haut-upload-*.json")
    resume = ("upload", subject.id, "--resume", state.name, "--front", "front.jpg")
    requests = len(shell.sandbox.requests)
    with state.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _, err = shell.run(*resume, code=2)
    assert "another process is continuing this upload" in err
    assert len(shell.sandbox.requests) == requests
    shell.run(*resume)
    assert len(locked) > 4
    assert all(locked)


def test_resume_of_an_upload_to_another_subject_is_rejected(shell: Shell) -> None:
    [subject, other] = shell.sandbox.add_subjects(2)
    shell.sandbox.faults.add("upload_image", faults.status(403))
    shell.run("upload", subject.id, "--front", "front.jpg", code=4)
    [state] = shell.folder.glob("haut-upload-*")
    for name in (other.id, other.name):
        arguments = ("upload", name, "--resume", state.name, "--front", "front.jpg")
        assert "another subject" in shell.run(*arguments, code=2)[1]


def test_erase_asks_first_and_writes_a_receipt(shell: Shell) -> None:
    [subject, other] = shell.sandbox.add_subjects(2)
    shell.sandbox.add_images(subject, 3, PHOTO)
    subject.meta = {"skin": "secret", "\x1b[2J": 1}
    subject.birth_date = "1990-01-02"
    for answer, arguments, code in (("", ["--dry-run"], 0), ("n\n", [], 1), ("", [], 1)):
        out, err = shell.run("erase", subject.name, *arguments, typed=answer, code=code)
        [row] = [line for line in (out + err).splitlines() if line.startswith(subject.id)]
        assert row.endswith("  1        3       birth_date, meta.skin, meta.\\x1b[2J")
        assert "subjects: 1" in err
        assert "secret" not in out + err
        assert "1990" not in out + err
    assert len(shell.sandbox.snapshot()["subjects"]) == 2
    out, _ = shell.run("erase", subject.name, subject.id, "--dry-run", "--json")
    assert json.loads(out) == {
        "subject_id": subject.id,
        "name": subject.name,
        "created": f"{subject.created:%Y-%m-%d %H:%M:%S}",
        "batches": 1,
        "images": 3,
        "metadata": ["birth_date", "meta.skin", "meta.\x1b[2J"],
    }
    out, _ = shell.run("erase", subject.name, typed="y\n")
    assert "yes, every check was made" in out
    receipt = ErasureReceipt.from_json((shell.folder / f"erasure-{subject.id}.json").read_text())
    assert receipt.verified
    out, _ = shell.run(
        "erase", other.id, "--yes", "--keep-subject", "--receipt", "r.json", "--json"
    )
    assert json.loads(out) == json.loads((shell.folder / "r.json").read_text())
    assert [subject["id"] for subject in shell.sandbox.snapshot()["subjects"]] == [other.id]
    shell.run("erase", subject.id, "--yes", "--receipt", "s.json", code=1)
    shell.run("erase", other.id, "--yes", "--receipt", "front.jpg", code=2)


def create(shell: Shell, *names: str) -> list[str]:
    """Create subjects without sending requests, and return their ids."""
    with shell.sandbox.database.lock:
        return [shell.sandbox.database.create_subject(name).id for name in names]


def receipts(folder: Path) -> dict[str, bool]:
    """Return whether each receipt in a folder is verified, by the id of its subject."""
    found = [ErasureReceipt.from_json(path.read_text()) for path in folder.glob("*.json")]
    return {str(receipt.subject_id): receipt.verified for receipt in found}


def test_subjects_of_one_name_are_listed_and_erased_only_on_request(shell: Shell) -> None:
    one, two, other, third = create(shell, "a\x1b name", "a\x1b name", "A\x1b name", "b")
    _, err = shell.run("erase", "b", "a\x1b name", "--yes", code=2)
    assert [line.split()[0] for line in err.splitlines()[1:3]] == [one, two]
    assert "a\\x1b name" in err
    assert "--all-with-this-name" in err
    assert other not in err
    assert len(shell.sandbox.database.subjects) == 4
    names = ("erase", "b", "a\x1b name", third, "--all-with-this-name")
    out, _ = shell.run(*names, "--dry-run", "--json")
    assert [line["subject_id"] for line in json_lines(out)] == [third, one, two]
    _, err = shell.run(*names, "--yes", "--receipt", "r.json", code=2)
    assert "must be a folder, because 3 subjects are erased" in err
    out, _ = shell.run(*names, "--yes", "--json", "--receipt", "folder", "--reference", "x  y")
    assert [line["subject_id"] for line in json_lines(out)] == [third, one, two]
    assert receipts(shell.folder / "folder") == dict.fromkeys([third, one, two], True)
    assert stat.S_IMODE((shell.folder / "folder").stat().st_mode) == 0o700
    assert [*shell.sandbox.database.subjects] == [other]
    shell.run("erase", "a\x1b name", other, "--yes", code=2)
    assert [*shell.sandbox.database.subjects] == [other]
    shell.run("erase", "A\x1b name", "--yes", "--receipt", "folder")
    assert receipts(shell.folder / "folder")[other]


def test_name_is_absent_only_if_the_service_says_so(shell: Shell) -> None:
    create(shell, "a")
    page = faults.status(404, b"<html>no such host</html>", content_type="text/html")
    shell.sandbox.faults.add("list_subjects", page)
    assert "no subject" not in shell.run("erase", "a", "--yes", code=1)[1]
    shell.sandbox.faults.add("update_subject", page)
    assert "no such" not in shell.run("erase", *shell.sandbox.database.subjects, "--yes", code=4)[1]
    assert "argument 1, 3" in shell.run("erase", "b", "a", "A", "--yes", code=2)[1]
    assert len(shell.sandbox.database.subjects) == 1


@pytest.mark.parametrize("cause", ["failure", "deleted", "Ctrl-C"])
def test_several_erasures_that_stop_are_completed_by_the_printed_command(
    shell: Shell, cause: str
) -> None:
    ids = create(shell, "a", "b", "c")
    code = {"failure": 4, "deleted": 1, "Ctrl-C": 130}[cause]

    def disturb(request: Request) -> None:
        if request.operation != "update_subject" or ids[1] not in request.path:
            return
        shell.sandbox.before_request = None
        if cause == "deleted":
            with shell.sandbox.database.lock:
                subject = shell.sandbox.database.subjects[ids[1]]
                shell.sandbox.database.delete_subject(subject)
        elif cause == "Ctrl-C":
            os.kill(os.getpid(), signal.SIGINT)

    shell.sandbox.before_request = disturb
    if cause == "failure":
        shell.sandbox.faults.add("delete_subject", faults.status(403), skip=1)
    _, err = shell.run("erase", "a", "b", "c", "--yes", "--reference", "case 1", code=code)
    [advice] = [line for line in err.splitlines() if "Continue with: haut " in line]
    continued = shlex.split(advice.partition("Continue with: haut ")[2])
    assert continued[1:-2] == (ids[2:] if cause == "deleted" else ids[1:])
    shell.run(*continued, "--yes")
    assert shell.sandbox.database.subjects == {}
    erased = ids if cause != "deleted" else [ids[0], ids[2]]
    assert receipts(shell.folder) == dict.fromkeys(erased, True)


def test_erasure_that_stops_is_completed_by_the_printed_command(shell: Shell) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    shell.sandbox.faults.add("delete_subject", faults.status(403, when="after"))
    _, err = shell.run("erase", subject.id, "--yes", code=4)
    [advice] = [line for line in err.splitlines() if "Continue with: haut " in line]
    assert "error.receipt" not in err
    out, _ = shell.run(*advice.partition("Continue with: haut ")[2].split(), "--yes")
    assert "already gone" in out


def test_printed_command_keeps_the_subject(shell: Shell) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    shell.sandbox.faults.add("clear_subject_metadata", faults.status(403))
    receipt = "my receipt.json"
    _, err = shell.run("erase", subject.id, "--yes", "--keep-subject", "--receipt", receipt, code=4)
    [advice] = [line for line in err.splitlines() if "Continue with: haut " in line]
    _, err = shell.run("erase", subject.id, "--yes", "--receipt", receipt, code=2)
    assert "pass --keep-subject" in err
    shell.run(*shlex.split(advice.partition("Continue with: haut ")[2]), "--yes")
    assert [subject["id"] for subject in shell.sandbox.snapshot()["subjects"]] == [subject.id]


def test_receipt_of_a_completed_erasure_is_not_overwritten(shell: Shell) -> None:
    [subject, other] = shell.sandbox.add_subjects(2)
    shell.run("erase", subject.id, "--yes", "--receipt", "r.json")
    before = (shell.folder / "r.json").read_text()
    _, err = shell.run("erase", other.id, "--yes", "--receipt", "r.json", code=2)
    assert "another subject" in err
    _, err = shell.run("erase", subject.id, "--yes", "--receipt", "r.json", code=2)
    assert "completed erasure" in err
    assert (shell.folder / "r.json").read_text() == before
    assert len(shell.sandbox.snapshot()["subjects"]) == 1


@pytest.mark.parametrize("kind", ["missing/r.json", "file/r.json", "link", "pipe", "text"])
def test_invalid_path_of_a_receipt_is_refused_before_any_request(shell: Shell, kind: str) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    for name in ("file", "text", "target"):
        (shell.folder / name).write_text("text")
    (shell.folder / "link").symlink_to("target")
    os.mkfifo(shell.folder / "pipe")
    _, err = shell.run("erase", subject.name, "--yes", "--receipt", kind, code=2)
    assert kind.partition("/")[0] in err
    assert shell.sandbox.requests == []
    assert (shell.folder / "target").read_text() == "text"


def test_receipt_is_private_and_names_the_case(shell: Shell) -> None:
    [subject, other] = shell.sandbox.add_subjects(2)
    shell.run("erase", subject.id, "--yes", "--reference", "two\nlines", code=2)
    assert shell.sandbox.requests == []
    out, _ = shell.run(
        "erase", subject.id, "--yes", "--receipt", "r.json", "--reference", "case 17"
    )
    assert "Case reference            case 17\n" in out
    assert (shell.folder / "r.json").stat().st_mode & 0o777 == 0o600
    shell.run("erase", str(UUID(int=1)), "--yes", "--receipt", "s.json", code=1)
    shell.run("erase", other.id, "--dry-run", "--receipt", "s.json")
    assert [path.name for path in shell.folder.glob("*.json")] == ["r.json"]


@pytest.mark.parametrize("operation", ["update_subject", "delete_image", "delete_subject"])
def test_interrupted_erasure_keeps_its_receipt(shell: Shell, operation: str) -> None:
    """The receipt is on disk before a request that changes something."""
    [subject] = shell.sandbox.add_subjects(1)
    shell.sandbox.add_images(subject, 3, PHOTO)
    stored: list[ErasureReceipt] = []
    ended = threading.Event()

    def interrupt(request: Request) -> None:
        if request.operation == operation and not stored:
            path = shell.folder / "r.json"
            stored.extend([ErasureReceipt.from_json(path.read_text())] if path.exists() else [])
            shell.sandbox.before_request = None
            os.kill(os.getpid(), signal.SIGINT)
            ended.wait(10)

    shell.sandbox.before_request = interrupt
    _, err = shell.run("erase", subject.id, "--yes", "--receipt", "r.json", code=130)
    ended.set()
    if operation == "update_subject":
        assert "before anything was erased" in err
        assert not (shell.folder / "r.json").exists()
    else:
        assert "Continue with: haut erase" in err
        assert len(stored[0].batches[0].image_ids) == 3
    shell.run("erase", subject.id, "--yes", "--receipt", "r.json")
    receipt = ErasureReceipt.from_json((shell.folder / "r.json").read_text())
    assert receipt.verified
    assert receipt.continues(stored[0] if stored else receipt)


@pytest.mark.slow
def test_export(shell: Shell) -> None:
    [subject] = shell.sandbox.add_subjects(1, prefix="a person")
    shell.sandbox.add_images(subject, 2, PHOTO)
    out, err = shell.run("export", subject.name, "--to", "a.zip", "--reference", "DSAR 17")
    assert out.startswith("Export of a subject\n  reference  DSAR 17\n")
    assert "\n  complete: yes" in out
    assert out.endswith("\n\nExport: a.zip\n")
    assert err == ""
    _, err = shell.run("export", subject.id, "--to", "a.zip", code=2)
    assert err == "haut: --to exists already, and is not overwritten\n"
    _, err = shell.run("export", "another person", "--to", "b", code=2)
    assert "no subject has this name" in err
    shell.run("export", str(UUID(int=1)), "--to", "b", code=1)
    assert not (shell.folder / "b").exists()
    shell.sandbox.faults.add("list_batches", faults.status(405), times=2)
    out, _ = shell.run("export", subject.id, "--to", "b", "--json", code=4)
    assert json.loads(out)["unknown"][0]["path"] == "batches"
    assert json.loads(shell.run("export", subject.id, "--to", "b", "--json")[0])["complete"] is True


@pytest.mark.slow
@pytest.mark.parametrize("cause", ["Ctrl-C", "error"])
def test_stopped_export_prints_how_to_continue(shell: Shell, cause: str) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    shell.sandbox.add_images(subject, 2, PHOTO)
    arguments = ("export", subject.id, "--to", "an export")
    if cause == "error":
        shell.sandbox.faults.add("get_image", faults.unauthorized(), times=None)
        _, err = shell.run(*arguments, code=4)
    else:
        shell.sandbox.faults.add("download_image", faults.stall())
        with shell.start(*arguments) as process:
            shell.sandbox.before_request = lambda request: (
                process.send_signal(signal.SIGINT) if request.operation == "list_images" else None
            )
            _, err = process.communicate(timeout=30)
        assert process.returncode == 130
    shell.sandbox.before_request = None
    shell.sandbox.faults.clear()
    [line] = [line for line in err.splitlines() if "Continue with: " in line]
    out, _ = shell.run(*shlex.split(line.partition("Continue with: haut ")[2]))
    assert "complete: yes" in out


def test_bulk_erase_reads_a_pipe_once_and_refuses_a_missing_column(shell: Shell) -> None:
    subjects = shell.sandbox.add_subjects(3)
    arguments = ("--journal", "e", "--receipts", "receipts", "--yes")
    (shell.folder / "ids.csv").write_text("subject\n" + subjects[0].id + "\n")
    _, err = shell.run("bulk", "erase", "ids.csv", *arguments, code=2)
    assert "no column subject_id" in err
    _, err = shell.run("bulk", "erase", "-", *arguments[:-1], code=2)
    assert "pass --yes or --dry-run" in err
    assert shell.sandbox.requests == []
    reader, writer = os.pipe()
    os.write(writer, "".join(f"{subject.id}\n" for subject in subjects).encode())
    os.close(writer)
    out, _ = shell.run("bulk", "erase", f"/dev/fd/{reader}", *arguments, "--json")
    os.close(reader)
    assert json.loads(out)["done"] == 3


def test_bulk_results_writes_a_table_of_each_source(shell: Shell) -> None:
    (shell.folder / "photos" / "customer").mkdir(parents=True)
    (shell.folder / "photos" / "customer" / "front.jpg").write_bytes(PHOTO)
    shell.run("bulk", "upload", "photos", "--journal", "uploads")
    [subject] = shell.sandbox.snapshot()["subjects"]
    (shell.folder / "ids.txt").write_text(subject["id"])
    dataset = shell.sandbox.credentials["dataset_id"]
    sources = (("--journal", "uploads"), ("--subjects", "ids.txt"), ("--dataset", dataset))
    for number, source in enumerate(sources):
        out, _ = shell.run("bulk", "results", *source, "--to", f"{number}.csv", "--json")
        assert json.loads(out)["done"] == 1
        assert "selfie_v2.acne" in (shell.folder / f"{number}.csv").read_text()
    before = len(shell.sandbox.requests)
    for source in sources:
        _, err = shell.run("bulk", "results", *source, "--to", "0.csv", code=2)
        assert "exists already" in err
    assert len(shell.sandbox.requests) == before
    _, err = shell.run("bulk", "results", "--to", "new.csv", code=2)
    assert "exactly one" in err
    shell.sandbox.add_images(shell.sandbox.database.subjects[subject["id"]], 1, PHOTO)
    waiting = ("--wait-timeout", "0")
    out, _ = shell.run("bulk", "results", *sources[1], *waiting, "--to", "new.csv", code=3)
    assert "missing" in out
    assert "new.csv.problems.csv" in out


def test_invalid_photo_creates_no_subject(shell: Shell) -> None:
    shell.run("upload", "customer-4711", "--front", "missing.jpg", code=2)
    assert shell.sandbox.requests == []


def test_wait_that_fails_prints_how_to_get_the_results(shell: Shell) -> None:
    """Otherwise the user would upload the photos again, which is billed again."""
    shell.sandbox.faults.add("get_image", faults.status(403))
    _, err = shell.run("upload", "customer-4711", "--front", "front.jpg", "--wait", code=1)
    [advice] = [line for line in err.splitlines() if "with: haut results " in line]
    out, _ = shell.run(*advice.partition("with: haut ")[2].split(), "--json")
    assert json.loads(out)["complete"]


@pytest.mark.parametrize("arguments", [["subjects", "list"], ["subjects", "list", "--json"]])
def test_closed_stdout_is_reported(shell: Shell, arguments: list[str]) -> None:
    shell.sandbox.add_subjects(1)
    command = shlex.join([HAUT, *arguments]) + " >&-"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env=shell.environment,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "haut: [Errno 9] stdout or stderr is closed\n"


@pytest.mark.parametrize("problem", ["closed pipe", "full"])
def test_output_that_cannot_be_written_at_the_end_is_a_failure(shell: Shell, problem: str) -> None:
    """Python itself would print `Exception ignored` and exit with code 120."""
    reader, writer = os.pipe()
    os.close(reader)
    prepare = "ulimit -f 0; exec >full; " if problem == "full" else ""
    done = subprocess.run(
        ["/bin/sh", "-c", f"{prepare}exec {HAUT} subjects list"],
        cwd=shell.folder,
        env=shell.environment,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert done.returncode == 1
    assert done.stderr == ("" if problem == "closed pipe" else "haut: [Errno 27] File too large\n")


def test_json_can_be_written_in_any_encoding(shell: Shell) -> None:
    shell.sandbox.add_subjects(1, prefix="\u65e5\u672c")
    process = shell.start("subjects", "list", "--json", PYTHONIOENCODING="ascii")
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["name"].startswith("\u65e5\u672c")


@pytest.mark.slow
def test_bulk_upload_and_erase(shell: Shell) -> None:
    for name in ("a", "b"):
        (shell.folder / "photos" / name).mkdir(parents=True)
        shutil.copy(shell.folder / "front.jpg", shell.folder / "photos" / name)
    out, err = shell.run("bulk", "upload", "photos", "--journal", "j")
    assert (out, err) == ("2 done\n", "")
    manifest = shell.folder / "m.csv"
    manifest.write_text("subject,front\nc,front.jpg\nd,missing.jpg\n")
    out, _ = shell.run(
        "bulk", "upload", "m.csv", "--journal", "k", "--requests-per-second", "100", code=3
    )
    assert out.startswith("1 done, 1 bad; the problems are listed in k.problems.csv\nrow")
    out, _ = shell.run("bulk", "upload", "m.csv", "--journal", "k", "--json", code=3)
    assert json.loads(out)["skipped"] == 1
    assert json.loads(out)["problems"] == "k.problems.csv"
    _, err = shell.run("bulk", "upload", "k.problems.csv", "--journal", "k", code=2)
    assert "another name" in err

    ids = [subject["id"] for subject in shell.sandbox.snapshot()["subjects"]]
    (shell.folder / "ids.txt").write_text("\n".join(ids[:2]))
    (shell.folder / "ids.csv").write_text("n,subject_id\n" + "".join(f"1,{id_}\n" for id_ in ids))
    erase = ("bulk", "erase", "ids.txt", "--journal", "e", "--receipts", "receipts")
    out, err = shell.run(*erase, "--dry-run", "--json")
    assert [(row["subject_id"], row["status"]) for row in json_lines(out)] == [
        (subject_id, "to erase") for subject_id in ids[:2]
    ]
    assert "subjects: 2" in err
    shell.run(*erase, code=1, typed="n\n")
    assert len(shell.sandbox.snapshot()["subjects"]) == 3
    assert not (shell.folder / "receipts").exists()
    shell.run(*erase, "--yes")
    assert len(list((shell.folder / "receipts").glob("*.json"))) == 2
    erase = ("bulk", "erase", "ids.csv", *erase[3:])
    out, _ = shell.run(*erase, "--yes")
    assert out == "1 done, 2 skipped; the summary is receipts/summary-2.csv\n"
    (shell.folder / "ids.csv").write_text("name\nmissing\n")
    out, _ = shell.run(*erase, "--yes", code=3)
    assert out.splitlines()[1:] == [
        "input    subject id  remark",
        "missing              the dataset has no subject with this name",
    ]
    assert "missing" in shell.run(*erase, "--dry-run", code=3)[0]


def test_token_is_read_from_the_environment_or_a_private_file(shell: Shell) -> None:
    path = shell.folder / "token"
    path.write_text(shell.environment.pop("HAUT_TOKEN") + "\n")
    path.chmod(0o600)
    shell.run("subjects", "list", HAUT_TOKEN_FILE=str(path))
    path.chmod(0o640)
    assert "chmod 600" in shell.run("subjects", "list", HAUT_TOKEN_FILE=str(path), code=2)[1]
    assert (
        "both set" in shell.run("subjects", "list", HAUT_TOKEN_FILE="t", HAUT_TOKEN="t", code=2)[1]
    )
    assert "cannot be read" in shell.run("subjects", "list", HAUT_TOKEN_FILE="missing", code=2)[1]
    assert "HAUT_TOKEN" in shell.run("subjects", "list", code=2)[1]
    assert "No such option" in shell.run("subjects", "list", "--token", "t", code=2)[1]


COMMANDS = [
    *(["subjects", "list"], ["subjects", "find"], ["subjects", "delete"]),
    *(["images", "list"], ["images", "download"], ["images", "delete"]),
    *(["upload"], ["results"], ["erase"], ["bulk", "upload"], ["bulk", "erase"]),
    *(["sandbox"], ["doctor"]),
]


GROUPS = [[], ["subjects"], ["images"], ["bulk"]]


@pytest.mark.parametrize("command", [*GROUPS, *COMMANDS], ids=" ".join)
def test_help_has_examples_and_fits_80_columns(shell: Shell, command: list[str]) -> None:
    out, _ = shell.run(*command, "--help", COLUMNS="80")
    assert max(map(len, out.splitlines())) <= 80
    assert not re.search("--[A-Z]", out)
    if command not in GROUPS:
        assert f"Examples:\n    haut {' '.join(command)}" in out


def test_version_is_printed_without_configuration(shell: Shell) -> None:
    out, _ = shell.run("--version", HAUT_TOKEN="")
    assert out == f"haut-ext {haut_ext.__version__}\n"


def test_shell_completion(shell: Shell) -> None:
    out, _ = shell.run(_HAUT_COMPLETE="complete_bash", COMP_WORDS="haut s", COMP_CWORD="1")
    assert out.split() == ["sandbox", "subjects", "spec"]


def test_sandbox_runs_until_it_is_terminated(shell: Shell) -> None:
    faults = ["--no-face", "--fail-algorithm", "pores", "--fault", "*=503", "--latency", "0.1"]
    options = ["--host", "127.0.0.1", "--analysis-seconds", "1", *faults]
    with shell.start("sandbox", "--port", "0", *options) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("sandbox ready url=http://127.0.0.1:")
        process.terminate()
        assert process.wait(30) == 0


def test_library_works_without_the_extra_and_haut_reports_that_it_is_missing() -> None:
    code = (
        "import sys, haut_ext\n"
        "loaded = {name.split('.')[0] for name in sys.modules} & {'typer', 'rich', 'distributed'}\n"
        "assert not loaded and not {'haut_ext.bulk', 'haut_ext.cli'} & set(sys.modules)\n"
        "sys.modules['typer'] = None\n"
        "import haut_ext.cli\n"
        "haut_ext.cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert (
        done.stderr
        == "haut: the extra for the command line is not installed: pip install 'haut-ext[cli]'\n"
    )


def test_lower_layers_do_not_import_bulk_or_cli() -> None:
    package = Path(sys.modules["haut_ext"].__file__ or "").parent
    for path in package.rglob("*.py"):
        top = path.relative_to(package).parts[0]
        for above in ("haut_ext.cli", "haut_ext.bulk"):
            if top not in ("cli", "bulk") or (top, above) == ("bulk", "haut_ext.cli"):
                assert above not in path.read_text("utf-8"), path
