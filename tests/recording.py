"""What stands in a cassette: the traffic of a test, without credentials, photos and passing addresses.

    headers         those of two allow-lists; so no Authorization, no dates
    secrets         fixed ones stand for passwords and tokens
    signed queries  every X-Goog-* parameter goes, from addresses and from bodies
    photos          length and SHA-256 stand for them; on replay, the samples stand in again
    storage         with the path that was asked for, which httpx is not shown
    addresses, ids  of the service and the account that were recorded: fixed ones instead
    label           the cassette's first line says where it was recorded

A request is cleaned in the same way before it is recorded and before it is looked for. So a signed
request is found without its signature, and an upload only if each of its bytes is the same.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
from attrs import frozen
from vcr.request import Request  # type: ignore[import-untyped]  # has no types
from vcr.serializers import yamlserializer  # type: ignore[import-untyped]  # has no types

from haut_ext.sandbox import Credentials, LoginCredentials, Sandbox
from haut_ext.settings import PRODUCTION

PHOTOS = Path(__file__).parent.parent / "examples" / "photos"

REQUEST_HEADERS = frozenset({"content-type", "x-goog-content-length-range"})
RESPONSE_HEADERS = frozenset({"content-type"})

# Two loopback addresses, so that a request to the wrong one of the sandbox's origins is not found.
SANDBOX_API = "http://127.0.0.1"
SANDBOX_STORAGE = "http://127.0.0.2"
COMPANY_ID = "11111111-1111-4111-8111-111111111111"
DATASET_ID = "22222222-2222-4222-8222-222222222222"
USERNAME = "user@example.com"
SECRET = "not-a-secret"

SECRETS = {"password", "access_token", "token_access", "refresh_token"}

LONGEST_TEXT = 2000
"""Characters of a body that is not JSON; what is longer, or is not text, is taken for a photo."""

_SIGNED_PARAMETER = re.compile(r"(?i)(?:[?&]|&amp;|\\u0026)?x-goog-[\w-]+=[^&\s\"'<>\\]*")
DIGEST = re.compile(r"[\d,]+ bytes, SHA-256 [0-9a-f]{64}")


@frozen
class Service:
    """The service that a test talks to, really or by a cassette.

    Attributes:
        credentials: The arguments of a client of it.
        user: Who can log in; None when nobody was named.
        replaced: What must not stand in a cassette, and what stands there instead.
    """

    credentials: Credentials
    user: LoginCredentials | None
    replaced: dict[str, str]


def replayed(origin: str) -> Service:
    """Return the service that the cassettes of an origin show."""
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
            # As a signed header, which has the host alone.
            sandbox.storage_url.removeprefix("http://"): SANDBOX_STORAGE.removeprefix("http://"),
            credentials["company_id"]: COMPANY_ID,
            credentials["dataset_id"]: DATASET_ID,
        },
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


def vcr_options(service: Service) -> dict[str, Any]:
    """Return what makes VCR record and find the traffic with a service as described above."""
    return {
        "match_on": ["method", "scheme", "host", "port", "path", "query", "headers", "body"],
        "before_record_request": partial(_clean_request, replaced=service.replaced),
        "before_record_response": partial(_clean_response, replaced=service.replaced),
        "before_save_interaction": _without_photo,
        "after_load_interaction": _with_photo,
    }


@frozen
class LabelledYaml:
    """A serializer for VCR: its YAML, under a line that says where the cassette was recorded."""

    origin: str

    def serialize(self, cassette: dict[str, Any]) -> str:
        cassette["interactions"] = _in_order(cassette["interactions"])
        return f"recorded_from: {self.origin}\n{yamlserializer.serialize(cassette)}"

    def deserialize(self, text: str) -> dict[str, Any]:
        cassette: dict[str, Any] = yamlserializer.deserialize(text)
        label = cassette.get("recorded_from")
        if label != self.origin:
            raise ValueError(
                f"a cassette recorded from {label} stands among those of {self.origin}"
            )
        return cassette


def whole_request(request: httpx.Request, body: bytes) -> Request:
    """Return a request as VCR knows it, in the place of VCR's own function for that.

    The wire hides signed addresses from httpx in the extension `target`, where VCR does not look.
    """
    target = request.extensions.get("target")
    url = request.url if target is None else request.url.copy_with(raw_path=target)
    return Request(request.method, str(url), body, request.headers)


def digest(body: bytes) -> str:
    """Return what stands for a photo."""
    return f"{len(body):,} bytes, SHA-256 {hashlib.sha256(body).hexdigest()}"


def _in_order(interactions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort what was asked for side by side, which VCR has in the order in which it was answered."""

    def siblings(interaction: dict[str, Any]) -> tuple[str, str]:
        request = interaction["request"]
        return request["method"], request["uri"].rstrip("/").rpartition("/")[0]

    return [
        interaction
        for _, run in groupby(interactions, siblings)
        for interaction in sorted(run, key=lambda interaction: interaction["request"]["uri"])
    ]


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
            raise ValueError(f"a recorded photo is none of {PHOTOS.name}/: {body}")
        response["body"]["string"] = photos[body]
    return request, response


def _text(body: bytes) -> str | None:
    """Return a body as text: JSON, or a short one. None means that it is a photo."""
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
    # The longest first: one port can be the beginning of another.
    for real in sorted(replaced, key=len, reverse=True):
        text = text.replace(real, replaced[real])
    return _SIGNED_PARAMETER.sub("", text)


def _neutral_json(text: str) -> str:
    document = _json(text)
    if document is None:
        return text
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _neutral(value: dict[str, Any]) -> dict[str, Any]:
    """Take out of an object who the user is and whose account it is, and every secret."""
    for name in SECRETS & value.keys():
        value[name] = SECRET
    for name in ("username", "email"):
        if name in value:
            value[name] = USERNAME
    if "is_verified" in value:  # who has logged in
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
