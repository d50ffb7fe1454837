# Derived from haut_ext/_async/pagination.py by `make sync`; change that file instead.
"""Iteration over all items of a paginated list that other clients may change at the same time.

Page numbers are offsets: when an item is deleted, all later items move one position forward, and a
client that requests the next page misses one. The iterator therefore works as follows.

- It yields each item once. For that it keeps the ids of all items in a set, about 100 bytes an id.
- When the total has decreased since the page before, or when the requested page no longer exists,
  it goes back, page by page, to a page with an item that it knows. From there on, every item that
  it does not know is new.
- When another client creates one item and deletes another between two pages, the total does not
  change. At the end of a pass over the list, the iterator compares the totals: the first total plus
  the items created since, minus the last total, is the number of deleted items. If that exceeds the
  deletions that were noticed, it reads the list again.

If the list does not change, there are no additional requests. A noticed deletion costs two requests
(the page before, and the same page again), and two more for each further page of deleted items. An
unnoticed deletion costs one more pass. An item counts as created since the first page if its own
time (`creation_time` or `created_at`) is not before the service's time at the first page. In lists
whose items have no such time, every change of the total counts as a deletion.

One change cannot be detected: in a search (`q`), one item is renamed so that it no longer matches,
while another one is renamed so that it does.

The iterator never requests the URL in a page's `next`, which could lead the token to another host;
it only checks whether there is one.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from attrs import define, field

from haut_api.models import ErrorResponse
from haut_ext._http.retry_policy import parse_http_date
from haut_ext._sync.operations import Operation, Operations
from haut_ext.errors import ConfigError, ListChanging, NotFound
from haut_ext.types import Page

T = TypeVar("T")
Item = TypeVar("Item", covariant=True)

_MAX_PASSES = 10
_MAX_STALLS = 10
"""Maximum number of repetitions without a new item. From the third one on, they are delayed."""
_STALL_DELAYS = (0.0, 0.0, 0.1, 0.2, 0.5)
_TIME_RESOLUTION = 1.0
"""Resolution, in seconds, of the times that the service sends."""


class PaginatedList(Protocol[Item]):
    """A generated model of one page of a list (api-facts 1.3)."""

    @property
    def count(self) -> int: ...
    @property
    def next_(self) -> Any: ...
    @property
    def results(self) -> Sequence[Item]: ...


ListOperation = Operation[PaginatedList[T] | list[T] | ErrorResponse]
"""A generated list operation, such as `haut_api.api.subjects.list_subjects`."""


def read_page(
    operations: Operations,
    operation: ListOperation[T],
    number: int,
    /,
    **parameters: Any,
) -> Page[T]:
    """Return one page of a list operation.

    Raises:
        ConfigError: If the number is less than 1.
        NotFound: If the page does not exist, or the resource that the list belongs to does not.
    """
    page, _ = _read_page(operations, operation, number, parameters)
    return page


def iterate(
    operations: Operations, operation: ListOperation[T], /, **parameters: Any
) -> Iterator[T]:
    """Return an iterator over all items of a list operation, which requests pages when needed.

    Raises:
        ConfigError: Immediately, if the operation is not a list or a parameter is invalid.
        ListChanging: While iterating, if the list changes faster than it can be read.
    """
    function: Callable[..., object] | None = getattr(operation, "sync_detailed", None)
    if function is None or "page" not in inspect.signature(function).parameters:
        raise ConfigError(
            f"{getattr(operation, '__name__', 'the operation')} is not a list operation: it has no "
            "parameter page. Pass a module such as haut_api.api.subjects.list_subjects"
        )
    if "page" in parameters:
        raise ConfigError("page= cannot be used: all pages are read")
    return _iterate(operations, operation, operations.arguments(operation, parameters))


def _iterate(
    operations: Operations, operation: ListOperation[T], parameters: dict[str, Any]
) -> Generator[T]:
    known_ids = set[object]()
    for passes in range(_MAX_PASSES):
        if passes:
            # Items created in the second of the first page may have been created before or after
            # it. The next pass starts in another second.
            time.sleep(_TIME_RESOLUTION)
        list_pass = _Pass(known_ids)
        while not list_pass.ended:
            if list_pass.stalls > _MAX_STALLS:
                raise ListChanging(
                    f"{operation.__name__}: {_MAX_STALLS} repetitions brought no new item, so the "
                    "list changes faster than it can be read, or the pages contradict each other"
                )
            if list_pass.stalls:
                time.sleep(_STALL_DELAYS[min(list_pass.stalls, len(_STALL_DELAYS)) - 1])
            try:
                page, now = _read_page(operations, operation, list_pass.number, parameters)
            except NotFound:
                if list_pass.started is None:
                    raise
                list_pass.skip_missing_page()
            else:
                for item in list_pass.add_page(page, now):
                    yield item
        if list_pass.unnoticed_deletions <= 0:
            return
    raise ListChanging(
        f"{operation.__name__}: other clients created and deleted items during each of "
        f"{_MAX_PASSES} passes over the list, so some items may not have been yielded. Read the "
        "list again when it changes less often"
    )


@define
class _Pass:
    """One pass over a list: decides which page to read next, and counts created and deleted items.

    Attributes:
        known_ids: Ids of all items that have been yielded.
        number: Number of the page to read next.
        ended: Whether the last page has been read.
        started: The service's time at the first page.
        first_total: Total of the first page.
        last_total: Total of the last page read.
        noticed_deletions: Sum of all decreases of the total.
        created_ids: Ids of the items created after the first page.
        going_back: Whether earlier pages are read until one has a known item.
        stalls: Number of times, since the last new item, that the pass went back or read a page that
            cannot exist, because the list has fewer items.
    """

    known_ids: set[object]
    number: int = 1
    ended: bool = False
    started: datetime | None = None
    first_total: int = 0
    last_total: int = 0
    noticed_deletions: int = 0
    created_ids: set[object] = field(factory=set[object])
    going_back: bool = False
    stalls: int = 0

    @property
    def unnoticed_deletions(self) -> int:
        """The number of items that were deleted while as many were created."""
        all_deletions = self.first_total + len(self.created_ids) - self.last_total
        return all_deletions - self.noticed_deletions

    def skip_missing_page(self) -> None:
        """Go back one page, since the list has become shorter; end if it no longer exists."""
        self.number -= 1
        self._go_back()
        if self.number == 0:
            self.ended = True
            self.noticed_deletions = self.first_total + len(self.created_ids)

    def add_page(self, page: Page[T], now: datetime) -> list[T]:
        """Process a page, choose the next one, and return the items to yield."""
        # An item without an id is never the same as another one.
        ids = [getattr(item, "id", None) or object() for item in page.items]
        creation_times = _creation_times(page.items)
        if self.started is None:
            self.started, self.first_total, self.last_total = now, page.total, page.total
        else:
            # The items of the first page are known, since they were counted by its total.
            self.created_ids |= {
                item_id
                for item_id, created in zip(ids, creation_times, strict=False)
                if created >= self.started and item_id not in self.known_ids
            }
        decrease = self.last_total - page.total
        self.last_total = page.total
        if decrease > 0 or (decrease and page.items and not creation_times):
            self.noticed_deletions += max(decrease, 0)
            self._go_back()
        if self.going_back and self.number > 1 and self.known_ids.isdisjoint(ids):
            self.number -= 1
            return []
        self.going_back = False
        self.number += 1
        self.ended = not page.has_next
        new = {
            item_id: item
            for item_id, item in zip(ids, page.items, strict=True)
            if item_id not in self.known_ids
        }
        self.known_ids.update(new)
        if new:
            self.stalls = 0
        elif self.number > len(self.known_ids) + 1:
            self.stalls += 1
        return list(new.values())

    def _go_back(self) -> None:
        self.stalls += not self.going_back
        self.going_back = True


def _creation_times(items: Sequence[object]) -> list[datetime]:
    """Return the creation times of items, or nothing if they have none."""
    for name in ("creation_time", "created_at"):
        if items and isinstance(getattr(items[0], name, None), datetime):
            return [getattr(item, name) for item in items]
    return []


def _read_page(
    operations: Operations,
    operation: ListOperation[T],
    number: int,
    parameters: dict[str, Any],
) -> tuple[Page[T], datetime]:
    """Return a page and the service's time, or this machine's time if the service sends none."""
    if type(number) is not int or number < 1:
        raise ConfigError("page must be a whole number; page numbers start at 1")
    success = operations.request(operation, {**parameters, "page": number})
    parsed: Any = success.parsed
    if parsed is None or isinstance(parsed, ErrorResponse):
        raise operations.decode_error(success, "(body)", "it is not documented")
    if hasattr(parsed, "results"):
        items: tuple[T, ...] = tuple(parsed.results)
        page = Page(items, total=parsed.count, number=number, has_next=bool(parsed.next_))
    else:  # a complete list, which has no pages (api-facts 1.3)
        items = tuple(parsed)
        page = Page(items, total=len(items), number=number, has_next=False)
    return page, parse_http_date(success.info.headers.get("date")) or datetime.now(UTC)
