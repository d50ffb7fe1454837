"""Contains some shared types for properties"""

from collections.abc import Mapping, MutableMapping
from datetime import datetime, timedelta, timezone
from enum import Enum
from http import HTTPStatus
from typing import IO, Any, BinaryIO, Generic, Literal, TypeVar
from uuid import UUID

from attrs import define, fields


class Unset(Enum):
    """The type of UNSET: a field that is left out, as opposed to one that is null."""

    UNSET = "UNSET"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Unset = Unset.UNSET


def parse_datetime(text: str) -> datetime:
    """Read a date-time of the wire: `2025-02-27 03:40:28`, ISO 8601 with `T`/`Z`, or with an offset.

    The result is always aware: the service means UTC when it names no zone.
    """
    try:
        moment = datetime.fromisoformat(
            text
        )  # thirty times faster, and right for all usual forms
    except ValueError:
        # Imported here, as it takes long and is rarely needed.
        from dateutil.parser import isoparse

        # dateutil reads the rest of ISO 8601 (lower-case t and z, 24:00); only the space is not ISO.
        moment = isoparse(text.upper().strip().replace(" ", "T", 1))
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment


def format_datetime(moment: datetime) -> str:
    """Write a date-time for the wire, as the service's documents do: `2025-10-08T20:00:55.784Z`.

    Raises:
        ValueError: If the date-time is naive: nobody could tell which moment is meant.
    """
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError(
            f"{moment!r} has no time zone; say which one, for example tzinfo=timezone.utc"
        )
    timespec = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    text = moment.isoformat(timespec=timespec)
    return text.removesuffix("+00:00") + "Z" if offset == timedelta(0) else text


def safe_repr(self: Any) -> str:
    """Return a repr with ids, numbers and times, and without what may be personal or secret.

    Text, dates and free JSON are shown by their length only: among them are names, birth dates and
    signed addresses, and a repr ends up in logs and error reports. The attributes hold the values.
    """
    shown = ", ".join(
        f"{field.name}={_safe_value(getattr(self, field.name))}"
        for field in fields(type(self))
        if field.name != "additional_properties"
    )
    return f"{type(self).__name__}({shown})"


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
    """Contains information for file uploads"""

    payload: BinaryIO
    file_name: str | None = None
    mime_type: str | None = None

    def to_tuple(self) -> FileTypes:
        """Return a tuple representation that httpx will accept for multipart/form-data"""
        return self.file_name, self.payload, self.mime_type


T = TypeVar("T")


@define(repr=False)
class Response(Generic[T]):
    """A response from an endpoint"""

    status_code: HTTPStatus
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
    "format_datetime",
    "parse_datetime",
    "safe_repr",
]
