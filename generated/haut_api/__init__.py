"""A client library for accessing Haut.AI SaaS API"""

from typing import Any

from .client import AuthenticatedClient, Client

SPEC_VERSION = "v1"
"""Version of the OpenAPI document (`info.version`)."""

SPEC_SHA256 = "f6bdfa39debcf53f331350aa644336c4e446c8c192fbfec99871c156315607e9"
"""SHA-256 of the OpenAPI document, which is the file openapi.json in this package."""


def spec() -> dict[str, Any]:
    """Return the OpenAPI document that this package was generated from."""
    # Imported here to keep the import of the package fast.
    import json
    from importlib.resources import files

    document: dict[str, Any] = json.loads(
        files(__name__).joinpath("openapi.json").read_text("utf-8")
    )
    return document


__all__ = (
    "SPEC_SHA256",
    "SPEC_VERSION",
    "AuthenticatedClient",
    "Client",
    "spec",
)
