"""Tests of the sandbox's HTTP server: valid and invalid requests, listening address, closing."""

from __future__ import annotations

import gc
import json
import os
import resource
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from haut_ext.sandbox import Sandbox
from tests.sandbox.http_client import TIMEOUT, SandboxClient


def exchange(sandbox: Sandbox, *parts: bytes) -> bytes:
    """Send parts of a request on a new connection; return all data until the server closes it."""
    target = urlsplit(sandbox.base_url)
    with socket.create_connection((target.hostname, target.port), timeout=TIMEOUT) as connection:
        for part in parts:
            connection.sendall(part)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def head(client: SandboxClient, method: str, *headers: str, query: str = "") -> bytes:
    token = client.sandbox.credentials["token"]
    lines = [f"{method} {client.subjects}{query} HTTP/1.1", f"Authorization: Bearer {token}"]
    return "\r\n".join([*lines, "Host: localhost", *headers, "", ""]).encode()


def test_connection_serves_several_requests(client: SandboxClient, sandbox: Sandbox) -> None:
    get = head(client, "GET")
    last = head(client, "GET", "Connection: close")
    responses = exchange(sandbox, get + get + get[:10], get[10:] + last)
    assert responses.count(b"HTTP/1.1 200 OK\r\n") == 4
    assert responses.count(b"Connection: close") == 1


def test_http_1_0_connection_is_closed_after_the_response(
    client: SandboxClient, sandbox: Sandbox
) -> None:
    request = head(client, "GET").replace(b"HTTP/1.1", b"HTTP/1.0")
    assert exchange(sandbox, request).startswith(b"HTTP/1.1 200 ")


def test_chunked_body_is_accepted(client: SandboxClient, sandbox: Sandbox) -> None:
    request = head(
        client,
        "POST",
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
        "Connection: close",
    )
    body = b'8;a=b\r\n{"name":\r\n6\r\n "Ann"\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n'
    response = exchange(sandbox, request + body[:20], body[20:])
    assert response.startswith(b"HTTP/1.1 201 Created\r\n")
    assert json.loads(response.partition(b"\r\n\r\n")[2])["name"] == "Ann"


def test_expect_100_continue_is_supported(client: SandboxClient, sandbox: Sandbox) -> None:
    body = b'{"name":"Ann"}'
    request = head(
        client,
        "POST",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Expect: 100-continue",
        "Connection: close",
    )
    response = exchange(sandbox, request, body)
    assert response.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 ")


def test_response_to_head_has_no_body(client: SandboxClient, sandbox: Sandbox) -> None:
    response = exchange(sandbox, head(client, "HEAD", "Connection: close"))
    assert response.startswith(b"HTTP/1.1 405 ")
    assert response.endswith(b"\r\n\r\n")


def test_request_target_of_8_kib_is_accepted(client: SandboxClient, sandbox: Sandbox) -> None:
    query = "?q=" + "x" * (8192 - len(client.subjects) - 3)
    response = exchange(sandbox, head(client, "GET", "Connection: close", query=query))
    assert response.startswith(b"HTTP/1.1 200 ")


def test_exception_returns_500_and_is_printed(
    client: SandboxClient, sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(request: Any) -> None:
        raise ZeroDivisionError("in the hook")

    sandbox.before_request = broken
    response = client.http.get(client.subjects)
    assert response.status_code == 500
    assert response.json()["type"] == "server_error"
    assert "ZeroDivisionError: in the hook" in capfd.readouterr().err


def test_server_listens_on_loopback_only(sandbox: Sandbox) -> None:
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
def test_close_leaves_no_threads_and_no_descriptors() -> None:
    Sandbox().close()
    gc.collect()
    threads, before = threading.active_count(), descriptors()
    for _ in range(3):
        with Sandbox() as sandbox:
            clients = [SandboxClient(sandbox) for _ in range(5)]
            for client in clients:
                client.upload(client.create()["id"])
            assert threading.active_count() > threads
            for client in clients[:3]:
                client.close()
        sandbox.close()
        for client in clients[3:]:
            client.close()
    assert threading.active_count() == threads
    assert descriptors() == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(sandbox.base_url)


def test_close_waits_for_requests_that_are_carried_out(sandbox: Sandbox) -> None:
    entered, released = threading.Event(), threading.Event()

    def hold(request: Any) -> None:
        entered.set()
        released.wait()

    sandbox.before_request = hold
    with socket.create_connection(("127.0.0.1", urlsplit(sandbox.base_url).port or 0)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert entered.wait(TIMEOUT)
        closing = threading.Thread(target=sandbox.close)
        closing.start()
        closing.join(0.1)
        assert closing.is_alive()
        released.set()
        closing.join(TIMEOUT)
    assert not closing.is_alive()


def test_close_works_in_a_hook_and_repeatedly(client: SandboxClient, sandbox: Sandbox) -> None:
    sandbox.before_request = lambda request: sandbox.close()
    with pytest.raises(httpx.TransportError):
        client.http.get(client.subjects)
    sandbox.close()
    with pytest.raises(ConnectionRefusedError):
        exchange(sandbox, b"")


@contextmanager
def no_free_descriptors() -> Iterator[None]:
    """Context manager that prevents the process from opening file descriptors within its block."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as opened:
        # Fill the gaps below the highest descriptor, because the limit applies to the numbers of new
        # descriptors. A limit of 0 would also make poll() fail, which the server's timeouts use.
        highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
        while (opened_last := os.dup(0)) < highest:
            opened.callback(os.close, opened_last)
        os.close(opened_last)
        resource.setrlimit(resource.RLIMIT_NOFILE, (opened_last, limits[1]))
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        yield


def test_server_without_free_descriptors_accepts_later(
    client: SandboxClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept_failed = threading.Event()
    accept = socket.socket.accept

    def observed_accept(self: socket.socket) -> tuple[socket.socket, Any]:
        try:
            return accept(self)
        except OSError:
            accept_failed.set()
            raise

    monkeypatch.setattr(socket.socket, "accept", observed_accept)
    port = urlsplit(sandbox.base_url).port
    request = head(client, "GET", "Connection: close")
    with socket.socket() as first, socket.socket() as second:
        with no_free_descriptors():
            # Do not set socket timeouts: Python implements them with poll(), which fails if no
            # file descriptor is available.
            for connection in (first, second):
                connection.connect(("127.0.0.1", port))
                connection.sendall(request)
            # An accept() call made before the limit was set may still accept the first connection.
            assert accept_failed.wait(TIMEOUT)
        first.settimeout(TIMEOUT)
        second.settimeout(TIMEOUT)
        assert first.recv(12) == second.recv(12) == b"HTTP/1.1 200"
    assert sandbox.received("list_subjects") == 2


def test_port_in_use_raises_oserror_and_leaks_nothing() -> None:
    with Sandbox() as first:
        taken = urlsplit(first.base_url).port
        assert taken
        threads = threading.active_count()
        with pytest.raises(OSError, match="in use"):
            Sandbox(port=taken)
        with pytest.raises(OSError, match="in use"):
            Sandbox(storage_port=taken)
        assert threading.active_count() == threads


@pytest.mark.slow
def test_many_concurrent_requests(client: SandboxClient, sandbox: Sandbox) -> None:
    def create(number: int) -> str:
        name: str = client.create(f"subject {number}")["name"]
        return name

    with ThreadPoolExecutor(32) as pool:
        names = list(pool.map(create, range(300)))
    assert names == [f"subject {number}" for number in range(300)]
    assert {subject.name for subject in sandbox.database.subjects.values()} == set(names)
    assert sandbox.carried_out("create_subject") == sandbox.received("create_subject") == 300
    assert len(sandbox.requests) == 300


def test_reset_restores_the_initial_state(client: SandboxClient, sandbox: Sandbox) -> None:
    credentials, empty = sandbox.credentials, sandbox.snapshot()
    user = sandbox.login_credentials
    first = client.create()
    sandbox.expire_tokens()
    with sandbox.database.lock:
        sandbox.database.create_dataset("study")
        sandbox.state.authentication.create_private_token("backend", sandbox.clock.now())
    sandbox.fail_algorithm("selfie_v2.acne", "No face detected")
    sandbox.mfa_enabled = True
    assert sandbox.snapshot() != empty
    sandbox.latency = 30
    sandbox.before_request = lambda request: None
    sandbox.reset()
    assert sandbox.credentials == credentials
    assert sandbox.login_credentials == user
    assert sandbox.snapshot() == empty
    assert (sandbox.mfa_enabled, sandbox.state.analyses.failures) == (False, {})
    assert sandbox.requests == []
    assert client.create() == first


def test_reset_without_a_seed_keeps_the_credentials() -> None:
    with Sandbox() as sandbox:
        credentials = sandbox.credentials
        sandbox.reset()
        assert sandbox.credentials == credentials
    with Sandbox() as other:
        assert other.credentials["token"] != credentials["token"]


@pytest.mark.parametrize("kind", ["{uuid}", "{integer}", "1", "x"])
def test_path_without_a_valid_id_returns_404(client: SandboxClient, kind: str) -> None:
    # Use a socket, because httpx would percent-encode the braces in this request.
    path = f"{client.company}images/{kind}/".encode()
    sent = b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert exchange(client.sandbox, sent).startswith(b"HTTP/1.1 404 ")
