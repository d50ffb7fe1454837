# Derived from haut_ext/_async/pagination.py by `make sync`; change that file instead.
"""Iterates over all items of a paginated list, even if other clients change the list meanwhile.

Page numbers are offsets: when an item is deleted, all later items move one position forward, and a
client that requests the next page misses an item. The iterator therefore works as follows.

- It yields each item once. To recognize items, it keeps all ids in a set, which takes about 100
  bytes per id.
- When the total has decreased since the previous page, or when the requested page no longer exists,
  it goes back, page by page, until a page contains an item that was already yielded. From there on,
  it yields every item that it has not yielded yet.
- When another client creates one item and deletes another between two pages, the total does not
  change. At the end of a pass over the list, the iterator therefore computes the number of deleted
  items: the first total, plus the items created since, minus the last total. If this number exceeds
  the decreases seen between pages, it reads the list again.

If the list does not change, there are no additional requests. A deletion that decreases the total
costs two requests (for the previous page, and for the current page again), and two more for each
further page of deleted items. A deletion hidden by a creation costs another pass over the list. An
item counts as created since the first page if its own time (`creation_time` or `created_at`) is not
before the service's time at the first page. In lists whose items have no such time, every change of
the total counts as a deletion.

Two changes cannot be detected. In a search (`q`), one item is renamed so that it no longer matches,
while another one is renamed so that it does. And between two requests, other clients delete an item
and create another one, and delete the new one before the iterator has read it.

The iterator never requests the URL in a page's `next`, because that URL could send the token to
another host. It only checks whether `next` is present.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from attrs import define, field

from haut_api.errors import ErrorBody
from haut_ext._http.retry_policy import parse_http_date
from haut_ext._sync.operations import Operation, Operations
from haut_ext.argument_types import check_types
from haut_ext.errors import ConfigError, ListChanging, NotFound
from haut_ext.types import Page

T = TypeVar("T")
Item = TypeVar("Item", covariant=True)

_MAX_PASSES = 10
_MAX_STALLS = 10
"""Maximum number of repetitions without a new item. From the third one on, they are delayed."""
_STALL_DELAYS = (0.0, 0.0, 0.1, 0.2, 0.5)
_TIME_RESOLUTION = 1.0
"""Resolution of the service's timestamps, in seconds."""


class PaginatedList(Protocol[Item]):
    """A generated model of one page of a list (api-facts 1.3)."""

    @property
    def count(self) -> int: ...
    @property
    def next_(self) -> Any: ...
    @property
    def results(self) -> Sequence[Item]: ...


ListOperation = Operation[PaginatedList[T] | list[T] | ErrorBody]
"""A generated list operation, such as `haut_api.api.subjects.list_subjects`."""


def read_page(
    operations: Operations,
    operation: ListOperation[T],
    number: int,
    /,
    **parameters: Any,
) -> Page[T]:
    """Call a list operation and return one page.

    Raises:
        ConfigError: If the page number is less than 1.
        NotFound: If the page, or the resource that the list belongs to, does not exist.
    """
    page, _ = _read_page(operations, operation, number, parameters)
    return page


def iterate(
    operations: Operations, operation: ListOperation[T], /, **parameters: Any
) -> Iterator[T]:
    """Return an iterator over all items of a list operation, which requests pages when needed.

    Raises:
        ConfigError: Immediately, if `operation` is not a list operation or a parameter is invalid.
        ListChanging: While iterating, if the list changes faster than it can be read.
    """
    function: Callable[..., object] = getattr(operation, "sync_detailed", lambda: None)
    signature = inspect.signature(function)
    if "page" not in signature.parameters:
        raise ConfigError(
            f"{getattr(operation, '__name__', 'the operation')} is not a list operation: it has no "
            "`page` parameter. Pass a module such as haut_api.api.subjects.list_subjects"
        )
    if "page" in parameters:
        raise ConfigError("page= cannot be used: all pages are read")
    arguments = operations.arguments(operation, parameters)
    try:
        signature.bind(**arguments, client=operations.api)
    except TypeError as error:
        raise ConfigError(f"{operation.__name__}: {error}") from None
    check_types(arguments, {name: it.annotation for name, it in signature.parameters.items()})
    return _iterate(operations, operation, arguments)


def _iterate(
    operations: Operations, operation: ListOperation[T], parameters: dict[str, Any]
) -> Generator[T]:
    known_ids = set[object]()
    for passes in range(_MAX_PASSES):
        if passes:
            # The service's timestamps have a resolution of one second. An item created in the same
            # second in which the first page was read may have been created before or after that
            # page, so the next pass starts in another second.
            time.sleep(_TIME_RESOLUTION)
        list_pass = _Pass(known_ids)
        while not list_pass.ended:
            if list_pass.stalls > _MAX_STALLS:
                raise ListChanging(
                    f"{operation.__name__}: reading pages {_MAX_STALLS} more times returned no new "
                    "item. The list changes faster than it can be read, or its pages are inconsistent"
                )
            if list_pass.stalls:
                time.sleep(_STALL_DELAYS[min(list_pass.stalls, len(_STALL_DELAYS)) - 1])
            try:
                page, now = _read_page(operations, operation, list_pass.number, parameters)
            except NotFound as error:
                if list_pass.started is None or not error.confirmed:
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
        known_ids: Ids of all items yielded so far.
        number: Number of the page to read next.
        ended: Whether the last page has been read.
        started: The service's time when the first page was read.
        first_total: Number of items in the list, as returned with the first page.
        last_total: Number of items in the list, as returned with the last page read.
        noticed_deletions: Sum of all decreases of the total.
        created_ids: Ids of the items created after the first page.
        going_back: Whether the pass is moving to earlier pages until it finds a known item.
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
        """Number of deletions hidden by creations, which kept the total from decreasing."""
        all_deletions = self.first_total + len(self.created_ids) - self.last_total
        return all_deletions - self.noticed_deletions

    def skip_missing_page(self) -> None:
        """Handle a page that no longer exists: go back one page, or end the pass."""
        self.number -= 1
        self._go_back()
        if self.number == 0:
            self.ended = True
            self.noticed_deletions = self.first_total + len(self.created_ids)

    def add_page(self, page: Page[T], now: datetime) -> list[T]:
        """Process a page, choose the next one, and return the items to yield."""
        ids = [_identity(item) for item in page.items]
        creation_times = _creation_times(page.items)
        if self.started is None:
            self.started, self.first_total, self.last_total = now, page.total, page.total
        else:
            # Items of the first page do not count as created later, because the first total
            # includes them.
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


def _identity(item: object) -> object:
    """Return the id of an item, or a new object: items without a valid id count as different."""
    item_id = getattr(item, "id", None)
    return item_id if item_id and isinstance(item_id, Hashable) else object()


def _creation_times(items: Sequence[object]) -> list[datetime]:
    """Return the creation times of the items that have one."""
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
    """Return a page and the time in the response's Date header, or else the local time."""
    if type(number) is not int or number < 1:
        raise ConfigError("page must be a whole number; page numbers start at 1")
    success = operations.request(operation, {**parameters, "page": number})
    parsed: Any = success.parsed
    if parsed is None or isinstance(parsed, ErrorBody):
        raise operations.decode_error(success, "(body)", "it is not documented")
    if hasattr(parsed, "results"):
        if type(parsed.count) is not int or parsed.count < 0:
            raise operations.decode_error(success, "count", "it is not a number of items")
        items: tuple[T, ...] = tuple(parsed.results)
        page = Page(items, total=parsed.count, number=number, has_next=bool(parsed.next_))
    else:  # an unpaginated response contains the complete list (api-facts 1.3)
        items = tuple(parsed)
        page = Page(items, total=len(items), number=number, has_next=False)
    return page, parse_http_date(success.info.headers.get("date")) or datetime.now(UTC)
