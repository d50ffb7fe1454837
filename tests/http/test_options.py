"""Tests of constructor options and their environment variables."""

from __future__ import annotations

import contextvars
import importlib.metadata
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

import haut_ext
from haut_ext import AsyncHaut, ConfigError, Haut, HautError
from haut_ext.sandbox import Sandbox, faults
from tests.support.client_runner import Client, Kind, client_class
from tests.support.sandbox_photos import PHOTO

NewClient = Callable[..., Client]


def hooks_for(kind: Kind, function: Callable[[Any], None]) -> list[Callable[[Any], Any]]:
    """Return event hooks that call `function`, for the sync or the async client."""

    async def hook(message: Any) -> None:
        function(message)

    return [hook if kind == "async" else function]


def test_headers_and_user_agent_are_sent(new_client: NewClient, kind: Kind) -> None:
    sent: list[httpx.Headers] = []
    hooks = {"request": hooks_for(kind, lambda request: sent.append(request.headers.copy()))}
    client = new_client(
        headers={"X-Team": "skin"}, user_agent_suffix="their-sdk/2.1", event_hooks=hooks
    )
    client.call(lambda haut: haut.subjects.list())
    client.call(lambda haut: haut.with_options(headers={"X-Job": "7"}).subjects.list())
    assert sent[0]["x-team"] == "skin"
    assert sent[0]["user-agent"].startswith("haut-ext/")
    assert sent[0]["user-agent"].endswith(" their-sdk/2.1")
    assert sent[1]["x-job"] == "7"


def test_event_hooks_run_once_per_attempt_and_get_the_token(
    new_client: NewClient, sandbox: Sandbox, kind: Kind, short_backoff: None
) -> None:
    requests: list[tuple[str, str]] = []
    statuses: list[int] = []
    hooks = {
        "request": hooks_for(
            kind, lambda it: requests.append((it.method, it.headers.get("authorization", "")))
        ),
        "response": hooks_for(kind, lambda it: statuses.append(it.status_code)),
    }
    sandbox.faults.add("list_subjects", faults.bad_gateway(), times=2)
    new_client(event_hooks=hooks).call(lambda haut: haut.subjects.list())
    assert requests == [("GET", f"Bearer {sandbox.credentials['token']}")] * 3
    assert statuses == [502, 502, 200]


@pytest.mark.parametrize("event", ["request", "response"])
@pytest.mark.parametrize(
    "error",
    [
        LookupError("mine"),
        httpx.ConnectError("mine"),
        httpx.ReadTimeout("mine"),
        TimeoutError("mine"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_error_of_an_event_hook_is_raised_unchanged(
    new_client: NewClient, sandbox: Sandbox, kind: Kind, event: str, error: Exception
) -> None:
    def fail(_: Any) -> None:
        raise error

    client = new_client(event_hooks={event: hooks_for(kind, fail)})
    with pytest.raises(type(error)) as caught:
        client.call(lambda haut: haut.subjects.list())
    assert caught.value is error
    assert sandbox.received("list_subjects") == (event == "response")


@pytest.mark.parametrize("hooks", [{"requests": []}, {"request": [3]}, [print]], ids=repr)
def test_invalid_event_hooks_are_rejected(kind: Kind, sandbox: Sandbox, hooks: Any) -> None:
    with pytest.raises(ConfigError, match="event_hooks"):
        client_class(kind)(**sandbox.credentials, event_hooks=hooks)


NAME: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="not the caller's")


def test_sync_hook_runs_in_the_context_of_the_caller(sandbox: Sandbox) -> None:
    names: list[str] = []
    hooks = {"request": [lambda request: names.append(NAME.get())]}
    arguments: dict[str, Any] = {**sandbox.credentials, "event_hooks": hooks}
    sandbox.add_subjects(25)
    NAME.set("caller")
    with Haut(**arguments) as haut:
        subject = haut.subjects.create("someone")
        haut.upload_and_compute(subject.id, front=PHOTO, right=PHOTO, left=PHOTO)
        assert len(list(haut.subjects.iterate())) == 26
    assert len(names) == len(sandbox.requests)
    assert set(names) == {"caller"}


async def test_async_hook_runs_in_the_context_of_the_caller(sandbox: Sandbox) -> None:
    names: list[str] = []

    async def hook(request: httpx.Request) -> None:
        names.append(NAME.get())

    arguments: dict[str, Any] = {**sandbox.credentials, "event_hooks": {"request": [hook]}}
    sandbox.add_subjects(25)
    NAME.set("caller")
    async with AsyncHaut(**arguments) as haut:
        subject = await haut.subjects.create("someone")
        await haut.upload_and_compute(subject.id, front=PHOTO, right=PHOTO, left=PHOTO)
        assert len([found async for found in haut.subjects.iterate()]) == 26
    assert len(names) == len(sandbox.requests)
    assert set(names) == {"caller"}


def test_client_from_the_environment(
    kind: Kind, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in sandbox.credentials.items():
        monkeypatch.setenv(f"HAUT_{name.upper()}", str(value))
    with Client(kind) as client:
        assert client.call(lambda haut: haut.subjects.list()).total == 0


def test_argument_has_precedence_over_the_environment(
    kind: Kind, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in sandbox.credentials.items():
        monkeypatch.setenv(f"HAUT_{name.upper()}", str(value))
    monkeypatch.setenv("HAUT_TOKEN", "wrong")
    with Client(kind, token=sandbox.credentials["token"]) as client:
        assert client.call(lambda haut: haut.subjects.list()).total == 0


def test_token_file(
    kind: Kind, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_text(sandbox.credentials["token"] + "\n")
    path.chmod(0o600)
    arguments: dict[str, Any] = {**sandbox.credentials}
    del arguments["token"]
    monkeypatch.setenv("HAUT_TOKEN_FILE", str(path))
    with Client(kind, **arguments) as client:
        assert client.call(lambda haut: haut.subjects.list()).total == 0
    monkeypatch.setenv("HAUT_TOKEN_FILE", str(tmp_path / "missing"))
    with pytest.raises(ConfigError, match="HAUT_TOKEN_FILE") as caught:
        client_class(kind)(**arguments)
    assert "missing" in str(caught.value)


def test_error_names_missing_environment_variables(kind: Kind) -> None:
    with pytest.raises(ConfigError, match=r"HAUT_TOKEN.*HAUT_COMPANY_ID"):
        client_class(kind)()


@pytest.mark.slow
@pytest.mark.parametrize("level", ["debug", "info"])
def test_log_to_stderr(sandbox: Sandbox, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sandbox.credentials.items():
        monkeypatch.setenv(f"HAUT_{name.upper()}", str(value))
    monkeypatch.setenv("HAUT_LOG", level)
    program = "from haut_ext import Haut\nwith Haut.from_env() as haut: haut.subjects.list(q='Ada')"
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert finished.stdout == ""
    assert ("GET" in finished.stderr) or level == "info"
    for secret in (sandbox.credentials["token"], "Ada"):
        assert secret not in finished.stderr


def test_version() -> None:
    version: str = haut_ext.__version__
    assert version == importlib.metadata.version("haut-ext")


def test_client_works_without_package_metadata(
    new_client: NewClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert new_client().call(lambda haut: haut.subjects.list()).total == 0


def test_request_to_a_path_outside_the_spec(
    new_client: NewClient, sandbox: Sandbox, short_backoff: None
) -> None:
    client = new_client()
    scope = client.haut.scope
    path = f"/api/v1/companies/{scope.company_id}/datasets/{scope.dataset_id}/subjects/"
    sandbox.faults.add("list_subjects", faults.bad_gateway())
    response = client.call(lambda haut: haut.request("GET", path, params={"page_size": 1}))
    assert response.status_code == 200
    assert response.json()["count"] == 0
    assert response.request.url.params["page_size"] == "1"
    created = client.call(lambda haut: haut.request("POST", path, json={"name": "someone"}))
    assert created.json()["name"] == "someone"
    with pytest.raises(HautError):
        client.call(lambda haut: haut.request("GET", "/api/v1/no-such-path/"))


@pytest.mark.parametrize(
    "path", ["api/v1/", "https://other.example/api/v1/", "//other.example/", ""]
)
def test_request_to_another_origin_is_rejected(new_client: NewClient, path: str) -> None:
    client = new_client()
    with pytest.raises(ConfigError):
        client.call(lambda haut: haut.request("GET", path))


def test_captured_responses(new_client: NewClient, sandbox: Sandbox, short_backoff: None) -> None:
    sandbox.faults.add("list_subjects", faults.bad_gateway())
    client = new_client()
    capture: Any = haut_ext.capture_responses
    with capture() as responses:
        client.call(lambda haut: haut.subjects.list())
        client.call(lambda haut: haut.subjects.create("someone"))
    assert [(it.status, it.attempts) for it in responses] == [(200, 2), (201, 1)]
    assert responses[0].operation.startswith("GET /api/v1/companies/{id}/")
    assert responses[0].headers["content-type"] == "application/json"
