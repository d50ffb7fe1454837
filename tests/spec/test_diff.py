"""Tests of `scripts.spec.diff`: exit status, suggested version, affected code, and the changelog."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from attrs import evolve

from scripts import generate
from scripts.spec.api_diff import Difference
from scripts.spec.diff import Report, Severity, render
from scripts.spec.document import SPEC, operations, parse
from scripts.spec.http_diff import Change, Comparison, Group
from scripts.spec.impact import cassettes, dependents
from scripts.spec.refresh import write_fragments
from tests.spec.edits import edited, put
from tests.spec.project import Project, copy_project

HAUT = parse(SPEC.read_text("utf-8"), SPEC.name)
OPERATIONS = {operation.key: operation for operation in operations(HAUT)}
MODULES = [path.stem for path in generate.PACKAGE.glob("api/*/[!_]*.py")]
NOTE = "#/components/schemas/Subject/properties/note"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_project(tmp_path_factory.mktemp("shared") / "project")


OVERLAY = """\
overlay: 1.0.0
info: {title: Corrections, version: "1"}
actions:
  - target: $.components.parameters.*.schema.default
    description: not sent
    remove: true
  - target: $.paths['/{bucket}/{object_name}']
    description: not an operation of the API
    remove: true
  - target: $.components.schemas.Subject.properties.name
    description: null was observed
    update: {nullable: true}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "base", "status", "message"),
    [
        ({}, "HEAD", 0, "None: 0 breaking and 0 compatible changes of the HTTP API"),
        (
            {"openapi/haut.yaml": json.dumps(edited(put(NOTE, {"type": "string"}), document=HAUT))},
            "HEAD",
            1,
            "| compatible | `Subject.note` | added |",
        ),
        ({"openapi/overlay.yaml": OVERLAY}, "HEAD", 2, "| **breaking** | `models.Subject.name` |"),
        ({}, "no-such-revision", 3, "no-such-revision"),
        ({"openapi/haut.yaml": "<html>"}, "HEAD", 3, "web page"),
    ],
    ids=["no change", "compatible", "breaking in Python only", "unknown revision", "no document"],
)
def test_exit_status(
    shared: Project, files: dict[str, str], base: str, status: int, message: str
) -> None:
    assert shared.run("git", "checkout", "--quiet", "--", ".").returncode == 0
    for name, text in files.items():
        shared.write(name, text)
    done = shared.run("python", "-m", "scripts.spec.diff", base)
    assert done.returncode == status, done.stderr
    assert message in done.stdout + done.stderr


def report(version: str, http: list[bool], python: list[bool]) -> Report:
    changes = [
        Change(Group.FIELDS, f"Thing.{index}", "a | b", breaking, frozenset(list(OPERATIONS)[:1]))
        for index, breaking in enumerate(http)
    ]
    differences = [Difference("haut_api.x", "class removed", breaking) for breaking in python]
    return Report("v1", version, Comparison(changes, 2, OPERATIONS), differences)


@pytest.mark.parametrize(
    ("version", "http", "python", "severity", "next_version"),
    [
        ("0.1.0", [], [], Severity.NONE, "0.1.0"),
        ("0.1.4", [False], [], Severity.COMPATIBLE, "0.1.5"),
        ("0.1.4", [False], [True], Severity.BREAKING, "0.2.0"),
        ("1.2.3", [], [False], Severity.COMPATIBLE, "1.3.0"),
        ("1.2.3", [True], [False], Severity.BREAKING, "2.0.0"),
    ],
)
def test_severity_and_version(
    version: str, http: list[bool], python: list[bool], severity: Severity, next_version: str
) -> None:
    found = report(version, http, python)
    assert (found.severity, found.next_version) == (severity, next_version)
    text = render(found)
    assert "Changes of descriptions, summaries and titles: 2." in text
    assert (f"at least {next_version}" in text) is (severity is not Severity.NONE)


@pytest.mark.parametrize(
    ("version", "breaking", "next_version"),
    [("0.1.0", True, "0.2.0"), ("0.2.0", True, "0.2.0"), ("0.2.0", False, "0.2.0")],
)
def test_a_version_that_is_not_released_yet_covers_further_changes(
    version: str, breaking: bool, next_version: str
) -> None:
    found = evolve(report(version, [breaking], []), release="0.1.0")
    assert found.next_version == next_version


def test_pipes_in_cells_of_a_table_are_escaped() -> None:
    rows = [
        line for line in render(report("1.0.0", [True], [True])).splitlines() if line[:1] == "|"
    ]
    assert any(r"a \| b" in row for row in rows)
    widths = {row.replace(r"\|", "").count("|") for row in rows}
    assert widths <= {4, 5}


@pytest.mark.slow
def test_dependents_include_indirect_callers() -> None:
    found = dependents(MODULES)
    assert {"Subjects.create", "Subjects.get_or_create"} <= set(found["create_subject"])
    assert {"Haut.upload_and_compute", "Images.compute"} <= set(found["compute_batch"])
    assert {"Haut.upload_and_compute", "Haut.results"} <= set(found["get_batch_results_v3"])
    assert set(found["login"]) == {"Haut.login", "the sandbox"}
    assert set(found["list_datasets_short"]) == {
        "Datasets.short_list",
        "cli.login.login",
        "the sandbox",
    }
    assert {"Haut.erase_subject", "Subjects.clear_storage"} <= set(found["clear_subject_storage"])
    assert "Haut.upload_and_compute" not in found["delete_subjects"]
    for operation, names in found.items():
        assert "the sandbox" in names, operation


def test_requests_are_matched_to_the_most_specific_path() -> None:
    found = cassettes(OPERATIONS)
    many = next(key for key in OPERATIONS if key.endswith("/subjects/delete/"))
    one = many.replace("/delete/", "/{subject_id}/")
    # test_list_subjects sends `/subjects/delete/`, which also matches `/subjects/{subject_id}/`.
    assert "sandbox/test_list_subjects" in found[many]
    assert "sandbox/test_list_subjects" not in found[one]
    assert "sandbox/test_delete_subject" in found[one]


def fragments(folder: Path, found: Report) -> dict[str, str]:
    """Return the texts of the changelog's fragments by kind."""
    for _ in range(2):  # a second refresh adds nothing
        assert write_fragments(folder, found) == len(list(folder.iterdir()))
    return {path.suffixes[-2]: path.read_text("utf-8") for path in folder.iterdir()}


def test_fragments_list_changes_of_the_swagger(tmp_path: Path) -> None:
    changed = fragments(tmp_path, report("1.2.3", [True], []))
    assert changed == {".breaking": "Swagger: a | b: `Thing.0`.\n"}


def test_fragments_list_removed_classes(tmp_path: Path) -> None:
    removed = fragments(tmp_path, report("1.2.3", [], [True]))
    assert removed == {".breaking": "Swagger: class removed: `x`.\n"}


def test_changes_with_the_same_description_share_a_fragment(tmp_path: Path) -> None:
    folded = fragments(tmp_path, report("1.2.3", [True] * 20 + [False], []))
    assert "`Thing.7` and 12 more." in folded[".breaking"]


def test_every_action_of_the_overlay_states_its_reason() -> None:
    overlay = yaml.safe_load((Path(SPEC).parent / "overlay.yaml").read_text("utf-8"))
    for action in overlay["actions"]:
        assert len(action["description"].split()) >= 5, action["target"]
