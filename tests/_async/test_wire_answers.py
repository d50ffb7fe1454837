"""What comes back: a body that does not fit is an error that names the field; raw answers are kept."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from haut_api.api.subjects import create_subject, list_subjects
from haut_api.models import (
    SubjectRequest,
)
from haut_ext import (
    AsyncHaut,
    HautError,
    NotFound,
    RateLimited,
    TransportError,
    UnexpectedResponse,
    capture_responses,
)
from haut_ext.sandbox import Sandbox, faults
from tests import answers
from tests.wire.misfits import misfits
from tests.wire.world import store

MISFITS = list(misfits())
OPERATIONS = sorted({misfit.operation for misfit in MISFITS})
SOMEBODY = UUID("9b810e76-6ec9-4286-a3ca-828dd5f4b3b2")
COMPANY = "cd613e30-d8f1-4adf-91b7-584a2265b1f5"
"""The company of a sandbox seeded with 1."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=1) as sandbox:
        yield sandbox


def test_every_operation_with_a_body_is_here() -> None:
    assert sorted(answers.ANSWERING) == OPERATIONS
    assert len(MISFITS) > 2000


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_bodies_that_do_not_fit(sandbox: Sandbox, operation: str) -> None:
    module, parameters = answers.call(operation)
    with_secrets = operation in ("login", "refresh_access_token", "create_private_token")
    async with AsyncHaut(**sandbox.credentials) as haut:
        for misfit in MISFITS:
            if misfit.operation != operation:
                continue
            answer = faults.status(misfit.status, misfit.body, content_type="application/json")
            sandbox.faults.add(operation, answer)
            error = None
            try:
                await haut._operations.call(module, object, **parameters)
            except UnexpectedResponse as raised:
                error = raised
            assert error or not misfit.must_fail, misfit
            if error is not None:
                named = error.field.removeprefix("(body)")
                inside = named.startswith(f"{misfit.field}." if misfit.field else "")
                assert named == misfit.field or inside, (misfit, error)
                assert error.field in str(error)
                assert error.status == misfit.status
                assert error.headers["content-type"] == "application/json"
                if not with_secrets:
                    assert error.body == misfit.body.decode()[:1000]
                assert error.operation.split()[0] in ("GET", "POST", "PATCH", "DELETE")
                assert error.__suppress_context__  # the model's own error may quote the value
    assert sandbox.faults.pending == []


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"1", b"[[1, 2]]", b'["ab"]', b"{}"])
async def test_bodies_that_are_something_else(sandbox: Sandbox, body: bytes) -> None:
    sandbox.faults.add("get_image", faults.status(200, body, content_type="application/json"))
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(
            UnexpectedResponse, match=r"GET /api/v1/companies/\{id\}/images/\{id\}/"
        ):
            await haut.images.get(SOMEBODY)


@pytest.mark.parametrize("code", [202, 218, 299])
async def test_successes_that_are_not_documented(sandbox: Sandbox, code: int) -> None:
    sandbox.faults.add("get_image", faults.status(code, b"{}", content_type="application/json"))
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(UnexpectedResponse) as caught:
            await haut.images.get(SOMEBODY)
    assert (caught.value.status, caught.value.field) == (code, "(body)")
    assert caught.value.operation == "GET /api/v1/companies/{id}/images/{id}/"
    assert str(caught.value).startswith(
        f"{caught.value.operation} [{COMPANY} {SOMEBODY}] returned {code}, but "
    )
    assert caught.value.headers["content-type"] == "application/json"
    assert caught.value.body == "{}"


async def test_a_body_that_cannot_be_unpacked_is_a_broken_answer(sandbox: Sandbox) -> None:
    packed = {"Content-Encoding": "gzip"}
    damaged = faults.status(200, b"no gzip", content_type="application/json", headers=packed)
    image = store(sandbox).image
    sandbox.faults.add("get_image", damaged)
    sandbox.faults.add("create_subject", damaged)
    async with AsyncHaut(**sandbox.credentials) as haut:
        assert (await haut.images.get(image)).id == image  # asked again
        with pytest.raises(TransportError, match="lost its connection") as caught:
            await haut.subjects.create("someone")  # not sent again
    assert caught.value.maybe_delivered
    assert (sandbox.received("get_image"), sandbox.received("create_subject")) == (2, 1)


async def test_a_success_that_says_it_is_none(sandbox: Sandbox) -> None:
    no = faults.status(200, b'{"ok": false}', content_type="application/json")
    sandbox.faults.add("compute_batch", no)
    async with AsyncHaut(**sandbox.credentials) as haut:
        batch = store(sandbox).batch
        with pytest.raises(UnexpectedResponse, match="ok does not fit the spec") as caught:
            await haut.images.compute(batch)
    assert (caught.value.field, caught.value.body) == ("ok", '{"ok": false}')
    assert caught.value.operation == "POST /api/v1/companies/{id}/batches/{id}/compute/"
    assert str(caught.value).startswith(
        f"{caught.value.operation} [{COMPANY} {batch}] returned 200, but "
    )


async def test_a_wait_past_the_cap_is_not_waited_for(sandbox: Sandbox) -> None:
    """Even when the call has all the time there is."""
    sandbox.faults.add("list_subjects", faults.status(429, retry_after=2))
    async with AsyncHaut(**sandbox.credentials, max_retry_after=1, deadline=None) as haut:
        with pytest.raises(RateLimited, match="asks to wait 2 s") as caught:
            await haut.subjects.list()
    assert caught.value.retry_after == 2
    assert sandbox.received("list_subjects") == 1


async def test_what_may_have_arrived_is_not_forgotten_by_a_later_attempt(sandbox: Sandbox) -> None:
    """The service goes away in the middle of the first attempt, and the second finds nobody."""
    subject = store(sandbox).subject
    sandbox.before_request = lambda _: sandbox.close()
    async with AsyncHaut(**sandbox.credentials, max_retries=1) as haut:
        with pytest.raises(
            TransportError, match=r"no connection was established .*2 attempts"
        ) as caught:
            await haut.subjects.update(subject, name="someone")
    assert caught.value.maybe_delivered


@pytest.mark.parametrize(
    ("code", "reason", "attempts"),
    [
        (socket.EAI_NONAME, "does not resolve (unknown)", 1),
        (socket.EAI_AGAIN, "no connection was established", 2),
    ],
)
async def test_host_name_that_does_not_resolve_is_looked_up_again_only_if_that_may_help(
    monkeypatch: pytest.MonkeyPatch, code: int, reason: str, attempts: int
) -> None:
    lookups = 0

    def fail(*_: Any, **__: Any) -> Any:
        nonlocal lookups
        lookups += 1
        raise socket.gaierror(code, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    haut = AsyncHaut(
        token="none",
        company_id=SOMEBODY,
        dataset_id=SOMEBODY,
        base_url="https://unknown.invalid",
        max_retries=1,
    )
    async with haut:
        with pytest.raises(TransportError, match=re.escape(reason)) as caught:
            await haut.subjects.create("someone")
    assert lookups == caught.value.attempts == attempts
    assert not caught.value.maybe_delivered
    assert caught.value.retryable == (attempts == 2)


@pytest.mark.parametrize("address", [7, "", "no address", "http://[", "https://a b\x00/", "//x"])
async def test_addresses_that_are_none(sandbox: Sandbox, address: object) -> None:
    """The service names where photos are; what it names may be anything."""
    image = store(sandbox).image

    def misled(answer: Any) -> Any:
        body = {**json.loads(bytes(answer.body)), "signed_url": address}
        return type(answer)(answer.status, answer.headers, json.dumps(body).encode())

    sandbox.faults.add("get_image", faults.Fault("misled", "after", change=misled))
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(HautError):
            await haut.images.download(image, "/dev/null")
    assert sandbox.received("download_image") == 0


async def test_responses_of_generated_functions_and_errors(sandbox: Sandbox) -> None:
    sandbox.faults.add("list_subjects", faults.status(503, retry_after=0))
    async with AsyncHaut(**sandbox.credentials) as haut:
        company, dataset = haut.scope.company_id, haut.scope.dataset()
        created = await create_subject.asyncio_detailed(
            company, dataset, client=haut.api, body=SubjectRequest(name="someone")
        )
        assert created.status_code == 201
        assert created.headers["content-type"] == "application/json"
        assert b'"someone"' in created.content
        with capture_responses() as responses:
            listed = await list_subjects.asyncio_detailed(company, dataset, client=haut.api)
        assert listed.status_code == 200
        assert [response.attempts for response in responses] == [2]
        assert not [name for name in listed.headers if name.startswith("x-haut-ext")]
        with pytest.raises(NotFound) as caught:
            await list_subjects.asyncio_detailed(company, dataset, client=haut.api, page=9)
        assert caught.value.status == 404
        assert caught.value.headers["content-type"] == "application/json"
        assert caught.value.errors[0].code == "not_found"
