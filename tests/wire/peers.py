"""Peers that do what no sandbox does: accept nothing, read nothing, read slowly, speak TLS."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

HOST = "127.0.0.1"


@contextmanager
def black_hole(*others: str) -> Iterator[int]:
    """Give the port of a host, and of further loopback hosts, that answers no attempt to connect."""
    with ExitStack() as opened:
        first = opened.enter_context(socket.socket())
        first.bind((HOST, 0))
        port: int = first.getsockname()[1]
        sockets = [first]
        for other in others:
            sockets.append(opened.enter_context(socket.socket()))
            sockets[-1].bind((other, port))
        for listening in sockets:
            listening.listen(0)
            # Its queue is full once an attempt to connect does not succeed.
            while True:
                filler = opened.enter_context(socket.socket())
                filler.settimeout(0.1)
                try:
                    filler.connect(listening.getsockname())
                except TimeoutError:
                    break
        yield port


@contextmanager
def deaf() -> Iterator[str]:
    """Give the origin of a host that takes connections and reads nothing from them."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listening.bind((HOST, 0))
        listening.listen()
        yield f"http://{HOST}:{listening.getsockname()[1]}"


@contextmanager
def slow_reader(piece: int, interval: float) -> Iterator[str]:
    """Give the origin of a host that reads one connection, a piece each interval, in seconds."""
    ended = threading.Event()
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, piece)
        listening.bind((HOST, 0))
        listening.listen()

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    while not ended.wait(interval) and connection.recv(piece):
                        pass

        thread = threading.Thread(target=serve, name="haut-sandbox slow reader")
        thread.start()
        try:
            yield f"http://{HOST}:{listening.getsockname()[1]}"
        finally:
            ended.set()
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def somebody_else() -> Iterator[tuple[str, socket.socket]]:
    """Give the origin and the socket of a host where nothing of ours must ever arrive."""
    with socket.create_server((HOST, 0)) as listening:
        listening.setblocking(False)
        yield f"http://{HOST}:{listening.getsockname()[1]}", listening


def nothing_came(listening: socket.socket) -> bool:
    """Return whether nobody has connected."""
    try:
        listening.accept()[0].close()
    except BlockingIOError:
        return True
    return False


@contextmanager
def behind_tls(origin: str, context: ssl.SSLContext) -> Iterator[str]:
    """Give the https origin of a host that passes everything on to a plain one."""
    host, _, port = origin.removeprefix("http://").partition(":")

    def take(accepted: socket.socket) -> tuple[socket.socket, socket.socket]:
        client = context.wrap_socket(accepted, server_side=True)
        return client, socket.create_connection((host, int(port)))

    with _relay(take) as port_given:
        yield f"https://localhost:{port_given}"


@contextmanager
def connect_proxy(heads: list[str], wanted: str = "") -> Iterator[str]:
    """Give the address of a proxy that takes CONNECT.

    Args:
        heads: Gets the head of every request, as it came.
        wanted: What must stand in a head; a request without it is refused with 407.
    """

    def take(client: socket.socket) -> tuple[socket.socket, socket.socket]:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        heads.append(head.decode())
        if wanted not in heads[-1]:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            raise OSError("refused")
        host, _, port = heads[-1].split()[1].partition(":")
        service = socket.create_connection((host, int(port)))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        return client, service

    with _relay(take) as port_given:
        yield f"http://{HOST}:{port_given}"


@contextmanager
def _relay(
    take: Callable[[socket.socket], tuple[socket.socket, socket.socket]],
) -> Iterator[int]:
    """Give the port of a host that passes everything on.

    Args:
        take: Makes of an accepted connection the two ends between which it is passed on.
    """
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []

    def start(target: Callable[..., None], *arguments: object) -> None:
        threads.append(threading.Thread(target=target, args=arguments, name="haut-sandbox relay"))
        threads[-1].start()

    def pass_on(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65_536):
                sink.sendall(piece)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def converse(accepted: socket.socket) -> None:
        with suppress(OSError), accepted:
            client, service = take(accepted)
            with client, service:
                connections.extend((client, service))
                start(pass_on, client, service)
                pass_on(service, client)

    def accept() -> None:
        with suppress(OSError):
            while True:
                start(converse, listening.accept()[0])

    with socket.create_server((HOST, 0)) as listening:
        start(accept)
        try:
            yield listening.getsockname()[1]
        finally:
            for ending in (listening, *connections):
                with suppress(OSError):
                    ending.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(5)
