"""Uses both clients under combined disturbances for ten minutes; `make soak` runs it.

All disturbances happen at once: calls are canceled at random moments, the sandbox breaks connections,
the process is forked while its threads send requests, event loops start and end, and processes exit
without closing their client. Meanwhile three properties are checked:

- Each response belongs to its request: a search for a subject returns this subject.
- Nothing is lost: each confirmed creation and deletion has happened exactly once.
- Sockets and memory do not grow.

    python -m tests.soak [SECONDS]
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import gc
import itertools
import multiprocessing
import os
import random
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from haut_ext import AsyncHaut, Haut, HautError
from haut_ext.sandbox import Sandbox, faults
from tests.support.leaks import client_sockets

SUBJECTS = 50
IN_FLIGHT = 16
LOST_CONNECTIONS = (faults.reset, faults.close, faults.truncated, faults.garbage)
MAX_SOCKETS = 4 * IN_FLIGHT
"""Two clients with `IN_FLIGHT` requests each, and as many connections of canceled calls."""
MAX_GROWTH = 12.0
"""Allowed growth of the resident memory between the second and the last quarter, in MiB."""
CHILD_TIMEOUT = 120
EXITING_PROGRAM = """
import asyncio, sys
from haut_ext import AsyncHaut, Haut
haut = Haut()
assert [item.name for item in haut.subjects.list(q=sys.argv[1]).items] == [sys.argv[1]]

async def main():
    calls = [asyncio.ensure_future(AsyncHaut().subjects.list()) for _ in range(4)]
    await asyncio.sleep(0.01)  # the calls are still running when the event loop ends

asyncio.run(main())
"""

results: Counter[str] = Counter()
"""Number of calls by their outcome."""


def serve(connection: Connection) -> None:
    """Run a sandbox that breaks a random connection every few milliseconds, until told to stop."""
    with Sandbox(seed=1) as sandbox:
        names = [subject.name for subject in sandbox.add_subjects(SUBJECTS)]
        sandbox.latency = 0.005
        connection.send((dict(sandbox.credentials), names))
        moments = random.Random(1)
        while not connection.poll(moments.uniform(0, 0.2)):
            operation = moments.choice([*["list_subjects"] * 8, "create_subject", "delete_subject"])
            if operation not in {planned for planned, _ in sandbox.faults.pending}:
                sandbox.faults.add(operation, moments.choice(LOST_CONNECTIONS)())
        connection.recv()
        sandbox.faults.clear()
        connection.send("stopped")
        connection.recv()


def check(name: str, page: Any) -> None:
    """Check that a page contains exactly the subject that was searched for."""
    assert [item.name for item in page.items] == [name], f"wrong response to a search for {name}"
    results["found"] += 1


async def search(haut: AsyncHaut, name: str) -> None:
    """Search for a subject, and cancel the call at a random moment in half of the cases."""
    limit = random.choice([None, random.uniform(0, 0.03)])
    try:
        async with asyncio.timeout(limit):
            check(name, await haut.subjects.list(q=name))
    except TimeoutError:
        results["canceled"] += 1
    except HautError as error:
        results[type(error).__name__] += 1


def create_and_delete(haut: Haut, name: str, expected: dict[str, bool | None]) -> None:
    """Create a subject and delete most of them; note in `expected` if it must exist afterwards."""
    expected[name] = None  # unknown
    try:
        subject = haut.subjects.create(name)
        expected[name] = True
        if random.random() < 0.9:
            expected[name] = None
            haut.subjects.delete(subject.id)
            expected[name] = False
        results["written"] += 1
    except HautError as error:
        results[type(error).__name__] += 1


def in_child(haut: Haut, other: AsyncHaut, names: list[str]) -> NoReturn:
    """Use both clients of the parent process in a forked process, and exit."""
    status = 1
    faulthandler.dump_traceback_later(CHILD_TIMEOUT / 2, exit=True)
    try:
        for name in random.sample(names, 3):
            with contextlib.suppress(HautError):
                check(name, haut.subjects.list(q=name))

        async def searches() -> None:
            await asyncio.gather(*(search(other, name) for name in random.sample(names, 3)))

        asyncio.new_event_loop().run_until_complete(searches())
        status = 0
    finally:
        os._exit(status)


def fork(*arguments: Any) -> None:
    """Check that the clients work in a forked process."""
    child = os.fork()
    if child == 0:
        in_child(*arguments)
    ends = time.monotonic() + CHILD_TIMEOUT
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        assert time.monotonic() < ends, f"the forked process {child} hangs"
        time.sleep(0.01)
    assert ended[1] == 0, "a forked process failed"
    results["forked"] += 1


def exit_while_calling(environment: dict[str, str], name: str) -> None:
    """Check that a process with unclosed clients and running calls exits."""
    command = [sys.executable, "-c", EXITING_PROGRAM, name]
    done = subprocess.run(
        command, env=os.environ | environment, timeout=CHILD_TIMEOUT, capture_output=True, text=True
    )
    if "HautError" not in done.stderr and "TransportError" not in done.stderr:
        assert done.returncode == 0, done.stderr
    results["exited"] += 1


def memory() -> float:
    """Return the resident memory of this process in MiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


class Workers:
    """Threads that call a function repeatedly until `stop`; the first error ends all of them."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def start(self, work: Callable[[], object]) -> None:
        def repeat() -> None:
            try:
                while not self.stopped.is_set():
                    work()
            except BaseException as error:
                self.errors.append(error)
                self.stopped.set()

        self._threads.append(threading.Thread(target=repeat))
        self._threads[-1].start()

    def stop(self) -> None:
        self.stopped.set()
        for thread in self._threads:
            thread.join(CHILD_TIMEOUT)
            assert not thread.is_alive(), "a thread hangs"
        if self.errors:
            raise self.errors[0]


def soak(seconds: float, credentials: dict[str, Any], names: list[str]) -> dict[str, bool | None]:
    """Run all disturbances, and return which of the created subjects must exist."""
    environment = {f"HAUT_{name.upper()}": str(value) for name, value in credentials.items()}
    expected: dict[str, bool | None] = {}
    samples: list[tuple[int, float]] = []
    numbers = itertools.count()
    workers = Workers()
    haut = Haut(**credentials, max_in_flight=IN_FLIGHT)
    other = AsyncHaut(**credentials, max_in_flight=IN_FLIGHT)

    async def searches() -> None:
        rounds = random.randrange(1, 40)
        while rounds and not workers.stopped.is_set():
            rounds -= 1
            await asyncio.gather(*(search(other, random.choice(names)) for _ in range(20)))

    def read() -> None:
        name = random.choice(names)
        with contextlib.suppress(HautError):
            check(name, haut.subjects.list(q=name))

    with haut:
        # Import all modules before the first fork, which would copy the lock of a running import.
        create_and_delete(haut, "soak-first-", expected)
        asyncio.run(search(other, names[0]))
        for _ in range(2):  # two event loops at once, each replaced by a new one every few seconds
            workers.start(lambda: asyncio.run(searches()))
        for _ in range(3):
            workers.start(read)
        workers.start(lambda: create_and_delete(haut, f"soak-{next(numbers):06}-", expected))
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not workers.stopped.wait(0.5):
            fork(haut, other, names)
            if len(samples) % 10 == 0:
                exit_while_calling(environment, random.choice(names))
            gc.collect()
            samples.append((len(client_sockets()), memory()))
            if len(samples) % 20 == 0:
                print(
                    f"{ends - time.monotonic():4.0f} s left", samples[-1], dict(results), flush=True
                )
        workers.stop()
    check_resources(samples)
    return expected


def check_resources(samples: list[tuple[int, float]]) -> None:
    """Check that neither the sockets nor the memory have grown."""
    quarter = max(1, len(samples) // 4)
    sockets = max(count for count, _ in samples)
    second, last = (
        sorted(memory for _, memory in part)[len(part) // 2]
        for part in (samples[quarter : 2 * quarter] or samples, samples[-quarter:])
    )
    print(f"at most {sockets} sockets; memory {second:.0f} MiB, at the end {last:.0f} MiB")
    assert sockets <= MAX_SOCKETS
    assert last - second < MAX_GROWTH
    gc.collect()
    assert len(client_sockets()) == 0, "open sockets after all clients have been closed"


def check_nothing_is_lost(credentials: dict[str, Any], expected: dict[str, bool | None]) -> None:
    """Check that the confirmed changes have happened exactly once, and no others."""
    with Haut(**credentials) as haut:
        found = Counter(item.name for item in haut.subjects.iterate())
    created = {name: count for name, count in found.items() if name.startswith("soak-")}
    assert created.keys() <= expected.keys()
    assert set(created.values()) <= {1}, "a subject was created twice"
    for name, exists in expected.items():
        assert exists in (None, name in created), f"the last change of {name} was lost"
    print(Counter(expected.values()), dict(results))


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    # Event loops end while calls are being canceled, so some connections are closed by the garbage
    # collector. Their number is limited by the check of the sockets.
    warnings.simplefilter("ignore", ResourceWarning)
    context = multiprocessing.get_context("spawn")
    connection, child = context.Pipe()
    server = context.Process(target=serve, args=(child,), daemon=True)
    server.start()
    credentials, names = connection.recv()
    expected = soak(seconds, credentials, names)
    connection.send("stop")
    assert connection.recv() == "stopped"
    check_nothing_is_lost(credentials, expected)
    connection.send("end")
    server.join(10)


if __name__ == "__main__":
    main()
