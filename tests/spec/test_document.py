"""Documents are parsed as YAML 1.2 and written so that every YAML parser reads them identically."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from scripts.spec.document import SpecError, dump, parse, references, to_openapi_31, walk
from tests.spec.edits import DOCUMENT, SERVICE

HEAD = "openapi: 3.0.3\npaths: {}\n"

# If unquoted, these strings are parsed as another type by YAML 1.1 or YAML 1.2.
AMBIGUOUS = [
    "no",
    "on",
    "~",
    "null",
    "1e3",
    "0o17",
    "012",
    "1_000",
    "12:30",
    "2020-01-01",
    "=",
    "<<",
    ".inf",
    "0x1F",
    "+1",
    "1.",
    "",
]


def test_plain_scalars_are_strings() -> None:
    text = f"{HEAD}info: {{description: no, version: 2020-01-01, title: 12:30}}\n"
    assert parse(text, "x")["info"] == {
        "description": "no",
        "version": "2020-01-01",
        "title": "12:30",
    }


def test_keys_are_strings() -> None:
    text = "openapi: 3.1.0\npaths: {/a: {get: {responses: {200: {description: .}}}}}"
    assert list(parse(text, "x")["paths"]["/a"]["get"]["responses"]) == ["200"]


def test_merge_keys_are_applied() -> None:
    text = f"{HEAD}info: &a {{title: one}}\nx-b: {{<<: *a, version: two}}\n"
    assert parse(text, "x")["x-b"] == {"title": "one", "version": "two"}


def test_byte_order_mark_is_ignored() -> None:
    assert parse("\ufeff" + json.dumps(DOCUMENT), "x") == DOCUMENT


@pytest.mark.slow
@given(
    st.lists(
        st.sampled_from(AMBIGUOUS) | st.text() | st.integers() | st.booleans() | st.none(),
        max_size=5,
    )
)
def test_written_document_is_read_identically_by_every_parser(values: list[Any]) -> None:
    """This project, PyYAML (YAML 1.1) and ruamel.yaml (YAML 1.2) must parse the text identically."""
    document = {"openapi": "3.0.3", "paths": {}, "x-values": values}
    text = dump(document)
    assert parse(text, "x") == document
    assert yaml.safe_load(text) == document
    assert YAML(typ="safe", pure=True).load(text) == document


def test_written_document_is_complete() -> None:
    assert parse(dump(DOCUMENT), "x") == DOCUMENT == parse(SERVICE.read_text("utf-8"), "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!DOCTYPE html><title>Log in</title>", "is a web page"),
        ("\n <html></html>", "is a web page"),
        ('{"swagger": "2.0", "paths": {}}', "is Swagger 2.0"),
        ("openapi: 3.2.0\npaths: {}", "`openapi` is '3.2.0'"),
        ("title: something", "`openapi` is None"),
        ("openapi: 3.0.3", "has no `paths`"),
        ("[1, 2]", "its content is not an object"),
        ("", "its content is not an object"),
        ("a: [b", "is neither JSON nor YAML (line "),
        ("\x00", "is neither JSON nor YAML"),
    ],
)
def test_error_states_why_a_text_is_not_a_document(text: str, message: str) -> None:
    with pytest.raises(SpecError) as raised:
        parse(text, "there")
    assert str(raised.value).startswith("there ")
    assert message in str(raised.value)


def test_references_exclude_names_and_data() -> None:
    node = {
        "properties": {
            "$ref": {"type": "string"},
            "default": {"$ref": "#/a"},
            "example": {"items": {"$ref": "#/b"}},
        },
        "default": {"$ref": "#/data"},
        "example": {"$ref": "#/data"},
        "examples": [{"$ref": "#/data"}],
        "enum": [{"$ref": "#/data"}],
        "x-note": {"$ref": "#/data"},
        "discriminator": {"propertyName": "kind", "mapping": {"one": "#/c", "two": "Two"}},
    }
    found = {target for _, target in references(node)}
    assert found == {"#/a", "#/b", "#/c", "#/components/schemas/Two"}


def test_references_include_named_examples() -> None:
    node = {"examples": {"one": {"$ref": "#/a"}, "two": {"value": {"$ref": "#/data"}}}}
    assert [target for _, target in references(node)] == ["#/a"]


def test_openapi_31_form_has_no_nullable_keyword() -> None:
    for location, node in walk(to_openapi_31(DOCUMENT)):
        assert "nullable" not in node, location
    document = to_openapi_31(DOCUMENT)
    assert to_openapi_31(document) == document
    fields = document["components"]["schemas"]["SubjectRequest"]["properties"]
    assert fields["birth_date"] == {"type": ["string", "null"], "format": "date"}
