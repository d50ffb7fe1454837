"""The wire: every request of a client, its own and the generated functions', goes through here.

One call is a series of attempts under one deadline. An attempt gets the token (on the API's origin
only), a turn among the sockets, and its time limits; what comes of it is a success, or an error and
its fate (see wire.retry), which decides whether another attempt follows. So reliability lives below
the generated code, and `haut.api` has it too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
from attrs import asdict, define, field

from haut_ext._async.network import AsyncDeadline, AsyncSockets
from haut_ext._async.tokens import AsyncTokenSource
from haut_ext.errors import ConfigError, HautError
from haut_ext.settings import Options, check_signed_address
from haut_ext.wire import answers
from haut_ext.wire.redaction import STORAGE, ids, route
from haut_ext.wire.retry import Fate, backoff, fate_of_answer, may_repeat, parse_retry_after

logger = logging.getLogger("haut_ext")


@define
class _Call:
    """One request on its way, through all its attempts."""

    request: httpx.Request
    to_api: bool
    stream: bool
    deadline: AsyncDeadline
    operation: str = field(init=False)
    started: float = field(factory=time.monotonic)
    attempts: int = 0
    maybe_carried_out: bool = False
    token: str = field(default="", repr=False)
    token_renewed: bool = False

    def __attrs_post_init__(self) -> None:
        where = route(self.request.url.path) if self.to_api else STORAGE
        self.operation = f"{self.request.method} {where}"

    @property
    def replayable(self) -> bool:
        """Whether the body can be sent again from its beginning; httpx would send an empty one."""
        stream = self.request.stream
        return isinstance(stream, httpx.ByteStream) or getattr(stream, "replayable", False)

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


class AsyncTransport(httpx.AsyncBaseTransport):
    """Sends requests as the promises demand: authorised, repeated only where safe, in time.

    Args:
        origin: Scheme, host and port of the API, the only place the token is sent to.
        tokens: Where the token comes from.
        options: Time limits and retries.
        sockets: The connections, shared with other transports.
    """

    def __init__(
        self, origin: str, tokens: AsyncTokenSource, options: Options, sockets: AsyncSockets
    ) -> None:
        self._origin = _origin(httpx.URL(origin))
        self.tokens = tokens
        self.options = options
        self.sockets = sockets

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to the API and return its success, read whole; raise for anything else."""
        return await self._send(request, to_api=_origin(request.url) == self._origin, stream=False)

    async def transfer(
        self,
        method: str,
        address: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: httpx.AsyncByteStream | None = None,
        stream: bool = False,
    ) -> httpx.Response:
        """Send a request to a signed address: without the token, and under the transfer deadline.

        Args:
            method: As the service signed it.
            address: As the service signed it; https, or plain http to loopback.
            headers: As the service signed them.
            body: The photo.
            stream: Leave the body of a success to be read piece by piece, then closed, by the caller.

        Raises:
            ConfigError: If a photo must not travel to that address.
        """
        url = httpx.URL(check_signed_address(address))
        # The signed path and query open a person's photo. They go to the socket by httpcore's own
        # way, so that no log, span, repr or error above it can show them.
        request = httpx.Request(
            method,
            url.copy_with(raw_path=b"/"),
            headers=headers,
            content=body,
            extensions={"target": url.raw_path},
        )
        if body is not None:
            request.stream = body  # httpx has wrapped it, and would not see that it can be replayed
        return await self._send(request, to_api=False, stream=stream)

    async def aclose(self) -> None:
        """Leave the connections open: they are shared, and their owner closes them."""

    async def _send(self, request: httpx.Request, *, to_api: bool, stream: bool) -> httpx.Response:
        if self.sockets.closed:
            raise ConfigError("this client has been closed")
        seconds = self.options.deadline if to_api else self.options.transfer_deadline
        call = _Call(request, to_api, stream, AsyncDeadline(seconds))
        while True:
            outcome = await self._attempt(call)
            if isinstance(outcome, httpx.Response):
                call.log(logging.DEBUG, "%d", outcome.status_code)
                return outcome
            call.log(logging.DEBUG, "%s", type(outcome.error).__name__)
            if await self._renewed_token(call, outcome):
                continue
            if _gone_already(call, outcome):
                return httpx.Response(204, request=request)
            await self._wait_for_retry(call, outcome)

    async def _attempt(self, call: _Call) -> httpx.Response | _Failure:
        if call.to_api:
            call.token = await self.tokens.current()
            call.request.headers["Authorization"] = f"Bearer {call.token}"
        call.request.extensions = {
            **call.request.extensions,
            "timeout": asdict(self.options.timeout),
        }
        call.attempts += 1
        try:
            async with self.sockets.turn:
                call.deadline.start()
                with call.deadline:
                    answer = await self.sockets.handle_async_request(call.request)
                    if call.stream and answer.is_success and not answers.is_page(answer):
                        assert isinstance(answer.stream, httpx.AsyncByteStream)
                        answer.stream = _Pieces(answer.stream, call)
                        answer.request = call.request
                        return answer
                    answer = await _read(answer)
        except httpx.TransportError as error:
            return _broken(call, error)
        except httpx.DecodingError as error:
            return _broken(call, httpx.RemoteProtocolError(str(error)))
        answer.request = call.request
        answer.operation = call.operation
        if not answer.is_success:
            return self._refused(call, answer)
        answer.check(to_api=call.to_api)
        return answer

    def _refused(self, call: _Call, answer: httpx.Response) -> _Failure:
        retry_after = parse_retry_after(answer.headers.get("retry-after"))
        fate = fate_of_answer(answer.status_code, retry_after)
        call.maybe_carried_out |= fate.maybe_carried_out and call.request.method != "GET"
        error = answers.refusal(
            answer,
            operation=call.operation,
            retry_after=retry_after,
            maybe_carried_out=call.maybe_carried_out,
            attempts=call.attempts,
        )
        return _Failure(error, fate, retry_after, answer)

    async def _renewed_token(self, call: _Call, failure: _Failure) -> bool:
        """After the first 401, ask for another token; a 401 was certainly not carried out."""
        refused = failure.answer is not None and failure.answer.status_code == 401
        if not (refused and call.to_api and not call.token_renewed and call.replayable):
            return False
        call.token_renewed = True
        return await self.tokens.renew(call.token)

    async def _wait_for_retry(self, call: _Call, failure: _Failure) -> None:
        """Wait until the next attempt, or raise the failure when there is not to be one."""
        repeatable = may_repeat(call.request.method, failure.fate, replayable=call.replayable)
        if not repeatable or call.attempts - call.token_renewed > self.options.max_retries:
            raise failure.error
        wait = failure.retry_after
        if wait is None:
            wait = backoff(call.attempts)
        limits = (self.options.max_retry_after, call.deadline.remaining())
        if any(limit is not None and wait > limit for limit in limits):
            raise failure.error
        call.log(logging.WARNING, "%s; again in %.2f s", type(failure.error).__name__, wait)
        await asyncio.sleep(wait)


class AsyncApiClient(httpx.AsyncClient):
    """The httpx client inside `haut.api`: builds requests as httpx does, sends them by our wire.

    httpx's own `send` would log the full address, in which a search term can be a person's name,
    keep cookies, and follow redirects if told to.
    """

    def __init__(self, transport: AsyncTransport, base_url: str, headers: dict[str, str]) -> None:
        super().__init__(transport=transport, base_url=base_url, headers=headers)

    async def send(self, request: httpx.Request, **_: Any) -> httpx.Response:
        return await self._transport.handle_async_request(request)


class _Pieces(httpx.AsyncByteStream):
    """The body of a success that its reader takes piece by piece, each under the call's deadline."""

    def __init__(self, stream: httpx.AsyncByteStream, call: _Call) -> None:
        self._stream = stream
        self._call = call

    async def __aiter__(self) -> AsyncIterator[bytes]:
        iterator = self._stream.__aiter__()
        while True:
            # Entered for each piece and left before it is handed on: what the reader does with
            # its own connections is none of this deadline's business.
            with self._call.deadline:
                try:
                    piece = await iterator.__anext__()
                except StopAsyncIteration:
                    return
                except httpx.TransportError as error:
                    raise _broken(self._call, error).error from error
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


def _broken(call: _Call, error: httpx.TransportError) -> _Failure:
    connected = not isinstance(error, answers.NEVER_CONNECTED)
    call.maybe_carried_out |= connected and call.request.method != "GET"
    failure = answers.breakage(
        error,
        operation=call.operation,
        method=call.request.method,
        maybe_delivered=connected or call.maybe_carried_out,
        replayable=call.replayable,
        attempts=call.attempts,
        elapsed=time.monotonic() - call.started,
        deadline=call.deadline.seconds if call.deadline.passed else None,
    )
    failure.__cause__ = error
    return _Failure(failure, Fate.UNKNOWN if connected else Fate.NOT_CARRIED_OUT)


async def _read(answer: httpx.Response) -> answers.Answer:
    """Return the same answer with its whole body, whose JSON errors are ours."""
    try:
        assert isinstance(answer.stream, httpx.AsyncByteStream)
        content = b"".join([piece async for piece in answer.stream])
    finally:
        await answer.aclose()
    return answers.Answer(answer.status_code, headers=answer.headers, content=content)


def _gone_already(call: _Call, failure: _Failure) -> bool:
    """Whether a DELETE found nothing because an earlier attempt of it had already done the work."""
    missing = failure.answer is not None and failure.answer.status_code == 404
    return missing and call.request.method == "DELETE" and call.maybe_carried_out


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
