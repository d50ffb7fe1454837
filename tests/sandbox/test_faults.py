"""Tests of injected faults: their effect on a connection, the fault plan, and the request log."""

from __future__ import annotations

import email.utils
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from haut_ext.sandbox import Fault, ReceivedRequest, Response, Sandbox, faults
from haut_ext.sandbox.response_delivery import ResponseDelivery
from tests.sandbox.http_client import PHOTO, TIMEOUT, SandboxClient, wait_until

SHORT_READ_TIMEOUT = httpx.Timeout(TIMEOUT, read=0.05)


class RawConnection:
    """TCP connection that sends raw requests to create a subject and returns the response as bytes."""

    def __init__(self, sandbox: Sandbox) -> None:
        target = urlsplit(sandbox.base_url)
        client = SandboxClient(sandbox)
        self.path = client.subjects
        client.close()
        self.token = sandbox.credentials["token"]
        self.socket = socket.create_connection((target.hostname, target.port), timeout=TIMEOUT)

    def post(self, body: bytes = b'{"name": "Ann"}') -> None:
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.socket.sendall(head.encode() + body)

    def read(self) -> bytes:
        """Return all bytes received until the server closes the connection."""
        received = b""
        while chunk := self.socket.recv(65536):
            received += chunk
        return received


@pytest.fixture
def connection(sandbox: Sandbox) -> Iterator[RawConnection]:
    connection = RawConnection(sandbox)
    yield connection
    connection.socket.close()


def assert_fired(sandbox: Sandbox, fault: Fault, *, carried_out: bool, status: int | None) -> None:
    """Check that the fault was injected exactly once, and that the request log shows its effect."""
    assert sandbox.faults.pending == []
    assert sandbox.faults.fired == {("create_subject", fault.name): 1}
    [request] = sandbox.requests
    assert (request.operation, request.fault) == ("create_subject", fault.name)
    assert (request.carried_out, request.status) == (carried_out, status)
    assert (
        sandbox.carried_out("create_subject") == len(sandbox.database.subjects) == int(carried_out)
    )


@pytest.mark.parametrize("when", ["unread", "before", "after"])
def test_reset(sandbox: Sandbox, connection: RawConnection, when: faults.When) -> None:
    fault = faults.reset(when)
    sandbox.faults.add("create_subject", fault)
    connection.post()
    with pytest.raises(ConnectionResetError):
        connection.read()
    assert_fired(sandbox, fault, carried_out=when == "after", status=None)


@pytest.mark.parametrize("when", ["unread", "before", "after"])
def test_close(sandbox: Sandbox, connection: RawConnection, when: faults.When) -> None:
    fault = faults.close(when)
    sandbox.faults.add("create_subject", fault)
    connection.post(b'{"name": "%s"}' % (b"x" * 500 if when != "unread" else b"x" * 2_000_000))
    assert connection.read() == b""  # the server sends FIN instead of RST, even with an unread body
    assert_fired(sandbox, fault, carried_out=when == "after", status=None)


def test_garbage(sandbox: Sandbox, connection: RawConnection) -> None:
    sandbox.faults.add("create_subject", faults.garbage())
    connection.post()
    assert not connection.read().startswith(b"HTTP/")
    assert_fired(sandbox, faults.garbage(), carried_out=True, status=None)


def test_truncated(sandbox: Sandbox, connection: RawConnection) -> None:
    sandbox.faults.add("create_subject", faults.truncated())
    connection.post()
    head, _, body = connection.read().partition(b"\r\n\r\n")
    [length] = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length")]
    assert 0 < len(body) < int(length.split()[1])
    assert_fired(sandbox, faults.truncated(), carried_out=True, status=201)


def test_truncated_chunks(sandbox: Sandbox, connection: RawConnection) -> None:
    sandbox.faults.add("create_subject", faults.truncated_chunks())
    connection.post()
    head, _, body = connection.read().partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert b"Content-Length" not in head
    size, _, chunk = body.partition(b"\r\n")
    assert 0 < len(chunk) < int(size, 16)
    assert_fired(sandbox, faults.truncated_chunks(), carried_out=True, status=201)


@pytest.mark.parametrize("fault", [faults.truncated(), faults.truncated_chunks()])
def test_response_without_a_body_can_be_truncated(client: SandboxClient, fault: Fault) -> None:
    subject = client.create()
    client.sandbox.faults.add("delete_subject", fault)
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|complete message body"):
        client.http.delete(f"{client.subjects}{subject['id']}/")
    assert client.sandbox.carried_out("delete_subject") == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_stall(sandbox: Sandbox, connection: RawConnection, when: faults.When) -> None:
    fault = faults.stall(when)
    sandbox.faults.add("create_subject", fault)
    connection.post()
    wait_until(lambda: sandbox.requests and sandbox.requests[0].length)
    wait_until(lambda: sandbox.requests[0].carried_out or when == "before")
    connection.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        connection.read()
    sandbox.close()  # closing the sandbox ends the stalled connection
    connection.socket.settimeout(TIMEOUT)
    assert connection.read() == b""
    assert_fired(sandbox, fault, carried_out=when == "after", status=None)


class RecordingSocket(socket.socket):
    """Socket that records data instead of sending it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def sendall(self, data: Any, flags: int = 0) -> None:
        self.sent.append(bytes(data))


@pytest.mark.parametrize("head", [True, False])
def test_dribble_sends_single_bytes(head: bool) -> None:
    delivery = ResponseDelivery(threading.Event(), None, TIMEOUT)
    received = ReceivedRequest("create_subject", "POST", "/", had_authorization=True)
    with RecordingSocket() as recording:
        assert delivery.send(
            recording,
            Response(201, (("X-A", "b"),), b"body"),
            faults.dribble(0, head=head),
            received,
            keep_alive=True,
        )
    assert b"".join(recording.sent).endswith(b"\r\n\r\nbody")
    assert (b"\r\n\r\n" in recording.sent[0]) is not head
    assert {len(data) for data in recording.sent[0 if head else 1 :]} == {1}
    assert received.status == 201


@pytest.mark.parametrize("head", [True, False])
def test_dribble(sandbox: Sandbox, connection: RawConnection, head: bool) -> None:
    fault = faults.dribble(0, head=head)
    sandbox.faults.add("create_subject", fault)
    connection.post()
    received = b""
    while not received.endswith(b'"promote_image_id":null}'):
        received += connection.socket.recv(65536)
    assert received.startswith(b"HTTP/1.1 201 Created\r\n")
    assert_fired(sandbox, fault, carried_out=True, status=201)


def test_closing_the_sandbox_ends_a_dribble(sandbox: Sandbox, connection: RawConnection) -> None:
    sandbox.faults.add("create_subject", faults.dribble(3600))
    connection.post()
    wait_until(lambda: sandbox.carried_out("create_subject"))
    sandbox.close()
    assert connection.read() == b""


@pytest.mark.parametrize("when", ["unread", "before", "after"])
@pytest.mark.parametrize("code", [200, 408, 429, 500, 503, 504, 520])
def test_status(sandbox: Sandbox, client: SandboxClient, code: int, when: faults.When) -> None:
    fault = faults.status(code, b"oops", retry_after=2, headers={"X-A": "b"}, when=when)
    sandbox.faults.add("create_subject", fault)
    response = client.http.post(client.subjects, json={"name": "Ann"})
    assert (response.status_code, response.content) == (code, b"oops")
    assert response.headers["content-type"] == "text/plain"
    assert (response.headers["retry-after"], response.headers["x-a"]) == ("2", "b")
    assert_fired(sandbox, fault, carried_out=when == "after", status=code)
    assert client.create()["name"] == "Ann"


def test_response_sent_before_the_body_is_read_reaches_the_client(client: SandboxClient) -> None:
    client.sandbox.faults.add("upload_image", faults.status(503, when="unread"))
    slot = client.slot(client.create()["id"])
    assert client.put(slot, bytes(20_000_000)).status_code == 503


def test_retry_after_as_a_date(client: SandboxClient) -> None:
    client.sandbox.faults.add("list_subjects", faults.status(429, retry_after_date=30))
    before = time.time()
    response = client.http.get(client.subjects)
    date = email.utils.parsedate_to_datetime(response.headers["retry-after"]).timestamp()
    assert before + 29 <= date <= time.time() + 31


def test_responses_of_gateways_and_other_servers(client: SandboxClient, sandbox: Sandbox) -> None:
    sandbox.faults.add("list_subjects", faults.bad_gateway())
    sandbox.faults.add("list_subjects", faults.login_page())
    sandbox.faults.add("list_subjects", faults.redirect("http://example.invalid/"))
    sandbox.faults.add("list_subjects", faults.unauthorized())
    received: list[tuple[int, str, bytes]] = []
    for _ in range(4):
        response = client.http.get(client.subjects, follow_redirects=False)
        received.append(
            (response.status_code, response.headers["content-type"], response.content[:14])
        )
        location = response.headers.get("location")
        assert location == ("http://example.invalid/" if response.is_redirect else None)
    assert received == [
        (502, "text/html; charset=utf-8", b"<html><body><c"),
        (200, "text/html; charset=utf-8", b"<!doctype html"),
        (302, "text/plain", b""),
        (401, "application/json", b'{"type":"clien'),
    ]
    names = ["bad_gateway", "login_page", "redirect", "unauthorized"]
    assert sandbox.faults.fired == {("list_subjects", name): 1 for name in names}
    assert [request.fault for request in sandbox.requests] == names
    assert sandbox.carried_out("list_subjects") == 0


def test_empty(sandbox: Sandbox, client: SandboxClient) -> None:
    sandbox.faults.add("create_subject", faults.empty())
    response = client.http.post(client.subjects, json={"name": "Ann"})
    assert (response.status_code, response.content) == (200, b"")
    assert_fired(sandbox, faults.empty(), carried_out=True, status=200)


def test_truncated_json(sandbox: Sandbox, client: SandboxClient) -> None:
    sandbox.faults.add("create_subject", faults.truncated_json())
    response = client.http.post(client.subjects, json={"name": "Ann"})
    assert response.status_code == 201
    with pytest.raises(json.JSONDecodeError):
        response.json()
    assert_fired(sandbox, faults.truncated_json(), carried_out=True, status=201)


def test_latency(sandbox: Sandbox, client: SandboxClient) -> None:
    sandbox.faults.add("create_subject", faults.latency(30))
    with pytest.raises(httpx.ReadTimeout):
        client.http.post(client.subjects, json={"name": "Ann"}, timeout=SHORT_READ_TIMEOUT)
    wait_until(lambda: sandbox.carried_out("create_subject"))
    sandbox.close()  # close() does not wait for the delayed response
    assert_fired(sandbox, faults.latency(30), carried_out=True, status=201)


def test_latency_of_all_requests(sandbox: Sandbox, client: SandboxClient) -> None:
    sandbox.latency = 30
    assert sandbox.latency == 30
    with pytest.raises(httpx.ReadTimeout):
        client.http.get(client.subjects, timeout=SHORT_READ_TIMEOUT)
    sandbox.latency = 0
    assert client.http.get(client.subjects).status_code == 200


def test_unreachable_url_refuses_connections(sandbox: Sandbox) -> None:
    with pytest.raises(httpx.ConnectError):
        httpx.get(sandbox.unreachable_url)


def test_faults_of_uploads_and_downloads(client: SandboxClient) -> None:
    sandbox = client.sandbox
    slot = client.slot(client.create()["id"])
    sandbox.faults.add("upload_image", faults.reset("after"))
    sandbox.faults.add("download_image", faults.truncated())
    with pytest.raises(httpx.ReadError):
        client.put(slot)
    signed = client.image(slot["id"], generate_signed_url="true").json()["signed_url"]
    with pytest.raises(httpx.RemoteProtocolError):
        client.storage.get(signed)
    assert client.storage.get(signed).content == PHOTO
    assert sandbox.faults.pending == []


def test_planned_faults_fire_in_order(sandbox: Sandbox, client: SandboxClient) -> None:
    sandbox.faults.add("list_subjects", faults.status(500), times=2, skip=2)
    sandbox.faults.add("*", faults.status(503))
    assert sandbox.faults.pending == [("list_subjects", "status 500"), ("*", "status 503")]

    def statuses(count: int) -> list[int]:
        return [client.http.get(client.subjects).status_code for _ in range(count)]

    assert statuses(3) == [200, 200, 500]
    assert sandbox.faults.pending == [("list_subjects", "status 500"), ("*", "status 503")]
    assert statuses(3) == [500, 503, 200]
    assert sandbox.faults.pending == []
    assert sandbox.faults.fired == {("list_subjects", "status 500"): 2, ("*", "status 503"): 1}


def test_fault_without_limit_is_pending_until_it_fires_once(
    sandbox: Sandbox, client: SandboxClient
) -> None:
    sandbox.faults.add("list_subjects", faults.status(500), times=None)
    assert sandbox.faults.pending
    assert {client.http.get(client.subjects).status_code for _ in range(5)} == {500}
    assert sandbox.faults.pending == []
    sandbox.faults.clear()
    assert client.http.get(client.subjects).status_code == 200


def test_fault_for_an_unknown_operation_is_rejected(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="create_subjekt"):
        sandbox.faults.add("create_subjekt", faults.reset())
