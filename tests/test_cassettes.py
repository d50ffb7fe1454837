"""Cassettes hold no secrets, replays find every change, and recordings are reproducible."""

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
from haut_ext.sandbox import Sandbox
from haut_ext.sandbox.clock import Clock
from scripts.cassettes import compare
from tests import recording

ROOT = Path(__file__).parent.parent
RECORDED = ROOT / "tests" / "cassettes" / "sandbox"
PHOTO = recording.PHOTOS / "portrait.jpg"

FORBIDDEN = {
    "an Authorization header": r"(?i)authorization|bearer\s",
    "a token": r"sandbox-token-",
    "a login": r"(?i)set-cookie|sandbox-[0-9a-f]{16}|\beyJ[\w-]+\.",
    "what was signed": r"(?i)StringToSign|CanonicalRequest|goog4_request|GOOG4-",
    "a signed query": r"(?i)x-goog-[\w-]+(=|%3d)|\bsignature=",
    "a photo": r"\xff\xd8\xff|\x89PNG|JFIF|WEBPVP|/9j/|iVBORw0KGgo|UklGR",
    "a blob": r"!!binary|[A-Za-z0-9+/_=-]{512}",
}
NEUTRAL_NAME = re.compile(r"(subject|image)-\d+|dataset|token")
SANDBOX_ORIGINS = {recording.SANDBOX_API, recording.SANDBOX_STORAGE}


def test_a_cassette_is_clean(cassette: Path) -> None:
    assert list(leaks(cassette.read_text("utf-8"), cassette.parent.name)) == []


# Searching a cassette


def leaks(text: str, folder: str) -> Iterator[str]:
    """Yield what a cassette must not hold but does, and what it must have but lacks."""
    cassette = yamlserializer.deserialize(text)
    if cassette.get("recorded_from") != folder or not text.startswith("recorded_from: "):
        yield "no label, or another one than its folder's name"
    # The text of the file, and the values without YAML's line breaks and escapes.
    views = [text, *strings(cassette)]
    for name, pattern in FORBIDDEN.items():
        if any(re.search(pattern, view) for view in (*views, *map(unbroken, views[1:]))):
            yield name
    token = os.environ.get("HAUT_TOKEN")
    if token and token in text:
        yield "a token"
    if folder == "sandbox":
        found = {
            origin for view in views for origin in re.findall(r"https?://[^/\s\"'?#\\]+", view)
        }
        if found - SANDBOX_ORIGINS:
            yield "another host than the sandbox's"
    if not cassette["interactions"]:
        yield "nothing"
    for interaction in cassette["interactions"]:
        yield from leaks_of_interaction(**interaction)


def leaks_of_interaction(request: dict[str, Any], response: dict[str, Any]) -> Iterator[str]:
    if {name.lower() for name in request["headers"]} - recording.REQUEST_HEADERS:
        yield "a request header that is not allowed"
    if {name.lower() for name in response["headers"]} - recording.RESPONSE_HEADERS:
        yield "a response header that is not allowed"
    address = urlsplit(request["uri"])
    if address.path in ("", "/"):
        yield "a request without its path"
    if request["method"] == "PUT" and not recording.DIGEST.fullmatch(str(request["body"])):
        yield "an upload that is not length and SHA-256"
    for body in (request["body"], response["body"]["string"]):
        for name, value in members(body):
            if name in recording.SECRETS | {"data"} and value != recording.SECRET:
                yield "a secret of the user"
            if name in ("username", "email") and value != recording.USERNAME:
                yield "who the user is"
    sent, received = parsed(request["body"]), parsed(response["body"]["string"])
    names = parse_qs(address.query).get("q", [])
    names += [sent["name"]] if "name" in sent else []
    for subject in [received, *received.get("results", [])]:
        if "author_id" in subject:
            names.append(subject["name"])
            owners = (subject["author_id"], subject["company"]["name"], subject["dataset"]["name"])
            if owners != (1, "company", "dataset"):
                yield "whose the account is"
    if not all(NEUTRAL_NAME.fullmatch(name) for name in names):
        yield "a name that may be a person's"


def strings(value: Any) -> Iterator[str]:
    """Yield every text inside of a parsed cassette; bytes as if they were Latin-1."""
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
    """Return every name of a JSON body, at whatever depth, with its value."""
    found: list[tuple[str, Any]] = []

    def take(pairs: list[tuple[str, Any]]) -> None:
        found.extend(pairs)

    with suppress(TypeError, ValueError):
        json.loads(body, object_pairs_hook=take)
    return found


def unbroken(text: str) -> str:
    return re.sub(r"\s", "", text)


def parsed(body: str) -> dict[str, Any]:
    """Return a body that is a JSON object; for any other, nothing."""
    try:
        document = json.loads(body)
    except (TypeError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def swap(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


NO_HEADER = "headers: {}\n    status"
PLANTED: dict[str, tuple[str, Callable[[str], str]]] = {
    "Authorization": ("an Authorization", swap("headers:\n", "headers:\n      Authorization: [x]\n")),
    "Bearer": ("an Authorization", swap('"visit":1', '"visit":"Bearer abc"')),
    "sandbox token": ("a token", swap('"visit":1', '"visit":"sandbox-token-0a1b"')),
    "signature in an address": ("a signed query", swap("/?page=1", "/?X-Goog-Signature=0a1b")),
    "signature in a body": ("a signed query", swap('","method"', '?a=b&x-goog-signature=0a","method"')),
    "signature escaped": ("a signed query", swap('","method"', '%26X-Goog-Date%3D2025","method"')),
    "signature, older kind": ("a signed query", swap('","method"', '?Signature=0a1b","method"')),
    "binary": ("a blob", swap("string: ''", "string: !!binary |\n        gIGCg4SFhoc=")),
    "base64": ("a blob", swap('"visit":1', f'"visit":"{"QUJD" * 700}"')),
    "base64 in lines": ("a blob", swap("string: ''", "string: '" + "\n        QUJDQUJD" * 99 + "'")),
    "JPEG": ("a photo", swap("string: ''", 'string: "\\xFF\\xD8\\xFF\\xE0"')),
    "JPEG in base64": ("a photo", swap("string: ''", "string: /9j/4AAQ")),
    "PNG": ("a photo", swap("string: ''", 'string: "\\x89PNG"')),
    "PNG in base64": ("a photo", swap("string: ''", "string: iVBORw0KGgoAAAAN")),
    "WEBP": ("a photo", swap("string: ''", 'string: "RIFF\\0\\0\\0\\0WEBPVP8X"')),
    "no label": ("no label", swap("recorded_from: sandbox\n", "")),
    "another label": ("no label", swap("from: sandbox", "from: live")),
    "a port": ("another host", swap("http://127.0.0.1/", "http://127.0.0.1:8080/")),
    "the real host": ("another host", swap("http://127.0.0.2/", "https://storage.googleapis.com/")),
    "a response header": ("a response header", swap(NO_HEADER, NO_HEADER.replace("}", "etag: [x]}"))),
    "a cookie set": ("a login", swap(NO_HEADER, NO_HEADER.replace("}", "set-cookie: [x]}"))),
    "a JSON web token": ("a login", swap('"visit":1', '"visit":"eyJhbGciOiJIUzI1NiJ9.e30.abc"')),
    "the sandbox's password": ("a login", swap('"visit":1', '"visit":"sandbox-3cf6cfb00e3b127d"')),
    "what the storage signed": ("what was signed", swap("string: ''", "string: GOOG4-HMAC-SHA256")),
    "a cookie": ("a request header", swap("headers: {}", "headers: {cookie: [x]}")),
    "an upload": ("an upload", swap("157,704 bytes, SHA-256", "the bytes of")),
    "a path": ("a request without", lambda text: re.sub("(uri: http://127.0.0.2/).*", r"\1", text)),
    "a name sent": ("a name", swap('\'{"name":"subject-1"', '\'{"name":"Anna"')),
    "a name received": ("a name", swap('string: \'{"name":"subject-1"', 'string: \'{"name":"Anna"')),
    "a name searched for": ("a name", swap("/?page=1", "/?q=anna&page=1")),
    "the company": ("whose", swap('"name":"company"', '"name":"Example Ltd"')),
    "a token received": ("a secret", swap('"visit":1', '"access_token":"abc"')),
    "a password": ("a secret", swap('"visit":1', '"password":"abc"')),
    "the user": ("who the user", swap('"visit":1', '"username":"anna@example.com"')),
    "the author": ("whose", swap('"author_id":1', '"author_id":1234')),
    "nothing": ("nothing", lambda text: "recorded_from: sandbox\ninteractions: []\n"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("leak", "plant"), PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_leak_is_found(leak: str, plant: Callable[[str], str]) -> None:
    text = (RECORDED / "test_upload[path].yaml").read_text("utf-8")
    planted = plant(text)
    assert planted != text
    assert [found for found in leaks(planted, "sandbox") if found.startswith(leak)]


# Recording


def test_the_client_s_time_passes_only_while_it_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(virtual=True)
    began, machine = clock.now(), time.perf_counter()
    recording.drive_time(monkeypatch, clock)
    moment = time.monotonic()
    time.sleep(3600)
    assert time.monotonic() - moment == 3600
    asyncio.run(asyncio.sleep(1800))
    assert time.monotonic() - moment == 5400
    assert (clock.now() - began).total_seconds() == 5400
    assert time.perf_counter() - machine < 60


def test_the_jitter_of_retries_is_the_same_in_each_recording() -> None:
    drawn = []
    for _ in range(2):
        with pytest.MonkeyPatch.context() as patch:
            recording.drive_time(patch)
            drawn.append([random.uniform(0, 1), random.random()])
    assert drawn[0] == drawn[1]


def test_a_recording_of_the_real_service_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    recording.drive_time(monkeypatch, really=True)
    machine, moment = time.perf_counter(), time.monotonic()
    time.sleep(0.02)
    asyncio.run(asyncio.sleep(0.02))
    assert time.monotonic() - moment == pytest.approx(0.04)
    assert time.perf_counter() - machine >= 0.03


async def test_the_timeouts_of_the_event_loop_keep_the_machine_s_time(
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
    under_way, most = 0, 0

    async def handle(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1
        return httpx.Response(200)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle)
    recording.record_one_at_a_time(monkeypatch)
    async with httpx.AsyncClient() as client:
        responses = await asyncio.gather(*(client.get("http://127.0.0.1/") for _ in range(4)))
    assert [response.status_code for response in responses] == [200] * 4
    assert most == 1


def interaction(method: str, path: str, answer: str = "") -> dict[str, Any]:
    request = {"method": method, "uri": f"http://127.0.0.2{path}"}
    return {"request": request, "response": {"body": {"string": answer}}}


def test_concurrent_uploads_are_stored_in_the_order_of_their_urls() -> None:
    slots = interaction("POST", "/upload/", '{"front":"/bucket/f","left":"/bucket/a"}')
    front, left = interaction("PUT", "/bucket/f"), interaction("PUT", "/bucket/a")
    failed = interaction("PUT", "/bucket/a", "503")
    assert recording.in_order([slots, left, front]) == [slots, front, left]
    assert recording.in_order([slots, front, failed, left]) == [slots, front, failed, left]
    reads = [interaction("GET", "/bucket/a"), interaction("GET", "/bucket/f")]
    assert recording.in_order([slots, *reads]) == [slots, *reads]


# Replaying


@pytest.fixture
def tape(vcr_config: dict[str, Any]) -> Callable[[str], AbstractContextManager[Any]]:
    """Return a function that replays one of the sandbox's cassettes."""
    vcr = VCR(cassette_library_dir=str(RECORDED), record_mode="none")
    vcr.register_serializer("yaml", recording.LabelledYaml("sandbox"))
    return lambda name: vcr.use_cassette(f"{name}.yaml", **vcr_config)


@pytest.fixture
def haut() -> Iterator[Haut]:
    with Haut(**recording.replayed("sandbox").credentials) as client:
        yield client


@pytest.mark.block_network
@pytest.mark.parametrize("position", [None, 0, 80_000, -1])
def test_an_upload_with_one_byte_changed_is_not_found(
    tape: Callable[[str], AbstractContextManager[Any]], haut: Haut, position: int | None
) -> None:
    photo = bytearray(PHOTO.read_bytes())
    with tape("test_download_to_a_path") as cassette:
        subject_id = json.loads(cassette.responses[0]["body"]["string"])["id"]
        slot = haut.images.request_upload(subject_id, side="front")
        address, headers = slot.upload_url.url, {"Content-Type": "application/octet-stream"}
        headers["X-Goog-Content-Length-Range"] = "1,31457280"
        if position is None:
            assert httpx.put(address, headers=headers, content=bytes(photo)).status_code == 200
            return
        photo[position] ^= 1
        with pytest.raises(NotRecorded):
            httpx.put(address, headers=headers, content=bytes(photo))


@pytest.mark.block_network
def test_a_signed_request_is_found_by_its_path_and_without_its_signature(
    tape: Callable[[str], AbstractContextManager[Any]],
) -> None:
    with tape("test_download_to_a_path") as cassette:
        [address] = [recorded.uri for recorded in cassette.requests if recorded.method == "PUT"]
        with pytest.raises(NotRecorded):
            httpx.get(address.replace("haut-sandbox", "another-bucket"))
        with pytest.raises(NotRecorded):
            httpx.get(f"{address}?generation=1")
        answer = httpx.get(f"{address}?X-Goog-Date=20250101T000000Z&X-Goog-Signature=0a1b2c")
        assert answer.content == PHOTO.read_bytes()


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


# The standard library leaves a socket open when connecting fails with what is no OSError.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.block_network
def test_no_socket_can_be_reached_while_the_network_is_blocked(listening: socket.socket) -> None:
    credentials = recording.replayed("sandbox").credentials
    credentials["base_url"] = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with Haut(**credentials) as haut, pytest.raises(RuntimeError, match="Network is disabled"):
        haut.subjects.list()
    with pytest.raises(BlockingIOError):
        listening.accept()


@pytest.mark.block_network
async def test_no_socket_can_be_reached_by_the_event_loop_either(listening: socket.socket) -> None:
    credentials = recording.replayed("sandbox").credentials
    credentials["base_url"] = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with AsyncHaut(**credentials) as haut:
        # anyio wraps what a connection attempt raises into a group.
        with pytest.raises((RuntimeError, ExceptionGroup)) as raised:
            await haut.subjects.list()
    assert "Network is disabled" in "".join(traceback.format_exception(raised.value))
    with pytest.raises(BlockingIOError):
        listening.accept()


def run_workflows(
    client: str, cassettes: Path, *options: str, service: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the workflow tests of one client on other cassettes."""
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
def test_a_replay_fails_for_the_right_reason_when_a_cassette_was_changed(tmp_path: Path) -> None:
    changes: dict[str, tuple[Callable[[str], str], str]] = {
        "test_bad_request": (
            swap("from: sandbox", "from: live"),
            "recorded from live is in the folder",
        ),
        "test_create_subject": (swap('"birth_date":"1990', '"birth_date":"1991'), "NotRecorded"),
        "test_get_image": (
            lambda text: re.sub("(SHA-256 .*)[0-9a-f]", r"\g<1>x", text),
            "NotRecorded",
        ),
        "test_not_found": (
            lambda text: text.replace("version: 1", "") + text.partition("interactions:\n")[2],
            "recorded, but not sent",
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
def test_recording_on_a_busy_machine_gives_the_same_bytes(tmp_path: Path) -> None:
    """If this fails, the client, the sandbox or the tests have changed: run `make record`."""
    done = run_workflows(
        "_async", tmp_path / "sandbox", "--record-mode=rewrite", "-p", "tests.slow_sandbox", "-q"
    )
    assert done.returncode == 0, done.stdout
    now = {path.name: path.read_bytes() for path in (tmp_path / "sandbox").iterdir()}
    before = {path.name: path.read_bytes() for path in RECORDED.iterdir()}
    assert sorted(now) == sorted(before)
    assert [name for name in now if now[name] != before[name]] == []


@pytest.mark.slow
def test_a_recording_of_a_service_of_its_own_can_be_replayed_and_compared(tmp_path: Path) -> None:
    """A sandbox without a seed stands for the real service: it dates responses and keeps real time."""
    folder, chosen = tmp_path / "live", ("-k", "update_subject or over_several_pages", "-q")
    with Sandbox() as sandbox:
        service = {
            f"HAUT_{name.upper()}": str(value) for name, value in sandbox.credentials.items()
        }
        done = run_workflows("_async", folder, "--record-mode=rewrite", *chosen, service=service)
        assert done.returncode == 0, done.stdout
        assert sandbox.arrivals
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
