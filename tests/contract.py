"""Validation of requests and responses against the contract of the sandbox, with openapi-core.

Validation is strict: a missing field is a violation, and so is a field that the contract does not
declare. Date-times are also checked for the format that the service uses (section 1.5 of api-facts).

The contract describes only one request to the storage: the upload of a photo. openapi-core does not
support slashes in a path parameter, so they are percent-encoded before validation. It does not support a
parameter that represents the entire query string either, so that parameter is removed from the contract.
tests/sandbox/test_storage.py tests the signature in the query string.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from attrs import field, frozen
from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue
from werkzeug.datastructures import ImmutableMultiDict

from scripts.spec.contract import sandbox_contract

CONTRACT = sandbox_contract()
"""The document that the sandbox follows."""

API = "https://saas.haut.ai"
STORAGE = "https://storage.googleapis.com"

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_UUID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@frozen
class Exchange:
    """One request and its response.

    Attributes:
        method: HTTP method.
        target: Path and query.
        status: Status of the response.
        response_body: Body of the response.
        response_type: Content type of the response.
        response_headers: Recorded headers of the response.
        request_body: Body of the request.
        request_type: Content type of the request.
        request_headers: Headers of the request.
        origin: Server that received the request: `API` or `STORAGE`.
    """

    method: str
    target: str
    status: int
    response_body: bytes
    response_type: str
    response_headers: dict[str, str] = field(factory=dict[str, str])
    request_body: bytes = b""
    request_type: str = ""
    request_headers: dict[str, str] = field(factory=dict[str, str])
    origin: str = API

    @property
    def shape(self) -> tuple[object, ...]:
        """A key that is the same for all responses that differ only in their ids and numbers."""
        path = _UUID.sub(b"id", urlsplit(self.target).path.encode())
        body = re.sub(rb"\d+", b"0", _UUID.sub(b"id", self.response_body))
        return self.method, path, self.status, self.response_type, body


def request_violations(exchange: Exchange) -> list[str]:
    """Return the contract violations of a request, without checking its token or signature."""
    return _violations(_validator().validate_request, _request(exchange))


def response_violations(exchange: Exchange) -> list[str]:
    """Return the contract violations of a response."""
    response = MockResponse(
        exchange.response_body,
        exchange.status,
        content_type=exchange.response_type.partition(";")[0],
    )
    return _violations(_validator().validate_response, _request(exchange), response)


@cache
def _validator() -> OpenAPI:
    document = copy.deepcopy(CONTRACT)
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
        return True  # the validator checks the type separately
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return _DATE_TIME.fullmatch(value) is not None


def _request(exchange: Exchange) -> MockRequest:
    target = urlsplit(exchange.target)
    path, headers = target.path, {**exchange.request_headers, "Authorization": "Bearer token"}
    if exchange.origin == STORAGE:
        bucket, _, object_name = path.removeprefix("/").partition("/")
        path = f"/{bucket}/{quote(object_name, safe='')}"
        del headers["Authorization"]
    return MockRequest(
        exchange.origin,
        exchange.method,
        path,
        args=ImmutableMultiDict(parse_qs(target.query, keep_blank_values=True)),
        headers=headers,
        data=exchange.request_body,
        content_type=exchange.request_type,
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
