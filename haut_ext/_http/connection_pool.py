"""Which inner client serves a request: the least busy of those that are not retired."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from attrs import define, field

Client = TypeVar("Client")

_REQUESTS_PER_CLIENT = 8
"""More requests in one pool of httpx slow each other down, so they are spread over several clients."""


@define(eq=False)
class Inner(Generic[Client]):
    """A plain httpx client, and the number of its requests in flight."""

    client: Client
    in_flight: int = 0
    retired: bool = False


@define(eq=False)
class Lease(Generic[Client]):
    """The use of an inner client for one request."""

    inner: Inner[Client]
    _ended: bool = False

    def end(self) -> bool:
        """End the use; return False if it had ended already."""
        ended, self._ended = self._ended, True
        self.inner.in_flight -= not ended
        return not ended

    @property
    def closing(self) -> bool:
        """Whether the client is retired, so that it gets no new requests, and this was its last."""
        return self.inner.retired and not self.inner.in_flight


@define(eq=False)
class Pool(Generic[Client]):
    """The inner clients of one event loop or process, by the address of their proxy."""

    _inner: dict[str, list[Inner[Client]]] = field(factory=dict[str, "list[Inner[Client]]"])

    def lease(self, proxy: str, create: Callable[[], Client]) -> Lease[Client]:
        """Return a lease on the least busy client, on a new one if all are busy."""
        usable = [inner for inner in self._inner.get(proxy, ()) if not inner.retired]
        chosen = min(usable, key=lambda inner: inner.in_flight, default=None)
        if chosen is None or chosen.in_flight >= _REQUESTS_PER_CLIENT:
            chosen = Inner(create())
            usable.append(chosen)
        self._inner[proxy] = usable
        chosen.in_flight += 1
        return Lease(chosen)

    def retire_all(self) -> list[Client]:
        """Retire every client; return those that have no request in flight."""
        every = [inner for some in self._inner.values() for inner in some]
        for inner in every:
            inner.retired = True
        return [inner.client for inner in every if not inner.in_flight]
