"""The sockets: HTTP/1.1 on loopback, a thread for each connection, one write for each answer.

Written on plain sockets, not on http.server, because a fault needs the connection itself (a real
RST, a half answer, silence) and because parsing heads with the email package would be most of the
cost of a small call. A connection's thread reads a head, takes the request's fault from the plan,
reads the body, asks the service and delivers. Closing the listener ends every connection and joins
every thread.
"""

from __future__ import annotations

import hashlib
import http
import os
import socket
import string
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import formatdate
from typing import Protocol

from .faults import Account, Arrival, Delivery, Fault, Plan
from .messages import Answer, Request

HOST = "127.0.0.1"
_MAX_LINE = 8 * 1024
_MAX_HEAD = 64 * 1024
_MAX_BODY = 64 * 1024 * 1024  # twice what a signed range allows, so that the storage itself refuses
_RECEIVE = 256 * 1024
_LINGER_SECONDS = 2.0
_JOIN_SECONDS = 5.0
_REASONS = {int(status): status.phrase for status in http.HTTPStatus}
_ONE_WRITE = 64 * 1024  # larger bodies are not copied behind their head
_ANSWERING = {Delivery.WHOLE, Delivery.TRUNCATED, Delivery.CUT_CHUNKS, Delivery.DRIBBLED}
# struct linger: on, zero seconds. Windows has shorts there.
_RESET_ON_CLOSE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
_HEX_DIGITS = string.hexdigits.encode()
_FILLER = b'{"status":"ok"}' * 4  # something to cut, when the true answer has no body


class Service(Protocol):
    """What a listener serves."""

    def identify(self, request: Request) -> None:
        """Names the request's operation, from its head alone."""
        ...

    def dispatch(self, request: Request) -> Answer:
        """Carries the request out, or says why not."""
        ...

    def refuse(self, status: int, code: str, detail: str) -> Answer:
        """An error that is found before a request is complete."""
        ...


@dataclass
class Controls:
    """What tests hold in their hands while the listeners run."""

    plan: Plan
    account: Account = field(default_factory=Account)
    latency: float = 0.0
    before_request: Callable[[Request], None] | None = None
    now: Callable[[], datetime] | None = None
    """Dates the answers; without it they are not dated, and reproducible."""


class _Gone(Exception):
    """The client has left in the middle of its request."""


class _Malformed(Exception):
    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = (status, code, detail)


class _Reader:
    """A connection's incoming bytes, cut into heads and bodies."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._rest = b""

    def _more(self) -> None:
        received = self._sock.recv(_RECEIVE)
        if not received:
            raise _Gone
        self._rest += received

    def head(self) -> tuple[str, str, str, dict[str, str]]:
        """Method, target, version and headers of the next request."""
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            self._check(self._rest.find(b"\r\n"), len(self._rest))
            self._more()
        self._check(self._rest.find(b"\r\n"), end)
        lines = self._rest[:end].decode("latin-1").split("\r\n")
        self._rest = self._rest[end + 4 :]
        parts = lines[0].split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise _Malformed(400, "bad_request", "The request line is not HTTP/1.1.")
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise _Malformed(400, "bad_request", "A header line is malformed.")
            name, value = name.lower(), value.strip()
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        return parts[0], parts[1], parts[2], headers

    def _check(self, line: int, head: int) -> None:
        if (head if line < 0 else line) > _MAX_LINE:
            raise _Malformed(414, "uri_too_long", "The request line is longer than 8 KiB.")
        if head > _MAX_HEAD:
            raise _Malformed(431, "request_header_fields_too_large", "The head is too large.")

    def body(self, headers: dict[str, str]) -> bytes | bytearray:
        """The body that the headers announce."""
        coding = headers.get("transfer-encoding")
        if coding is None:
            given = headers.get("content-length", "0")
            if not (given.isascii() and given.isdigit()):
                raise _Malformed(400, "bad_request", "Content-Length is not a number.")
            return self._exactly(self._bounded(int(given[:20])))  # more digits change nothing
        if coding.lower() != "chunked" or "content-length" in headers:
            raise _Malformed(400, "bad_request", "The body's framing is not clear.")
        body = bytearray()
        while size := self._chunk_size():
            self._bounded(len(body) + size)
            body += self._exactly(size)
            self._line()
        while self._line():  # trailers
            pass
        return body

    def _bounded(self, length: int) -> int:
        if length > _MAX_BODY:
            raise _Malformed(413, "entity_too_large", "The body is too large.")
        return length

    def _chunk_size(self) -> int:
        size = self._line().partition(b";")[0].strip()
        if not size or size.strip(_HEX_DIGITS):  # int() alone would take "-1" and "0x1" too
            raise _Malformed(400, "bad_request", "A chunk has no size.")
        return int(size, 16)

    def _line(self) -> bytes:
        while (end := self._rest.find(b"\r\n")) < 0:
            if len(self._rest) > _MAX_LINE:
                raise _Malformed(400, "bad_request", "A chunk has no size.")
            self._more()
        line, self._rest = self._rest[:end], self._rest[end + 2 :]
        return line

    def _exactly(self, length: int) -> bytes | bytearray:
        if len(self._rest) >= length:
            data, self._rest = self._rest[:length], self._rest[length:]
            return data
        body = bytearray(length)
        have = len(self._rest)
        body[:have] = self._rest
        self._rest = b""
        with memoryview(body) as view:
            while have < length:
                received = self._sock.recv_into(view[have : have + _RECEIVE])
                if not received:
                    raise _Gone
                have += received
        return body


class Listener:
    """One origin: a listening socket, its accepting thread, and a thread for each connection.

    Args:
        service: What answers.
        controls: The fault plan, the account and the rest of what tests set.
        port: 0 for any free one.

    Raises:
        OSError: The port cannot be had.
    """

    def __init__(self, service: Service, controls: Controls, port: int = 0) -> None:
        self._service = service
        self._controls = controls
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._listening = socket.create_server((HOST, port), backlog=512)
        self.port: int = self._listening.getsockname()[1]
        self.origin = f"http://{HOST}:{self.port}"
        self._acceptor = threading.Thread(target=self._accept, name="haut-sandbox", daemon=True)

    def start(self) -> None:
        """Begins to accept."""
        self._acceptor.start()

    def close(self) -> None:
        """Ends every connection and joins every thread."""
        self._closing.set()
        if self._acceptor.ident is not None:
            # Closing a listening socket does not wake its accept(); a connection does.
            with suppress(OSError):
                socket.create_connection((HOST, self.port), timeout=1).close()
            self._acceptor.join(_JOIN_SECONDS)
        self._listening.close()
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
            try:
                sock, _ = self._listening.accept()
            except OSError:  # out of file descriptors, or a client that left at once
                if self._closing.wait(0.05):
                    return
                continue
            if self._closing.is_set():
                sock.close()
                return
            thread = threading.Thread(
                target=self._converse, args=(sock,), name="haut-sandbox-connection", daemon=True
            )
            with self._lock:
                self._connections[sock] = thread
            thread.start()

    def _converse(self, sock: socket.socket) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader = _Reader(sock)
            while self._exchange(sock, reader):
                pass
        except (_Gone, OSError):
            pass  # clients come and go
        finally:
            sock.close()
            with self._lock:
                del self._connections[sock]

    def _exchange(self, sock: socket.socket, reader: _Reader) -> bool:
        """One request and its answer. True if the connection can serve another."""
        try:
            method, target, version, headers = reader.head()
        except _Malformed as malformed:
            return self._turn_away(sock, malformed)
        path, _, query = target.partition("?")
        request = Request(method, path, query, headers)
        self._service.identify(request)
        arrival = self._controls.account.enter(request)
        fault = self._controls.plan.take(request.operation)
        arrival.fault = fault.name if fault else None
        if fault and fault.when == "unread":
            self._deliver(sock, request, arrival, Answer(200), fault, keep=False)
            return False
        try:
            if headers.get("expect", "").lower() == "100-continue":
                sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.body = reader.body(headers)
        except _Malformed as malformed:
            arrival.status = malformed.reason[0]
            return self._turn_away(sock, malformed)
        request.md5 = hashlib.md5(request.body, usedforsecurity=False).digest()
        arrival.length = len(request.body)
        arrival.md5 = request.md5.hex()
        carry_out = not (fault and fault.when == "before")
        answer = self._carry_out(request, arrival) if carry_out else Answer(200)
        connection = headers.get("connection", "").lower()
        keep = connection == "keep-alive" or (version == "HTTP/1.1" and connection != "close")
        return self._deliver(sock, request, arrival, answer, fault, keep=keep)

    def _carry_out(self, request: Request, arrival: Arrival) -> Answer:
        controls = self._controls
        if controls.latency:
            self._closing.wait(controls.latency)
        try:
            if controls.before_request:
                controls.before_request(request)
            answer = self._service.dispatch(request)
        except Exception:  # a bug, ours or the hook's: it must be seen on both sides
            traceback.print_exc(file=sys.stderr)
            return self._service.refuse(500, "error", "A server error occurred.")
        if answer.status < 300:
            controls.account.carry_out(arrival)
        return answer

    def _turn_away(self, sock: socket.socket, malformed: _Malformed) -> bool:
        answer = self._service.refuse(*malformed.reason)
        sock.sendall(self._head(answer, keep=False) + answer.body)
        self._linger(sock)
        return False

    def _deliver(
        self,
        sock: socket.socket,
        request: Request,
        arrival: Arrival,
        answer: Answer,
        fault: Fault | None,
        *,
        keep: bool,
    ) -> bool:
        """Sends the answer as the fault has it. True if the connection can go on."""
        if fault:
            answer = fault.change(answer)
        delivery = fault.delivery if fault else Delivery.WHOLE
        keep = keep and delivery in (Delivery.WHOLE, Delivery.DRIBBLED)
        if delivery in (Delivery.TRUNCATED, Delivery.CUT_CHUNKS) and not answer.body:
            answer = replace(answer, status=200, body=_FILLER)
        if delivery in _ANSWERING:
            arrival.status = answer.status  # before the client can know it
        head, body = self._head(answer, keep=keep), answer.body
        if request.method == "HEAD":
            body = b""
        if fault and delivery is not Delivery.DRIBBLED:
            self._closing.wait(fault.seconds)
        match delivery:
            case Delivery.WHOLE if len(body) < _ONE_WRITE:
                sock.sendall(head + body)
            case Delivery.WHOLE:
                sock.sendall(head)
                sock.sendall(body)
            case Delivery.RESET:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                sock.close()
                return False
            case Delivery.CLOSE:
                pass
            case Delivery.GARBAGE:
                sock.sendall(b"\x15\x03\x01 this is not HTTP\r\n\r\n")
            case Delivery.TRUNCATED:
                sock.sendall(head + body[: len(body) // 2])
            case Delivery.CUT_CHUNKS:
                head = self._head(answer, keep=False, framing="Transfer-Encoding: chunked")
                sock.sendall(head + b"%x\r\n" % len(body) + body[: len(body) // 2])
            case Delivery.STALLED:
                while sock.recv(_RECEIVE):  # until the client gives up, or the listener closes
                    pass  # pragma: no cover - no client of ours sends more before the answer
            case Delivery.DRIBBLED:  # pragma: no branch - the last there is
                assert fault
                self._dribble(sock, head, body, fault)
        if not keep:
            self._linger(sock)
        return keep

    def _dribble(
        self, sock: socket.socket, head: bytes, body: bytes | bytearray, fault: Fault
    ) -> None:
        if not fault.dribble_head:
            sock.sendall(head)
            head = b""
        slow = head + body
        for position in range(len(slow)):
            if self._closing.wait(fault.seconds):
                return
            sock.sendall(slow[position : position + 1])

    def _head(self, answer: Answer, *, keep: bool, framing: str | None = None) -> bytes:
        lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in answer.headers]
        if framing:
            lines.append(framing)
        elif answer.status not in (204, 304):
            lines.append(f"Content-Length: {len(answer.body)}")
        if self._controls.now:
            lines.append(f"Date: {formatdate(self._controls.now().timestamp(), usegmt=True)}")
        if not keep:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _linger(self, sock: socket.socket) -> None:
        """Ends our half and waits for theirs: closing on unread bytes resets the answer away."""
        deadline = time.monotonic() + _LINGER_SECONDS
        sock.shutdown(socket.SHUT_WR)
        while (left := deadline - time.monotonic()) > 0:  # pragma: no branch - never silent
            sock.settimeout(left)
            if not sock.recv(_RECEIVE):
                return
