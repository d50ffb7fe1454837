"""Runs a sandbox in a separate process, and creates photos of a given size for benchmarks."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from attrs import field, frozen

from haut_ext.sandbox import Sandbox

PORTRAIT = Path(__file__).resolve().parent.parent / "examples" / "photos" / "portrait.jpg"


@frozen
class Server:
    """A running sandbox.

    Attributes:
        credentials: Arguments for `Haut`.
        subject_id: ID of a subject.
        image_id: ID of an image of that subject.
    """

    credentials: dict[str, Any]
    subject_id: str
    image_id: str
    _connection: Connection = field(repr=False, alias="connection")

    @property
    def company_path(self) -> str:
        return f"/api/v1/companies/{self.credentials['company_id']}"

    @property
    def company_url(self) -> str:
        return f"{self.credentials['base_url']}{self.company_path}"

    @property
    def image_path(self) -> str:
        return f"{self.company_path}/images/{self.image_id}/"

    @property
    def image_url(self) -> str:
        return f"{self.credentials['base_url']}{self.image_path}"

    @property
    def openai_options(self) -> dict[str, Any]:
        """Arguments for the constructor of openai's client."""
        return {
            "base_url": self.credentials["base_url"],
            "api_key": self.credentials["token"],
            "max_retries": 0,
        }

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.credentials['token']}"}

    def create_subjects(self, count: int) -> list[str]:
        """Delete all data of the sandbox, create subjects and return their ids."""
        self._connection.send(count)
        ids: list[str] = self._connection.recv()
        return ids


def _serve(connection: Connection, latency: float) -> None:
    """Run the sandbox. Until `None` is received, create subjects on request of the parent process."""
    with Sandbox(seed=1) as sandbox:
        [subject] = sandbox.add_subjects(1)
        [image] = sandbox.add_images(subject, 1, photo=b"photo")
        sandbox.latency = latency
        connection.send((dict(sandbox.credentials), str(subject.id), str(image.id)))
        while (count := connection.recv()) is not None:
            sandbox.reset()
            sandbox.latency = latency
            connection.send([str(subject.id) for subject in sandbox.add_subjects(count)])


@contextmanager
def serve(*, latency: float = 0.0) -> Iterator[Server]:
    """Run a sandbox in a new process, so that it does not compete with the client for the GIL.

    Args:
        latency: Delay before each response, in seconds.
    """
    context = multiprocessing.get_context("spawn")
    connection, child_connection = context.Pipe()
    process = context.Process(target=_serve, args=(child_connection, latency), daemon=True)
    process.start()
    try:
        credentials, subject_id, image_id = connection.recv()
        yield Server(credentials, subject_id, image_id, connection=connection)
    finally:
        connection.send(None)
        process.join(10)


@contextmanager
def create_photos(size: int, count: int = 1) -> Iterator[list[Path]]:
    """Create different JPEG files of `size` bytes.

    The files are padded after the end of the image, where JPEG decoders ignore the padding.
    """
    image = PORTRAIT.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.jpg" for number in range(count)]
        for number, path in enumerate(paths):
            path.write_bytes(image + number.to_bytes(size - len(image), "big"))
        yield paths
