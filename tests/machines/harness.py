"""Runs state machines of Hypothesis that call the client while faults happen at any request.

A machine derives from `SandboxMachine` and calls the client inside `disturbed(plan)`. A plan is drawn
with `plans()`. It contains faults, changes by another client, and interruptions, each at a drawn
request. A machine checks its invariants against the records of the sandbox.

`make test` runs a fixed sample of each machine. With HAUT_MACHINE_MINUTES=30, or `make test-machines`,
each machine runs random sequences for this time.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

from attrs import field, frozen
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from haut_ext import AsyncHaut, Haut
from haut_ext.sandbox import Fault, Request, Sandbox, faults

SSL_CONTEXT = ssl.create_default_context()
"""Shared by all clients, because creating it takes longer than most sequences."""

MAX_SHRINKING_SECONDS = 20
"""Time that hypothesis may spend to simplify a sequence that fails."""

MINUTES = float(os.environ.get("HAUT_MACHINE_MINUTES", "0"))

_JSON = "application/json"
_HTML = "text/html"
_FORBIDDEN = b'{"errors":[{"code":"permission_denied","detail":"No permission.","attr":null}]}'

FAULTS: dict[str, Fault] = {
    "502": faults.bad_gateway(502),
    "502, carried out": faults.bad_gateway(502, when="after"),
    "503": faults.status(503),
    "503, Retry-After": faults.rejected(503, retry_after=1),
    "500, carried out": faults.status(500, when="after"),
    "429": faults.rejected(429, retry_after=1),
    "reset": faults.reset("before"),
    "reset, carried out": faults.reset("after"),
    "closed": faults.close("before"),
    "closed, carried out": faults.close("after"),
    "garbage": faults.garbage(),
    "truncated": faults.truncated(),
    "truncated JSON": faults.truncated_json(),
    "stall": faults.stall("before"),
    "stall, carried out": faults.stall("after"),
    "404 of a proxy": faults.status(404, b"<html>no such host</html>", content_type=_HTML),
    "404 of a proxy, carried out": faults.status(
        404, b"<html>no such host</html>", content_type=_HTML, when="after"
    ),
    "404 without a body": faults.status(404),
    "404 with other JSON": faults.status(404, b'{"error":"no route"}', content_type=_JSON),
    "403": faults.status(403, _FORBIDDEN, content_type=_JSON),
    "403 of a proxy": faults.status(403, b"<html>forbidden</html>", content_type=_HTML),
    "405": faults.status(405),
    "400": faults.status(400),
    "401": faults.unauthorized(),
    "409": faults.status(409),
    "302": faults.redirect("https://portal.example/"),
    "login page": faults.login_page(),
    "200 without a body": faults.empty(),
    "false 204": faults.status(204),
    "false 200": faults.status(200, b'{"status":"ok"}', content_type=_JSON),
}
"""Faults of the network, of a proxy and of the service, by name."""

T = TypeVar("T")
Action = Callable[[Any], None]


@frozen
class Plan:
    """What disturbs a call.

    Attributes:
        faults: Pairs of the number of requests without a fault, and the name of the next fault.
        operation: Operation whose requests get the faults; `*` for all. For a single operation, the
            numbers of requests are reduced to 0, 1 or 2.
        actions: Pairs of a request number and the name of a change by another client before it.
        interrupt: Number of the attempt that is interrupted, and whether it is interrupted before the
            request is sent, or after the response was received. None for no interruption.
        retries: Maximum number of retries of the client.
    """

    faults: tuple[tuple[int, str], ...] = ()
    operation: str = "*"
    actions: tuple[tuple[int, str], ...] = ()
    interrupt: tuple[int, str] | None = None
    retries: int = 2

    def has(self, *names: str) -> bool:
        """Return whether a fault with one of the names may happen."""
        return any(name in names for _, name in self.faults)


def plans(
    actions: Sequence[str] = (),
    *,
    names: Sequence[str] = tuple(FAULTS),
    operations: Sequence[str] = ("*",),
    requests: int = 24,
    max_faults: int = 5,
    max_actions: int = 3,
) -> st.SearchStrategy[Plan]:
    """Return a strategy for plans.

    Args:
        actions: Names of changes by another client.
        names: Names of the faults.
        operations: Operations whose requests get the faults.
        requests: Number of requests among which the events are distributed.
        max_faults: Maximum number of faults.
        max_actions: Maximum number of changes by another client.
    """
    gap = st.integers(0, requests // 2)
    number = st.integers(0, requests)
    action = st.tuples(number, st.sampled_from(actions or [""]))
    return st.builds(
        Plan,
        faults=st.lists(st.tuples(gap, st.sampled_from(names)), max_size=max_faults).map(tuple),
        operation=st.sampled_from(operations),
        actions=st.lists(action, max_size=max_actions if actions else 0).map(tuple),
        interrupt=st.none() | st.tuples(number, st.sampled_from(["request", "response"])),
        retries=st.integers(0, 2),
    )


class SandboxMachine(RuleBasedStateMachine):
    """Base class of machines that use one sandbox, which is reset before each sequence."""

    sandbox: ClassVar[Sandbox]
    sandbox_options: ClassVar[dict[str, Any]] = {}
    sequences: ClassVar[int] = 0
    calls: ClassVar[int] = 0
    actions: ClassVar[dict[str, Action]] = {}
    """Changes by another client, by name. Each function takes the machine."""

    def __init__(self) -> None:
        super().__init__()
        type(self).sequences += 1
        self.sandbox.reset()

    @contextmanager
    def disturbed(self, plan: Plan) -> Generator[Haut]:
        """Provide a client whose requests are disturbed as planned.

        The client is new, as in a program that starts again.
        """
        type(self).calls += 1
        counter = _Counter(plan, self)
        self.sandbox.faults.clear()
        for gap, name in plan.faults:
            skip = gap if plan.operation == "*" else gap % 3
            self.sandbox.faults.add(plan.operation, FAULTS[name], skip=skip)
        self.sandbox.before_request = counter.before_request
        hooks = {
            "request": [lambda _: counter.attempt("request")],
            "response": [lambda _: counter.attempt("response")],
        }
        timeout = 0.2 if plan.has("stall", "stall, carried out") else 30
        credentials = self.sandbox.credentials
        try:
            with Haut(
                **credentials,
                timeout=timeout,
                max_retries=plan.retries,
                event_hooks=hooks,
                verify=SSL_CONTEXT,
            ) as haut:
                yield haut
        finally:
            self.sandbox.before_request = None
            self.sandbox.faults.clear()

    def call_async(self, haut: Haut, call: Callable[[AsyncHaut], Awaitable[T]]) -> T:
        """Call AsyncHaut with the options of a client. An interruption cancels the call."""

        async def run() -> T:
            task = asyncio.current_task()
            assert task is not None

            def canceling(hook: Any) -> Any:
                def run_hook(message: object) -> None:
                    try:
                        hook(message)
                    except KeyboardInterrupt:
                        task.cancel()

                return run_hook

            hooks = {event: [*map(canceling, it)] for event, it in haut.options.event_hooks.items()}
            options: Any = {
                "timeout": haut.options.timeout,
                "max_retries": haut.options.max_retries,
                "event_hooks": hooks,
                "verify": SSL_CONTEXT,
            }
            async with AsyncHaut(**self.sandbox.credentials, **options) as client:
                return await call(client)

        return asyncio.run(run())


ANALYSIS_SECONDS = 10


def complete_analyses(machine: SandboxMachine) -> None:
    """Let the results of all analyses appear, in a sandbox with these `analysis_seconds`."""
    machine.sandbox.clock.advance(ANALYSIS_SECONDS + 1)


@frozen
class _Counter:
    plan: Plan
    machine: SandboxMachine
    arrived: list[str] = field(factory=list[str])
    attempts: dict[str, int] = field(factory=lambda: {"request": 0, "response": 0})

    def before_request(self, request: Request) -> None:
        number = len(self.arrived)
        self.arrived.append(request.operation)
        for at, name in self.plan.actions:
            if at == number:
                self.machine.actions[name](self.machine)

    def attempt(self, stage: str) -> None:
        number = self.attempts[stage]
        self.attempts[stage] += 1
        if self.plan.interrupt == (number, stage):
            raise KeyboardInterrupt


def run_machine(machine: type[SandboxMachine], *, examples: int, steps: int) -> None:
    """Run a machine: a fixed sample, or random sequences for `MINUTES` minutes.

    Args:
        machine: The machine.
        examples: Number of sequences in the fixed sample.
        steps: Maximum number of steps of a sequence.
    """
    profile = settings(
        max_examples=200 if MINUTES else examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=not MINUTES,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )
    started = time.monotonic()
    try:
        with Sandbox(**machine.sandbox_options) as machine.sandbox:
            while True:
                run_state_machine_as_test(machine, settings=profile)
                if time.monotonic() - started >= MINUTES * 60:
                    break
    finally:
        elapsed = time.monotonic() - started
        counts = f"{machine.sequences} sequences, {machine.calls} calls, {elapsed:.0f} s"
        if MINUTES:
            # pytest-xdist shows only the standard error of its processes.
            print(f"{machine.__name__}: {counts}", file=sys.stderr)  # noqa: T201
