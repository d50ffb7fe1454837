"""Tests that cassettes contain no secrets, replaying detects changes, and recording is reproducible."""

# ruff: noqa: E501  (one line for each row of the table)
from __future__ import annotations

import asyncio
import json
import os
import random
import re
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import httpx
import pytest
from vcr import VCR  # type: ignore[import-untyped]  # has no types
from vcr.errors import (  # type: ignore[import-untyped]  # has no types
    CannotOverwriteExistingCassetteException as NotRecorded,
)
from vcr.serializers import yamlserializer  # type: ignore[import-untyped]  # has no types

from haut_ext import AsyncHaut, Haut
from haut_ext.sandbox import ManualClock, Sandbox
from scripts.cassettes import compare
from tests import recording

ROOT = Path(__file__).parent.parent
RECORDED = ROOT / "tests" / "cassettes" / "sandbox"
PHOTO = recording.PHOTOS / "portrait.jpg"

FORBIDDEN = {
    "an Authorization header": r"(?i)authorization|bearer\s",
    "a token": r"sandbox-token-",
    "a login": r"(?i)set-cookie|sandbox-[0-9a-f]{16}|\beyJ[\w-]+\.",
    "a signed text": r"(?i)StringToSign|CanonicalRequest|goog4_request|GOOG4-",
    "a signed query": r"(?i)x-goog-[\w-]+(=|%3d)|\bsignature=",
    "a photo": r"\xff\xd8\xff|\x89PNG|JFIF|WEBPVP|/9j/|iVBORw0KGgo|UklGR",
    "binary data": r"!!binary|[A-Za-z0-9+/_=-]{512}",
}
NEUTRAL_NAME = re.compile(r"(subject|image)-\d+|dataset|token")
SANDBOX_ORIGINS = {recording.SANDBOX_API, recording.SANDBOX_STORAGE}


def test_a_cassette_contains_no_secrets(cassette: Path) -> None:
    assert list(leaks(cassette.read_text("utf-8"), cassette.parent.name)) == []


# --- searching for secrets


def leaks(text: str, folder: str) -> Iterator[str]:
    """Yield a description of each forbidden or missing part of a cassette."""
    cassette = yamlserializer.deserialize(text)
    if cassette.get("recorded_from") != folder or not text.startswith("recorded_from: "):
        yield "a label that is missing or differs from the folder's name"
    # Search the file's text and its parsed values, which contain no line breaks or escapes of YAML.
    texts = [text, *strings(cassette)]
    for name, pattern in FORBIDDEN.items():
        if any(re.search(pattern, part) for part in (*texts, *map(without_spaces, texts[1:]))):
            yield name
    token = os.environ.get("HAUT_TOKEN")
    if token and token in text:
        yield "a token"
    if folder == "sandbox":
        found = {
            origin for part in texts for origin in re.findall(r"https?://[^/\s\"'?#\\]+", part)
        }
        if found - SANDBOX_ORIGINS:
            yield "a host other than the sandbox"
    if not cassette["interactions"]:
        yield "no interaction"
    for interaction in cassette["interactions"]:
        yield from leaks_of_interaction(**interaction)


def leaks_of_interaction(request: dict[str, Any], response: dict[str, Any]) -> Iterator[str]:
    if {name.lower() for name in request["headers"]} - recording.REQUEST_HEADERS:
        yield "a request header that is not allowed"
    if {name.lower() for name in response["headers"]} - recording.RESPONSE_HEADERS:
        yield "a response header that is not allowed"
    address = urlsplit(request["uri"])
    if address.path in ("", "/"):
        yield "a request without a path"
    if request["method"] == "PUT" and not recording.DIGEST.fullmatch(str(request["body"])):
        yield "an upload that is not recorded as length and SHA-256"
    for body in (request["body"], response["body"]["string"]):
        for name, value in members(body):
            if name in recording.SECRETS | {"data"} and value != recording.SECRET:
                yield "a secret of a user"
            if name in ("username", "email") and value != recording.USERNAME:
                yield "the identity of the user"
    sent, received = parsed(request["body"]), parsed(response["body"]["string"])
    names = parse_qs(address.query).get("q", [])
    names += [sent["name"]] if "name" in sent else []
    for subject in [received, *received.get("results", [])]:
        if "author_id" in subject:
            names.append(subject["name"])
            owners = (subject["author_id"], subject["company"]["name"], subject["dataset"]["name"])
            if owners != (1, "company", "dataset"):
                yield "the owner of the account"
    if not all(NEUTRAL_NAME.fullmatch(name) for name in names):
        yield "a name that may identify a person"


def strings(value: Any) -> Iterator[str]:
    """Yield every text in a parsed cassette; bytes are decoded as Latin-1."""
    match value:
        case str():
            yield value
        case bytes():
            yield "!!binary " + value.decode("latin-1")
        case dict():
            for item in (*value.keys(), *value.values()):
                yield from strings(item)
        case list():
            for item in value:
                yield from strings(item)


def members(body: str) -> list[tuple[str, Any]]:
    """Return the keys and values of all objects in a JSON body."""
    found: list[tuple[str, Any]] = []

    def collect(pairs: list[tuple[str, Any]]) -> None:
        found.extend(pairs)

    with suppress(TypeError, ValueError):
        json.loads(body, object_pairs_hook=collect)
    return found


def without_spaces(text: str) -> str:
    return re.sub(r"\s", "", text)


def parsed(body: str) -> dict[str, Any]:
    """Parse a body that is a JSON object; return an empty dict for any other body."""
    try:
        document = json.loads(body)
    except (TypeError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def replace(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


NO_HEADER = "headers: {}\n    status"
INSERTED: dict[str, tuple[str, Callable[[str], str]]] = {
    "Authorization": ("an Authorization", replace("headers:\n", "headers:\n      Authorization: [x]\n")),
    "Bearer": ("an Authorization", replace('"visit":1', '"visit":"Bearer abc"')),
    "sandbox token": ("a token", replace('"visit":1', '"visit":"sandbox-token-0a1b"')),
    "signature in a URL": ("a signed query", replace("/?page=1", "/?X-Goog-Signature=0a1b")),
    "signature in a body": ("a signed query", replace('","method"', '?a=b&x-goog-signature=0a","method"')),
    "percent-encoded signature": ("a signed query", replace('","method"', '%26X-Goog-Date%3D2025","method"')),
    "signature, version 2": ("a signed query", replace('","method"', '?Signature=0a1b","method"')),
    "binary": ("binary data", replace("string: ''", "string: !!binary |\n        gIGCg4SFhoc=")),
    "base64": ("binary data", replace('"visit":1', f'"visit":"{"QUJD" * 700}"')),
    "base64 in lines": ("binary data", replace("string: ''", "string: '" + "\n        QUJDQUJD" * 99 + "'")),
    "JPEG": ("a photo", replace("string: ''", 'string: "\\xFF\\xD8\\xFF\\xE0"')),
    "JPEG in base64": ("a photo", replace("string: ''", "string: /9j/4AAQ")),
    "PNG": ("a photo", replace("string: ''", 'string: "\\x89PNG"')),
    "PNG in base64": ("a photo", replace("string: ''", "string: iVBORw0KGgoAAAAN")),
    "WEBP": ("a photo", replace("string: ''", 'string: "RIFF\\0\\0\\0\\0WEBPVP8X"')),
    "no label": ("a label", replace("recorded_from: sandbox\n", "")),
    "another label": ("a label", replace("from: sandbox", "from: live")),
    "a port": ("a host", replace("http://127.0.0.1/", "http://127.0.0.1:8080/")),
    "the real host": ("a host", replace("http://127.0.0.2/", "https://storage.googleapis.com/")),
    "a response header": ("a response header", replace(NO_HEADER, NO_HEADER.replace("}", "etag: [x]}"))),
    "a response cookie": ("a login", replace(NO_HEADER, NO_HEADER.replace("}", "set-cookie: [x]}"))),
    "a JSON web token": ("a login", replace('"visit":1', '"visit":"eyJhbGciOiJIUzI1NiJ9.e30.abc"')),
    "the sandbox's password": ("a login", replace('"visit":1', '"visit":"sandbox-3cf6cfb00e3b127d"')),
    "a text that the storage signed": ("a signed text", replace("string: ''", "string: GOOG4-HMAC-SHA256")),
    "a cookie": ("a request header", replace("headers: {}", "headers: {cookie: [x]}")),
    "an upload": ("an upload", lambda text: re.sub("[0-9,]+ bytes, SHA", "bytes, SHA", text, count=1)),
    "a path": ("a request without", lambda text: re.sub("(uri: http://127.0.0.2/).*", r"\1", text)),
    "a name sent": ("a name", replace('\'{"name":"subject-1"', '\'{"name":"Anna"')),
    "a name received": ("a name", replace('string: \'{"name":"subject-1"', 'string: \'{"name":"Anna"')),
    "a name searched for": ("a name", replace("/?page=1", "/?q=anna&page=1")),
    "the company": ("the owner", replace('"name":"company"', '"name":"Example Ltd"')),
    "a token received": ("a secret", replace('"visit":1', '"access_token":"abc"')),
    "a password": ("a secret", replace('"visit":1', '"password":"abc"')),
    "the user": ("the identity", replace('"visit":1', '"username":"anna@example.com"')),
    "the author": ("the owner", replace('"author_id":1', '"author_id":1234')),
    "no interaction": ("no interaction", lambda text: "recorded_from: sandbox\ninteractions: []\n"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("leak", "insert"), INSERTED.values(), ids=INSERTED.keys())
def test_an_inserted_leak_is_found(leak: str, insert: Callable[[str], str]) -> None:
    text = (RECORDED / "test_upload[path].yaml").read_text("utf-8")
    changed = insert(text)
    assert changed != text
    assert [found for found in leaks(changed, "sandbox") if found.startswith(leak)]


# --- recording


def test_the_clock_of_the_client_advances_only_while_it_sleeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = ManualClock()
    started, machine = clock.now(), time.perf_counter()
    recording.drive_time(monkeypatch, clock)
    moment = time.monotonic()
    time.sleep(3600)
    assert time.monotonic() - moment == 3600
    asyncio.run(asyncio.sleep(1800))
    assert time.monotonic() - moment == 5400
    assert (clock.now() - started).total_seconds() == 5400
    assert time.perf_counter() - machine < 60


def test_the_jitter_of_retries_is_the_same_in_every_recording() -> None:
    drawn = []
    for _ in range(2):
        with pytest.MonkeyPatch.context() as patch:
            recording.drive_time(patch)
            drawn.append([random.uniform(0, 1), random.random()])
    assert drawn[0] == drawn[1]


def test_sleep_takes_real_time_while_recording_the_real_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recording.drive_time(monkeypatch, really=True)
    machine, moment = time.perf_counter(), time.monotonic()
    time.sleep(0.02)
    asyncio.run(asyncio.sleep(0.02))
    assert time.monotonic() - moment == pytest.approx(0.04)
    assert time.perf_counter() - machine >= 0.03


async def test_the_event_loop_uses_the_real_clock_for_timeouts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recording.drive_time(monkeypatch)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    async with asyncio.timeout(60):
        await asyncio.sleep(3600)


async def test_concurrent_requests_are_recorded_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    active, maximum = 0, 0

    async def handle(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        nonlocal active, maximum
        active += 1
        maximum = max(maximum, active)
        await asyncio.sleep(0.001)
        active -= 1
        return httpx.Response(200)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle)
    recording.record_one_at_a_time(monkeypatch)
    async with httpx.AsyncClient() as client:
        responses = await asyncio.gather(*(client.get("http://127.0.0.1/") for _ in range(4)))
    assert [response.status_code for response in responses] == [200] * 4
    assert maximum == 1


def interaction(method: str, path: str, response: str = "") -> dict[str, Any]:
    request = {"method": method, "uri": f"http://127.0.0.2{path}"}
    return {"request": request, "response": {"body": {"string": response}}}


def test_concurrent_uploads_are_stored_in_the_order_of_their_urls() -> None:
    slots = interaction("POST", "/upload/", '{"front":"/bucket/f","left":"/bucket/a"}')
    front, left = interaction("PUT", "/bucket/f"), interaction("PUT", "/bucket/a")
    failed = interaction("PUT", "/bucket/a", "503")
    assert recording.sorted_uploads([slots, left, front]) == [slots, front, left]
    assert recording.sorted_uploads([slots, front, failed, left]) == [slots, front, failed, left]
    reads = [interaction("GET", "/bucket/a"), interaction("GET", "/bucket/f")]
    assert recording.sorted_uploads([slots, *reads]) == [slots, *reads]


# --- replaying


@pytest.fixture
def replay(vcr_config: dict[str, Any]) -> Callable[[str], AbstractContextManager[Any]]:
    """Return a function that opens a cassette of the sandbox in order to replay it."""
    vcr = VCR(cassette_library_dir=str(RECORDED), record_mode="none")
    vcr.register_serializer("yaml", recording.LabelledYaml("sandbox"))
    return lambda name: vcr.use_cassette(f"{name}.yaml", **vcr_config)


@pytest.fixture
def haut() -> Iterator[Haut]:
    with Haut(**recording.replayed("sandbox").credentials) as client:
        yield client


@pytest.mark.block_network
@pytest.mark.parametrize("position", [None, 0, 10_000, -1])
def test_an_upload_with_a_changed_byte_is_not_found(
    replay: Callable[[str], AbstractContextManager[Any]], haut: Haut, position: int | None
) -> None:
    photo = bytearray(PHOTO.read_bytes())
    with replay("test_download_to_a_path") as cassette:
        subject_id = json.loads(cassette.responses[0]["body"]["string"])["id"]
        slot = haut.images.request_upload(subject_id, side="front")
        url, headers = slot.upload_url.url, {"Content-Type": "application/octet-stream"}
        headers["X-Goog-Content-Length-Range"] = "1,31457280"
        if position is None:
            assert httpx.put(url, headers=headers, content=bytes(photo)).status_code == 200
            return
        photo[position] ^= 1
        with pytest.raises(NotRecorded):
            httpx.put(url, headers=headers, content=bytes(photo))


@pytest.mark.block_network
def test_a_signed_request_is_matched_by_its_path_and_not_by_its_signature(
    replay: Callable[[str], AbstractContextManager[Any]],
) -> None:
    with replay("test_download_to_a_path") as cassette:
        [url] = [recorded.uri for recorded in cassette.requests if recorded.method == "PUT"]
        with pytest.raises(NotRecorded):
            httpx.get(url.replace("haut-sandbox", "another-bucket"))
        with pytest.raises(NotRecorded):
            httpx.get(f"{url}?generation=1")
        response = httpx.get(f"{url}?X-Goog-Date=20250101T000000Z&X-Goog-Signature=0a1b2c")
        assert response.content == PHOTO.read_bytes()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


# The standard library closes the socket of a failed connection only for an OSError.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.block_network
def test_the_sync_client_cannot_connect_while_the_network_is_blocked(
    listener: socket.socket,
) -> None:
    credentials = recording.replayed("sandbox").credentials
    credentials["base_url"] = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with Haut(**credentials) as haut, pytest.raises(RuntimeError, match="Network is disabled"):
        haut.subjects.list()
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.block_network
async def test_the_async_client_cannot_connect_while_the_network_is_blocked(
    listener: socket.socket,
) -> None:
    credentials = recording.replayed("sandbox").credentials
    credentials["base_url"] = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with AsyncHaut(**credentials) as haut:
        # anyio raises the errors of several connection attempts as an exception group.
        with pytest.raises((RuntimeError, ExceptionGroup)) as raised:
            await haut.subjects.list()
    assert "Network is disabled" in "".join(traceback.format_exception(raised.value))
    with pytest.raises(BlockingIOError):
        listener.accept()


def run_workflows(
    client: str, cassettes: Path, *options: str, service: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the workflow tests of the sync or async client with the cassettes in a folder."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        f"tests/{client}/test_workflows.py",
        *("-p", "no:cacheprovider", "-p", "no:schemathesis"),
    ]
    command += ["--cassettes", str(cassettes), *options]
    environment = {**os.environ, **(service or {})}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.mark.slow
def test_a_replay_of_a_changed_cassette_fails_with_the_expected_error(tmp_path: Path) -> None:
    changes: dict[str, tuple[Callable[[str], str], str]] = {
        "test_bad_request": (
            replace("from: sandbox", "from: live"),
            "recorded from live is in the folder",
        ),
        "test_create_subject": (replace('"birth_date":"1990', '"birth_date":"1991'), "NotRecorded"),
        "test_get_image": (
            lambda text: re.sub("(SHA-256 .*)[0-9a-f]", r"\g<1>x", text),
            "NotRecorded",
        ),
        "test_not_found": (
            lambda text: text.replace("version: 1", "") + text.partition("interactions:\n")[2],
            "did not send these recorded requests",
        ),
        "test_update_subject": (lambda text: text, ""),
    }
    folder = tmp_path / "sandbox"
    folder.mkdir()
    for name, (change, _) in changes.items():
        text = (RECORDED / f"{name}.yaml").read_text("utf-8")
        (folder / f"{name}.yaml").write_text(change(text), "utf-8")
    report = tmp_path / "report.xml"
    run_workflows("_sync", folder, "-k", " or ".join(changes), f"--junitxml={report}")
    outcomes = dict.fromkeys(changes, "")
    for case in ElementTree.parse(report).iter("testcase"):
        outcomes[case.attrib["name"]] += "".join(case.itertext())
    for name, (_, reason) in changes.items():
        shown = outcomes[name].replace("CannotOverwriteExistingCassetteException", "NotRecorded")
        assert reason in shown if reason else not shown, name


@pytest.mark.slow
def test_recording_with_a_slow_sandbox_gives_the_same_cassettes(tmp_path: Path) -> None:
    """If a change of the client, the sandbox or the tests makes this test fail, run `make record`."""
    done = run_workflows(
        "_async", tmp_path / "sandbox", "--record-mode=rewrite", "-p", "tests.slow_sandbox", "-q"
    )
    assert done.returncode == 0, done.stdout
    new = {path.name: path.read_bytes() for path in (tmp_path / "sandbox").iterdir()}
    old = {path.name: path.read_bytes() for path in RECORDED.iterdir()}
    assert sorted(new) == sorted(old)
    assert [name for name in new if new[name] != old[name]] == []


@pytest.mark.slow
def test_a_live_recording_can_be_replayed_and_compared(tmp_path: Path) -> None:
    """Use a sandbox in place of the real service: without a seed, with a Date header and the real clock."""
    folder, chosen = tmp_path / "live", ("-k", "update_subject or over_several_pages", "-q")
    with Sandbox() as sandbox:
        service = {
            f"HAUT_{name.upper()}": str(value) for name, value in sandbox.credentials.items()
        }
        done = run_workflows("_async", folder, "--record-mode=rewrite", *chosen, service=service)
        assert done.returncode == 0, done.stdout
        assert sandbox.requests
        assert sandbox.snapshot()["subjects"] == []
    done = run_workflows("_sync", folder, *chosen)
    assert done.returncode == 0, done.stdout
    for path in folder.iterdir():
        text = path.read_text("utf-8")
        assert list(leaks(text, "live")) == []
        assert not [value for value in service.values() if value in text]
    texts = {difference.text for difference in compare(RECORDED, folder)}
    assert "header date: absent from sandbox, present from live" in texts
    assert "not recorded from live" in texts
