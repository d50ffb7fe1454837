"""A client library for accessing Haut.AI SaaS API"""

from typing import Any

from .client import AuthenticatedClient, Client

SPEC_VERSION = "v1"
"""Version of the OpenAPI document (`info.version`)."""

SPEC_SHA256 = "2ac1f51f03d2465b7d6f90d8c1bfeaa3a34cdfc92b8057465512d4678650e152"
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
