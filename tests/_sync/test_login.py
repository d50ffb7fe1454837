# Derived from tests/_async/test_login.py by `make sync`; change that file instead.
"""Tests of the login, of concurrent access token refreshes and of repeated logins."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import threading
import time
import traceback
from typing import Any
from uuid import UUID

import pytest

from haut_api.api.login import login, refresh_access_token
from haut_api.models import LoginRequest, RefreshRequest
from haut_ext import (
    ApiError,
    BadRequest,
    ConfigError,
    Forbidden,
    Haut,
    HautError,
    RateLimited,
    ServerError,
    TransportError,
    Unauthorized,
    UnexpectedResponse,
)
from haut_ext._http.redaction import redact_text
from haut_ext._http.tokens import TOKENLESS_PATHS
from haut_ext._sync.auth import TokenSource
from haut_ext._sync.login import Login
from haut_ext.sandbox import Fault, Request, Sandbox, faults
from haut_ext.sandbox.http_messages import Response
from haut_ext.secret import Secret
from tests.contract import CONTRACT
from tests.support.both_clients import gather

pytestmark = pytest.mark.anyio

HOUR = 3600.0
MINUTE = 60.0
MANY = 16


class AdvancedClock:
    """Fake monotonic clock of a client. Tests advance it by increasing `seconds`."""

    def __init__(self, haut: Haut) -> None:
        self.seconds = 0.0
        tokens = haut._operations.http.connections.tokens
        assert isinstance(tokens.provider, Login)
        tokens.clock = tokens.provider.clock = self

    def __call__(self) -> float:
        return time.monotonic() + self.seconds


def log_in(sandbox: Sandbox, **options: Any) -> Haut:
    credentials = sandbox.credentials
    return Haut.login(
        **sandbox.login_credentials,
        dataset_id=credentials["dataset_id"],
        base_url=credentials["base_url"],
        **options,
    )


def logins_and_refreshes(sandbox: Sandbox) -> tuple[int, int]:
    """Return how many logins and how many token refreshes the sandbox has received."""
    return sandbox.received("login"), sandbox.received("refresh_access_token")


def revoke_refresh_tokens(sandbox: Sandbox) -> None:
    with sandbox.database.lock:
        sandbox.state.authentication.refresh_tokens.clear()


def outcomes(haut: Haut) -> set[str]:
    found = gather([haut.subjects.list] * MANY)
    return {type(outcome).__name__ for outcome in found}


def changed(**changes: Any) -> Fault:
    """Return a fault that changes fields of the response. The value None removes a field."""

    def change(answer: Response) -> Response:
        document = {**json.loads(answer.body), **changes}
        kept = {name: value for name, value in document.items() if value is not None}
        return Response(answer.status, answer.headers, json.dumps(kept).encode())

    return Fault("changed fields", "after", change=change)


# Login


def test_login_selects_the_company_of_the_user(sandbox: Sandbox) -> None:
    with log_in(sandbox) as haut:
        assert logins_and_refreshes(sandbox) == (1, 0)
        assert str(haut.scope.company_id) == sandbox.credentials["company_id"]
        haut.subjects.create("subject-1")
        [subject] = (haut.subjects.list()).items
        assert subject.name == "subject-1"
    assert logins_and_refreshes(sandbox) == (1, 0)


def test_company_and_options_can_be_given(sandbox: Sandbox) -> None:
    other = UUID(int=7)
    with log_in(sandbox, company_id=str(other), max_retries=1, deadline=7) as haut:
        assert haut.scope.company_id == other
        assert (haut.options.max_retries, haut.options.deadline) == (1, 7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"username": ""}, "username and a password"),
        ({"password": ""}, "username and a password"),
        ({"token_life": 0}, "token_life"),
        ({"company_id": "none"}, "company_id"),
        ({"base_url": "http://saas.haut.ai"}, "plain http"),
    ],
)
def test_invalid_arguments_are_rejected_before_any_request(
    sandbox: Sandbox, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Haut.login(**{**sandbox.login_credentials, "base_url": sandbox.base_url, **arguments})
    assert logins_and_refreshes(sandbox) == (0, 0)


def test_wrong_password_is_reported(sandbox: Sandbox) -> None:
    with pytest.raises(Unauthorized, match="Check username and password") as caught:
        Haut.login("user@example.com", "wrong-password", base_url=sandbox.base_url)
    assert "HAUT_TOKEN" not in str(caught.value)
    assert logins_and_refreshes(sandbox) == (1, 0)


def test_multi_factor_authentication_is_reported(sandbox: Sandbox) -> None:
    sandbox.mfa_enabled = True
    with pytest.raises(BadRequest, match=r"multi-factor.*private token.*token="):
        log_in(sandbox)


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (faults.status(403), Forbidden, "private token"),
        (faults.status(429, retry_after=0), RateLimited, "blocks frequent logins"),
        (faults.status(503, retry_after=0), ServerError, "blocks frequent logins"),
        (faults.reset("after"), TransportError, "blocks frequent logins"),
        (faults.status(500), ServerError, "blocks frequent logins"),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_failed_login_is_not_retried(
    sandbox: Sandbox, fault: Fault, kind: type[HautError], message: str
) -> None:
    sandbox.faults.add("login", fault)
    with pytest.raises(kind, match=message):
        log_in(sandbox)
    assert logins_and_refreshes(sandbox) == (1, 0)


# Access token refresh


def test_concurrent_calls_refresh_an_expired_token_once(sandbox: Sandbox) -> None:
    with log_in(sandbox) as haut:
        for times in (1, 2):
            # Only the service considers the token expired, as the client's clock does not advance.
            sandbox.clock.advance(HOUR)
            assert outcomes(haut) == {"Page"}
            assert logins_and_refreshes(sandbox) == (1, times)


def test_token_is_refreshed_before_its_given_lifetime_ends(sandbox: Sandbox) -> None:
    with Sandbox(seed=1, token_seconds=600) as short:
        with log_in(short, token_life=600) as haut:
            clock = AdvancedClock(haut)
            for times in (1, 2, 3):
                clock.seconds += 599
                short.clock.advance(599)
                haut.subjects.list()
                assert logins_and_refreshes(short) == (1, times)
        assert short.received("list_subjects") == 3  # no call was repeated after a 401


def test_early_refresh_does_not_block_other_calls(sandbox: Sandbox) -> None:
    listed = threading.Semaphore(0)
    missed: list[int] = []

    def hold(request: Request) -> None:
        if request.operation == "list_subjects":
            listed.release()
        elif request.operation == "refresh_access_token":
            missed.extend(n for n in range(MANY - 1) if not listed.acquire(timeout=10))

    with log_in(sandbox) as haut:
        clock = AdvancedClock(haut)
        clock.seconds = HOUR * 3 / 4 - MINUTE
        assert outcomes(haut) == {"Page"}
        assert logins_and_refreshes(sandbox) == (1, 0)
        clock.seconds += MINUTE
        sandbox.before_request = hold
        assert outcomes(haut) == {"Page"}
        sandbox.before_request = None
        assert logins_and_refreshes(sandbox) == (1, 1)
        assert missed == []
        assert outcomes(haut) == {"Page"}
        assert logins_and_refreshes(sandbox) == (1, 1)


@pytest.mark.parametrize(
    "fault", [faults.reset("after"), faults.status(500), faults.status(429, retry_after=600)]
)
def test_failed_early_refresh_is_ignored_and_not_repeated_for_a_minute(
    sandbox: Sandbox, fault: Fault
) -> None:
    with log_in(sandbox) as haut:
        clock = AdvancedClock(haut)
        sandbox.faults.add("refresh_access_token", fault, times=2)
        clock.seconds = HOUR * 3 / 4
        for _ in range(2):
            assert outcomes(haut) == {"Page"}
            assert logins_and_refreshes(sandbox) == (1, 1)
        clock.seconds += MINUTE
        assert outcomes(haut) == {"Page"}
        assert logins_and_refreshes(sandbox) == (1, 2)
        # After a 401, a call ignores the failed early refresh and refreshes the token itself.
        sandbox.expire_tokens()
        assert outcomes(haut) == {"Page"}
        assert logins_and_refreshes(sandbox) == (1, 3)


def test_401_after_a_failed_early_refresh_requests_a_new_token() -> None:
    """A call that started before a failed early refresh does not raise the error of the refresh."""
    seconds = 0.0
    failing = False

    def provider() -> str:
        if failing:
            raise OSError
        return f"token-{seconds:g}"

    tokens = TokenSource(provider, lifetime=HOUR)
    tokens.clock = lambda: seconds
    cached = tokens.current()
    seconds, failing = HOUR * 3 / 4, True
    assert (tokens.current()).value == Secret("token-0")
    failing = False
    assert tokens.renew(cached)
    assert (tokens.current()).value == Secret("token-2700")


def test_late_refresh_is_done_once_while_all_calls_wait(sandbox: Sandbox) -> None:
    with log_in(sandbox) as haut:
        AdvancedClock(haut).seconds = HOUR * 29 / 30
        sandbox.expire_tokens()
        assert outcomes(haut) == {"Page"}
        assert logins_and_refreshes(sandbox) == (1, 1)
    # Each call sent a single request, so no call used the expired token.
    assert sandbox.received("list_subjects") == MANY


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.reset("after"), TransportError),
        (faults.status(500), ServerError),
        (faults.status(429, retry_after=600), RateLimited),
        (faults.status(302), ApiError),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_failed_late_refresh_is_raised_without_a_new_login(
    sandbox: Sandbox, fault: Fault, kind: type[HautError]
) -> None:
    with log_in(sandbox) as haut:
        AdvancedClock(haut).seconds = HOUR
        sandbox.faults.add("refresh_access_token", fault)
        with pytest.raises(kind, match="/auth/refresh/"):
            haut.subjects.list()
        assert logins_and_refreshes(sandbox) == (1, 1)
        assert sandbox.received("list_subjects") == 0
        haut.subjects.list()
        assert logins_and_refreshes(sandbox) == (1, 2)


def test_rejected_refresh_causes_at_most_one_login_per_minute(sandbox: Sandbox) -> None:
    with log_in(sandbox) as haut:
        clock = AdvancedClock(haut)
        revoke_refresh_tokens(sandbox)
        sandbox.expire_tokens()
        for _ in range(2):
            with pytest.raises(Unauthorized, match=r"new login is possible in \d+ s") as caught:
                haut.subjects.list()
            assert caught.value.operation == "POST /api/v1/auth/refresh/"
            assert caught.value.retry_after is not None
            assert 0 < caught.value.retry_after <= MINUTE
        assert logins_and_refreshes(sandbox) == (1, 2)
        clock.seconds = MINUTE
        assert outcomes(haut) == {"Page"}
        assert logins_and_refreshes(sandbox) == (2, 3)

        # A rejected login raises its own error and also delays the next login.
        revoke_refresh_tokens(sandbox)
        sandbox.expire_tokens()
        sandbox.mfa_enabled = True
        clock.seconds += MINUTE
        with pytest.raises(BadRequest, match=r"multi-factor"):
            haut.subjects.list()
        with pytest.raises(Unauthorized, match="new login is possible"):
            haut.subjects.list()
        assert sandbox.received("login") == 3


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 422])
def test_refresh_rejected_with_any_4xx_causes_a_login(sandbox: Sandbox, code: int) -> None:
    with log_in(sandbox) as haut:
        AdvancedClock(haut).seconds = HOUR
        sandbox.faults.add("refresh_access_token", faults.status(code))
        haut.subjects.list()
        assert logins_and_refreshes(sandbox) == (2, 1)


def test_all_known_response_formats_of_a_refresh_are_accepted(sandbox: Sandbox) -> None:
    """The refresh response is undocumented, so the client accepts all formats that are in use."""
    with log_in(sandbox) as haut:
        clock = AdvancedClock(haut)

        def refresh_with(fault: Fault) -> tuple[int, int]:
            sandbox.faults.add("refresh_access_token", fault)
            clock.seconds += HOUR
            haut.subjects.list()
            return logins_and_refreshes(sandbox)

        assert refresh_with(changed(access_token=None)) == (1, 1)
        assert refresh_with(changed(token_access=None, refresh_token=None)) == (1, 2)
        with sandbox.database.lock:
            new = sandbox.state.authentication.create_refresh_token()
        assert refresh_with(changed(refresh_token=new)) == (1, 3)
        with sandbox.database.lock:
            sandbox.state.authentication.refresh_tokens = {new}
        assert refresh_with(changed()) == (1, 4)
        for useless in ({"access_token": None, "token_access": None}, {"access_token": 7}):
            logins, refreshes = logins_and_refreshes(sandbox)
            assert refresh_with(changed(**useless)) == (logins + 1, refreshes + 1)


def test_derived_clients_share_the_token(sandbox: Sandbox) -> None:
    with log_in(sandbox) as haut:
        twin = haut.with_options(max_retries=0)
        sandbox.expire_tokens()
        found = gather([haut.subjects.list, twin.subjects.list] * MANY)
        assert {type(outcome).__name__ for outcome in found} == {"Page"}
        twin.subjects.list()
    assert logins_and_refreshes(sandbox) == (1, 1)


def test_client_with_login_cannot_be_copied(sandbox: Sandbox) -> None:
    """Copying is rejected, because each copy of the client would log in separately."""
    with log_in(sandbox) as haut:
        for duplicate in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(ConfigError, match="private token"):
                duplicate(haut)


# Secrecy of tokens and passwords


def test_paths_without_authorization_match_the_spec() -> None:
    documented = {
        path
        for path, operations in CONTRACT["paths"].items()
        if path.startswith("/api/")
        for operation in operations.values()
        if isinstance(operation, dict) and operation.get("security") == []
    }
    assert documented == TOKENLESS_PATHS


def test_operations_without_authorization_neither_send_nor_refresh_the_token(
    sandbox: Sandbox,
) -> None:
    with log_in(sandbox) as haut:
        AdvancedClock(haut).seconds = HOUR  # a call with the expired token would cause a refresh
        person = LoginRequest(**sandbox.login_credentials)
        response = login.sync_detailed(client=haut.api, body=person)
        token = RefreshRequest(response.parsed.refresh_token)  # type: ignore[union-attr]
        refresh_access_token.sync_detailed(client=haut.api, body=token)
        assert logins_and_refreshes(sandbox) == (2, 1)
        haut.subjects.list()
    assert logins_and_refreshes(sandbox) == (2, 2)
    for arrival in sandbox.requests:
        assert arrival.had_authorization == (arrival.operation == "list_subjects")


ECHO = "not {username} with {password}"


@pytest.mark.parametrize(
    "fault",
    [
        changed(company_id=None),
        changed(company_id="nowhere"),
        changed(access_token=None),
        faults.status(200, b'{"token":"unknown-token"', content_type="application/json"),
        faults.status(400, ECHO.encode(), content_type="application/json"),
        faults.status(
            401,
            b'{"errors":[{"code":"no","detail":"{password}","attr":"{username}"}]}',
            content_type="application/json",
        ),
        faults.status(500, b'{"username":"{username}","password":"{password}"}'),
        faults.garbage(),
        faults.truncated(),
    ],
    ids=str,
)
def test_failed_login_leaves_no_secret_in_errors_and_logs(
    sandbox: Sandbox, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    credentials = {name: str(value) for name, value in sandbox.login_credentials.items()}
    secrets = [*credentials.values(), "unknown-token", "sandbox-token-"]

    def echoing(answer: Response) -> Response:
        changed = fault.change(answer)
        body = bytes(changed.body)
        for name, value in credentials.items():
            body = body.replace(b"{%s}" % name.encode(), value.encode())
        return Response(changed.status, changed.headers, body)

    sandbox.faults.add("login", Fault("echo", "after", fault.delivery, echoing))
    with pytest.raises(HautError) as caught:
        log_in(sandbox)
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + repr(vars(error)) + caplog.text
    for secret in secrets:
        assert secret not in shown
        assert secret.encode() not in pickle.dumps(error)


def test_longest_matching_secret_is_redacted_first() -> None:
    assert redact_text("ada-1815", ("ada", "ada-1815", "1815")) == "[redacted]"


def test_reprs_and_logs_of_a_client_contain_no_secret(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with log_in(sandbox) as haut:
        sandbox.expire_tokens()
        haut.subjects.list()
        tokens = haut._operations.http.connections.tokens
        shown = repr(haut) + repr(vars(haut)) + repr(haut.api) + repr(vars(tokens))
        shown += repr(vars(tokens.provider)) + repr(haut._operations) + caplog.text
    tokens_of_service = sandbox.state.authentication.issued_secrets()
    for secret in (*sandbox.login_credentials.values(), *tokens_of_service):
        assert str(secret) not in shown


def test_invalid_login_response_closes_the_connections(sandbox: Sandbox) -> None:
    """A failed login returns no client, so the caller could not close the connections."""
    sandbox.faults.add("login", changed(company_id="nowhere"))
    with pytest.raises(UnexpectedResponse, match="company_id"):
        log_in(sandbox)


def test_call_after_a_canceled_token_request_requests_a_token(sandbox: Sandbox) -> None:
    tokens = TokenSource(CanceledProvider(), lifetime=HOUR)
    with pytest.raises(KeyboardInterrupt):
        tokens.current()
    assert (tokens.current()).value == Secret("token-2")


class CanceledProvider:
    """Token provider whose first call is canceled."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls == 1:
            raise KeyboardInterrupt
        return f"token-{self.calls}"
