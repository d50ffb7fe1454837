# Derived from tests/_async/test_tls.py by `make sync`; change that file instead.
"""Tests of uploads and deadlines over TLS."""

from __future__ import annotations

import hashlib
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from httpx._config import create_ssl_context

from haut_api.api.subjects import list_subjects
from haut_ext import Haut, TransportTimeout
from haut_ext.photos.checks import Photo
from haut_ext.sandbox import Sandbox, faults
from tests.support.leaks import LeakCheck
from tests.support.machine_lag import MachineLag
from tests.support.sandbox_photos import add_photo, photo_of, slot_at
from tests.support.servers import Relay, silent_server

CONTENT = photo_of(2_000_000)


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ssl.SSLContext:
    """Server TLS context. SSL_CERT_FILE names the certificate authority that clients trust."""
    authority = trustme.CA()
    trusted = tmp_path / "trusted.pem"
    authority.cert_pem.write_to_path(str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def origins(sandbox: Sandbox, context: ssl.SSLContext) -> Iterator[tuple[str, str]]:
    """The https origins of the API and of the photo storage."""
    with Relay(sandbox.base_url, context) as api, Relay(sandbox.storage_url, context) as storage:
        yield api.origin, storage.origin


def client(sandbox: Sandbox, base_url: str) -> Haut:
    arguments: dict[str, Any] = {**sandbox.credentials, "base_url": base_url}

    def use_signed_host(request: httpx.Request) -> None:
        # A signed URL is valid only for the host name of the original http URL.
        if "/api/" not in str(request.url):
            request.headers["Host"] = sandbox.storage_url.removeprefix("http://")

    return Haut(**arguments, deadline=1, event_hooks={"request": [use_signed_host]})


def test_complete_photo_is_uploaded(sandbox: Sandbox, origins: tuple[str, str]) -> None:
    subject = add_photo(sandbox).subject
    with LeakCheck(), client(sandbox, origins[0]) as haut:
        slot = slot_at(haut.images.request_upload(subject), origins[1])
        haut.images.send_bytes(slot, Photo.open(CONTENT))
    [found] = sandbox.snapshot()["subjects"]
    received = found["batches"][1]["images"][0]["sha256"]
    assert received == hashlib.sha256(CONTENT).hexdigest()


def test_response_that_arrives_byte_by_byte_ends_at_the_deadline(
    sandbox: Sandbox, origins: tuple[str, str]
) -> None:
    image = add_photo(sandbox).image
    sandbox.faults.add("get_image", faults.dribble(0.02, head=False))
    with LeakCheck(), client(sandbox, origins[0]) as haut:
        with MachineLag() as lag:
            started = time.monotonic()
            with pytest.raises(TransportTimeout, match="deadline of 1 s"):
                haut.images.get(image)
            elapsed = time.monotonic() - started
        assert elapsed < 1.3 + lag.allowance
    assert sandbox.faults.pending == []


def test_handshake_that_stalls_ends_at_the_deadline(
    sandbox: Sandbox, context: ssl.SSLContext
) -> None:
    with silent_server() as origin:
        with LeakCheck(), client(sandbox, origin.replace("http:", "https:")) as haut:
            with MachineLag() as lag:
                started = time.monotonic()
                with pytest.raises(TransportTimeout, match="deadline of 1 s"):
                    haut.subjects.list()
                elapsed = time.monotonic() - started
            assert elapsed < 1.3 + lag.allowance


def test_client_creates_one_tls_context(
    sandbox: Sandbox, origins: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """API calls, uploads, derived clients and the generated client share one TLS context."""
    subject = add_photo(sandbox).subject
    created: list[ssl.SSLContext] = []
    new = ssl.SSLContext.__new__

    def counted(*arguments: Any, **more: Any) -> ssl.SSLContext:
        created.append(new(*arguments, **more))
        return created[-1]

    monkeypatch.setattr(ssl.SSLContext, "__new__", counted)
    # The other tests patch this function to share TLS contexts. Restore the original function.
    monkeypatch.setattr(httpx, "create_ssl_context", create_ssl_context)
    with LeakCheck(), client(sandbox, origins[0]) as haut:
        slot = slot_at(haut.images.request_upload(subject), origins[1])
        haut.images.send_bytes(slot, Photo.open(CONTENT))
        haut.with_options(deadline=2).subjects.list()
        list_subjects.sync_detailed(haut.scope.company_id, haut.scope.dataset(), client=haut.api)
    assert len(created) == 1
