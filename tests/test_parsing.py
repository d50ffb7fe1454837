"""Whatever stands in an answer: a model, or an UnexpectedResponse that says which operation and field.

Hypothesis edits the documents' own answers and lets the sandbox give them; refusals, of the service
and of the storage, stay what they are too. The walk over each single field, with the exact name of
it, is in tests/_async/test_wire_answers.py.
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
from tests import answers, documents

TIMES = ("creation_time", "created_at")
SOMEBODY = "9b810e76-6ec9-4286-a3ca-828dd5f4b3b2"

Caller = Callable[[Haut], Any]
# By method and the end of the path, as the pages show them.
CALLS: dict[tuple[str, str], tuple[str, Caller, Any]] = {
    ("POST", "/datasets/{dataset_id}/subjects/"): (
        "create_subject",
        lambda haut: haut.subjects.create("x"),
        models.Subject,
    ),
    ("PATCH", "/subjects/{subject_id}/"): (
        "update_subject",
        lambda haut: haut.subjects.update(SOMEBODY, name="x"),
        models.Subject,
    ),
    ("GET", "/datasets/{dataset_id}/subjects/"): (
        "list_subjects",
        lambda haut: haut.subjects.list(),
        Page,
    ),
    ("DELETE", "/subjects/delete/"): (
        "delete_subjects",
        lambda haut: haut.subjects.delete_many([SOMEBODY]),
        DeletedSubjects,
    ),
    ("DELETE", "/storage/"): (
        "clear_subject_storage",
        lambda haut: haut.subjects.clear_storage(SOMEBODY),
        type(None),
    ),
    ("DELETE", "/metadata/"): (
        "clear_subject_metadata",
        lambda haut: haut.subjects.clear_metadata(SOMEBODY),
        type(None),
    ),
    ("POST", "/signed_upload_url/"): (
        "create_signed_upload_url",
        lambda haut: haut.images.request_upload(SOMEBODY),
        models.SignedUpload,
    ),
    ("POST", "/compute/"): (
        "compute_batch",
        lambda haut: haut.images.compute(SOMEBODY),
        type(None),
    ),
    ("GET", "/subjects/{subject_id}/images/"): (
        "list_images",
        lambda haut: haut.images.list(SOMEBODY),
        Page,
    ),
    ("GET", "/images/{image_id}/"): (
        "get_image",
        lambda haut: haut.images.get(SOMEBODY),
        models.Image,
    ),
}
ANSWERS = {
    CALLS[key][0]: (*CALLS[key][1:], call.response)
    for call in documents.calls()
    for key in CALLS
    if (call.method, call.path.endswith(key[1])) == (key[0], True) and call.response is not None
}
# The others, as the generated functions give them.
for _operation in answers.ANSWERING:
    if _operation not in ANSWERS:
        for _shape in (answers.good(_operation), answers.OTHER_SHAPES.get(_operation)):
            _name = f"{_operation}, {type(_shape).__name__}"

            def _called(haut: Haut, operation: str = _operation) -> Any:
                module, arguments = answers.call(operation)
                return haut._operations.request(module, arguments).parsed

            if _shape is not None:
                ANSWERS[_name] = (_called, object, _shape)
# The documents show null where the command beside them sends headers (api-facts 5.2).
ANSWERS["create_signed_upload_url"][2]["upload_url"]["headers"] = {"Content-Type": "image/jpeg"}
ROUTES = {
    operation: f"{method} {re.sub(r'{[a-z_]+}', '{id}', path)}"
    for operation, (method, path, _) in answers.OPERATIONS.items()
}


def nested(depth: int) -> Any:
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
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    st.sampled_from(DATES),
    st.sampled_from([SOMEBODY.upper(), f"{{{SOMEBODY}}}", "urn:uuid:" + SOMEBODY, "0" * 32]),
    st.sampled_from(["", "\0", "\ud800", "x" * 100_000, "https://[", "//", "True"]),
    st.integers(),
    st.floats(),  # NaN and infinities too: Python's own encoder writes them
    st.text(st.characters(), max_size=20),
    st.sampled_from([1, 2, 50, 200]).map(nested),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=5,
    ),
)


def holders(value: Any) -> Iterator[Any]:
    """Yield every list and object inside."""
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from holders(inner)


@st.composite
def edited(draw: st.DrawFn, good: Any) -> Any:
    """A good document with up to three places changed, removed, added or moved."""
    document = [copy.deepcopy(good)]  # so that the whole can be replaced too
    for _ in range(draw(st.integers(1, 3))):
        holder = draw(st.sampled_from(list(holders(document))))
        if isinstance(holder, dict):
            names = sorted(holder)
            name = draw(st.sampled_from(names) | st.text(max_size=5)) if names else "x"
            if name in holder and draw(st.booleans()):
                del holder[name]
            else:
                holder[name] = draw(ODD)
        elif holder and (holder is document or draw(st.booleans())):
            holder[draw(st.integers(0, len(holder) - 1))] = draw(ODD)
        else:
            holder.insert(0, draw(ODD))
    return document[0]


@st.composite
def bodies(draw: st.DrawFn, good: Any) -> bytes:
    """The JSON of an edited document; now and then damaged as text."""
    text = json.dumps(draw(edited(good)), ensure_ascii=draw(st.booleans()))
    body = text.encode("utf-8", "surrogatepass")
    match draw(st.sampled_from(["whole"] * 8 + ["cut", "spliced", "deep", "digits", "twice"])):
        case "cut":
            body = body[: draw(st.integers(0, len(body)))]
        case "spliced":
            at = draw(st.integers(0, len(body)))
            body = body[:at] + draw(st.binary(max_size=4)) + body[at:]
        case "deep":
            body = b'{"id":' * draw(st.sampled_from([100, 990, 5000, 100_000])) + body
        case "digits":
            body = body.replace(b"1", b"1" * draw(st.sampled_from([300, 4299, 4301, 50_000])))
        case "twice":
            body = body[:-1] + b',"id":1,"next":[]}'
    return body


EDITED = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


def give(
    sandbox: Sandbox, operation: str, code: int, body: bytes, kind: str = "application/json"
) -> None:
    sandbox.faults.add(operation, faults.status(code, body, content_type=kind))


def give_success(sandbox: Sandbox, name: str, body: bytes) -> None:
    operation = name.partition(",")[0]
    give(sandbox, operation, answers.success(operation)[0], body)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=1) as running:
        yield running


@pytest.fixture(scope="module")
def haut(sandbox: Sandbox) -> Iterator[Haut]:
    with Haut(**sandbox.credentials) as client:
        yield client


def test_every_answer_with_a_body_is_here() -> None:
    assert {name.partition(",")[0] for name in ANSWERS} == set(answers.ANSWERING)
    assert len([call for call in documents.calls() if call.response is not None]) == len(CALLS)


def test_every_model_that_an_answer_is_read_into_is_here(
    haut: Haut, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: set[str] = set()
    for name in models.__all__:
        model = getattr(models, name)

        def watched(document: Any, name: str = name, original: Any = model.from_dict) -> Any:
            read.add(name)
            return original(document)

        monkeypatch.setattr(model, "from_dict", watched)
    for operation, (call, _, good) in ANSWERS.items():
        give_success(sandbox, operation, json.dumps(good).encode())
        call(haut)
    # What is sent is never read, and errors are read by the wire: test_an_edited_refusal_...
    unread = {name for name in models.__all__ if name.startswith("Error") or "Request" in name}
    assert read == set(models.__all__) - unread


@pytest.mark.slow
@pytest.mark.parametrize("operation", ANSWERS)
def test_an_edited_answer_is_a_model_or_an_unexpected_response(
    haut: Haut, sandbox: Sandbox, operation: str
) -> None:
    call, model, good = ANSWERS[operation]

    outcomes = {"model": 0, "error": 0}

    @EDITED
    @given(bodies(good))
    def check(body: bytes) -> None:
        give_success(sandbox, operation, body)
        try:
            result = call(haut)
        except DeletionIncomplete as stopped:  # of delete_many, which adds how far it came
            check_error(stopped.cause)
        except UnexpectedResponse as error:
            check_error(error)
        else:
            outcomes["model"] += 1
            assert isinstance(result, model)
            assert result is not None or model is type(None)
            for item in result.items if isinstance(result, Page) else [result]:
                for moment in (getattr(item, name, None) for name in TIMES):
                    assert moment is None or moment.utcoffset() is not None

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
def test_an_edited_refusal_is_still_a_refusal(haut: Haut, sandbox: Sandbox) -> None:
    @EDITED
    @given(bodies(documents.facts_error_example()))
    def check(body: bytes) -> None:
        give(sandbox, "get_image", 400, body)
        with pytest.raises(BadRequest):
            haut.images.get(SOMEBODY)

    check()


REFUSAL = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Access denied.</Message></Error>"""
XML = [b"UTF-16", b"hex", b"nobody", b"<Code>", b"</Code>", b"<!DOCTYPE a SYSTEM 'b'>", b"&b;", b""]


@st.composite
def refusals(draw: st.DrawFn) -> bytes:
    """The storage's XML with up to three pieces replaced."""
    body = REFUSAL
    for _ in range(draw(st.integers(1, 3))):
        pieces = [b"UTF-8", b"<Code>", b"</Code>", b"AccessDenied", b"Error", b"?>"]
        piece = draw(st.sampled_from(pieces) | st.binary(min_size=1, max_size=3))
        body = body.replace(piece, draw(st.sampled_from(XML) | st.binary(max_size=6)), 1)
    return body


@pytest.mark.slow
def test_an_edited_refusal_of_the_storage_is_still_one(haut: Haut, sandbox: Sandbox) -> None:
    [subject] = sandbox.add_subjects(1)
    [image] = sandbox.add_images(subject, 1, b"photo")

    @EDITED
    @given(refusals())
    @example(REFUSAL.replace(b"UTF-8", b"nobody"))
    def check(body: bytes) -> None:
        give(sandbox, "download_image", 403, body, "application/xml")
        with pytest.raises(StorageError) as caught:
            haut.images.download(image.id, io.BytesIO())
        assert caught.value.status == 403

    check()
