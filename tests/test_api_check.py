"""Tests that `make check` fails if a change of the Python API can break callers of the last release."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scripts.api_check import ROOT, breaking_changes, permits_breaking_changes
from tests.spec.project import Project, copy_project

# Columns: file, text to replace, replacement, reported change.
BREAKING = [
    ("haut_ext/_sync/client.py", "def erase_subject(", "def erase_person(", "erase_subject"),
    ("haut_ext/_async/resources/subjects.py", "def find(", "def search(", "Subjects.find"),
    ("haut_ext/_http/redaction.py", "def redact_url(url", "def redact_url(address", "(address)"),
    ("haut_ext/types.py", "    number: int", "    index: int", "Page.number"),
    ("haut_ext/__init__.py", '"parse_retry_after", ', "", "haut_ext.parse_retry_after"),
    ("haut_ext/bulk/__init__.py", '"bulk_upload"', '"upload"', "haut_ext.bulk.bulk_upload"),
    ("haut_ext/sandbox/sandbox.py", "def snapshot(", "def state(", "Sandbox.snapshot"),
    ("generated/haut_api/models/subject.py", "    name: str\n", "    title: str\n", "Subject.name"),
]  # fmt: skip
COMPATIBLE = [
    ("haut_ext/urls.py", "def parse_base_url(", "def base_url("),
    ("haut_ext/_sync/http.py", "import", "import  "),
    ("haut_ext/_version.py", '"0.1.0"', '"0.1.1"'),
    ("haut_ext/_http/redaction.py", "def redact_url(url", "def redact_url(url"),
]


def copied(folder: Path) -> Path:
    for name in ("haut_ext", "generated"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


@pytest.mark.slow
def test_breaking_changes_are_found(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    for file, old, new, _ in BREAKING:
        replace(folder / file, old, new)
    found = breaking_changes(ROOT, folder)
    for *_, text in BREAKING:
        assert any(text in change for change in found), (text, found)


@pytest.mark.slow
def test_changes_of_private_names_are_permitted(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    for file, old, new in COMPATIBLE:
        replace(folder / file, old, new)
    assert breaking_changes(ROOT, folder) == []


@pytest.mark.parametrize(
    ("old", "new", "permitted"),
    [
        ("0.1.0", "0.1.1", False),
        ("0.1.9", "0.2.0", True),
        ("0.9.0", "1.0.0", True),
        ("1.2.0", "1.3.0", False),
        ("1.9.0", "2.0.0", True),
        ("1.2.3", "1.2.3", False),
    ],
)
def test_versions_that_permit_breaking_changes(old: str, new: str, permitted: bool) -> None:
    assert permits_breaking_changes(old, new) is permitted


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_project(tmp_path)


@pytest.mark.slow
def test_the_last_tagged_release_is_the_base(project: Project) -> None:
    command = ("python", "-m", "scripts.api_check")
    unreleased = project.run(*command)
    assert (unreleased.returncode, unreleased.stderr) == (0, "")
    assert "no release is tagged yet" in unreleased.stdout

    version = project.read("haut_ext/_version.py")
    project.run("git", "tag", "v0.1.0")
    same = project.run(*command)
    assert (same.returncode, same.stdout, same.stderr) == (0, "", "")

    replace(project.root / "haut_ext/_sync/client.py", "def erase_subject(", "def erase_person(")
    broken = project.run(*command)
    assert broken.returncode == 1
    assert "erase_subject" in broken.stdout
    assert "which version 0.1.0 must not" in broken.stdout

    project.write("haut_ext/_version.py", version.replace("0.1.0", "0.2.0"))
    raised = project.run(*command)
    assert (raised.returncode, raised.stdout) == (0, "")
