"""The token: asked for once however many wait, and sent to the API's own origin alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import httpx
import pytest

from haut_api.api.subjects import list_subjects
from haut_ext import ApiError, AsyncHaut, ConfigError, StorageError, Unauthorized
from haut_ext.photos.checks import Photo
from haut_ext.sandbox import Request, Sandbox, faults
from haut_ext.sandbox.faults import Fault
from haut_ext.sandbox.http_messages import Response
from tests.faces import gather_async
from tests.wire.peers import nothing_came, somebody_else
from tests.wire.world import PHOTO, elsewhere, store

MANY = 50


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=1) as sandbox:
        yield sandbox


class Provider:
    """Gives what it is told to, slowly, and counts how often it was asked."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.asked = 0
        self.failure: Exception | None = None
        self.stale = False
        self.token = ""

    async def __call__(self) -> str:
        self.asked += 1
        await asyncio.sleep(0.05)  # others must have the time to ask as well
        if self.failure is not None:
            raise self.failure
        if not self.stale:
            self.token = self.sandbox.issue_token()
        return self.token


def client(sandbox: Sandbox, provider: Provider) -> AsyncHaut:
    return AsyncHaut(**{**sandbox.credentials, "token": provider})  # type: ignore[arg-type]


async def outcomes(haut: AsyncHaut, calls: int = MANY) -> set[str]:
    """Call so many times at once, and return the kinds of outcome."""
    outcomes = await gather_async([haut.subjects.list] * calls)
    return {type(outcome).__name__ for outcome in outcomes}


@pytest.mark.slow
async def test_asked_once_at_first_and_once_when_refused(sandbox: Sandbox) -> None:
    provider = Provider(sandbox)
    async with client(sandbox, provider) as haut:
        assert provider.asked == 0
        assert await outcomes(haut) == {"Page"}
        assert provider.asked == 1
        for times in (2, 3):
            sandbox.expire_tokens()
            assert await outcomes(haut) == {"Page"}
            assert provider.asked == times


async def test_asked_once_when_it_has_no_other(sandbox: Sandbox) -> None:
    provider = Provider(sandbox)
    all_have_come = threading.Barrier(16, timeout=10)

    def hold(_: Request) -> None:
        all_have_come.wait()

    async with client(sandbox, provider) as haut:
        await haut.subjects.list()
        provider.stale = True
        sandbox.expire_tokens()
        sandbox.before_request = hold
        assert await outcomes(haut, calls=16) == {"Unauthorized"}
        assert provider.asked == 2
        sandbox.before_request = None
        provider.stale = False
        assert await outcomes(haut) == {"Page"}
        assert provider.asked == 3


@pytest.mark.slow
async def test_failing_provider(sandbox: Sandbox) -> None:
    """Whoever waited for it gets its error; whoever comes later asks again."""
    provider = Provider(sandbox)
    provider.failure = RuntimeError("the vault is sealed")
    async with client(sandbox, provider) as haut:
        assert await outcomes(haut) == {"RuntimeError"}
        assert sandbox.requests == []
        asked = provider.asked
        assert asked < MANY
        with pytest.raises(RuntimeError, match="the vault is sealed"):
            await haut.subjects.list()
        assert provider.asked == asked + 1
        provider.failure = None
        assert await outcomes(haut) == {"Page"}
        assert provider.asked == asked + 2

        provider.failure = RuntimeError("the vault is sealed")
        sandbox.expire_tokens()
        with pytest.raises(RuntimeError, match="the vault is sealed"):
            await haut.subjects.list()
        provider.failure = None
        assert await outcomes(haut) == {"Page"}


async def test_unusable_token_of_a_provider(sandbox: Sandbox) -> None:
    provider = Provider(sandbox)
    provider.stale = True
    provider.token = "two\nlines"
    async with client(sandbox, provider) as haut:
        with pytest.raises(ConfigError, match="white space") as caught:
            await haut.subjects.list()
    assert "two" not in str(caught.value)
    assert sandbox.requests == []


async def test_token_goes_to_the_api_alone(sandbox: Sandbox) -> None:
    stored = store(sandbox)
    sandbox.add_subjects(30)
    with somebody_else() as (origin, listening):
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

            # A page's `next` names somebody else.
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
        assert nothing_came(listening)
    for arrival in sandbox.requests:
        assert arrival.had_authorization == (arrival.operation != "upload_image")


async def test_other_origins_are_not_sent_the_token(sandbox: Sandbox) -> None:
    """Neither as the target of a signed slot nor when the generated client is pointed at them."""
    subject = store(sandbox).subject
    with Sandbox(seed=2) as other:
        async with AsyncHaut(**sandbox.credentials) as haut:
            slot = elsewhere(await haut.images.request_upload(subject), other.storage_url)
            with pytest.raises(StorageError):
                await haut.images.send_bytes(slot, Photo.open(PHOTO))
            http = haut.api.get_async_httpx_client()
            for address in (other.base_url, other.storage_url):
                with pytest.raises((ApiError, StorageError)):
                    await http.send(httpx.Request("GET", f"{address}/anything"))
        assert [arrival.had_authorization for arrival in other.requests] == [False] * 3


async def test_string_token_is_not_asked_again(sandbox: Sandbox) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        sandbox.expire_tokens()
        with pytest.raises(Unauthorized):
            await haut.subjects.list()
    assert sandbox.received("list_subjects") == 1
