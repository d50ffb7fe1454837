"""The sandbox in a process of its own, so that client and service do not share an interpreter.

Or, for what can be measured there, the service that the environment names.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from attrs import field, frozen

from benchmarks.photos import PORTRAIT
from haut_ext import Haut
from haut_ext.sandbox import Credentials, Sandbox
from haut_ext.sandbox.storage import MAX_EXPIRES
from haut_ext.settings import from_environment


@frozen
class Service:
    """A running sandbox and the ids of what it holds.

    Attributes:
        credentials: Arguments for `Haut`.
        storage_url: The storage's origin.
        subject_id: A subject.
        image_id: An image of that subject.
    """

    credentials: Credentials
    storage_url: str
    subject_id: str
    image_id: str
    _connection: Connection | None = field(default=None, repr=False, alias="connection")

    def renew(self, subjects: int, images: int = 0) -> list[str]:
        """Forget everything; hold so many subjects, each with so many images, and return their ids."""
        assert self._connection is not None
        self._connection.send((subjects, images))
        ids: list[str] = self._connection.recv()
        return ids


def _serve(connection: Connection, subjects: int, latency: float, core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})
    with Sandbox(seed=1, page_size=100, upload_url_seconds=MAX_EXPIRES) as sandbox:
        subject = sandbox.add_subjects(max(1, subjects))[0]
        [image] = sandbox.add_images(subject, 1, photo=b"photo")
        sandbox.clock.advance(10)
        sandbox.latency = latency
        known = sandbox.credentials, sandbox.storage_url, subject.id, image.id
        connection.send(known)
        while (wanted := connection.recv()) is not None:  # None: the benchmark is done
            sandbox.reset()
            sandbox.latency = latency
            many, images = wanted
            held = sandbox.add_subjects(many)
            for subject in held if images else ():
                sandbox.add_images(subject, images, photo=b"photo")
            sandbox.clock.advance(10)
            connection.send([subject.id for subject in held])


@contextmanager
def service(
    *, subjects: int = 1, latency: float = 0.0, core: int | None = None
) -> Iterator[Service]:
    """Run a sandbox with so many subjects and so many seconds before each answer.

    Args:
        subjects: How many it begins with.
        latency: Seconds.
        core: The one processor that it may use; any unless given.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, subjects, latency, core), daemon=True)
    process.start()
    try:
        yield Service(*ours.recv(), connection=ours)
    finally:
        ours.send(None)
        process.join(10)


@contextmanager
def service_of_environment() -> Iterator[Service]:
    """Give the service that HAUT_TOKEN, HAUT_COMPANY_ID, HAUT_DATASET_ID and HAUT_BASE_URL name.

    A subject with one photo is made there, and erased in the end.
    """
    found = from_environment()
    with Haut(**found) as haut:
        credentials = Credentials(
            token=found["token"],
            company_id=str(haut.scope.company_id),
            dataset_id=str(haut.scope.dataset()),
            base_url=haut.scope.base_url,
        )
        subject = haut.subjects.create("benchmark")
        try:
            image = haut.images.upload(subject.id, PORTRAIT)
            yield Service(credentials, "", str(subject.id), str(image.image_id))
        finally:
            haut.erase_subject(subject.id)
