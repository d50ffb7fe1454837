"""The response behind a result: status, headers, request id."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpx
from attrs import field, frozen

from haut_ext._http.tokens import OPEN_PATHS

_REQUEST_ID_HEADERS = ("x-request-id", "x-correlation-id", "x-guploader-uploadid", "cf-ray")


@frozen
class ResponseInfo:
    """A successful response of the service or its storage.

    Attributes:
        operation: Method and route, such as `GET /api/v1/images/{id}/`.
        ids: The ids in the request's path.
        status: The HTTP status of the last attempt.
        attempts: How often the request was sent.
        elapsed: Seconds from the first attempt to the end of the last.
        response: The response itself.
    """

    operation: str
    ids: tuple[str, ...]
    status: int
    attempts: int
    elapsed: float
    response: httpx.Response = field(repr=False, eq=False)

    @property
    def headers(self) -> Mapping[str, str]:
        """The response's headers."""
        return self.response.headers

    @property
    def request_id(self) -> str | None:
        """The id under which the server knows the request, if it sent one."""
        return request_id(self.headers)


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the id under which the server knows the request, if it sent one."""
    return next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), None)


Collector = Callable[[ResponseInfo, Any], None]
_collectors: ContextVar[tuple[Collector, ...]] = ContextVar("collectors", default=())


@contextmanager
def collecting(collector: Collector) -> Generator[None]:
    """Call `collector` for every response in this context, with the request that it belongs to."""
    token = _collectors.set((*_collectors.get(), collector))
    try:
        yield
    finally:
        _collectors.reset(token)


@contextmanager
def capture_responses() -> Generator[list[ResponseInfo]]:
    """Collect the responses of all calls made inside the `with`, in the order of their ends.

    Works for both clients, for every method and for generated functions called through `haut.api`. The
    responses of login and refresh are left out: they contain tokens.

    Example:
        with haut_ext.capture_responses() as responses:
            subject = haut.subjects.create("customer-4711")
        print(responses[-1].status, responses[-1].request_id)
    """
    collected: list[ResponseInfo] = []

    def collect(info: ResponseInfo, _: Any) -> None:
        if not info.operation.endswith(tuple(OPEN_PATHS)):
            collected.append(info)

    with collecting(collect):
        yield collected


@contextmanager
def collect_requests() -> Generator[list[tuple[ResponseInfo, Any]]]:
    """Collect responses with what is known of their requests, secrets included."""
    found: list[tuple[ResponseInfo, Any]] = []

    def collect(info: ResponseInfo, sent: Any) -> None:
        found.append((info, sent))

    with collecting(collect):
        yield found


def record(info: ResponseInfo, sent: object) -> None:
    """Pass a response to every collector of this context."""
    for collector in _collectors.get():
        collector(info, sent)
