"""Defines the settings of a client: scope, timeouts, and options that `with_options` can change.

The settings do not contain the token, so they can be printed safely.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast
from uuid import UUID

from attrs import Attribute, evolve, field, frozen

from haut_ext._version import __version__
from haut_ext.argument_checks import Id, check_names, is_number, parse_id
from haut_ext.errors import ConfigError
from haut_ext.urls import PRODUCTION, parse_base_url

if TYPE_CHECKING:
    from haut_ext._httpx import httpx
    from haut_ext.erasure_receipt import ErasureReceipt
    from haut_ext.types import UploadState

API_DEADLINE = 120.0
TRANSFER_DEADLINE = 900.0
"""Default deadlines for an API call and for the transfer of one photo, in seconds."""

_NO_LIMIT = 1e8
"""Time limits from this value on, in seconds, are treated as no limit, because they would overflow
timers."""
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_RESERVED_HEADERS = {"authorization", "content-length", "host", "transfer-encoding"}

_EventHook = Callable[[Any], Any]


class RequestOptions(TypedDict, total=False):
    """Keyword arguments of a client's constructor and of `with_options`. See `Options`.

    Attributes:
        timeout: Time limits of one attempt: a number of seconds, a `Timeout` or an `httpx.Timeout`.
        deadline: Limit, in seconds, for a whole call with all its attempts; None means no limit.
        max_retries: Maximum number of attempts after the first one.
        max_retry_after: Longest Retry-After, in seconds, that the client waits for.
        headers: Headers sent with every request to the API, but not to the storage.
        user_agent_suffix: Text appended to the User-Agent header.
        event_hooks: Event hooks of httpx, which are called once for each attempt.
    """

    timeout: float | Timeout | httpx.Timeout | None
    deadline: float | None
    max_retries: int
    max_retry_after: float | None
    headers: Mapping[str, str] | None
    user_agent_suffix: str | None
    event_hooks: Mapping[str, Sequence[Callable[[Any], Any]]] | None


def _limit(value: Any) -> Any:
    """Return the limit, or None if it is too long for a timer."""
    return None if is_number(value) and value >= _NO_LIMIT else value


def _check_limit(instance: object, attribute: Attribute[Any], value: object) -> None:
    if value is None or value == attribute.default == "default":
        return
    if not is_number(value) or not value > 0:
        raise ConfigError(
            f"{attribute.name} must be a positive number of seconds, or None for no limit"
        )


def _check_count(instance: object, attribute: Attribute[Any], value: object) -> None:
    if type(value) is not int or value < 0:
        raise ConfigError(f"{attribute.name} must be a whole number, 0 or more")


def _check_suffix(instance: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None and not (isinstance(value, str) and _HEADER_VALUE.fullmatch(value)):
        raise ConfigError("user_agent_suffix must be visible ASCII")


@frozen
class Timeout:
    """Time limits of one attempt, each in seconds; None or infinity means no limit.

    Attributes:
        connect: Limit for establishing the connection.
        read: Limit for receiving a chunk of the response.
        write: Limit for sending a chunk of the request.
        pool: Limit for waiting while `max_in_flight` requests are already in flight.
    """

    connect: float | None = field(default=10.0, converter=_limit, validator=_check_limit)
    read: float | None = field(default=30.0, converter=_limit, validator=_check_limit)
    write: float | None = field(default=30.0, converter=_limit, validator=_check_limit)
    pool: float | None = field(default=30.0, converter=_limit, validator=_check_limit)


def _as_timeout(value: Any) -> Timeout:
    if isinstance(value, Timeout):
        return value
    if hasattr(value, "pool"):  # an httpx.Timeout, or an object with the same interface
        return Timeout(value.connect, value.read, value.write, value.pool)
    try:
        return Timeout(value, value, value, value)
    except ConfigError:
        raise ConfigError(
            "timeout must be a positive number of seconds, a Timeout, or None for no limit"
        ) from None


def check_headers(value: object) -> dict[str, str]:
    """Validate headers, and return them as a dict with lower-case names. None means no headers.

    Raises:
        ConfigError: If a name or value is invalid in HTTP, or a header is reserved for the client.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError("headers must be a mapping of names to values")
    checked: dict[str, str] = {}
    for name, content in cast("Mapping[object, object]", value).items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigError("headers has an invalid name")
        if name.lower() in _RESERVED_HEADERS:
            raise ConfigError(f"headers must not contain {name}, which is reserved for the client")
        if not isinstance(content, str) or not _HEADER_VALUE.fullmatch(content):
            raise ConfigError(f"the header {name} has an invalid value")
        checked[name.lower()] = content
    return checked


def _check_event_hooks(value: object) -> dict[str, tuple[_EventHook, ...]]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError("event_hooks must be a mapping with the keys 'request' and 'response'")
    checked: dict[str, tuple[_EventHook, ...]] = {}
    for event, hooks in cast("Mapping[object, object]", value).items():
        if event not in ("request", "response"):
            raise ConfigError("event_hooks has a key other than 'request' and 'response'")
        if not isinstance(hooks, list | tuple):
            raise ConfigError(f"event_hooks[{event!r}] must be a list of callables")
        checked[str(event)] = tuple(cast("Sequence[Any]", hooks))
        if not all(map(callable, checked[str(event)])):
            raise ConfigError(f"event_hooks[{event!r}] must contain callables only")
    return checked


@frozen(kw_only=True)
class Options:
    """Options of a client that `with_options` can change.

    Attributes:
        timeout: Time limits of one attempt.
        deadline: Time limit, in seconds, for a call including all its attempts; None or infinity
            means no limit. The default is 120 for an API call and 900 for the transfer of one
            photo: 30 MiB at 0.5 Mbit/s take 8.4 minutes.
        max_retries: Maximum number of attempts after the first one. A request is sent again only if
            that is safe.
        max_retry_after: Longest Retry-After, in seconds, that the client waits for. If the service
            requests a longer delay, the call fails with an error that states the delay.
        headers: Headers sent with every request to the API, but not to the storage.
        user_agent_suffix: Text appended to the User-Agent header.
        event_hooks: Event hooks in httpx's format, called once for each attempt. Time spent in the
            hooks does not count toward the deadline.
    """

    timeout: Timeout = field(factory=Timeout, converter=_as_timeout)
    deadline: float | Literal["default"] | None = field(
        default="default", converter=_limit, validator=_check_limit
    )
    max_retries: int = field(default=4, validator=_check_count)
    max_retry_after: float | None = field(default=60.0, converter=_limit, validator=_check_limit)
    headers: dict[str, str] = field(
        factory=dict[str, str], converter=check_headers, repr=False, hash=False
    )
    user_agent_suffix: str | None = field(default=None, validator=_check_suffix)
    event_hooks: dict[str, tuple[_EventHook, ...]] = field(
        factory=dict[str, Any], converter=_check_event_hooks, repr=False, hash=False
    )

    def merged(self, changes: Mapping[str, Any]) -> Options:
        """Return a copy with changed options. Headers and event hooks are added, others replaced.

        Raises:
            ConfigError: If an option is unknown or its value invalid.
        """
        check_names(changes, RequestOptions.__annotations__)
        changed = dict(changes)
        if "headers" in changes:
            changed["headers"] = self.headers | check_headers(changes["headers"])
        if "event_hooks" in changes:
            added = _check_event_hooks(changes["event_hooks"])
            changed["event_hooks"] = {
                event: self.event_hooks.get(event, ()) + added.get(event, ())
                for event in self.event_hooks.keys() | added.keys()
            }
        return evolve(self, **changed)

    def deadline_for(self, *, to_api: bool) -> float | None:
        """Return the deadline, in seconds, for an API call or for the transfer of a photo."""
        if self.deadline != "default":
            return self.deadline
        return API_DEADLINE if to_api else TRANSFER_DEADLINE

    @property
    def sent_headers(self) -> dict[str, str]:
        """Headers sent with every request to the API."""
        agent = f"haut-ext/{__version__} python/{platform.python_version()}"
        if self.user_agent_suffix:
            agent += f" {self.user_agent_suffix}"
        return {"user-agent": agent, "accept-encoding": "gzip"} | self.headers


def _as_company(value: object) -> UUID:
    return parse_id(value, "company_id")


def _as_dataset(value: object) -> UUID | None:
    return None if value is None else parse_id(value, "dataset_id")


@frozen(kw_only=True)
class Scope:
    """The service, company and default dataset that a client works with.

    Attributes:
        base_url: Origin of the service.
        company_id: Id of the company.
        dataset_id: Id of the dataset for calls without a `dataset_id` argument, if there is one.
    """

    base_url: str = field(default=PRODUCTION, converter=parse_base_url)
    company_id: UUID = field(converter=_as_company)
    dataset_id: UUID | None = field(default=None, converter=_as_dataset)

    def dataset(self, dataset_id: Id | None = None) -> UUID:
        """Return `dataset_id` if it is not None, otherwise the client's default dataset.

        Raises:
            ConfigError: If both are None, or `dataset_id` is not a UUID.
        """
        if dataset_id is not None:
            return parse_id(dataset_id, "dataset_id")
        if self.dataset_id is None:
            raise ConfigError(
                "this operation needs a dataset: pass dataset_id= to the call or to the client, "
                "or set HAUT_DATASET_ID"
            )
        return self.dataset_id

    def check(self, recorded: UploadState | ErasureReceipt, name: str) -> None:
        """Raise ConfigError if a record was written for another service, company or dataset.

        A record or a scope without a dataset fits every dataset.

        Args:
            recorded: The record.
            name: Name or path of the record, for the message.
        """
        datasets = {self.dataset_id, recorded.dataset_id} - {None}
        same_company = (self.base_url, self.company_id) == (recorded.service, recorded.company_id)
        if len(datasets) > 1 or not same_company:
            raise ConfigError(
                f"{name} belongs to another service, company or dataset: {recorded.service}, company "
                f"{recorded.company_id}, dataset {recorded.dataset_id}"
            )
