"""Logging in once, and staying in: who renews, who waits, and when a password is sent again."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import pickle
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

from haut_api.api.login import login, refresh_access_token
from haut_api.models import LoginRequest, RefreshRequest
from haut_ext import (
    ApiError,
    AsyncHaut,
    BadRequest,
    ConfigError,
    Forbidden,
    HautError,
    RateLimited,
    ServerError,
    TransportError,
    Unauthorized,
    UnexpectedResponse,
)
from haut_ext._async.auth import AsyncTokenSource
from haut_ext._async.login import AsyncLogin
from haut_ext._http.redaction import redact_text
from haut_ext._http.tokens import TOKENLESS_PATHS
from haut_ext.sandbox import Fault, Request, Sandbox, faults
from haut_ext.sandbox.http_messages import Response
from tests.faces import gather_async

pytestmark = pytest.mark.anyio

HOUR = 3600.0
MINUTE = 60.0
MANY = 16


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=1) as sandbox:
        yield sandbox


class Ahead:
    """A clock that runs ahead of the machine's by as much as it is told."""

    def __init__(self, haut: AsyncHaut) -> None:
        self.seconds = 0.0
        tokens = haut._operations.http.connections.tokens
        assert isinstance(tokens.provider, AsyncLogin)
        tokens.clock = tokens.provider.clock = self

    def __call__(self) -> float:
        return time.monotonic() + self.seconds


async def log_in(sandbox: Sandbox, **options: Any) -> AsyncHaut:
    credentials = sandbox.credentials
    return await AsyncHaut.login(
        **sandbox.login_credentials,
        dataset_id=credentials["dataset_id"],
        base_url=credentials["base_url"],
        **options,
    )


def came(sandbox: Sandbox) -> tuple[int, int]:
    """How many logins and refreshes have arrived."""
    return sandbox.received("login"), sandbox.received("refresh_access_token")


def forget_refresh_tokens(sandbox: Sandbox) -> None:
    with sandbox.database.lock:
        sandbox.state.authentication.refresh_tokens.clear()


async def outcomes(haut: AsyncHaut) -> set[str]:
    found = await gather_async([haut.subjects.list] * MANY)
    return {type(outcome).__name__ for outcome in found}


def answering(**changes: Any) -> Fault:
    """The true answer with other fields; None takes one out."""

    def change(answer: Response) -> Response:
        document = {**json.loads(answer.body), **changes}
        kept = {name: value for name, value in document.items() if value is not None}
        return Response(answer.status, answer.headers, json.dumps(kept).encode())

    return Fault("other fields", "after", change=change)


# Getting in


async def test_logs_in_at_once_into_the_users_company(sandbox: Sandbox) -> None:
    async with await log_in(sandbox) as haut:
        assert came(sandbox) == (1, 0)
        assert str(haut.scope.company_id) == sandbox.credentials["company_id"]
        await haut.subjects.create("subject-1")
        [subject] = (await haut.subjects.list()).items
        assert subject.name == "subject-1"
    assert came(sandbox) == (1, 0)


async def test_another_company_and_options(sandbox: Sandbox) -> None:
    other = UUID(int=7)
    async with await log_in(sandbox, company_id=str(other), max_retries=1, deadline=7) as haut:
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
async def test_what_cannot_be_right_is_not_sent(
    sandbox: Sandbox, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        await AsyncHaut.login(
            **{**sandbox.login_credentials, "base_url": sandbox.base_url, **arguments}
        )
    assert came(sandbox) == (0, 0)


async def test_wrong_password(sandbox: Sandbox) -> None:
    with pytest.raises(Unauthorized, match="Check username and password") as caught:
        await AsyncHaut.login("user@example.com", "wrong-password", base_url=sandbox.base_url)
    assert "HAUT_TOKEN" not in str(caught.value)
    assert came(sandbox) == (1, 0)


async def test_mfa(sandbox: Sandbox) -> None:
    sandbox.mfa_enabled = True
    with pytest.raises(BadRequest, match=r"multi-factor.*private token.*token="):
        await log_in(sandbox)


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
async def test_a_login_is_sent_once(
    sandbox: Sandbox, fault: Fault, kind: type[HautError], message: str
) -> None:
    sandbox.faults.add("login", fault)
    with pytest.raises(kind, match=message):
        await log_in(sandbox)
    assert came(sandbox) == (1, 0)


# Staying in


async def test_an_ended_token_is_refreshed_once_for_all(sandbox: Sandbox) -> None:
    async with await log_in(sandbox) as haut:
        for times in (1, 2):
            sandbox.clock.advance(HOUR)  # the service's; this client believes the token fresh
            assert await outcomes(haut) == {"Page"}
            assert came(sandbox) == (1, times)


async def test_a_short_life_is_known(sandbox: Sandbox) -> None:
    with Sandbox(seed=1, token_seconds=600) as short:
        async with await log_in(short, token_life=600) as haut:
            ahead = Ahead(haut)
            for times in (1, 2, 3):
                ahead.seconds += 599
                short.clock.advance(599)
                await haut.subjects.list()
                assert came(short) == (1, times)
        assert short.received("list_subjects") == 3  # no 401 among them


async def test_early_one_renews_and_the_others_go_on(sandbox: Sandbox) -> None:
    listed = threading.Semaphore(0)
    missed: list[int] = []

    def hold(request: Request) -> None:
        if request.operation == "list_subjects":
            listed.release()
        elif request.operation == "refresh_access_token":
            missed.extend(n for n in range(MANY - 1) if not listed.acquire(timeout=10))

    async with await log_in(sandbox) as haut:
        ahead = Ahead(haut)
        ahead.seconds = HOUR * 3 / 4 - MINUTE
        assert await outcomes(haut) == {"Page"}
        assert came(sandbox) == (1, 0)
        ahead.seconds += MINUTE
        sandbox.before_request = hold
        assert await outcomes(haut) == {"Page"}
        sandbox.before_request = None
        assert came(sandbox) == (1, 1)
        assert missed == []
        assert await outcomes(haut) == {"Page"}
        assert came(sandbox) == (1, 1)


@pytest.mark.parametrize(
    "fault", [faults.reset("after"), faults.status(500), faults.status(429, retry_after=600)]
)
async def test_early_failure_is_nobodys_and_is_left_for_a_while(
    sandbox: Sandbox, fault: Fault
) -> None:
    async with await log_in(sandbox) as haut:
        ahead = Ahead(haut)
        sandbox.faults.add("refresh_access_token", fault, times=2)
        ahead.seconds = HOUR * 3 / 4
        for _ in range(2):
            assert await outcomes(haut) == {"Page"}
            assert came(sandbox) == (1, 1)
        ahead.seconds += MINUTE
        assert await outcomes(haut) == {"Page"}
        assert came(sandbox) == (1, 2)
        # A call whose token is refused meanwhile does not get that failure, it asks for itself.
        sandbox.expire_tokens()
        assert await outcomes(haut) == {"Page"}
        assert came(sandbox) == (1, 3)


async def test_a_401_after_an_early_failure_asks_again() -> None:
    """Its call began before that failure, which was nobody's, and so is not its own."""
    seconds = 0.0
    failing = False

    def provider() -> str:
        if failing:
            raise OSError
        return f"token-{seconds:g}"

    tokens = AsyncTokenSource(provider, lifetime=HOUR)
    tokens.clock = lambda: seconds
    held = await tokens.current()
    seconds, failing = HOUR * 3 / 4, True
    assert (await tokens.current()).value == "token-0"
    failing = False
    assert await tokens.renew(held)
    assert (await tokens.current()).value == "token-2700"


async def test_late_all_wait_for_one(sandbox: Sandbox) -> None:
    async with await log_in(sandbox) as haut:
        Ahead(haut).seconds = HOUR * 29 / 30
        sandbox.expire_tokens()
        assert await outcomes(haut) == {"Page"}
        assert came(sandbox) == (1, 1)
    assert sandbox.received("list_subjects") == MANY  # so nobody went with the old one


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
async def test_late_failure_is_everybodys_and_no_reason_to_log_in(
    sandbox: Sandbox, fault: Fault, kind: type[HautError]
) -> None:
    async with await log_in(sandbox) as haut:
        Ahead(haut).seconds = HOUR
        sandbox.faults.add("refresh_access_token", fault)
        with pytest.raises(kind, match="/auth/refresh/"):
            await haut.subjects.list()
        assert came(sandbox) == (1, 1)
        assert sandbox.received("list_subjects") == 0
        await haut.subjects.list()
        assert came(sandbox) == (1, 2)


async def test_a_refused_refresh_is_a_login_but_never_twice_a_minute(sandbox: Sandbox) -> None:
    async with await log_in(sandbox) as haut:
        ahead = Ahead(haut)
        forget_refresh_tokens(sandbox)
        sandbox.expire_tokens()
        for _ in range(2):
            with pytest.raises(Unauthorized, match=r"new login is possible in \d+ s") as caught:
                await haut.subjects.list()
            assert caught.value.operation == "POST /api/v1/auth/refresh/"
            assert caught.value.retry_after is not None
            assert 0 < caught.value.retry_after <= MINUTE
        assert came(sandbox) == (1, 2)
        ahead.seconds = MINUTE
        assert await outcomes(haut) == {"Page"}
        assert came(sandbox) == (2, 3)

        # A login that is refused counts, and says what is wrong.
        forget_refresh_tokens(sandbox)
        sandbox.expire_tokens()
        sandbox.mfa_enabled = True
        ahead.seconds += MINUTE
        with pytest.raises(BadRequest, match=r"multi-factor"):
            await haut.subjects.list()
        with pytest.raises(Unauthorized, match="new login is possible"):
            await haut.subjects.list()
        assert sandbox.received("login") == 3


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 422])
async def test_what_counts_as_a_refused_refresh(sandbox: Sandbox, code: int) -> None:
    async with await log_in(sandbox) as haut:
        Ahead(haut).seconds = HOUR
        sandbox.faults.add("refresh_access_token", faults.status(code))
        await haut.subjects.list()
        assert came(sandbox) == (2, 1)


async def test_answers_of_a_refresh(sandbox: Sandbox) -> None:
    """Its answer is documented nowhere, so all that public clients read is read."""
    async with await log_in(sandbox) as haut:
        ahead = Ahead(haut)

        async def renewed(fault: Fault) -> tuple[int, int]:
            sandbox.faults.add("refresh_access_token", fault)
            ahead.seconds += HOUR
            await haut.subjects.list()
            return came(sandbox)

        assert await renewed(answering(access_token=None)) == (1, 1)
        assert await renewed(answering(token_access=None, refresh_token=None)) == (1, 2)
        with sandbox.database.lock:
            new = sandbox.state.authentication.create_refresh_token()
        assert await renewed(answering(refresh_token=new)) == (1, 3)
        with sandbox.database.lock:
            sandbox.state.authentication.refresh_tokens = {new}
        assert await renewed(answering()) == (1, 4)
        for useless in ({"access_token": None, "token_access": None}, {"access_token": 7}):
            logins, refreshes = came(sandbox)
            assert await renewed(answering(**useless)) == (logins + 1, refreshes + 1)


async def test_clients_made_from_it_share_the_token(sandbox: Sandbox) -> None:
    async with await log_in(sandbox) as haut:
        twin = haut.with_options(max_retries=0)
        sandbox.expire_tokens()
        found = await gather_async([haut.subjects.list, twin.subjects.list] * MANY)
        assert {type(outcome).__name__ for outcome in found} == {"Page"}
        await twin.subjects.list()
    assert came(sandbox) == (1, 1)


async def test_no_copies(sandbox: Sandbox) -> None:
    """Each would log in by itself."""
    async with await log_in(sandbox) as haut:
        for duplicate in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(ConfigError, match="private token"):
                duplicate(haut)


# Who is told what


def test_the_wire_knows_which_operations_are_open() -> None:
    document = yaml.safe_load(Path("openapi/haut.yaml").read_text("utf-8"))
    documented = {
        path
        for path, operations in document["paths"].items()
        if path.startswith("/api/")
        for operation in operations.values()
        if isinstance(operation, dict) and operation.get("security") == []
    }
    assert documented == TOKENLESS_PATHS


async def test_open_operations_carry_no_token_and_wait_for_none(sandbox: Sandbox) -> None:
    async with await log_in(sandbox) as haut:
        Ahead(haut).seconds = HOUR  # whoever asks for the token now is in for a refresh
        person = LoginRequest(**sandbox.login_credentials)
        response = await login.asyncio_detailed(client=haut.api, body=person)
        token = RefreshRequest(response.parsed.refresh_token)  # type: ignore[union-attr]
        await refresh_access_token.asyncio_detailed(client=haut.api, body=token)
        assert came(sandbox) == (2, 1)
        await haut.subjects.list()
    assert came(sandbox) == (2, 2)
    for arrival in sandbox.requests:
        assert arrival.had_authorization == (arrival.operation == "list_subjects")


ECHO = "not {username} with {password}"


@pytest.mark.parametrize(
    "fault",
    [
        answering(company_id=None),
        answering(company_id="nowhere"),
        answering(access_token=None),
        faults.status(200, b'{"token":"of-nobody"', content_type="application/json"),
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
async def test_nothing_secret_in_what_a_failed_login_leaves(
    sandbox: Sandbox, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    credentials = {name: str(value) for name, value in sandbox.login_credentials.items()}
    secrets = [*credentials.values(), "of-nobody", "sandbox-token-"]

    def echoing(answer: Response) -> Response:
        changed = fault.change(answer)
        body = bytes(changed.body)
        for name, value in credentials.items():
            body = body.replace(b"{%s}" % name.encode(), value.encode())
        return Response(changed.status, changed.headers, body)

    sandbox.faults.add("login", Fault("echo", "after", fault.delivery, echoing))
    with pytest.raises(HautError) as caught:
        await log_in(sandbox)
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + repr(vars(error)) + caplog.text
    for secret in secrets:
        assert secret not in shown
        assert secret.encode() not in pickle.dumps(error)


def test_a_secret_that_is_part_of_another() -> None:
    assert redact_text("ada-1815", ("ada", "ada-1815", "1815")) == "[redacted]"


async def test_nothing_secret_in_a_client(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with await log_in(sandbox) as haut:
        sandbox.expire_tokens()
        await haut.subjects.list()
        tokens = haut._operations.http.connections.tokens
        shown = repr(haut) + repr(vars(haut)) + repr(haut.api) + repr(vars(tokens))
        shown += repr(vars(tokens.provider)) + repr(haut._operations) + caplog.text
    held = sandbox.state.authentication.issued_secrets()
    for secret in (*sandbox.login_credentials.values(), *held):
        assert str(secret) not in shown


async def test_a_bad_answer_ends_the_connections(sandbox: Sandbox) -> None:
    """A client that nobody got cannot be closed by anybody."""
    sandbox.faults.add("login", answering(company_id="nowhere"))
    with pytest.raises(UnexpectedResponse, match="company_id"):
        await log_in(sandbox)


async def test_a_caller_that_is_cancelled_leaves_the_renewal_to_the_next(sandbox: Sandbox) -> None:
    tokens = AsyncTokenSource(Interrupted(), lifetime=HOUR)
    with pytest.raises(asyncio.CancelledError):
        await tokens.current()
    assert (await tokens.current()).value == "token-2"


class Interrupted:
    """Is cut short the first time."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self) -> str:
        self.asked += 1
        if self.asked == 1:
            raise asyncio.CancelledError
        return f"token-{self.asked}"
