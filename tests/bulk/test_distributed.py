"""Tests of bulk uploads in which the workers of an executor send the photos, and some workers die."""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster

from haut_ext import ConfigError, Haut
from haut_ext.bulk import bulk_upload
from haut_ext.environment import TokenFile
from haut_ext.sandbox import Request, Sandbox
from tests.bulk.service_state import service_state

ROWS = 60
FORKSERVER = multiprocessing.get_context("forkserver")


def rows(photo: Path) -> list[dict[str, Any]]:
    return [{"subject": f"person {number}", "front": photo} for number in range(ROWS)]


@pytest.fixture
def haut(sandbox: Sandbox, tmp_path: Path) -> Iterator[Haut]:
    """Client that can be pickled, because it reads its token from a file."""
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text(sandbox.credentials["token"])
    arguments: dict[str, Any] = {**sandbox.credentials, "token": TokenFile(str(path))}
    with Haut(**arguments) as haut:
        yield haut


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Dask emits warnings
def test_dask_completes_all_rows_after_a_worker_is_killed(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.DEBUG),
        LocalCluster(  # type: ignore[no-untyped-call]  # distributed is typed in parts
            n_workers=3, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]  # likewise
    ):
        workers = list(client.run(os.getpid).values())
        senders: set[str] = set()
        lock = threading.Lock()

        def on_request(request: Request) -> None:
            if request.operation == "upload_image":
                with lock:
                    senders.add(request.path)
                    if len(senders) == ROWS // 3:
                        os.kill(workers[0], signal.SIGKILL)

        sandbox.before_request = on_request
        report = bulk_upload(
            haut,
            rows(photo),
            journal=tmp_path / "journal",
            executor=client.get_executor(),
            max_in_flight=12,
        )
        assert workers[0] not in client.run(os.getpid).values()
    assert (report.done, report.complete) == (ROWS, True)
    assert sandbox.carried_out("compute_batch") == sandbox.received("compute_batch") == ROWS
    assert [len(subject["batches"]) for subject in service_state(sandbox)] == [1] * ROWS
    assert sandbox.credentials["token"] not in caplog.text
    assert "X-Goog-Signature" not in caplog.text


@pytest.mark.slow
def test_run_stops_when_a_process_pool_breaks_and_continues_with_a_new_pool(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    with ProcessPoolExecutor(2, FORKSERVER) as pool:
        victim = pool.submit(os.getpid).result()
        uploads = itertools.count(1)

        def on_request(request: Request) -> None:
            if request.operation == "upload_image" and next(uploads) == ROWS // 3:
                os.kill(victim, signal.SIGKILL)

        sandbox.before_request = on_request
        with pytest.raises(Exception, match="terminated abruptly"):
            bulk_upload(haut, rows(photo), journal=tmp_path / "journal", executor=pool)
    with ProcessPoolExecutor(2, FORKSERVER) as pool:
        sandbox.before_request = None
        report = bulk_upload(haut, rows(photo), journal=tmp_path / "journal", executor=pool)
    assert report.done + report.skipped == ROWS
    assert sandbox.received("compute_batch") == ROWS
    assert [len(subject["batches"]) for subject in service_state(sandbox)] == [1] * ROWS


class RecordingPool(ProcessPoolExecutor):
    """Executor that records the repr of its tasks, because executors write it to their logs."""

    def __init__(self) -> None:
        super().__init__(1, FORKSERVER)
        self.reprs: list[str] = []
        self.pickles: list[bytes] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        self.reprs.append(repr((fn, args, kwargs)))
        self.pickles.append(pickle.dumps((fn, args, kwargs)))
        return super().submit(fn, *args, **kwargs)


def test_repr_of_tasks_contains_no_token_url_or_name(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    with RecordingPool() as executor:
        pool: Executor = executor
        bulk_upload(haut, rows(photo)[:2], journal=tmp_path / "journal", executor=pool)
    assert len(executor.reprs) == 4
    for secret in (sandbox.credentials["token"], "http", "person", photo.name):
        assert secret not in "".join(executor.reprs)
    assert sandbox.credentials["token"].encode() not in b"".join(executor.pickles)


@pytest.mark.parametrize("given", [str, lambda token: partial(str, token)])
def test_tasks_contain_no_token(
    tmp_path: Path, photo: Path, sandbox: Sandbox, given: Callable[[str], Any]
) -> None:
    secret = sandbox.credentials["token"]
    headers = {"X-Key": "key-of-a-gateway"}
    arguments: dict[str, Any] = {**sandbox.credentials, "token": given(secret), "headers": headers}
    tasks: list[bytes] = []

    class Pool(ProcessPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            tasks.append(pickle.dumps((fn, args, kwargs)))
            return super().submit(fn, *args, **kwargs)

    with Haut(**arguments) as haut, Pool(1, FORKSERVER) as pool:
        report = bulk_upload(haut, rows(photo)[:2], journal=tmp_path / "journal", executor=pool)
    assert report.done == 2
    assert len(tasks) == 4
    assert secret.encode() not in b"".join(tasks)
    assert headers["X-Key"].encode() not in b"".join(tasks)


def test_client_that_cannot_be_pickled_is_a_config_error(
    tmp_path: Path, photo: Path, sandbox: Sandbox
) -> None:
    hooks: Any = {"request": [lambda request: None]}
    with (
        Haut(**sandbox.credentials, event_hooks=hooks) as haut,
        ThreadPoolExecutor(1) as pool,
        pytest.raises(ConfigError, match="pickled"),
    ):
        bulk_upload(haut, rows(photo), journal=tmp_path / "journal", executor=pool)
