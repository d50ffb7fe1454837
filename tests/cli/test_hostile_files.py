"""Files that steer a command are checked before any request."""

from __future__ import annotations

import json
import os
from uuid import uuid4

import pytest

from haut_ext.sandbox import faults
from tests.cli.conftest import Shell

OTHER_DATASET = str(uuid4())
DEEP = "[" * 100_000


@pytest.mark.parametrize("variable", ["HAUT_COMPANY_ID", "HAUT_DATASET_ID", "HAUT_BASE_URL"])
@pytest.mark.parametrize("command", ["upload", "erase"])
def test_state_or_receipt_of_another_scope_is_refused(
    shell: Shell, command: str, variable: str
) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    shell.sandbox.faults.add("upload_image", faults.status(403))
    shell.sandbox.faults.add("delete_subject", faults.status(403))
    if command == "upload":
        shell.run("upload", subject.id, "--front", "front.jpg", code=4)
        [state] = shell.folder.glob("haut-upload-*")
        arguments = ["--resume", state.name, "--front", "front.jpg"]
    else:
        shell.run("erase", subject.id, "--yes", "--receipt", "receipt.json", code=4)
        arguments = ["--yes", "--receipt", "receipt.json"]
    shell.sandbox.faults.clear()
    before, requests = shell.sandbox.snapshot(), len(shell.sandbox.requests)
    other = "https://other.example" if variable == "HAUT_BASE_URL" else OTHER_DATASET
    for name in (subject.id, subject.name):
        _, err = shell.run(command, name, *arguments, code=2, **{variable: other})
        assert "another service, company or dataset" in err
    assert (shell.sandbox.snapshot(), len(shell.sandbox.requests)) == (before, requests)


def test_receipt_of_another_subject_is_refused(shell: Shell) -> None:
    subject, other = shell.sandbox.add_subjects(2)
    shell.sandbox.faults.add("delete_subject", faults.status(403))
    shell.run("erase", other.id, "--yes", "--receipt", "receipt.json", code=4)
    receipt = (shell.folder / "receipt.json").read_text()
    requests = len(shell.sandbox.requests)
    _, err = shell.run("erase", subject.id, "--yes", "--receipt", "receipt.json", code=2)
    assert "another subject" in err
    assert len(shell.sandbox.requests) == requests
    assert (shell.folder / "receipt.json").read_text() == receipt


@pytest.mark.parametrize("command", ["upload", "erase"])
def test_link_to_a_state_or_receipt_is_refused(shell: Shell, command: str) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    shell.sandbox.faults.add("upload_image", faults.status(403))
    shell.sandbox.faults.add("delete_subject", faults.status(403))
    options = ["--front", "front.jpg"] if command == "upload" else ["--yes"]
    shell.run(command, subject.id, *options, code=4)
    [file] = shell.folder.glob("*.json")
    (shell.folder / "link").symlink_to(file)
    requests = len(shell.sandbox.requests)
    option = "--resume" if command == "upload" else "--receipt"
    _, err = shell.run(command, subject.id, *options, option, "link", code=2)
    assert "link" in err
    assert len(shell.sandbox.requests) == requests
    shell.sandbox.faults.clear()


@pytest.mark.parametrize("content", [DEEP, '{"a":' * 100_000, '{"subject_id": 1}', "\0", "[1]"])
@pytest.mark.parametrize("command", ["upload", "erase"])
def test_damaged_or_deeply_nested_file_is_invalid_input(
    shell: Shell, command: str, content: str
) -> None:
    (shell.folder / "file.json").write_text(content)
    if command == "upload":
        arguments = ["upload", "a", "--front", "front.jpg", "--resume", "file.json"]
    else:
        arguments = ["erase", "a", "--yes", "--receipt", "file.json"]
    _, err = shell.run(*arguments, code=2)
    assert "file.json" in err
    assert len(err.splitlines()) == 1
    assert shell.sandbox.requests == []


@pytest.mark.parametrize("kind", ["pipe", "device", "large file", "deep folder", "binary"])
def test_invalid_token_file_is_invalid_configuration(shell: Shell, kind: str) -> None:
    path = shell.folder / "token"
    if kind == "pipe":
        os.mkfifo(path, 0o600)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "large file":
        with path.open("wb") as file:
            file.truncate(1 << 40)  # a sparse file
        path.chmod(0o600)
    elif kind == "binary":
        path.touch(0o600)
        path.write_bytes(b"\xff\xfe")
    else:
        path = path / "token"
    environment = {"HAUT_TOKEN": "", "HAUT_TOKEN_FILE": str(path)}
    _, err = shell.run("subjects", "list", code=2, **environment)
    assert "the token file" in err
    assert shell.sandbox.requests == []


def test_deeply_nested_meta_is_a_problem_of_its_row(shell: Shell) -> None:
    row = {"subject": "a", "front": "front.jpg", "meta": DEEP + "]" * len(DEEP)}
    (shell.folder / "m.jsonl").write_text(json.dumps(row) + "\n" + DEEP + "\n")
    shell.run("bulk", "upload", "m.jsonl", "--journal", "j", code=3)
    assert shell.sandbox.snapshot()["subjects"] == []
