"""HTTP/1.1 server, by default on loopback, with a thread for each connection.

It uses plain sockets, because simulating faults requires control of the connection, for example to
reset it, to send half a response, or to send nothing.

For each request, the connection's thread reads the head, looks up a fault in the fault plan, reads
the body, calls the service and sends the response. Closing the server closes all connections and
joins all threads.

The server rejects requests for other hosts with status 421 (Misdirected Request), before they are
logged or trigger a fault. Otherwise a web page could let the name of its own host resolve to 127.0.0.1
(DNS rebinding), and then read the sandbox's responses as its own.
"""

from __future__ import annotations

import hashlib
import re
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from .fault_plan import FaultPlan
from .http_messages import Request, Response
from .http_parser import ConnectionClosed, Limits, RejectedRequest, RequestReader
from .request_log import ReceivedRequest, RequestLog
from .response_delivery import ResponseDelivery

HOST = "127.0.0.1"
_ALL_ADDRESSES = "0.0.0.0"  # noqa: S104 - compared with the host that the user chose
_LOOPBACK_NAMES = ("127.0.0.1", "[::1]", "localhost")
_PORT = re.compile(r":[0-9]*\Z")
_JOIN_SECONDS = 5.0
_ACCEPT_RETRY_SECONDS = 0.05


class Service(Protocol):
    """Interface of a service that handles the HTTP requests of one origin."""

    def identify(self, request: Request) -> None:
        """Set the operation id of a request, before its body is read."""
        ...

    def handle(self, request: Request) -> Response:
        """Process a request and return the response, which may be an error response."""
        ...

    def error_response(self, status: int, code: str, detail: str) -> Response:
        """Return an error response, for invalid HTTP or an internal error."""
        ...


@dataclass
class Controls:
    """Settings and records that tests can access while the sandbox's servers run.

    Attributes:
        plan: Faults to simulate.
        log: Received requests.
        latency: Seconds by which every request is delayed before it is carried out.
        before_request: Called before each request is carried out.
        now: Returns the time for the Date header; if None, responses have no Date header.
    """

    plan: FaultPlan
    log: RequestLog = field(default_factory=RequestLog)
    latency: float = 0.0
    before_request: Callable[[Request], None] | None = None
    now: Callable[[], datetime] | None = None


class HttpServer:
    """HTTP server of one origin. Its socket listens at once; `start` accepts connections.

    Args:
        service: Service that handles the requests.
        controls: Fault plan, request log and settings.
        port: Port; 0 selects a free one.
        host: Host name or IPv4 address to listen on; `0.0.0.0` means all addresses of the machine.
        limits: Limits on requests and connections.

    Raises:
        OSError: If the host or the port is not available.
    """

    def __init__(
        self,
        service: Service,
        controls: Controls,
        port: int = 0,
        *,
        host: str = HOST,
        limits: Limits | None = None,
    ) -> None:
        self._service = service
        self._controls = controls
        self._limits = limits or Limits()
        self._free_connections = threading.Semaphore(self._limits.connections)
        self._closing = threading.Event()
        self._delivery = ResponseDelivery(
            self._closing, controls.now, self._limits.response_seconds
        )
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._socket = socket.create_server((host, port), backlog=512)
        self._host = HOST if host == _ALL_ADDRESSES else host
        self.port: int = self._socket.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name="haut-sandbox", daemon=True)

    @property
    def origin(self) -> str:
        """Origin of the server, such as `http://127.0.0.1:8000`."""
        return f"http://{self._host}:{self.port}"

    def start(self) -> None:
        """Start accepting connections in a new thread."""
        self._acceptor.start()

    def close(self) -> None:
        """Close all connections and wait until all threads have ended."""
        self._closing.set()
        self._free_connections.release()  # wakes the acceptor if it waits for a free connection
        if self._acceptor.ident is not None:
            # Closing a listening socket does not interrupt a blocked accept(), so open a connection
            # to it.
            with suppress(OSError):
                socket.create_connection((self._host, self.port), timeout=1).close()
            self._acceptor.join(_JOIN_SECONDS)
        self._socket.close()
        with self._lock:
            connections = dict(self._connections)
        for sock in connections:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in connections.values():
            if thread is not threading.current_thread():
                thread.join(_JOIN_SECONDS)

    def _accept(self) -> None:
        while True:
            self._free_connections.acquire()
            if self._closing.is_set():
                return
            try:
                sock, _ = self._socket.accept()
            except OSError:  # out of file descriptors, or the client has disconnected
                self._free_connections.release()
                self._closing.wait(_ACCEPT_RETRY_SECONDS)
                continue
            thread = threading.Thread(
                target=self._serve, args=(sock,), name="haut-sandbox-connection", daemon=True
            )
            with self._lock:
                self._connections[sock] = thread
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader = RequestReader(sock, self._limits)
            while self._exchange(sock, reader):
                pass
        except (ConnectionClosed, OSError):
            pass  # connection closed by the client, or timeout
        finally:
            sock.close()
            with self._lock:
                del self._connections[sock]
            self._free_connections.release()

    def _exchange(self, sock: socket.socket, reader: RequestReader) -> bool:
        """Serve one request; return True if the connection can serve another one."""
        received = ReceivedRequest("unknown", "", "", had_authorization=False)
        try:
            request = reader.read_head()
            self._check_host(request.headers.get("host", ""))
            self._service.identify(request)
            received = self._controls.log.add(request)
            fault = self._controls.plan.take(request.operation)
            received.fault = fault.name if fault else None
            if not (fault and fault.when == "unread"):
                request.body = reader.read_body(request)
                request.md5 = hashlib.md5(request.body, usedforsecurity=False).digest()
                received.length, received.md5 = len(request.body), request.md5.hex()
        except RejectedRequest as error:
            response = self._service.error_response(*error.args)
            return self._delivery.send(sock, response, None, received, keep_alive=False)
        response = Response(200)
        if fault is None or fault.when == "after":
            response = self._carry_out(request, received)
        return self._delivery.send(sock, response, fault, received, keep_alive=reader.keep_alive)

    def _carry_out(self, request: Request, received: ReceivedRequest) -> Response:
        controls = self._controls
        if controls.latency:
            self._closing.wait(controls.latency)
        try:
            if controls.before_request:
                controls.before_request(request)
            response = self._service.handle(request)
        except Exception:  # a bug in the sandbox or in `before_request`
            traceback.print_exc(file=sys.stderr)
            return self._service.error_response(500, "error", "A server error occurred.")
        if response.status < 300:
            controls.log.mark_carried_out(received)
        return response

    def _check_host(self, host: str) -> None:
        # A forwarded port differs from the port of the server, so the port is not compared.
        if _PORT.sub("", host).lower() not in (*_LOOPBACK_NAMES, self._host.lower()):
            detail = f"The sandbox does not serve the host {host[:100]!r}; use {self.origin}."
            raise RejectedRequest(421, "misdirected_request", detail)
