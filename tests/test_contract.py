"""Tests that contract validation accepts recorded exchanges and detects violations.

The fixture `validated_responses` in conftest.py validates the responses of the sandbox in every test.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from attrs import evolve

from haut_ext import Haut
from haut_ext.sandbox import Sandbox
from scripts import cassettes
from tests import contract
from tests.contract import Exchange

ROOT = Path(__file__).parent.parent
SANDBOX = cassettes.CASSETTES / "sandbox"
SPEC = contract.CONTRACT


def described_exchanges(cassette: Path) -> list[Exchange]:
    """Return the recorded API exchanges whose response is described by the contract."""
    exchanges = cassettes.read(cassette)
    return [each for each in exchanges if each.origin == contract.API and each.status < 500]


@pytest.mark.slow
def test_cassette_matches_the_contract(cassette: Path) -> None:
    result = cassettes.validate([cassette])
    assert result.violations == []
    assert result.validated > 0


INVALID_CASSETTES: dict[str, tuple[str, Callable[[str], str], str]] = {
    "a field of a response is missing": (
        "test_upload[path]",
        lambda text: text.replace('"author_id":1,', "", 1),
        r"exchange 1 \(POST /api/v1/.*/subjects/, 201\): response: \[\]: 'author_id' is a required",
    ),
    "a field of a response has another type": (
        "test_upload[path]",
        lambda text: text.replace('"author_id":1,', '"author_id":"1",'),
        r"exchange 1 .*: response: \['author_id'\]: '1' is not of type 'integer'",
    ),
    "a request has an unknown field": (
        "test_upload[path]",
        lambda text: text.replace("""'{"side_id":3}'""", """'{"side":3}'"""),
        r"exchange 2 .*signed_upload_url/, 201\): request: .*'side' was unexpected",
    ),
    "a request has an unknown path": (
        "test_datasets",
        lambda text: text.replace("/datasets/short_list/", "/datasets/list/short/"),
        r"/datasets/list/short/, 200\): request: .*not found for",
    ),
    "a query parameter has another type": (
        "test_list_subjects",
        lambda text: text.replace("page=1&page_size=2", "page=first&page_size=2"),
        r"exchange \d+ .*: request: .*page",
    ),
    "an upload has another content type": (
        "test_upload[path]",
        lambda text: text.replace("- application/octet-stream", "- image/jpeg"),
        r"exchange 3 \(PUT \(storage\), 200\): request: .*image/jpeg",
    ),
    "an upload lacks a header": (
        "test_upload[path]",
        lambda text: text.replace(
            "      x-goog-content-length-range:\n      - 1,31457280\n", ""
        ),
        r"exchange 3 \(PUT \(storage\), 200\): request: .*X-Goog-Content-Length-Range",
    ),
    "an upload has an unknown status": (
        "test_upload[path]",
        lambda text: text.replace("code: 200", "code: 204", 1),
        r"exchange 3 \(PUT \(storage\), 204\): response: ResponseNotFound",
    ),
    "the cassette is empty": (
        "test_upload[path]",
        lambda text: "recorded_from: sandbox\ninteractions: []\n",
        "contains no requests",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "damage", "expected"), INVALID_CASSETTES.values(), ids=INVALID_CASSETTES.keys()
)
def test_violation_in_a_cassette_is_reported_with_its_location(
    name: str, damage: Callable[[str], str], expected: str, tmp_path: Path
) -> None:
    text = (SANDBOX / f"{name}.yaml").read_text("utf-8")
    broken = tmp_path / f"{name}.yaml"
    broken.write_text(damage(text), "utf-8")
    assert broken.read_text("utf-8") != text
    violations = cassettes.validate([broken]).violations
    assert all(violation.startswith(f"{broken}") for violation in violations)
    assert any(re.search(expected, violation) for violation in violations), violations


@pytest.mark.slow
def test_check_command_fails_on_an_invalid_cassette_and_lists_skipped_messages(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "scripts.cassettes", "check", str(tmp_path)]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert "no cassette in" in run().stderr
    good = SANDBOX / "test_upload[path].yaml"
    shutil.copy(good, tmp_path)
    done = run()
    assert done.returncode == 0, done.stderr
    assert "not validated: 1 downloads from the storage" in done.stdout
    copied = tmp_path / good.name
    copied.write_text(good.read_text("utf-8").replace('"author_id":1,', "", 1), "utf-8")
    done = run()
    assert done.returncode == 1
    assert "test_upload[path].yaml, exchange 1 (POST /api/" in done.stderr
    assert "1 violations" in done.stderr


def declared_objects(
    document: Any, schema: Any, path: tuple[Any, ...] = ()
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Yield the path and schema of each JSON object whose fields are declared in the contract."""
    for option in alternatives(schema):
        if isinstance(document, dict) and "properties" in option:
            yield path, option
            for name in document.keys() & option["properties"].keys():
                yield from declared_objects(
                    document[name], option["properties"][name], (*path, name)
                )
        if isinstance(document, list) and "items" in option:
            for index, item in enumerate(document):
                yield from declared_objects(item, option["items"], (*path, index))


def alternatives(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield a schema and, recursively, all its `oneOf` alternatives, with references resolved."""
    while "$ref" in schema:
        schema = SPEC["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for option in schema.get("oneOf", ()):
        yield from alternatives(option)
    yield schema


def described_response(exchange: Exchange) -> tuple[str, Any]:
    """Return the path template of an exchange, and the schema that the contract has for its body."""
    path = urlsplit(exchange.target).path
    # A path with fewer parameters takes precedence: `/subjects/delete/` over `/subjects/{subject_id}/`.
    for template in sorted(SPEC["paths"], key=lambda template: template.count("{")):
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path):
            operation = SPEC["paths"][template][exchange.method.lower()]
            response = operation["responses"][str(exchange.status)]
            if "$ref" in response:
                response = SPEC["components"]["responses"][response["$ref"].rpartition("/")[2]]
            return template, response["content"]["application/json"]["schema"]
    raise AssertionError(f"the contract has no operation for {exchange.target}")


_tested: set[tuple[object, ...]] = set()
"""Objects of responses that have been tested, by operation, place and names of their fields.

The cassettes contain many objects that differ only in values, so one object of each kind is tested.
"""


def invalid_variants(exchange: Exchange) -> Iterator[tuple[str, Exchange]]:
    """Yield invalid variants of a response, with an undeclared field or without a required field.

    For each untested object in the response, one variant is yielded per required field, and one with
    an undeclared field unless the contract allows additional fields. Each comes with a description.
    """
    template, response_schema = described_response(exchange)
    body = json.loads(exchange.response_body)
    for path, schema in declared_objects(body, response_schema):
        place = tuple("*" if isinstance(key, int) else key for key in path)
        fields = frozenset(value_at(body, path))
        kind = (exchange.method, template, exchange.status, place, fields, id(schema))
        if kind in _tested:
            continue
        _tested.add(kind)
        more = [] if schema.get("additionalProperties") else [None]
        for name in (*more, *schema.get("required", ())):
            document = json.loads(exchange.response_body)
            if name is None:
                value_at(document, path)["undeclared"] = 1
            else:
                del value_at(document, path)[name]
            changed = evolve(exchange, response_body=json.dumps(document).encode())
            yield f"{exchange.method} {exchange.target}: {name or 'undeclared'} at {path}", changed


def value_at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


@pytest.mark.slow
def test_undeclared_or_missing_field_in_any_object_of_a_cassette_is_a_violation() -> None:
    undetected = [
        variant
        for cassette in sorted(SANDBOX.glob("*.yaml"))
        for exchange in described_exchanges(cassette)
        if exchange.response_body
        for variant, changed in invalid_variants(exchange)
        if not contract.response_violations(changed)
    ]
    assert undetected == []
    assert len(_tested) > 50


def test_responses_of_the_sandbox_are_validated(
    haut_sandbox: Sandbox, validated_responses: list[Exchange]
) -> None:
    with Haut(**haut_sandbox.credentials) as haut:
        created = haut.subjects.create("someone")
    [exchange] = validated_responses
    assert (exchange.method, exchange.status) == ("POST", 201)
    assert str(created.id).encode() in exchange.response_body
    body = exchange.response_body.replace(b'"author_id":', b'"author":')
    wrong = evolve(exchange, response_body=body)
    assert contract.response_violations(wrong) == [
        "[]: 'author_id' is a required property",
        "[]: Additional properties are not allowed ('author' was unexpected)",
    ]
    assert contract.response_violations(evolve(exchange, status=202)) != []
    assert contract.response_violations(evolve(exchange, response_type="text/html")) != []
