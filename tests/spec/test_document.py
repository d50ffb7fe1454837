"""Documents are read as their authors meant them, and written so that every reader reads the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from scripts.spec.document import SpecError, dump, modern, parse, references, walk
from tests.spec.edits import DOCUMENT, SERVICE

HEAD = "openapi: 3.0.3\npaths: {}\n"

# What YAML 1.1 or 1.2 would take for something else than a text.
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


def test_words_are_not_taken_for_values() -> None:
    text = f"{HEAD}info: {{description: no, version: 2020-01-01, title: 12:30}}\n"
    assert parse(text, "x")["info"] == {
        "description": "no",
        "version": "2020-01-01",
        "title": "12:30",
    }


def test_statuses_are_names() -> None:
    text = "openapi: 3.1.0\npaths: {/a: {get: {responses: {200: {description: .}}}}}"
    assert list(parse(text, "x")["paths"]["/a"]["get"]["responses"]) == ["200"]


def test_what_is_merged_is_there() -> None:
    text = f"{HEAD}info: &a {{title: one}}\nx-b: {{<<: *a, version: two}}\n"
    assert parse(text, "x")["x-b"] == {"title": "one", "version": "two"}


def test_json_is_read_with_a_byte_order_mark() -> None:
    assert parse("\ufeff" + json.dumps(DOCUMENT), "x") == DOCUMENT


@pytest.mark.slow
@given(
    st.lists(
        st.sampled_from(AMBIGUOUS) | st.text() | st.integers() | st.booleans() | st.none(),
        max_size=5,
    )
)
def test_what_is_written_is_read_back_by_every_reader(values: list[Any]) -> None:
    """YAML 1.1, as generate.py reads it; 1.2, as the generator does; and our own."""
    document = {"openapi": "3.0.3", "paths": {}, "x-values": values}
    text = dump(document)
    assert parse(text, "x") == document
    assert yaml.safe_load(text) == document
    assert YAML(typ="safe", pure=True).load(text) == document


def test_a_document_is_written_without_loss() -> None:
    assert parse(dump(DOCUMENT), "x") == DOCUMENT == parse(SERVICE.read_text("utf-8"), "x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<!DOCTYPE html><title>Log in</title>", "is a web page"),
        ("\n <html></html>", "is a web page"),
        ('{"swagger": "2.0", "paths": {}}', "is Swagger 2.0"),
        ("openapi: 3.2.0\npaths: {}", "`openapi` is '3.2.0'"),
        ("title: something", "`openapi` is None"),
        ("openapi: 3.0.3", "has no `paths`"),
        ("[1, 2]", "holds no object"),
        ("", "holds no object"),
        ("a: [b", "is neither JSON nor YAML (line "),
        ("\x00", "is neither JSON nor YAML"),
    ],
)
def test_what_is_no_document_is_said(text: str, words: str) -> None:
    with pytest.raises(SpecError) as raised:
        parse(text, "there")
    assert str(raised.value).startswith("there ")
    assert words in str(raised.value)


def test_references_are_told_from_names_and_data() -> None:
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


def test_examples_by_name_are_references() -> None:
    node = {"examples": {"one": {"$ref": "#/a"}, "two": {"value": {"$ref": "#/data"}}}}
    assert [target for _, target in references(node)] == ["#/a"]


def test_the_modern_form_has_no_other_word_for_null() -> None:
    for place, node in walk(modern(DOCUMENT)):
        assert "nullable" not in node, place
    document = modern(DOCUMENT)
    assert modern(document) == document
    fields = document["components"]["schemas"]["SubjectRequest"]["properties"]
    assert fields["birth_date"] == {"type": ["string", "null"], "format": "date"}
