"""The wire: every request of a client, its own and the generated functions', goes through here.

One call is a series of attempts under one deadline. An attempt gets the token (on the API's origin
only, and not to log in), a turn among the sockets, and its time limits; what comes of it is a
success, or an error and its fate (see wire.retry), which decides whether another attempt follows. So
reliability lives below the generated code, and `haut.api` has it too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Protocol

import httpx
from attrs import asdict, define, field

from haut_ext._async.body import AsyncPhotoBody
from haut_ext._async.network import AsyncDeadline, AsyncSockets
from haut_ext._async.tokens import AsyncTokenSource
from haut_ext.errors import ConfigError, HautError
from haut_ext.settings import Options, check_signed_address
from haut_ext.wire import answers
from haut_ext.wire.logs import logger
from haut_ext.wire.redaction import STORAGE, ids, route, texts
from haut_ext.wire.retry import Fate, backoff, fate_of_answer, may_repeat, parse_retry_after
from haut_ext.wire.saving import Target
from haut_ext.wire.tokens import LOGIN_PATH, OPEN_PATHS, Held


class AsyncPace(Protocol):
    """Who several calls share to go no faster than is welcome."""

    async def wait(self, *, to_api: bool) -> None:
        """Wait, before each attempt, until it may be made. No deadline counts this time."""
        ...

    def slow_down(self, seconds: float | None) -> object:
        """Hear that an attempt was turned away (429, 503), and for how long if that was said."""
        ...


@define
class _Call:
    """One request on its way, through all its attempts."""

    request: httpx.Request = field(repr=False)
    to_api: bool
    into: Target | None
    deadline: AsyncDeadline
    operation: str = field(init=False)
    takes_token: bool = field(init=False)
    started: float = field(factory=time.monotonic)
    attempts: int = 0
    maybe_carried_out: bool = False
    token: Held | None = None
    token_renewed: bool = False

    def __attrs_post_init__(self) -> None:
        path = self.request.url.path
        self.operation = f"{self.request.method} {route(path) if self.to_api else STORAGE}"
        self.takes_token = self.to_api and path not in OPEN_PATHS

    @property
    def secrets(self) -> tuple[str, ...]:
        """The token or, where none is sent to the API, what is sent to get one."""
        if self.token is not None and self.token.token is not None:
            return (self.token.token,)
        stream = self.request.stream
        opens = self.to_api and not self.takes_token and isinstance(stream, httpx.ByteStream)
        return texts(self.request.read()) if opens else ()

    @property
    def once(self) -> str | None:
        """What cannot be sent twice, if something cannot: httpx would send an empty body again."""
        if self.to_api and self.request.url.path == LOGIN_PATH:
            return "The service blocks frequent logins"
        stream = self.request.stream
        if not (isinstance(stream, httpx.ByteStream) or getattr(stream, "replayable", False)):
            return "Its body was a stream that can be read only once"
        if self.into is not None and not self.into.replayable:
            return "It is written to a stream that cannot be rewound"
        return None

    def as_sent(self, limits: dict[str, Any]) -> httpx.Request:
        """Return what one attempt sends.

        The query goes to the socket by httpcore's own way, so that nothing that watches httpx's
        transports, such as OpenTelemetry, sees a search term, which can be a person's name.
        """
        url = self.request.url
        headers = self.request.headers.copy()
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token.token}"
        return httpx.Request(
            self.request.method,
            url.copy_with(query=None) if url.query else url,
            headers=headers,
            stream=self.request.stream,
            extensions={
                "target": url.raw_path,
                **self.request.extensions,
                "timeout": limits,
            },
        )

    def log(self, level: int, text: str, *details: object) -> None:
        if logger.isEnabledFor(level):
            named = ids(self.request.url.path) if self.to_api else []
            logger.log(
                level,
                "%s [%s]: attempt %d, " + text,
                self.operation,
                " ".join(named),
                self.attempts,
                *details,
            )


@define
class _Failure:
    """What one attempt came to when it was no success."""

    error: HautError
    fate: Fate
    retry_after: float | None = None
    answer: httpx.Response | None = None

    def __str__(self) -> str:
        name = type(self.error).__name__
        return name if self.answer is None else f"{self.answer.status_code} {name}"


class AsyncTransport(httpx.AsyncBaseTransport):
    """Sends requests as the promises demand: authorised, repeated only where safe, in time.

    Args:
        origin: Scheme, host and port of the API, the only place the token is sent to.
        tokens: Where the token comes from.
        options: Time limits and retries.
        sockets: The connections, shared with other transports.
        pace: Asked before each attempt, and told of each that was turned away.
    """

    def __init__(
        self,
        origin: str,
        tokens: AsyncTokenSource,
        options: Options,
        sockets: AsyncSockets,
        pace: AsyncPace | None = None,
    ) -> None:
        self._origin = _origin(httpx.URL(origin))
        self.pace = pace
        self.tokens = tokens
        self.options = options
        self.sockets = sockets
        self._limits = asdict(options.timeout)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to the API and return its success, read whole; raise for anything else."""
        return await self._send(request, to_api=_origin(request.url) == self._origin)

    async def transfer(
        self,
        method: str,
        address: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: AsyncPhotoBody | None = None,
        into: Target | None = None,
    ) -> httpx.Response:
        """Send a request to a signed address: without the token, and under the transfer deadline.

        Args:
            method: As the service signed it.
            address: As the service signed it; https, or plain http to loopback.
            headers: As the service signed them.
            body: The photo to send.
            into: Where the photo in the answer is to be written, anew with each attempt.

        Raises:
            ConfigError: If a photo must not travel to that address, or it is none.
        """
        try:
            url = httpx.URL(check_signed_address(address))
        except httpx.InvalidURL:
            raise ConfigError("the service named an address for the photo that is none") from None
        # The signed path and query open a person's photo. They go to the socket by httpcore's own
        # way, so that no log, span, repr or error above it can show them.
        request = httpx.Request(
            method,
            url.copy_with(raw_path=b"/"),
            headers=headers,
            content=body,
            extensions={"target": url.raw_path},
        )
        if body is None:
            return await self._send(request, to_api=False, into=into)
        request.stream = body  # httpx has wrapped it, and would not see that it can be replayed
        async with aclosing(body):
            return await self._send(request, to_api=False)

    async def aclose(self) -> None:
        """Leave the connections open: they are shared, and their owner closes them."""

    async def _send(
        self, request: httpx.Request, *, to_api: bool, into: Target | None = None
    ) -> httpx.Response:
        seconds = self.options.deadline if to_api else self.options.transfer_deadline
        call = _Call(request, to_api, into, AsyncDeadline(seconds))
        while True:
            if call.takes_token:
                call.token = await self.tokens.current()
            try:
                outcome = await self._attempt(call)
            except BaseException as error:
                call.log(logging.DEBUG, "%s", type(error).__name__)
                raise
            if isinstance(outcome, httpx.Response):
                call.log(logging.DEBUG, "%d", outcome.status_code)
                return outcome
            call.log(logging.DEBUG, "%s", outcome)
            if await self._renewed_token(call, outcome):
                continue
            if _gone_already(call, outcome):
                return httpx.Response(204, request=request)
            await self._wait_for_retry(call, outcome)

    async def _attempt(self, call: _Call) -> httpx.Response | _Failure:
        call.attempts += 1
        if self.pace is not None:
            with call.deadline.halted():
                await self.pace.wait(to_api=call.to_api)
        lane = await self.sockets.turns.take(call.deadline.remaining())
        if lane is None:
            return _broken(call, httpx.PoolTimeout("the deadline has passed"))
        try:
            if self.sockets.closed:
                raise ConfigError("this client has been closed")
            call.deadline.start()
            with call.deadline:
                sent = call.as_sent(self._limits)
                answer = await _read_answer(await lane.handle_async_request(sent), call.into)
        except httpx.TransportError as error:
            return _broken(call, error)
        except httpx.DecodingError as error:
            return _broken(call, httpx.RemoteProtocolError(str(error)))
        finally:
            self.sockets.turns.give_back(lane)
        answer.request = call.request
        answer.operation = call.operation
        answer.secrets = call.secrets
        if not answer.is_success:
            return self._refused(call, answer)
        answer.check(to_api=call.to_api)
        answer.headers[answers.ATTEMPTS_HEADER] = str(call.attempts)
        answer.headers[answers.OPERATION_HEADER] = call.operation
        return answer

    def _refused(self, call: _Call, answer: answers.Answer) -> _Failure:
        retry_after = parse_retry_after(answer.headers.get("retry-after"))
        fate = fate_of_answer(answer.status_code, retry_after)
        call.maybe_carried_out |= fate.maybe_carried_out and call.request.method != "GET"
        if self.pace is not None and fate is Fate.NOT_CARRIED_OUT:
            self.pace.slow_down(retry_after)
        error = answers.refusal(
            answer,
            operation=call.operation,
            retry_after=retry_after,
            maybe_carried_out=call.maybe_carried_out,
            once=None if fate is Fate.REFUSED else call.once,
            attempts=call.attempts,
        )
        return _Failure(error, fate, retry_after, answer)

    async def _renewed_token(self, call: _Call, failure: _Failure) -> bool:
        """After the first 401, ask for another token; a 401 was certainly not carried out."""
        refused = failure.answer is not None and failure.answer.status_code == 401
        if not refused or call.token is None or call.token_renewed or call.once:
            return False
        call.token_renewed = True
        return await self.tokens.renew(call.token)

    async def _wait_for_retry(self, call: _Call, failure: _Failure) -> None:
        """Wait until the next attempt, or raise the failure when there is not to be one."""
        repeatable = may_repeat(call.request.method, failure.fate, replayable=call.once is None)
        if not repeatable or call.attempts - call.token_renewed > self.options.max_retries:
            raise failure.error
        wait = failure.retry_after
        if wait is None:
            wait = backoff(call.attempts)
        limits = (self.options.max_retry_after, call.deadline.remaining())
        if call.deadline.passed or any(limit is not None and wait > limit for limit in limits):
            raise failure.error
        if call.into is not None:
            try:
                call.into.rewind()
            except (OSError, ValueError):
                raise failure.error  # noqa: B904 - the file's own error shows as its context
        call.log(logging.WARNING, "%s; again in %.2f s", failure, wait)
        await asyncio.sleep(wait)


class AsyncApiClient(httpx.AsyncClient):
    """The httpx client inside `haut.api`: builds requests as httpx does, sends them by our wire.

    httpx's own `send` would log the full address, in which a search term can be a person's name,
    keep cookies, and follow redirects if told to.
    """

    def __init__(self, transport: AsyncTransport, base_url: str, headers: dict[str, str]) -> None:
        super().__init__(transport=transport, base_url=base_url, headers=headers)
        self._origin = base_url

    def build_request(
        self, method: str, url: httpx.URL | str, *, params: Any = None, **more: Any
    ) -> httpx.Request:
        """Build a request, unless an argument of the path would lead to another route.

        The generated functions quote what stands in a path, but `""` and `".."` pass: a DELETE of
        the subject `".."` would reach the dataset.
        """
        steps = str(url).removesuffix("/").split("/")[1:]
        if any(step in ("", ".", "..") or "%2F" in step.upper() for step in steps):
            raise ConfigError(f"an id in the path of this {method.upper()} is not a UUID")
        # httpx would parse the address once for the origin and once for parameters, even for none;
        # that is a third of the time of a small call.
        return super().build_request(method, f"{self._origin}{url}", params=params or None, **more)

    async def send(self, request: httpx.Request, **_: Any) -> httpx.Response:
        return await self._transport.handle_async_request(request)


def _broken(call: _Call, error: httpx.TransportError) -> _Failure:
    connected = not isinstance(error, answers.NEVER_CONNECTED)
    call.maybe_carried_out |= connected and call.request.method != "GET"
    failure = answers.breakage(
        error,
        operation=call.operation,
        method=call.request.method,
        maybe_delivered=connected or call.maybe_carried_out,
        once=call.once,
        attempts=call.attempts,
        elapsed=time.monotonic() - call.started,
        deadline=call.deadline.seconds if call.deadline.passed else None,
    )
    failure.__cause__ = error
    return _Failure(failure, Fate.UNKNOWN if connected else Fate.NOT_CARRIED_OUT)


async def _read_answer(answer: httpx.Response, into: Target | None) -> answers.Answer:
    """Return the same answer with its whole body, whose JSON errors are ours.

    Args:
        answer: As it comes from the socket.
        into: Where the body of a success is written instead, unless it is a page for a person.
    """
    try:
        if into is None or not answer.is_success or answers.is_page(answer):
            assert isinstance(answer.stream, httpx.AsyncByteStream)
            content = b"".join([piece async for piece in answer.stream])
        else:
            content = b""
            async for piece in answer.aiter_bytes():
                into.write(piece)
    finally:
        await answer.aclose()
    return answers.Answer(answer.status_code, headers=answer.headers, content=content)


def _gone_already(call: _Call, failure: _Failure) -> bool:
    """Whether a DELETE found nothing because an earlier attempt of it had already done the work."""
    missing = failure.answer is not None and failure.answer.status_code == 404
    return missing and call.request.method == "DELETE" and call.maybe_carried_out


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
