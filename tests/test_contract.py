"""What is recorded, and what the sandbox answers, keeps the contract; and the judge of that can say no.

The sandbox is judged in every test of the suite: the fixture `sandbox_answers` in conftest.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import evolve
from openapi_spec_validator.readers import read_from_filename
from vcr.serializers import yamlserializer  # type: ignore[import-untyped]  # has no types

from haut_ext import Haut
from haut_ext.sandbox import Sandbox
from tests import contract
from tests.contract import Exchange

SPEC = dict(read_from_filename(str(contract.CONTRACT))[0])


def exchanges(cassette: Path) -> Iterator[Exchange]:
    """Yield what a cassette holds of the traffic with the API."""
    for interaction in yamlserializer.deserialize(cassette.read_text("utf-8"))["interactions"]:
        request, response = interaction["request"], interaction["response"]
        address = urlsplit(request["uri"])
        if not address.path.startswith("/api/"):
            continue  # the storage
        yield Exchange(
            request["method"],
            f"{address.path}?{address.query}",
            response["status"]["code"],
            response["body"]["string"].encode(),
            "".join(response["headers"].get("content-type", [])),
            sent=(request["body"] or "").encode(),
            sent_type="".join(request["headers"].get("content-type", [])),
        )


def test_a_cassette_keeps_the_contract(cassette: Path) -> None:
    found = list(exchanges(cassette))
    assert found
    for exchange in found:
        assert contract.answer_violations(exchange) == []
        if exchange.status < 400:
            assert contract.request_violations(exchange) == []


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


def test_a_field_more_or_less_anywhere_in_a_cassette_is_a_violation(cassette: Path) -> None:
    found = list(exchanges(cassette))
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
