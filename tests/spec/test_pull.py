"""A pull keeps what is wanted and what that needs, in one order, and changes nothing when it fails."""

from __future__ import annotations

import copy
import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.spec import pull as pulling
from scripts.spec.document import Json, SpecError, dump, look_up, operations, parse, references
from scripts.spec.pull import Sections, arrange, fetch, keep_own, pull, select, write
from tests.spec.edits import COMPANY, DOCUMENT, IMAGE, SUBJECTS, at, drop, edited, put, schema

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


# --- the sections


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        (Sections(tags=["images"]), OF_IMAGES),
        (Sections(tags=["SUBJECTS"], operations=["get_image"]), OF_SUBJECTS | {"get_image"}),
        (Sections(paths=[f"{COMPANY}/images"]), {"get_image"}),
        (Sections(paths=[SUBJECTS]), OF_SUBJECTS),
        (Sections(operations=["compute_batch"]), {"compute_batch"}),
    ],
    ids=["a tag", "a tag and an operation", "a path", "a path with slash", "an operation"],
)
def test_sections(sections: Sections, expected: set[str]) -> None:
    assert set(ids(select(DOCUMENT, sections))) == expected


def test_a_path_ends_at_a_slash() -> None:
    with pytest.raises(SpecError, match="the path"):
        select(DOCUMENT, Sections(paths=[f"{COMPANY}/imag"]))


@pytest.mark.parametrize(
    "sections",
    [
        Sections(tags=["Images", "Persons"]),
        Sections(paths=["/nowhere/"]),
        Sections(operations=["Get_Image"]),
    ],
)
def test_a_section_that_does_not_exist_is_named(sections: Sections) -> None:
    with pytest.raises(SpecError, match=r"nothing .*(Persons|nowhere|Get_Image).*Images, Subjects"):
        select(DOCUMENT, sections)


def test_no_section_at_all() -> None:
    with pytest.raises(SpecError, match="names no section"):
        select(DOCUMENT, Sections())


def test_of_a_path_only_the_wanted_methods_are_kept_and_what_they_share() -> None:
    document = edited(put(at(SUBJECTS, "/parameters"), [{"$ref": "#/components/parameters/Page"}]))
    kept = select(document, Sections(operations=["create_subject"]))
    assert list(kept["paths"]) == [SUBJECTS]
    assert kept["paths"][SUBJECTS].keys() == {"parameters", "post"}
    assert "Page" in kept["components"]["parameters"]


# --- what they reach


def assert_complete(document: Json) -> None:
    """Everything that is referred to is there, and nothing else."""
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
def test_an_operation_is_pulled_complete_and_alone(name: str) -> None:
    kept = select(DOCUMENT, Sections(operations=[name]))
    assert ids(kept) == [name]
    assert_complete(kept)


CIRCLE: Json = {
    "openapi": "3.1.0",
    "info": {"title": "Circles", "version": "1"},
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


def test_circles_nested_places_mappings_and_what_is_inherited() -> None:
    kept = select(CIRCLE, Sections(tags=["nodes"]))
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
    ("broken", "words"),
    [
        (drop(schema("Subject")), "refers to #/components/schemas/Subject, which the document"),
        (
            put(schema("Subject/properties/name"), {"$ref": "other.yaml#/Name"}),
            "outside of the document",
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
    ids=["dangling", "another file", "another path", "a security scheme"],
)
def test_a_reference_that_leads_nowhere_is_named(
    broken: Callable[[Json], None], words: str
) -> None:
    with pytest.raises(SpecError, match=words):
        select(edited(broken), Sections(tags=["Subjects"]))


def test_what_is_not_wanted_may_be_broken() -> None:
    select(edited(drop(schema("Subject"))), Sections(operations=["get_image"]))


# --- what is ours


def test_our_own_path_survives() -> None:
    upstream = edited(drop(at(STORAGE)))
    kept = keep_own(select(upstream, Sections(tags=["Images"])), DOCUMENT, [STORAGE])
    assert kept["paths"][STORAGE] == DOCUMENT["paths"][STORAGE]
    assert STORAGE not in upstream["paths"]


@pytest.mark.parametrize(
    ("upstream", "own", "words"),
    [
        (edited(put(at(STORAGE, "/put/summary"), "theirs")), STORAGE, "upstream has another"),
        (DOCUMENT, "/gone", "/gone is not in"),
    ],
    ids=["a clash", "a path that is missing"],
)
def test_our_own_path_must_be_ours(upstream: Json, own: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        keep_own(upstream, DOCUMENT, [own])


# --- the order


def shuffled(node: Any, chance: random.Random) -> Any:
    """The same document from a server that lists its things in another order."""
    if isinstance(node, dict):
        keys = list(node)
        chance.shuffle(keys)
        made = {key: shuffled(node[key], chance) for key in keys}
        for key in ("parameters", "required"):
            if isinstance(made.get(key), list):
                chance.shuffle(made[key])
        return made
    return [shuffled(item, chance) for item in node] if isinstance(node, list) else node


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_another_order_upstream_is_no_change(chance: random.Random) -> None:
    again = shuffled(copy.deepcopy(DOCUMENT), chance)
    assert dump(arrange(again, DOCUMENT)) == dump(DOCUMENT)


def test_what_is_new_comes_last() -> None:
    fields = {
        "new": {"type": "string"},
        **DOCUMENT["components"]["schemas"]["Subject"]["properties"],
    }
    arranged = arrange(edited(put(schema("Subject/properties"), fields)), DOCUMENT)
    assert list(arranged["components"]["schemas"]["Subject"]["properties"])[-1] == "new"


# --- the whole


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checked-in document of our own, beside its sections."""
    path = tmp_path / "haut.yaml"
    path.write_text("# As it was transcribed.\n" + dump(DOCUMENT), "utf-8")
    sections = tmp_path / "sections.yaml"
    sections.write_text(f"tags: [subjects, images]\nown: ['{STORAGE}']\n", "utf-8")
    monkeypatch.setattr(pulling, "SPEC", path)
    monkeypatch.setattr(pulling, "SECTIONS", sections)
    return path


def source(spec: Path, document: Json | str) -> str:
    path = spec.with_name("swagger.json")
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return str(path)


def test_a_pull_without_a_change_leaves_the_file_as_it_is(spec: Path) -> None:
    before = spec.read_bytes()
    again = edited(drop(at(STORAGE)), document=shuffled(DOCUMENT, random.Random(1)))
    for document in (DOCUMENT, again):
        assert not write(pull(source(spec, document), None))
        assert spec.read_bytes() == before


def test_a_pull_replaces_the_document_by_what_upstream_says(spec: Path) -> None:
    upstream = edited(drop(at(STORAGE)), put(schema("Subject/properties/name/nullable"), True))
    assert write(pull(source(spec, upstream), None))
    written = spec.read_bytes()
    found = parse(written.decode(), "x")
    assert found == {
        **upstream,
        "paths": {**upstream["paths"], STORAGE: DOCUMENT["paths"][STORAGE]},
    }
    assert b"Never edited" in written
    assert not write(pull(source(spec, upstream), None)), "a second pull finds nothing new"
    assert spec.read_bytes() == written
    assert {path.name for path in spec.parent.iterdir()} == {
        "haut.yaml",
        "sections.yaml",
        "swagger.json",
    }


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"swagger": "2.0", "paths": {}}, "Swagger 2.0"),
        ("<!doctype html><form action='/login'>", "web page"),
        ({**DOCUMENT, "paths": {}}, "nothing in the document has the tag"),
        (edited(drop(schema("Subject"))), "#/components/schemas/Subject"),
    ],
    ids=["Swagger 2.0", "a login page", "a missing section", "a dangling reference"],
)
def test_a_pull_that_fails_touches_nothing(
    spec: Path,
    document: Json | str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = spec.read_bytes()
    monkeypatch.setattr("sys.argv", ["pull", source(spec, document)])
    with pytest.raises(SystemExit) as raised:
        pulling.main()
    assert words in str(raised.value.code)
    assert "Nothing was changed" in str(raised.value.code)
    assert spec.read_bytes() == before


@pytest.mark.parametrize("content", ["tag: [Images]", "tags: Images", "[", "tags: [1]"])
def test_sections_that_cannot_be_read(spec: Path, content: str) -> None:
    pulling.SECTIONS.write_text(content, "utf-8")
    with pytest.raises(SpecError, match=r"sections\.yaml"):
        pull(source(spec, DOCUMENT), None)


# --- over the network


@contextmanager
def served(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            """Nothing: the tests look at what arrived."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def reply(handler: BaseHTTPRequestHandler, status: int, body: str = "", **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body.encode())


@pytest.mark.parametrize("token", ["secret", None])
def test_the_token_is_sent_to_the_address(token: str | None) -> None:
    seen: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["Authorization"])
        reply(handler, 200, "openapi: 3.0.3")

    with served(answer) as address:
        assert fetch(f"{address}/schema/", token) == "openapi: 3.0.3"
    assert seen == [f"Bearer {token}" if token else None]


def test_the_token_stays_behind_when_redirected_to_another_origin() -> None:
    seen: dict[str, str | None] = {}

    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        seen["elsewhere"] = handler.headers["Authorization"]
        reply(handler, 200, "{}")

    with served(elsewhere) as target:

        def here(handler: BaseHTTPRequestHandler) -> None:
            seen[handler.path] = handler.headers["Authorization"]
            reply(handler, 302, Location="/moved" if handler.path == "/" else f"{target}/")

        with served(here) as address:
            fetch(f"{address}/", "secret")
    assert seen == {"/": "Bearer secret", "/moved": "Bearer secret", "elsewhere": None}


@pytest.mark.parametrize("address", ["http://service.example/", "ftp://service.example/"])
def test_plain_http_is_for_loopback_only(address: str) -> None:
    with pytest.raises(SpecError, match="refused"):
        fetch(f"{address}?signature=secret", "secret")


def test_a_redirect_to_plain_http_is_refused() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        reply(handler, 302, Location="http://service.example/")

    with served(answer) as address, pytest.raises(SpecError, match="refused"):
        fetch(address, "secret")


@pytest.mark.parametrize(
    ("status", "token", "words"),
    [
        (401, None, "set HAUT_TOKEN"),
        (403, "secret", "does not accept HAUT_TOKEN"),
        (500, None, "500"),
    ],
)
def test_an_address_that_does_not_answer_is_said_without_secrets(
    status: int, token: str | None, words: str
) -> None:
    with served(lambda handler: reply(handler, status)) as address:
        named = address.replace("//", "//user:password@")
        with pytest.raises(SpecError, match=words) as raised:
            fetch(f"{named}/schema?signature=signed", token)
    with pytest.raises(SpecError, match="cannot be reached") as unreachable:
        fetch(f"{named}/schema?signature=signed", token)
    for error in (raised, unreachable):
        assert f"{address}/schema" in str(error.value)
        assert not {"signed", "password", "secret"} & set(
            str(error.value).replace("=", " ").split()
        )


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("missing", "binary", "."):
        with pytest.raises(SpecError, match="cannot be read"):
            fetch(str(tmp_path / name), None)
