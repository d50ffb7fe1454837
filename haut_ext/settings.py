"""What a client is told before its first request, checked: addresses, ids, time limits, retries.

A leaf: nothing here knows of HTTP. Options and Scope do not hold the token and can be printed.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypedDict
from urllib.parse import urlsplit
from uuid import UUID

from attrs import Attribute, field, frozen

from haut_ext.errors import ConfigError

PRODUCTION = "https://saas.haut.ai"

# Environment variable -> argument, and where a person finds the value.
_NEEDED = {
    "HAUT_TOKEN": ("token", "a private token from the SaaS portal, or an access token from login"),
    "HAUT_COMPANY_ID": ("company_id", "the company's UUID, from the SaaS portal"),
}


class _OptionalArguments(TypedDict, total=False):
    dataset_id: str
    base_url: str


class Arguments(_OptionalArguments):
    """The arguments of a client that the environment can hold."""

    token: str
    company_id: str


def from_environment(environment: Mapping[str, str] | None = None) -> Arguments:
    """Return the constructor arguments that the environment holds; an empty variable is unset.

    Raises:
        ConfigError: If a needed variable is missing; names all that are, and what they are.
    """
    source = os.environ if environment is None else environment
    values = {name: value.strip() for name, value in source.items() if value.strip()}
    missing = [
        f"{variable} ({meaning}; or pass {argument}=)"
        for variable, (argument, meaning) in _NEEDED.items()
        if variable not in values
    ]
    if missing:
        raise ConfigError("not set in the environment: " + "; ".join(missing))
    found = Arguments(token=values["HAUT_TOKEN"], company_id=values["HAUT_COMPANY_ID"])
    if "HAUT_DATASET_ID" in values:
        found["dataset_id"] = values["HAUT_DATASET_ID"]
    if "HAUT_BASE_URL" in values:
        found["base_url"] = values["HAUT_BASE_URL"]
    return found


def parse_id(value: object, name: str) -> UUID:
    """Return `value` as a UUID.

    An id becomes part of a path: `""` or `".."` would reach another route, and a DELETE there would
    delete something else. So nothing but a UUID gets through.

    Raises:
        ConfigError: If it is not one.
    """
    if isinstance(value, UUID):
        return value
    if isinstance(value, str):
        with suppress(ValueError):
            return UUID(value)
    # The value is not shown: what stands in the wrong place may be a token or a name.
    shown = f"a text of {len(value)} characters" if isinstance(value, str) else type(value).__name__
    raise ConfigError(
        f"{name} must be a UUID such as 2fea742a-62ec-4a81-9729-9e0283f9c40c, not {shown}"
    )


def parse_base_url(value: str) -> str:
    """Return the origin (scheme, host, port) to which the API's paths are added.

    Raises:
        ConfigError: If it is no http(s) origin, or plain http to a host that is not loopback: the
            token would cross the network in the clear.
    """
    try:
        parts = urlsplit(value.strip())
        port = parts.port
    except ValueError:
        raise ConfigError(
            "base_url is not an address; expected for example " + PRODUCTION
        ) from None
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError("base_url needs a scheme and a host, for example " + PRODUCTION)
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password:
        raise ConfigError(
            "base_url is scheme, host and port only: the paths come from the API's specification, "
            "and the token goes into token="
        )
    if parts.scheme == "http" and not _is_loopback(host):
        raise ConfigError(
            f"base_url is plain http to {host}: the token would travel unencrypted. Use https; "
            "http is accepted for loopback addresses only"
        )
    shown_host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown_host}" + (f":{port}" if port is not None else "")


def check_signed_address(value: str) -> str:
    """Return the signed address of a photo, unless a photo must not travel there.

    Raises:
        ConfigError: If it is plain http to a host that is not loopback. The address is not shown.
    """
    try:
        parts = urlsplit(value)
        loopback = parts.scheme == "http" and _is_loopback(parts.hostname or "")
        if parts.scheme == "https" or loopback:
            return value
    except (ValueError, AttributeError):
        pass  # the service named something else than an address, or than a text
    raise ConfigError(
        "the service named an address for the photo that is not https; photos are not sent there"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _seconds(instance: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None and not (isinstance(value, int | float) and value > 0):
        raise ConfigError(
            f"{attribute.name} must be a positive number of seconds, or None for no limit"
        )


def _count(instance: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, int) or value < 0:
        raise ConfigError(f"{attribute.name} must be a whole number, 0 or more")


@frozen
class Timeout:
    """The limits of one attempt, each in seconds; None means no limit.

    Attributes:
        connect: To establish the connection.
        read: Between two pieces of the answer.
        write: Between two pieces of the request.
        pool: To wait for a free connection.
    """

    connect: float | None = field(default=10.0, validator=_seconds)
    read: float | None = field(default=30.0, validator=_seconds)
    write: float | None = field(default=30.0, validator=_seconds)
    pool: float | None = field(default=30.0, validator=_seconds)


def as_timeout(value: float | Timeout | None) -> Timeout:
    """Return a Timeout: itself, or one whose four limits are the same number."""
    return value if isinstance(value, Timeout) else Timeout(value, value, value, value)


@frozen(kw_only=True)
class Options:
    """How patient a client is; all of it can be changed by `with_options`.

    Attributes:
        timeout: The limits of one attempt.
        deadline: Seconds for a whole API call with all its retries and waits.
        transfer_deadline: The same for one photo's way to or from the storage, which is longer:
            30 MiB at 0.5 Mbit/s take 8.4 minutes.
        max_retries: Further attempts after the first, where repeating is safe.
        max_retry_after: The longest Retry-After, in seconds, that is waited for; a longer one raises.
            None waits however long it says, within the deadline.
    """

    timeout: Timeout = field(factory=Timeout, converter=as_timeout)
    deadline: float | None = field(default=120.0, validator=_seconds)
    transfer_deadline: float | None = field(default=900.0, validator=_seconds)
    max_retries: int = field(default=4, validator=_count)
    max_retry_after: float | None = field(default=60.0, validator=_seconds)


def _company(value: str | UUID) -> UUID:
    return parse_id(value, "company_id")


def _dataset(value: str | UUID | None) -> UUID | None:
    return None if value is None else parse_id(value, "dataset_id")


@frozen(kw_only=True)
class Scope:
    """Where a client works: the service's origin, one company, and the usual dataset."""

    base_url: str = field(default=PRODUCTION, converter=parse_base_url)
    company_id: UUID = field(converter=_company)
    dataset_id: UUID | None = field(default=None, converter=_dataset)

    def dataset(self, override: str | UUID | None = None) -> UUID:
        """Return the dataset of one call: the given one, else the client's.

        Raises:
            ConfigError: If there is neither, or the given one is not a UUID.
        """
        if override is not None:
            return parse_id(override, "dataset_id")
        if self.dataset_id is None:
            raise ConfigError(
                "this operation needs a dataset: pass dataset_id= to the call or to the client, "
                "or set HAUT_DATASET_ID"
            )
        return self.dataset_id
