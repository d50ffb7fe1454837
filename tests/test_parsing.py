"""Tests of response parsing with random changes to valid responses.

For any body of a success response, the client returns a model or raises UnexpectedResponse with
operation and field. For any body of an error response, it raises the error class of the status.
Hypothesis edits example responses, and the sandbox sends them. Field names in errors are tested
separately, in tests/_async/test_responses.py.
"""

from __future__ import annotations

import copy
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from haut_api import models
from haut_ext import (
    BadRequest,
    DeletedSubjects,
    DeletionIncomplete,
    Haut,
    Page,
    StorageError,
    UnexpectedResponse,
)
from haut_ext.sandbox import Sandbox, faults
from tests import documents
from tests.support import operation_examples

TIME_FIELDS = ("creation_time", "created_at")
SOME_ID = "9b810e76-6ec9-4286-a3ca-828dd5f4b3b2"

Caller = Callable[[Haut], Any]
# Keys: HTTP method and the end of the path, as in the API documentation. Values: operation id, a
# function that calls the operation, and the type of the result.
DOCUMENTED_CALLS: dict[tuple[str, str], tuple[str, Caller, Any]] = {
    ("POST", "/datasets/{dataset_id}/subjects/"): (
        "create_subject",
        lambda haut: haut.subjects.create("x"),
        models.Subject,
    ),
    ("PATCH", "/subjects/{subject_id}/"): (
        "update_subject",
        lambda haut: haut.subjects.update(SOME_ID, name="x"),
        models.Subject,
    ),
    ("GET", "/datasets/{dataset_id}/subjects/"): (
        "list_subjects",
        lambda haut: haut.subjects.list(),
        Page,
    ),
    ("DELETE", "/subjects/delete/"): (
        "delete_subjects",
        lambda haut: haut.subjects.delete_many([SOME_ID]),
        DeletedSubjects,
    ),
    ("DELETE", "/storage/"): (
        "clear_subject_storage",
        lambda haut: haut.subjects.clear_storage(SOME_ID),
        type(None),
    ),
    ("DELETE", "/metadata/"): (
        "clear_subject_metadata",
        lambda haut: haut.subjects.clear_metadata(SOME_ID),
        type(None),
    ),
    ("POST", "/signed_upload_url/"): (
        "create_signed_upload_url",
        lambda haut: haut.images.request_upload(SOME_ID),
        models.SignedUpload,
    ),
    ("POST", "/compute/"): (
        "compute_batch",
        lambda haut: haut.images.compute(SOME_ID),
        type(None),
    ),
    ("GET", "/subjects/{subject_id}/images/"): (
        "list_images",
        lambda haut: haut.images.list(SOME_ID),
        Page,
    ),
    ("GET", "/images/{image_id}/"): (
        "get_image",
        lambda haut: haut.images.get(SOME_ID),
        models.Image,
    ),
}
RECORDS_BY_ID = ("update_subject", "get_image")
"""Operations that return the record whose id is a parameter. The client compares the ids."""
RESPONSES = {
    DOCUMENTED_CALLS[key][0]: (
        *DOCUMENTED_CALLS[key][1:],
        {**call.response, "id": SOME_ID}
        if DOCUMENTED_CALLS[key][0] in RECORDS_BY_ID
        else call.response,
    )
    for call in documents.calls()
    for key in DOCUMENTED_CALLS
    if (call.method, call.path.endswith(key[1])) == (key[0], True) and call.response is not None
}
# The API documentation has no example for these operations; call their generated functions.
for _operation in operation_examples.JSON_OPERATIONS:
    if _operation not in RESPONSES:
        for _shape in (
            operation_examples.example_response(_operation),
            operation_examples.OTHER_SHAPES.get(_operation),
        ):
            _name = f"{_operation}, {type(_shape).__name__}"

            def _call_generated(haut: Haut, operation: str = _operation) -> Any:
                module, arguments = operation_examples.example_call(operation)
                return haut._operations.request(module, arguments).parsed

            if _shape is not None:
                RESPONSES[_name] = (_call_generated, object, _shape)
# The documented example has null here, although the upload requires headers (section 5.2 of api-facts).
RESPONSES["create_signed_upload_url"][2]["upload_url"]["headers"] = {"Content-Type": "image/jpeg"}
ROUTES = {
    operation: f"{method} {re.sub(r'{[a-z_]+}', '{id}', path)}"
    for operation, (method, path, _) in operation_examples.OPERATIONS.items()
}


def nested(depth: int) -> Any:
    """Return alternately nested lists and objects of the given depth."""
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"id": value}
    return value


DATES = [
    "",
    "2025-02-27 03:40:28",
    "2025-02-27t03:40:28z",
    "2025-02-27T24:00:00Z",
    "2025-02-27T23:59:60Z",
    "2025-02-30 00:00:00",
    "0000-00-00 00:00:00",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "12025-01-01 00:00:00",
    "2025-W09-4",
    "2025-058",
    "20250227T034028",
    "2025-02-27T03:40:28.123456789012345678901234567890Z",
    "2025-02-27T03:40:28+99:99",
    "٢٠٢٥-02-27 03:40:28",
    "now",
    "1740627628",
]
NUMBERS = [0, -1, 2**31, 2**63, 2**64, 10**400, -0.0, 1e308, 5e-324, 0.1 + 0.2]
UNUSUAL_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    st.sampled_from(DATES),
    st.sampled_from([SOME_ID.upper(), f"{{{SOME_ID}}}", "urn:uuid:" + SOME_ID, "0" * 32]),
    st.sampled_from(["", "\0", "\ud800", "x" * 100_000, "https://[", "//", "True"]),
    st.integers(),
    st.floats(),  # NaN and infinity are included, because Python's json module accepts them
    st.text(st.characters(), max_size=20),
    st.sampled_from([1, 2, 50, 200]).map(nested),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=5,
    ),
)


def containers(value: Any) -> Iterator[Any]:
    """Yield every list and object within a JSON value, including the value itself."""
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from containers(inner)


@st.composite
def edited_documents(draw: st.DrawFn, valid: Any) -> Any:
    """Draw a copy of a valid JSON document with one to three values replaced, removed or added."""
    document = [copy.deepcopy(valid)]  # in a list, so that an edit can replace the entire document
    for _ in range(draw(st.integers(1, 3))):
        container = draw(st.sampled_from(list(containers(document))))
        if isinstance(container, dict):
            names = sorted(container)
            name = draw(st.sampled_from(names) | st.text(max_size=5)) if names else "x"
            if name in container and draw(st.booleans()):
                del container[name]
            else:
                container[name] = draw(UNUSUAL_VALUES)
        elif container and (container is document or draw(st.booleans())):
            container[draw(st.integers(0, len(container) - 1))] = draw(UNUSUAL_VALUES)
        else:
            container.insert(0, draw(UNUSUAL_VALUES))
    return document[0]


@st.composite
def edited_bodies(draw: st.DrawFn, valid: Any) -> bytes:
    """Draw the JSON text of an edited document. The JSON is sometimes invalid."""
    text = json.dumps(draw(edited_documents(valid)), ensure_ascii=draw(st.booleans()))
    body = text.encode("utf-8", "surrogatepass")
    match draw(
        st.sampled_from(["unchanged"] * 8 + ["truncated", "spliced", "deep", "digits", "duplicate"])
    ):
        case "truncated":
            body = body[: draw(st.integers(0, len(body)))]
        case "spliced":
            at = draw(st.integers(0, len(body)))
            body = body[:at] + draw(st.binary(max_size=4)) + body[at:]
        case "deep":
            body = b'{"id":' * draw(st.sampled_from([100, 990, 5000, 100_000])) + body
        case "digits":
            body = body.replace(b"1", b"1" * draw(st.sampled_from([300, 4299, 4301, 50_000])))
        case "duplicate":
            body = body[:-1] + b',"id":1,"next":[]}'
    return body


FUZZ_SETTINGS = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


def set_response(
    sandbox: Sandbox, operation: str, code: int, body: bytes, kind: str = "application/json"
) -> None:
    sandbox.faults.add(operation, faults.status(code, body, content_type=kind))


def set_success(sandbox: Sandbox, name: str, body: bytes) -> None:
    operation = name.partition(",")[0]
    set_response(sandbox, operation, operation_examples.success_response(operation)[0], body)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=1) as running:
        yield running


@pytest.fixture(scope="module")
def haut(sandbox: Sandbox) -> Iterator[Haut]:
    with Haut(**sandbox.credentials) as client:
        yield client


def test_every_operation_with_a_response_body_is_tested() -> None:
    assert {name.partition(",")[0] for name in RESPONSES} == set(operation_examples.JSON_OPERATIONS)
    assert len([call for call in documents.calls() if call.response is not None]) == len(
        DOCUMENTED_CALLS
    )


def test_every_response_model_is_tested(
    haut: Haut, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: set[str] = set()
    for name in models.__all__:
        model = getattr(models, name)

        def recording(document: Any, name: str = name, original: Any = model.from_dict) -> Any:
            read.add(name)
            return original(document)

        monkeypatch.setattr(model, "from_dict", recording)
    for operation, (call, _, valid) in RESPONSES.items():
        set_success(sandbox, operation, json.dumps(valid).encode())
        call(haut)
    # Clients never parse request models, and they parse error bodies without the generated models.
    unread = {name for name in models.__all__ if name.startswith("Error") or "Request" in name}
    assert read == set(models.__all__) - unread


@pytest.mark.slow
@pytest.mark.parametrize("operation", RESPONSES)
def test_edited_success_response_gives_a_model_or_unexpected_response(
    haut: Haut, sandbox: Sandbox, operation: str
) -> None:
    call, model, valid = RESPONSES[operation]

    outcomes = {"model": 0, "error": 0}

    @FUZZ_SETTINGS
    @given(edited_bodies(valid))
    @example(json.dumps(valid).encode())
    @example(b"[")
    def check(body: bytes) -> None:
        set_success(sandbox, operation, body)
        try:
            result = call(haut)
        except DeletionIncomplete as error:  # delete_many wraps the error
            check_error(error.cause)
        except UnexpectedResponse as error:
            check_error(error)
        else:
            outcomes["model"] += 1
            assert isinstance(result, model)
            assert result is not None or model is type(None)
            for item in result.items if isinstance(result, Page) else [result]:
                for time in (getattr(item, name, None) for name in TIME_FIELDS):
                    assert time is None or time.utcoffset() is not None

    def check_error(error: object) -> None:
        outcomes["error"] += 1
        assert isinstance(error, UnexpectedResponse)
        assert error.operation == ROUTES[operation.partition(",")[0]]
        assert re.match(rf"{re.escape(error.operation)}( \[.*?\])? returned ", str(error))
        assert error.field in str(error) or error.field == "(body)"

    check()
    assert min(outcomes.values()) > 0
    assert sandbox.faults.pending == []


@pytest.mark.slow
def test_edited_error_response_keeps_its_error_class(haut: Haut, sandbox: Sandbox) -> None:
    @FUZZ_SETTINGS
    @given(edited_bodies(documents.facts_error_example()))
    def check(body: bytes) -> None:
        set_response(sandbox, "get_image", 400, body)
        with pytest.raises(BadRequest):
            haut.images.get(SOME_ID)

    check()


STORAGE_ERROR = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Access denied.</Message></Error>"""
XML_PARTS = [
    b"UTF-16",
    b"hex",
    b"unknown",
    b"<Code>",
    b"</Code>",
    b"<!DOCTYPE a SYSTEM 'b'>",
    b"&b;",
    b"",
]


@st.composite
def edited_storage_errors(draw: st.DrawFn) -> bytes:
    """Draw a variant of the storage's error body with one to three parts replaced."""
    body = STORAGE_ERROR
    for _ in range(draw(st.integers(1, 3))):
        pieces = [b"UTF-8", b"<Code>", b"</Code>", b"AccessDenied", b"Error", b"?>"]
        piece = draw(st.sampled_from(pieces) | st.binary(min_size=1, max_size=3))
        body = body.replace(piece, draw(st.sampled_from(XML_PARTS) | st.binary(max_size=6)), 1)
    return body


@pytest.mark.slow
def test_edited_storage_error_raises_storage_error(haut: Haut, sandbox: Sandbox) -> None:
    [subject] = sandbox.add_subjects(1)
    [image] = sandbox.add_images(subject, 1, b"photo")

    @FUZZ_SETTINGS
    @given(edited_storage_errors())
    @example(STORAGE_ERROR.replace(b"UTF-8", b"unknown"))
    def check(body: bytes) -> None:
        set_response(sandbox, "download_image", 403, body, "application/xml")
        with pytest.raises(StorageError) as caught:
            haut.images.download(image.id, io.BytesIO())
        assert caught.value.status == 403

    check()
