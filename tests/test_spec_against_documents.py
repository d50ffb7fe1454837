"""openapi/haut.yaml says what the documents say: all of it, and nothing else without a mark.

One direction walks the documents (request lines, headers, each key of each JSON example, prose, the
tables of api-facts) and looks each thing up in the spec; the other walks the spec and asks for the
source of each thing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from openapi_spec_validator.readers import read_from_filename

from tests import documents
from tests.documents import ROOT, STORAGE_URL, Call

Json = dict[str, Any]

SPEC: Json = dict(read_from_filename(str(ROOT / "openapi" / "haut.yaml"))[0])
SCHEMAS: Json = SPEC["components"]["schemas"]

STORAGE_PATH = "/{bucket}/{object_name}"
# The reply gives the storage's URL whole; these names for its parts are the spec's own.
STORAGE_NAMES = {"bucket", "object_name", "signed_query"}
# Of api-facts, what the spec takes names from, and what of that stands on typed pages.
SECTIONS = ("1.3", "1.4", "2", "3", "4", "5", "6", "7", "8", "13", "19.A")
TYPED_SECTIONS = ("2", "3", "6", "7", "8.1")

_NESTED = "/api/v1/companies/{company_id}/datasets/{dataset_id}/subjects/{subject_id}"
# Old names of what is there, ways of uploading that the signed one has replaced, and reads that are
# known from one client only; docs/design.md names them too.
LEFT_OUT = {
    ("POST", "/api/v1/login/"),
    ("POST", "/api/v1/refresh/"),
    ("GET", "/api/v1/auth/profile/"),
    ("POST", f"{_NESTED}/images/"),
    ("POST", f"{_NESTED}/batches/{{batch_id}}/images/"),
    ("GET", f"{_NESTED}/batches/{{batch_id}}/images/"),
    ("GET", f"{_NESTED}/batches/{{batch_id}}/images/{{image_id}}/smoothed_results/"),
}
# In no document, and why it is here all the same.
ADDED = {("GET", "/api/v1/companies/{company_id}/datasets/"): "every other collection has a list"}

CALLS = documents.calls()
SHOWN_TYPES = documents.facts_shown_types("1.4", "4", "5")


def deref(node: Json) -> Json:
    while "$ref" in node:
        target: Any = SPEC
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def operations() -> Iterator[tuple[str, str, Json]]:
    for path, item in SPEC["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def operation(call: Call) -> Json:
    path = STORAGE_PATH if call.path == STORAGE_URL else call.path
    found: Json = SPEC["paths"][path][call.method.lower()]
    return found


def parameters(operation: Json) -> list[Json]:
    return [deref(parameter) for parameter in operation.get("parameters", [])]


def success(operation: Json) -> tuple[str, Json]:
    [(status, response)] = [
        (status, response)
        for status, response in operation["responses"].items()
        if status.startswith("2")
    ]
    return status, response


def media(body: Json) -> Json:
    found: Json = deref(body)["content"]["application/json"]
    return found


def nodes(node: Any, where: str = "#") -> Iterator[tuple[str, Json]]:
    """Every object of the spec with its place, what stands in examples left out."""
    if isinstance(node, dict):
        yield where, node
        for key, value in node.items():
            if key not in {"value", "default"}:
                yield from nodes(value, f"{where}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from nodes(value, f"{where}/{index}")


def properties() -> Iterator[tuple[str, str, Json]]:
    for schema, definition in SCHEMAS.items():
        for name, definition_of_property in definition.get("properties", {}).items():
            yield schema, name, definition_of_property


# --- from the documents to the spec


def test_documents_are_read_whole() -> None:
    pages = [page.read_text("utf-8") for page in documents.SEEDS]
    lines = sum(page.count(" HTTP/1.1\n") + page.count("curl -X") for page in pages)
    assert len(CALLS) == lines == 13
    for call in CALLS:
        if "Content-Length" in call.headers:
            compact = json.dumps(call.request, separators=(",", ":"))
            assert len(compact) == int(call.headers["Content-Length"]), call


def test_operations_are_the_documented_ones() -> None:
    documented = {(call.method, call.path.replace(STORAGE_URL, STORAGE_PATH)) for call in CALLS}
    documented |= documents.facts_routes()
    assert documented >= LEFT_OUT
    found = {(method, path) for method, path, _ in operations()}
    assert found == documented - LEFT_OUT | ADDED.keys()
    for method, path in ADDED:
        assert SPEC["paths"][path][method.lower()]["x-evidence"] == "inferred"


def test_what_is_left_out_is_named_in_the_design() -> None:
    design = (ROOT / "docs" / "design.md").read_text("utf-8")
    assert [route for route in LEFT_OUT if " ".join(route) not in design] == []


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_request_line_and_headers(call: Call) -> None:
    found = operation(call)
    declared = {(parameter["in"], parameter["name"]) for parameter in parameters(found)}
    if call.path != STORAGE_URL:
        path_names = re.findall(r"{(\w+)}", call.path)
        assert {name for place, name in declared if place == "path"} == set(path_names)
    assert {("query", name) for name in call.query} <= declared

    headers = dict(call.headers)
    if host := headers.pop("Host", None):
        assert SPEC["servers"] == [{"url": f"https://{host}"}]
    if authorization := headers.pop("Authorization", None):
        assert authorization.startswith("Bearer ")
        assert found["security"] == [{"bearerAuth": []}]
    else:
        assert found["security"] == []
    if content_type := headers.pop("Content-Type", None):
        assert list(found["requestBody"]["content"]) == [content_type]
    else:
        assert "requestBody" not in found
    for name in headers.keys() - {"Accept", "Content-Length"}:
        assert ("header", name) in declared


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_parameters(call: Call) -> None:
    """Path: uuids (api-facts 4). Query: those the page describes, in its order, optional, typed."""
    if call.path == STORAGE_URL:
        return  # parts of a URL that the reply gives whole
    described = []
    for parameter in parameters(operation(call)):
        schema = parameter["schema"]
        if parameter["in"] == "path":
            assert parameter["required"]
            assert (schema["type"], schema["format"]) == ("string", "uuid")
        elif parameter["name"] in call.query:
            assert parameter["required"]
            assert schema == {"type": "array", "items": {"type": "string", "format": "uuid"}}
        else:
            described.append(parameter["description"].split(". ")[0].rstrip("."))
            assert not parameter.get("required", False)
            kinds = {bool: "boolean", int: "integer"}
            known = documents.facts_list_parameters().get(parameter["name"])
            assert schema["type"] == (known or kinds[type(schema["default"])])
    page = [line.rstrip(".") for line in call.prose]
    assert [line for line in page if line in described] == described


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_body_may_be_left_out_when_it_requires_nothing(call: Call) -> None:
    body = operation(call).get("requestBody")
    if body is not None and call.path != STORAGE_URL and "x-evidence" not in body:
        fields = deref(media(body)["schema"]).get("required", [])
        assert body["required"] == bool(fields)


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_json_examples_fit_key_by_key(call: Call) -> None:
    found = operation(call)
    if call.request is not None:
        schema = media(found["requestBody"])["schema"]
        assert list(misfits(call.request, schema, "request", all_required=False)) == []
    _, response = success(found)
    if call.response is None:
        assert "content" not in response
    else:
        schema = media(response)["schema"]
        assert list(misfits(call.response, schema, "response", all_required=True)) == []


def misfits(example: Any, schema: Json, where: str, *, all_required: bool) -> Iterator[str]:
    """Compare an example of the documents with the schema at its place, both ways.

    The example stands for the whole schema: the documents' generator prints each property, prints
    null for whatever may be null beside a type, and a value that tells the format (api-facts 0).
    """
    marked = "x-evidence" in schema
    null = {"$ref": "#/components/schemas/NullValue"}
    nullable = False
    if "oneOf" in schema:
        [schema] = [option for option in schema["oneOf"] if option != null]
        nullable = True
    schema = deref(schema)
    nullable = nullable or schema.get("nullable", False)
    marked = marked or "x-evidence" in schema
    kind, form = schema.get("type"), schema.get("format")

    if example is None:
        if not nullable:
            yield f"{where}: null in the document, not nullable in the spec"
        name = where.rpartition(".")[2]
        stated = kind is None or (kind in SHOWN_TYPES.get(name, "") and form is None)
        if not stated and not marked:
            yield f"{where}: the document hides the type, the spec states one without evidence"
        return
    if nullable and not marked:
        yield f"{where}: never null in the document, nullable in the spec without evidence"

    match example:
        case dict():
            expected: tuple[str, str | None] = ("object", None)
            if "additionalProperties" in schema:
                inner = schema["additionalProperties"]
                for key, value in example.items() if isinstance(inner, dict) else ():
                    yield from misfits(value, inner, f"{where}.{key}", all_required=all_required)
            else:
                declared = schema.get("properties", {})
                for key in example.keys() - declared.keys():
                    yield f"{where}.{key}: in the document, not in the spec"
                for key in declared.keys() - example.keys():
                    yield f"{where}.{key}: in the spec, not in the document"
                if all_required and set(schema.get("required", [])) != set(declared):
                    yield f"{where}: a key the document shows is not required"
                for key in example.keys() & declared.keys():
                    yield from misfits(
                        example[key], declared[key], f"{where}.{key}", all_required=all_required
                    )
        case list():
            expected = ("array", None)
            for value in example:
                yield from misfits(
                    value, schema.get("items", {}), f"{where}[]", all_required=all_required
                )
        case bool():
            expected = ("boolean", None)
        case int():
            expected = ("integer", None)
        case str():
            expected = ("string", format_of(example))
        case _:
            raise AssertionError(f"{where}: a value of no type the documents use")
    if (kind, form) != expected:
        yield f"{where}: {expected} in the document, {(kind, form)} in the spec"


def format_of(value: str) -> str | None:
    """The format for which the documents' generator makes this value (api-facts 0)."""
    if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value):
        return "uuid"
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value):
        return "date-time"
    if re.match(r"https?://", value):
        return "uri"
    return None


@pytest.mark.parametrize("schema", documents.facts_requests())
def test_request_fields_have_the_limits_of_the_facts(schema: str) -> None:
    fields = documents.facts_requests()[schema]
    declared = SCHEMAS[schema]["properties"]
    assert declared.keys() == fields.keys()
    for name, expected in fields.items():
        found = {keyword: declared[name].get(keyword) for keyword in expected}
        found["required"] = name in SCHEMAS[schema].get("required", [])
        found["nullable"] = declared[name].get("nullable", False)
        if "x-evidence" in declared[name]:  # a format the facts call hidden
            found["format"] = expected["format"]
        assert found == expected, name


def test_an_update_takes_the_fields_of_a_creation() -> None:
    def constraints(schema: str) -> dict[str, Json]:
        return {
            name: {key: value for key, value in found.items() if not key.startswith("x-")}
            for name, found in SCHEMAS[schema]["properties"].items()
        }

    assert constraints("PatchedSubjectRequest") == constraints("SubjectRequest")
    assert "required" not in SCHEMAS["PatchedSubjectRequest"]


def test_error_envelope_is_that_of_the_facts() -> None:
    example = documents.facts_error_example()
    schema = {"$ref": "#/components/schemas/ErrorResponse"}
    assert list(misfits(example, schema, "error", all_required=False)) == []
    assert set(SCHEMAS["ErrorResponse"]["required"]) == {"type", "errors"}
    assert set(SCHEMAS["ErrorItem"]["required"]) == {"code", "detail", "attr"}
    assert "enum" not in SCHEMAS["ErrorResponse"]["properties"]["type"]


def plain(text: str) -> str:
    """The words alone: the page breaks lines, and spaces commas, around what it sets as code."""
    return re.sub(r"[\s_]+", " ", text).replace(" ,", ",").strip()


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_descriptions_and_defaults_of_the_page(call: Call) -> None:
    """Each line between an operation's heading and its request line stands in the spec."""
    if call.path == STORAGE_URL:
        return  # a command in running prose: it has no heading
    found = operation(call)
    heading = max(at for at, line in enumerate(call.prose) if line.startswith(found["summary"]))

    described = [found, *parameters(found), *found["responses"].values()]
    defaults = [parameter["schema"].get("default") for parameter in parameters(found)]
    if "requestBody" in found:
        schema = deref(media(found["requestBody"])["schema"])
        described += [schema, *schema["properties"].values()]
        defaults += [field.get("default") for field in schema["properties"].values()]
    text = " ".join(
        node[key] for node in described for key in ("summary", "description") if key in node
    )
    literals = {json.dumps(default) for default in defaults if default is not None}
    for line in call.prose[heading:]:
        if re.fullmatch(r"\{\}|\d+|true|false", line):
            assert line in literals
            literals.discard(line)
        else:
            assert plain(line) in plain(text)
    assert not literals, "a default that the page does not show"


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_success_status_is_that_of_the_facts(call: Call) -> None:
    if call.path == STORAGE_URL:
        return  # the facts give none; the spec marks it as inferred
    stated = documents.facts_statuses()
    suffix = max(
        (end for method, end in stated if method == call.method and call.path.endswith(end)),
        key=len,
    )
    status, response = success(operation(call))
    assert status == stated[call.method, suffix]
    # 201 is the only status that the documents state; the others follow from the shape of the page.
    assert ("x-evidence" in response) == (status != "201")


def test_success_statuses_of_the_sections_around() -> None:
    stated = {
        route: code for route, code in documents.facts_statuses().items() if "/api/" in route[1]
    }
    assert len(stated) >= 7
    for (method, path), code in stated.items():
        path = path.replace("{image_batch_id}", "{batch_id}")
        assert success(SPEC["paths"][path][method.lower()])[0] == code


# --- from the spec to the documents


def test_every_name_has_a_source() -> None:
    sourced = documents.seed_names() | documents.facts_names(*SECTIONS)
    used = {name for _, name, _ in properties()}
    used |= {parameter["name"] for _, _, found in operations() for parameter in parameters(found)}
    assert used - sourced == STORAGE_NAMES


def test_what_the_pages_do_not_show_is_marked() -> None:
    shown = documents.seed_names() | documents.facts_names(*TYPED_SECTIONS)
    for schema, name, found in properties():
        marked = "x-evidence" in found or "x-evidence" in SCHEMAS[schema]
        assert name in shown or marked, f"{schema}.{name}"
    for _, path, found in operations():
        for parameter in parameters(found):
            assert parameter["name"] in shown or "x-evidence" in parameter, (path, parameter)
            if parameter["in"] == "query":
                # No page writes one out with its type.
                assert "x-evidence" in parameter, (path, parameter)


def test_a_mark_has_a_level_and_a_reason() -> None:
    marks = 0
    for where, node in nodes(SPEC):
        assert ("x-evidence" in node) == ("x-evidence-reason" in node), where
        if "x-evidence" in node:
            marks += 1
            assert node["x-evidence"] in {"inferred", "observed"}, where
            assert len(node["x-evidence-reason"].split()) >= 3, where
            assert "$ref" not in node, f"{where}: readers ignore what stands beside a $ref"
        for cited in re.findall(r"\(api-facts ([^)]+)\)", node.get("x-evidence-reason", "")):
            for number in cited.split(", "):
                assert documents.facts_section(number)
    assert marks


def test_every_operation_is_secured_named_and_tagged() -> None:
    names = []
    for _, path, found in operations():
        names.append(found["operationId"])
        open_to_all = path == STORAGE_PATH or found["tags"] == ["Login"]
        assert found["security"] == ([] if open_to_all else [{"bearerAuth": []}])
        assert path == STORAGE_PATH or path.endswith("/")
        assert found["tags"] == [tag(path)]
        assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", found["operationId"])
    assert len(set(names)) == len(names)
    assert {tag["name"] for tag in SPEC["tags"]} == {tag(path) for _, path, _ in operations()}
    scheme = SPEC["components"]["securitySchemes"]["bearerAuth"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def tag(path: str) -> str:
    """The section of an operation: the last of these that its path holds."""
    sections = {
        "/": "Images",
        "/auth/": "Login",
        "/private_tokens/": "Private tokens",
        "/datasets/": "Datasets",
        "/dicts/": "Dictionaries",
        "{dataset_id}/subjects/": "Subjects",
        "{subject_id}/batches/": "Batches",
        "{batch_id}/images/": "Results",
        "/v3/": "Face Metrics 3",
    }
    return [section for part, section in sections.items() if part in path][-1]


def test_error_statuses() -> None:
    """400 where there is input, 404 where something is named, 401, 403 and 429 everywhere.

    All in the envelope, and marked, but for those of login, which its page states.
    """
    for _, path, found in operations():
        if path == STORAGE_PATH:
            continue
        queries = {name["name"] for name in parameters(found) if name["in"] == "query"}
        expected = {"401", "403", "429"}
        if "requestBody" in found or queries:
            expected.add("400")
        if "{" in path or "page" in queries:
            expected.add("404")
        errors = {code: node for code, node in found["responses"].items() if code[0] == "4"}
        assert errors.keys() == expected, found["operationId"]
        for code, error in errors.items():
            stated = found["operationId"] == "login" and code != "429"
            assert ("x-evidence" in deref(error)) == (not stated)
            assert media(error)["schema"] == {"$ref": "#/components/schemas/ErrorResponse"}


# --- the examples


def examples(node: Json) -> dict[str, Any]:
    return {name: deref(found)["value"] for name, found in node.get("examples", {}).items()}


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_examples_are_those_of_the_page(call: Call) -> None:
    found = operation(call)
    if call.request is not None:
        assert examples(media(found["requestBody"])) == {"document": call.request}
    if call.response is not None:
        _, response = success(found)
        assert examples(media(response)) == {"document": call.response}
    for parameter in parameters(found):
        shown = call.query.get(parameter["name"], call.headers.get(parameter["name"]))
        assert examples(parameter) == ({} if shown is None else {"document": shown})
    if (error := found["responses"].get("400")) is not None:
        assert list(examples(media(error)).values()) == [documents.facts_error_example()]


def test_examples_validate_against_their_schemas() -> None:
    validated = 0
    for where, node in nodes(SPEC):
        for name, value in examples(node).items() if "schema" in node else ():
            schema = {**node["schema"], "components": SPEC["components"]}
            validator = OAS30Validator(schema, format_checker=oas30_format_checker)
            errors = [error.message for error in validator.iter_errors(value)]
            assert errors == [], f"{where}, example {name}"
            validated += 1
    assert validated >= len(SPEC["components"]["examples"])
