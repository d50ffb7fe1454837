"""Tests of invalid response bodies, undocumented statuses, retries and captured responses."""

from __future__ import annotations

import io
import json
import re
import socket
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
    UploadedImage,
    capture_responses,
)
from haut_ext._http import retry_policy
from haut_ext._http.redaction import redact_text
from haut_ext.sandbox import Sandbox, faults
from tests.support import operation_examples
from tests.support.invalid_bodies import invalid_bodies
from tests.support.sandbox_photos import add_photo

INVALID_BODIES = list(invalid_bodies())
OPERATIONS = sorted({invalid.operation for invalid in INVALID_BODIES})
UNKNOWN_ID = UUID("9b810e76-6ec9-4286-a3ca-828dd5f4b3b2")
COMPANY = "cd613e30-d8f1-4adf-91b7-584a2265b1f5"
"""The company id of a sandbox with seed 1."""


def test_invalid_bodies_cover_every_operation_with_a_json_response() -> None:
    assert sorted(operation_examples.JSON_OPERATIONS) == OPERATIONS
    assert len(INVALID_BODIES) > 2000


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_invalid_body_raises_an_error_that_names_the_field(
    sandbox: Sandbox, operation: str
) -> None:
    module, parameters = operation_examples.example_call(operation)
    with_secrets = operation in ("login", "refresh_access_token", "create_private_token")
    async with AsyncHaut(**sandbox.credentials) as haut:
        for invalid in INVALID_BODIES:
            if invalid.operation != operation:
                continue
            answer = faults.status(invalid.status, invalid.body, content_type="application/json")
            sandbox.faults.add(operation, answer)
            error = None
            try:
                await haut._operations.call(module, object, **parameters)
            except UnexpectedResponse as raised:
                error = raised
            assert error or not invalid.must_fail, invalid
            if error is not None:
                named = error.field.removeprefix("(body)")
                inside = named.startswith(f"{invalid.field}." if invalid.field else "")
                assert named == invalid.field or inside, (invalid, error)
                assert error.field in str(error)
                assert error.status == invalid.status
                assert error.headers["content-type"] == "application/json"
                if not with_secrets:
                    assert error.body == redact_text(invalid.body.decode()[:1000])
                assert error.operation.split()[0] in ("GET", "POST", "PATCH", "DELETE")
                assert error.__suppress_context__  # the parser's error may contain personal data
    assert sandbox.faults.pending == []


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"1", b"[[1, 2]]", b'["ab"]', b"{}"])
async def test_body_of_another_type_raises_an_error(sandbox: Sandbox, body: bytes) -> None:
    sandbox.faults.add("get_image", faults.status(200, body, content_type="application/json"))
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(
            UnexpectedResponse, match=r"GET /api/v1/companies/\{id\}/images/\{id\}/"
        ):
            await haut.images.get(UNKNOWN_ID)


@pytest.mark.parametrize("code", [202, 218, 299])
async def test_undocumented_success_status_raises_an_error(sandbox: Sandbox, code: int) -> None:
    sandbox.faults.add("get_image", faults.status(code, b"{}", content_type="application/json"))
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(UnexpectedResponse) as caught:
            await haut.images.get(UNKNOWN_ID)
    assert (caught.value.status, caught.value.field) == (code, "(body)")
    assert caught.value.operation == "GET /api/v1/companies/{id}/images/{id}/"
    assert str(caught.value).startswith(
        f"{caught.value.operation} [{COMPANY} {UNKNOWN_ID}] returned {code}, but "
    )
    assert caught.value.headers["content-type"] == "application/json"
    assert caught.value.body == "{}"


async def test_body_that_cannot_be_decompressed_is_a_connection_error(sandbox: Sandbox) -> None:
    headers = {"Content-Encoding": "gzip"}
    damaged = faults.status(200, b"no gzip", content_type="application/json", headers=headers)
    image = add_photo(sandbox).image
    sandbox.faults.add("get_image", damaged)
    sandbox.faults.add("create_subject", damaged)
    async with AsyncHaut(**sandbox.credentials) as haut:
        assert (await haut.images.get(image)).id == image  # a GET is retried
        with pytest.raises(TransportError, match="lost its connection") as caught:
            await haut.subjects.create("someone")  # a POST is not retried
    assert caught.value.maybe_delivered
    assert (sandbox.received("get_image"), sandbox.received("create_subject")) == (2, 1)


async def test_body_that_denies_success_raises_an_error(sandbox: Sandbox) -> None:
    not_ok = faults.status(200, b'{"ok": false}', content_type="application/json")
    sandbox.faults.add("compute_batch", not_ok)
    async with AsyncHaut(**sandbox.credentials) as haut:
        batch = add_photo(sandbox).batch
        with pytest.raises(UnexpectedResponse, match="ok does not fit the spec") as caught:
            await haut.images.compute(batch)
    assert (caught.value.field, caught.value.body) == ("ok", '{"ok": false}')
    assert caught.value.operation == "POST /api/v1/companies/{id}/batches/{id}/compute/"
    assert str(caught.value).startswith(
        f"{caught.value.operation} [{COMPANY} {batch}] returned 200, but "
    )


async def test_retry_after_above_max_retry_after_is_not_waited_for(sandbox: Sandbox) -> None:
    """The limit of max_retry_after also applies to a call without a deadline."""
    sandbox.faults.add("list_subjects", faults.status(429, retry_after=2))
    async with AsyncHaut(**sandbox.credentials, max_retry_after=1, deadline=None) as haut:
        with pytest.raises(RateLimited, match="asks to wait 2 s") as caught:
            await haut.subjects.list()
    assert caught.value.retry_after == 2
    assert sandbox.received("list_subjects") == 1


async def test_error_remembers_that_an_earlier_attempt_may_have_arrived(sandbox: Sandbox) -> None:
    """The sandbox shuts down during the first attempt, so the second attempt cannot connect."""
    subject = add_photo(sandbox).subject
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
async def test_host_name_is_resolved_again_only_after_a_temporary_error(
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
        company_id=UNKNOWN_ID,
        dataset_id=UNKNOWN_ID,
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
async def test_invalid_url_of_a_photo_raises_an_error(sandbox: Sandbox, address: object) -> None:
    """If the service returns an invalid signed URL, the client raises an error of the SDK."""
    image = add_photo(sandbox).image

    def with_invalid_url(answer: Any) -> Any:
        body = {**json.loads(bytes(answer.body)), "signed_url": address}
        return type(answer)(answer.status, answer.headers, json.dumps(body).encode())

    sandbox.faults.add("get_image", faults.Fault("invalid URL", "after", change=with_invalid_url))
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(HautError):
            await haut.images.download(image, io.BytesIO())
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


async def test_max_retry_after_does_not_limit_the_backoff(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_policy, "retry_delay", lambda retry, retry_after: 0.1)
    sandbox.faults.add("list_subjects", faults.status(500))
    async with AsyncHaut(**sandbox.credentials, max_retry_after=0.01) as haut:
        await haut.subjects.list()
    assert sandbox.received("list_subjects") == 2


@pytest.mark.parametrize("status", [202, 204])
async def test_empty_success_is_no_result(sandbox: Sandbox, status: int) -> None:
    image = UploadedImage(UNKNOWN_ID, UNKNOWN_ID, "front", UNKNOWN_ID)
    sandbox.faults.add("list_image_results", faults.status(status))
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(UnexpectedResponse):
            await haut.results(image)
