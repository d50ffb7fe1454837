"""What is to go wrong, and the account of what happened.

A fault is three decisions: how far the request gets (`when`), which answer goes out instead of the
true one (`change`), and how it is delivered (`delivery`). The functions below name the combinations
worth having; the `Plan` holds who gets which, the `Account` every request that arrived.
"""

from __future__ import annotations

import enum
import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Literal

from .messages import Answer, Request

When = Literal["unread", "before", "after"]
"""A fault strikes with the body still unread, before the request is carried out, or after that."""

_ARRIVALS_KEPT = 100_000
_HTML = "text/html; charset=utf-8"


class Delivery(enum.Enum):
    """How an answer goes onto the wire."""

    WHOLE = enum.auto()
    RESET = enum.auto()  # not at all: a TCP RST
    CLOSE = enum.auto()  # not at all: a TCP FIN
    GARBAGE = enum.auto()  # bytes that are not HTTP, then a FIN
    TRUNCATED = enum.auto()  # half of the promised body, then a FIN
    CUT_CHUNKS = enum.auto()  # chunked, a FIN in mid-chunk
    STALLED = enum.auto()  # nothing, for as long as the client waits
    DRIBBLED = enum.auto()  # byte by byte


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Args:
        name: For the account.
        when: How far the request gets.
        delivery: How the answer goes out.
        change: Makes the answer that goes out of the true one, or of an empty one if there is none.
        seconds: Before the answer; when dribbling, before each byte.
        dribble_head: Dribble status line and headers too, not the body alone.
    """

    name: str
    when: When
    delivery: Delivery = Delivery.WHOLE
    change: Callable[[Answer], Answer] = field(default=lambda answer: answer, repr=False)
    seconds: float = 0.0
    dribble_head: bool = True


def reset(when: When = "unread") -> Fault:
    """The connection is reset (RST) without an answer."""
    return Fault("reset", when, Delivery.RESET)


def close(when: When = "before") -> Fault:
    """The connection is closed (FIN) without an answer."""
    return Fault("close", when, Delivery.CLOSE)


def garbage(when: When = "after") -> Fault:
    """What comes back is not HTTP."""
    return Fault("garbage", when, Delivery.GARBAGE)


def stall(when: When = "before") -> Fault:
    """No answer comes, and the connection stays open for as long as the client keeps it."""
    return Fault("stall", when, Delivery.STALLED)


def truncated() -> Fault:
    """Carried out; the answer's body ends halfway, short of its Content-Length."""
    return Fault("truncated", "after", Delivery.TRUNCATED)


def cut_chunks() -> Fault:
    """Carried out; the answer's chunked body ends in the middle of a chunk."""
    return Fault("cut_chunks", "after", Delivery.CUT_CHUNKS)


def dribble(interval: float = 0.1, *, head: bool = True) -> Fault:
    """Carried out; the answer comes at one byte each `interval` seconds."""
    return Fault("dribble", "after", Delivery.DRIBBLED, seconds=interval, dribble_head=head)


def latency(seconds: float) -> Fault:
    """Carried out; the answer comes `seconds` late."""
    return Fault("latency", "after", seconds=seconds)


def status(
    code: int,
    body: bytes = b"",
    *,
    content_type: str = "text/plain",
    headers: dict[str, str] | None = None,
    retry_after: float | None = None,
    retry_after_date: float | None = None,
    when: When = "before",
) -> Fault:
    """Another answer.

    Args:
        code: Its status, 200 to 599, known to IANA or not.
        body: Its body.
        content_type: Of the body.
        headers: Further headers.
        retry_after: Seconds, for a Retry-After header that counts them.
        retry_after_date: Seconds, for a Retry-After header that names the date so far from the
            sending.
        when: Carried out or not.
    """
    fixed = {"Content-Type": content_type, **(headers or {})}
    if retry_after is not None:
        fixed["Retry-After"] = f"{retry_after:g}"

    def change(_: Answer) -> Answer:
        sent = dict(fixed)
        if retry_after_date is not None:
            sent["Retry-After"] = formatdate(time.time() + retry_after_date, usegmt=True)
        return Answer(code, tuple(sent.items()), body)

    return Fault(f"status {code}", when, change=change)


def rejected(
    code: int = 429, *, retry_after: float | None = None, retry_after_date: float | None = None
) -> Fault:
    """Not carried out; the service's own error envelope, such as that of a rate limit.

    Args:
        code: The status.
        retry_after: As in `status`.
        retry_after_date: As in `status`.
    """
    error = {"code": "throttled", "detail": "Request was throttled.", "attr": None}
    body = json.dumps({"type": "client_error", "errors": [error]}).encode()
    return status(
        code,
        body,
        content_type="application/json",
        retry_after=retry_after,
        retry_after_date=retry_after_date,
    )


def _called(name: str, fault: Fault) -> Fault:
    return replace(fault, name=name)


def bad_gateway(code: int = 502, when: When = "before") -> Fault:
    """A gateway's HTML page."""
    page = f"<html><body><center><h1>{code} Bad Gateway</h1></center><hr>nginx</body></html>"
    return _called("bad_gateway", status(code, page.encode(), content_type=_HTML, when=when))


def login_page(when: When = "before") -> Fault:
    """A captive portal: an HTML page with status 200."""
    page = b"<!doctype html><title>Log in</title><form method=post><input name=user></form>"
    return _called("login_page", status(200, page, content_type=_HTML, when=when))


def redirect(to: str, code: int = 302, when: When = "before") -> Fault:
    """A redirect to the URL `to`."""
    return _called("redirect", status(code, headers={"Location": to}, when=when))


def unauthorized(when: When = "before") -> Fault:
    """401, as for a token that is not valid."""
    body = (
        b'{"type":"client_error","errors":'
        b'[{"code":"authentication_failed","detail":"Token has expired.","attr":null}]}'
    )
    challenge = {"WWW-Authenticate": 'Bearer realm="api"'}
    refusal = status(401, body, content_type="application/json", headers=challenge, when=when)
    return _called("unauthorized", refusal)


def empty() -> Fault:
    """Carried out; status 200 without a body."""
    return _called("empty", status(200, content_type="application/json", when="after"))


def cut_json() -> Fault:
    """Carried out; a whole HTTP answer whose JSON ends in the middle."""

    def change(answer: Answer) -> Answer:
        body = answer.body or b'{"status":"ok"}'
        code = 200 if answer.status == 204 else answer.status
        return Answer(code, (("Content-Type", "application/json"),), body[: len(body) // 2])

    return Fault("cut_json", "after", change=change)


@dataclass(slots=True)
class _Rule:
    operation: str
    fault: Fault
    times: int | None
    skip: int
    fired: int = 0

    @property
    def pending(self) -> bool:
        return self.fired < (self.times or 1)

    @property
    def exhausted(self) -> bool:
        return self.times is not None and self.fired >= self.times


class Plan:
    """Who gets which fault. An operation's rules are a queue: the first not used up decides."""

    def __init__(self, operations: Iterable[str]) -> None:
        self._known = {*operations, "unknown", "*"}
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []

    def add(self, operation: str, fault: Fault, *, times: int | None = 1, skip: int = 0) -> None:
        """Plans a fault.

        Args:
            operation: An operation id, "upload_image", "download_image", or "*" for whatever comes.
            fault: What goes wrong.
            times: With how many requests; None: with all.
            skip: How many requests pass untouched first.

        Raises:
            ValueError: There is no such operation; the fault would never fire.
        """
        if operation not in self._known:
            raise ValueError(f"no operation is called {operation!r}: {sorted(self._known)}")
        with self._lock:
            self._rules.append(_Rule(operation, fault, times, skip))

    def take(self, operation: str) -> Fault | None:
        """The fault of the request that has just come."""
        with self._lock:
            for rule in self._rules:
                if rule.operation in (operation, "*") and not rule.exhausted:
                    if rule.skip:
                        rule.skip -= 1
                        return None
                    rule.fired += 1
                    return rule.fault
        return None

    @property
    def pending(self) -> list[tuple[str, str]]:
        """Operation and fault of each rule that has not fired as often as planned."""
        with self._lock:
            return [(rule.operation, rule.fault.name) for rule in self._rules if rule.pending]

    @property
    def fired(self) -> dict[tuple[str, str], int]:
        """How often each fault fired, by operation (as planned) and name."""
        with self._lock:
            counts: Counter[tuple[str, str]] = Counter()
            for rule in self._rules:
                counts[rule.operation, rule.fault.name] += rule.fired
            return dict(+counts)

    def clear(self) -> None:
        """Forgets all rules."""
        with self._lock:
            self._rules.clear()


@dataclass(slots=True)
class Arrival:
    """One request as it arrived.

    Args:
        operation: The operation id, or "unknown".
        method: The method.
        path: Without the query, which may be signed.
        had_authorization: An Authorization header came with it.
        length: Of the body, in bytes. 0 until it has been read.
        md5: Of the body, in hex; empty until it has been read.
        status: Of the answer that was sent, or begun; None if there was none.
        carried_out: The service did what was asked.
        fault: The name of the fault that struck.
    """

    operation: str
    method: str
    path: str
    had_authorization: bool
    length: int = 0
    md5: str = ""
    status: int | None = None
    carried_out: bool = False
    fault: str | None = None


class Account:
    """Every request, in order of arrival. Beyond 100,000 the oldest are dropped; counts stay."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Begins anew."""
        with self._lock:
            self._arrivals: deque[Arrival] = deque(maxlen=_ARRIVALS_KEPT)
            self._arrived: Counter[str] = Counter()
            self._carried_out: Counter[str] = Counter()

    def enter(self, request: Request) -> Arrival:
        """A request has arrived."""
        arrival = Arrival(
            request.operation, request.method, request.path, "authorization" in request.headers
        )
        with self._lock:
            self._arrivals.append(arrival)
            self._arrived[request.operation] += 1
        return arrival

    def carry_out(self, arrival: Arrival) -> None:
        """The service did what was asked."""
        with self._lock:
            arrival.carried_out = True
            self._carried_out[arrival.operation] += 1

    @property
    def arrivals(self) -> list[Arrival]:
        with self._lock:
            return list(self._arrivals)

    def arrived(self, operation: str) -> int:
        with self._lock:
            return self._arrived[operation]

    def carried_out(self, operation: str) -> int:
        with self._lock:
            return self._carried_out[operation]
