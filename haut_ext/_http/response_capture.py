"""Gives access to the HTTP responses of calls: status, headers and request id."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from attrs import field, frozen

from haut_ext._http.call import Call
from haut_ext._http.tokens import TOKENLESS_PATHS
from haut_ext._httpx import httpx

_REQUEST_ID_HEADERS = ("x-request-id", "x-correlation-id", "x-guploader-uploadid", "cf-ray")


@frozen
class ResponseInfo:
    """A successful response of the service or its storage.

    Attributes:
        operation: Method and route of the request, such as `GET /api/v1/images/{id}/`.
        ids: The ids in the request's path.
        status: HTTP status of the last attempt.
        attempts: Number of times the request was sent.
        elapsed: Seconds from the start of the first attempt to the end of the last one.
        response: The httpx response.
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
    def is_from_sandbox(self) -> bool:
        """Whether the service identified itself as a sandbox of this package."""
        return self.headers.get("server", "").startswith("haut-sandbox")

    @property
    def request_id(self) -> str | None:
        """The request id that the server assigned, if the response contains one."""
        return request_id(self.headers)


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the request id that the server assigned, if the headers contain one."""
    return next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), None)


Collector = Callable[[tuple[ResponseInfo, Call]], None]
_collectors: ContextVar[tuple[Collector, ...]] = ContextVar("collectors", default=())


@contextmanager
def collect_responses(collector: Collector) -> Generator[None]:
    """Pass every response received in this context to `collector`, together with its `Call`.

    The `Call` contains secrets.
    """
    token = _collectors.set((*_collectors.get(), collector))
    try:
        yield
    finally:
        _collectors.reset(token)


@contextmanager
def capture_responses() -> Generator[list[ResponseInfo]]:
    """Collect the responses of all calls made inside the `with` block, in order of completion.

    This works for both clients, for every method, and for generated functions called through
    `haut.api`. Responses of login and refresh are left out because they contain tokens.

    Example:
        with haut_ext.capture_responses() as responses:
            subject = haut.subjects.create("customer-4711")
        print(responses[-1].status, responses[-1].request_id)
    """
    captured: list[ResponseInfo] = []

    def capture(exchange: tuple[ResponseInfo, Call]) -> None:
        info, call = exchange
        if call.request.url.path not in TOKENLESS_PATHS:
            captured.append(info)

    with collect_responses(capture):
        yield captured


def record_response(response: httpx.Response, call: Call) -> httpx.Response:
    """Pass a response to all active collectors of the current context, and return it."""
    facts = (response.status_code, call.attempts, call.deadline.elapsed, response)
    info = ResponseInfo(call.operation, call.ids, *facts)
    for collector in _collectors.get():
        collector((info, call))
    return response
