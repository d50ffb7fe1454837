"""The HTTP core of the synchronous client: the attempt loop, and the connections below it.

`HTTPClient` is an httpx client whose `send` makes a series of attempts under one deadline. An
attempt adds the token (for the API's own origin only), takes an inner, plain httpx client from the
shared `Connections` and sends an ordinary request; `Call` judges the outcome. Pool, TLS and proxies
are those of the inner client.

Written by hand, as is `_async/http.py`: they differ in how they wait, in how they limit time, and
in whose connections are whose, an event loop's or a process's.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from functools import partial
from inspect import iscoroutinefunction
from itertools import chain
from queue import Empty, SimpleQueue
from typing import Any

import httpx
from attrs import asdict, define, field

from haut_ext._http.call import INVALID_RESPONSE, Call, Failure, spoils_connection
from haut_ext._http.connection_pool import Lease, Pool
from haut_ext._http.connection_settings import ConnectionSettings, check_send_arguments
from haut_ext._http.deadlines import Deadline
from haut_ext._http.download_sink import DownloadSink
from haut_ext._http.redaction import logging_as
from haut_ext._http.response_shapes import is_web_page
from haut_ext._sync.auth import TokenSource
from haut_ext.errors import CallerError, ConfigError
from haut_ext.settings import Options, check_path


@define(eq=False)
class _ProcessConnections:
    """The connections of one process."""

    slots: SimpleQueue[None]
    pool: Pool[httpx.Client] = field(factory=Pool[httpx.Client])
    lock: threading.Lock = field(factory=threading.Lock)

    def release(self, lease: Lease[httpx.Client] | None) -> None:
        """Give back the slot of a request; a retired client is closed after its last."""
        with self.lock:
            ended = lease is None or lease.end()
        if ended:
            self.slots.put(None)
        if ended and lease is not None and lease.closing:
            lease.inner.client.close()


class Connections:
    """The connections and the token of a client and its copies, separate for each process."""

    def __init__(self, settings: ConnectionSettings, tokens: TokenSource) -> None:
        self.settings = settings
        self.tokens = tokens
        # Those of the parent are kept and never used: closing them could wait for a lock of its threads.
        self._by_process: dict[int, _ProcessConnections] = {}

    def of_this_process(self) -> _ProcessConnections:
        """Return the connections of this process, which may be a fork."""
        process = os.getpid()
        found = self._by_process.get(process)
        if found is None:
            # A queue in C: an interruption cannot leave it in a state that blocks.
            new = _ProcessConnections(SimpleQueue())
            for _ in range(self.settings.max_in_flight):
                new.slots.put(None)
            found = self._by_process.setdefault(process, new)
        return found

    def discard(self) -> None:
        """Forget the connections of this process: an interruption may have left their locks held."""
        self._by_process.pop(os.getpid(), None)

    def close(self) -> None:
        """Refuse further requests; close what is idle now, and the rest after its last request."""
        self.settings.closed = True
        connections = self._by_process.pop(os.getpid(), None)
        if connections is not None:
            with connections.lock:
                idle = connections.pool.retire_all()
            for client in idle:
                client.close()
        self.settings.close_transport()


@define(eq=False)
class _Body(httpx.SyncByteStream):
    """A body that obeys the deadline."""

    stream: httpx.SyncByteStream
    deadline: Deadline

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.stream:
            self.deadline.check()
            yield chunk


@define(eq=False)
class _ResponseBody(_Body):
    """The body of a response: ends the request when it is closed."""

    connections: _ProcessConnections
    lease: Lease[httpx.Client]

    def close(self) -> None:
        try:
            self.stream.close()
        finally:
            self.connections.release(self.lease)


class HTTPClient(httpx.Client):
    """An httpx client with the token, retries, deadlines and errors of a Haut client.

    Its requests and responses are httpx's own. It follows no redirects and keeps no cookies.

    Args:
        connections: The connections and the token, shared with other clients.
        options: Time limits, retries, headers and hooks.
        cookies: Sent with each request.
    """

    asynchronous = False

    def __init__(
        self, connections: Connections, options: Options, cookies: dict[str, str] | None = None
    ) -> None:
        super().__init__(
            base_url=connections.settings.base_url,
            headers=options.sent_headers,
            cookies=cookies,
            timeout=httpx.Timeout(**asdict(options.timeout)),
            transport=httpx.BaseTransport(),  # never used: send() is overridden
        )
        if any(map(iscoroutinefunction, chain(*options.event_hooks.values()))):
            raise ConfigError("event_hooks contains a coroutine function, which needs AsyncHaut")
        self.connections = connections
        self.call_options = options

    def build_request(
        self, method: str, url: httpx.URL | str, *, params: Any = None, **more: Any
    ) -> httpx.Request:
        """Build a request, unless an id in its path is empty or would lead to another route."""
        check_path(method, str(url))
        return super().build_request(method, url, params=params or None, **more)

    def send(
        self, request: httpx.Request, *, stream: bool = False, **arguments: Any
    ) -> httpx.Response:
        """Send a request, and return its response if that is a success.

        Args:
            request: The request, without the token.
            stream: Whether to return a success before its body has been read.
            arguments: httpx's `auth` and `follow_redirects`, which cannot be used.

        Raises:
            ConfigError: If the client is closed, the address is plain http to another machine, or
                authentication or redirects are given.
            HautError: If it fails; see the README's table of errors.
        """
        check_send_arguments(**arguments)
        return self.exchange(request, stream=stream)

    def exchange(
        self, request: httpx.Request, *, stream: bool = False, sink: DownloadSink | None = None
    ) -> httpx.Response:
        """Send a request as `send` does, and write the body of a success to `sink` if there is one."""
        call = Call(request, self.connections.settings.origin, self.call_options, sink)
        while True:
            if call.takes_token:
                call.token = self.connections.tokens.current()
            outcome = self._attempt(call, stream=stream)
            if isinstance(outcome, httpx.Response):
                return call.finish(outcome)
            wanted = call.needs_new_token(outcome)
            if wanted is not None and self.connections.tokens.renew(wanted):
                continue
            if call.found_deleted(outcome):
                return call.finish(httpx.Response(204, request=request))
            time.sleep(call.delay_before_retry(outcome))
            if self.connections.settings.closed:
                raise outcome.error

    def _attempt(self, call: Call, *, stream: bool) -> httpx.Response | Failure:
        request = call.begin_attempt()
        self._run_hooks("request", request, call)
        try:
            response = self._send_once(call, request, stream=stream)
        except CallerError as error:
            raise error.error from None
        except (httpx.TransportError, *INVALID_RESPONSE) as error:
            return call.connection_failure(error)
        except BaseException as error:
            # After an interruption a slot may be lost, and an exchange is unfinished.
            if not isinstance(error, Exception):
                self.connections.discard()
            raise
        try:
            self._run_hooks("response", response, call)
            return call.judge(response, read=not stream)
        except BaseException:
            response.close()
            raise

    def _run_hooks(self, event: str, message: Any, call: Call) -> None:
        started = time.monotonic()
        for hook in self.call_options.event_hooks.get(event, ()):
            hook(message)
        call.deadline.extend(time.monotonic() - started)

    def _send_once(self, call: Call, request: httpx.Request, *, stream: bool) -> httpx.Response:
        proxy = self.connections.settings.proxy_for(request)
        connections = self.connections.of_this_process()
        try:
            connections.slots.get(timeout=call.limit(request)["pool"])
        except Empty:
            raise httpx.PoolTimeout("max_in_flight requests are in flight") from None
        lease: Lease[httpx.Client] | None = None
        response: httpx.Response | None = None
        try:
            with connections.lock:
                self.connections.settings.check_open()
                create = partial(self.connections.settings.new_client, httpx.Client, proxy)
                lease = connections.pool.lease(str(proxy), create)
            call.limit(request)
            if isinstance(request.stream, httpx.SyncByteStream) and not call.buffered:
                request.stream = _Body(request.stream, call.deadline)
            with logging_as(call.loggable_url):
                response = lease.inner.client.send(request, stream=True)
            if "network_stream" in response.extensions and spoils_connection(response):
                response.extensions["network_stream"].close()
            assert isinstance(response.stream, httpx.SyncByteStream)
            response.stream = _ResponseBody(response.stream, call.deadline, connections, lease)
            if not (stream and response.is_success):
                self._read(response, call)
            if response.is_closed:  # one that was in memory closes no stream
                connections.release(lease)
            return response
        except Exception:
            try:
                if response is not None:
                    response.close()
            finally:
                connections.release(lease)
            raise

    def _read(self, response: httpx.Response, call: Call) -> None:
        if call.sink is None or not response.is_success or is_web_page(response):
            response.read()
            return
        for chunk in response.iter_bytes():
            call.sink.write(chunk)
