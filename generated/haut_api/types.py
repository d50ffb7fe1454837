"""Contains some shared types for properties"""

import json
from collections.abc import Mapping, MutableMapping
from datetime import date, datetime, time, timedelta, timezone
from enum import Enum
from http import HTTPStatus
from typing import IO, Any, BinaryIO, Generic, Literal, TypeVar
from uuid import UUID

import httpx
from attrs import Attribute, define, fields


class Unset(Enum):
    """The type of UNSET, which marks an omitted field; None is an explicit null."""

    UNSET = "UNSET"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Unset = Unset.UNSET


def parse_datetime(text: str) -> datetime:
    """Parse a date-time: `2025-02-27 03:40:28`, or ISO 8601 with `Z` or an offset.

    The result is always aware, since the service uses UTC if a date-time has no offset.
    """
    try:
        moment = datetime.fromisoformat(text)  # 30 times faster than dateutil
    except ValueError:
        # Imported here, since the import is slow and rarely needed.
        from dateutil.parser import isoparse

        # dateutil parses the other formats of ISO 8601 (lower-case t and z, 24:00), but no space.
        moment = isoparse(text.upper().strip().replace(" ", "T", 1))
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment


def format_datetime(moment: datetime) -> str:
    """Format a date-time as in the documentation of the service: `2025-10-08T20:00:55.784Z`.

    Raises:
        ValueError: If the date-time is naive, and therefore ambiguous.
    """
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError(
            f"{moment!r} has no time zone; set one, for example tzinfo=timezone.utc"
        )
    timespec = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    text = moment.isoformat(timespec=timespec)
    return text.removesuffix("+00:00") + "Z" if offset == timedelta(0) else text


def to_text(value: Any) -> str:
    """Convert a value to text for a path, query, header, cookie or form.

    Raises:
        TypeError: If values of this type cannot be converted.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return format_datetime(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, int | float | UUID):
        return str(value)
    if hasattr(value, "to_dict"):
        return json.dumps(value.to_dict())
    if isinstance(value, dict | list):
        return json.dumps(value)
    raise TypeError(
        f"a value of type {type(value).__name__} cannot be converted to text"
    )


def _is_omitted(value: Any) -> bool:
    return value is None or isinstance(value, Unset)


def put_text(target: dict[str, Any], name: str, value: Any) -> None:
    """Add a header or cookie, with the items of a list joined by commas. UNSET and None add nothing."""
    if not _is_omitted(value):
        target[name] = (
            ",".join(map(to_text, value)) if isinstance(value, list) else to_text(value)
        )


def put_query(
    target: dict[str, Any], name: str, value: Any, style: str, explode: bool
) -> None:
    """Add a query parameter in an OpenAPI style. UNSET and None add nothing.

    Raises:
        ValueError: If an item of a list contains the separator of the items.
    """
    if _is_omitted(value):
        return
    if style == "json":
        target[name] = json.dumps(_as_json(value))
    elif isinstance(value, list):
        items = [to_text(item) for item in value if not _is_omitted(item)]
        if explode:
            target[name] = items
        elif items:
            separator = {"pipeDelimited": "|", "spaceDelimited": " "}.get(style, ",")
            if any(separator in item for item in items):
                raise ValueError(
                    f"an item of {name} contains {separator!r}, which separates the items"
                )
            target[name] = separator.join(items)
    elif hasattr(value, "to_dict"):
        properties = {
            key: item for key, item in value.to_dict().items() if not _is_omitted(item)
        }
        if style == "form" and not explode:
            target[name] = ",".join(
                f"{key},{to_text(item)}" for key, item in properties.items()
            )
            return
        for key, item in properties.items():
            inner = f"{name}[{key}]" if style == "deepObject" else key
            target[inner] = (
                list(map(to_text, item)) if isinstance(item, list) else to_text(item)
            )
    else:
        target[name] = to_text(value)


def _as_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return (
        value
        if value is None or isinstance(value, bool | int | float | dict)
        else to_text(value)
    )


def as_form(content: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a URL-encoded body. None is omitted; a list repeats its field."""
    return {
        name: list(map(to_text, value)) if isinstance(value, list) else to_text(value)
        for name, value in content.items()
        if not _is_omitted(value)
    }


def as_parts(name: str, value: Any) -> "RequestFiles":
    """Return the parts of a multipart body for one field. A list has one part for each item."""
    if _is_omitted(value):
        return []
    if isinstance(value, list):
        return [part for item in value for part in as_parts(name, item)]
    if isinstance(value, File):
        return [(name, value.to_tuple())]
    media = (
        "application/json"
        if hasattr(value, "to_dict") or isinstance(value, dict)
        else "text/plain"
    )
    return [(name, (None, to_text(value).encode(), media))]


def media_type(response: httpx.Response) -> str:
    """Return the media type of a response without its parameters."""
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower()


def http_status(code: int) -> int:
    """Return a status as a member of HTTPStatus, or unchanged if it is not a standard status."""
    try:
        return HTTPStatus(code)
    except ValueError:
        return code


def safe_repr(self: Any) -> str:
    """Return a repr that shows ids, numbers and times, but no personal data or secrets.

    Of text, dates and arbitrary JSON only the length is shown. They include names, birth dates and signed
    URLs, which must not appear in logs and error reports.
    """
    shown = ", ".join(
        f"{field.name}={_safe_value(getattr(self, field.name))}"
        for field in fields(type(self))
        if field.name != "additional_properties"
    )
    return f"{type(self).__name__}({shown})"


def hide_values(_: type, attributes: "list[Attribute[Any]]") -> "list[Attribute[Any]]":
    """Let tools that print the fields of an object, such as rich, show them as `safe_repr` does."""
    return [
        item.evolve(repr=item.name != "additional_properties" and _safe_value)
        for item in attributes
    ]


def _safe_value(value: Any) -> str:
    if value is None or isinstance(value, bool | int | float | UUID | datetime | Unset):
        return str(value)
    if hasattr(type(value), "__attrs_attrs__"):
        return repr(value)
    if isinstance(value, list) and all(
        hasattr(type(item), "__attrs_attrs__") for item in value
    ):
        return repr(value)
    size = f" of {len(value)}" if hasattr(value, "__len__") else ""
    return f"<{type(value).__name__}{size}>"


# The types that `httpx.Client(files=)` can accept, copied from that library.
FileContent = IO[bytes] | bytes | str
FileTypes = (
    # (filename, file (or bytes), content_type)
    tuple[str | None, FileContent, str | None]
    # (filename, file (or bytes), content_type, headers)
    | tuple[str | None, FileContent, str | None, Mapping[str, str]]
)
RequestFiles = list[tuple[str, FileTypes]]


@define
class File:
    """A file to upload.

    Attributes:
        payload: Binary file object.
        file_name: Name of the file, if it is sent.
        mime_type: Content type of the file, if it is sent.
    """

    payload: BinaryIO
    file_name: str | None = None
    mime_type: str | None = None

    def to_tuple(self) -> FileTypes:
        """Return a tuple representation that httpx will accept for multipart/form-data"""
        return self.file_name, self.payload, self.mime_type


T = TypeVar("T")


@define(repr=False)
class Response(Generic[T]):
    """A response of an operation.

    Attributes:
        status_code: HTTP status, as a member of HTTPStatus if it is a standard status.
        content: Body of the response.
        headers: Headers of the response.
        parsed: The parsed body, or None if the status is not documented.
    """

    status_code: int
    content: bytes
    headers: MutableMapping[str, str]
    parsed: T | None

    def __repr__(self) -> str:
        return f"Response(status_code={self.status_code!r}, parsed={self.parsed!r})"


__all__ = [
    "UNSET",
    "File",
    "FileTypes",
    "RequestFiles",
    "Response",
    "Unset",
    "as_form",
    "as_parts",
    "format_datetime",
    "hide_values",
    "http_status",
    "media_type",
    "parse_datetime",
    "put_query",
    "put_text",
    "safe_repr",
    "to_text",
]
