"""Tests which responses prove that something does not exist."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from haut_ext import DeletionIncomplete, Haut, HautError, NotFound
from haut_ext._http.response_shapes import confirms_absence
from haut_ext.sandbox import Fault, Sandbox, faults

pytestmark = pytest.mark.slow

ENVELOPE = (
    b'{"type":"client_error","errors":[{"code":"not_found","detail":"Not found.","attr":null}]}'
)
DETAIL = b'{"detail":"Not found."}'
NO_STATEMENTS = {
    "an empty body": b"",
    "a web page": b"<html>no such host</html>",
    "text": b"Not found.",
    "a string": b'"not_found"',
    "null": b"null",
    "another object": b'{"error":"not_found"}',
    "no errors": b'{"errors":[]}',
    "errors of another shape": b'{"errors":["not_found"]}',
    "an object of errors": b'{"errors":{"code":"not_found"}}',
    "errors without codes": b'{"errors":[{"message":"no route"}]}',
    "a list of details": b'{"detail":[{"msg":"no route"}]}',
    "deeply nested JSON": b'{"errors":' + b"[" * 100_000,
}


def not_found(body: bytes, content_type: str = "application/json") -> Fault:
    return faults.status(404, body, content_type=content_type)


@pytest.mark.parametrize("body", [ENVELOPE, DETAIL])
def test_404_in_a_format_of_the_service_proves_absence(body: bytes) -> None:
    assert confirms_absence(httpx.Response(404, content=body))
    for status in (200, 204, 400, 403, 410):
        assert not confirms_absence(httpx.Response(status, content=body))
    page = {"content-type": "text/html"}
    assert not confirms_absence(httpx.Response(404, content=body, headers=page))


@pytest.mark.parametrize("body", NO_STATEMENTS.values(), ids=NO_STATEMENTS)
def test_other_404_proves_nothing(body: bytes) -> None:
    assert not confirms_absence(httpx.Response(404, content=body))


Call = Callable[[Haut, Sandbox], object]

DELETIONS: dict[str, Call] = {
    "delete_subject": lambda haut, sandbox: haut.subjects.delete(sandbox.add_subjects(1)[0].id),
    "delete_image": lambda haut, sandbox: haut.images.delete(
        sandbox.add_images(sandbox.add_subjects(1)[0], 1)[0].id
    ),
    "delete_batch": lambda haut, sandbox: haut.batches.delete(
        (subject := sandbox.add_subjects(1)[0]).id, sandbox.add_images(subject, 1)[0].batch.id
    ),
    "delete_private_token": lambda haut, _: haut.private_tokens.revoke(
        haut.private_tokens.create("a program", datetime.now(UTC) + timedelta(days=1)).id
    ),
    "clear_subject_storage": lambda haut, sandbox: haut.subjects.clear_storage(
        sandbox.add_subjects(1)[0].id
    ),
    "clear_subject_metadata": lambda haut, sandbox: haut.subjects.clear_metadata(
        sandbox.add_subjects(1)[0].id
    ),
}


@pytest.mark.parametrize("operation", DELETIONS)
def test_404_of_a_proxy_after_a_retry_is_an_error(
    haut: Haut, sandbox: Sandbox, operation: str
) -> None:
    """The first attempt was not carried out, so the item still exists."""
    sandbox.faults.add(operation, faults.bad_gateway())
    sandbox.faults.add(operation, not_found(b"<html>no such host</html>", "text/html"))
    with pytest.raises(NotFound) as caught:
        DELETIONS[operation](haut, sandbox)
    assert not caught.value.confirmed
    assert caught.value.maybe_carried_out
    assert sandbox.carried_out(operation) == 0


@pytest.mark.parametrize("operation", DELETIONS)
def test_404_of_the_service_after_a_retry_confirms_only_the_deletion_of_an_item(
    haut: Haut, sandbox: Sandbox, operation: str
) -> None:
    """A repeated clearing gets 404 only if the subject does not exist."""
    sandbox.faults.add(operation, faults.bad_gateway())
    sandbox.faults.add(operation, not_found(ENVELOPE))
    if operation.startswith("delete"):
        DELETIONS[operation](haut, sandbox)
        return
    with pytest.raises(NotFound) as caught:
        DELETIONS[operation](haut, sandbox)
    assert caught.value.confirmed


FIRST = {"reset": faults.reset("before"), "gateway": faults.bad_gateway(), "none": None}
SECOND = {
    "service": not_found(ENVELOPE),
    "proxy": not_found(b"<html></html>", "text/html"),
    "empty": faults.status(204),
    "login page": faults.login_page(),
}


@pytest.mark.parametrize(("first", "second"), list(itertools.product(FIRST, SECOND)))
def test_deletion_of_several_subjects_reports_an_unknown_state(
    haut: Haut, sandbox: Sandbox, first: str, second: str
) -> None:
    [subject] = sandbox.add_subjects(1)
    planned: list[Any] = [FIRST[first], SECOND[second]]
    for fault in filter(None, planned):
        sandbox.faults.add("delete_subjects", fault)
    with pytest.raises(DeletionIncomplete) as caught:
        haut.subjects.delete_many([subject.id])
    assert [str(value) for value in caught.value.outcome.unknown] == [subject.id]
    if second in ("service", "proxy"):
        assert isinstance(caught.value.cause, NotFound)
    assert haut.subjects.delete_many([subject.id]).deleted == caught.value.outcome.unknown


def test_iteration_does_not_take_the_404_of_a_proxy_for_the_end_of_the_list(
    haut: Haut, sandbox: Sandbox
) -> None:
    sandbox.add_subjects(25)
    sandbox.faults.add("list_subjects", not_found(b"<html></html>", "text/html"), skip=1)
    with pytest.raises(HautError) as caught:
        list(haut.subjects.iterate())
    assert isinstance(caught.value, NotFound)
    assert not caught.value.confirmed
