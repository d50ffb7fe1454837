"""Defines `Sandbox`, which runs the API and storage servers and lets tests control them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, TypedDict

from haut_ext.algorithm_families import Era

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
    """Keyword arguments of `Haut` and `AsyncHaut` that connect to the sandbox.

    Attributes:
        token: The permanent token that was issued last.
        company_id: Id of the sandbox's only company.
        dataset_id: Id of its dataset.
        base_url: Origin of the API server, such as `http://127.0.0.1:8000`.
    """

    token: str
    company_id: str
    dataset_id: str
    base_url: str


class LoginCredentials(TypedDict):
    """Keyword arguments of `Haut.login` and `AsyncHaut.login`.

    Attributes:
        username: Name of the sandbox's only user.
        password: Password of the user.
    """

    username: str
    password: str


class Sandbox:
    """Local Haut.AI service on two ports. It runs from construction until `close()`.

    Args:
        seed: Makes ids, tokens and passwords reproducible, and selects a `ManualClock` by default. If
            the ports are fixed too, the same requests in the same order get the same responses, byte
            for byte.
        clock: Clock of the service: a `ManualClock` or a `SystemClock`. The default is a new
            `ManualClock` if a seed is given and a new `SystemClock` otherwise.
        port: Port of the API; 0 selects a free one.
        storage_port: Port of the storage; 0 selects a free one.
        host: Host name or IPv4 address to listen on, if other machines or containers must be able to
            connect; `0.0.0.0` means all addresses of the machine. The sandbox answers only requests
            for this host name or address and for `localhost`, `127.0.0.1` and `[::1]`.
        page_size: Default number of items in a page. The real service's default is undocumented.
        upload_url_seconds: Lifetime of a signed upload URL. The real service's lifetime is
            undocumented.
        analysis_reads: After a compute request, the analysis of an image is complete once the image
            or its results were read this many times. Halfway through, the quality score and the
            first algorithm's result appear; the other results follow one by one. With 0, the first
            read returns all results. Once the analysis by Face Skin Metrics 2.0 is complete,
            responses with its results have the header `Sandbox-Analysis: complete`, which the
            client needs to end a wait without a pause. The real service does not send it.
        analysis_seconds: Duration of an analysis. If given, the analysis progresses with the clock and
            `analysis_reads` is ignored.
        token_seconds: Lifetime of an access token from a login or a refresh.
        results_era: Format of the results of Face Metrics 2.0: "2025" or "2022", the years in which
            real results were seen.

    Raises:
        ValueError: If `host` is empty or `results_era` is unknown.
        OSError: If the host or a port is not available.
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        clock: Clock | None = None,
        port: int = 0,
        storage_port: int = 0,
        host: str = HOST,
        page_size: int = 10,
        upload_url_seconds: int = 900,
        analysis_reads: int = 2,
        analysis_seconds: float | None = None,
        token_seconds: float = 3600,
        results_era: Era = "2025",
    ) -> None:
        if not host:
            raise ValueError("host must be a host name or an IPv4 address")
        clock = clock or (SystemClock() if seed is None else ManualClock())
        self.state = State(
            seed=seed,
            clock=clock,
            analysis_reads=analysis_reads,
            analysis_seconds=analysis_seconds,
            results_era=results_era,
            token_seconds=token_seconds,
        )
        """State shared by the API and storage services. Hold `database.lock` while changing it."""
        self.storage = StorageService(self.state)
        """Storage service. Its methods `sign` and `sign_bytes` create signatures."""
        plan = FaultPlan([*OPERATIONS, *STORAGE_OPERATIONS.values()])
        dated = self.state.clock.follows_system_time
        self._controls = Controls(plan, now=self.state.clock.now if dated else None)
        api = ApiService(
            self.state, self.storage, page_size=page_size, upload_url_seconds=upload_url_seconds
        )
        with ExitStack() as opened:  # on an error, closes all resources opened so far
            servers = [
                self._open_server(opened, service, requested_port, host)
                for service, requested_port in ((api, port), (self.storage, storage_port))
            ]
            unreachable_port = _reserve_port(opened)
            self._resources = opened.pop_all()
        self.base_url = api.origin
        """Origin of the API server, such as `http://127.0.0.1:8000`."""
        self.storage_url = self.storage.origin
        """Origin of the storage server. Clients must never send the API token to it."""
        self.unreachable_url = f"http://{HOST}:{unreachable_port}"
        """Origin that refuses all connections, for testing connection errors."""
        for server in servers:
            server.start()

    def _open_server(
        self, opened: ExitStack, service: ApiService | StorageService, port: int, host: str
    ) -> HttpServer:
        server = HttpServer(service, self._controls, port, host=host)
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
        """Close all connections, threads and sockets. Closing the sandbox again has no effect."""
        self._resources.close()

    def reset(self) -> None:
        """Reset to the initial state: same credentials, no data, no faults, empty request log."""
        self.state.reset()
        self.faults.clear()
        self._controls.log.clear()
        self.latency = 0.0
        self.before_request = None

    # Credentials

    @property
    def credentials(self) -> Credentials:
        """Keyword arguments for `Haut`, including the permanent token that was issued last."""
        return {
            "token": self.state.authentication.token,
            "company_id": self.database.company_id,
            "dataset_id": self.database.dataset_id,
            "base_url": self.base_url,
        }

    @property
    def login_credentials(self) -> LoginCredentials:
        """Username and password of the sandbox's only user."""
        return {"username": USERNAME, "password": self.state.authentication.password}

    @property
    def mfa_enabled(self) -> bool:
        """Whether the user has enabled multi-factor authentication, so that logins fail."""
        return self.state.authentication.mfa_enabled

    @mfa_enabled.setter
    def mfa_enabled(self, enabled: bool) -> None:
        self.state.authentication.mfa_enabled = enabled

    def issue_token(self) -> str:
        """Return a new token that does not expire. Tokens issued earlier stay valid."""
        with self.database.lock:
            return self.state.authentication.issue()

    def expire_tokens(self) -> None:
        """Expire every token issued so far, so that requests with such a token get status 401.

        Refresh tokens stay valid.
        """
        with self.database.lock:
            self.state.authentication.expire_all()

    # Time and data

    @property
    def clock(self) -> Clock:
        """Clock of the sandbox; `clock.advance(seconds)` moves it forward."""
        return self.state.clock

    @property
    def database(self) -> Database:
        """All records and stored files. Hold `database.lock` while changing them."""
        return self.state.database

    def snapshot(self, *, ids: bool = True) -> dict[str, Any]:
        """Return a copy of all stored records and files, as plain data.

        Args:
            ids: Whether to include ids and times. Without them, the copies of two runs can be
                compared.
        """
        return take_snapshot(self.state, ids=ids)

    def add_subjects(self, count: int, prefix: str = "subject") -> list[Subject]:
        """Create subjects without sending requests. Each name is `prefix` and a number."""
        with self.database.lock:
            first = len(self.database.subjects) + 1
            names = (f"{prefix} {number:05d}" for number in range(first, first + count))
            return [self.database.create_subject(name) for name in names]

    def add_images(self, subject: Subject, count: int, photo: bytes | None = None) -> list[Image]:
        """Create images in a new batch without sending requests.

        Args:
            subject: Subject of the images.
            count: Number of images.
            photo: Content of every image's file; if omitted, the images have no files.
        """
        with self.database.lock:
            batch = self.database.create_batch(subject)
            images = [self.database.create_image(batch) for _ in range(count)]
            if photo is not None:
                for image in images:
                    self.database.store(image.key, StoredObject.from_bytes(photo))
            return images

    def fail_algorithm(self, algorithm: str, error: str) -> None:
        """Make an algorithm fail on every photo from now on.

        In API version 1, a failed result has `is_ok` false and contains the error. In version 3,
        the parameter is missing from the results, because the documentation does not say how a
        failure appears.

        Args:
            algorithm: Name of a version 1 algorithm ("selfie_v2.acne") or a version 3 parameter
                ("pores").
            error: Error message, such as "No face detected" or "Not full face".

        Raises:
            ValueError: If the algorithm does not exist.
        """
        if algorithm not in ALGORITHMS:
            valid = ", ".join(ALGORITHMS)
            raise ValueError(f"unknown algorithm {algorithm!r}; valid algorithms are {valid}")
        with self.database.lock:
            self.state.analyses.failures[algorithm] = error

    @property
    def detects_faces(self) -> bool:
        """Whether faces are found in photos that are analyzed from now on.

        If no face is found, all algorithms fail except the face detector. The sandbox cannot decode
        pictures: it assumes that every photo shows a face, except pictures of a single color.
        """
        return self.state.analyses.detects_faces

    @detects_faces.setter
    def detects_faces(self, detected: bool) -> None:
        self.state.analyses.detects_faces = detected

    # Faults and received requests

    @property
    def faults(self) -> FaultPlan:
        """Plan of simulated faults. Add one with `faults.add("create_subject", faults.reset())`."""
        return self._controls.plan

    @property
    def latency(self) -> float:
        """Delay of every request before it is carried out, in seconds of real time."""
        return self._controls.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._controls.latency = seconds

    @property
    def before_request(self) -> Callable[[Request], None] | None:
        """Function called before each request is carried out.

        It runs in the connection's thread, and does not hold the database lock.
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
        """Return the number of requests carried out for an operation, including lost responses."""
        return self._controls.log.carried_out(operation)


def _reserve_port(opened: ExitStack) -> int:
    """Return a port that refuses connections, because its socket does not listen."""
    reserved = opened.enter_context(socket.socket())
    reserved.bind((HOST, 0))
    port: int = reserved.getsockname()[1]
    return port
