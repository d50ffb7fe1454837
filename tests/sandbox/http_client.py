"""Plain HTTP client for tests of the sandbox that must not depend on the SDK's client."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from haut_ext.sandbox import Sandbox

PHOTO = bytes(range(256)) * 4
TIMEOUT = 60
"""Timeout in seconds for operations of a few milliseconds; long enough even on a busy machine."""


class SandboxClient:
    """Sends requests to the API and the storage of a sandbox, authenticated with the sandbox's token."""

    def __init__(self, sandbox: Sandbox) -> None:
        credentials = sandbox.credentials
        self.sandbox = sandbox
        self.company = f"/api/v1/companies/{credentials['company_id']}/"
        self.subjects = f"{self.company}datasets/{credentials['dataset_id']}/subjects/"
        # Do not load CA certificates: it is slow, and the sandbox does not use TLS.
        self.http = httpx.Client(
            verify=False,
            base_url=credentials["base_url"],
            headers={"Authorization": f"Bearer {credentials['token']}"},
            timeout=TIMEOUT,
        )
        self.storage = httpx.Client(verify=False, timeout=TIMEOUT)

    def close(self) -> None:
        self.http.close()
        self.storage.close()

    def create(self, name: str = "Ann", **fields: Any) -> dict[str, Any]:
        response = self.http.post(self.subjects, json={"name": name, **fields})
        assert response.status_code == 201, response.text
        created: dict[str, Any] = response.json()
        return created

    def slot(self, subject_id: str, **fields: Any) -> dict[str, Any]:
        response = self.http.post(
            f"{self.company}subjects/{subject_id}/signed_upload_url/", json=fields
        )
        assert response.status_code == 201, response.text
        slot: dict[str, Any] = response.json()
        return slot

    def put(self, slot: dict[str, Any], photo: bytes = PHOTO) -> httpx.Response:
        target = slot["upload_url"]
        return self.storage.put(target["url"], headers=target["headers"], content=photo)

    def upload(self, subject_id: str, photo: bytes = PHOTO, **fields: Any) -> dict[str, Any]:
        slot = self.slot(subject_id, **fields)
        assert self.put(slot, photo).status_code == 200
        return slot

    def compute(self, batch_id: str) -> httpx.Response:
        return self.http.post(f"{self.company}batches/{batch_id}/compute/", json={})

    def nested(self, slot: dict[str, Any]) -> str:
        """Return the long path of an image: `.../subjects/{id}/batches/{id}/images/{id}/`."""
        image = self.sandbox.database.images[slot["id"]]
        batch = f"{self.subjects}{image.subject.id}/batches/{image.batch.id}/"
        return f"{batch}images/{image.id}/"

    def get(self, path: str, **query: Any) -> Any:
        response = self.http.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    def images(self, subject_id: str, **query: Any) -> dict[str, Any]:
        response = self.http.get(f"{self.company}subjects/{subject_id}/images/", params=query)
        assert response.status_code == 200, response.text
        page: dict[str, Any] = response.json()
        return page

    def image(self, image_id: str, **query: Any) -> httpx.Response:
        return self.http.get(f"{self.company}images/{image_id}/", params=query)


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true that depends on another thread, such as a thread of the sandbox."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.001)


def errors(response: httpx.Response) -> list[tuple[str, str | None]]:
    """Return the `code` and `attr` of each error in an error response."""
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert set(body) == {"type", "errors"}
    return [(error["code"], error["attr"]) for error in body["errors"]]
