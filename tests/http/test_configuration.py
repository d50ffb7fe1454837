"""Tests of configuring clients by arguments and environment variables, and of copying clients."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import attrs
import httpx
import pytest

import haut_ext
from haut_ext import AsyncHaut, ConfigError, Haut
from tests.support.client_runner import COMPANY, DATASET, Client, Kind, client_class

TOKEN = "secret-token"
SCOPE: dict[str, Any] = {"company_id": COMPANY, "dataset_id": DATASET}
OTHER_DATASET = "bbbbbbbb-7777-4888-9999-aaaaaaaaaaaa"


def test_given_environment_replaces_the_environment_of_the_process(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAUT_DATASET_ID", OTHER_DATASET)
    given = {"HAUT_TOKEN": TOKEN, "HAUT_COMPANY_ID": COMPANY}
    assert client_class(kind).from_env(given).scope.dataset_id is None
    given["HAUT_DATASET_ID"] = DATASET
    assert str(client_class(kind).from_env(given).scope.dataset_id) == DATASET


def test_pickled_client_without_a_dataset_gets_none_from_the_environment(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAUT_TOKEN", TOKEN)
    monkeypatch.setenv("HAUT_COMPANY_ID", COMPANY)
    pickled = pickle.dumps(client_class(kind)())
    monkeypatch.setenv("HAUT_DATASET_ID", OTHER_DATASET)
    copy = pickle.loads(pickled)
    assert copy.scope.dataset_id is None
    assert pickle.loads(pickle.dumps(copy)).scope.dataset_id is None


def test_captured_response_contains_no_token(kind: Kind) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={}))
    with (
        Client(kind, token=TOKEN, **SCOPE, transport=transport) as client,
        haut_ext.capture_responses() as captured,
    ):
        client.call(lambda haut: haut.request("GET", "/x/"))
    [info] = captured
    restored = pickle.loads(pickle.dumps(info))
    assert restored.response.json() == {}
    assert TOKEN.encode() not in pickle.dumps(info)
    assert TOKEN not in repr(attrs.asdict(info))
    assert "authorization" not in info.response.request.headers


INVALID_HOSTS = [
    "http://xn--a:1",
    "http://.a:1",
    "http://a..b:1",
    f"http://{'a' * 300}:1",
    "http://127.0.0.1:99999999",
    "http://[::1",
]


@pytest.mark.parametrize("proxy", INVALID_HOSTS)
def test_proxy_of_the_environment_with_an_invalid_host_is_rejected(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.replace("//", "//user:PROXYPASS99@"))
    with (
        Client(kind, token=TOKEN, **SCOPE, max_retries=0, timeout=3) as client,
        pytest.raises(ConfigError, match="HTTPS_PROXY") as caught,
    ):
        client.call(lambda haut: haut.request("GET", "/x/"))
    assert "PROXYPASS99" not in str(caught.value)


@pytest.mark.parametrize("proxy", INVALID_HOSTS)
def test_proxy_argument_with_an_invalid_host_is_rejected(kind: Kind, proxy: str) -> None:
    with pytest.raises(ConfigError, match="proxy"):
        client_class(kind)(token=TOKEN, **SCOPE, proxy=proxy)


@pytest.mark.parametrize("host", ["xn--a", ".a", "a..b", "a" * 300])
def test_base_url_with_an_invalid_host_is_rejected(kind: Kind, host: str) -> None:
    with pytest.raises(ConfigError, match=r"base_url|host name"):
        client_class(kind)(token=TOKEN, **SCOPE, base_url=f"https://{host}")


@pytest.mark.parametrize("name", ["User-Agent", "Accept", "Accept-Encoding", "X-Team"])
def test_header_value_none_is_rejected(kind: Kind, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        client_class(kind)(token=TOKEN, **SCOPE, headers={name: None})
    with Client(kind, token=TOKEN, **SCOPE) as client, pytest.raises(ConfigError, match=name):
        client.haut.with_options(headers={name: None})


@pytest.mark.parametrize(
    "arguments",
    [
        {"token_life": "x"},
        {"token_life": None},
        {"token_life": float("nan")},
        {"token_life": 0},
        {"username": b"user"},
        {"password": b"password"},
        {"username": "\ud800"},
        {"password": "\ud800"},
    ],
    ids=ascii,
)
def test_invalid_argument_of_login_is_rejected(kind: Kind, arguments: dict[str, Any]) -> None:
    given = {"username": "user", "password": "password", **arguments}
    requests: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(401, json={"errors": []})

    transport = httpx.MockTransport(refuse)
    [name] = arguments
    with Client(kind, token=TOKEN, **SCOPE) as client, pytest.raises(ConfigError, match=name):
        client.call(lambda haut: type(haut).login(**given, **SCOPE, transport=transport))
    assert requests == []


class WithRegion(Haut):
    def __new__(cls, region: str) -> WithRegion:
        return super().__new__(cls)

    def __init__(self, region: str) -> None:
        super().__init__()
        self.region = region


class AsyncWithRegion(AsyncHaut):
    def __new__(cls, region: str) -> AsyncWithRegion:
        return super().__new__(cls)

    def __init__(self, region: str) -> None:
        super().__init__()
        self.region = region


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAUT_TOKEN", TOKEN)
    monkeypatch.setenv("HAUT_COMPANY_ID", COMPANY)


@pytest.fixture
def subclassed(kind: Kind, environment: None) -> Any:
    return WithRegion("eu") if kind == "sync" else AsyncWithRegion("eu")


def test_subclass_with_arguments_of_new_can_be_derived(subclassed: Any) -> None:
    assert subclassed.with_options(deadline=3).region == "eu"


def test_pickle_error_names_the_attribute_of_a_subclass(subclassed: Any) -> None:
    subclassed.their_lock = threading.Lock()
    with pytest.raises(ConfigError, match="their_lock"):
        pickle.dumps(subclassed)
