# Derived from tests/_async/test_tokens.py by `make sync`; change that file instead.
"""Tests that concurrent calls share one token request, and that only the API receives the token."""

from __future__ import annotations

import threading
import time

import httpx
import pytest

from haut_api.api.subjects import list_subjects
from haut_ext import ApiError, ConfigError, Haut, StorageError, Unauthorized
from haut_ext.photos.checks import Photo
from haut_ext.sandbox import Request, Sandbox, faults
from haut_ext.sandbox.faults import Fault
from haut_ext.sandbox.http_messages import Response
from tests.support.both_clients import gather
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

    def __call__(self) -> str:
        self.calls += 1
        time.sleep(0.05)  # allows other calls to request a token concurrently
        if self.failure is not None:
            raise self.failure
        if not self.stale:
            self.token = self.sandbox.issue_token()
        return self.token


def client(sandbox: Sandbox, provider: Provider) -> Haut:
    return Haut(**{**sandbox.credentials, "token": provider})  # type: ignore[arg-type]


def outcomes(haut: Haut, calls: int = MANY) -> set[str]:
    """Make concurrent calls and return the class name of each result or error."""
    outcomes = gather([haut.subjects.list] * calls)
    return {type(outcome).__name__ for outcome in outcomes}


@pytest.mark.slow
def test_provider_is_called_once_at_first_and_once_after_401(sandbox: Sandbox) -> None:
    provider = Provider(sandbox)
    with client(sandbox, provider) as haut:
        assert provider.calls == 0
        assert outcomes(haut) == {"Page"}
        assert provider.calls == 1
        for times in (2, 3):
            sandbox.expire_tokens()
            assert outcomes(haut) == {"Page"}
            assert provider.calls == times


def test_provider_is_called_once_if_it_returns_the_rejected_token(sandbox: Sandbox) -> None:
    provider = Provider(sandbox)
    all_arrived = threading.Barrier(16, timeout=10)

    def hold(_: Request) -> None:
        all_arrived.wait()

    with client(sandbox, provider) as haut:
        haut.subjects.list()
        provider.stale = True
        sandbox.expire_tokens()
        sandbox.before_request = hold
        assert outcomes(haut, calls=16) == {"Unauthorized"}
        assert provider.calls == 2
        sandbox.before_request = None
        provider.stale = False
        assert outcomes(haut) == {"Page"}
        assert provider.calls == 3


@pytest.mark.slow
def test_error_of_the_provider_is_raised_by_all_waiting_calls(sandbox: Sandbox) -> None:
    """Calls that start after a failed token request call the provider again."""
    provider = Provider(sandbox)
    provider.failure = RuntimeError("the vault is sealed")
    with client(sandbox, provider) as haut:
        assert outcomes(haut) == {"RuntimeError"}
        assert sandbox.requests == []
        calls = provider.calls
        assert calls < MANY
        with pytest.raises(RuntimeError, match="the vault is sealed"):
            haut.subjects.list()
        assert provider.calls == calls + 1
        provider.failure = None
        assert outcomes(haut) == {"Page"}
        assert provider.calls == calls + 2

        provider.failure = RuntimeError("the vault is sealed")
        sandbox.expire_tokens()
        with pytest.raises(RuntimeError, match="the vault is sealed"):
            haut.subjects.list()
        provider.failure = None
        assert outcomes(haut) == {"Page"}


def test_invalid_token_of_the_provider_is_rejected(sandbox: Sandbox) -> None:
    provider = Provider(sandbox)
    provider.stale = True
    provider.token = "two\nlines"
    with client(sandbox, provider) as haut:
        with pytest.raises(ConfigError, match="white space") as caught:
            haut.subjects.list()
    assert "two" not in str(caught.value)
    assert sandbox.requests == []


def test_token_is_not_sent_to_redirect_targets_or_storage(sandbox: Sandbox) -> None:
    stored = add_photo(sandbox)
    sandbox.add_subjects(30)
    with uncontacted_server() as (origin, listening):
        with Haut(**sandbox.credentials) as haut:
            http = haut.api.get_httpx_client()
            for code in (301, 302, 303, 307, 308):
                sandbox.faults.add("list_subjects", faults.redirect(origin, code))
                with pytest.raises(ApiError, match="redirect"):
                    haut.subjects.list()
                sandbox.faults.add("list_subjects", faults.redirect(origin, code))
                path = (
                    f"/api/v1/companies/{haut.scope.company_id}/datasets/"
                    f"{haut.scope.dataset()}/subjects/"
                )
                with pytest.raises(ApiError, match="redirect"):
                    http.get(path)
                with pytest.raises(ConfigError, match="follow_redirects"):
                    http.get(path, follow_redirects=True)
                sandbox.faults.add("upload_image", faults.redirect(origin, code))
                with pytest.raises(StorageError):
                    haut.images.upload(stored.subject, PHOTO)

            # The response names a next page at a foreign origin.
            def misleading(answer: Response) -> Response:
                body = bytes(answer.body).replace(sandbox.base_url.encode(), origin.encode())
                return Response(answer.status, answer.headers, body)

            fault = Fault("misleading next", "after", change=misleading)
            sandbox.faults.add("list_subjects", fault, times=3)
            listed = [subject for subject in haut.subjects.iterate()]
            assert len(listed) == 31
            generated = list_subjects.sync_detailed(
                haut.scope.company_id, haut.scope.dataset(), client=haut.api
            )
            assert generated.status_code == 200
        assert sandbox.faults.fired["list_subjects", "misleading next"] == 3
        assert not was_contacted(listening)
    for arrival in sandbox.requests:
        assert arrival.had_authorization == (arrival.operation != "upload_image")


def test_token_is_not_sent_to_other_origins(sandbox: Sandbox) -> None:
    """The token is sent neither to signed URLs nor to foreign URLs given to the generated client."""
    subject = add_photo(sandbox).subject
    with Sandbox(seed=2) as other:
        with Haut(**sandbox.credentials) as haut:
            slot = slot_at(haut.images.request_upload(subject), other.storage_url)
            with pytest.raises(StorageError):
                haut.images.send_bytes(slot, Photo.open(PHOTO))
            http = haut.api.get_httpx_client()
            for address in (other.base_url, other.storage_url):
                with pytest.raises((ApiError, StorageError)):
                    http.send(httpx.Request("GET", f"{address}/anything"))
        assert [arrival.had_authorization for arrival in other.requests] == [False] * 3


def test_call_with_a_string_token_is_not_repeated_after_401(sandbox: Sandbox) -> None:
    with Haut(**sandbox.credentials) as haut:
        sandbox.expire_tokens()
        with pytest.raises(Unauthorized):
            haut.subjects.list()
    assert sandbox.received("list_subjects") == 1
