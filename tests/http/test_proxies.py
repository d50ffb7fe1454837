"""Tests of http and https proxies, configured by environment variables or arguments."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator

import httpx
import pytest

from haut_ext import ConfigError, TransportError
from haut_ext.sandbox import Sandbox
from tests.support.client_runner import Client, Kind, client_class
from tests.support.servers import Authority, ConnectProxy

NewClient = Callable[..., Client]


@pytest.fixture(params=["http", "https"])
def proxy(request: pytest.FixtureRequest, authority: Authority) -> Iterator[ConnectProxy]:
    """A proxy that requires a password. Clients connect to it by http or by https."""
    context = authority.server if request.param == "https" else None
    with ConnectProxy("name:p:ss", context) as proxy:
        yield proxy


def assert_tunneled(proxy: ConnectProxy, sandbox: Sandbox, https_origin: str) -> None:
    """Check that all requests used one CONNECT tunnel and were encrypted end to end."""
    [head] = proxy.heads
    assert head.startswith(f"CONNECT {https_origin.removeprefix('https://')} HTTP/1.1")
    assert {arrival.had_authorization for arrival in sandbox.requests} == {True}
    for secret in (sandbox.credentials["token"], "Bearer", "someone", "/api/v1"):
        assert secret.encode() not in proxy.received


def test_proxy_of_the_environment_receives_only_ciphertext(
    new_client: NewClient,
    sandbox: Sandbox,
    https_origin: str,
    proxy: ConnectProxy,
    trusted: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url("name:p%3Ass"))
    client = new_client(base_url=https_origin)
    client.call(lambda haut: haut.subjects.create("someone"))
    assert client.call(lambda haut: haut.subjects.list()).total == 1
    assert_tunneled(proxy, sandbox, https_origin)


def test_proxy_given_as_argument_receives_only_ciphertext(
    new_client: NewClient,
    sandbox: Sandbox,
    https_origin: str,
    proxy: ConnectProxy,
    ca_file: str,
) -> None:
    """Clients also verify the proxy's certificate with the CA file given as `verify`."""
    client = new_client(base_url=https_origin, proxy=proxy.url("name:p%3Ass"), verify=ca_file)
    client.call(lambda haut: haut.subjects.create("someone"))
    assert client.call(lambda haut: haut.subjects.list()).total == 1
    assert_tunneled(proxy, sandbox, https_origin)


def test_proxy_can_be_given_as_httpx_proxy(
    new_client: NewClient,
    sandbox: Sandbox,
    https_origin: str,
    proxy: ConnectProxy,
    ca_file: str,
) -> None:
    given = httpx.Proxy(proxy.url(), auth=("name", "p:ss"))
    client = new_client(base_url=https_origin, proxy=given, verify=ca_file)
    client.call(lambda haut: haut.subjects.list())
    assert_tunneled(proxy, sandbox, https_origin)


@pytest.mark.parametrize("method", ["create", "list"])
def test_407_is_not_retried_and_its_error_contains_no_password(
    new_client: NewClient,
    sandbox: Sandbox,
    https_origin: str,
    trusted: str,
    monkeypatch: pytest.MonkeyPatch,
    short_backoff: None,
    method: str,
) -> None:
    with ConnectProxy("name:another") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url("name:p4ssw0rd"))
        client = new_client(base_url=https_origin)
        with pytest.raises(TransportError, match="407") as caught:
            client.call(
                lambda haut: (
                    haut.subjects.create("x") if method == "create" else haut.subjects.list()
                )
            )
    error = caught.value
    assert len(proxy.heads) == 1
    assert error.attempts == 1
    assert not error.retryable
    assert not error.maybe_delivered
    assert sandbox.requests == []
    assert "HTTPS_PROXY" in str(error)
    shown = f"{error} {error!r} {vars(error)} {error.__cause__!r} {error.__context__!r}"
    assert "p4ssw0rd" not in shown
    assert "bmFtZTpwNHNzdzByZA" not in shown  # the credentials, base64-encoded
    assert b"p4ssw0rd" not in pickle.dumps(error)


@pytest.mark.parametrize("exception", ["localhost", "{host_and_port}", ".example,{host_and_port}"])
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_no_proxy_with_host_and_port(
    new_client: NewClient,
    https_origin: str,
    trusted: str,
    monkeypatch: pytest.MonkeyPatch,
    exception: str,
    variable: str,
) -> None:
    with ConnectProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url())
        address = https_origin.removeprefix("https://")
        monkeypatch.setenv(variable, exception.format(host_and_port=address))
        new_client(base_url=https_origin).call(lambda haut: haut.subjects.list())
    assert proxy.heads == []


def test_no_proxy_with_another_port_does_not_apply(
    new_client: NewClient, https_origin: str, trusted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ConnectProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url())
        monkeypatch.setenv("NO_PROXY", "localhost:1")
        new_client(base_url=https_origin).call(lambda haut: haut.subjects.list())
        assert len(proxy.heads) == 1


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("socks5://name:p4ssw0rd@proxy.example:1080", r"httpx\[socks\]"),
        ("http://name:p4ssw0rd@[::1", "ALL_PROXY"),
        ("gopher://name:p4ssw0rd@proxy.example", "ALL_PROXY"),
    ],
)
def test_unusable_proxy_fails_only_calls_that_use_it(
    new_client: NewClient,
    https_origin: str,
    trusted: str,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    reason: str,
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)  # makes `import socksio` fail
    monkeypatch.setenv("ALL_PROXY", address)
    monkeypatch.setenv("NO_PROXY", "localhost")
    client = new_client(base_url=https_origin)
    assert client.call(lambda haut: haut.subjects.list()).total == 0
    monkeypatch.setenv("NO_PROXY", "other.example")
    with pytest.raises(ConfigError, match=reason) as caught:
        new_client(base_url=https_origin).call(lambda haut: haut.subjects.list())
    assert "p4ssw0rd" not in str(caught.value)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
def test_plain_http_never_goes_through_a_proxy(
    new_client: NewClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with ConnectProxy() as proxy:
        monkeypatch.setenv(variable, proxy.url())
        monkeypatch.setenv(variable.lower(), proxy.url())
        new_client().call(lambda haut: haut.subjects.list())
    assert proxy.accepted == 0
    assert sandbox.received("list_subjects") == 1


def test_proxy_argument_with_plain_http_is_rejected(kind: Kind, sandbox: Sandbox) -> None:
    with pytest.raises(ConfigError, match="proxy"):
        client_class(kind)(**sandbox.credentials, proxy="http://proxy.example:3128")


@pytest.mark.parametrize("proxy", ["not an address", "ftp://proxy.example", 3128, "http://"])
def test_invalid_proxy_argument_is_rejected(kind: Kind, sandbox: Sandbox, proxy: object) -> None:
    arguments = {**sandbox.credentials, "base_url": "https://saas.haut.ai"}
    with pytest.raises(ConfigError, match="proxy"):
        client_class(kind)(**arguments, proxy=proxy)
