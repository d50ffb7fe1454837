"""Tests of `haut erase --show` and `haut erase --verify`."""

from __future__ import annotations

import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from attrs import evolve

from haut_ext import ConfigError, ErasureReceipt, ErasureStep
from haut_ext.bulk.receipt_files import load_receipt, save_receipt
from haut_ext.sandbox import Request, faults
from haut_ext.sandbox.records import Subject
from tests.bulk.conftest import PHOTO
from tests.cli.conftest import Shell


@pytest.fixture
def subject(shell: Shell) -> Subject:
    """An erased subject, whose receipt is `r.json`."""
    [subject] = shell.sandbox.add_subjects(1)
    shell.sandbox.add_images(subject, 2, PHOTO)
    shell.run("erase", subject.id, "--yes", "--receipt", "r.json", "--reference", "case 17")
    return subject


def create_again(shell: Shell, subject: Subject) -> None:
    with shell.sandbox.database.lock:
        shell.sandbox.database.subjects[subject.id] = subject
        subject.dataset.subjects[subject.id] = subject


def stored(shell: Shell, name: str = "r.json") -> ErasureReceipt:
    receipt = load_receipt(shell.folder / name)
    assert receipt is not None
    return receipt


def test_receipt_is_shown_as_a_page_without_a_connection(shell: Shell, subject: Subject) -> None:
    before = len(shell.sandbox.requests)
    shell.environment = {"PATH": shell.environment["PATH"]}
    for columns in (45, 80, 200):
        out, err = shell.run("erase", "--show", "r.json", COLUMNS=str(columns))
        assert max(map(len, out.splitlines())) <= min(columns, 80)
        assert "\x1b" not in out
        assert "case 17" in out
        assert subject.name not in out
        assert err == ""
    out, _ = shell.run("erase", "--show", "r.json", "--json")
    assert out == (shell.folder / "r.json").read_text()
    out, _ = shell.run("erase", "--show", "r.json", "r.json", "--json")
    assert [json.loads(line)["verified"] for line in out.splitlines()] == [True, True]
    assert len(shell.sandbox.requests) == before


def test_exit_codes_of_verifications(shell: Shell, subject: Subject) -> None:
    out, err = shell.run("erase", "--verify", "r.json")
    assert (out.startswith("r.json: verified: yes"), err) == (True, "")
    shell.sandbox.faults.add("get_image", faults.status(403), times=None)
    out, err = shell.run("erase", "--verify", "r.json", code=4)
    assert "no answer about photos" in out
    assert "403" in err
    assert "verify_erasure" not in err
    create_again(shell, subject)
    out, _ = shell.run("erase", "--verify", "r.json", code=5)
    shell.sandbox.faults.clear()
    shell.sandbox.faults.add("*", faults.status(401), times=None)
    out, err = shell.run("erase", "--verify", "r.json", code=5)
    assert "no, the service still has data: the person's record" in out
    assert "401" in err
    shell.sandbox.faults.clear()
    assert len(stored(shell).verifications) == 4
    shell.run("erase", subject.id, "--yes", "--receipt", "r.json")
    shell.run("erase", "--verify", "r.json")
    assert stored(shell).verified
    assert (shell.folder / "r.json").stat().st_mode & 0o777 == 0o600


def test_several_receipts_are_verified(shell: Shell, subject: Subject) -> None:
    [other] = shell.sandbox.add_subjects(1)
    shell.run("erase", other.id, "--yes", "--receipt", "s.json")
    create_again(shell, other)
    out, _ = shell.run("erase", "--verify", "s.json", "r.json", code=5)
    assert [line.partition(",")[0] for line in out.splitlines()] == [
        "s.json: verified: no",
        "r.json: verified: yes",
    ]
    assert len(stored(shell).verifications) == len(stored(shell, "s.json").verifications) == 1


def test_invalid_use_is_refused_before_any_request(shell: Shell, subject: Subject) -> None:
    text = (shell.folder / "r.json").read_text()
    (shell.folder / "edited").write_text(text.replace('"done"', '"found"', 1))
    (shell.folder / "link").symlink_to("r.json")
    os.mkfifo(shell.folder / "pipe")
    files = {it.name: it.read_bytes() for it in shell.folder.iterdir() if it.is_file()}
    before = len(shell.sandbox.requests)
    for name in ("missing", "edited", "link", "pipe", ".", subject.name):
        shell.run("erase", "--verify", name, code=2)
        shell.run("erase", "--verify", "r.json", name, code=2)
    for option in ("--dry-run", "--yes", "--show", "--keep-subject", "--reference=x"):
        shell.run("erase", "--verify", "r.json", option, code=2)
    for name in ("HAUT_DATASET_ID", "HAUT_COMPANY_ID"):
        shell.run("erase", "--verify", "r.json", code=2, **{name: str(uuid4())})
    assert len(shell.sandbox.requests) == before
    assert {it.name: it.read_bytes() for it in shell.folder.iterdir() if it.is_file()} == files


def test_interrupted_verification_keeps_its_results(shell: Shell, subject: Subject) -> None:
    ended = threading.Event()

    def interrupt(request: Request) -> None:
        if request.operation == "get_image":
            shell.sandbox.before_request = None
            os.kill(os.getpid(), signal.SIGINT)
            ended.wait(10)

    shell.sandbox.before_request = interrupt
    _, err = shell.run("erase", "--verify", "r.json", code=130)
    ended.set()
    assert "r.json contains the results so far" in err
    out, _ = shell.run("erase", "--show", "r.json")
    assert "STOPPED after 1 of 4 checks" in out
    assert "the last verification got no answer about" in " ".join(out.split())
    shell.run("erase", "--verify", "r.json")
    assert "no answer" not in stored(shell).conclusion


def test_addition_of_another_program_is_not_overwritten(shell: Shell, subject: Subject) -> None:
    path = shell.folder / "r.json"
    step = ErasureStep("verification", "done", datetime.now(UTC))

    def add(request: Request) -> None:
        if request.operation == "list_subjects":
            shell.sandbox.before_request = None
            receipt = stored(shell)
            save_receipt(path, evolve(receipt, steps=(*receipt.steps, step)))

    shell.sandbox.before_request = add
    _, err = shell.run("erase", "--verify", "r.json", code=4)
    assert "another program has changed it" in err
    first, second = stored(shell).verifications
    assert [first[0].name, second] == ["verification", (step,)]


def test_receipt_that_another_program_has_changed_hides_no_finding(shell: Shell) -> None:
    subjects = shell.sandbox.add_subjects(3)
    shell.run("erase", *(subject.id for subject in subjects), "--yes", "--receipt", "r")
    names = [f"r/erasure-{subject.id}.json" for subject in subjects]
    create_again(shell, subjects[0])

    def change(request: Request) -> None:
        shell.sandbox.before_request = None
        step = ErasureStep("verification", "done", datetime.now(UTC))
        receipt = stored(shell, names[1])
        save_receipt(shell.folder / names[1], evolve(receipt, steps=(*receipt.steps, step)))

    shell.sandbox.before_request = change
    out, err = shell.run("erase", "--verify", *names, code=5)
    assert [line.partition(",")[0] for line in out.splitlines()] == [
        f"{names[0]}: verified: no",
        f"{names[2]}: verified: yes",
    ]
    assert "another program has changed it" in err


def test_finding_decides_the_exit_code_if_the_receipt_cannot_be_written_afterwards(
    shell: Shell, subject: Subject
) -> None:
    create_again(shell, subject)

    def remove(request: Request) -> None:
        if request.operation == "list_images":
            shell.sandbox.before_request = None
            (shell.folder / "r.json").unlink()
            (shell.folder / "r.json").mkdir()

    shell.sandbox.before_request = remove
    out, err = shell.run("erase", "--verify", "r.json", code=5)
    assert out.startswith("r.json: verified: no, the service still has data")
    assert "The verification stopped" in err


def test_erasure_stops_if_another_program_changes_its_receipt(shell: Shell) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    step = ErasureStep("verification", "done", datetime.now(UTC))

    def change(request: Request) -> None:
        if request.operation == "clear_subject_storage":
            shell.sandbox.before_request = None
            receipt = stored(shell)
            save_receipt(shell.folder / "r.json", evolve(receipt, steps=(*receipt.steps, step)))

    shell.sandbox.before_request = change
    _, err = shell.run("erase", subject.id, "--yes", "--receipt", "r.json", code=4)
    assert "another program has changed it" in err
    [advice] = [line for line in err.splitlines() if "Continue with: haut " in line]
    shell.run(*advice.partition("Continue with: haut ")[2].split(), "--yes")
    assert (stored(shell).verified, step in stored(shell).steps) == (True, True)


def test_concurrent_changes_of_a_receipt_lose_no_step(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    start = ErasureReceipt(
        "https://saas.haut.ai", False, "c", None, uuid4(), uuid4(), uuid4(), False
    )
    save_receipt(path, start)

    def add(number: int) -> None:
        for _ in range(5):
            while True:
                receipt = load_receipt(path)
                assert receipt is not None
                step = ErasureStep("verification", "done", datetime.now(UTC), number)
                try:
                    save_receipt(path, evolve(receipt, steps=(*receipt.steps, step)))
                except ConfigError:
                    continue
                break

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    final = load_receipt(path)
    assert final is not None
    counts = [step.count for step in final.steps]
    assert [counts.count(number) for number in range(4)] == [5] * 4
