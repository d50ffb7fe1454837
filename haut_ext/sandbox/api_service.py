"""Serves the API origin: finds the operation for a request and authenticates the request.

A request is checked in the same order as in Django REST framework: path, token, company and method.
The handler then checks that the records in the path exist, and validates the body.
"""

from __future__ import annotations

from collections.abc import Callable

from .handlers import HANDLERS
from .handlers.handler_base import Context, not_found, unauthorized
from .http_messages import Request, Response
from .request_validation import ErrorResponse
from .router import Router
from .state import State
from .storage_service import StorageService

_ROUTER = Router(handler.ROUTES for handler in HANDLERS)
_PUBLIC = frozenset[str]().union(*(handler.PUBLIC for handler in HANDLERS))
OPERATIONS = [
    operation
    for handler in HANDLERS
    for methods in handler.ROUTES.values()
    for operation in methods.values()
]
"""The operation ids of the API."""


class ApiService:
    """Handles the requests to the API.

    Args:
        state: State of the sandbox.
        storage: Storage service that signs URLs for responses.
        page_size: Default number of items in a page.
        upload_url_seconds: Lifetime of a signed upload URL.
    """

    def __init__(
        self, state: State, storage: StorageService, *, page_size: int, upload_url_seconds: int
    ) -> None:
        self._state = state
        self._context = Context(state, storage, page_size, upload_url_seconds)
        self._handlers: dict[str, Callable[[Request], Response]] = {}
        for handler_class in HANDLERS:
            handler = handler_class(self._context)
            for methods in handler.ROUTES.values():
                for operation in methods.values():
                    self._handlers[operation] = getattr(handler, operation)

    @property
    def origin(self) -> str:
        """Origin of the API, such as `http://127.0.0.1:8000`; empty until the port is known."""
        return self._context.origin

    @origin.setter
    def origin(self, origin: str) -> None:
        self._context.origin = origin

    def identify(self, request: Request) -> None:
        """Find the operation that matches the path, and store its id and the ids in the path."""
        if route := _ROUTER.find(request.path):
            request.allowed, request.ids = route
            request.operation = request.allowed.get(request.method, "unknown")

    def error_response(self, status: int, code: str, detail: str) -> Response:
        """Return an error response, for invalid HTTP or an internal error."""
        return ErrorResponse(status, code, detail).to_response()

    def handle(self, request: Request) -> Response:
        """Process a request and return the response, which may be an error response."""
        with self._state.database.lock:
            try:
                return self._carry_out(request)
            except ErrorResponse as error:
                return error.to_response()

    def _carry_out(self, request: Request) -> Response:
        if not request.allowed:
            return self._handle_unknown_path(request)
        if _PUBLIC.isdisjoint(request.allowed.values()):
            self._authenticate(request)
        company_id = self._state.database.company_id
        if request.ids.get("company_id", company_id) != company_id:
            detail = "You do not have permission to perform this action."
            raise ErrorResponse(403, "permission_denied", detail)
        if request.operation == "unknown":
            detail = f'Method "{request.method}" not allowed.'
            allow = (("Allow", ", ".join(request.allowed)),)
            raise ErrorResponse(405, "method_not_allowed", detail, headers=allow)
        if request.method != "GET":
            self._state.clock.tick()
        return self._handlers[request.operation](request)

    def _handle_unknown_path(self, request: Request) -> Response:
        """Redirect to the same path with a trailing slash if that path exists, as Django does."""
        if request.method == "GET" and _ROUTER.find(request.path + "/"):
            query = f"?{request.query}" if request.query else ""
            return Response(301, (("Location", f"{request.path}/{query}"),))
        raise not_found()

    def _authenticate(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            detail = "Authentication credentials were not provided."
            raise unauthorized("not_authenticated", detail)
        valid = self._state.authentication.is_valid(token.strip())
        if not valid:
            detail = "Invalid token." if valid is None else "Token has expired."
            raise unauthorized("authentication_failed", detail)
