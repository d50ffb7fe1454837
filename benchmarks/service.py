"""The sandbox in a process of its own, so that client and service do not share an interpreter."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from attrs import frozen

from haut_ext.sandbox import Credentials, Sandbox


@frozen
class Service:
    """A running sandbox and the ids of what it holds.

    Attributes:
        credentials: Arguments for `Haut`.
        subject_id: A subject.
        image_id: An image of that subject.
    """

    credentials: Credentials
    subject_id: str
    image_id: str


def _serve(connection: Connection, subjects: int, latency: float) -> None:
    with Sandbox(seed=1, page_size=100) as sandbox:
        subject = sandbox.add_subjects(max(1, subjects))[0]
        [image] = sandbox.add_images(subject, 1, photo=b"photo")
        sandbox.clock.advance(10)
        sandbox.latency = latency
        connection.send(Service(sandbox.credentials, subject.id, image.id))
        connection.recv()  # until the benchmark is done


@contextmanager
def service(*, subjects: int = 1, latency: float = 0.0) -> Iterator[Service]:
    """Run a sandbox with so many subjects and so many seconds before each answer."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, subjects, latency), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join(10)
