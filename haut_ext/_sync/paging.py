# Derived from haut_ext/_async/paging.py by `make sync`; change that file instead.
"""Every item of a list operation, page by page, by page number.

The `next` address in a body is taken as a yes or no only: following it would let a body decide where
the token goes. A page that has vanished by the time it is asked for ends the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar

from haut_api.models import ErrorResponse
from haut_ext._sync.session import Operation, Session
from haut_ext.errors import ConfigError, NotFound
from haut_ext.results import Page

T = TypeVar("T")
Item = TypeVar("Item", covariant=True)


class PageOf(Protocol[Item]):
    """A generated paginated list, of whatever items (api-facts 1.3)."""

    @property
    def count(self) -> int: ...
    @property
    def next_(self) -> Any: ...
    @property
    def results(self) -> Sequence[Item]: ...


ListOperation = Operation[PageOf[T] | ErrorResponse]


def read_page(
    session: Session, operation: ListOperation[T], number: int, **parameters: Any
) -> Page[T]:
    """Return one page of a list operation.

    Raises:
        NotFound: If there is no such page, or nothing to list.
    """
    if number < 1:
        raise ConfigError("page numbers start at 1")
    page: Any = session.call(operation, object, page=number, **parameters)
    if not hasattr(page, "results"):
        raise ConfigError(f"{operation.__name__} is not a list operation: its result has no pages")
    return Page(
        items=tuple(page.results), total=page.count, number=number, has_next=bool(page.next_)
    )


def iterate(session: Session, operation: ListOperation[T], **parameters: Any) -> Iterator[T]:
    """Yield every item of a list operation once, asking for a page only when it is needed."""
    seen: set[Any] = set()
    number = 1
    while True:
        try:
            page = read_page(session, operation, number, **parameters)
        except NotFound:
            if number == 1:
                raise
            return
        for item in page.items:
            identity = getattr(item, "id", None)
            if identity is None or identity not in seen:
                seen.add(identity)
                yield item
        if not page.has_next:
            return
        number += 1
