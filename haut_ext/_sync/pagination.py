# Derived from haut_ext/_async/pagination.py by `make sync`; change that file instead.
"""Every item of a list operation, though the list is numbered by pages and others change it.

A page number is a place, not a thing: when somebody deletes an item before that place, everything
after it moves one place forward, and whoever goes on to the next page misses one. So:

- Each item is yielded once, by its id.
- When the total has fallen since the page before, or a page is gone, the reader goes back, page by
  page, until it meets an item it has seen: what follows that one is what it has not seen.
- A deletion hides when something is created meanwhile, since the total stays. So at the end the
  books are balanced: the first total, and what was created since, less the last total, is what was
  deleted. If that is more than was noticed on the way, the list is read once more.

When nothing changes there is no extra request. Each fall that is noticed costs two (the page
before, and this one again) and two more for each page's worth of items deleted; deletions that hid,
one more reading. "Created since" goes by the items' own time (`creation_time`, `created_at`) and
the service's at the first page; for items without a time, every change of the total counts as a
fall. Of memory, the reader takes one page, and about nine bytes for each id it has seen.

What cannot be noticed: items that enter and leave a search (`q`) by being renamed, one for one.

The `next` address in a body is taken as a yes or no only: following it would let a body decide
where the token goes.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from attrs import define, field

from haut_api.models import ErrorResponse
from haut_ext._http.retry_policy import parse_http_date
from haut_ext._sync.operations import Operation, Operations
from haut_ext.errors import (
    ConfigError,
    ListChanging,
    NotFound,
)
from haut_ext.seen import Seen
from haut_ext.types import Page

T = TypeVar("T")
Item = TypeVar("Item", covariant=True)

_MOST_READINGS = 10
_WIRE_TICK = 1.0
"""Seconds. The wire's times have no fraction, so two events of one second have no order."""


class PageOf(Protocol[Item]):
    """A generated paginated list, of whatever items (api-facts 1.3)."""

    @property
    def count(self) -> int: ...
    @property
    def next_(self) -> Any: ...
    @property
    def results(self) -> Sequence[Item]: ...


ListOperation = Operation[PageOf[T] | list[T] | ErrorResponse]


def read_page(
    operations: Operations, operation: ListOperation[T], number: int, **parameters: Any
) -> Page[T]:
    """Return one page of a list operation.

    Raises:
        ConfigError: If the number is below 1.
        NotFound: If there is no such page, or nothing to list.
    """
    page, _ = _read(operations, operation, number, parameters)
    return page


def iterate(operations: Operations, operation: ListOperation[T], **parameters: Any) -> Iterator[T]:
    """Return an iterator over every item of a list operation, which requests a page when it is
    needed.

    Raises:
        ConfigError: At once, if the operation is not a list.
        ListChanging: While iterating, if the list changes faster than it can be read.
    """
    if "page" not in inspect.signature(operation.sync_detailed).parameters:
        raise ConfigError(
            f"{operation.__name__} is not a list operation: it takes no page. Pass a module such as "
            "haut_api.api.subjects.list_subjects"
        )
    return _every_item(operations, operation, parameters)


def _every_item(
    operations: Operations, operation: ListOperation[T], parameters: dict[str, Any]
) -> Generator[T]:
    seen = Seen()
    for _ in range(_MOST_READINGS):
        reading = _Reading(seen)
        while not reading.ended:
            try:
                page, moment = _read(operations, operation, reading.number, parameters)
            except NotFound:
                if not reading.pages:
                    raise
                reading.lose_page()
                continue
            for item in reading.take(page, moment):
                yield item
        if reading.balance <= 0:
            return
        if reading.balance <= len(reading.created_that_second):
            time.sleep(_WIRE_TICK)  # then the next reading can tell before from since
    raise ListChanging(
        f"{operation.__name__}: others created and deleted during each of {_MOST_READINGS} readings "
        "of the list, so some item may not have been yielded; read it again at a quieter time"
    )


@define
class _Reading:
    """One way through the list, and its books."""

    seen: Seen
    number: int = 1
    pages: int = 0
    ended: bool = False
    going_back: bool = False
    began: datetime | None = None
    first_total: int = 0
    total: int = 0
    noticed: int = 0
    created_since: set[int] = field(factory=set[int])
    created_that_second: set[int] = field(factory=set[int])

    @property
    def balance(self) -> int:
        """How many deletions of this reading may have hidden behind something created."""
        created = len(self.created_since) + len(self.created_that_second)
        return self.first_total + created - self.total - self.noticed

    def lose_page(self) -> None:
        """The page asked for is gone: the list has become shorter, or is gone altogether."""
        self.number -= 1
        self.going_back = True
        if self.number == 0:
            self.ended, self.total = True, self.first_total + len(self.created_since)

    def take(self, page: Page[T], moment: datetime) -> list[T]:
        """Account for a page, decide which is read next, and return what had not been seen."""
        # One without an id is like no other.
        identities = [hash(getattr(item, "id", None) or uuid4()) for item in page.items]
        created = _times(page.items)
        if self.began is None:
            self.began, self.first_total, self.total = moment, page.total, page.total
        else:
            self._count_created(identities, created, self.began)
        self.pages += 1
        fallen = self.total - page.total
        self.total = page.total
        if fallen > 0 or (fallen and page.items and not created):
            self.noticed += max(fallen, 0)
            self.going_back = True
        if self.going_back and self.number > 1 and not self._met(identities):
            self.number -= 1
            return []
        self.going_back = False
        pairs = zip(page.items, identities, strict=True)
        fresh = [item for item, identity in pairs if self.seen.add(identity)]
        self.number += 1
        self.ended = not page.has_next
        return fresh

    def _met(self, identities: list[int]) -> bool:
        return any(identity in self.seen for identity in identities)

    def _count_created(
        self, identities: list[int], created: list[datetime], began: datetime
    ) -> None:
        if not created or max(created) < began:
            return
        # What stands on the first page was there when the first total was taken.
        for identity, moment in zip(identities, created, strict=True):
            if moment < began or identity in self.seen:
                continue
            (self.created_that_second if moment == began else self.created_since).add(identity)


def _times(items: Sequence[object]) -> list[datetime]:
    """Return when each item was created, or nothing when items do not carry that."""
    for name in ("creation_time", "created_at"):
        if items and isinstance(getattr(items[0], name, None), datetime):
            return [getattr(item, name) for item in items]
    return []


def _read(
    operations: Operations,
    operation: ListOperation[T],
    number: int,
    parameters: dict[str, Any],
) -> tuple[Page[T], datetime]:
    """Return a page and the service's time, this machine's if the service names none."""
    if number < 1:
        raise ConfigError("page numbers start at 1")
    response = operations.request(operation, {**parameters, "page": number})
    parsed: Any = response.parsed
    if parsed is None or isinstance(parsed, ErrorResponse):
        raise operations.decode_error(response, "(body)", "it is not documented")
    if hasattr(parsed, "results"):
        items: tuple[T, ...] = tuple(parsed.results)
        page = Page(items, total=parsed.count, number=number, has_next=bool(parsed.next_))
    else:  # a list that comes whole, without an envelope (api-facts 1.3)
        items = tuple(parsed)
        page = Page(items, total=len(items), number=number, has_next=False)
    return page, parse_http_date(response.info.headers.get("date")) or datetime.now(UTC)
