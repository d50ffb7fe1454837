"""Tests of `make refresh`, which prepares a change set for review or names the step that failed."""

from __future__ import annotations

import json

import pytest

from scripts.spec.document import SPEC, Json, parse
from scripts.spec.refresh import Refresh
from tests.spec.edits import Edit, at, drop, edited, put
from tests.spec.project import Project

HAUT = parse(SPEC.read_text("utf-8"), SPEC.name)
PATH = next(path for path, item in HAUT["paths"].items() if "delete" in item)
NEW: Json = {
    "get": {
        "tags": ["Subjects"],
        "operationId": "ping",
        "summary": "Answer",
        "security": [],
        "responses": {"200": {"description": "."}, "404": {"description": "."}},
    }
}
ADDED = put(at("/api/v1/ping/"), NEW)


def publish(project: Project, *edits: Edit) -> None:
    project.write(".git/info/exclude", "swagger.json\ntests/test_here.py\n")
    project.write("swagger.json", json.dumps(edited(*edits, document=HAUT)))
    # Use a single test instead of the project's own tests.
    project.write(
        "tests/test_here.py", "def test_ping():\n    from haut_api.api.subjects import ping"
    )


def add_action(project: Project, action: str) -> None:
    overlay = project.read("openapi/overlay.yaml")
    project.write("openapi/overlay.yaml", f"{overlay.rstrip()}\n  - {action}\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edits", "step", "message", "changed"),
    [
        ([drop("#/components/schemas/ErrorItem")], "pull", "#/components/schemas/ErrorItem", set()),
        ([put(at(PATH, "/delete/responses"), {})], "validate", "is not valid OpenAPI", set()),
        (
            [ADDED, drop(at("/api/v1/ping/", "/get/security"))],
            "lint",
            "openapi/redocly.yaml",
            {"openapi/haut.yaml", "openapi/names.yaml", "openapi/transcribed.yaml"},
        ),
        (
            [drop("#/components/schemas/UploadUrl/properties/headers")],
            "validate",
            "matches nothing",
            {"openapi/overlay.yaml"},
        ),
    ],
    ids=["pull", "validate", "lint", "overlay"],
)
def test_the_failed_step_is_named(
    project: Project, edits: list[Edit], step: str, message: str, changed: set[str]
) -> None:
    publish(project, *edits)
    if "openapi/overlay.yaml" in changed:
        add_action(
            project, "{target: $.components.schemas.UploadUrl.properties.headers, remove: true}"
        )
    done = project.run("make", "refresh", "SPEC=swagger.json")
    assert done.returncode == 2
    assert f"refresh: {step} failed" in done.stderr
    assert message in done.stderr
    assert project.changed() == changed
    assert (project.root / "build" / "rejected.yaml").exists() is (step == "validate")


@pytest.mark.release
def test_a_new_operation_becomes_a_change_set(project: Project) -> None:
    """The published document also contains an invalid default value, which the overlay corrects."""
    place = "#/components/schemas/Subject/properties/kind"
    invalid = {"type": "string", "enum": ["a", "b"], "default": ""}
    publish(project, ADDED, put(place, invalid))
    done = project.run("make", "refresh", "SPEC=swagger.json")
    assert "components/schemas/Subject/properties/kind/default" in done.stderr
    assert project.changed() == set()
    add_action(
        project, "{target: $.components.schemas.Subject.properties.kind.default, remove: true}"
    )
    done = project.run("make", "refresh", "SPEC=swagger.json")
    assert done.returncode == 0, done.stdout + done.stderr
    changed = project.changed()
    models = {path for path in changed if path.startswith("generated/haut_api/models/")}
    assert any("kind" in path for path in models)
    [added] = [path for path in changed if path.startswith("changelog.d/")]
    assert changed - models == {
        added,
        "generated/haut_api/__init__.py",  # contains the hash of the OpenAPI document
        "generated/haut_api/api/subjects/ping.py",
        "generated/haut_api/openapi.json",
        "generated/haut_api/swagger.json",
        "openapi/haut.yaml",
        "openapi/names.yaml",
        "openapi/overlay.yaml",
        "openapi/transcribed.yaml",
    }
    assert "- added: `ping`" in project.read("build/refresh.md")
    assert "## HTTP API" in project.read("build/refresh-details.md")
    assert added.endswith(".added.md")
    assert project.read(added) == "Swagger: added: `ping`, `Subject.kind`.\n"
    for command in (
        ["python", "-m", "scripts.lint_spec"],
        ["python", "-m", "scripts.generate", "--check"],
    ):
        again = project.run(*command)
        assert again.returncode == 0, again.stdout + again.stderr


@pytest.mark.release
def test_the_checks_assume_the_proposed_version(project: Project) -> None:
    """A breaking change is permitted, although the reviewer has not set the version yet."""
    makefile = project.read("Makefile")
    check = "-m scripts.generate --check\n"
    assert check in makefile
    project.write("Makefile", makefile.replace(check, "-m scripts.api_check\n", 1))
    project.run("git", "tag", "v0.1.0")
    publish(project, ADDED, put("#/components/schemas/Subject/properties/meta/type", "string"))
    done = project.run("make", "refresh", "SPEC=swagger.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "proposed version: 0.2.0\ncheck: passed\n" in done.stdout
    assert "haut_ext/_version.py" not in project.changed()
    unset = project.run("make", "check")
    assert "which version 0.1.0 must not" in unset.stdout


def test_steps_and_their_order() -> None:
    assert [step.name for step in Refresh("x").steps()] == [
        "pull",
        "validate",
        "lint",
        "generate",
        "diff",
        "changelog",
        "check",
        "tests",
    ]


@pytest.mark.slow
def test_a_missing_source_is_an_error_that_names_the_option(project: Project) -> None:
    for target in ("spec-pull", "refresh"):
        done = project.run("make", target)
        assert done.returncode == 2
        assert "SPEC=<address or file of the Swagger> is needed" in done.stderr
