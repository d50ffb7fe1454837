"""Creates the TLS context that determines which server certificates a client trusts."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import cast

from haut_ext._httpx import httpx
from haut_ext.errors import ConfigError


def create_ssl_context(verify: object) -> ssl.SSLContext:
    """Return the TLS context that the `verify` argument describes.

    Args:
        verify: True for httpx's default CA certificates (SSL_CERT_FILE and SSL_CERT_DIR are
            respected), the path of a CA file or folder, or an `ssl.SSLContext`.

    Raises:
        ConfigError: If the value is invalid or the certificates cannot be loaded.
    """
    if isinstance(verify, ssl.SSLContext):
        return verify
    if verify is True:
        return _default_context()
    if not isinstance(verify, str | os.PathLike):
        raise ConfigError(
            "verify must be True, the path of a CA file or folder, or an ssl.SSLContext: certificate "
            "checks cannot be disabled"
        )
    name = os.fspath(cast("str | os.PathLike[str]", verify))
    try:
        path = Path(name)
        folder = path.is_dir()
        return ssl.create_default_context(
            cafile=None if folder else path, capath=path if folder else None
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"verify={name!r} cannot be used: {error}") from None


def _default_context() -> ssl.SSLContext:
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    variables = {name: os.environ[name] for name in names if os.environ.get(name)}
    for name, path in variables.items():
        if not os.path.exists(path):
            raise ConfigError(
                f"{name} is set to {path!r}, which does not exist: correct or unset it"
            )
    try:
        return httpx.create_ssl_context()
    except (OSError, ValueError) as error:
        raise ConfigError(f"the CA certificates of {variables} cannot be loaded: {error}") from None
