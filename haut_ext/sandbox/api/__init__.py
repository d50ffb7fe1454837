"""The JSON operations: one route table over the sections, and what is the same for all of them.

A pure function from request to answer over the world. In Django's order: route, token, company,
method, the objects in the path, the body. The operations themselves, by what changes together:

    account     login, refresh, private tokens      datasets        datasets and dictionaries
    subjects    subjects                            batches         nested batches, results of v1
    images      slots, compute, images of v1        face_metrics_3  the same in v3
    section     what the sections share             routing         from a path to its operations
"""

from __future__ import annotations

from collections.abc import Callable

from haut_ext.sandbox.messages import Answer, Request
from haut_ext.sandbox.state import World
from haut_ext.sandbox.storage import Storage
from haut_ext.sandbox.validation import Refusal

from .account import Account
from .batches import Batches
from .datasets import Datasets
from .face_metrics_3 import FaceMetrics3
from .images import Images
from .routing import Router
from .section import Section, Surroundings, not_found, unauthorized
from .subjects import Subjects

_SECTIONS: list[type[Section]] = [Account, Datasets, Subjects, Images, Batches, FaceMetrics3]
_ROUTER = Router(section.ROUTES for section in _SECTIONS)
_PUBLIC = frozenset[str]().union(*(section.PUBLIC for section in _SECTIONS))
OPERATIONS = [
    operation
    for section in _SECTIONS
    for methods in section.ROUTES.values()
    for operation in methods.values()
]


class Api:
    """The service behind the API's origin.

    Args:
        world: The state.
        storage: Signs the URLs.
        page_size: Items per page when the request names no size (the real default is unknown).
        upload_url_seconds: Life of a signed upload URL (the real one is unknown).
    """

    def __init__(
        self, world: World, storage: Storage, *, page_size: int, upload_url_seconds: int
    ) -> None:
        self._world = world
        self._surroundings = Surroundings(world, storage, page_size, upload_url_seconds)
        self._handlers: dict[str, Callable[[Request], Answer]] = {}
        for section in _SECTIONS:
            handling = section(self._surroundings)
            for methods in section.ROUTES.values():
                for operation in methods.values():
                    self._handlers[operation] = getattr(handling, operation)

    @property
    def origin(self) -> str:
        """Where the API is, once the sockets are open."""
        return self._surroundings.origin

    @origin.setter
    def origin(self, origin: str) -> None:
        self._surroundings.origin = origin

    def identify(self, request: Request) -> None:
        """Names the request's operation."""
        if found := _ROUTER.find(request.path):
            request.allowed, request.ids = found
            request.operation = request.allowed.get(request.method, "unknown")

    def refuse(self, status: int, code: str, detail: str) -> Answer:
        """An error that is found before a request is complete."""
        return Refusal(status, code, detail).answer()

    def dispatch(self, request: Request) -> Answer:
        """Carries the request out, or says why not."""
        with self._world.lock:
            try:
                return self._carry_out(request)
            except Refusal as refusal:
                return refusal.answer()

    def _carry_out(self, request: Request) -> Answer:
        if not request.allowed:
            return self._unrouted(request)
        if _PUBLIC.isdisjoint(request.allowed.values()):
            self._authenticate(request)
        if request.ids.get("company_id", self._world.company_id) != self._world.company_id:
            detail = "You do not have permission to perform this action."
            raise Refusal(403, "permission_denied", detail)
        if request.operation == "unknown":
            detail = f'Method "{request.method}" not allowed.'
            allow = (("Allow", ", ".join(request.allowed)),)
            raise Refusal(405, "method_not_allowed", detail, headers=allow)
        if request.method != "GET":
            self._world.clock.tick()
        return self._handlers[request.operation](request)

    def _unrouted(self, request: Request) -> Answer:
        if request.method == "GET" and _ROUTER.find(request.path + "/"):
            query = f"?{request.query}" if request.query else ""
            return Answer(301, (("Location", f"{request.path}/{query}"),))
        raise not_found()

    def _authenticate(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            detail = "Authentication credentials were not provided."
            raise unauthorized("not_authenticated", detail)
        valid = self._world.accounts.valid(token.strip())
        if not valid:
            detail = "Invalid token." if valid is None else "Token has expired."
            raise unauthorized("authentication_failed", detail)
