"""Tests of the options `timeout`, `deadline` and `max_in_flight`."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest

from haut_ext import AsyncHaut, ConfigError, Haut, Timeout, TransportTimeout
from haut_ext.sandbox import Sandbox
from tests.support.client_runner import Client, Kind, client_class
from tests.support.interruptions import wait_until
from tests.support.machine_lag import MachineLag
from tests.support.sandbox_photos import PHOTO

NewClient = Callable[..., Client]

INVALID = [math.nan, True, False, 0, 0.0, -1, -math.inf, "3", [1]]


@pytest.mark.parametrize("value", INVALID, ids=repr)
@pytest.mark.parametrize("option", ["timeout", "deadline"])
def test_invalid_timeout_or_deadline_is_rejected(
    kind: Kind, sandbox: Sandbox, option: str, value: Any
) -> None:
    arguments: dict[str, Any] = {**sandbox.credentials, option: value}
    with pytest.raises(ConfigError, match=option):
        client_class(kind)(**arguments)


@pytest.mark.parametrize("value", [math.nan, True, 0, -1], ids=repr)
@pytest.mark.parametrize("field", ["connect", "read", "write", "pool"])
def test_invalid_field_of_a_timeout_is_rejected(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=field):
        Timeout(**{field: value})


@pytest.mark.parametrize(
    "value", [math.inf, 1e300, 1e9, None, 10**400], ids=["inf", "1e300", "1e9", "None", "int"]
)
@pytest.mark.parametrize("option", ["timeout", "deadline"])
def test_huge_timeout_or_deadline_means_no_limit(
    new_client: NewClient, option: str, value: Any
) -> None:
    client = new_client(**{option: value})
    subject = client.call(lambda haut: haut.subjects.create("someone"))
    client.call(lambda haut: haut.images.upload(subject.id, PHOTO))
    assert client.call(lambda haut: haut.subjects.list()).total == 1
    derived = client.haut.with_options(**{option: value})
    assert client.call(lambda _: derived.subjects.list()).total == 1


@pytest.mark.parametrize(
    "timeout",
    [5, 5.0, Timeout(read=math.inf), httpx.Timeout(5), httpx.Timeout(5, read=None)],
    ids=["int", "float", "Timeout", "httpx.Timeout", "httpx.Timeout without read"],
)
def test_accepted_types_of_timeout(new_client: NewClient, timeout: Any) -> None:
    assert new_client(timeout=timeout).call(lambda haut: haut.subjects.list()).total == 0


def _hold(release: threading.Event, _: object) -> None:
    release.wait(20)


def test_pool_timeout_of_the_sync_client(sandbox: Sandbox) -> None:
    """While one call occupies the only slot, a second call waits at most `timeout.pool` seconds."""
    release = threading.Event()
    sandbox.before_request = partial(_hold, release)
    arguments: dict[str, Any] = {**sandbox.credentials, "max_in_flight": 1, "max_retries": 0}
    with Haut(**arguments, timeout=Timeout(pool=0.2)) as haut:
        first = threading.Thread(target=haut.subjects.list)
        first.start()
        try:
            wait_until(lambda: sandbox.received("list_subjects") == 1)
            with MachineLag() as lag, pytest.raises(TransportTimeout, match="pool") as caught:
                haut.subjects.create("someone")
        finally:
            release.set()
            first.join()
        assert haut.subjects.list().total == 0
    assert not caught.value.maybe_delivered
    assert caught.value.elapsed < 0.6 + lag.allowance
    assert sandbox.received("create_subject") == 0


async def test_pool_timeout_of_the_async_client(sandbox: Sandbox) -> None:
    release = threading.Event()
    sandbox.before_request = partial(_hold, release)
    arguments: dict[str, Any] = {**sandbox.credentials, "max_in_flight": 1, "max_retries": 0}
    async with AsyncHaut(**arguments, timeout=Timeout(pool=0.2)) as haut:
        first = asyncio.create_task(haut.subjects.list())
        try:
            while sandbox.received("list_subjects") == 0:  # noqa: ASYNC110 - it has threads
                await asyncio.sleep(0.001)
            with MachineLag() as lag, pytest.raises(TransportTimeout, match="pool") as caught:
                await haut.subjects.create("someone")
        finally:
            release.set()
        await first
        assert (await haut.subjects.list()).total == 0
    assert not caught.value.maybe_delivered
    assert caught.value.elapsed < 0.6 + lag.allowance
    assert sandbox.received("create_subject") == 0


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "8", math.inf], ids=repr)
def test_invalid_max_in_flight_is_rejected(kind: Kind, sandbox: Sandbox, value: Any) -> None:
    with pytest.raises(ConfigError, match="max_in_flight"):
        client_class(kind)(**sandbox.credentials, max_in_flight=value)


def test_requests_in_flight_are_limited(sandbox: Sandbox) -> None:
    now = most = 0
    lock = threading.Lock()

    def count(_: object) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.005)
        with lock:
            now -= 1

    sandbox.before_request = count
    arguments: dict[str, Any] = {**sandbox.credentials, "max_in_flight": 3}

    async def run() -> None:
        async with AsyncHaut(**arguments) as haut:
            await asyncio.gather(*(haut.subjects.list() for _ in range(20)))

    asyncio.run(run())
    assert most <= 3
