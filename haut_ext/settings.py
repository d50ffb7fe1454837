"""What a client was given, checked: environment, addresses, ids, time limits, retries, headers.

Options and Scope do not contain the token and can be printed.
"""

from __future__ import annotations

import ipaddress
import os
import platform
import re
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any, Literal, Protocol, TypedDict, cast
from urllib.parse import unquote, urlsplit
from uuid import UUID

from attrs import Attribute, evolve, field, frozen

from haut_ext._version import __version__
from haut_ext.errors import ConfigError

PRODUCTION = "https://saas.haut.ai"

_VARIABLES = {
    "token": "HAUT_TOKEN",
    "company_id": "HAUT_COMPANY_ID",
    "dataset_id": "HAUT_DATASET_ID",
    "base_url": "HAUT_BASE_URL",
}
_REQUIRED = {
    "token": "a private token from the SaaS portal, or an access token from login",
    "company_id": "the company's UUID, from the SaaS portal",
}

_NO_LIMIT = 1e8
"""Seconds. Longer limits, infinity among them, would overflow timers and mean none."""


class NotGiven(Enum):
    """Stands for an argument that is not given, and is not to be read from the environment either."""

    NOT_GIVEN = "not given"


def with_environment(
    arguments: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the arguments of a client; what is None is read from the environment.

    An argument goes before a variable, and a variable before a default. An empty variable is unset.

    Args:
        arguments: token, company_id, dataset_id and base_url.
        environment: Read instead of the process's own.

    Raises:
        ConfigError: If a required value is in neither; names all that are missing, and what they
        are.
    """
    source = os.environ if environment is None else environment
    found = dict(arguments)
    for name, variable in _VARIABLES.items():
        value = source.get(variable, "")
        check_text(**{variable: value})
        value = value.strip()
        if found.get(name) is None and value:
            found[name] = value
    path = source.get("HAUT_TOKEN_FILE", "").strip()
    if path and arguments.get("token") is None:
        if found.get("token") is not None:
            raise ConfigError("HAUT_TOKEN and HAUT_TOKEN_FILE are both set; unset one of them")
        found["token"] = TokenFile(path)
        found["token"]()  # so that an unusable file is reported now
    missing = [
        f"{_VARIABLES[name]} ({meaning}; or pass {name}=)"
        for name, meaning in _REQUIRED.items()
        if found.get(name) is None
    ]
    if missing:
        raise ConfigError("not set in the environment: " + "; ".join(missing))
    if found.get("base_url") is None:
        found["base_url"] = PRODUCTION
    return found


@frozen
class TokenFile:
    """A token provider that reads a private file, again after a 401: a mounted secret can change.

    Args:
        path: A file that belongs to this user and that others cannot read.
    """

    path: str

    def __call__(self) -> str:
        """Return the token.

        Raises:
            ConfigError: If the file cannot be read, or others can read it.
        """
        try:
            if not stat.S_ISREG(os.stat(self.path).st_mode):
                raise ConfigError(f"{self._name} is not a regular file")
            with open(self.path, encoding="utf-8") as file:
                status = os.fstat(file.fileno())
                if os.name == "posix":  # elsewhere the mode does not say who can read it
                    if status.st_uid != os.getuid():
                        raise ConfigError(f"{self._name} belongs to another user")
                    if stat.S_IMODE(status.st_mode) & 0o077:
                        raise ConfigError(f"{self._name} can be read by others; chmod 600 it")
                return file.read().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ConfigError(f"{self._name} cannot be read: {reason}") from None

    @property
    def _name(self) -> str:
        return f"the token file {self.path!r} (HAUT_TOKEN_FILE)"


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


def parse_base_url(value: object) -> str:
    """Return the origin (scheme, host, port) to which the API's paths are added.

    Raises:
        ConfigError: If it is not an http(s) origin, or plain http to a host that is not loopback:
            the token would cross the network in the clear.
    """
    if not isinstance(value, str):
        raise ConfigError(f"base_url must be a string such as {PRODUCTION}")
    if any(character <= " " or character == "\x7f" for character in value.strip()):
        raise ConfigError("base_url contains white space or a control character")
    try:
        parts = urlsplit(value.strip())
        port = parts.port
    except ValueError:
        raise ConfigError(f"base_url is not a URL; expected for example {PRODUCTION}") from None
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"base_url needs a scheme and a host, for example {PRODUCTION}")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password:
        raise ConfigError(
            "base_url is scheme, host and port only: the paths come from the API's specification, "
            "and the token goes into token="
        )
    if not is_host(host):
        raise ConfigError("base_url has an invalid host name")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ConfigError(
            f"base_url is plain http to {host}: the token would travel unencrypted. Use https; "
            "http is accepted for loopback addresses only"
        )
    shown_host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown_host}" + (f":{port}" if port is not None else "")


def check_signed_address(value: object) -> str:
    """Return the signed address of a photo, unless a photo must not be sent there.

    Raises:
        ConfigError: If it is plain http to a host that is not loopback. The address is not shown.
    """
    if isinstance(value, str):
        with suppress(ValueError):
            parts = urlsplit(value)
            host = parts.hostname or ""
            if is_host(host) and (
                parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
            ):
                return value
    raise ConfigError(
        "the service returned an address for the photo that is not https; photos are not sent there"
    )


def check_path(method: str, url: str) -> None:
    """Check that no argument of a path leads to another route.

    The generated functions quote what stands in a path, but `""` and `".."` pass: a DELETE of the
    subject `".."` would reach the dataset.

    Raises:
        ConfigError: If a segment is empty, is `.` or `..`, or contains a slash.
    """
    path = url.split("://", 1)[-1].split("?", 1)[0].split("#", 1)[0].removesuffix("/")
    steps = [unquote(step) for step in path.split("/")[1:]]
    if any(step in ("", ".", "..") or "/" in step for step in steps):
        raise ConfigError(f"an id in the path of this {method.upper()} is not a UUID")


def is_host(host: str) -> bool:
    """Return whether a host name or address is valid."""
    if ":" in host:
        return True  # an IPv6 address, which urlsplit has checked
    try:
        return bool(host) and not re.search(r"[\s%/\\<>^`{|}]", host) and bool(host.encode("idna"))
    except UnicodeError:
        return False


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


DEFAULT_DEADLINE = 120.0
DEFAULT_TRANSFER_DEADLINE = 900.0
MAX_RETRY_AFTER = 60.0
"""Seconds."""


def _no_limit(value: Any) -> Any:
    """Return None for a limit that would overflow a timer, otherwise the value."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if number and value >= _NO_LIMIT else value


def _seconds(instance: object, attribute: Attribute[Any], value: object) -> None:
    if value is None or value == attribute.default == "default":
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigError(
            f"{attribute.name} must be a positive number of seconds, or None for no limit"
        )


def _count(instance: object, attribute: Attribute[Any], value: object) -> None:
    if type(value) is not int or value < 0:
        raise ConfigError(f"{attribute.name} must be a whole number, 0 or more")


@frozen
class Timeout:
    """The limits of one attempt, each in seconds; None, or infinity, means no limit.

    Attributes:
        connect: To establish the connection.
        read: Between two chunks of the response.
        write: Between two chunks of the request.
        pool: To wait for one of the client's `max_in_flight` requests to end.
    """

    connect: float | None = field(default=10.0, converter=_no_limit, validator=_seconds)
    read: float | None = field(default=30.0, converter=_no_limit, validator=_seconds)
    write: float | None = field(default=30.0, converter=_no_limit, validator=_seconds)
    pool: float | None = field(default=30.0, converter=_no_limit, validator=_seconds)


class TimeoutLike(Protocol):
    """The limits of one attempt, as `httpx.Timeout` has them."""

    connect: float | None
    read: float | None
    write: float | None
    pool: float | None


Hook = Callable[[Any], Any]
AnyTimeout = float | Timeout | TimeoutLike | None


def as_timeout(value: AnyTimeout) -> Timeout:
    """Return a Timeout: itself, the limits of an `httpx.Timeout`, or four times the same number."""
    if isinstance(value, Timeout):
        return value
    try:
        limits: Any = value
        return Timeout(limits.connect, limits.read, limits.write, limits.pool)
    except AttributeError:
        pass
    try:
        number: Any = value
        return Timeout(number, number, number, number)
    except ConfigError:
        raise ConfigError(
            "timeout must be a positive number of seconds, a Timeout, or None for no limit"
        ) from None


class RequestOptions(TypedDict, total=False):
    """The options that `with_options` can change; see `AsyncHaut` and `Haut`."""

    timeout: AnyTimeout
    deadline: float | None
    max_retries: int
    max_retry_after: float | None
    headers: Mapping[str, str] | None
    user_agent_suffix: str | None
    event_hooks: Mapping[str, Sequence[Hook]] | None


def check_headers(value: object) -> dict[str, str]:
    """Return headers that can be sent; raises ConfigError for others."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError("headers must be a mapping of names to values")
    found: dict[str, str] = {}
    for name, content in cast("Mapping[object, object]", value).items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigError("headers has an invalid name")
        if name.lower() in _OWN_HEADERS:
            raise ConfigError(f"headers must not contain {name}: the client sends its own")
        if not isinstance(content, str) or not _HEADER_VALUE.fullmatch(content):
            raise ConfigError(f"the header {name} has a value that is invalid in HTTP")
        found[name] = content
    return found


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_OWN_HEADERS = {"authorization", "content-length", "host", "transfer-encoding"}


def _check_suffix(instance: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None and not (isinstance(value, str) and _HEADER_VALUE.fullmatch(value)):
        raise ConfigError("user_agent_suffix must be visible ASCII")


def _check_event_hooks(value: object) -> dict[str, tuple[Hook, ...]]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError("event_hooks must be a mapping with the keys 'request' and 'response'")
    found: dict[str, tuple[Hook, ...]] = {}
    for event, hooks in cast("Mapping[object, object]", value).items():
        if event not in ("request", "response"):
            raise ConfigError(
                "event_hooks must be a mapping with the keys 'request' and 'response'"
            )
        if not isinstance(hooks, list | tuple):
            raise ConfigError(f"event_hooks[{event!r}] must be a list of callables")
        given = cast("Sequence[Any]", hooks)
        if not all(callable(hook) for hook in given):
            raise ConfigError(f"event_hooks[{event!r}] must contain callables only")
        found[str(event)] = tuple(given)
    return found


@frozen(kw_only=True)
class Options:
    """The options of a client that `with_options` can change.

    Attributes:
        timeout: The limits of one attempt.
        deadline: Seconds for a whole call with all its attempts; None, or infinity, for no limit.
            Unless given, 120 for a call of the API and 900 for the transfer of one photo: 30 MiB at
            0.5 Mbit/s take 8.4 minutes.
        max_retries: Further attempts after the first, where repeating is safe.
        max_retry_after: Seconds; for a longer Retry-After the error is raised, and says how long it
        is.
        headers: Sent with every request to the API.
        user_agent_suffix: Added to the User-Agent.
        event_hooks: httpx's event hooks, called once for each attempt; their time does not count
            towards the deadline.
    """

    timeout: Timeout = field(factory=Timeout, converter=as_timeout)
    deadline: float | Literal["default"] | None = field(
        default="default", converter=_no_limit, validator=_seconds
    )
    max_retries: int = field(default=4, validator=_count)
    max_retry_after: float | None = field(
        default=MAX_RETRY_AFTER, converter=_no_limit, validator=_seconds
    )
    headers: dict[str, str] = field(
        factory=dict[str, str], converter=check_headers, repr=False, hash=False
    )
    user_agent_suffix: str | None = field(default=None, validator=_check_suffix)
    event_hooks: dict[str, tuple[Hook, ...]] = field(
        factory=dict[str, "tuple[Hook, ...]"], converter=_check_event_hooks, repr=False, hash=False
    )

    def merged(self, changes: Mapping[str, Any]) -> Options:
        """Return the options with changes: headers and hooks are added, everything else is
        replaced.

        Raises:
            ConfigError: If an option is unknown or its value invalid.
        """
        check_names(changes, RequestOptions.__annotations__)
        changed = dict(changes)
        if "headers" in changes:
            own = {name.lower(): (name, value) for name, value in self.headers.items()}
            new = check_headers(changes["headers"])
            own |= {name.lower(): (name, value) for name, value in new.items()}
            changed["headers"] = dict(own.values())
        if "event_hooks" in changes:
            more = _check_event_hooks(changes["event_hooks"])
            names = self.event_hooks.keys() | more.keys()
            changed["event_hooks"] = {
                name: (*self.event_hooks.get(name, ()), *more.get(name, ())) for name in names
            }
        return evolve(self, **changed)

    def deadline_for(self, *, to_api: bool) -> float | None:
        """Return the deadline of a call of the API, or of a photo's transfer."""
        if self.deadline != "default":
            return self.deadline
        return DEFAULT_DEADLINE if to_api else DEFAULT_TRANSFER_DEADLINE

    @property
    def sent_headers(self) -> dict[str, str]:
        """The headers of every request to the API."""
        agent = f"haut-ext/{__version__} python/{platform.python_version()}"
        if self.user_agent_suffix:
            agent += f" {self.user_agent_suffix}"
        return {"user-agent": agent} | {name.lower(): it for name, it in self.headers.items()}


def check_names(given: Iterable[str], known: Iterable[str]) -> None:
    """Raise ConfigError for a name that is not an option."""
    valid = sorted(known)
    if unknown := sorted(set(given) - set(valid)):
        raise ConfigError(f"unknown option {unknown[0]!r}; valid options are {', '.join(valid)}")


def _company(value: str | UUID) -> UUID:
    return parse_id(value, "company_id")


def _dataset(value: str | UUID | NotGiven | None) -> UUID | None:
    return None if value is None or isinstance(value, NotGiven) else parse_id(value, "dataset_id")


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


def check_text(**arguments: object) -> None:
    """Raise ConfigError for an argument that is not a string, or that cannot be encoded."""
    for name, value in arguments.items():
        if not isinstance(value, str):
            raise ConfigError(f"{name} must be a string, not {type(value).__name__}")
        try:
            value.encode()
        except UnicodeError:
            raise ConfigError(f"{name} contains a lone surrogate") from None


def check_seconds(**arguments: object) -> None:
    """Raise ConfigError for an argument that is not a positive number."""
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise ConfigError(f"{name} must be a positive number of seconds")
