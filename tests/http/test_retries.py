"""Tests of which requests are retried, and after which delays."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from haut_ext import ApiError, HautError, RateLimited, TransportError
from haut_ext.sandbox import Fault, Sandbox, faults
from tests.support.client_runner import Client, Kind

NewClient = Callable[..., Client]

SUBJECT = "9b810e76-6ec9-4286-a3ca-828dd5f4b3b2"
PAGE = b'{"count":0,"next":null,"previous":null,"results":[]}'
ENVELOPE = (
    b'{"type":"client_error","errors":'
    b'[{"code":"throttled","detail":"Request was throttled.","attr":null}]}'
)


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Records delays between attempts instead of sleeping. Random delays have their maximum value."""
    waited: list[float] = []
    sleep = asyncio.sleep

    async def record(seconds: float, *_: object) -> None:
        if seconds > 0:
            waited.append(seconds)
        await sleep(0)

    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    monkeypatch.setattr(asyncio, "sleep", record)
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


def retry_after(value: str) -> Fault:
    return faults.status(
        429, ENVELOPE, content_type="application/json", headers={"Retry-After": value}
    )


@pytest.mark.parametrize(
    "value",
    ["0", "00", formatdate(0, usegmt=True), formatdate(1e9, usegmt=True), "1e9", "soon", "-1"],
)
def test_retry_after_never_shortens_the_backoff(
    new_client: NewClient, sandbox: Sandbox, delays: list[float], value: str
) -> None:
    sandbox.faults.add("list_subjects", retry_after(value), times=3)
    assert new_client().call(lambda haut: haut.subjects.list()).total == 0
    assert delays == [0.5, 1.0, 2.0]


def test_retry_after_lengthens_the_backoff(
    new_client: NewClient, sandbox: Sandbox, delays: list[float]
) -> None:
    sandbox.faults.add("list_subjects", retry_after("7"), times=2)
    new_client().call(lambda haut: haut.subjects.list())
    assert delays == [7.0, 7.0]


@pytest.mark.parametrize(
    "value",
    [
        "61",
        "9" * 400,
        "99999999999",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
    ],
    ids=["61", "400 digits", "11 digits", "year 9999", "year 9999 in the west"],
)
@pytest.mark.parametrize("deadline", [None, 120])
def test_huge_retry_after_is_not_waited_for(
    new_client: NewClient,
    sandbox: Sandbox,
    delays: list[float],
    value: str,
    deadline: float | None,
) -> None:
    sandbox.faults.add("list_subjects", retry_after(value), times=None)
    with pytest.raises(RateLimited) as caught:
        new_client(deadline=deadline, timeout=None).call(lambda haut: haut.subjects.list())
    assert sandbox.received("list_subjects") == 1
    assert delays == []
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 60
    if value == "61":
        assert "61" in str(caught.value)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "body", [b"", b"<html>busy</html>", b"{}", b'{"errors":"many"}', b'{"detail":"busy"}', b"[]"]
)
def test_post_is_not_repeated_after_a_rejection_by_a_proxy(
    new_client: NewClient, sandbox: Sandbox, short_backoff: None, status: int, body: bytes
) -> None:
    """A proxy can return an error although the service has carried out the request."""
    fault = faults.status(
        status, body, headers={"Retry-After": "0"}, content_type="application/json"
    )
    sandbox.faults.add("create_subject", fault, times=None)
    with pytest.raises(ApiError, match="may have been carried out") as caught:
        new_client().call(lambda haut: haut.subjects.create("someone"))
    assert sandbox.received("create_subject") == 1
    assert caught.value.maybe_carried_out
    assert caught.value.attempts == 1


@pytest.mark.parametrize("status", [429, 503])
def test_post_is_repeated_after_a_rejection_by_the_service(
    new_client: NewClient, sandbox: Sandbox, short_backoff: None, status: int
) -> None:
    fault = faults.status(
        status, ENVELOPE, headers={"Retry-After": "0"}, content_type="application/json"
    )
    sandbox.faults.add("create_subject", fault, times=2)
    new_client().call(lambda haut: haut.subjects.create("someone"))
    assert sandbox.received("create_subject") == 3
    assert sandbox.carried_out("create_subject") == 1


@pytest.mark.parametrize("status", [429, 503])
def test_get_is_repeated_after_a_rejection_by_a_proxy(
    new_client: NewClient, sandbox: Sandbox, short_backoff: None, status: int
) -> None:
    fault = faults.status(status, b"<html>busy</html>", headers={"Retry-After": "0"})
    sandbox.faults.add("list_subjects", fault, times=2)
    assert new_client().call(lambda haut: haut.subjects.list()).total == 0
    assert sandbox.received("list_subjects") == 3


def test_404_after_a_delete_that_may_have_arrived_is_success(
    new_client: NewClient, sandbox: Sandbox, short_backoff: None
) -> None:
    [subject] = sandbox.add_subjects(1)
    sandbox.faults.add("delete_subject", faults.bad_gateway(when="after"))
    new_client().call(lambda haut: haut.subjects.delete(subject.id))
    assert sandbox.received("delete_subject") == 2
    assert sandbox.carried_out("delete_subject") == 1


@pytest.mark.parametrize(
    ("fault", "retryable"),
    [
        (faults.bad_gateway(), True),
        (faults.status(404, ENVELOPE, content_type="application/json"), False),
        (faults.status(400, ENVELOPE, content_type="application/json"), False),
        (retry_after("61"), True),
        (faults.reset(), True),
    ],
    ids=["502", "404", "400", "429", "reset"],
)
def test_errors_report_whether_they_are_retryable(
    new_client: NewClient, sandbox: Sandbox, short_backoff: None, fault: Fault, retryable: bool
) -> None:
    sandbox.faults.add("get_image", fault, times=None)
    with pytest.raises(HautError) as caught:
        new_client(max_retries=1).call(lambda haut: haut.images.get(SUBJECT))
    assert caught.value.retryable is retryable


@pytest.mark.parametrize(
    "fault", [faults.bad_gateway(), faults.reset()], ids=["status", "connection"]
)
def test_error_contains_the_ids_of_the_request(
    new_client: NewClient, sandbox: Sandbox, short_backoff: None, fault: Fault
) -> None:
    sandbox.faults.add("get_image", fault, times=None)
    with pytest.raises((ApiError, TransportError)) as caught:
        new_client(max_retries=0).call(lambda haut: haut.images.get(SUBJECT))
    error: Any = caught.value
    assert SUBJECT in str(error)
    assert SUBJECT in [str(it) for it in error.ids]
    assert "{id}" in error.operation
    assert SUBJECT not in error.operation


def test_not_found_error_contains_the_id(new_client: NewClient, kind: Kind) -> None:
    with pytest.raises(ApiError) as caught:
        new_client().call(lambda haut: haut.subjects.delete(SUBJECT))
    assert SUBJECT in str(caught.value)
