"""Sends HTTP responses, either complete or modified by a simulated fault."""

from __future__ import annotations

import http
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from email.utils import formatdate

from .faults import Delivery, Fault
from .http_messages import Response
from .http_parser import RECEIVE_SIZE
from .request_log import ReceivedRequest

SERVER = "haut-sandbox"
"""Value of the Server header of every response. Receipts of erasures use it to name a sandbox."""
_LINGER_SECONDS = 30.0
_REASON_PHRASES = {int(status): status.phrase for status in http.HTTPStatus}
# Larger bodies are sent separately from the response head, to avoid copying them.
_MAX_SINGLE_WRITE = 64 * 1024
# Value for the socket option SO_LINGER: enabled, with a timeout of zero seconds. The option's C
# struct has short fields on Windows.
_RESET_ON_CLOSE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
_BODY_TO_TRUNCATE = b'{"status":"ok"}' * 4  # body to truncate if the regular response has none
_GARBAGE = b"\x15\x03\x01 this is not HTTP\r\n\r\n"
_NOT_HTTP = (Delivery.RESET, Delivery.CLOSE, Delivery.GARBAGE, Delivery.STALLED)


class ResponseDelivery:
    """Sends responses.

    Args:
        closing: Event that is set when the server closes; it ends all simulated delays.
        now: Returns the time for the Date header; if None, responses have no Date header.
        seconds: Maximum time for which a client may take to receive a response.
    """

    def __init__(
        self, closing: threading.Event, now: Callable[[], datetime] | None, seconds: float
    ) -> None:
        self._closing = closing
        self._now = now
        self._seconds = seconds

    def send(
        self,
        sock: socket.socket,
        response: Response,
        fault: Fault | None,
        received: ReceivedRequest,
        *,
        keep_alive: bool,
    ) -> bool:
        """Send a response, applying the simulated fault if one is given.

        Args:
            sock: Socket of the connection.
            response: Response to send.
            fault: Fault that changes the response or its delivery.
            received: Log entry of the request. Its status is set before the response is sent. If its
                method is HEAD, no body is sent.
            keep_alive: Whether the connection may stay open after the response.

        Returns:
            True if the connection can serve another request.
        """
        sock.settimeout(self._seconds)
        if fault:
            response = fault.change(response)
        delivery = fault.delivery if fault else Delivery.COMPLETE
        keep_alive = keep_alive and delivery in (Delivery.COMPLETE, Delivery.DRIBBLED)
        truncates = delivery in (Delivery.TRUNCATED, Delivery.TRUNCATED_CHUNKS)
        if truncates and not response.body:
            response = replace(response, status=200, body=_BODY_TO_TRUNCATE)
        if delivery not in _NOT_HTTP:
            received.status = response.status
        chunked = delivery is Delivery.TRUNCATED_CHUNKS
        head = self._head(response, keep_alive=keep_alive, chunked=chunked)
        body = b"" if received.method == "HEAD" else response.body
        if fault and delivery is Delivery.DRIBBLED:
            self._dribble(sock, head, body, fault)
        else:
            if fault:
                self._closing.wait(fault.seconds)
            if delivery is Delivery.RESET:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                sock.close()
                return False
            _deliver(sock, head, body, delivery)
        if not keep_alive:
            close_gracefully(sock)
        return keep_alive

    def _dribble(
        self, sock: socket.socket, head: bytes, body: bytes | bytearray, fault: Fault
    ) -> None:
        if not fault.dribble_head:
            sock.sendall(head)
            head = b""
        data = head + body
        for position in range(len(data)):
            if self._closing.wait(fault.seconds):
                return
            sock.sendall(data[position : position + 1])

    def _head(self, response: Response, *, keep_alive: bool, chunked: bool) -> bytes:
        phrase = _REASON_PHRASES.get(response.status, "Unknown")
        lines = [f"HTTP/1.1 {response.status} {phrase}", f"Server: {SERVER}"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        elif response.status not in (204, 304):
            lines.append(f"Content-Length: {len(response.body)}")
        if self._now:
            lines.append(f"Date: {formatdate(self._now().timestamp(), usegmt=True)}")
        if not keep_alive:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _deliver(sock: socket.socket, head: bytes, body: bytes | bytearray, delivery: Delivery) -> None:
    half = body[: len(body) // 2]
    match delivery:
        case Delivery.COMPLETE if len(body) < _MAX_SINGLE_WRITE:
            sock.sendall(head + body)
        case Delivery.COMPLETE:
            sock.sendall(head)
            sock.sendall(body)
        case Delivery.GARBAGE:
            sock.sendall(_GARBAGE)
        case Delivery.TRUNCATED:
            sock.sendall(head + half)
        case Delivery.TRUNCATED_CHUNKS:
            sock.sendall(head + b"%x\r\n" % len(body) + half)
        case Delivery.STALLED:
            sock.settimeout(None)
            while sock.recv(RECEIVE_SIZE):  # until either side closes the connection
                pass  # pragma: no cover - no test sends more before it has the response
        case _:  # Delivery.CLOSE sends no response
            pass


def close_gracefully(sock: socket.socket) -> None:
    """Shut down the socket's sending side, and wait until the client closes the connection.

    Closing the socket at once could discard the response: if unread data remains, the system sends
    an RST.
    """
    deadline = time.monotonic() + _LINGER_SECONDS
    sock.shutdown(socket.SHUT_WR)
    while (remaining := deadline - time.monotonic()) > 0:  # pragma: no branch - clients close
        sock.settimeout(remaining)
        if not sock.recv(RECEIVE_SIZE):
            return
