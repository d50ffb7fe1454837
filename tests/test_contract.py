"""Recorded exchanges and the sandbox's responses match the contract, and a violation is found.

The sandbox's responses are validated in every test: the fixture `sandbox_answers` in conftest.py.
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
from openapi_spec_validator.readers import read_from_filename

from haut_ext import Haut
from haut_ext.sandbox import Sandbox
from scripts import cassettes
from tests import contract
from tests.contract import Exchange

ROOT = Path(__file__).parent.parent
SANDBOX = cassettes.CASSETTES / "sandbox"
SPEC = dict(read_from_filename(str(contract.CONTRACT))[0])


def described(cassette: Path) -> list[Exchange]:
    """Return the exchanges with the API whose responses the contract describes."""
    found = cassettes.read(cassette)
    return [each for each in found if each.origin == contract.API and each.status < 500]


@pytest.mark.slow
def test_a_cassette_matches_the_contract(cassette: Path) -> None:
    result = cassettes.validate([cassette])
    assert result.violations == []
    assert result.validated > 0


BROKEN: dict[str, tuple[str, Callable[[str], str], str]] = {
    "a field of a response is missing": (
        "test_upload[path]",
        lambda text: text.replace('"author_id":1,', ""),
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
    "there is no exchange": (
        "test_upload[path]",
        lambda text: "recorded_from: sandbox\ninteractions: []\n",
        "no exchange",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("name", "damage", "found"), BROKEN.values(), ids=BROKEN.keys())
def test_a_violation_in_a_cassette_is_found_with_its_place(
    name: str, damage: Callable[[str], str], found: str, tmp_path: Path
) -> None:
    text = (SANDBOX / f"{name}.yaml").read_text("utf-8")
    broken = tmp_path / f"{name}.yaml"
    broken.write_text(damage(text), "utf-8")
    assert broken.read_text("utf-8") != text
    violations = cassettes.validate([broken]).violations
    assert all(violation.startswith(f"{broken}") for violation in violations)
    assert any(re.search(found, violation) for violation in violations), violations


@pytest.mark.slow
def test_the_check_fails_on_a_broken_cassette_and_says_what_it_cannot_validate(
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
    copied.write_text(good.read_text("utf-8").replace('"author_id":1,', ""), "utf-8")
    done = run()
    assert done.returncode == 1
    assert "test_upload[path].yaml, exchange 1 (POST /api/" in done.stderr
    assert "1 violations" in done.stderr


def places(
    document: Any, schema: Any, where: tuple[Any, ...] = ()
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Yield the place of every object whose fields the contract declares, and its schema."""
    for option in options(schema):
        if isinstance(document, dict) and "properties" in option:
            yield where, option
            for name in document.keys() & option["properties"].keys():
                yield from places(document[name], option["properties"][name], (*where, name))
        if isinstance(document, list) and "items" in option:
            for index, item in enumerate(document):
                yield from places(item, option["items"], (*where, index))


def options(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield a schema, or each of those it offers."""
    while "$ref" in schema:
        schema = SPEC["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for option in schema.get("oneOf", ()):
        yield from options(option)
    yield schema


def answer_schema(exchange: Exchange) -> Any:
    path = urlsplit(exchange.target).path
    # A name in a path goes before a parameter in its place.
    for template in sorted(SPEC["paths"], key=lambda template: template.count("{")):
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path):
            operation = SPEC["paths"][template][exchange.method.lower()]
            response = operation["responses"][str(exchange.status)]
            if "$ref" in response:
                response = SPEC["components"]["responses"][response["$ref"].rpartition("/")[2]]
            return response["content"]["application/json"]["schema"]
    raise AssertionError(f"no operation of the contract: {exchange.target}")


def edits(exchange: Exchange) -> Iterator[tuple[str, Exchange]]:
    """Yield an answer with one field more, and with one field less, wherever that is not open."""
    if not exchange.answer:
        return
    for where, schema in places(json.loads(exchange.answer), answer_schema(exchange)):
        more = [] if schema.get("additionalProperties") else [None]
        for name in (*more, *schema.get("required", ())):
            document = json.loads(exchange.answer)
            if name is None:
                at(document, where)["undeclared"] = 1
            else:
                del at(document, where)[name]
            changed = evolve(exchange, answer=json.dumps(document).encode())
            yield f"{exchange.method} {exchange.target}: {name} at {where}", changed


def at(document: Any, where: tuple[Any, ...]) -> Any:
    for step in where:
        document = document[step]
    return document


_UNNOTICED: dict[tuple[object, ...], list[str]] = {}
"""Edits that were found to be no violation, by the shape of the answer: many differ in ids alone."""


@pytest.mark.slow
def test_a_field_more_or_less_anywhere_in_a_cassette_is_a_violation(cassette: Path) -> None:
    found = described(cassette)
    assert any(exchange.answer for exchange in found)
    for exchange in found:
        if exchange.shape not in _UNNOTICED:
            _UNNOTICED[exchange.shape] = [
                edit for edit, changed in edits(exchange) if not contract.answer_violations(changed)
            ]
        assert _UNNOTICED[exchange.shape] == []


def test_answers_of_the_sandbox_are_judged(
    haut_sandbox: Sandbox, sandbox_answers: list[Exchange]
) -> None:
    with Haut(**haut_sandbox.credentials) as haut:
        created = haut.subjects.create("someone")
    [answer] = sandbox_answers
    assert (answer.method, answer.status) == ("POST", 201)
    assert str(created.id).encode() in answer.answer
    wrong = evolve(answer, answer=answer.answer.replace(b'"author_id":', b'"author":'))
    assert contract.answer_violations(wrong) == [
        "[]: 'author_id' is a required property",
        "[]: Additional properties are not allowed ('author' was unexpected)",
    ]
    assert contract.answer_violations(evolve(answer, status=202)) != []
    assert contract.answer_violations(evolve(answer, answer_type="text/html")) != []
