"""Runs a simulated service and its storage on loopback addresses."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import uvicorn
from fastapi import FastAPI, Request, Response

from tests.release.store import Store


def create_storage(store: Store) -> FastAPI:
    """Return the application that receives and sends photos, as the storage does."""
    app = FastAPI()

    @app.put("/photos/{image_id}")
    async def receive(image_id: UUID, request: Request) -> Response:
        store.store_photo(image_id, await request.body())
        return Response()

    @app.get("/photos/{image_id}")
    def send(image_id: UUID) -> Response:
        return Response(store.photos[image_id], media_type="application/octet-stream")

    return app


@contextmanager
def serve_service(application: Any, store: Store) -> Iterator[str]:
    """Run a simulated service and its storage; yield the URL of the service."""
    with serve(create_storage(store)) as store.storage_url, serve(application) as url:
        yield url


@contextmanager
def serve(application: Any) -> Iterator[str]:
    """Run an ASGI application; yield its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
