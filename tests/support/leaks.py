"""Checks that a client does not leak sockets, files, threads or tasks.

The test servers run in the same process as the client and close their end of a connection slightly
later. Therefore each check waits up to `PATIENCE` seconds for the resources to
disappear.
"""

from __future__ import annotations

import asyncio
import os
import stat
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

PATIENCE = 5.0
"""Maximum time to wait for a resource to be released, in seconds."""


class LeakCheck:
    """Context manager that fails if its block leaks file descriptors or threads."""

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
    """Async context manager that fails if its block leaks file descriptors, threads or tasks."""

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
            continue  # already closed: listdir used it to read /dev/fd
        kinds["socket" if stat.S_ISSOCK(mode) else "other descriptor"] += 1
    return kinds


def _client_thread_names() -> list[str]:
    # Exclude test server threads and the asyncio threads that resolve host names.
    names = (thread.name for thread in threading.enumerate())
    return [name for name in names if not name.startswith(("haut-sandbox", "asyncio_"))]


def client_threads() -> set[str]:
    """Return the names of all threads of this process, except test server threads."""
    return set(_client_thread_names())


def client_sockets() -> set[str]:
    """Return the sockets that are the client end of a connection.

    The test servers run in the same process as the client. A socket whose local port is
    the port of a listening socket is the server's end.
    """
    rows = _tcp_table()
    own = set(_open_files())
    listening = {local for local, _, state, _ in rows if state == "0A"}
    ports = {local.rpartition(":")[2] for local in listening}
    return {
        f"{local} -> {remote} ({state})"
        for local, remote, state, inode in rows
        if f"socket:[{inode}]" in own and state != "0A" and local.rpartition(":")[2] not in ports
    }


def _open_files() -> Iterator[str]:
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # closed meanwhile
            yield os.readlink(f"/proc/self/fd/{name}")


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


async def assert_sockets_close_in_time(allowed: int = 0) -> None:
    """Check that at most `allowed` client sockets stay open while the event loop runs."""
    ends = time.monotonic() + PATIENCE
    while len(remaining := client_sockets()) > allowed:
        assert time.monotonic() < ends, f"{len(remaining)} open sockets: {sorted(remaining)}"
        await asyncio.sleep(0.01)
