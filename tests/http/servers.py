"""Servers on loopback for what the sandbox cannot do: TLS, proxies, scripted bytes, slow readers."""

from __future__ import annotations

import base64
import http.client
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from types import TracebackType
from typing import Self

import trustme

HOST = "127.0.0.1"

Handler = Callable[[socket.socket], None]


class Server:
    """A server that handles each connection in a thread of its own.

    Args:
        handle: Called with each accepted connection, which is closed afterwards.
        context: TLS of the server; plain TCP without it.
        receive_buffer: Size of the receive buffer of each connection, in bytes.

    Attributes:
        accepted: Number of accepted connections.
        ended: Set when the server closes, so that a handler can wait without blocking the test.
    """

    def __init__(
        self,
        handle: Handler,
        *,
        context: ssl.SSLContext | None = None,
        receive_buffer: int | None = None,
    ) -> None:
        self._handle = handle
        self._context = context
        self._threads: list[threading.Thread] = []
        self._connections: list[socket.socket] = []
        self.accepted = 0
        self.ended = threading.Event()
        self._listening = socket.socket()
        if receive_buffer is not None:
            self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listening.bind((HOST, 0))
        self._listening.listen(128)
        self.port: int = self._listening.getsockname()[1]
        self.origin = f"http://{HOST}:{self.port}"
        if context is not None:
            self.origin = f"https://localhost:{self.port}"
        self.start(self._accept)

    def start(self, target: Callable[..., None], *arguments: object) -> None:
        """Start a thread that is joined when the server closes."""
        thread = threading.Thread(target=target, args=arguments, name="haut-sandbox test server")
        self._threads.append(thread)
        thread.start()

    def close_at_end(self, connection: socket.socket) -> None:
        """Shut a connection down when the server closes."""
        self._connections.append(connection)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.accepted += 1
                self.start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection:
            self.close_at_end(connection)
            if self._context is None:
                self._handle(connection)
                return
            with self._context.wrap_socket(connection, server_side=True) as secured:
                self.close_at_end(secured)
                self._handle(secured)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.ended.set()
        for open_socket in (self._listening, *self._connections):
            with suppress(OSError, ValueError):
                socket.socket.shutdown(open_socket, socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(5)


class Relay(Server):
    """A server that passes everything on to another origin, with TLS of its own if given."""

    def __init__(self, origin: str, context: ssl.SSLContext | None = None) -> None:
        host, _, port = origin.split("//")[1].partition(":")
        self._target = (host, int(port))
        super().__init__(self._relay, context=context)

    def _relay(self, client: socket.socket) -> None:
        with socket.create_connection(self._target) as service:
            self.close_at_end(service)
            join(self, client, service)


class ConnectProxy(Server):
    """A proxy that accepts CONNECT.

    Args:
        credentials: `name:password` that it requires; other requests get 407.
        context: Its own TLS, which makes it an https proxy.

    Attributes:
        heads: The head of every request.
        seen: All bytes that the proxy received from clients and could read.
    """

    def __init__(
        self, credentials: str | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        self._credentials = credentials
        self.heads: list[str] = []
        self.seen = bytearray()
        super().__init__(self._tunnel, context=context)

    def url(self, credentials: str = "") -> str:
        """Return the proxy's URL, with credentials if given."""
        return self.origin.replace("//", f"//{credentials}@") if credentials else self.origin

    def _tunnel(self, client: socket.socket) -> None:
        while head := read_head(client):
            self.seen += head
            self.heads.append(head.decode())
            encoded = base64.b64encode((self._credentials or "").encode()).decode()
            if self._credentials is None or f"Basic {encoded}" in self.heads[-1]:
                break
            client.sendall(
                b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                b'Proxy-Authenticate: Basic realm="proxy"\r\nContent-Length: 0\r\n\r\n'
            )
        else:
            return
        host, _, port = self.heads[-1].split()[1].partition(":")
        with socket.create_connection((host, int(port))) as service:
            self.close_at_end(service)
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            join(self, client, service, self.seen)


class ScriptedServer(Server):
    """An HTTP server that answers the n-th request with the n-th of the given byte strings.

    Attributes:
        requests: Head and body of each request, as received.
        used: The number of the connection on which each request came, from 1.
    """

    def __init__(self, *responses: bytes, context: ssl.SSLContext | None = None) -> None:
        self._responses = list(responses)
        self._lock = threading.Lock()
        self.requests: list[tuple[str, bytes]] = []
        self.used: list[int] = []
        super().__init__(self._answer, context=context)

    def _answer(self, client: socket.socket) -> None:
        number = self.accepted
        while head := read_head(client):
            body = read_body(client, head)
            with self._lock:
                self.requests.append((head.decode(), body))
                self.used.append(number)
                if not self._responses:
                    return
                response = self._responses.pop(0)
            client.sendall(response)

    @property
    def targets(self) -> list[str]:
        """The request targets, as sent."""
        return [head.split()[1] for head, _ in self.requests]


class RewritingServer(Server):
    """A server in front of an API that replaces text in the bodies of its responses.

    Args:
        origin: The API's origin, plain http.
        pattern: What is replaced: a regular expression.
        replacement: By what, as in `re.sub`.
    """

    def __init__(self, origin: str, pattern: str, replacement: str) -> None:
        self._upstream = origin.removeprefix("http://")
        self._pattern = pattern
        self._replacement = replacement
        super().__init__(self._answer)

    def _answer(self, client: socket.socket) -> None:
        while head := read_head(client):
            content = read_body(client, head)
            first, *lines = head.decode().strip().split("\r\n")
            method, target, _ = first.split()
            headers = dict(line.split(": ", 1) for line in lines)
            upstream = http.client.HTTPConnection(self._upstream)
            with closing(upstream):
                upstream.request(method, target, content or None, headers)
                answer = upstream.getresponse()
                text = re.sub(self._pattern, self._replacement, answer.read().decode())
            status = f"{answer.status} {answer.reason}"
            client.sendall(response(status, text.encode(), answer.headers["Content-Type"]))


def join(
    server: Server, client: socket.socket, service: socket.socket, seen: bytearray | None = None
) -> None:
    """Pass bytes on between two sockets until one of them ends."""

    def copy(source: socket.socket, sink: socket.socket, log: bytearray | None) -> None:
        with suppress(OSError, ValueError):
            while piece := source.recv(65_536):
                if log is not None:
                    log += piece
                sink.sendall(piece)
        for end in (source, sink):
            with suppress(OSError):
                socket.socket.shutdown(end, socket.SHUT_RDWR)

    upstream = threading.Thread(
        target=copy, args=(client, service, seen), name="haut-sandbox relay"
    )
    upstream.start()
    copy(service, client, None)
    upstream.join(5)


def read_head(client: socket.socket) -> bytes:
    """Read a request head; empty if the connection ended."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = client.recv(1)
        if not piece:
            return b""
        head += piece
    return head


def read_body(client: socket.socket, head: bytes) -> bytes:
    """Read the body that a request head announces by Content-Length."""
    length = 0
    for line in head.decode().lower().split("\r\n"):
        if line.startswith("content-length:"):
            length = int(line.partition(":")[2])
    body = b""
    while len(body) < length:
        piece = client.recv(min(65_536, length - len(body)))
        if not piece:
            break
        body += piece
    return body


def response(
    status: str, body: bytes = b"", content_type: str = "application/json", **headers: str
) -> bytes:
    """Return an HTTP response; underscores in header names become hyphens."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    if body:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def silent(*, context: ssl.SSLContext | None = None) -> Server:
    """Return a server that accepts connections and neither reads nor writes."""
    server: Server

    def wait(_: socket.socket) -> None:
        server.ended.wait()

    server = Server(wait, context=context)
    return server


def slow_reader(piece: int, interval: float) -> Server:
    """Return a server that reads `piece` bytes each `interval` seconds and never answers."""
    server: Server

    def read(client: socket.socket) -> None:
        while not server.ended.wait(interval) and client.recv(piece):
            pass

    server = Server(read, receive_buffer=piece)
    return server


@contextmanager
def black_hole(host: str = HOST, port: int = 0) -> Iterator[int]:
    """Give a port of a loopback host on which a connection is neither accepted nor refused."""
    with ExitStack() as opened:
        listening = opened.enter_context(socket.socket())
        listening.bind((host, port))
        listening.listen(0)
        while True:  # until the queue of connections is full
            filler = opened.enter_context(socket.socket())
            filler.settimeout(0.1)
            try:
                filler.connect(listening.getsockname())
            except TimeoutError:
                break
        yield listening.getsockname()[1]


class Authority:
    """A certificate authority of its own, and a server certificate for localhost."""

    def __init__(self) -> None:
        self._authority = trustme.CA()
        self.pem: bytes = self._authority.cert_pem.bytes()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("localhost").configure_cert(self.server)
