"""Settings of the simulated service that is written with Django REST framework.

They are in the package's `__init__.py`, because they must be complete before `service` imports the
framework.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=f"{__name__}.service",
    SECRET_KEY="simulated",
    USE_TZ=True,
    TIME_ZONE="UTC",
    INSTALLED_APPS=["rest_framework", "drf_spectacular"],
    REST_FRAMEWORK={
        "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
        "DEFAULT_AUTHENTICATION_CLASSES": [f"{__name__}.Bearer"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
        "EXCEPTION_HANDLER": f"{__name__}.error_response",
        "DATETIME_FORMAT": "%Y-%m-%d %H:%M:%S",
        "UNAUTHENTICATED_USER": None,
    },
    SPECTACULAR_SETTINGS={
        "TITLE": "SaaS API",
        "VERSION": "1.0.0",
        "COMPONENT_SPLIT_REQUEST": True,
        "SERVERS": [{"url": "https://saas.haut.ai"}],
    },
)
django.setup()

from rest_framework.authentication import BaseAuthentication  # noqa: E402  # needs the settings
from rest_framework.exceptions import APIException, NotFound  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402

from tests.release.store import TOKEN, Missing  # noqa: E402


class Bearer(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[SimpleNamespace, None] | None:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return None
        return SimpleNamespace(is_authenticated=True), None


def error_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the documented error body."""
    from rest_framework.views import exception_handler  # its module reads the settings above

    if isinstance(error, Missing):
        error = NotFound()
    response = exception_handler(error, context)
    if response is not None and isinstance(error, APIException):
        kind = "validation_error" if response.status_code == 400 else "client_error"
        errors = [{"code": error.default_code, "detail": str(error.detail), "attr": None}]
        response.data = {"type": kind, "errors": errors}
    return response
