# Derived from haut_ext/_async/pagination.py by `make sync`; change that file instead.
"""Iterates over all items of a paginated list, even if other clients change the list meanwhile.

Page numbers are offsets: when an item is deleted, all later items move one position forward, and a
client that requests the next page misses an item. The iterator therefore works as follows.

- It yields each item once. To recognize items, it keeps all ids in a set. With the ids of a pass,
  this takes about 200 bytes per item.
- When the total has decreased since the previous page, it goes back, page by page, until a page
  contains an item that was already yielded. From there on, it yields every item that it has not
  yielded yet. If the requested page no longer exists, it does the same, but skips twice as many pages
  after each further page that is missing. The first page of a list always exists; if it does not, the
  list itself is gone.
- A pass over the list is complete if it has read as many items that existed at its first request as
  the list had then. Otherwise, items were deleted before the pass has read them, or moved to a page
  that it had already read. The iterator cannot distinguish these cases, so it reads the list again.
- Every other pass reads the pages from the last to the first. If the list is ordered by creation
  time, with the newest items last, a deletion moves later items to pages that are still to be read,
  so such a pass misses nothing. With another order, it is complete under the conditions above.

If the list does not change, there are no additional requests. A deletion that decreases the total
costs two requests (for the previous page, and for the current page again), and two more for each
further page of deleted items. Another pass is read if an item is deleted before it was read, or if
a creation hides a deletion. An item existed at the first request if its own time (`creation_time`
or `created_at`) is before the service's time at that request, or if it is on the first page read.

In lists whose items have no such time, a change of the total counts as a deletion, and one created
and one deleted item between two requests cannot be detected. In other lists, two changes cannot be
detected: in a search (`q`), one item is renamed so that it no longer matches, while another one is
renamed so that it does; and an image is created with an earlier creation time.

The iterator never requests the URL in a page's `next`, because that URL could send the token to
another host. It only checks whether `next` is present.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import (
    Callable,
    Collection,
    Generator,
    Hashable,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol, TypeVar

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
_MAX_PAGES = 100_000
"""Maximum number of pages that one pass over a list reads."""
_MAX_STALLS = 10
"""Maximum number of repetitions without a new item. From the third one on, they are delayed."""
_STALL_DELAYS = (0.0, 0.0, 0.1, 0.2, 0.5)
_MAX_MISSING = 10
"""Maximum number of missing pages after which a backward pass ends, and a forward pass begins."""
_LATEST = datetime.max.replace(tzinfo=UTC)
_TIME_RESOLUTION = 1.0
"""Resolution of the service's timestamps, in seconds."""


Times = Mapping[object, datetime]


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
    list_pass: _Pass | _BackwardPass = _Pass(known_ids)
    for passes in range(_MAX_PASSES):
        if passes:
            if passes > 1:
                # The service's timestamps have a resolution of one second. An item created in the
                # second in which the first page was read may have been created before or after that
                # page, so the next pass starts in another second. The first backward pass does not
                # wait, because most lists are ordered by creation time.
                time.sleep(_TIME_RESOLUTION)
            last = list_pass.number - 1
            list_pass = _BackwardPass(known_ids, last) if passes % 2 else _Pass(known_ids)
        pages = 0
        while not list_pass.ended:
            if list_pass.stalls > _MAX_STALLS:
                raise ListChanging(
                    f"{operation.__name__}: reading pages {_MAX_STALLS} more times returned no new "
                    "item. The list changes faster than it can be read, or its pages are inconsistent"
                )
            pages += 1
            if pages > _MAX_PAGES:
                raise ListChanging(
                    f"{operation.__name__}: the list has more than {_MAX_PAGES:,} pages"
                )
            if list_pass.stalls:
                time.sleep(_STALL_DELAYS[min(list_pass.stalls, len(_STALL_DELAYS)) - 1])
            try:
                page, now = _read_page(operations, operation, list_pass.number, parameters)
            except NotFound as error:
                if list_pass.number == 1 or not error.confirmed:
                    raise
                list_pass.skip_missing_page()
            else:
                for item in list_pass.add_page(page, now):
                    yield item
        if list_pass.complete:
            return
    raise ListChanging(
        f"{operation.__name__}: each of {_MAX_PASSES} passes over the list returned fewer items than "
        "the service counts, so some items may not have been yielded: other clients delete items, or "
        "the count is wrong. Read the list again when it changes less often"
    )


@define
class _OriginalItems:
    """Counts the items of a pass that existed at its first request.

    Attributes:
        total: Number of items in the list at the first request.
        read_ids: Ids of all items read in the pass.
        read: Number of items read that existed at the first request.
        pages: Number of pages read.
        started: The service's time at the first request.
    """

    total: int = 0
    read_ids: set[object] = field(factory=set[object])
    read: int = 0
    pages: int = 0
    started: datetime = _LATEST

    def add_page(self, ids: Collection[object], times: Times, total: int, now: datetime) -> None:
        """Count the items of a page."""
        if not self.pages:
            self.started, self.total = now, total
        self.pages += 1
        for item_id in ids:
            if item_id not in self.read_ids:
                # The first total includes all items of the first page.
                self.read += self.pages == 1 or not times or times[item_id] < self.started
        self.read_ids.update(ids)


@define
class _Pass:
    """A pass from the first page to the last one: decides which page to read next.

    Attributes:
        known_ids: Ids of all items yielded so far.
        originals: Counts the items.
        number: Number of the page to read next.
        ended: Whether the last page has been read.
        last_total: Number of items in the list, as returned with the last page read.
        going_back: Whether the pass is moving to earlier pages until it finds a known item.
        stalls: Number of times, since the last new item, that the pass went back or read a page that
            cannot exist, because the list has fewer items.
        step: Number of pages to go back if the next page is missing.
    """

    known_ids: set[object]
    number: int = 1
    originals: _OriginalItems = field(factory=_OriginalItems)
    ended: bool = False
    last_total: int = 0
    going_back: bool = False
    stalls: int = 0
    step: int = 1

    @property
    def complete(self) -> bool:
        """Whether the pass has read every item that existed during the entire pass."""
        return self.originals.read >= self.originals.total

    def skip_missing_page(self) -> None:
        """Handle a page that no longer exists: go back."""
        self.number = max(1, self.number - self.step)
        self.step *= 2
        self._go_back()

    def add_page(self, page: Page[T], now: datetime) -> list[T]:
        """Process a page, choose the next one, and return the items to yield."""
        items, times = _by_id(page)
        decrease = self.last_total - page.total if self.originals.pages else 0
        self.last_total, self.step = page.total, 1
        if decrease > 0 or (decrease and items and not times):
            self._go_back()
        if self.going_back and self.number > 1 and self.known_ids.isdisjoint(items):
            self.number -= 1
            return []
        self.originals.add_page(items, times, page.total, now)
        self.going_back = False
        self.number += 1
        self.ended = not page.has_next
        new = _add_new(items, self.known_ids)
        if new:
            self.stalls = 0
        elif self.number > len(self.known_ids) + 1:
            self.stalls += 1
        return new

    def _go_back(self) -> None:
        self.stalls += not self.going_back
        self.going_back = True


@define
class _BackwardPass:
    """A pass from the last page to the first one.

    Attributes:
        known_ids: Ids of all items yielded so far.
        number: Number of the page to read next.
        originals: Counts the items.
        oldest: Creation time of the oldest item read.
        ordered: Whether all items read were ordered by creation time.
        missing: Number of pages that were missing.
        start: Number of the first page read.
        first_total: Total returned with this page if it was the last page of the list, or else 0. It
            is too large for the pages if the service counts items that it does not list.
        longest: Largest number of items on a page.
    """

    stalls: ClassVar[int] = 0  # each request reads an earlier page

    known_ids: set[object]
    number: int
    originals: _OriginalItems = field(factory=_OriginalItems)
    oldest: datetime = _LATEST
    ordered: bool = True
    missing: int = 0
    start: int = 0
    first_total: int = 0
    longest: int = 0

    @property
    def ended(self) -> bool:
        """Whether the first page has been read."""
        return self.number == 0

    @property
    def complete(self) -> bool:
        """Whether the pass has read every item that existed during the entire pass."""
        if self.missing > _MAX_MISSING or self.first_total > self.start * self.longest:
            return False
        return self.ordered or self.originals.read >= self.originals.total

    def skip_missing_page(self) -> None:
        """Handle a page that no longer exists: read the page before it, or end the pass."""
        self.missing += 1
        self.number = self.number - 1 if self.missing <= _MAX_MISSING else 0

    def add_page(self, page: Page[T], now: datetime) -> list[T]:
        """Process a page, choose the next one, and return the items to yield."""
        items, times = _by_id(page)
        if not self.originals.pages:
            self.start, self.first_total = self.number, 0 if page.has_next else page.total
        self.longest = max(self.longest, len(page))
        in_page = list(times.values())
        self.ordered &= bool(times or not items) and in_page == sorted(in_page)
        for item_id in items.keys() - self.originals.read_ids:
            self.ordered &= times.get(item_id, _LATEST) <= self.oldest
        self.oldest = min([self.oldest, *in_page])
        self.originals.add_page(items, times, page.total, now)
        self.number -= 1
        return _add_new(items, self.known_ids)


def _by_id(page: Page[T]) -> tuple[dict[object, T], Times]:
    """Return the items of a page and the creation times of those that have one, by id."""
    items = {_identity(item): item for item in page.items}
    for name in ("creation_time", "created_at"):
        if items and isinstance(getattr(page.items[0], name, None), datetime):
            return items, {item_id: getattr(item, name) for item_id, item in items.items()}
    return items, {}


def _add_new(items: Mapping[object, T], known_ids: set[object]) -> list[T]:
    """Return the items whose ids are not known yet, and add their ids to the known ones."""
    new = {item_id: item for item_id, item in items.items() if item_id not in known_ids}
    known_ids.update(new)
    return list(new.values())


def _identity(item: object) -> object:
    """Return the id of an item, or a new object: items without a valid id count as different."""
    item_id = getattr(item, "id", None)
    return item_id if item_id and isinstance(item_id, Hashable) else object()


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
