"""The same wire over TLS, which is how the real service is reached, and through a proxy."""

from __future__ import annotations

import hashlib
import ssl
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from httpx._config import create_ssl_context

from haut_api.api.subjects import list_subjects
from haut_ext import AsyncHaut, ConfigError, TransportError, TransportTimeout
from haut_ext.photos.checks import Photo
from haut_ext.sandbox import Sandbox, faults
from tests.machine_lag import MachineLag
from tests.wire.holdings import AsyncHoldings
from tests.wire.peers import behind_tls, connect_proxy, deaf
from tests.wire.world import elsewhere, photo_of, store

CONTENT = photo_of(2_000_000)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ssl.SSLContext:
    """A server's certificate for localhost, trusted as an operator would have it."""
    authority = trustme.CA()
    trusted = tmp_path / "trusted.pem"
    authority.cert_pem.write_to_path(str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def origins(sandbox: Sandbox, context: ssl.SSLContext) -> Iterator[tuple[str, str]]:
    """The https origins of the API and of the storage."""
    with (
        behind_tls(sandbox.base_url, context) as api,
        behind_tls(sandbox.storage_url, context) as storage,
    ):
        yield api, storage


def client(sandbox: Sandbox, base_url: str) -> AsyncHaut:
    arguments: dict[str, Any] = {**sandbox.credentials, "base_url": base_url}
    return AsyncHaut(**arguments, deadline=1)


async def test_photo_is_sent_whole(sandbox: Sandbox, origins: tuple[str, str]) -> None:
    subject = store(sandbox).subject
    async with AsyncHoldings(), client(sandbox, origins[0]) as haut:
        slot = elsewhere(await haut.images.request_upload(subject), origins[1])
        headers = slot.upload_url.headers
        assert headers is not None
        # The sandbox has signed its own plain address, the host included.
        headers["Host"] = sandbox.storage_url.removeprefix("http://")
        await haut.images.send_bytes(slot, Photo.open(CONTENT))
    [found] = sandbox.snapshot()["subjects"]
    received = found["batches"][1]["images"][0]["sha256"]
    assert received == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.slow
async def test_deadline(sandbox: Sandbox, origins: tuple[str, str]) -> None:
    image = store(sandbox).image
    sandbox.faults.add("get_image", faults.dribble(0.02, head=False))
    async with AsyncHoldings(), client(sandbox, origins[0]) as haut:
        with MachineLag() as lag:
            started = time.monotonic()
            with pytest.raises(TransportTimeout, match="deadline of 1 s"):
                await haut.images.get(image)
            elapsed = time.monotonic() - started
        assert elapsed < 1.3 + lag.allowance
    assert sandbox.faults.pending == []


@pytest.mark.slow
async def test_deadline_of_a_handshake(sandbox: Sandbox, context: ssl.SSLContext) -> None:
    with deaf() as origin:
        async with AsyncHoldings(), client(sandbox, origin.replace("http:", "https:")) as haut:
            with MachineLag() as lag:
                started = time.monotonic()
                with pytest.raises(TransportTimeout, match="deadline of 1 s"):
                    await haut.subjects.list()
                elapsed = time.monotonic() - started
            assert elapsed < 1.3 + lag.allowance


async def test_certificate_that_is_not_trusted(
    sandbox: Sandbox, origins: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with AsyncHoldings(), client(sandbox, origins[0]) as haut:
        with pytest.raises(TransportError, match="certificate is not trusted") as caught:
            await haut.subjects.create("someone")
    assert caught.value.attempts == 1
    assert not caught.value.retryable
    assert not caught.value.maybe_delivered
    assert sandbox.requests == []


async def test_one_tls_context_for_a_client(
    sandbox: Sandbox, origins: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Making one takes longer than many calls; API, storage and derived clients share it."""
    subject = store(sandbox).subject
    made: list[ssl.SSLContext] = []
    new = ssl.SSLContext.__new__

    def counted(*arguments: Any, **more: Any) -> ssl.SSLContext:
        made.append(new(*arguments, **more))
        return made[-1]

    monkeypatch.setattr(ssl.SSLContext, "__new__", counted)
    monkeypatch.setattr(
        httpx, "create_ssl_context", create_ssl_context
    )  # tests share what it makes
    async with AsyncHoldings(), client(sandbox, origins[0]) as haut:
        slot = elsewhere(await haut.images.request_upload(subject), origins[1])
        headers = slot.upload_url.headers
        assert headers is not None
        headers["Host"] = sandbox.storage_url.removeprefix("http://")
        await haut.images.send_bytes(slot, Photo.open(CONTENT))
        await haut.with_options(deadline=2).subjects.list()
        await list_subjects.asyncio_detailed(
            haut.scope.company_id, haut.scope.dataset(), client=haut.api
        )
    assert len(made) == 1


async def test_proxy_of_the_environment(
    sandbox: Sandbox, origins: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[str] = []
    with connect_proxy(heads, wanted="Proxy-Authorization: Basic bmFtZTpwOnNz") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.replace("//", "//name:p%3Ass@"))
        async with AsyncHoldings(), client(sandbox, origins[0]) as haut:
            await haut.subjects.create("someone")
            assert (await haut.subjects.list()).total == 1
    [head] = heads  # one tunnel, kept
    assert head.startswith(f"CONNECT {origins[0].removeprefix('https://')} HTTP/1.1")
    assert sandbox.credentials["token"] not in head


async def test_proxy_that_refuses(
    sandbox: Sandbox, origins: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect_proxy([], wanted="somebody else") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.replace("//", "//name:secret@"))
        async with AsyncHoldings(), client(sandbox, origins[0]) as haut:
            with pytest.raises(TransportError, match=r"user name and a password \(407\)") as caught:
                await haut.subjects.create("someone")
    assert caught.value.attempts == 1
    assert not caught.value.retryable
    assert not caught.value.maybe_delivered
    assert "HTTPS_PROXY" in str(caught.value)
    assert "secret" not in "".join(traceback.format_exception(caught.value))
    assert sandbox.requests == []


@pytest.mark.parametrize("direct", ["NO_PROXY", "http"])
async def test_who_is_reached_without_the_proxy(
    sandbox: Sandbox, origins: tuple[str, str], monkeypatch: pytest.MonkeyPatch, direct: str
) -> None:
    heads: list[str] = []
    with connect_proxy(heads) as proxy:
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        if direct == "NO_PROXY":
            monkeypatch.setenv("NO_PROXY", "localhost")
        base_url = origins[0] if direct == "NO_PROXY" else sandbox.base_url
        async with AsyncHoldings(), client(sandbox, base_url) as haut:
            await haut.subjects.list()
    assert heads == []


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("socks5://name:secret@proxy.example:1080", r"httpx\[socks\]"),
        ("http://name:secret@[::1", "HTTPS_PROXY"),
        ("gopher://name:secret@proxy.example", "HTTPS_PROXY"),
    ],
)
async def test_unusable_proxy_of_the_environment_stops_only_calls_that_would_use_it(
    sandbox: Sandbox,
    origins: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    reason: str,
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)  # as if it were not installed
    monkeypatch.setenv("ALL_PROXY", address)
    async with client(sandbox, origins[0]) as haut:
        with pytest.raises(ConfigError, match=reason) as caught:
            await haut.subjects.list()
        assert "secret" not in "".join(traceback.format_exception(caught.value))
        monkeypatch.setenv("NO_PROXY", "localhost")
        assert sandbox.requests == []
    async with client(sandbox, origins[0]) as haut:
        await haut.subjects.list()
    async with client(sandbox, sandbox.base_url) as haut:
        await haut.subjects.list()
