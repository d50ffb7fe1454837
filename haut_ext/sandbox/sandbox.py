"""The class `Sandbox`: both services, their servers, and everything that a test can control."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, TypedDict

from .algorithms import ALGORITHMS
from .api_service import OPERATIONS, ApiService
from .authentication import USERNAME
from .clock import Clock, ManualClock, SystemClock
from .database import Database
from .fault_plan import FaultPlan
from .http_messages import Request
from .http_server import HOST, Controls, HttpServer
from .records import Image, StoredObject, Subject
from .request_log import ReceivedRequest
from .snapshot import take_snapshot
from .state import State
from .storage_service import OPERATIONS as STORAGE_OPERATIONS
from .storage_service import StorageService


class Credentials(TypedDict):
    """Keyword arguments of `Haut` and `AsyncHaut` that connect to the sandbox."""

    token: str
    company_id: str
    dataset_id: str
    base_url: str


class LoginCredentials(TypedDict):
    """Keyword arguments of `Haut.login` and `AsyncHaut.login`."""

    username: str
    password: str


class Sandbox:
    """The service on two loopback ports. It runs from construction until `close()`.

    Args:
        seed: Makes ids, tokens and passwords reproducible, and selects a `ManualClock` by default. If
            the ports are fixed too, the same requests in the same order get the same responses, byte
            for byte.
        clock: Time of the service: a `ManualClock` or a `SystemClock`. The default is a new
            `ManualClock` if a seed is given and a new `SystemClock` otherwise.
        port: Port of the API; 0 selects a free one.
        storage_port: Port of the storage; 0 selects a free one.
        page_size: Items in a page if a request does not specify a number. The service's default is
            not documented.
        upload_url_seconds: Lifetime of a signed upload URL. The service's value is not documented.
        analysis_reads: Number of times that an image or its results must be read after a compute
            request until its analysis is complete. Halfway, the quality score and the first
            algorithm's result appear; the other results follow one after another. With 0 the first
            read returns everything.
        analysis_seconds: Duration of an analysis. If given, the analysis progresses with the clock and
            `analysis_reads` is ignored.
        token_seconds: Lifetime of an access token from a login or a refresh.

    Raises:
        OSError: A port is not available.
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        clock: Clock | None = None,
        port: int = 0,
        storage_port: int = 0,
        page_size: int = 10,
        upload_url_seconds: int = 900,
        analysis_reads: int = 2,
        analysis_seconds: float | None = None,
        token_seconds: float = 3600,
    ) -> None:
        if clock is None:
            clock = SystemClock() if seed is None else ManualClock()
        self.state = State(
            seed=seed,
            clock=clock,
            analysis_reads=analysis_reads,
            analysis_seconds=analysis_seconds,
            token_seconds=token_seconds,
        )
        """Everything that the services read and change. Hold `database.lock` while changing it."""
        self.storage = StorageService(self.state)
        """The storage, which can also sign URLs (`sign`, `sign_bytes`)."""
        plan = FaultPlan([*OPERATIONS, *STORAGE_OPERATIONS.values()])
        dated = self.state.clock.follows_system_time
        self._controls = Controls(plan, now=self.state.clock.now if dated else None)
        api = ApiService(
            self.state, self.storage, page_size=page_size, upload_url_seconds=upload_url_seconds
        )
        with ExitStack() as opened:  # on an error, closes everything opened so far
            servers = [
                self._open_server(opened, service, requested_port)
                for service, requested_port in ((api, port), (self.storage, storage_port))
            ]
            # This socket does not listen, so connections are refused. It reserves the port.
            unreachable = opened.enter_context(socket.socket())
            unreachable.bind((HOST, 0))
            self._resources = opened.pop_all()
        self.base_url = api.origin
        """Origin of the API."""
        self.storage_url = self.storage.origin
        """Origin of the storage. Clients must never send the token there."""
        self.unreachable_url = f"http://{HOST}:{unreachable.getsockname()[1]}"
        """Origin that refuses every connection."""
        for server in servers:
            server.start()

    def _open_server(
        self, opened: ExitStack, service: ApiService | StorageService, port: int
    ) -> HttpServer:
        server = HttpServer(service, self._controls, port)
        opened.callback(server.close)
        service.origin = server.origin
        return server

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections, threads and sockets. Closing again has no effect."""
        self._resources.close()

    def reset(self) -> None:
        """Return to the initial state: same credentials, no data, no faults, an empty request log."""
        self.state.reset()
        self.faults.clear()
        self._controls.log.clear()
        self.latency = 0.0
        self.before_request = None

    # Credentials

    @property
    def credentials(self) -> Credentials:
        """Keyword arguments of `Haut`, with the latest token that does not expire."""
        return {
            "token": self.state.authentication.token,
            "company_id": self.database.company_id,
            "dataset_id": self.database.dataset_id,
            "base_url": self.base_url,
        }

    @property
    def login_credentials(self) -> LoginCredentials:
        """Name and password of the only user."""
        return {"username": USERNAME, "password": self.state.authentication.password}

    @property
    def mfa_enabled(self) -> bool:
        """Whether logins fail because the user has enabled multi-factor authentication."""
        return self.state.authentication.mfa_enabled

    @mfa_enabled.setter
    def mfa_enabled(self, enabled: bool) -> None:
        self.state.authentication.mfa_enabled = enabled

    def issue_token(self) -> str:
        """Return a new token that does not expire. Earlier tokens stay valid."""
        with self.database.lock:
            return self.state.authentication.issue()

    def expire_tokens(self) -> None:
        """Expire every token issued so far, so that requests with it get status 401.

        Refresh tokens stay valid.
        """
        with self.database.lock:
            self.state.authentication.expire_all()

    # Time and data

    @property
    def clock(self) -> Clock:
        """Time of the service; `clock.advance(seconds)` moves it forward."""
        return self.state.clock

    @property
    def database(self) -> Database:
        """All records and files. Hold `database.lock` while changing them."""
        return self.state.database

    def snapshot(self, *, ids: bool = True) -> dict[str, Any]:
        """Return a copy of everything that is stored, as plain data.

        Args:
            ids: Whether to include ids and times. Without them two runs with different ids are equal.
        """
        return take_snapshot(self.state, ids=ids)

    def add_subjects(self, count: int, prefix: str = "subject") -> list[Subject]:
        """Create subjects without any request. Their names are the prefix and a number."""
        with self.database.lock:
            first = len(self.database.subjects) + 1
            names = (f"{prefix} {number:05d}" for number in range(first, first + count))
            return [self.database.create_subject(name) for name in names]

    def add_images(self, subject: Subject, count: int, photo: bytes | None = None) -> list[Image]:
        """Create images in one new batch without any request.

        Args:
            subject: Subject of the images.
            count: Number of images.
            photo: File of every image. Without it the images have no files.
        """
        with self.database.lock:
            batch = self.database.create_batch(subject)
            images = [self.database.create_image(batch) for _ in range(count)]
            if photo is not None:
                for image in images:
                    self.database.store(image.key, StoredObject.from_bytes(photo))
            return images

    def fail_algorithm(self, algorithm: str, error: str) -> None:
        """Let an algorithm fail on every photo from now on.

        In API version 1 the result then has `is_ok` false and contains the error. In version 3 the
        parameter is missing, because the documentation does not say how a failure appears there.

        Args:
            algorithm: Family of version 1 ("selfie_v2.acne") or parameter of version 3 ("pores").
            error: Error message, such as "No face detected" or "Not full face".

        Raises:
            ValueError: The algorithm does not exist.
        """
        if algorithm not in ALGORITHMS:
            valid = ", ".join(ALGORITHMS)
            raise ValueError(f"unknown algorithm {algorithm!r}; valid algorithms are {valid}")
        with self.database.lock:
            self.state.analyses.failures[algorithm] = error

    # Faults and received requests

    @property
    def faults(self) -> FaultPlan:
        """The fault plan: `sandbox.faults.add("create_subject", faults.reset())`."""
        return self._controls.plan

    @property
    def latency(self) -> float:
        """Seconds, in real time, by which every request is delayed before it is carried out."""
        return self._controls.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._controls.latency = seconds

    @property
    def before_request(self) -> Callable[[Request], None] | None:
        """Function called before each request is carried out.

        It runs in the thread of the connection and without holding the lock of the database.
        """
        return self._controls.before_request

    @before_request.setter
    def before_request(self, hook: Callable[[Request], None] | None) -> None:
        self._controls.before_request = hook

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every request received so far, in order of arrival."""
        return self._controls.log.requests

    def received(self, operation: str) -> int:
        """Return the number of requests received for an operation."""
        return self._controls.log.received(operation)

    def carried_out(self, operation: str) -> int:
        """Return the number of requests carried out for an operation, whatever the client received."""
        return self._controls.log.carried_out(operation)
