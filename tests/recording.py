"""Recording and replaying the traffic of a test, without secrets, photos and the machine's time.

What a cassette holds:

    headers         only those of two allow-lists, so no Authorization and no cookies
    secrets         passwords and tokens are replaced by a constant
    signed queries  every X-Goog-* parameter is removed from URLs and bodies
    photos          are replaced by length and SHA-256; a replay serves the sample photos again
    origins, ids    of the recorded service and account are replaced by constants
    label           the first line says what was recorded: sandbox or live

A request is cleaned in the same way before it is recorded and before it is looked up. A signed request
is therefore found without its signature, and an upload only if every byte is the same.

What makes a recording reproducible: `drive_time` replaces the client's time, and `record_one_at_a_time`
lets one request pass at a time.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import time
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import pytest
from attrs import frozen
from vcr.request import Request  # type: ignore[import-untyped]  # has no types
from vcr.serializers import yamlserializer  # type: ignore[import-untyped]  # has no types

from haut_ext.sandbox import Credentials, LoginCredentials, Sandbox
from haut_ext.sandbox.clock import Clock
from haut_ext.sandbox.faults import Plan
from haut_ext.settings import PRODUCTION

T = TypeVar("T")

PHOTOS = Path(__file__).parent.parent / "examples" / "photos"

REQUEST_HEADERS = frozenset({"content-type", "x-goog-content-length-range"})
# What the client reads: without Date and Retry-After a replay would take other decisions.
RESPONSE_HEADERS = frozenset({"content-type", "date", "retry-after"})

# Two loopback addresses, so that a request to the wrong one of the sandbox's origins is not found.
SANDBOX_API = "http://127.0.0.1"
SANDBOX_STORAGE = "http://127.0.0.2"
COMPANY_ID = "11111111-1111-4111-8111-111111111111"
DATASET_ID = "22222222-2222-4222-8222-222222222222"
USERNAME = "user@example.com"
SECRET = "not-a-secret"

SECRETS = {"password", "access_token", "token_access", "refresh_token"}

LONGEST_TEXT = 2000
"""Maximum number of characters of a body that is not JSON. Longer and binary bodies are photos."""

_SIGNED_PARAMETER = re.compile(r"(?i)(?:[?&]|&amp;|\\u0026)?x-goog-[\w-]+=[^&\s\"'<>\\]*")
DIGEST = re.compile(r"[\d,]+ bytes, SHA-256 [0-9a-f]{64}")


@frozen
class Service:
    """The service that a test calls: the sandbox, the real service, or a cassette of one of them.

    Attributes:
        credentials: The arguments of a client.
        user: The user who can log in; None if none was configured.
        replaced: Texts that must not be in a cassette, and their replacements.
        clock: The clock of a sandbox that is recorded.
        faults: The fault plan of a sandbox that is recorded.
    """

    credentials: Credentials
    user: LoginCredentials | None
    replaced: dict[str, str]
    clock: Clock | None = None
    faults: Plan | None = None


def replayed(origin: str) -> Service:
    """Return the service that the cassettes of an origin describe."""
    return Service(
        Credentials(
            token="not-needed-for-a-replay",
            company_id=COMPANY_ID,
            dataset_id=DATASET_ID,
            base_url=PRODUCTION if origin == "live" else SANDBOX_API,
        ),
        LoginCredentials(username=USERNAME, password=SECRET),
        {},
    )


def recorded_from_sandbox(sandbox: Sandbox) -> Service:
    """Return a running sandbox as the service to record."""
    credentials = sandbox.credentials
    return Service(
        credentials,
        sandbox.login_credentials,
        {
            sandbox.base_url: SANDBOX_API,
            sandbox.storage_url: SANDBOX_STORAGE,
            # The signed Host header has no scheme.
            sandbox.storage_url.removeprefix("http://"): SANDBOX_STORAGE.removeprefix("http://"),
            credentials["company_id"]: COMPANY_ID,
            credentials["dataset_id"]: DATASET_ID,
        },
        sandbox.clock,
        sandbox.faults,
    )


def recorded_live(credentials: Credentials, user: LoginCredentials | None) -> Service:
    """Return the real service as the one to record."""
    return Service(
        credentials,
        user,
        {
            credentials["base_url"].rstrip("/"): PRODUCTION,
            credentials["company_id"].lower(): COMPANY_ID,
            credentials["dataset_id"].lower(): DATASET_ID,
        },
    )


def drive_time(
    patch: pytest.MonkeyPatch, clock: Clock | None = None, *, really: bool = False
) -> None:
    """Let time pass for the client only while it sleeps, so that no decision depends on the machine.

    The client waits by `time.sleep` and `asyncio.sleep` and measures by `time.monotonic`. All three are
    replaced: a sleep moves the time and returns at once. The jitter of retries becomes a fixed sequence.
    The event loop and its timeouts keep the machine's time.

    Args:
        patch: Reverts the replacement after the test.
        clock: Clock of the sandbox that is recorded; every sleep moves it too.
        really: Sleep as well, because the real service needs the time.
    """
    moment = 1000.0
    machine, sleep, sleep_async = time.monotonic, time.sleep, asyncio.sleep

    def move(seconds: float) -> None:
        nonlocal moment
        moment += seconds
        if clock is not None:
            clock.advance(seconds)

    def pass_time(seconds: float) -> None:
        move(seconds)
        if really:
            sleep(seconds)

    async def pass_time_async(seconds: float, result: T | None = None) -> T | None:
        move(seconds)
        return await sleep_async(seconds if really else 0, result)

    jitter = random.Random(1)
    patch.setattr(time, "monotonic", lambda: moment)
    patch.setattr(time, "sleep", pass_time)
    patch.setattr(asyncio, "sleep", pass_time_async)
    patch.setattr(asyncio.BaseEventLoop, "time", lambda _: machine())
    patch.setattr(random, "random", jitter.random)
    patch.setattr(random, "uniform", jitter.uniform)


def record_one_at_a_time(patch: pytest.MonkeyPatch) -> None:
    """Let concurrent requests of the asynchronous client pass one after another.

    Otherwise the machine decides in which order the sandbox carries them out and gives them ids.
    Call this while VCR's own replacement of the transport is in place.
    """
    handle = httpx.AsyncHTTPTransport.handle_async_request
    one_at_a_time = asyncio.Lock()

    async def handle_alone(
        transport: httpx.AsyncHTTPTransport, request: httpx.Request
    ) -> httpx.Response:
        async with one_at_a_time:
            return await handle(transport, request)

    patch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle_alone)


def vcr_options(service: Service) -> dict[str, Any]:
    """Return the options with which VCR records and replays the traffic with a service."""
    return {
        "match_on": ["method", "scheme", "host", "port", "path", "query", "headers", "body"],
        "before_record_request": partial(_clean_request, replaced=service.replaced),
        "before_record_response": partial(_clean_response, replaced=service.replaced),
        "before_save_interaction": _without_photo,
        "after_load_interaction": _with_photo,
    }


@frozen
class LabelledYaml:
    """VCR's YAML serializer with a first line that says what was recorded."""

    origin: str

    def serialize(self, cassette: dict[str, Any]) -> str:
        cassette["interactions"] = in_order(cassette["interactions"])
        return f"recorded_from: {self.origin}\n{yamlserializer.serialize(cassette)}"

    def deserialize(self, text: str) -> dict[str, Any]:
        cassette: dict[str, Any] = yamlserializer.deserialize(text)
        label = cassette.get("recorded_from")
        if label != self.origin:
            raise ValueError(
                f"a cassette recorded from {label} is in the folder of those recorded from {self.origin}"
            )
        return cassette


def digest(body: bytes) -> str:
    """Return the text that replaces a photo."""
    return f"{len(body):,} bytes, SHA-256 {hashlib.sha256(body).hexdigest()}"


def in_order(interactions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort consecutive uploads of photos in the order in which the service returned their URLs.

    The order in which a client starts concurrent uploads is not a promise of the client.
    """
    received = ""

    def position(interaction: dict[str, Any]) -> int:
        request = interaction["request"]
        return received.find(urlsplit(request["uri"]).path) if request["method"] == "PUT" else 0

    ordered: list[dict[str, Any]] = []
    for _, run in groupby(interactions, lambda each: each["request"]["method"]):
        ordered += sorted(run, key=position)
        received = "".join(str(each["response"]["body"]["string"]) for each in ordered)
    return ordered


def _clean_request(request: Request, *, replaced: dict[str, str]) -> Request:
    request.uri = _clean_text(request.uri, replaced)
    request.headers = {
        name: value for name, value in request.headers.items() if name.lower() in REQUEST_HEADERS
    }
    if request.body:
        text = _text(request.body)
        if text is None:
            request.body = digest(request.body)
        else:
            request.body = _neutral_json(_clean_text(text, replaced))
    return request


def _clean_response(response: dict[str, Any], *, replaced: dict[str, str]) -> dict[str, Any]:
    response["headers"] = {
        name: values
        for name, values in response["headers"].items()
        if name.lower() in RESPONSE_HEADERS
    }
    text = _text(response["body"]["string"])
    if text is not None:
        response["body"]["string"] = _neutral_json(_clean_text(text, replaced)).encode()
    return response


def _without_photo(request: Request, response: dict[str, Any]) -> tuple[Request, dict[str, Any]]:
    body = response["body"]["string"]
    if _text(body) is None:
        response["body"]["string"] = digest(body)
    return request, response


def _with_photo(request: Request, response: dict[str, Any]) -> tuple[Request, dict[str, Any]]:
    body = response["body"]["string"].decode()
    if DIGEST.fullmatch(body):
        photos = {digest(data): data for data in map(Path.read_bytes, PHOTOS.iterdir())}
        if body not in photos:
            raise ValueError(f"a recorded photo is not in {PHOTOS.name}/: {body}")
        response["body"]["string"] = photos[body]
    return request, response


def _text(body: bytes) -> str | None:
    """Return a body as text if it is JSON or short; None means that it is a photo."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if len(text) <= LONGEST_TEXT or _json(text) is not None else None


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_hook=_neutral)
    except ValueError:
        return None


def _clean_text(text: str, replaced: dict[str, str]) -> str:
    # Longest first, because one port number can be the prefix of another.
    for real in sorted(replaced, key=len, reverse=True):
        text = text.replace(real, replaced[real])
    return _SIGNED_PARAMETER.sub("", text)


def _neutral_json(text: str) -> str:
    document = _json(text)
    if document is None:
        return text
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _neutral(value: dict[str, Any]) -> dict[str, Any]:
    """Replace what identifies the user or the account, and every secret."""
    for name in SECRETS & value.keys():
        value[name] = SECRET
    for name in ("username", "email"):
        if name in value:
            value[name] = USERNAME
    if "is_verified" in value:  # the user who logged in
        value["id"], value["profile"] = 1, {}
    if "expiration_time" in value:  # a private token
        value["name"] = "token"
        if "data" in value:
            value["data"] = SECRET
    if value.keys() == {"id", "name"} or "connected_applications" in value:
        value["name"] = "dataset"
    if value.get("author_id") is not None:
        value["author_id"] = 1
    for owner in ("company", "dataset"):
        if isinstance(value.get(owner), dict) and "name" in value[owner]:
            value[owner]["name"] = owner
    return value
