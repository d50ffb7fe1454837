"""Tests that the check of the installed client against a Swagger finds every difference."""

from __future__ import annotations

import copy
import json
import random
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import haut_api
from haut_ext.spec_check import Comparison, SpecError, check_document, check_spec
from haut_ext.spec_check.comparison import Sections, compare
from haut_ext.spec_check.parsing import MAX_DEPTH
from scripts.spec.document import ROOT, Json, dump, operations, parse, reference_keys, walk
from scripts.spec.document import to_openapi_31 as converted
from tests.spec.edits import COMPUTE, DOCUMENT, SUBJECT, Edit, at, drop, edited, move, put, schema
from tests.spec.test_http_diff import CHANGES

pytestmark = pytest.mark.slow

ALL = Sections(paths=["/"])
SWAGGER = parse((ROOT / "openapi" / "haut.yaml").read_text("utf-8"), "haut.yaml")


def differences(found: Comparison) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {
        one.key: (one.status, one.differences) for one in found.operations if one.status != "equal"
    }


# --- comparison


@pytest.mark.parametrize("document", [SWAGGER, haut_api.spec()], ids=["Swagger", "contract"])
def test_the_client_equals_the_document_that_it_was_generated_from(document: Json) -> None:
    found = check_document(document)
    assert found.equal, list(found.lines())
    assert len(found.operations) == len(list(operations(haut_api.spec())))


@pytest.mark.parametrize(
    ("name", "edit"),
    [row[:2] for row in CHANGES if row[0] != "operation id changed"],
    ids=[row[0] for row in CHANGES if row[0] != "operation id changed"],
)
@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
def test_each_change_is_a_difference(name: str, edit: Edit, backwards: bool) -> None:
    old, new = (edited(edit), DOCUMENT) if backwards else (DOCUMENT, edited(edit))
    assert not compare(old, new, ALL).equal


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (drop(at(SUBJECT, "/patch")), {f"PATCH {SUBJECT}": ("missing", ())}),
        (put(at(SUBJECT, "/put"), {"responses": {}}), {f"PUT {SUBJECT}": ("new", ())}),
        (
            put(schema("ComputeRequest/properties/app_args/type"), "string"),
            {
                f"POST {COMPUTE}": (
                    "different",
                    ('request body (application/json).app_args type: ["object", "null"] -> none',),
                )
            },
        ),
        (
            move(at(COMPUTE), at(COMPUTE.replace("batch_id", "id"))),
            None,
        ),
    ],
    ids=["missing", "new", "field", "path parameter"],
)
def test_differences_are_reported_by_operation(edit: Edit, expected: Any) -> None:
    found = differences(compare(DOCUMENT, edited(edit), ALL))
    if expected is None:
        path = f"path: {COMPUTE} -> {COMPUTE.replace('batch_id', 'id')}"
        [(key, (status, texts))] = found.items()
        assert (key, status) == (f"POST {COMPUTE}", "different")
        assert path in texts
    else:
        assert found.keys() == expected.keys()


def rename_everything(document: Json) -> None:
    """Rename operations, tags and schemas; replace texts; remove confidence labels."""
    for operation in operations(document):
        found = document["paths"][operation.path][operation.method]
        found |= {"operationId": operation.key, "tags": ["x"], "description": "x", "summary": "x"}
    for _, node in walk(document):
        for mapping, key in reference_keys(node):
            mapping[key] = mapping[key].replace("/schemas/", "/schemas/New")
    schemas = document["components"]["schemas"]
    document["components"]["schemas"] = {f"New{name}": found for name, found in schemas.items()}


def shuffled(node: Any, order: random.Random) -> Any:
    if isinstance(node, list):
        return [shuffled(item, order) for item in node]
    if not isinstance(node, dict):
        return node
    names = order.sample(list(node), len(node))
    for name in ("required", "enum"):
        if isinstance(node.get(name), list):
            node = {**node, name: order.sample(node[name], len(node[name]))}
    return {name: shuffled(node[name], order) for name in names}


@pytest.mark.parametrize("document", [DOCUMENT, SWAGGER], ids=["service", "Swagger"])
def test_names_texts_and_notation_are_no_differences(document: Json) -> None:
    variants = [
        edited(rename_everything, document=document),
        converted(document),
        shuffled(document, random.Random(1)),
        parse(dump(document), "document"),
    ]
    for variant in variants:
        for old, new in ((document, variant), (variant, document)):
            found = compare(old, new, ALL)
            assert found.equal, list(found.lines())


def test_alternatives_are_compared_in_any_order() -> None:
    options = [{"$ref": schema("Subject")}, {"$ref": schema("Image")}, {"type": "string"}]
    place = schema("ComputeResult")
    base = edited(put(place, {"oneOf": options}))
    assert compare(base, edited(put(place, {"oneOf": options[::-1]})), ALL).equal
    assert not compare(base, edited(put(place, {"oneOf": options[1:]})), ALL).equal
    other = [*options[1:], {"$ref": schema("SubjectRequest")}]
    assert not compare(base, edited(put(place, {"oneOf": other})), ALL).equal


def test_operations_of_other_sections_are_counted_only() -> None:
    document = edited(put(at("/reports/"), {"get": {"tags": ["Reports"], "responses": {}}}))
    sections = Sections(tags=["subjects", "Images"], own=[COMPUTE])
    found = compare(DOCUMENT, document, sections)
    assert (found.equal, found.ignored) == (True, 1)
    assert not compare(DOCUMENT, document, Sections(tags=["Reports"])).equal
    [lost] = compare(DOCUMENT, DOCUMENT, Sections(tags=["Images", "Gone"])).differences
    assert "'Gone'" in lost


def test_schemas_that_refer_to_themselves_are_compared() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": schema("Subject")}}}
    base = edited(put(schema("Subject"), node))
    twice = {"type": "object", "properties": {"next": node}}
    assert compare(base, edited(put(schema("Subject"), twice)), ALL).equal


@pytest.mark.parametrize("place", [at(COMPUTE, "/post/servers"), at(COMPUTE, "/servers")])
def test_the_server_of_an_operation_or_a_path_is_compared(place: str) -> None:
    changed = edited(put(place, [{"url": "https://other.example"}]))
    assert differences(compare(DOCUMENT, changed, ALL)).keys() == {f"POST {COMPUTE}"}


def test_every_inline_schema_is_compared_with_the_same_component() -> None:
    fields = "properties/first", "properties/second"
    inline = {"type": "object", "properties": {"a": {"type": "string"}}}
    base = edited(
        put(schema("Thing"), inline),
        put(schema("ComputeResult"), {"type": "object", "properties": {}}),
        *(put(schema(f"ComputeResult/{one}"), inline) for one in fields),
    )
    references = [put(schema(f"ComputeResult/{one}"), {"$ref": schema("Thing")}) for one in fields]
    same = edited(*references, document=base)
    assert compare(base, same, ALL).equal
    second = put(schema("ComputeResult/properties/second/properties/a/type"), "integer")
    assert not compare(edited(second, document=base), same, ALL).equal


def test_recursive_schemas_with_references_at_other_places_are_compared() -> None:
    left = {"properties": {"a": {"properties": {"b": {"$ref": schema("Left")}}}}}
    right = {"properties": {"b": {"properties": {"a": {"$ref": schema("Right")}}}}}
    old = edited(put(schema("Left"), left), put(schema("ComputeResult"), {"$ref": schema("Left")}))
    inline = {"properties": {"a": {"$ref": schema("Right")}}}
    new = edited(put(schema("Right"), right), put(schema("ComputeResult"), inline))
    assert compare(old, new, ALL).equal
    assert compare(new, old, ALL).equal


@pytest.mark.parametrize("keyword", ["default", "const"])
def test_values_are_compared_completely(keyword: str) -> None:
    place = schema(f"SignedUploadRequest/properties/meta/{keyword}")
    old, new = (edited(put(place, {"title": text, "x-a": {"$ref": "none"}})) for text in "ab")
    assert not compare(old, new, ALL).equal
    assert compare(old, old, ALL).equal


@pytest.mark.parametrize(
    ("keyword", "sent", "received"), [("readOnly", False, True), ("writeOnly", True, False)]
)
def test_fields_that_are_left_out_are_differences(keyword: str, sent: bool, received: bool) -> None:
    for name, equal in (("SubjectRequest", sent), ("Subject", received)):
        changed = edited(put(schema(f"{name}/properties/name/{keyword}"), True))
        assert compare(DOCUMENT, changed, ALL).equal is equal


# --- documents of others


def files(tmp_path: Path, content: bytes | Json) -> Path:
    path = tmp_path / "swagger.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


HEAD = b"openapi: 3.0.3\ninfo: {title: x, version: '1'}\npaths: {}\n"
BOMB = (
    HEAD
    + b"a0: &a0 [x, x]\n"
    + b"".join(
        b"a%d: &a%d [*a%d, *a%d]\n" % (level, level, level - 1, level - 1) for level in range(1, 60)
    )
)
MERGES = (
    HEAD
    + b"a0: &a0 {x: 1}\n"
    + b"".join(
        b"a%d: &a%d {<<: [*a%d, *a%d]}\n" % (level, level, level - 1, level - 1)
        for level in range(1, 60)
    )
)
USED = at(COMPUTE, "/post/requestBody/content/application~1json/schema")
HOSTILE: dict[str, tuple[bytes | Json, str]] = {
    "aliases": (BOMB, "values"),
    "merged mappings": (MERGES, "values"),
    "alias of itself": (HEAD + b"x: &x [*x]\n", "neither JSON nor YAML"),
    "nested JSON": (b"[" * 100_000, "nested"),
    "nested objects": (b'{"a":' * 150 + b"1" + b"}" * 150, "nested"),
    "nested YAML": (HEAD + b"x: " + b"[" * 100_000, "nested"),
    "a huge number": (b'{"openapi": ' + b"9" * 5000 + b"}", "neither JSON nor YAML"),
    "a tag": (HEAD + b"x: !!python/object/apply:os.system [true]\n", "neither JSON nor YAML"),
    "a key that is a list": (HEAD + b"? [x]\n: 1\n", "neither JSON nor YAML"),
    "a duplicate key": (b'{"a": 1,\n "a": 2}', "twice (line 2)"),
    "not UTF-8": (b"\xff\xfe", "UTF-8"),
    "null bytes": (b"\0" * 10, "neither JSON nor YAML"),
    "Swagger 2.0": ({"swagger": "2.0", "paths": {}}, "swagger2openapi"),
    "a web page": (b"<!doctype html>", "web page"),
    "a list": (b"[]", "not an object"),
    "control characters": ({"openapi": "3.0\x1b[2J"}, r"\x1b[2J"),
    "a long text": ({"openapi": "x" * 1_000_000}, "..."),
    "an external file": (edited(put(USED, {"$ref": "file:///etc/passwd"})), "outside the document"),
    "an external URL": (edited(put(USED, {"$ref": "http://127.0.0.1:1/x"})), "outside the document"),
    "a missing target": (edited(put(USED, {"$ref": "#/nowhere"})), "#/nowhere"),
    "circular references": (
        edited(put(schema("A"), {"$ref": schema("A")}), put(USED, {"$ref": schema("A")})),
        schema("A"),
    ),
}  # fmt: skip


@pytest.fixture
def client_of_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the checks compare with the small document DOCUMENT instead of the client's."""
    content = json.dumps({"sections": {"paths": ["/"]}, "document": DOCUMENT})
    monkeypatch.setattr("haut_ext.spec_check.swagger_text", lambda: content)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.usefixtures("client_of_service")
def test_an_unusable_document_is_refused(tmp_path: Path, name: str) -> None:
    content, message = HOSTILE[name]
    with pytest.raises(SpecError) as raised:
        check_spec(files(tmp_path, content))
    text = str(raised.value)
    assert message in text
    assert text.isprintable()
    assert len(text) < 1000


def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, message in ((tmp_path, "directory"), (tmp_path / "x\n", r"x\n cannot be read")):
        with pytest.raises(SpecError, match="cannot be read") as raised:
            check_spec(path)
        assert message in str(raised.value)
    monkeypatch.setattr("haut_ext.spec_check.parsing.MAX_BYTES", 100)
    with pytest.raises(SpecError, match="larger than"):
        check_spec(files(tmp_path, b" " * 101))


def test_the_largest_permitted_nesting_is_compared() -> None:
    node: Json = {}
    for _ in range(MAX_DEPTH - 10):
        node = {"items": node}
    base = edited(put(schema("ComputeResult"), node))
    assert compare(base, copy.deepcopy(base), ALL).equal


def nodes(node: Any) -> list[tuple[Any, Any]]:
    """Return each place of a document as the object that contains it and the key."""
    places: list[tuple[Any, Any]] = []
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        places.append((node, key))
        if isinstance(value, dict | list):
            places += nodes(value)
    return places


@given(
    place=st.integers(min_value=0),
    value=st.sampled_from(
        [None, True, 7, "x", "#/x", [], [None], {}, {"$ref": "#"}, {"$ref": "#/paths"}, [[]]]
    ),
)
def test_a_malformed_document_is_compared_or_refused(place: int, value: Any) -> None:
    document = copy.deepcopy(DOCUMENT)
    places = nodes(document["paths"]) + nodes(document["components"]) + nodes(document)
    parent, key = places[place % len(places)]
    parent[key] = value
    try:
        lines = list(compare(DOCUMENT, document, ALL).lines())
    except SpecError as error:
        lines = [str(error)]
    assert all(line.isprintable() for line in lines)


def test_yaml_needs_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("haut_ext.spec_check.yaml_loader", raising=False)
    monkeypatch.delitem(sys.modules, "haut_ext.spec_check.yaml_loader", raising=False)
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(SpecError, match=r"haut-ext\[yaml\]"):
        check_spec(files(tmp_path, HEAD))
    with pytest.raises(SpecError, match="key 'a' twice; parsers"):
        check_spec(files(tmp_path, b'{"a": 1, "a": 2}'))
    assert check_spec(files(tmp_path, SWAGGER)).equal


# --- commands


def steps_of_the_documented_workflow() -> tuple[str, str]:
    page = (ROOT / "docs" / "drift-check.md").read_text("utf-8")
    [workflow] = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    steps = yaml.safe_load(workflow)["jobs"]["check"]["steps"]
    install, check = (step for step in steps if "run" in step)
    assert check["env"] == {"HAUT_SWAGGER_URL": "${{ vars.HAUT_SWAGGER_URL }}"}
    return install["run"], check["run"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "status", "line"),
    [
        (lambda _: None, 0, " equal, 0 different, 0 missing, 0 new;"),
        (drop(at("/api/v1/dicts/algorithms/")), 1, "missing: GET /api/v1/dicts/algorithms/"),
        (None, 22, ""),  # curl's exit status for 404
    ],
    ids=["equal", "different", "not found"],
)
def test_the_documented_workflow_fails_on_a_change(
    tmp_path: Path, change: Callable[[Json], None] | None, status: int, line: str
) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    if change is not None:
        document = edited(change, document=SWAGGER)
        (folder / "swagger.json").write_text(json.dumps(document), "utf-8")
    install, check = steps_of_the_documented_workflow()
    assert install == "pip install --requirement requirements.txt"
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/swagger.json"
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        done = subprocess.run(
            ["bash", "-e", "-c", check],
            cwd=tmp_path,
            env={"PATH": path, "HAUT_SWAGGER_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )
        server.shutdown()
        thread.join()
    assert done.returncode == status, done.stderr
    assert line in done.stdout


def test_the_documented_report_is_real() -> None:
    def change(document: Json) -> None:
        paths, schemas = document["paths"], document["components"]["schemas"]
        schemas["SubjectRequest"]["properties"]["name"]["maxLength"] = 100
        schemas["LoginRequest"]["properties"]["code"] = {"type": "string"}
        paths["/api/v1/dicts/ages/"] = paths.pop("/api/v1/dicts/algorithms/")

    page = (ROOT / "docs" / "drift-check.md").read_text("utf-8")
    [report] = re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert report.splitlines() == list(check_document(edited(change, document=SWAGGER)).lines())


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Do not write a log line for each request."""


def add_hostile_path(document: Json) -> None:
    document["paths"]["/api/v1/dicts/\x1b[2J\u202e/"] = {"get": {"responses": {}}}


HAUT = ["-c", "from haut_ext.cli import main; main()"]


@pytest.mark.parametrize(
    "command",
    [["-m", "haut_ext.spec_check"], [*HAUT, "spec", "check"]],
    ids=["module", "command line"],
)
@pytest.mark.parametrize(
    ("change", "status"),
    [(lambda _: None, 0), (add_hostile_path, 1), (lambda document: document.clear(), 2)],
    ids=["equal", "different", "invalid"],
)
def test_exit_status(
    tmp_path: Path, command: list[str], change: Callable[[Json], None], status: int
) -> None:
    path = files(tmp_path, edited(change, document=SWAGGER))
    done = subprocess.run(
        [sys.executable, *command, path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    if status == 1:
        assert r"new: GET /api/v1/dicts/\x1b[2J\u202e/" in done.stdout
