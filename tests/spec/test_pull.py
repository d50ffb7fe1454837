"""Tests of `make spec-pull`: selected operations and components, their order, download, and errors."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.spec import contract as contract_module
from scripts.spec import pull as pull_module
from scripts.spec.contract import complete
from scripts.spec.document import (
    Json,
    SpecError,
    dump,
    look_up,
    operations,
    parse,
    references,
    validation_errors,
)
from scripts.spec.names import NAMES
from scripts.spec.pull import Sections, arrange, fetch, pull, select, write
from tests.spec.edits import (
    COMPANY,
    DOCUMENT,
    IMAGE,
    SUBJECTS,
    at,
    drop,
    edited,
    parameter,
    put,
    schema,
)

STORAGE = "/{bucket}/{object_name}"

OF_SUBJECTS = {
    "create_subject",
    "list_subjects",
    "update_subject",
    "delete_subject",
    "delete_subjects",
}
OF_IMAGES = {
    "create_signed_upload_url",
    "upload_image",
    "compute_batch",
    "list_images",
    "get_image",
}


def ids(document: Json) -> list[str]:
    return [operation.id for operation in operations(document)]


# --- sections


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        (Sections(tags=["images"]), OF_IMAGES),
        (Sections(tags=["SUBJECTS"], operations=["get_image"]), OF_SUBJECTS | {"get_image"}),
        (Sections(paths=[f"{COMPANY}/images"]), {"get_image"}),
        (Sections(paths=[SUBJECTS]), OF_SUBJECTS),
        (Sections(operations=["compute_batch"]), {"compute_batch"}),
    ],
    ids=["tag", "tag and operation", "path", "path with slash", "operation"],
)
def test_sections_select_operations_by_tag_path_and_id(
    sections: Sections, expected: set[str]
) -> None:
    assert set(ids(select(DOCUMENT, sections))) == expected


def test_a_path_prefix_ends_at_a_slash() -> None:
    with pytest.raises(SpecError, match="path"):
        select(DOCUMENT, Sections(paths=[f"{COMPANY}/imag"]))


@pytest.mark.parametrize(
    "sections",
    [
        Sections(tags=["Images", "Persons"]),
        Sections(paths=["/nowhere/"]),
        Sections(operations=["Get_Image"]),
    ],
)
def test_an_unknown_section_is_an_error_that_lists_the_tags(sections: Sections) -> None:
    with pytest.raises(SpecError, match=r"selects .*(Persons|nowhere|Get_Image).*Images, Subjects"):
        select(DOCUMENT, sections)


def test_selecting_no_section_is_an_error() -> None:
    with pytest.raises(SpecError, match="selects no section"):
        select(DOCUMENT, Sections())


def test_unselected_methods_of_a_path_are_removed_and_shared_parameters_are_kept() -> None:
    document = edited(put(at(SUBJECTS, "/parameters"), [{"$ref": "#/components/parameters/Page"}]))
    kept = select(document, Sections(operations=["create_subject"]))
    assert list(kept["paths"]) == [SUBJECTS]
    assert kept["paths"][SUBJECTS].keys() == {"parameters", "post"}
    assert "Page" in kept["components"]["parameters"]


# --- referenced components


def assert_complete(document: Json) -> None:
    """Check that a document defines exactly the components that it refers to."""
    used = {target for _, target in references(document)}
    for target in used:
        look_up(document, target)
    components = {
        f"#/components/{section}/{name}"
        for section, found in document.get("components", {}).items()
        for name in found
        if section != "securitySchemes"
    }
    assert components <= {"/".join(target.split("/")[:4]) for target in used}
    inherited: list[Json] = document.get("security", [])
    schemes = {
        scheme
        for operation in operations(document)
        for option in operation.definition.get("security", inherited)
        for scheme in option
    }
    assert document.get("components", {}).get("securitySchemes", {}).keys() == schemes
    tags = {tag for found in operations(document) for tag in found.definition.get("tags", [])}
    assert {tag["name"] for tag in document.get("tags", [])} <= tags


@pytest.mark.parametrize("name", ids(DOCUMENT))
def test_a_single_operation_is_selected_with_all_its_components(name: str) -> None:
    kept = select(DOCUMENT, Sections(operations=[name]))
    assert ids(kept) == [name]
    assert_complete(kept)


RECURSIVE: Json = {
    "openapi": "3.1.0",
    "info": {"title": "Recursion", "version": "1"},
    "security": [{"key": []}],
    "paths": {
        "/nodes": {"$ref": "#/components/pathItems/Nodes"},
        "/other": {"get": {"tags": ["Other"], "responses": {"200": {"$ref": "#/components/gone"}}}},
    },
    "webhooks": {"happened": {"post": {"responses": {}}}},
    "components": {
        "pathItems": {
            "Nodes": {
                "get": {
                    "tags": ["Nodes"],
                    "operationId": "nodes",
                    "responses": {"200": {"$ref": "#/components/responses/Node"}},
                }
            }
        },
        "responses": {
            "Node": {
                "description": ".",
                "content": {"a/b": {"schema": {"$ref": "#/components/schemas/Node"}}},
            }
        },
        "schemas": {
            "Node": {
                "properties": {
                    "children": {"items": {"$ref": "#/components/schemas/Node"}},
                    "name": {"$ref": "#/components/schemas/Leaf/properties/name"},
                    "kind": {
                        "oneOf": [{"$ref": "#/components/schemas/Leaf"}],
                        "discriminator": {"propertyName": "k", "mapping": {"b": "Branch"}},
                    },
                }
            },
            "Leaf": {"properties": {"name": {"type": ["string", "null"]}}},
            "Branch": {"allOf": [{"$ref": "#/components/schemas/Node"}]},
            "Unused": {"properties": {"node": {"$ref": "#/components/schemas/Node"}}},
        },
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}, "other": {}},
    },
}


def test_recursive_schemas_nested_references_mappings_and_inherited_security() -> None:
    kept = select(RECURSIVE, Sections(tags=["nodes"]))
    assert kept["openapi"] == "3.1.0"
    assert kept["security"] == [{"key": []}]
    assert "webhooks" not in kept
    components = {section: set(found) for section, found in kept["components"].items()}
    assert components == {
        "responses": {"Node"},
        "schemas": {"Node", "Leaf", "Branch"},
        "securitySchemes": {"key"},
    }
    assert_complete({**kept, "components": {**kept["components"]}})


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (drop(schema("Subject")), "refers to #/components/schemas/Subject, which does not exist"),
        (
            put(schema("Subject/properties/name"), {"$ref": "other.yaml#/Name"}),
            "outside the document",
        ),
        (
            put(schema("Subject/properties/name"), {"$ref": at(IMAGE, "/get")}),
            "neither a component nor",
        ),
        (
            drop("#/components/securitySchemes/bearerAuth"),
            "#/components/securitySchemes/bearerAuth",
        ),
    ],
    ids=["missing schema", "another file", "another path", "missing security scheme"],
)
def test_an_invalid_reference_is_an_error(broken: Callable[[Json], None], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        select(edited(broken), Sections(tags=["Subjects"]))


def test_errors_in_unselected_operations_are_ignored() -> None:
    select(edited(drop(schema("Subject"))), Sections(operations=["get_image"]))


# --- transcribed operations


def test_operations_that_the_document_lacks_are_transcribed_ones() -> None:
    pulled = edited(drop(at(STORAGE)), put(schema("ErrorItem/title"), "theirs"))
    completed = complete(pulled, DOCUMENT)
    assert {**completed, "components": {}} == {
        **DOCUMENT,
        "paths": {**pulled["paths"], STORAGE: DOCUMENT["paths"][STORAGE]},
        "components": {},
    }
    assert completed["components"]["schemas"] == pulled["components"]["schemas"]
    assert STORAGE not in pulled["paths"]


def test_versions_of_openapi_can_differ() -> None:
    pulled = {**edited(drop(at(IMAGE))), "openapi": "3.1.0"}
    completed = complete(pulled, DOCUMENT)
    assert "get_image" in ids(completed)
    assert validation_errors(completed) == []


def test_a_conflicting_parameter_of_a_transcribed_operation_is_an_error() -> None:
    pulled = edited(drop(at(IMAGE)), put(parameter("ImageId/description"), "theirs"))
    with pytest.raises(SpecError, match="ImageId differs between"):
        complete(pulled, DOCUMENT)


# --- order


def shuffled(node: Any, generator: random.Random) -> Any:
    """Return the document with its keys in random order, because a server may send them in any order."""
    if isinstance(node, dict):
        keys = list(node)
        generator.shuffle(keys)
        made = {key: shuffled(node[key], generator) for key in keys}
        for key in ("parameters", "required"):
            if isinstance(made.get(key), list):
                generator.shuffle(made[key])
        return made
    return [shuffled(item, generator) for item in node] if isinstance(node, list) else node


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_another_order_of_entries_is_not_a_change(generator: random.Random) -> None:
    reordered = shuffled(copy.deepcopy(DOCUMENT), generator)
    assert dump(arrange(reordered, DOCUMENT)) == dump(DOCUMENT)


def test_new_entries_come_last() -> None:
    fields = {
        "new": {"type": "string"},
        **DOCUMENT["components"]["schemas"]["Subject"]["properties"],
    }
    arranged = arrange(edited(put(schema("Subject/properties"), fields)), DOCUMENT)
    assert list(arranged["components"]["schemas"]["Subject"]["properties"])[-1] == "new"


# --- pull and write


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the contract and its sections.yaml to a temporary folder; return the path of the contract."""
    path = tmp_path / "haut.yaml"
    path.write_text("# A comment.\n" + dump(DOCUMENT), "utf-8")
    files = {name: tmp_path / f"{name.lower()}.yaml" for name in ("SECTIONS", "NAMES")}
    files["SECTIONS"].write_text("tags: [subjects, images]\n", "utf-8")
    shutil.copyfile(NAMES, files["NAMES"])
    for name, file in {
        **files,
        "SPEC": path,
        "TRANSCRIPTION": tmp_path / "transcribed.yaml",
    }.items():
        monkeypatch.setattr(pull_module, name, file)
    monkeypatch.setattr(contract_module, "SPEC", path)
    monkeypatch.setattr(pull_module, "ROOT", tmp_path)
    return path


def source(spec: Path, document: Json | str) -> str:
    path = spec.with_name("swagger.json")
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return str(path)


def test_a_pull_without_changes_leaves_the_files_unchanged(spec: Path) -> None:
    assert write(pull(source(spec, edited(drop(at(STORAGE)))), None))
    before = {path.name: path.read_bytes() for path in spec.parent.glob("*.yaml")}
    assert before.keys() == {"haut.yaml", "names.yaml", "sections.yaml", "transcribed.yaml"}
    reordered = edited(drop(at(STORAGE)), document=shuffled(DOCUMENT, random.Random(1)))
    for document in (edited(drop(at(STORAGE))), reordered):
        assert not write(pull(source(spec, document), None))
        assert {path.name: path.read_bytes() for path in spec.parent.glob("*.yaml")} == before


def test_the_first_pull_moves_the_transcription(spec: Path) -> None:
    pulled = edited(drop(at(STORAGE)), put(schema("Subject/properties/name/nullable"), True))
    assert write(pull(source(spec, pulled), None))
    assert parse(spec.read_text("utf-8"), "x") == pulled
    assert "Do not edit" in spec.read_text("utf-8")
    transcribed = spec.with_name("transcribed.yaml").read_text("utf-8")
    assert parse(transcribed, "x") == DOCUMENT
    assert "make retire" in transcribed


def test_an_operation_that_the_service_removes_is_not_replaced_by_a_transcribed_one(
    spec: Path,
) -> None:
    for removed in ([STORAGE], [STORAGE, IMAGE]):
        document = edited(*(drop(at(path)) for path in removed))
        write(pull(source(spec, document), None))
    kept = parse(spec.with_name("transcribed.yaml").read_text("utf-8"), "x")
    assert DOCUMENT["paths"].keys() - kept["paths"].keys() == {IMAGE}


def test_retiring_keeps_what_the_document_lacks(spec: Path) -> None:
    write(pull(source(spec, edited(drop(at(STORAGE)))), None))
    assert pull_module.retire() == len(ids(DOCUMENT)) - 1
    kept = parse(spec.with_name("transcribed.yaml").read_text("utf-8"), "x")
    assert list(kept["paths"]) == [STORAGE]


def test_a_section_with_another_tag_is_a_question(spec: Path) -> None:
    text = json.dumps(edited(drop(at(STORAGE)))).replace('"Subjects"', '"Subject"')
    pulled = pull(source(spec, text), None)
    assert set(ids(pulled.document)) == OF_SUBJECTS | OF_IMAGES - {"upload_image"}
    [note] = pulled.notes
    assert "the operations of the section Subjects have the tag Subject" in note


def test_what_the_document_confirms_is_documented_in_the_transcription(spec: Path) -> None:
    labeled = edited(
        *(
            put(f"{place}/{key}", "inferred")
            for place in (schema("Subject/properties/name"), at(IMAGE, "/get/responses/200"))
            for key in ("x-evidence", "x-evidence-reason")
        )
    )
    spec.write_text(dump(labeled), "utf-8")
    pulled = edited(drop(at(STORAGE)), put(schema("Subject/properties/name/nullable"), True))
    kept = pull(source(spec, pulled), None).transcription
    assert look_up(kept, at(IMAGE, "/get/responses/200"))["x-evidence"] == "documented"
    assert look_up(kept, schema("Subject/properties/name"))["x-evidence"] == "inferred"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"swagger": "2.0", "paths": {}}, "Swagger 2.0"),
        ("<!doctype html><form action='/login'>", "web page"),
        ({**DOCUMENT, "paths": {}}, "sections.yaml selects tag"),
        (edited(drop(schema("Subject"))), "#/components/schemas/Subject"),
    ],
    ids=["Swagger 2.0", "login page", "missing section", "missing schema"],
)
def test_a_failed_pull_changes_no_file(
    spec: Path,
    document: Json | str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = spec.read_bytes()
    monkeypatch.setattr("sys.argv", ["pull", source(spec, document)])
    with pytest.raises(SystemExit) as raised:
        pull_module.main()
    assert message in str(raised.value.code)
    assert "No file was changed" in str(raised.value.code)
    assert spec.read_bytes() == before


SWAGGER_2 = {
    "swagger": "2.0",
    "info": {"title": "Old", "version": "1"},
    "host": "service.example",
    "schemes": ["https"],
    "paths": {
        "/images/{id}/": {
            "put": {
                "tags": ["Images"],
                "operationId": "replace_image",
                "consumes": ["application/json"],
                "produces": ["application/json"],
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "type": "string"},
                    {"name": "image", "in": "body", "schema": {"$ref": "#/definitions/Image"}},
                ],
                "responses": {
                    "200": {"description": ".", "schema": {"$ref": "#/definitions/Image"}}
                },
            }
        }
    },
    "definitions": {"Image": {"type": "object", "properties": {"name": {"type": "string"}}}},
}


@pytest.mark.release
def test_the_proposed_command_converts_swagger_2(tmp_path: Path) -> None:
    (tmp_path / "swagger.json").write_text(json.dumps(SWAGGER_2), "utf-8")
    with pytest.raises(SpecError) as raised:
        parse(json.dumps(SWAGGER_2), "swagger.json")
    _, command, _ = str(raised.value).split("`")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(command.split(), cwd=tmp_path, env={**os.environ, "PATH": path}, check=True)
    converted = parse((tmp_path / "openapi.json").read_text("utf-8"), "openapi.json")
    pulled = select(converted, Sections(tags=["Images"]))
    [operation] = operations(pulled)
    assert operation.key == "PUT /images/{id}/"
    assert pulled["components"]["schemas"] == SWAGGER_2["definitions"]


@pytest.mark.parametrize("content", ["tag: [Images]", "tags: Images", "[", "tags: [1]"])
def test_an_invalid_sections_file_is_an_error(spec: Path, content: str) -> None:
    pull_module.SECTIONS.write_text(content, "utf-8")
    with pytest.raises(SpecError, match=r"sections\.yaml"):
        pull(source(spec, DOCUMENT), None)


# --- download


@contextmanager
def served(respond: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            respond(self)

        def log_message(self, *_: object) -> None:
            """Do not write a log line for each request."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def send(handler: BaseHTTPRequestHandler, status: int, body: str = "", **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body.encode())


@pytest.mark.parametrize("token", ["secret", None])
def test_the_token_is_sent_to_the_url(token: str | None) -> None:
    received: list[str | None] = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        received.append(handler.headers["Authorization"])
        send(handler, 200, "openapi: 3.0.3")

    with served(respond) as address:
        assert fetch(f"{address}/schema/", token) == "openapi: 3.0.3"
    assert received == [f"Bearer {token}" if token else None]


def test_the_token_is_not_sent_to_another_origin_after_a_redirect() -> None:
    received: dict[str, str | None] = {}

    def other_origin(handler: BaseHTTPRequestHandler) -> None:
        received["other origin"] = handler.headers["Authorization"]
        send(handler, 200, "{}")

    with served(other_origin) as target:

        def same_origin(handler: BaseHTTPRequestHandler) -> None:
            received[handler.path] = handler.headers["Authorization"]
            send(handler, 302, Location="/moved" if handler.path == "/" else f"{target}/")

        with served(same_origin) as address:
            fetch(f"{address}/", "secret")
    assert received == {"/": "Bearer secret", "/moved": "Bearer secret", "other origin": None}


def test_the_token_is_not_sent_to_a_proxy_in_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def proxy(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.path)
        send(handler, 200, "{}")

    with served(proxy) as proxy_address, served(lambda it: send(it, 200, "{}")) as address:
        for name in ("HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy_address)
            monkeypatch.setenv(name.lower(), proxy_address)
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        assert fetch(address, "secret") == "{}"
    assert seen == []


@pytest.mark.parametrize("address", ["http://service.example/", "ftp://service.example/"])
def test_http_is_allowed_for_loopback_only(address: str) -> None:
    with pytest.raises(SpecError, match="not allowed"):
        fetch(f"{address}?signature=secret", "secret")


def test_a_redirect_to_http_is_rejected() -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 302, Location="http://service.example/")

    with served(respond) as address, pytest.raises(SpecError, match="not allowed"):
        fetch(address, "secret")


@pytest.mark.parametrize(
    ("status", "token", "message"),
    [
        (401, None, "set HAUT_TOKEN"),
        (403, "secret", "HAUT_TOKEN was rejected"),
        (500, None, "500"),
    ],
)
def test_the_error_of_a_failed_download_contains_no_secrets(
    status: int, token: str | None, message: str
) -> None:
    with served(lambda handler: send(handler, status)) as address:
        named = address.replace("//", "//user:password@")
        with pytest.raises(SpecError, match=message) as raised:
            fetch(f"{named}/schema?signature=signed", token)
    with pytest.raises(SpecError, match="cannot be reached") as unreachable:
        fetch(f"{named}/schema?signature=signed", token)
    for error in (raised, unreachable):
        assert f"{address}/schema" in str(error.value)
        assert not {"signed", "password", "secret"} & set(
            str(error.value).replace("=", " ").split()
        )


def test_an_unreadable_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("missing", "binary", "."):
        with pytest.raises(SpecError, match="cannot be read"):
            fetch(str(tmp_path / name), None)
