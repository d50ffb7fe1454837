"""Fixtures for the tests of HTTP behavior."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from haut_ext.sandbox import Sandbox
from tests.support.client_runner import Client, Kind
from tests.support.servers import Authority, Relay


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset environment variables that configure proxies, certificates or the SDK."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("HAUT_", "SSL_CERT_")):
            monkeypatch.delenv(name)


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Runs each test twice: with the sync client and with the async client."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=1, analysis_reads=0) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def ca_file(authority: Authority, tmp_path: Path) -> str:
    """Path of the test CA certificate."""
    path = tmp_path / "ca.pem"
    path.write_bytes(authority.pem)
    return str(path)


@pytest.fixture
def trusted(ca_file: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Path of the test CA certificate. SSL_CERT_FILE is set to this path."""
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)
    return ca_file


@pytest.fixture
def https_origin(sandbox: Sandbox, authority: Authority) -> Iterator[str]:
    """Serves the sandbox API over TLS."""
    with Relay(sandbox.base_url, authority.server) as relay:
        yield relay.origin


@pytest.fixture
def new_client(kind: Kind, sandbox: Sandbox) -> Iterator[Callable[..., Client]]:
    """Creates clients that use the sandbox, and closes them after the test."""
    made: list[Client] = []

    def make(**arguments: Any) -> Client:
        made.append(Client(kind, **{**sandbox.credentials, **arguments}))
        return made[-1]

    yield make
    for client in made:
        client.close()
