"""The two simulated services, by the framework that they are written with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from attrs import frozen

from tests.release.store import Store


@frozen
class Service:
    """A simulated service.

    Attributes:
        application: The ASGI application.
        document: The OpenAPI document that the framework writes.
        store: The state of the service.
    """

    application: Any
    document: dict[str, Any]
    store: Store


def _django() -> Service:
    from tests.release.django_service import service  # configures Django

    return Service(service.application, json.loads(json.dumps(service.openapi())), service.store)


def _fastapi() -> Service:
    from tests.release import fastapi_service as service

    return Service(service.app, service.app.openapi(), service.store)


SERVICES: dict[str, Callable[[], Service]] = {"Django": _django, "FastAPI": _fastapi}
