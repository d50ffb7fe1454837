"""Loopback servers for tests: TLS, proxies, scripted responses and slow responses."""

from __future__ import annotations

import base64
import http.client
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme

HOST = "127.0.0.1"

Handler = Callable[[socket.socket], None]


class Server:
    """A server that handles each connection in a separate thread.

    Args:
        handle: Function to call with each accepted connection. The server closes the connection
            when the function returns.
        context: TLS context of the server. If None, the server uses plain TCP.
        receive_buffer: Size of the receive buffer of each connection, in bytes.

    Attributes:
        accepted: Number of accepted connections.
        closing: Set when the server closes, so that a waiting handler can return.
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
        self.closing = threading.Event()
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
        """Start a thread, which the server joins when it closes."""
        thread = threading.Thread(target=target, args=arguments, name="haut-sandbox test server")
        self._threads.append(thread)
        thread.start()

    def close_at_end(self, connection: socket.socket) -> None:
        """Register a connection, which the server shuts down when it closes."""
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
        self.closing.set()
        for open_socket in (self._listening, *self._connections):
            with suppress(OSError, ValueError):
                socket.socket.shutdown(open_socket, socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(5)


class Relay(Server):
    """A server that forwards each connection to another server.

    Args:
        origin: Origin of the other server. Must use plain http.
        context: TLS context of the relay. If None, the relay uses plain TCP.
    """

    def __init__(self, origin: str, context: ssl.SSLContext | None = None) -> None:
        host, _, port = origin.split("//")[1].partition(":")
        self._target = (host, int(port))
        super().__init__(self._relay, context=context)

    def _relay(self, client: socket.socket) -> None:
        with socket.create_connection(self._target) as service:
            self.close_at_end(service)
            forward(client, service)


class ConnectProxy(Server):
    """A proxy that supports the CONNECT method.

    Args:
        credentials: Required `name:password`. Other requests get a 407 response.
        context: TLS context for an https proxy. If None, the proxy uses plain http.

    Attributes:
        heads: The head of every request.
        received: All bytes that the proxy received from clients, decrypted if the proxy itself uses TLS.
    """

    def __init__(
        self, credentials: str | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        self._credentials = credentials
        self.heads: list[str] = []
        self.received = bytearray()
        super().__init__(self._tunnel, context=context)

    def url(self, credentials: str = "") -> str:
        """Return the URL of the proxy, including any credentials."""
        return self.origin.replace("//", f"//{credentials}@") if credentials else self.origin

    def _tunnel(self, client: socket.socket) -> None:
        while head := read_head(client):
            self.received += head
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
            forward(client, service, self.received)


class ScriptedServer(Server):
    """An HTTP server that sends the given responses in order, one for each request.

    Attributes:
        requests: Head and body of each request, as received.
        connections: Connection number of each request, starting at 1.
    """

    def __init__(self, *responses: bytes, context: ssl.SSLContext | None = None) -> None:
        self._responses = list(responses)
        self._lock = threading.Lock()
        self.requests: list[tuple[str, bytes]] = []
        self.connections: list[int] = []
        super().__init__(self._respond, context=context)

    def _respond(self, client: socket.socket) -> None:
        number = self.accepted
        while head := read_head(client):
            body = read_body(client, head)
            with self._lock:
                self.requests.append((head.decode(), body))
                self.connections.append(number)
                if not self._responses:
                    return
                response = self._responses.pop(0)
            client.sendall(response)

    @property
    def targets(self) -> list[str]:
        """Targets of all received requests, exactly as the client sent them."""
        return [head.split()[1] for head, _ in self.requests]


class RewritingServer(Server):
    """A server that forwards requests to an API and replaces text in the response bodies.

    Args:
        origin: Origin of the API. Must use plain http.
        pattern: Regular expression of the text to replace.
        replacement: Replacement, as in `re.sub`.
    """

    def __init__(self, origin: str, pattern: str, replacement: str) -> None:
        self._upstream = origin.removeprefix("http://")
        self._pattern = pattern
        self._replacement = replacement
        super().__init__(self._respond)

    def _respond(self, client: socket.socket) -> None:
        while head := read_head(client):
            content = read_body(client, head)
            first, *lines = head.decode().strip().split("\r\n")
            method, target, _ = first.split()
            headers = dict(line.split(": ", 1) for line in lines)
            upstream = http.client.HTTPConnection(self._upstream)
            with closing(upstream):
                upstream.request(method, target, content or None, headers)
                original = upstream.getresponse()
                text = re.sub(self._pattern, self._replacement, original.read().decode())
            status = f"{original.status} {original.reason}"
            client.sendall(response(status, text.encode(), original.headers["Content-Type"]))


def forward(
    client: socket.socket, service: socket.socket, received: bytearray | None = None
) -> None:
    """Forward bytes between two sockets until one of them is closed.

    Args:
        client: Connection to the client.
        service: Connection to the service.
        received: Buffer to which all bytes from the client are appended.
    """

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
        target=copy, args=(client, service, received), name="haut-sandbox relay"
    )
    upstream.start()
    copy(service, client, None)
    upstream.join(5)


def read_head(client: socket.socket) -> bytes:
    """Read the head of a request. Return `b""` if the client has closed the connection."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = client.recv(1)
        if not piece:
            return b""
        head += piece
    return head


def read_body(client: socket.socket, head: bytes) -> bytes:
    """Read a request body, whose length is given by the Content-Length header in `head`."""
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
    """Return an HTTP response as bytes. Underscores in header names are replaced with hyphens."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    if body:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@contextmanager
def silent_server() -> Iterator[str]:
    """Yield the origin of a server that accepts connections but never reads or responds."""
    with socket.socket() as listening:
        # The kernel completes connections. With a small receive buffer, senders block quickly.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listening.bind((HOST, 0))
        listening.listen()
        yield f"http://{HOST}:{listening.getsockname()[1]}"


def slow_reader(piece: int, interval: float) -> Server:
    """Return a server that reads `piece` bytes every `interval` seconds and never responds."""
    server: Server

    def read(client: socket.socket) -> None:
        while not server.closing.wait(interval) and client.recv(piece):
            pass

    server = Server(read, receive_buffer=piece)
    return server


@contextmanager
def black_hole(*hosts: str, port: int = 0) -> Iterator[int]:
    """Listen on loopback hosts, but neither accept nor refuse connections.

    Args:
        hosts: Host addresses. All of them use the same port.
        port: Port number, or 0 to select a free port.

    Yields:
        The port.
    """
    with ExitStack() as opened:
        for host in hosts or (HOST,):
            listening = opened.enter_context(socket.socket())
            listening.bind((host, port))
            listening.listen(0)
            port = listening.getsockname()[1]
            while True:  # repeat until the queue of pending connections is full
                filler = opened.enter_context(socket.socket())
                filler.settimeout(0.1)
                try:
                    filler.connect(listening.getsockname())
                except TimeoutError:
                    break
        yield port


@contextmanager
def uncontacted_server() -> Iterator[tuple[str, socket.socket]]:
    """Yield the origin and the listening socket of a server that clients must not contact."""
    with socket.create_server((HOST, 0)) as listening:
        listening.setblocking(False)
        yield f"http://{HOST}:{listening.getsockname()[1]}", listening


def was_contacted(listening: socket.socket) -> bool:
    """Return whether a client has connected to the given listening socket."""
    try:
        listening.accept()[0].close()
    except BlockingIOError:
        return False
    return True


class Authority:
    """A test certificate authority that has issued a server certificate for localhost.

    Attributes:
        pem: Certificate of the authority, in PEM format.
        server: Server TLS context that uses the certificate for localhost.
    """

    def __init__(self) -> None:
        self._authority = trustme.CA()
        self.pem: bytes = self._authority.cert_pem.bytes()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("localhost").configure_cert(self.server)

    def write_certificate(self, folder: Path) -> tuple[str, str]:
        """Write a certificate for localhost and its key to files, and return their paths."""
        issued = self._authority.issue_cert("localhost")
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        key.write_bytes(issued.private_key_pem.bytes())
        return str(certificate), str(key)
