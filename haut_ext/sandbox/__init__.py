"""A small server with the documented behaviour of the Haut.AI API, for tests and first steps.

    from haut_ext.sandbox import Sandbox
    with Sandbox() as sandbox:
        haut = Haut(**sandbox.credentials)

Standard library only, loopback only, in memory. Two origins, as in reality: the API and the storage
behind its signed URLs. Below this face, downwards:

    server      sockets, threads, faults on the wire
    api         the JSON operations, over validation      storage     signed URLs, XML
    state       datasets, subjects, batches, images, files      accounts    the user, tokens
    clock       the service's time                           analysis    what algorithms find
    faults      what is to go wrong, and the account of what happened
    messages    requests and answers as values
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, TypedDict

from . import faults
from .accounts import USERNAME
from .analysis import ALGORITHMS
from .api import OPERATIONS, Api
from .clock import Clock
from .faults import Arrival, Fault, Plan
from .messages import Request
from .server import HOST, Controls, Listener
from .state import Image, StoredObject, Subject, World
from .storage import OPERATIONS as STORAGE_OPERATIONS
from .storage import Storage

__all__ = ["Arrival", "Credentials", "Fault", "LoginCredentials", "Request", "Sandbox", "faults"]


class Credentials(TypedDict):
    """What a client needs; the keys are the arguments of `Haut`."""

    token: str
    company_id: str
    dataset_id: str
    base_url: str


class LoginCredentials(TypedDict):
    """What a user logs in with; the keys are the arguments of `Haut.login`."""

    username: str
    password: str


class Sandbox:
    """The service on two loopback ports, running from construction until `close()`.

    Args:
        seed: Makes ids, tokens, scores and times reproducible: the same calls in the same order get
            the same bytes, fixed ports provided. The clock then moves one second with each
            state-changing request and by `clock.advance()`, never by itself. None: random ids and
            the machine's clock.
        port: Of the API. 0 for any free one.
        storage_port: Of the storage. 0 for any free one.
        page_size: Items per page when a request names no size; the real default is unknown.
        upload_url_seconds: Life of a signed upload URL; the real one is unknown.
        analysis_reads: After compute, the n-th read of an image or its results shows its analysis
            complete, and the read halfway the quality score and the first algorithm's result; the
            other results come one by one in between. 0: complete at the first read.
        analysis_seconds: If given, the analysis goes by the clock instead of by reads.
        token_seconds: Life of an access token from a login or a refresh.

    Raises:
        OSError: A port cannot be had.
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        port: int = 0,
        storage_port: int = 0,
        page_size: int = 10,
        upload_url_seconds: int = 900,
        analysis_reads: int = 2,
        analysis_seconds: float | None = None,
        token_seconds: float = 3600,
    ) -> None:
        self.world = World(
            seed=seed,
            analysis_reads=analysis_reads,
            analysis_seconds=analysis_seconds,
            token_seconds=token_seconds,
        )
        """The state itself. Hold `world.lock` while changing it."""
        self.storage = Storage(self.world)
        """Signs URLs as the API does (`sign`, `sign_bytes`)."""
        # An answer dated by the machine would not be reproducible.
        plan = Plan([*OPERATIONS, *STORAGE_OPERATIONS.values()])
        self._controls = Controls(plan, now=(lambda: self.clock.now()) if seed is None else None)
        api = Api(
            self.world,
            self.storage,
            page_size=page_size,
            upload_url_seconds=upload_url_seconds,
        )
        with ExitStack() as opened:
            listeners: list[Listener] = []
            for service, wanted in ((api, port), (self.storage, storage_port)):
                listener = Listener(service, self._controls, wanted)
                opened.callback(listener.close)
                service.origin = listener.origin
                listeners.append(listener)
            # Bound but not listening, so that nobody else can have the port.
            dead = opened.enter_context(socket.socket())
            dead.bind((HOST, 0))
            self._closing = opened.pop_all()
        self.base_url = api.origin
        """The API's origin."""
        self.storage_url = self.storage.origin
        """The storage's origin, where the token must never go."""
        self.dead_url = f"http://{HOST}:{dead.getsockname()[1]}"
        """An origin that refuses every connection."""
        for listener in listeners:
            listener.start()

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
        """Ends all connections, threads and sockets. May be called again."""
        self._closing.close()

    def reset(self) -> None:
        """Back to the beginning: same credentials, nothing stored, no faults, an empty account."""
        self.world.reset()
        self.faults.clear()
        self._controls.account.clear()
        self.latency = 0.0
        self.before_request = None

    # Who may enter

    @property
    def credentials(self) -> Credentials:
        """Arguments for `Haut`, with the token issued last, which has no end."""
        return {
            "token": self.world.accounts.token,
            "company_id": self.world.company_id,
            "dataset_id": self.world.dataset_id,
            "base_url": self.base_url,
        }

    @property
    def login_credentials(self) -> LoginCredentials:
        """Name and password of the one user."""
        return {"username": USERNAME, "password": self.world.accounts.password}

    @property
    def mfa_enabled(self) -> bool:
        """Whether a login is refused because the user has MFA enabled."""
        return self.world.accounts.mfa_enabled

    @mfa_enabled.setter
    def mfa_enabled(self, enabled: bool) -> None:
        self.world.accounts.mfa_enabled = enabled

    def issue_token(self) -> str:
        """A new valid token; those before it stay valid."""
        with self.world.lock:
            return self.world.accounts.issue()

    def expire_token(self) -> None:
        """Every token issued so far is answered with 401 from now on, but refresh tokens still work."""
        with self.world.lock:
            self.world.accounts.expire()

    # What there is

    @property
    def clock(self) -> Clock:
        """The service's clock; `clock.advance(seconds)` lets time pass."""
        return self.world.clock

    def snapshot(self, *, ids: bool = True) -> dict[str, Any]:
        """All that is held now, as plain data.

        Args:
            ids: False leaves ids and times out, so that two runs with different ids compare equal.
        """
        return self.world.snapshot(ids=ids)

    def add_subjects(self, count: int, prefix: str = "subject") -> list[Subject]:
        """New subjects, named by prefix and number, without any request."""
        with self.world.lock:
            first = len(self.world.subjects) + 1
            names = (f"{prefix} {number:05d}" for number in range(first, first + count))
            return [self.world.create_subject(name) for name in names]

    def add_images(self, subject: Subject, count: int, photo: bytes | None = None) -> list[Image]:
        """New images in one batch, with `photo` as their files if given, without any request."""
        with self.world.lock:
            batch = self.world.create_batch(subject)
            images = [self.world.create_image(batch) for _ in range(count)]
            if photo is not None:
                for image in images:
                    self.world.store(image.key, StoredObject.of(photo))
            return images

    def fail_algorithm(self, algorithm: str, error: str) -> None:
        """Lets an algorithm fail on every photo that it comes to from now on.

        A result of version 1 is then not ok and says why. Nothing public says how Face Metrics 3.0
        shows a failure; its parameter is left out.

        Args:
            algorithm: A family of version 1 ("selfie_v2.acne") or a parameter of version 3 ("pores").
            error: Why, in the service's words: "No face detected", "Not full face" (api-facts 8.1).

        Raises:
            ValueError: There is no such algorithm; it would never fail.
        """
        if algorithm not in ALGORITHMS:
            raise ValueError(f"no algorithm is called {algorithm!r}: {ALGORITHMS}")
        with self.world.lock:
            self.world.failures[algorithm] = error

    # What goes wrong, and what happened

    @property
    def faults(self) -> Plan:
        """The fault plan: `faults.add("create_subject", faults.reset())`."""
        return self._controls.plan

    @property
    def latency(self) -> float:
        """Seconds that every request waits before it is carried out."""
        return self._controls.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._controls.latency = seconds

    @property
    def before_request(self) -> Callable[[Request], None] | None:
        """Called before each request is carried out, in its thread and under no lock."""
        return self._controls.before_request

    @before_request.setter
    def before_request(self, hook: Callable[[Request], None] | None) -> None:
        self._controls.before_request = hook

    @property
    def arrivals(self) -> list[Arrival]:
        """Every request so far, in order of arrival."""
        return self._controls.account.arrivals

    def arrived(self, operation: str) -> int:
        """How many requests for an operation have come."""
        return self._controls.account.arrived(operation)

    def carried_out(self, operation: str) -> int:
        """How many requests for an operation were carried out, whatever the client was told."""
        return self._controls.account.carried_out(operation)
