"""The sockets: HTTP as clients speak it, where it listens, and what is left when it is closed."""

from __future__ import annotations

import gc
import json
import resource
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from haut_ext.sandbox import Sandbox
from tests.sandbox.caller import Caller


def exchange(sandbox: Sandbox, *parts: bytes) -> bytes:
    """Sends the parts on a connection of their own; all that comes back until the server closes."""
    target = urlsplit(sandbox.base_url)
    with socket.create_connection((target.hostname, target.port), timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def head(caller: Caller, method: str, *headers: str, query: str = "") -> bytes:
    token = caller.sandbox.credentials["token"]
    lines = [f"{method} {caller.subjects}{query} HTTP/1.1", f"Authorization: Bearer {token}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode()


def test_a_connection_serves_many_requests(caller: Caller, sandbox: Sandbox) -> None:
    get = head(caller, "GET")
    last = head(caller, "GET", "Connection: close")
    answers = exchange(sandbox, get + get + get[:10], get[10:] + last)
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 4
    assert answers.count(b"Connection: close") == 1


def test_http_1_0_is_closed_after_the_answer(caller: Caller, sandbox: Sandbox) -> None:
    request = head(caller, "GET").replace(b"HTTP/1.1", b"HTTP/1.0")
    assert exchange(sandbox, request).startswith(b"HTTP/1.1 200 ")


def test_a_chunked_body_is_read(caller: Caller, sandbox: Sandbox) -> None:
    request = head(
        caller,
        "POST",
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
        "Connection: close",
    )
    body = b'8;a=b\r\n{"name":\r\n6\r\n "Ann"\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n'
    answer = exchange(sandbox, request + body[:20], body[20:])
    assert answer.startswith(b"HTTP/1.1 201 Created\r\n")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["name"] == "Ann"


def test_a_client_that_waits_is_told_to_continue(caller: Caller, sandbox: Sandbox) -> None:
    body = b'{"name":"Ann"}'
    request = head(
        caller,
        "POST",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Expect: 100-continue",
        "Connection: close",
    )
    answer = exchange(sandbox, request, body)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 ")


def test_head_has_no_body(caller: Caller, sandbox: Sandbox) -> None:
    answer = exchange(sandbox, head(caller, "HEAD", "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"x" * 8192 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /" + b"x" * 9000, 414),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n", 431),
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nName : x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nabc", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 9000, 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n", 413),
    ],
)
def test_a_malformed_request_is_refused_and_the_connection_closed(
    sandbox: Sandbox, request_: bytes, status: int
) -> None:
    answer = exchange(sandbox, request_)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close\r\n" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"] == "client_error"


def test_a_request_line_of_8_kib_is_taken(caller: Caller, sandbox: Sandbox) -> None:
    line = len(head(caller, "GET", query="?q=").split(b"\r\n")[0])
    query = "?q=" + "x" * (8192 - line)
    answer = exchange(sandbox, head(caller, "GET", "Connection: close", query=query))
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_bug_is_a_500_and_is_seen(
    caller: Caller, sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(request: Any) -> None:
        raise ZeroDivisionError("in the hook")

    sandbox.before_request = broken
    answer = caller.http.get(caller.subjects)
    assert answer.status_code == 500
    assert answer.json()["type"] == "server_error"
    assert "ZeroDivisionError: in the hook" in capfd.readouterr().err


def test_only_loopback_listens(sandbox: Sandbox) -> None:
    ports = {urlsplit(url).port for url in (sandbox.base_url, sandbox.storage_url)}
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("no /proc/net/tcp here")
    rows = [line.split() for line in table.read_text().splitlines()[1:]]
    listening = [row[1].split(":") for row in rows if row[3] == "0A"]
    addresses = {int(port, 16): address for address, port in listening if int(port, 16) in ports}
    assert addresses == dict.fromkeys(ports, "0100007F")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc/self/fd here")
def test_closing_leaves_no_thread_and_no_descriptor() -> None:
    Sandbox().close()
    gc.collect()
    threads, before = threading.active_count(), descriptors()
    for _ in range(3):
        with Sandbox() as sandbox:
            clients = [Caller(sandbox) for _ in range(5)]
            for caller in clients:
                caller.upload(caller.create()["id"])
            assert threading.active_count() > threads
            for caller in clients[:3]:
                caller.close()
        sandbox.close()
        for caller in clients[3:]:
            caller.close()
    assert threading.active_count() == threads
    assert descriptors() == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(sandbox.base_url)


def test_closing_waits_for_what_is_being_carried_out(sandbox: Sandbox) -> None:
    entered, released = threading.Event(), threading.Event()

    def hold(request: Any) -> None:
        entered.set()
        released.wait()

    sandbox.before_request = hold
    with socket.create_connection(("127.0.0.1", urlsplit(sandbox.base_url).port or 0)) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert entered.wait(10)
        closing = threading.Thread(target=sandbox.close)
        closing.start()
        closing.join(0.1)
        assert closing.is_alive()
        released.set()
        closing.join(10)
    assert not closing.is_alive()


def test_it_can_be_closed_from_a_hook_and_again(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.before_request = lambda request: sandbox.close()
    with pytest.raises(httpx.TransportError):
        caller.http.get(caller.subjects)
    sandbox.close()
    with pytest.raises(ConnectionRefusedError):
        exchange(sandbox, b"")


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    """While this lasts, this process is given no further one."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_without_descriptors_it_waits_for_some(caller: Caller, sandbox: Sandbox) -> None:
    port = urlsplit(sandbox.base_url).port
    request = head(caller, "GET", "Connection: close")
    with socket.socket() as first, socket.socket() as second:
        with no_more_descriptors():
            for client in (first, second):
                client.connect(("127.0.0.1", port))
                client.sendall(request)
            # The first is answered now if the sandbox was waiting for it, with a descriptor reserved.
            # Nothing can time out in the meantime: polling needs descriptors, too.
            first.setblocking(False)
            for _ in range(100):
                time.sleep(0.01)
                with suppress(BlockingIOError):
                    first.recv(1, socket.MSG_PEEK)
                    break
        for client in (first, second):
            client.settimeout(30)
            assert client.recv(12) == b"HTTP/1.1 200"
    assert sandbox.arrived("list_subjects") == 2


def test_a_port_in_use_is_an_oserror_and_leaks_nothing() -> None:
    with Sandbox() as first:
        taken = urlsplit(first.base_url).port
        assert taken
        threads = threading.active_count()
        for ports in ({"port": taken}, {"storage_port": taken}):
            with pytest.raises(OSError, match="in use"):
                Sandbox(**ports)
        assert threading.active_count() == threads


@pytest.mark.slow
def test_many_at_once(caller: Caller, sandbox: Sandbox) -> None:
    def create(number: int) -> str:
        name: str = caller.create(f"subject {number}")["name"]
        return name

    with ThreadPoolExecutor(32) as pool:
        names = list(pool.map(create, range(300)))
    assert names == [f"subject {number}" for number in range(300)]
    assert {subject.name for subject in sandbox.world.subjects.values()} == set(names)
    assert sandbox.carried_out("create_subject") == sandbox.arrived("create_subject") == 300
    assert len(sandbox.arrivals) == 300


def test_reset_gives_the_same_beginning(caller: Caller, sandbox: Sandbox) -> None:
    credentials, empty = sandbox.credentials, sandbox.snapshot()
    user = sandbox.login_credentials
    first = caller.create()
    sandbox.expire_token()
    with sandbox.world.lock:
        sandbox.world.create_dataset("study")
        sandbox.world.accounts.create_private_token("backend", sandbox.clock.now())
    sandbox.fail_algorithm("selfie_v2.acne", "No face detected")
    sandbox.mfa_enabled = True
    assert sandbox.snapshot() != empty
    sandbox.latency = 30
    sandbox.before_request = lambda request: None
    sandbox.reset()
    assert sandbox.credentials == credentials
    assert sandbox.login_credentials == user
    assert sandbox.snapshot() == empty
    assert (sandbox.mfa_enabled, sandbox.world.failures) == (False, {})
    assert sandbox.arrivals == []
    assert caller.create() == first


def test_reset_keeps_the_credentials_without_a_seed_too() -> None:
    with Sandbox() as sandbox:
        credentials = sandbox.credentials
        sandbox.reset()
        assert sandbox.credentials == credentials
    with Sandbox() as other:
        assert other.credentials["token"] != credentials["token"]


@pytest.mark.parametrize("kind", ["{uuid}", "{integer}", "1", "x"])
def test_what_is_no_id_leads_nowhere(caller: Caller, kind: str) -> None:
    # Not by httpx, which would encode the braces.
    path = f"{caller.company}images/{kind}/".encode()
    sent = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert exchange(caller.sandbox, sent).startswith(b"HTTP/1.1 404 ")
