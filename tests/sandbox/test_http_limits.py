"""Tests of requests that are malformed, too large, too slow or meant for another host."""

from __future__ import annotations

import select
import socket
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haut_ext.sandbox import Request, Response, Sandbox
from haut_ext.sandbox.fault_plan import FaultPlan
from haut_ext.sandbox.http_parser import (
    ConnectionClosed,
    Limits,
    RejectedRequest,
    RequestReader,
)
from haut_ext.sandbox.http_server import HOST, Controls, HttpServer
from tests.sandbox.http_client import TIMEOUT, wait_until

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


class LengthService:
    """Service whose responses contain the length of the request's body.

    If the query is a number, as many zero bytes precede the length.
    """

    def identify(self, request: Request) -> None:
        pass

    def handle(self, request: Request) -> Response:
        size = int(request.query or 0)
        return Response(200, body=bytes(size) + b"length %d" % len(request.body))

    def error_response(self, status: int, code: str, detail: str) -> Response:
        return Response(status, body=f"{code}: {detail}".encode())


@contextmanager
def running(
    limits: Limits | None = None, host: str = HOST
) -> Iterator[tuple[HttpServer, Controls]]:
    controls = Controls(FaultPlan([]))
    server = HttpServer(LengthService(), controls, host=host, limits=limits)
    server.start()
    try:
        yield server, controls
    finally:
        server.close()


def connect(server: HttpServer) -> socket.socket:
    origin = urlsplit(server.origin)
    return socket.create_connection((origin.hostname, server.port), timeout=TIMEOUT)


def connection_threads() -> int:
    return sum(thread.name == "haut-sandbox-connection" for thread in threading.enumerate())


def read(connection: socket.socket) -> bytes:
    """Return all bytes received until the server closes the connection."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[HttpServer, Controls]]:
    with running(Limits(body=1000)) as server:
        yield server


def exchange(server: HttpServer, request: bytes) -> bytes:
    """Send a request on a new connection; return all data until the server closes it."""
    with connect(server) as connection:
        connection.sendall(request)
        return read(connection)


REJECTED = [
    pytest.param(
        b"GET /" + b"x" * 8192 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, id="target"
    ),
    pytest.param(b"GET /" + b"x" * 70_000, 431, id="endless-request-line"),
    pytest.param(GET + b"A: b\r\n" * 20_000 + b"\r\n", 431, id="many-headers"),
    pytest.param(GET + b"A: " + b"x" * 70_000, 431, id="endless-header"),
    pytest.param(b"hello\r\n\r\n", 400, id="not-http"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400, id="tls"),
    pytest.param(b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 400, id="http-2"),
    pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no-host"),
    pytest.param(GET + b"Host: localhost\r\n\r\n", 400, id="two-hosts"),
    pytest.param(b"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, id="proxy"),
    pytest.param(GET + b"no colon\r\n\r\n", 400, id="no-colon"),
    pytest.param(GET + b"Name : x\r\n\r\n", 400, id="space-before-colon"),
    pytest.param(GET + b": x\r\n\r\n", 400, id="no-name"),
    pytest.param(GET + b"A: b\x00c\r\n\r\n", 400, id="nul-in-value"),
    pytest.param(GET + b"A\x00: b\r\n\r\n", 400, id="nul-in-name"),
    pytest.param(b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, id="nul-in-target"),
    pytest.param(GET + b"A: b\rC: d\r\n\r\n", 400, id="bare-cr"),
    pytest.param(GET + b"A: b\nC: d\r\n\r\n", 400, id="bare-lf"),
    pytest.param(GET + b"A: b\r\n\nC: d\r\n\r\n", 400, id="bare-lf-ends-head"),
    pytest.param(GET.replace(b"\r\n", b"\n") + b"\n", 400, id="lf-only"),
    pytest.param(b"GET / HTTP/1.1\nHost: localhost\r\n\r\n", 400, id="lf-after-request-line"),
    pytest.param(GET + b"A: b\r\n c\r\n\r\n", 400, id="folded-header"),
    pytest.param(GET + b"A: b\r\n\tc\r\n\r\n", 400, id="header-folded-with-tab"),
    pytest.param(b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n", 400, id="folded-request-line"),
    pytest.param(
        POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400, id="folded-coding"
    ),
    pytest.param(POST + b"Content-Length: -1\r\n\r\n", 400, id="negative-length"),
    pytest.param(POST + b"Content-Length: +1\r\n\r\na", 400, id="signed-length"),
    pytest.param(POST + b"Content-Length: 0x1\r\n\r\na", 400, id="hexadecimal-length"),
    pytest.param(POST + b"Content-Length: \xb2\r\n\r\naa", 400, id="superscript-length"),
    pytest.param(POST + b"Content-Length: 1" + b"0" * 5000 + b"\r\n\r\na", 400, id="long-length"),
    pytest.param(POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, id="two-lengths"),
    pytest.param(
        POST + b"Content-Length: 1\r\nA: b\r\ncontent-length: 1\r\n\r\na",
        400,
        id="same-length-twice",
    ),
    pytest.param(POST + b"Content-Length: 1, 1\r\n\r\na", 400, id="list-of-lengths"),
    pytest.param(
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        id="length-and-chunked",
    ),
    pytest.param(
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        501,
        id="chunked-twice",
    ),
    pytest.param(POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, id="gzip"),
    pytest.param(POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400, id="vertical-tab"),
    pytest.param(CHUNKED.replace(b"1.1", b"1.0") + b"0\r\n\r\n", 400, id="chunked-http-1.0"),
    pytest.param(CHUNKED + b"xyz\r\n", 400, id="chunk-size-not-hexadecimal"),
    pytest.param(CHUNKED + b"-5\r\n", 400, id="chunk-size-negative"),
    pytest.param(CHUNKED + b"0x5\r\n", 400, id="chunk-size-prefixed"),
    pytest.param(CHUNKED + b"\r\n", 400, id="chunk-size-missing"),
    pytest.param(CHUNKED + b"1" * 21 + b"\r\n", 400, id="chunk-size-long"),
    pytest.param(CHUNKED + b"1;a\nb\r\nx\r\n0\r\n\r\n", 400, id="chunk-size-with-bare-lf"),
    pytest.param(CHUNKED + b"1\r\nxyz\r\n0\r\n\r\n", 400, id="chunk-longer-than-its-size"),
    pytest.param(CHUNKED + b"1" * 70_000, 431, id="chunk-size-endless"),
    pytest.param(CHUNKED + b"0\r\n" + b"A: b\r\n" * 20_000, 431, id="trailers-endless"),
    pytest.param(POST + b"Content-Length: 1001\r\n\r\nabc", 413, id="announced-body"),
    pytest.param(
        POST + b"Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n", 413, id="expected-body"
    ),
    pytest.param(CHUNKED + b"FFFFFFFF\r\n" + b"x" * 1001, 413, id="large-chunk"),
    pytest.param(CHUNKED + b"1F4\r\n" + b"x" * 500 + b"\r\n3E8\r\n" + b"x" * 501, 413, id="chunks"),
]


@pytest.mark.parametrize(("request_", "status"), REJECTED)
def test_invalid_request_is_rejected_and_the_connection_closed(
    shared: tuple[HttpServer, Controls], request_: bytes, status: int
) -> None:
    response = exchange(shared[0], request_)
    assert response.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nConnection: close\r\n" in response
    assert len(response) < 500


def test_nothing_after_a_rejected_request_is_served(shared: tuple[HttpServer, Controls]) -> None:
    server, controls = shared
    controls.log.clear()
    hidden = b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for head in (
        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0",
        b"A: b\n",
        b"A: b\r\n c",
    ):
        assert exchange(server, POST + head + b"\r\n\r\n" + hidden).count(b"\r\n\r\n") == 1
    assert controls.log.requests == []


@pytest.mark.parametrize(
    ("request_", "length"),
    [
        (POST + b"Content-Length: 1000\r\nConnection: close\r\n\r\n" + b"x" * 1000, 1000),
        (GET + b"Connection: close\r\n\r\n", 0),
        (b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n", 0),
    ],
)
def test_request_within_the_limits_is_served(
    shared: tuple[HttpServer, Controls], request_: bytes, length: int
) -> None:
    assert exchange(shared[0], request_).endswith(b"\r\n\r\nlength %d" % length)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example#localhost",
        "localhost:80@evil.example",
        "localhost:evil",
        "127.0.0.2",
        "0.0.0.0",
        "2130706433",
        "::1",
        "localhost.",
        "",
    ],
)
def test_request_for_another_host_is_rejected(
    shared: tuple[HttpServer, Controls], host: str
) -> None:
    server, controls = shared
    controls.log.clear()
    response = exchange(server, f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert response.startswith(b"HTTP/1.1 421 Misdirected Request\r\n")
    assert b"\r\nConnection: close\r\n" in response
    assert server.origin.encode() in response
    assert controls.log.requests == []


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
@pytest.mark.parametrize("port", ["", ":", ":80", ":65000"])  # a forwarded port can be any
def test_request_for_the_own_host_is_served(
    shared: tuple[HttpServer, Controls], name: str, port: str
) -> None:
    request = f"GET / HTTP/1.1\r\nHost: {name}{port}\r\nConnection: close\r\n\r\n".encode()
    assert exchange(shared[0], request).startswith(b"HTTP/1.1 200 ")


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is an address on Linux only")
@pytest.mark.parametrize(
    ("host", "own", "foreign"),
    [
        ("127.0.0.2", ["localhost", "127.0.0.1", "127.0.0.2"], ["127.0.0.3", "evil.example"]),
        ("0.0.0.0", ["localhost", "127.0.0.1"], ["0.0.0.0", "127.0.0.2", "evil.example"]),
    ],
)
def test_chosen_host_is_served_too(host: str, own: list[str], foreign: list[str]) -> None:
    with running(host=host) as (server, _):
        assert server.origin == f"http://{own[-1]}:{server.port}"
        for name in own + foreign:
            request = f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()
            status = 200 if name in own else 421
            assert exchange(server, request).startswith(b"HTTP/1.1 %d " % status)


def test_host_of_a_signed_url_is_served_and_another_one_rejected(sandbox: Sandbox) -> None:
    port = int(sandbox.storage_url.rpartition(":")[2])
    for host, status in ((f"127.0.0.1:{port}", 403), ("storage.googleapis.com", 421)):
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
            connection.sendall(
                f"GET /photo HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
            )
            assert read(connection).startswith(b"HTTP/1.1 %d " % status)


def test_announced_bodies_take_no_memory_before_they_arrive(sandbox: Sandbox) -> None:
    port = int(sandbox.storage_url.rpartition(":")[2])
    heads = [POST + b"Content-Length: 60000000\r\n\r\nx", CHUNKED + b"3938700\r\nx"]
    with ExitStack() as opened:
        tracemalloc.start()
        opened.callback(tracemalloc.stop)
        connections = [
            opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT))
            for _ in range(20)
        ]
        for index, connection in enumerate(connections):
            connection.sendall(heads[index % 2])
            connection.shutdown(socket.SHUT_WR)
        assert {read(connection) for connection in connections} == {b""}
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    assert len(sandbox.requests) == 20


@pytest.mark.parametrize(
    ("sent", "response"),
    [
        (b"", b""),
        (GET, b"HTTP/1.1 408 "),
        (POST + b"Content-Length: 9\r\n\r\nx", b"HTTP/1.1 408 "),
        (CHUNKED + b"5\r\nx", b"HTTP/1.1 408 "),
    ],
    ids=["idle", "head", "body", "chunk"],
)
def test_incomplete_request_ends_at_the_time_limit(sent: bytes, response: bytes) -> None:
    with (
        running(Limits(head_seconds=0.1, body_seconds=0.1)) as (server, _),
        connect(server) as slow,
    ):
        slow.sendall(sent)
        assert read(slow).startswith(response)


def test_idle_connection_is_closed_after_a_response() -> None:
    with running(Limits(head_seconds=0.1)) as (server, _), connect(server) as idle:
        idle.sendall(GET + b"\r\n")
        assert read(idle).endswith(b"length 0")


@pytest.mark.parametrize("interval", [0, 0.01], ids=["flood", "slow"])
@pytest.mark.parametrize(
    ("start", "data"),
    [
        pytest.param(GET + b"A: ", b"x", id="head"),
        pytest.param(POST + b"Content-Length: 9999999\r\n\r\n", b"x", id="body"),
        pytest.param(CHUNKED, b"1;" + b"x" * 10_000 + b"\r\nx\r\n", id="chunks"),
    ],
)
def test_arriving_bytes_do_not_extend_the_time_limit(
    start: bytes, data: bytes, interval: float
) -> None:
    limits = Limits(head=10**9, head_seconds=0.2, body_seconds=0.2)
    with running(limits) as (server, _), connect(server) as connection:
        connection.sendall(start)
        while not select.select([connection], [], [], interval)[0]:
            connection.sendall(data)
        assert connection.recv(12) == b"HTTP/1.1 408"


def test_client_that_does_not_read_the_response_is_disconnected() -> None:
    size = 50_000_000  # more than the buffers of the sockets hold
    with running(Limits(response_seconds=0.1)) as (server, _), connect(server) as idle:
        idle.sendall(GET.replace(b"/ ", b"/?%d " % size, 1) + b"\r\n")
        assert idle.recv(12) == b"HTTP/1.1 200"
        wait_until(lambda: connection_threads() == 0)
        assert len(read(idle)) < size


def test_number_of_open_connections_is_limited() -> None:
    with ExitStack() as opened:
        server, _ = opened.enter_context(running(Limits(connections=3)))
        connections = [opened.enter_context(connect(server)) for _ in range(5)]
        for connection in connections:
            connection.sendall(GET + b"\r\n")
        for connection in connections[:3]:
            assert connection.recv(12) == b"HTTP/1.1 200"
        for connection in connections[3:]:
            connection.settimeout(0.05)
            with pytest.raises(TimeoutError):
                connection.recv(12)
            connection.settimeout(TIMEOUT)
        for served, waiting in zip(connections[:2], connections[3:], strict=True):
            served.close()
            assert waiting.recv(12) == b"HTTP/1.1 200"


def test_server_closes_while_connections_wait() -> None:
    with (
        running(Limits(connections=1)) as (server, _),
        connect(server) as served,
        connect(server) as waiting,
    ):
        served.sendall(GET + b"\r\n")
        assert served.recv(12) == b"HTTP/1.1 200"
        waiting.sendall(GET + b"\r\n")
        server.close()
        with suppress(ConnectionResetError):
            assert waiting.recv(12) == b""


PIECES = [b"GET / HTTP/1.1", b"Host: a", b"Content-Length: 3", b"Transfer-Encoding: chunked", b"3"]
PIECES += [
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b",",
    b"\x00",
    b"\xff",
    b"0",
    b"abc",
]


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=5), max_size=20).map(b"".join))
def test_any_bytes_are_read_or_rejected(data: bytes) -> None:
    server, client = socket.socketpair()
    with server, client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        reader = RequestReader(server, Limits())
        with pytest.raises((ConnectionClosed, RejectedRequest)):  # the data ends
            while True:
                reader.read_body(reader.read_head())
