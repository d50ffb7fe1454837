"""Validates traffic against openapi/haut.yaml with openapi-core, without any tolerance.

A field that the contract does not declare is a violation, and so is a missing one. Date-times may have
the format that the service uses, which no validator knows by name (api-facts 1.5).

Of the traffic with the storage, the contract describes the upload. Two things there are beyond
openapi-core: slashes in a path parameter, which are sent to it percent-encoded, and a query parameter
that takes the whole query, which is left out. tests/sandbox/test_storage.py covers signatures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from attrs import field, frozen
from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue
from openapi_spec_validator.readers import read_from_filename
from werkzeug.datastructures import ImmutableMultiDict

CONTRACT = Path(__file__).parent.parent / "openapi" / "haut.yaml"

API = "https://saas.haut.ai"
STORAGE = "https://storage.googleapis.com"

_WIRE_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_UUID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@frozen
class Exchange:
    """One request and its response.

    Attributes:
        method: The method.
        target: Path and query.
        status: Status of the response.
        answer: Body of the response.
        answer_type: Content type of the response.
        answer_headers: All headers of the response that were recorded.
        sent: Body of the request.
        sent_type: Content type of the request.
        sent_headers: Further headers of the request.
        origin: The server of the contract that the request went to: `API` or `STORAGE`.
    """

    method: str
    target: str
    status: int
    answer: bytes
    answer_type: str
    answer_headers: dict[str, str] = field(factory=dict[str, str])
    sent: bytes = b""
    sent_type: str = ""
    sent_headers: dict[str, str] = field(factory=dict[str, str])
    origin: str = API

    @property
    def shape(self) -> tuple[object, ...]:
        """What two responses have in common that differ only in ids and numbers."""
        path = _UUID.sub(b"id", urlsplit(self.target).path.encode())
        body = re.sub(rb"\d+", b"0", _UUID.sub(b"id", self.answer))
        return self.method, path, self.status, self.answer_type, body


def request_violations(exchange: Exchange) -> list[str]:
    """Return the violations of a request. Token and signature are assumed to be there."""
    return _violations(_judge().validate_request, _request(exchange))


def answer_violations(exchange: Exchange) -> list[str]:
    """Return the violations of a response."""
    response = MockResponse(
        exchange.answer, exchange.status, content_type=exchange.answer_type.partition(";")[0]
    )
    return _violations(_judge().validate_response, _request(exchange), response)


@cache
def _judge() -> OpenAPI:
    document = dict(read_from_filename(str(CONTRACT))[0])
    upload = document["paths"]["/{bucket}/{object_name}"]["put"]
    upload["parameters"] = [each for each in upload["parameters"] if each["in"] != "query"]
    return OpenAPI.from_dict(
        document,
        config=Config(
            additional_properties_default_policy="forbid",
            extra_format_validators={"date-time": _is_date_time},
        ),
    )


def _is_date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True  # the type is validated separately
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return _WIRE_TIME.fullmatch(value) is not None


def _request(exchange: Exchange) -> MockRequest:
    target = urlsplit(exchange.target)
    path, headers = target.path, {**exchange.sent_headers, "Authorization": "Bearer token"}
    if exchange.origin == STORAGE:
        bucket, _, name = path.removeprefix("/").partition("/")
        path = f"/{bucket}/{quote(name, safe='')}"
        del headers["Authorization"]
    return MockRequest(
        exchange.origin,
        exchange.method,
        path,
        args=ImmutableMultiDict(parse_qs(target.query, keep_blank_values=True)),
        headers=headers,
        data=exchange.sent,
        content_type=exchange.sent_type,
    )


def _violations(check: Any, *traffic: Any) -> list[str]:
    try:
        check(*traffic)
    except OpenAPIError as error:
        found: BaseException | None = error
        while found is not None and not isinstance(found, InvalidSchemaValue):
            found = found.__cause__
        if found is None:
            return [f"{type(error).__name__}: {error} ({error.__cause__})"]
        entries: Iterable[Any] = found.schema_errors
        return [f"{list(entry.absolute_path)}: {entry.message}" for entry in entries]
    return []
