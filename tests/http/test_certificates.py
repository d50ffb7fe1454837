"""Tests of trusted TLS certificates, and of errors about untrusted or missing certificates."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from haut_ext import ConfigError, TransportError
from haut_ext.sandbox import Sandbox
from tests.support.client_runner import Client, Kind, client_class
from tests.support.servers import Authority, ConnectProxy, Relay

NewClient = Callable[..., Client]


def test_untrusted_certificate_is_reported_after_one_handshake(
    new_client: NewClient, sandbox: Sandbox, authority: Authority, short_backoff: None
) -> None:
    with Relay(sandbox.base_url, authority.server) as relay:
        with pytest.raises(TransportError, match="certificate") as caught:
            new_client(base_url=relay.origin).call(lambda haut: haut.subjects.list())
        assert relay.accepted == 1
    error = caught.value
    assert "unable to get local issuer certificate" in str(error)  # names the cause
    assert "SSL_CERT_FILE" in str(error)  # names a solution
    assert "verify=" in str(error)
    assert error.attempts == 1
    assert not error.retryable
    assert not error.maybe_delivered
    assert sandbox.requests == []


def test_certificate_of_another_host_is_reported(
    new_client: NewClient, sandbox: Sandbox, authority: Authority, trusted: str
) -> None:
    """The server certificate is valid only for localhost, not for 127.0.0.1."""
    with Relay(sandbox.base_url, authority.server) as relay:
        origin = relay.origin.replace("localhost", "127.0.0.1")
        with pytest.raises(TransportError, match="certificate") as caught:
            new_client(base_url=origin).call(lambda haut: haut.subjects.create("x"))
    assert caught.value.attempts == 1
    assert not caught.value.maybe_delivered


def test_untrusted_certificate_of_a_proxy_is_reported_after_one_handshake(
    new_client: NewClient,
    https_origin: str,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    short_backoff: None,
) -> None:
    with ConnectProxy(context=authority.server) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url())
        with pytest.raises(TransportError, match="certificate") as caught:
            new_client(base_url=https_origin).call(lambda haut: haut.subjects.list())
        assert proxy.accepted == 1
    assert caught.value.attempts == 1


def test_ca_file_can_be_given_as_argument(
    new_client: NewClient, https_origin: str, ca_file: str
) -> None:
    for verify in (ca_file, Path(ca_file), ssl.create_default_context(cafile=ca_file)):
        client = new_client(base_url=https_origin, verify=verify)
        assert client.call(lambda haut: haut.subjects.list()).total == 0


@pytest.mark.parametrize("verify", [False, 0, 1.5])
def test_certificate_validation_cannot_be_disabled(
    kind: Kind, sandbox: Sandbox, verify: Any
) -> None:
    with pytest.raises(ConfigError, match="verify"):
        client_class(kind)(**sandbox.credentials, verify=verify)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_missing_certificate_file_of_the_environment_is_reported(
    kind: Kind,
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    missing = str(tmp_path / "no such file")
    monkeypatch.setenv(variable, missing)
    with pytest.raises(ConfigError, match=variable) as caught:
        client_class(kind)(**sandbox.credentials)
    assert missing in str(caught.value)


def test_invalid_certificate_file_of_the_environment_is_reported(
    kind: Kind, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "ca.pem"
    wrong.write_text("not a certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(wrong))
    with pytest.raises(ConfigError, match="SSL_CERT_FILE") as caught:
        client_class(kind)(**sandbox.credentials)
    assert str(wrong) in str(caught.value)


@pytest.mark.parametrize("content", [None, "not a certificate"], ids=["missing", "invalid"])
def test_unusable_ca_file_is_rejected(
    kind: Kind, sandbox: Sandbox, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match="verify") as caught:
        client_class(kind)(**sandbox.credentials, verify=str(path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("excluded", ["proxy", "verify"])
def test_transport_cannot_be_combined_with_proxy_or_verify(
    kind: Kind, sandbox: Sandbox, ca_file: str, excluded: str
) -> None:
    arguments = {**sandbox.credentials, "base_url": "https://saas.haut.ai"}
    other = {"proxy": "http://proxy.example:3128", "verify": ca_file}[excluded]
    transport = httpx.MockTransport(lambda request: httpx.Response(204))
    with pytest.raises(ConfigError, match="transport") as caught:
        client_class(kind)(**arguments, transport=transport, **{excluded: other})
    assert excluded in str(caught.value)
