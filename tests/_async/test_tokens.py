"""Tests that concurrent calls share one token request, and that only the API receives the token."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest

from haut_api.api.subjects import list_subjects
from haut_ext import ApiError, AsyncHaut, ConfigError, StorageError, Unauthorized
from haut_ext.photos.checks import Photo
from haut_ext.sandbox import Request, Sandbox, faults
from haut_ext.sandbox.faults import Fault
from haut_ext.sandbox.http_messages import Response
from tests.support.both_clients import gather_async
from tests.support.sandbox_photos import PHOTO, add_photo, slot_at
from tests.support.servers import uncontacted_server, was_contacted

MANY = 50


class Provider:
    """Slow token provider that counts its calls and can be set to fail or to return an old token."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.calls = 0
        self.failure: Exception | None = None
        self.stale = False
        self.token = ""

    async def __call__(self) -> str:
        self.calls += 1
        await asyncio.sleep(0.05)  # allows other calls to request a token concurrently
        if self.failure is not None:
            raise self.failure
        if not self.stale:
            self.token = self.sandbox.issue_token()
        return self.token


def client(sandbox: Sandbox, provider: Provider) -> AsyncHaut:
    return AsyncHaut(**{**sandbox.credentials, "token": provider})  # type: ignore[arg-type]


async def outcomes(haut: AsyncHaut, calls: int = MANY) -> set[str]:
    """Make concurrent calls and return the class name of each result or error."""
    outcomes = await gather_async([haut.subjects.list] * calls)
    return {type(outcome).__name__ for outcome in outcomes}


@pytest.mark.slow
async def test_provider_is_called_once_at_first_and_once_after_401(sandbox: Sandbox) -> None:
    provider = Provider(sandbox)
    async with client(sandbox, provider) as haut:
        assert provider.calls == 0
        assert await outcomes(haut) == {"Page"}
        assert provider.calls == 1
        for times in (2, 3):
            sandbox.expire_tokens()
            assert await outcomes(haut) == {"Page"}
            assert provider.calls == times


async def test_provider_is_called_once_if_it_returns_the_rejected_token(sandbox: Sandbox) -> None:
    provider = Provider(sandbox)
    all_arrived = threading.Barrier(16, timeout=10)

    def hold(_: Request) -> None:
        all_arrived.wait()

    async with client(sandbox, provider) as haut:
        await haut.subjects.list()
        provider.stale = True
        sandbox.expire_tokens()
        sandbox.before_request = hold
        assert await outcomes(haut, calls=16) == {"Unauthorized"}
        assert provider.calls == 2
        sandbox.before_request = None
        provider.stale = False
        assert await outcomes(haut) == {"Page"}
        assert provider.calls == 3


@pytest.mark.slow
async def test_error_of_the_provider_is_raised_by_all_waiting_calls(sandbox: Sandbox) -> None:
    """Calls that start after a failed token request call the provider again."""
    provider = Provider(sandbox)
    provider.failure = RuntimeError("the vault is sealed")
    async with client(sandbox, provider) as haut:
        assert await outcomes(haut) == {"RuntimeError"}
        assert sandbox.requests == []
        calls = provider.calls
        assert calls < MANY
        with pytest.raises(RuntimeError, match="the vault is sealed"):
            await haut.subjects.list()
        assert provider.calls == calls + 1
        provider.failure = None
        assert await outcomes(haut) == {"Page"}
        assert provider.calls == calls + 2

        provider.failure = RuntimeError("the vault is sealed")
        sandbox.expire_tokens()
        with pytest.raises(RuntimeError, match="the vault is sealed"):
            await haut.subjects.list()
        provider.failure = None
        assert await outcomes(haut) == {"Page"}


async def test_invalid_token_of_the_provider_is_rejected(sandbox: Sandbox) -> None:
    provider = Provider(sandbox)
    provider.stale = True
    provider.token = "two\nlines"
    async with client(sandbox, provider) as haut:
        with pytest.raises(ConfigError, match="white space") as caught:
            await haut.subjects.list()
    assert "two" not in str(caught.value)
    assert sandbox.requests == []


async def test_token_is_not_sent_to_redirect_targets_or_storage(sandbox: Sandbox) -> None:
    stored = add_photo(sandbox)
    sandbox.add_subjects(30)
    with uncontacted_server() as (origin, listening):
        async with AsyncHaut(**sandbox.credentials) as haut:
            http = haut.api.get_async_httpx_client()
            for code in (301, 302, 303, 307, 308):
                sandbox.faults.add("list_subjects", faults.redirect(origin, code))
                with pytest.raises(ApiError, match="redirect"):
                    await haut.subjects.list()
                sandbox.faults.add("list_subjects", faults.redirect(origin, code))
                path = (
                    f"/api/v1/companies/{haut.scope.company_id}/datasets/"
                    f"{haut.scope.dataset()}/subjects/"
                )
                with pytest.raises(ApiError, match="redirect"):
                    await http.get(path)
                with pytest.raises(ConfigError, match="follow_redirects"):
                    await http.get(path, follow_redirects=True)
                sandbox.faults.add("upload_image", faults.redirect(origin, code))
                with pytest.raises(StorageError):
                    await haut.images.upload(stored.subject, PHOTO)

            # The response names a next page at a foreign origin.
            def misleading(answer: Response) -> Response:
                body = bytes(answer.body).replace(sandbox.base_url.encode(), origin.encode())
                return Response(answer.status, answer.headers, body)

            fault = Fault("misleading next", "after", change=misleading)
            sandbox.faults.add("list_subjects", fault, times=3)
            listed = [subject async for subject in haut.subjects.iterate()]
            assert len(listed) == 31
            generated = await list_subjects.asyncio_detailed(
                haut.scope.company_id, haut.scope.dataset(), client=haut.api
            )
            assert generated.status_code == 200
        assert sandbox.faults.fired["list_subjects", "misleading next"] == 3
        assert not was_contacted(listening)
    for arrival in sandbox.requests:
        assert arrival.had_authorization == (arrival.operation != "upload_image")


async def test_token_is_not_sent_to_other_origins(sandbox: Sandbox) -> None:
    """The token is sent neither to signed URLs nor to foreign URLs given to the generated client."""
    subject = add_photo(sandbox).subject
    with Sandbox(seed=2) as other:
        async with AsyncHaut(**sandbox.credentials) as haut:
            slot = slot_at(await haut.images.request_upload(subject), other.storage_url)
            with pytest.raises(StorageError):
                await haut.images.send_bytes(slot, Photo.open(PHOTO))
            http = haut.api.get_async_httpx_client()
            for address in (other.base_url, other.storage_url):
                with pytest.raises((ApiError, StorageError)):
                    await http.send(httpx.Request("GET", f"{address}/anything"))
        assert [arrival.had_authorization for arrival in other.requests] == [False] * 3


async def test_call_with_a_string_token_is_not_repeated_after_401(sandbox: Sandbox) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        sandbox.expire_tokens()
        with pytest.raises(Unauthorized):
            await haut.subjects.list()
    assert sandbox.received("list_subjects") == 1
