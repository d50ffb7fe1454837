"""A bare HTTP client that knows the sandbox's paths: nothing of haut_ext's own client is in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from haut_ext.sandbox import Sandbox

PHOTO = bytes(range(256)) * 4


class Caller:
    """Plain requests with the sandbox's token."""

    def __init__(self, sandbox: Sandbox) -> None:
        credentials = sandbox.credentials
        self.sandbox = sandbox
        self.company = f"/api/v1/companies/{credentials['company_id']}/"
        self.subjects = f"{self.company}datasets/{credentials['dataset_id']}/subjects/"
        # verify=False: there is no TLS here, and loading its certificates is most of a client's cost.
        self.http = httpx.Client(
            verify=False,
            base_url=credentials["base_url"],
            headers={"Authorization": f"Bearer {credentials['token']}"},
            timeout=10,
        )
        self.storage = httpx.Client(verify=False, timeout=10)

    def close(self) -> None:
        self.http.close()
        self.storage.close()

    def create(self, name: str = "Ann", **fields: Any) -> dict[str, Any]:
        answer = self.http.post(self.subjects, json={"name": name, **fields})
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def slot(self, subject_id: str, **fields: Any) -> dict[str, Any]:
        answer = self.http.post(
            f"{self.company}subjects/{subject_id}/signed_upload_url/", json=fields
        )
        assert answer.status_code == 201, answer.text
        slot: dict[str, Any] = answer.json()
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
        """The path of an image below its subject and batch."""
        image = self.sandbox.world.images[slot["id"]]
        batch = f"{self.subjects}{image.subject.id}/batches/{image.batch.id}/"
        return f"{batch}images/{image.id}/"

    def get(self, path: str, **query: Any) -> Any:
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def images(self, subject_id: str, **query: Any) -> dict[str, Any]:
        answer = self.http.get(f"{self.company}subjects/{subject_id}/images/", params=query)
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page

    def image(self, image_id: str, **query: Any) -> httpx.Response:
        return self.http.get(f"{self.company}images/{image_id}/", params=query)


def until(condition: Callable[[], object]) -> None:
    """Waits for what a thread of the sandbox is about to do."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.001)


def errors(answer: httpx.Response) -> list[tuple[str, str | None]]:
    """Code and attr of each error in the envelope."""
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"type", "errors"}
    return [(error["code"], error["attr"]) for error in body["errors"]]
