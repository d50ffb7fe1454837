"""The contract as a judge of traffic: openapi-core, over openapi/haut.yaml, forgiving nothing.

A field that the contract does not declare is a violation, and so is one that is missing. Date-times
may have the form that is seen on the wire, which no validator knows by a name (api-facts 1.5).

The traffic with the storage is not judged here: a path with slashes in a parameter, which OpenAPI
cannot describe. tests/sandbox/test_storage.py has another judge for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from attrs import frozen
from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue
from werkzeug.datastructures import ImmutableMultiDict

CONTRACT = Path(__file__).parent.parent / "openapi" / "haut.yaml"

_ORIGIN = "https://saas.haut.ai"
_WIRE_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_UUID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@frozen
class Exchange:
    """One request to the API and its answer.

    Attributes:
        method: The method.
        target: Path and query.
        status: Of the answer.
        answer: Its body.
        answer_type: Of the answer's body.
        sent: The request's body.
        sent_type: Of the request's body.
    """

    method: str
    target: str
    status: int
    answer: bytes
    answer_type: str
    sent: bytes = b""
    sent_type: str = ""

    @property
    def shape(self) -> tuple[object, ...]:
        """What two answers have in common that only ids and numbers tell apart."""
        path = _UUID.sub(b"id", urlsplit(self.target).path.encode())
        body = re.sub(rb"\d+", b"0", _UUID.sub(b"id", self.answer))
        return self.method, path, self.status, self.answer_type, body


def request_violations(exchange: Exchange) -> list[str]:
    """Return what is wrong with a request. That it bears a token is taken for granted."""
    return _violations(_judge().validate_request, _request(exchange))


def answer_violations(exchange: Exchange) -> list[str]:
    """Return what is wrong with an answer to its request."""
    response = MockResponse(
        exchange.answer, exchange.status, content_type=exchange.answer_type.partition(";")[0]
    )
    return _violations(_judge().validate_response, _request(exchange), response)


@cache
def _judge() -> OpenAPI:
    return OpenAPI.from_file_path(
        str(CONTRACT),
        config=Config(
            additional_properties_default_policy="forbid",
            extra_format_validators={"date-time": _is_date_time},
        ),
    )


def _is_date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True  # the type is judged by itself
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return _WIRE_TIME.fullmatch(value) is not None


def _request(exchange: Exchange) -> MockRequest:
    target = urlsplit(exchange.target)
    return MockRequest(
        _ORIGIN,
        exchange.method,
        target.path,
        args=ImmutableMultiDict(parse_qs(target.query, keep_blank_values=True)),
        headers={"Authorization": "Bearer token"},
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
