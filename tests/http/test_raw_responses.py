"""Responses that clients misread: odd framing, encodings, and JSON, sent over a socket byte by byte."""

from __future__ import annotations

import gzip
import http.client
import json
import ssl
from collections.abc import Callable
from contextlib import closing
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from attrs import define, field

from haut_ext import Haut, HautError, NotFound
from haut_ext.sandbox import Sandbox
from tests.support.client_runner import COMPANY, DATASET, Client, Kind
from tests.support.operation_examples import example_response
from tests.support.sandbox_photos import add_photo
from tests.support.servers import RewritingServer, Server, read_body, read_head, response

pytestmark = [pytest.mark.usefixtures("short_backoff"), pytest.mark.slow]

TLS = ssl.create_default_context()  # creating another context takes longer than a call
# The server closes each connection, so a request on a connection in the pool may have to be repeated.
OPTIONS: dict[str, Any] = {"max_retries": 1, "deadline": 10, "verify": TLS}
SCOPE: dict[str, Any] = {"token": "token", "company_id": COMPANY, "dataset_id": DATASET}

Build = Callable[[str, bytes], bytes]
"""Returns a response with a status line and a body, which is a JSON object."""


def raw(status: str, body: bytes, *lines: str, version: str = "1.1") -> bytes:
    head = "\r\n".join([f"HTTP/{version} {status}", *lines])
    return head.encode("latin-1") + b"\r\n\r\n" + body


def sized(status: str, body: bytes, *lines: str) -> bytes:
    return raw(status, body, f"Content-Length: {len(body)}", *lines)


def typed(content_type: str) -> Build:
    return lambda status, body: sized(status, body, f"Content-Type: {content_type}")


def with_header(*lines: str) -> Build:
    return lambda status, body: sized(status, body, *lines)


def recoded(encoding: str) -> Build:
    return lambda status, body: sized(status, body.decode().encode(encoding))


def with_field(text: bytes) -> Build:
    return lambda status, body: sized(status, body[:-1] + b', "z": ' + text + b"}")


def chunked(size: str, body: bytes, end: bytes = b"\r\n0\r\n\r\n") -> bytes:
    return f"{size}\r\n".encode() + body + end


def in_chunks(status: str, body: bytes, *lines: str, end: bytes = b"\r\n0\r\n\r\n") -> bytes:
    return raw(status, chunked(f"{len(body):x}", body, end), "Transfer-Encoding: chunked", *lines)


GZIP = "Content-Encoding: gzip"
INTACT: dict[str, Build] = {
    "plain": sized,
    "gzip": lambda status, body: sized(status, gzip.compress(body), GZIP),
    "byte order mark": lambda status, body: sized(status, b"\xef\xbb\xbf" + body),
    "UTF-16": recoded("utf-16"),
    "UTF-32": recoded("utf-32-le"),
    "text type": typed("text/plain"),
    **{
        f"charset {name}": typed(f"application/json; charset={name}")
        for name in ("klingon", "utf-16", "idna", "zlib", "undefined", '"a\\0"')
    },
    "HTTP/1.0": lambda status, body: raw(status, body, version="1.0"),
    "no length": lambda status, body: raw(status, body, "Connection: close"),
    "equal lengths": lambda status, body: sized(status, body, f"Content-Length: {len(body)}"),
    "list of lengths": lambda status, body: raw(
        status, body, f"Content-Length: {len(body)}, {len(body)}"
    ),
    "length and chunks": lambda status, body: in_chunks(status, body, "Content-Length: 3"),
    "trailers": lambda status, body: in_chunks(
        status, body, end=b"\r\n0\r\nContent-Length: 3\r\n\r\n"
    ),
    "early hints": lambda status, body: raw("103 Early Hints", b"") + sized(status, body),
    "line feeds only": lambda status, body: sized(status, body).replace(b"\r\n", b"\n"),
    "large number": with_field(b"9" * 400),
    "long fraction": with_field(b"1." + b"9" * 100_000),
    "repeated keys": lambda status, body: sized(status, body[:-1] + b"," + body[1:]),
    "not a number": with_field(b"NaN"),  # rejected in a successful response
    "time of another era": with_header("Date: Thu, 01 Jan 9999999999 00:00:00 GMT"),
    "long time": with_header("Date: " + "9" * 50_000),
    "odd delay": with_header("Retry-After: " + "9" * 5000),
    "bytes in a header": with_header("X-A: \xe9\xff"),
    "many cookies": with_header(*["Set-Cookie: a=b"] * 2000),
}
"""Responses that have the complete body. They may be rejected, but not misread."""

BROKEN: dict[str, Build] = {
    "empty": lambda status, _: sized(status, b""),
    "no headers": lambda status, _: raw(status, b""),
    "blanks": lambda status, _: sized(status, b" \r\n "),
    "web page": lambda status, _: sized(status, b"<p>Sign in</p>", "Content-Type: text/html"),
    "page typed as JSON": lambda status, _: sized(status, b"<p>", "Content-Type: application/json"),
    "JSON typed as a page": typed("text/html; charset=utf-8"),
    "gzip, not announced": lambda status, body: sized(status, gzip.compress(body)),
    "announced gzip": with_header(GZIP),
    "unknown encoding": with_header("Content-Encoding: foo"),
    "gzip twice": lambda status, body: sized(status, gzip.compress(body), GZIP, GZIP),
    "truncated gzip": lambda status, body: sized(status, gzip.compress(body)[:-9], GZIP),
    "gzip in two parts": lambda status, body: sized(
        status, gzip.compress(body[:9]) + gzip.compress(body[9:]), GZIP
    ),
    "truncated without length": lambda status, body: raw(status, body[:-2], version="1.0"),
    "short length": lambda status, body: raw(status, body, f"Content-Length: {len(body) - 1}"),
    "long length": lambda status, body: raw(status, body, f"Content-Length: {len(body) + 1}"),
    "different lengths": lambda status, body: sized(status, body, f"Content-Length: {len(body)}1"),
    **{
        f"length {value[:5]}": lambda status, body, value=value: raw(  # type: ignore[misc]
            status, body, f"Content-Length: {value}"
        )
        for value in ("-5", "+5", "9" * 30, "0" * 5000, "\xb2", "5;")
    },
    "encoded chunks": lambda status, body: raw(
        status, chunked(f"{len(body):x}", body), "Transfer-Encoding: gzip, chunked"
    ),
    "truncated chunk": lambda status, body: in_chunks(status, body, end=b""),
    "huge chunk": lambda status, body: raw(
        status, chunked("f" * 40, body), "Transfer-Encoding: chunked"
    ),
    "endless trailers": lambda status, body: in_chunks(
        status, body, end=b"\r\n0\r\n" + b"A: b\r\n" * 50_000
    ),
    "NUL in a text": with_field(b'"a\0b"'),
    "NUL at the end": lambda status, body: sized(status, body + b"\0"),
    "invalid UTF-8": with_field(b'"\xe9"'),
    "two documents": lambda status, body: sized(status, body * 2),
    "script": lambda status, body: sized(status, b")]}',\n" + body),
    "number of 5000 digits": with_field(b"9" * 5000),
    "deep": with_field(b"[" * 90_000 + b"]" * 90_000),
    "other values": lambda status, _: sized(status, b"null"),
    "list": lambda status, _: sized(status, b"[]"),
    "object": lambda status, _: sized(status, b"{}"),
    "partial": lambda _, body: sized("206 Partial Content", body),
    "unknown success": lambda _, body: sized("299 Odd", body),
    "not modified": lambda _, __: raw("304 Not Modified", b""),
    "impossible status": lambda _, body: sized("999 Odd", body),
    "other protocol": lambda _, __: raw("101 Switching Protocols", b"", "Upgrade: h2c"),
    "HTTP/2": lambda _, __: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": lambda _, body: body,
    "endless hints": lambda _, __: raw("100 Continue", b"") * 5000,
    "NUL in a header": with_header("X-A: a\0b"),
    "long header": with_header("X-A: " + "b" * 200_000),
    "nothing": lambda _, __: b"",
}
"""Responses of which a part is missing or cannot be trusted. They must be rejected."""

RESPONSES = {**INTACT, **BROKEN}


@define
class Patched:
    """Server that forwards requests to an API, except those for which it has a response."""

    origin: str = ""
    method: str = ""
    answer: bytes = b""
    server: Server = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.server = Server(self._respond)

    def _respond(self, client: Any) -> None:
        head = read_head(client)
        body = read_body(client, head)
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        method, target, _ = first.split()
        if not self.origin or method == self.method:
            client.sendall(self.answer)
            return
        with closing(http.client.HTTPConnection(self.origin.removeprefix("http://"))) as upstream:
            upstream.request(method, target, body or None, dict(it.split(": ", 1) for it in lines))
            received = upstream.getresponse()
            status = f"{received.status} {received.reason}"
            client.sendall(response(status, received.read(), Connection="close"))


def outcomes(
    patched: Patched, body: bytes, call: Callable[[], Any], *statuses: str
) -> dict[str, Any]:
    """Return the result or the error of a call for each response, with the statuses in turn."""
    found: dict[str, Any] = {}
    for (name, build), status in zip(
        RESPONSES.items(), cycle(statuses or ["200 OK"]), strict=False
    ):
        patched.answer = build(status, body)
        try:
            found[name] = call()
        except HautError as error:
            found[name] = error
            str(error).encode()
    return found


def accepted(found: dict[str, Any]) -> dict[str, Any]:
    return {name: it for name, it in found.items() if not isinstance(it, HautError)}


def test_list_is_complete_or_an_error(kind: Kind) -> None:
    subject = example_response("list_subjects")["results"][0]
    page = {"count": 1, "next": None, "previous": None, "results": [subject]}
    patched = Patched()
    with patched.server as server, Client(kind, **SCOPE, **OPTIONS, base_url=server.origin) as it:
        found = outcomes(
            patched,
            json.dumps(page).encode(),
            lambda: it.call(lambda haut: haut.subjects.find(subject["name"])),
        )
    assert {name: [str(it.id) for it in result] for name, result in accepted(found).items()} == {
        name: [subject["id"]] for name in INTACT if name != "not a number"
    }


def test_login_has_the_documented_result_or_is_an_error() -> None:
    body = json.dumps(example_response("login")).encode()
    company = UUID(example_response("login")["company_id"])
    patched = Patched()

    def log_in() -> Any:
        with Haut.login("user", "password", base_url=server.origin, **OPTIONS) as haut:
            return haut.scope.company_id

    with patched.server as server:
        found = outcomes(patched, body, log_in)
    assert accepted(found) == {name: company for name in INTACT if name != "not a number"}
    assert not [name for name, it in found.items() if "password" in str(it)]


def test_absence_is_confirmed_only_by_a_complete_response(kind: Kind) -> None:
    body = b'{"type":"client_error","errors":[{"code":"not_found","detail":"No.","attr":null}]}'
    patched = Patched()
    with patched.server as server, Client(kind, **SCOPE, **OPTIONS, base_url=server.origin) as it:
        found = outcomes(
            patched,
            body,
            lambda: it.call(lambda haut: haut.images.get(COMPANY)),
            "404 Not Found",
        )
    assert accepted(found) == {}
    confirmed = {name for name, it in found.items() if getattr(it, "confirmed", False)}
    assert confirmed <= INTACT.keys()
    assert [name for name in INTACT if not isinstance(found[name], NotFound)] == []


def test_no_response_to_a_delete_proves_an_erasure(sandbox: Sandbox) -> None:
    """The server that responds has deleted nothing."""
    [subject] = sandbox.add_subjects(1)
    patched = Patched(sandbox.base_url, "DELETE")
    arguments = {**sandbox.credentials, **OPTIONS, "base_url": patched.server.origin}
    with patched.server, Haut(**arguments) as haut:
        found = outcomes(
            patched,
            b'{"status": "ok", "errors": [{"code": "not_found", "detail": "No."}]}',
            lambda: haut.erase_subject(subject.id),
            *("200 OK", "204 No Content", "404 Not Found"),
        )
    assert not [name for name, receipt in accepted(found).items() if receipt.verified]
    assert sandbox.received("delete_subject") == 0


def test_download_is_complete_or_leaves_no_file(
    kind: Kind, sandbox: Sandbox, tmp_path: Path
) -> None:
    image = add_photo(sandbox).image
    patched, path, content = Patched(), tmp_path / "photo.jpg", b'{"photo": "of a person"}'

    def download() -> bytes:
        client.call(lambda haut: haut.images.download(image, path))
        downloaded = path.read_bytes()
        path.unlink()
        return downloaded

    pattern = r'(?<="signed_url":)"[^"]*"'
    replacement = f'"{patched.server.origin}/photo"'
    with patched.server, RewritingServer(sandbox.base_url, pattern, replacement) as server:
        arguments = {**sandbox.credentials, **OPTIONS, "base_url": server.origin}
        with Client(kind, **arguments) as client:
            found = outcomes(patched, content, download)
    assert list(tmp_path.iterdir()) == []
    # A photo is not JSON, so its content can be anything, but it cannot be a part.
    short = {name for name, it in accepted(found).items() if len(it) < len(content)}
    assert short <= {"short length", "blanks", "page typed as JSON", "list", "object"} | {
        "other values"
    }
    for name in INTACT.keys() & accepted(found).keys() - {"UTF-16", "UTF-32", "gzip"}:
        assert content[:-1] in found[name], name
