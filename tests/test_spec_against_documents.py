"""Tests that openapi/haut.yaml agrees with the public documents of the API.

The comparison has two directions. Everything in the documents (request lines, headers, keys of JSON
examples, prose, the tables of api-facts) must be in the spec. Everything in the spec must be in a
document or have a confidence label.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_schema_validator import OAS30Validator, oas30_format_checker

from tests import documents
from tests.contract import CONTRACT
from tests.documents import ROOT, STORAGE_URL, Call

Json = dict[str, Any]

SPEC: Json = CONTRACT
SCHEMAS: Json = SPEC["components"]["schemas"]

STORAGE_PATH = "/{bucket}/{object_name}"
# Names of the parts of a storage URL in the spec. The documents show only complete URLs.
STORAGE_NAMES = {"bucket", "object_name", "signed_query"}
# Sections of api-facts that state names used in the spec; TYPED_SECTIONS also state types.
SECTIONS = ("1.3", "1.4", "2", "3", "4", "5", "6", "7", "8", "13", "19.A")
TYPED_SECTIONS = ("2", "3", "6", "7", "8.1")

# Documented operations that the spec omits: old paths, and an operation that only one client is known
# to use. docs/design.md also lists them.
OMITTED = {
    ("POST", "/api/v1/login/"),
    ("POST", "/api/v1/refresh/"),
    ("GET", "/api/v1/auth/profile/"),
}
# Operations in the spec that no document describes, with the reasons for including them.
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
    """Yield every object in the spec with its JSON pointer, except objects in examples and defaults."""
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


def test_all_operations_of_the_seed_pages_are_parsed() -> None:
    pages = [page.read_text("utf-8") for page in documents.SEEDS]
    lines = sum(page.count(" HTTP/1.1\n") + page.count("curl -X") for page in pages)
    assert len(CALLS) == lines == 13
    for call in CALLS:
        if "Content-Length" in call.headers:
            compact = json.dumps(call.request, separators=(",", ":"))
            assert len(compact) == int(call.headers["Content-Length"]), call


def test_the_spec_has_the_documented_operations() -> None:
    documented = {(call.method, call.path.replace(STORAGE_URL, STORAGE_PATH)) for call in CALLS}
    documented |= documents.facts_routes()
    assert documented >= OMITTED
    found = {(method, path) for method, path, _ in operations()}
    assert found == documented - OMITTED | ADDED.keys()
    for method, path in ADDED:
        assert SPEC["paths"][path][method.lower()]["x-evidence"] == "inferred"


def test_omitted_operations_are_listed_in_the_design() -> None:
    design = (ROOT / "docs" / "design.md").read_text("utf-8")
    assert [route for route in OMITTED if " ".join(route) not in design] == []


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_request_line_and_headers_agree(call: Call) -> None:
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
def test_parameters_agree(call: Call) -> None:
    """Path parameters must be UUIDs. Query parameters must be optional and ordered as on the page."""
    if call.path == STORAGE_URL:
        return  # The service returns the complete URL, so its parameters are not documented.
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
def test_a_body_is_required_if_one_of_its_fields_is(call: Call) -> None:
    body = operation(call).get("requestBody")
    if body is not None and call.path != STORAGE_URL and "x-evidence" not in body:
        fields = deref(media(body)["schema"]).get("required", [])
        assert body["required"] == bool(fields)


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_json_examples_agree_with_the_schemas(call: Call) -> None:
    found = operation(call)
    if call.request is not None:
        schema = media(found["requestBody"])["schema"]
        assert list(mismatches(call.request, schema, "request", all_required=False)) == []
    _, response = success(found)
    if call.response is None:
        assert "content" not in response
    else:
        schema = media(response)["schema"]
        assert list(mismatches(call.response, schema, "response", all_required=True)) == []


def mismatches(example: Any, schema: Json, where: str, *, all_required: bool) -> Iterator[str]:
    """Yield the differences between a documented example and its schema in the spec.

    The tool that generated the documents prints every property, null if the property is nullable, and
    otherwise a value that shows the format (section 0 of api-facts). An example thus shows all of a
    schema.
    """
    labeled = "x-evidence" in schema
    null = {"$ref": "#/components/schemas/NullValue"}
    nullable = False
    if "oneOf" in schema:
        [schema] = [option for option in schema["oneOf"] if option != null]
        nullable = True
    schema = deref(schema)
    nullable = nullable or schema.get("nullable", False)
    labeled = labeled or "x-evidence" in schema
    kind, form = schema.get("type"), schema.get("format")

    if example is None:
        if not nullable:
            yield f"{where}: null in the document, not nullable in the spec"
        name = where.rpartition(".")[2]
        stated = kind is None or (kind in SHOWN_TYPES.get(name, "") and form is None)
        if not stated and not labeled:
            yield f"{where}: the type is not documented, but the spec has one without a label"
        return
    if nullable and not labeled:
        yield f"{where}: not null in the document, nullable in the spec without a label"
    expected = type_of(example, where)
    if isinstance(example, dict):
        yield from object_mismatches(example, schema, where, all_required=all_required)
    elif isinstance(example, list):
        for value in example:
            items = schema.get("items", {})
            yield from mismatches(value, items, f"{where}[]", all_required=all_required)
    if (kind, form) != expected:
        yield f"{where}: {expected} in the document, {(kind, form)} in the spec"


def object_mismatches(
    example: Json, schema: Json, where: str, *, all_required: bool
) -> Iterator[str]:
    """Yield the differences between a documented JSON object and its schema in the spec."""
    if "additionalProperties" in schema:
        inner = schema["additionalProperties"]
        declared = dict.fromkeys(example, inner) if isinstance(inner, dict) else {}
    else:
        declared = schema.get("properties", {})
        for key in example.keys() - declared.keys():
            yield f"{where}.{key}: in the document, not in the spec"
        for key in declared.keys() - example.keys():
            yield f"{where}.{key}: in the spec, not in the document"
        if all_required and set(schema.get("required", [])) != set(declared):
            yield f"{where}: a documented key is not required"
    for key in example.keys() & declared.keys():
        yield from mismatches(
            example[key], declared[key], f"{where}.{key}", all_required=all_required
        )


def type_of(example: Any, where: str) -> tuple[str, str | None]:
    """Return the JSON Schema type and format of an example value."""
    match example:
        case dict():
            return "object", None
        case list():
            return "array", None
        case bool():
            return "boolean", None
        case int():
            return "integer", None
        case str():
            return "string", format_of(example)
    raise AssertionError(f"{where}: a value of unknown type")


def format_of(value: str) -> str | None:
    """Return the string format that a documented example value stands for (section 0 of api-facts)."""
    if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value):
        return "uuid"
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value):
        return "date-time"
    if re.match(r"https?://", value):
        return "uri"
    return None


@pytest.mark.parametrize("schema", documents.facts_requests())
def test_request_fields_have_the_documented_limits(schema: str) -> None:
    fields = documents.facts_requests()[schema]
    declared = SCHEMAS[schema]["properties"]
    assert declared.keys() == fields.keys()
    for name, expected in fields.items():
        found = {keyword: declared[name].get(keyword) for keyword in expected}
        found["required"] = name in SCHEMAS[schema].get("required", [])
        found["nullable"] = declared[name].get("nullable", False)
        if "x-evidence" in declared[name]:  # api-facts does not state the format
            found["format"] = expected["format"]
        assert found == expected, name


def test_update_and_creation_have_the_same_fields() -> None:
    def constraints(schema: str) -> dict[str, Json]:
        return {
            name: {key: value for key, value in found.items() if not key.startswith("x-")}
            for name, found in SCHEMAS[schema]["properties"].items()
        }

    assert constraints("PatchedSubjectRequest") == constraints("SubjectRequest")
    assert "required" not in SCHEMAS["PatchedSubjectRequest"]


def test_the_error_envelope_agrees() -> None:
    example = documents.facts_error_example()
    schema = {"$ref": "#/components/schemas/ErrorResponse"}
    assert list(mismatches(example, schema, "error", all_required=False)) == []
    assert set(SCHEMAS["ErrorResponse"]["required"]) == {"type", "errors"}
    assert set(SCHEMAS["ErrorItem"]["required"]) == {"code", "detail", "attr"}
    assert "enum" not in SCHEMAS["ErrorResponse"]["properties"]["type"]


def plain(text: str) -> str:
    """Normalize whitespace and underscores, and remove spaces before commas."""
    return re.sub(r"[\s_]+", " ", text).replace(" ,", ",").strip()


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_descriptions_and_defaults_agree(call: Call) -> None:
    """The spec must contain each documented line between an operation's heading and its request line."""
    if call.path == STORAGE_URL:
        return  # The upload is documented by a curl command without a heading.
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
    assert not literals, "a default value that the page does not state"


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_success_statuses_agree(call: Call) -> None:
    if call.path == STORAGE_URL:
        return  # api-facts does not state the success status of the upload.
    stated = documents.facts_statuses()
    suffix = max(
        (end for method, end in stated if method == call.method and call.path.endswith(end)),
        key=len,
    )
    status, response = success(operation(call))
    assert status == stated[call.method, suffix]
    # The documents state only status 201; all other success statuses are inferred.
    assert ("x-evidence" in response) == (status != "201")


def test_success_statuses_of_complete_paths_agree() -> None:
    stated = {
        route: code for route, code in documents.facts_statuses().items() if "/api/" in route[1]
    }
    assert len(stated) >= 7
    for (method, path), code in stated.items():
        path = path.replace("{image_batch_id}", "{batch_id}")
        assert success(SPEC["paths"][path][method.lower()])[0] == code


# --- from the spec to the documents


def test_every_name_in_the_spec_is_in_a_document() -> None:
    sourced = documents.seed_names() | documents.facts_names(*SECTIONS)
    used = {name for _, name, _ in properties()}
    used |= {parameter["name"] for _, _, found in operations() for parameter in parameters(found)}
    assert used - sourced == STORAGE_NAMES


def test_names_that_no_page_shows_are_labeled() -> None:
    shown = documents.seed_names() | documents.facts_names(*TYPED_SECTIONS)
    for schema, name, found in properties():
        labeled = "x-evidence" in found or "x-evidence" in SCHEMAS[schema]
        assert name in shown or labeled, f"{schema}.{name}"
    for _, path, found in operations():
        for parameter in parameters(found):
            assert parameter["name"] in shown or "x-evidence" in parameter, (path, parameter)
            if parameter["in"] == "query":
                # The pages do not state the types of query parameters.
                assert "x-evidence" in parameter, (path, parameter)


def test_a_confidence_label_has_a_level_and_a_reason() -> None:
    labels = 0
    for where, node in nodes(SPEC):
        assert ("x-evidence" in node) == ("x-evidence-reason" in node), where
        if "x-evidence" in node:
            labels += 1
            assert node["x-evidence"] in {"inferred", "observed"}, where
            assert len(node["x-evidence-reason"].split()) >= 3, where
            assert "$ref" not in node, f"{where}: keywords beside a $ref are ignored"
        for cited in re.findall(r"\(api-facts ([^)]+)\)", node.get("x-evidence-reason", "")):
            for number in cited.split(", "):
                assert documents.facts_section(number)
    assert labels


def test_security_operation_id_and_tag_of_every_operation() -> None:
    names = []
    for _, path, found in operations():
        names.append(found["operationId"])
        public = path == STORAGE_PATH or found["tags"] == ["Login"]
        assert found["security"] == ([] if public else [{"bearerAuth": []}])
        assert path == STORAGE_PATH or path.endswith("/")
        assert found["tags"] == [tag(path)]
        assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", found["operationId"])
    assert len(set(names)) == len(names)
    assert {tag["name"] for tag in SPEC["tags"]} == {tag(path) for _, path, _ in operations()}
    scheme = SPEC["components"]["securitySchemes"]["bearerAuth"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def tag(path: str) -> str:
    """Return the expected tag of an operation with this path. The last matching entry applies."""
    sections = {
        "/": "Images",
        "/auth/": "Login",
        "/private_tokens/": "Private tokens",
        "/datasets/": "Datasets",
        "/dicts/": "Dictionaries",
        "{dataset_id}/subjects/": "Subjects",
        "{dataset_id}/subjects/{subject_id}/images/": "Batches",
        "{subject_id}/batches/": "Batches",
        "{batch_id}/images/{image_id}/": "Results",
        "/v3/": "Face Metrics 3",
    }
    return [section for part, section in sections.items() if part in path][-1]


def test_error_statuses() -> None:
    """Check the error responses that the spec documents for each operation.

    Operations with input must document 400, operations on one object or page 404, and all operations
    401, 403 and 429. Every error response must use the error envelope. It must have a confidence label
    unless the page about logins documents it.
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


# --- examples


def examples(node: Json) -> dict[str, Any]:
    return {name: deref(found)["value"] for name, found in node.get("examples", {}).items()}


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_examples_are_those_of_the_pages(call: Call) -> None:
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
