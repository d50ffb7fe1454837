"""Each fault does on the wire what it says, and is accounted for."""

from __future__ import annotations

import email.utils
import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from haut_ext.sandbox import Fault, Sandbox, faults
from tests.sandbox.caller import PHOTO, Caller, until


class Wire:
    """One raw connection: sends a request for a new subject, and sees what comes back, byte for byte."""

    def __init__(self, sandbox: Sandbox) -> None:
        target = urlsplit(sandbox.base_url)
        caller = Caller(sandbox)
        self.path = caller.subjects
        caller.close()
        self.token = sandbox.credentials["token"]
        self.socket = socket.create_connection((target.hostname, target.port), timeout=10)

    def post(self, body: bytes = b'{"name": "Ann"}') -> None:
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.socket.sendall(head.encode() + body)

    def read(self) -> bytes:
        """All that comes until the server closes."""
        received = b""
        while chunk := self.socket.recv(65536):
            received += chunk
        return received


@pytest.fixture
def wire(sandbox: Sandbox) -> Iterator[Wire]:
    connection = Wire(sandbox)
    yield connection
    connection.socket.close()


def struck(sandbox: Sandbox, fault: Fault, *, carried_out: bool, status: int | None) -> None:
    """The plan is used up, and the account says what the fault did."""
    assert sandbox.faults.pending == []
    assert sandbox.faults.fired == {("create_subject", fault.name): 1}
    [arrival] = sandbox.arrivals
    assert (arrival.operation, arrival.fault) == ("create_subject", fault.name)
    assert (arrival.carried_out, arrival.status) == (carried_out, status)
    assert sandbox.carried_out("create_subject") == len(sandbox.world.subjects) == int(carried_out)


@pytest.mark.parametrize("when", ["unread", "before", "after"])
def test_reset(sandbox: Sandbox, wire: Wire, when: faults.When) -> None:
    fault = faults.reset(when)
    sandbox.faults.add("create_subject", fault)
    wire.post()
    with pytest.raises(ConnectionResetError):
        wire.read()
    struck(sandbox, fault, carried_out=when == "after", status=None)


@pytest.mark.parametrize("when", ["unread", "before", "after"])
def test_close(sandbox: Sandbox, wire: Wire, when: faults.When) -> None:
    fault = faults.close(when)
    sandbox.faults.add("create_subject", fault)
    wire.post(b'{"name": "%s"}' % (b"x" * 500 if when != "unread" else b"x" * 2_000_000))
    assert wire.read() == b""  # a FIN, not a reset, even with the body unread
    struck(sandbox, fault, carried_out=when == "after", status=None)


def test_garbage(sandbox: Sandbox, wire: Wire) -> None:
    sandbox.faults.add("create_subject", faults.garbage())
    wire.post()
    assert not wire.read().startswith(b"HTTP/")
    struck(sandbox, faults.garbage(), carried_out=True, status=None)


def test_truncated(sandbox: Sandbox, wire: Wire) -> None:
    sandbox.faults.add("create_subject", faults.truncated())
    wire.post()
    head, _, body = wire.read().partition(b"\r\n\r\n")
    [promised] = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length")]
    assert 0 < len(body) < int(promised.split()[1])
    struck(sandbox, faults.truncated(), carried_out=True, status=201)


def test_cut_chunks(sandbox: Sandbox, wire: Wire) -> None:
    sandbox.faults.add("create_subject", faults.cut_chunks())
    wire.post()
    head, _, body = wire.read().partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert b"Content-Length" not in head
    size, _, chunk = body.partition(b"\r\n")
    assert 0 < len(chunk) < int(size, 16)
    struck(sandbox, faults.cut_chunks(), carried_out=True, status=201)


@pytest.mark.parametrize("fault", [faults.truncated(), faults.cut_chunks()])
def test_an_answer_without_a_body_can_be_cut_too(caller: Caller, fault: Fault) -> None:
    subject = caller.create()
    caller.sandbox.faults.add("delete_subject", fault)
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|complete message body"):
        caller.http.delete(f"{caller.subjects}{subject['id']}/")
    assert caller.sandbox.carried_out("delete_subject") == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_stall(sandbox: Sandbox, wire: Wire, when: faults.When) -> None:
    fault = faults.stall(when)
    sandbox.faults.add("create_subject", fault)
    wire.post()
    until(lambda: sandbox.arrivals and sandbox.arrivals[0].length)
    until(lambda: sandbox.arrivals[0].carried_out or when == "before")
    wire.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        wire.read()
    sandbox.close()  # ends the silence
    wire.socket.settimeout(10)
    assert wire.read() == b""
    struck(sandbox, fault, carried_out=when == "after", status=None)


@pytest.mark.parametrize("head", [True, False])
def test_dribble(sandbox: Sandbox, wire: Wire, head: bool) -> None:
    fault = faults.dribble(0.0001, head=head)
    sandbox.faults.add("create_subject", fault)
    wire.post()
    pieces = [wire.socket.recv(65536)]
    while not b"".join(pieces).endswith(b'"promote_image_id":null}'):
        pieces.append(wire.socket.recv(65536))
    assert (b"\r\n\r\n" in pieces[0]) is not head
    assert len(pieces) > 20
    struck(sandbox, fault, carried_out=True, status=201)


def test_a_dribble_ends_with_the_sandbox(sandbox: Sandbox, wire: Wire) -> None:
    sandbox.faults.add("create_subject", faults.dribble(3600))
    wire.post()
    until(lambda: sandbox.carried_out("create_subject"))
    sandbox.close()
    assert wire.read() == b""


@pytest.mark.parametrize("when", ["unread", "before", "after"])
@pytest.mark.parametrize("code", [200, 408, 429, 500, 503, 504, 520])
def test_status(sandbox: Sandbox, caller: Caller, code: int, when: faults.When) -> None:
    fault = faults.status(code, b"oops", retry_after=2, headers={"X-A": "b"}, when=when)
    sandbox.faults.add("create_subject", fault)
    answer = caller.http.post(caller.subjects, json={"name": "Ann"})
    assert (answer.status_code, answer.content) == (code, b"oops")
    assert answer.headers["content-type"] == "text/plain"
    assert (answer.headers["retry-after"], answer.headers["x-a"]) == ("2", "b")
    struck(sandbox, fault, carried_out=when == "after", status=code)
    assert caller.create()["name"] == "Ann"


def test_a_refusal_with_the_body_unread_reaches_the_client(caller: Caller) -> None:
    caller.sandbox.faults.add("upload_image", faults.status(503, when="unread"))
    slot = caller.slot(caller.create()["id"])
    assert caller.put(slot, bytes(20_000_000)).status_code == 503


def test_retry_after_as_a_date(caller: Caller) -> None:
    caller.sandbox.faults.add("list_subjects", faults.status(429, retry_after_date=30))
    before = time.time()
    answer = caller.http.get(caller.subjects)
    date = email.utils.parsedate_to_datetime(answer.headers["retry-after"]).timestamp()
    assert before + 29 <= date <= time.time() + 31


def test_pages_of_strangers(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add("list_subjects", faults.bad_gateway())
    sandbox.faults.add("list_subjects", faults.login_page())
    sandbox.faults.add("list_subjects", faults.redirect("http://example.invalid/"))
    sandbox.faults.add("list_subjects", faults.unauthorized())
    seen: list[tuple[int, str, bytes]] = []
    for _ in range(4):
        answer = caller.http.get(caller.subjects, follow_redirects=False)
        seen.append((answer.status_code, answer.headers["content-type"], answer.content[:14]))
        location = answer.headers.get("location")
        assert location == ("http://example.invalid/" if answer.is_redirect else None)
    assert seen == [
        (502, "text/html; charset=utf-8", b"<html><body><c"),
        (200, "text/html; charset=utf-8", b"<!doctype html"),
        (302, "text/plain", b""),
        (401, "application/json", b'{"type":"clien'),
    ]
    names = ["bad_gateway", "login_page", "redirect", "unauthorized"]
    assert sandbox.faults.fired == {("list_subjects", name): 1 for name in names}
    assert [arrival.fault for arrival in sandbox.arrivals] == names
    assert sandbox.carried_out("list_subjects") == 0


def test_empty(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.faults.add("create_subject", faults.empty())
    answer = caller.http.post(caller.subjects, json={"name": "Ann"})
    assert (answer.status_code, answer.content) == (200, b"")
    struck(sandbox, faults.empty(), carried_out=True, status=200)


def test_cut_json(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.faults.add("create_subject", faults.cut_json())
    answer = caller.http.post(caller.subjects, json={"name": "Ann"})
    assert answer.status_code == 201
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    struck(sandbox, faults.cut_json(), carried_out=True, status=201)


def test_latency(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.faults.add("create_subject", faults.latency(30))
    with pytest.raises(httpx.ReadTimeout):
        caller.http.post(caller.subjects, json={"name": "Ann"}, timeout=0.05)
    until(lambda: sandbox.carried_out("create_subject"))
    sandbox.close()  # does not wait for it
    struck(sandbox, faults.latency(30), carried_out=True, status=201)


def test_latency_of_everything(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.latency = 30
    assert sandbox.latency == 30
    with pytest.raises(httpx.ReadTimeout):
        caller.http.get(caller.subjects, timeout=0.05)
    sandbox.latency = 0
    assert caller.http.get(caller.subjects).status_code == 200


def test_nobody_answers_at_the_dead_origin(sandbox: Sandbox) -> None:
    with pytest.raises(httpx.ConnectError):
        httpx.get(sandbox.dead_url)


def test_uploads_and_downloads_have_faults_of_their_own(caller: Caller) -> None:
    sandbox = caller.sandbox
    slot = caller.slot(caller.create()["id"])
    sandbox.faults.add("upload_image", faults.reset("after"))
    sandbox.faults.add("download_image", faults.truncated())
    with pytest.raises(httpx.ReadError):
        caller.put(slot)
    signed = caller.image(slot["id"], generate_signed_url="true").json()["signed_url"]
    with pytest.raises(httpx.RemoteProtocolError):
        caller.storage.get(signed)
    assert caller.storage.get(signed).content == PHOTO
    assert sandbox.faults.pending == []


def test_the_plan_is_a_queue(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.faults.add("list_subjects", faults.status(500), times=2, skip=2)
    sandbox.faults.add("*", faults.status(503))
    assert sandbox.faults.pending == [("list_subjects", "status 500"), ("*", "status 503")]

    def statuses(count: int) -> list[int]:
        return [caller.http.get(caller.subjects).status_code for _ in range(count)]

    assert statuses(3) == [200, 200, 500]
    assert sandbox.faults.pending == [("list_subjects", "status 500"), ("*", "status 503")]
    assert statuses(3) == [500, 503, 200]
    assert sandbox.faults.pending == []
    assert sandbox.faults.fired == {("list_subjects", "status 500"): 2, ("*", "status 503"): 1}


def test_a_fault_for_ever_is_pending_until_it_strikes(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.faults.add("list_subjects", faults.status(500), times=None)
    assert sandbox.faults.pending
    assert {caller.http.get(caller.subjects).status_code for _ in range(5)} == {500}
    assert sandbox.faults.pending == []
    sandbox.faults.clear()
    assert caller.http.get(caller.subjects).status_code == 200


def test_a_fault_for_an_unknown_operation_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="create_subjekt"):
        sandbox.faults.add("create_subjekt", faults.reset())
