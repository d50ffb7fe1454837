"""Records and replays the HTTP traffic of tests without secrets, photos or the real clock.

Parts of the traffic that a cassette omits or replaces:

    headers         only headers of two allow-lists are kept, so Authorization and cookies are removed
    secrets         passwords and tokens become a constant
    signed queries  every X-Goog-* parameter is removed from URLs and bodies
    photos          become length and SHA-256; a replay returns the sample photos
    origins, ids    of the recorded service and account become constants

The first line of a cassette is a label that names the recorded service: sandbox or live.

A request is cleaned in the same way before it is recorded and before it is looked up in a cassette.
Therefore the signature of a signed request is ignored, but an uploaded photo must be identical.

Recordings are reproducible because `drive_time` replaces the client's clock and `record_one_at_a_time`
serializes concurrent requests.
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

from haut_ext.sandbox import Clock, Credentials, LoginCredentials, Sandbox
from haut_ext.sandbox.fault_plan import FaultPlan
from haut_ext.urls import PRODUCTION

T = TypeVar("T")

PHOTOS = Path(__file__).parent.parent / "examples" / "photos"

REQUEST_HEADERS = frozenset({"content-type", "x-goog-content-length-range"})
# The client reads Date and Retry-After to decide when to retry.
RESPONSE_HEADERS = frozenset({"content-type", "date", "retry-after"})

# API and storage have different addresses, so a request to the wrong one matches no recording.
SANDBOX_API = "http://127.0.0.1"
SANDBOX_STORAGE = "http://127.0.0.2"
COMPANY_ID = "11111111-1111-4111-8111-111111111111"
DATASET_ID = "22222222-2222-4222-8222-222222222222"
USERNAME = "user@example.com"
SECRET = "not-a-secret"

SECRETS = {"password", "access_token", "token_access", "refresh_token"}

LONGEST_TEXT = 2000
"""Maximum length of a text body that is not JSON; longer and binary bodies are treated as photos."""

_SIGNED_PARAMETER = re.compile(r"(?i)(?:[?&]|&amp;|\\u0026)?x-goog-[\w-]+=[^&\s\"'<>\\]*")
DIGEST = re.compile(r"[\d,]+ bytes, SHA-256 [0-9a-f]{64}")


@frozen
class Service:
    """The service that a test calls: the sandbox, the real service, or a cassette recorded from either.

    Attributes:
        credentials: Constructor arguments for a client of the service.
        user: Username and password for a login; None if they are not configured.
        replaced: Texts that must not be in a cassette, with their replacements.
        clock: Clock of the sandbox; None unless a sandbox is recorded.
        faults: Fault plan of the sandbox; None unless a sandbox is recorded.
    """

    credentials: Credentials
    user: LoginCredentials | None
    replaced: dict[str, str]
    clock: Clock | None = None
    faults: FaultPlan | None = None


def replayed(origin: str) -> Service:
    """Return a service that is replayed from the cassettes in the folder `sandbox` or `live`."""
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
    """Return a service that records the requests to a running sandbox."""
    credentials = sandbox.credentials
    return Service(
        credentials,
        sandbox.login_credentials,
        {
            sandbox.base_url: SANDBOX_API,
            sandbox.storage_url: SANDBOX_STORAGE,
            # The signed Host header contains the storage address without `http://`.
            sandbox.storage_url.removeprefix("http://"): SANDBOX_STORAGE.removeprefix("http://"),
            credentials["company_id"]: COMPANY_ID,
            credentials["dataset_id"]: DATASET_ID,
        },
        sandbox.clock,
        sandbox.faults,
    )


def recorded_live(credentials: Credentials, user: LoginCredentials | None) -> Service:
    """Return a service that records the requests to the real Haut.AI API."""
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
    """Replace the client's clock by one that advances only while the client sleeps.

    `time.sleep` and `asyncio.sleep` advance the clock and return at once; `time.monotonic` reads it.
    The jitter of retries becomes a fixed sequence of numbers. The event loop and its timeouts keep the
    real clock.

    Args:
        patch: pytest's monkeypatch fixture, which restores the clock after the test.
        clock: Clock of the recorded sandbox; every sleep also advances this clock.
        really: Also sleep in real time, as the real service requires.
    """
    moment = 1000.0
    machine, sleep, sleep_async = time.monotonic, time.sleep, asyncio.sleep

    def advance(seconds: float) -> None:
        nonlocal moment
        moment += seconds
        if clock is not None:
            clock.advance(seconds)

    def sleep_and_advance(seconds: float) -> None:
        advance(seconds)
        if really:
            sleep(seconds)

    async def sleep_and_advance_async(seconds: float, result: T | None = None) -> T | None:
        advance(seconds)
        return await sleep_async(seconds if really else 0, result)

    jitter = random.Random(1)
    patch.setattr(time, "monotonic", lambda: moment)
    patch.setattr(time, "sleep", sleep_and_advance)
    patch.setattr(asyncio, "sleep", sleep_and_advance_async)
    patch.setattr(asyncio.BaseEventLoop, "time", lambda _: machine())
    patch.setattr(random, "random", jitter.random)
    patch.setattr(random, "uniform", jitter.uniform)


def record_one_at_a_time(patch: pytest.MonkeyPatch) -> None:
    """Make the asynchronous client send one request at a time.

    Otherwise the sandbox would process concurrent requests, and assign ids, in varying order.
    Call this function after VCR has replaced the transport.
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
    """Return VCR's options for recording or replaying the requests to a service."""
    return {
        "match_on": ["method", "scheme", "host", "port", "path", "query", "headers", "body"],
        "before_record_request": partial(_clean_request, replaced=service.replaced),
        "before_record_response": partial(_clean_response, replaced=service.replaced),
        "before_save_interaction": _without_photo,
        "after_load_interaction": _with_photo,
    }


@frozen
class LabelledYaml:
    """VCR's YAML serializer, which also writes a first line that names the recorded service."""

    origin: str

    def serialize(self, cassette: dict[str, Any]) -> str:
        cassette["interactions"] = sorted_uploads(cassette["interactions"])
        return f"recorded_from: {self.origin}\n{yamlserializer.serialize(cassette)}"

    def deserialize(self, text: str) -> dict[str, Any]:
        cassette: dict[str, Any] = yamlserializer.deserialize(text)
        label = cassette.get("recorded_from")
        if label != self.origin:
            raise ValueError(
                f"a cassette recorded from {label} is in the folder for cassettes from {self.origin}"
            )
        return cassette


def digest(body: bytes) -> str:
    """Return the text that a cassette contains instead of a photo: length and SHA-256."""
    return f"{len(body):,} bytes, SHA-256 {hashlib.sha256(body).hexdigest()}"


def sorted_uploads(interactions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort consecutive photo uploads by the order in which earlier responses contain their URLs.

    Sorting is necessary because a client starts concurrent uploads in any order.
    """
    received = ""

    def position(interaction: dict[str, Any]) -> int:
        request = interaction["request"]
        return received.find(urlsplit(request["uri"]).path) if request["method"] == "PUT" else 0

    ordered: list[dict[str, Any]] = []
    for _, group in groupby(interactions, lambda each: each["request"]["method"]):
        ordered += sorted(group, key=position)
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
            raise ValueError(f"a recorded photo is missing in {PHOTOS.name}/: {body}")
        response["body"]["string"] = photos[body]
    return request, response


def _text(body: bytes) -> str | None:
    """Return a body as text if it is JSON or short text; return None if it is a photo."""
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
    # Replace longer texts first, because one text can be a prefix of another.
    for real in sorted(replaced, key=len, reverse=True):
        text = text.replace(real, replaced[real])
    return _SIGNED_PARAMETER.sub("", text)


def _neutral_json(text: str) -> str:
    document = _json(text)
    if document is None:
        return text
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _neutral(value: dict[str, Any]) -> dict[str, Any]:
    """Replace secrets and data that identifies the user or the account in a JSON value."""
    for name in SECRETS & value.keys():
        value[name] = SECRET
    for name in ("username", "email"):
        if name in value:
            value[name] = USERNAME
    if "is_verified" in value:  # the value is the user in a login response
        value["id"], value["profile"] = 1, {}
    if "expiration_time" in value:  # the value is a private token
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
