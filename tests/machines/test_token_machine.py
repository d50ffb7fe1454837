"""State machine of clients that log in, and whose tokens expire, are revoked and are renewed."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from haut_ext import AsyncHaut, Haut, HautError
from haut_ext.sandbox import Request
from tests.machines.harness import FAULTS, SSL_CONTEXT, Action, SandboxMachine, run_machine

# After an interruption, the client leaves its open connections to the garbage collector.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")]

HOUR = 3600.0
MINUTE = 60.0
REFRESH, LOGIN = "refresh_access_token", "login"
NAMES = [name for name in FAULTS if not name.startswith("stall")]


def expire(machine: TokenMachine) -> None:
    machine.sandbox.expire_tokens()
    machine.invalidations += 1


def revoke_refresh_tokens(machine: TokenMachine) -> None:
    with machine.sandbox.database.lock:
        machine.sandbox.state.authentication.refresh_tokens.clear()


def revoke_all_tokens(machine: TokenMachine) -> None:
    revoke_refresh_tokens(machine)
    expire(machine)


def change_password(machine: TokenMachine) -> None:
    machine.sandbox.state.authentication.password = "another-password"


def restore_password(machine: TokenMachine) -> None:
    machine.sandbox.state.authentication.password = machine.password


CHANGES: dict[str, Action] = {
    "expire": expire,
    "revoke the refresh tokens": revoke_refresh_tokens,
    "revoke all tokens": revoke_all_tokens,
    "change the password": change_password,
    "restore the password": restore_password,
}


class TokenMachine(SandboxMachine):
    """Makes concurrent calls with one client, while its tokens become invalid.

    Attributes:
        client: The client, which uses `clock` instead of the system's clock.
        seconds: Seconds by which the clocks of client and service have been advanced.
        invalidations: Number of times all access tokens were made invalid.
        logins: Times of the client's clock at which the service received a login.
        changes: Changes by request number, for the current calls.
        interrupt: Request number at which the calls are canceled.
    """

    actions: ClassVar[dict[str, Action]] = CHANGES
    client: Any

    def __init__(self) -> None:
        super().__init__()
        self.password = self.sandbox.login_credentials["password"]
        self.seconds = 0.0
        self.invalidations = 0
        self.logins: list[float] = []
        self.changes: list[tuple[int, str]] = []
        self.runner = asyncio.Runner()
        self.asynchronous = False
        self.arrived = 0
        self.interrupt: int | None = None

    def clock(self) -> float:
        return time.monotonic() + self.seconds

    @initialize(asynchronous=st.booleans(), retries=st.integers(0, 1))
    def log_in(self, asynchronous: bool, retries: int) -> None:
        self.asynchronous = asynchronous
        self.sandbox.before_request = self.before_request
        arguments: Any = {
            **self.sandbox.login_credentials,
            "dataset_id": self.sandbox.database.dataset_id,
            "base_url": self.sandbox.base_url,
            "max_retries": retries,
            "event_hooks": {"request": [self.before_attempt]},
            "verify": SSL_CONTEXT,
        }
        if asynchronous:
            self.client = self.runner.run(AsyncHaut.login(**arguments))
        else:
            self.client = Haut.login(**arguments)
        tokens = self.client._operations.http.connections.tokens
        tokens.clock = tokens.provider.clock = self.clock

    def before_attempt(self, _: object) -> None:
        if self.interrupt is not None:
            self.interrupt -= 1
            if self.interrupt < 0:
                self.interrupt = None
                self.cancel()

    def cancel(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    def before_request(self, request: Request) -> None:
        if request.operation == LOGIN:
            self.logins.append(self.clock())
        for at, name in self.changes:
            if at == self.arrived:
                CHANGES[name](self)
        self.arrived += 1

    @rule(seconds=st.sampled_from([MINUTE, HOUR / 2, HOUR * 3 / 4, HOUR]))
    def advance(self, seconds: float) -> None:
        self.seconds += seconds
        self.sandbox.clock.advance(seconds)
        self.invalidations += 1

    @rule(change=st.sampled_from(list(CHANGES)))
    def change(self, change: str) -> None:
        CHANGES[change](self)

    @rule(
        calls=st.sampled_from([1, 4, 8]),
        changes=st.lists(st.tuples(st.integers(0, 12), st.sampled_from(list(CHANGES))), max_size=2),
        planned=st.lists(
            st.tuples(
                st.integers(0, 6), st.sampled_from(["*", REFRESH, LOGIN]), st.sampled_from(NAMES)
            ),
            max_size=2,
        ),
    )
    def call(
        self, calls: int, changes: list[tuple[int, str]], planned: list[tuple[int, str, str]]
    ) -> None:
        for skip, operation, name in planned:
            skipped = skip if operation == "*" else 0
            self.sandbox.faults.add(operation, FAULTS[name], skip=skipped)
        self.check(calls, changes)

    @rule(calls=st.sampled_from([1, 4, 8]))
    def call_undisturbed(self, calls: int) -> None:
        self.check(calls, [])

    @rule(calls=st.sampled_from([1, 4, 8]), number=st.integers(0, 10), expired=st.booleans())
    @precondition(lambda self: self.asynchronous)
    def cancel_a_call(self, calls: int, number: int, expired: bool) -> None:
        """Cancel the call that sends a request, possibly on behalf of the others."""
        if expired:
            self.advance(HOUR)
            number %= 2
        self.interrupt = number
        self.check(calls, [])

    def check(self, calls: int, changes: list[tuple[int, str]]) -> None:
        type(self).calls += calls
        first = len(self.sandbox.requests)
        invalid = self.invalidations > 0
        self.arrived, self.changes = 0, changes
        self.invalidations = 0
        usable = not changes and not self.sandbox.faults.pending
        interrupted = self.interrupt is not None
        outcomes = self.outcomes(calls)
        fired = sum(self.sandbox.faults.fired.values())
        self.sandbox.faults.clear()
        self.interrupt, self.changes = None, []
        requests = self.sandbox.requests[first:]
        received = [request.operation for request in requests]
        for request in requests:
            assert request.had_authorization == (request.operation not in (REFRESH, LOGIN))
        renewals = max(received.count(REFRESH), received.count(LOGIN))
        # After a rejected early renewal, the calls that get a 401 request the token once more. On a
        # busy machine, each thread can begin its call after the renewal of another one has failed.
        rejected = sum(it.operation == REFRESH and it.status != 200 for it in requests)
        if self.asynchronous:
            rejected = min(1, rejected)
        causes = invalid + self.invalidations + fired + self.failed_before + interrupted + rejected
        assert renewals <= causes, "more tokens were requested than became invalid"
        for earlier, later in zip(self.logins, self.logins[1:], strict=False):
            assert later - earlier >= MINUTE - 1, "a login was repeated within a minute"
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        canceled = [error for error in errors if isinstance(error, asyncio.CancelledError)]
        assert len(canceled) <= interrupted, "a cancellation has ended other calls"
        for error in errors:
            assert isinstance(error, HautError | asyncio.CancelledError), repr(error)
            self.check_secrecy(error)
        if usable and not interrupted and (REFRESH not in received or self.is_renewed(requests)):
            assert errors == [], errors
        if self.invalidations == 0 and errors:
            self.invalidations = int(invalid)
        self.failed_before = len(errors) > 0

    failed_before = False

    def is_renewed(self, requests: list[Any]) -> bool:
        return any(
            request.operation in (REFRESH, LOGIN) and request.status == 200 for request in requests
        )

    def outcomes(self, calls: int) -> list[object]:
        async def gather() -> list[object]:
            jobs: list[Awaitable[object]] = [
                asyncio.ensure_future(self.client.subjects.list()) for _ in range(calls)
            ]
            return list(await asyncio.gather(*jobs, return_exceptions=True))

        def outcome(_: int) -> object:
            try:
                return self.client.subjects.list()
            except Exception as error:
                return error

        if self.asynchronous:
            return self.runner.run(gather())
        with ThreadPoolExecutor(calls) as executor:
            return list(executor.map(outcome, range(calls)))

    def check_secrecy(self, error: BaseException) -> None:
        text = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
        authentication = self.sandbox.state.authentication
        for secret in {*authentication.issued_secrets(), self.password}:
            assert secret not in text, "an error shows a secret"

    def teardown(self) -> None:
        """Without faults, and with the right password, a later call succeeds."""
        if not hasattr(self, "client"):
            self.runner.close()
            return
        restore_password(self)
        self.advance(MINUTE)
        self.sandbox.expire_tokens()
        try:
            assert not any(isinstance(it, BaseException) for it in self.outcomes(4))
            if self.asynchronous:
                self.runner.run(self.client.aclose())
            else:
                self.client.close()
        finally:
            self.runner.close()


def test_token_machine() -> None:
    run_machine(TokenMachine, examples=40, steps=8)
