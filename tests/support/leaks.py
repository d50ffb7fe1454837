"""Checks that a client leaves no socket, file, thread or task behind.

The servers of the tests run in the same process and close their side of a connection a moment
later than the client. Therefore each check waits up to `PATIENCE` seconds for the resources to
disappear.
"""

from __future__ import annotations

import asyncio
import gc
import os
import stat
import threading
import time
from collections import Counter
from typing import Any

PATIENCE = 5.0
"""Maximum number of seconds to wait until a resource is released."""


class LeakCheck:
    """Context manager that fails if its block leaves open descriptors or running threads."""

    def _resources(self) -> Counter[str]:
        return _open_descriptors() + Counter(f"thread {name}" for name in _client_thread_names())

    def __enter__(self) -> None:
        self._before = self._resources()

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        ends = time.monotonic() + PATIENCE
        while kind is None and (leaked := self._resources() - self._before):
            assert time.monotonic() < ends, f"not released: {dict(leaked)}"
            time.sleep(0.005)


class AsyncLeakCheck(LeakCheck):
    """Async context manager that also checks the tasks of the event loop."""

    def _resources(self) -> Counter[str]:
        return super()._resources() + Counter(task=len(asyncio.all_tasks()))

    async def __aenter__(self) -> None:
        self._before = self._resources()

    async def __aexit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        ends = time.monotonic() + PATIENCE
        while kind is None and (leaked := self._resources() - self._before):
            assert time.monotonic() < ends, f"not released: {dict(leaked)}"
            await asyncio.sleep(0.005)


def _open_descriptors() -> Counter[str]:
    kinds: Counter[str] = Counter()
    for name in os.listdir("/dev/fd"):
        try:
            mode = os.fstat(int(name)).st_mode
        except OSError:
            continue  # the descriptor of the listing itself
        kinds["socket" if stat.S_ISSOCK(mode) else "other descriptor"] += 1
    return kinds


def _client_thread_names() -> list[str]:
    # Exclude the threads of test servers and those in which the event loop resolves host names.
    names = (thread.name for thread in threading.enumerate())
    return [name for name in names if not name.startswith(("haut-sandbox", "asyncio_"))]


def client_threads() -> set[str]:
    """Return the names of the threads of this process, except those of test servers."""
    return set(_client_thread_names())


def client_sockets() -> set[str]:
    """Return the sockets of this process that are the client's end of a connection.

    The servers of the tests accept connections in the same process. A socket whose local port is
    the port of a listening socket is the server's end.
    """
    rows = _tcp_table()
    own = {os.readlink(f"/proc/self/fd/{name}") for name in _descriptors()}
    listening = {local for local, _, state, _ in rows if state == "0A"}
    ports = {local.rpartition(":")[2] for local in listening}
    return {
        f"{local} -> {remote} ({state})"
        for local, remote, state, inode in rows
        if f"socket:[{inode}]" in own and state != "0A" and local.rpartition(":")[2] not in ports
    }


def _descriptors() -> list[str]:
    return [
        name for name in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{name}")
    ]


def _tcp_table() -> list[tuple[str, str, str, str]]:
    rows = []
    for name in ("tcp", "tcp6"):
        with open(f"/proc/self/net/{name}") as table:
            for line in list(table)[1:]:
                fields = line.split()
                rows.append((fields[1], fields[2], fields[3], fields[9]))
    return rows


def assert_sockets_close(allowed: int = 0) -> None:
    """Check that at most `allowed` client sockets stay open."""
    ends = time.monotonic() + PATIENCE
    while len(remaining := client_sockets()) > allowed:
        assert time.monotonic() < ends, f"{len(remaining)} open sockets: {sorted(remaining)}"
        time.sleep(0.01)


async def assert_sockets_close_in_time(allowed: int = 3) -> None:
    """Check that at most `allowed` client sockets stay open while the event loop runs.

    Sockets that the event loop or the garbage collector closes a moment later are not leaks. Of
    hundreds of canceled calls, anyio can leave one or two sockets open until the loop ends.
    """
    ends = time.monotonic() + PATIENCE
    while len(remaining := client_sockets()) > allowed:
        assert time.monotonic() < ends, f"{len(remaining)} open sockets: {sorted(remaining)}"
        await asyncio.sleep(0.01)
        gc.collect()
