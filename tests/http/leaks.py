"""Checks of what a client leaves open: sockets and threads."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time

PATIENCE = 5.0
"""Seconds. The servers of the tests run in the same process and close their ends a moment later."""


def client_sockets() -> set[str]:
    """Return the sockets of this process that are connected from a client's side.

    The servers of the tests accept in the same process. Their listening sockets' ports tell the two
    ends of a connection apart.
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
    while len(left := client_sockets()) > allowed:
        assert time.monotonic() < ends, f"{len(left)} sockets are open: {sorted(left)}"
        time.sleep(0.01)


async def assert_sockets_close_in_time(allowed: int = 3) -> None:
    """The same for sockets that the event loop or the collector closes a moment later.

    Of hundreds of cancelled calls, anyio can lose the socket of one or two until the loop ends.
    """
    ends = time.monotonic() + PATIENCE
    while len(left := client_sockets()) > allowed:
        assert time.monotonic() < ends, f"{len(left)} sockets are open: {sorted(left)}"
        await asyncio.sleep(0.01)
        gc.collect()


def client_threads() -> set[str]:
    """Return the names of this process's threads, but for those of servers of the tests."""
    return {
        thread.name
        for thread in threading.enumerate()
        if not thread.name.startswith(("haut-sandbox", "asyncio_"))
    }
