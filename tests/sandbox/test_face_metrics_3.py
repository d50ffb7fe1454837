"""Tests of Face Metrics 3.0: uploads of several sides, compute requests, and gradual results."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from haut_ext.sandbox import Sandbox
from tests.sandbox.http_client import PHOTO, SandboxClient, errors

KEY = "face_skin_metrics_3"
PARAMETERS = 24


class FaceMetrics3Client:
    """Sends requests to the endpoints of API version 3."""

    def __init__(self, client: SandboxClient) -> None:
        self.client = client
        self.company = client.company.replace("/v1/", "/v3/")

    def slots(self, subject_id: str, **fields: Any) -> httpx.Response:
        return self.client.http.post(f"{self.company}subjects/{subject_id}/upload/", json=fields)

    def upload(self, *sides: str) -> str:
        """Upload a photo for each side of a new subject, and return the id of the batch."""
        slots = self.slots(self.client.create()["id"], **{side: side for side in sides}).json()
        for side in sides:
            response = self.client.put({"upload_url": slots[side]}, side.encode())
            assert response.status_code == 200
        batch_id: str = slots["image_batch_id"]
        return batch_id

    def compute(self, batch_id: str) -> None:
        response = self.client.http.post(f"{self.company}batches/{batch_id}/compute/")
        assert (response.status_code, response.content) == (204, b"")

    def results(self, batch_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"{self.company}batches/{batch_id}/results/")
        return found


@pytest.fixture
def client3(client: SandboxClient) -> FaceMetrics3Client:
    return FaceMetrics3Client(client)


@pytest.mark.parametrize("value", [None, [], "text"])
def test_app_args_must_be_an_object(client3: FaceMetrics3Client, value: Any) -> None:
    path = f"{client3.company}batches/{client3.upload('front')}/compute/"
    response = client3.client.http.post(path, json={"app_args": value})
    assert response.status_code == 400
    assert [attr for _, attr in errors(response)] == ["app_args"]
    bodies: list[dict[str, Any]] = [{}, {"app_args": {}}, {"app_args": {"a": None}}]
    for accepted in bodies:
        assert client3.client.http.post(path, json=accepted).status_code == 204


def test_one_request_creates_a_batch_and_its_slots(client3: FaceMetrics3Client) -> None:
    client = client3.client
    subject = client.create()
    response = client3.slots(
        subject["id"],
        right="r.jpg",
        front="f.jpg",
        creation_time="2024-05-06T07:08:09Z",
        meta={"source": "app"},
    )
    assert response.status_code == 200
    created = response.json()
    assert list(created) == ["front", "right", "image_batch_id"]
    slot = created["front"]
    assert list(slot) == ["url", "method", "headers", "content_type", "id"]
    assert slot["headers"]["Host"] == httpx.URL(client.sandbox.storage_url).netloc.decode()
    assert client.put({"upload_url": slot}).status_code == 200
    images = client.images(subject["id"])["results"]
    assert [(image["name"], image["side"]) for image in images] == [
        ("f.jpg", "front"),
        ("r.jpg", "right"),
    ]
    assert {image["image_batch_id"] for image in images} == {created["image_batch_id"]}
    assert [image["meta"] for image in images] == [{"source": "app"}] * 2
    assert {image["created_at"] for image in images} == {"2024-05-06 07:08:09"}
    assert client.storage.get(images[0]["signed_url"]).content == PHOTO


@pytest.mark.parametrize(
    ("fields", "code", "attr"),
    [
        ({"front": ""}, "blank", "front"),
        ({"front": None}, "null", "front"),
        ({"left": "x" * 256}, "max_length", "left"),
        ({"front": "x", "creation_time": "yesterday"}, "invalid", "creation_time"),
    ],
)
def test_invalid_upload_request_returns_400(
    client3: FaceMetrics3Client, fields: dict[str, Any], code: str, attr: str
) -> None:
    subject = client3.client.create()
    response = client3.slots(subject["id"], **fields)
    assert (response.status_code, errors(response)) == (400, [(code, attr)])
    assert client3.client.sandbox.snapshot()["subjects"][0]["batches"] == []


def test_side_that_the_image_type_does_not_have_returns_400(client3: FaceMetrics3Client) -> None:
    sandbox = client3.client.sandbox
    with sandbox.database.lock:
        subject = sandbox.database.create_subject(
            "Ann", dataset=sandbox.database.create_dataset("hands", image_type_id=2)
        )
    response = client3.slots(subject.id, front="f.jpg")
    assert (response.status_code, errors(response)) == (400, [("does_not_exist", "front")])


def test_results_are_empty_then_partial_then_complete() -> None:
    with Sandbox(seed=1, analysis_reads=4) as sandbox:
        client = SandboxClient(sandbox)
        client3 = FaceMetrics3Client(client)
        batch_id = client3.upload("front", "left")
        assert client3.results(batch_id) == {}
        client3.compute(batch_id)
        responses = [client3.results(batch_id).get(KEY) for _ in range(4)]
        client.close()
    assert responses[0] is None
    counts = [(len(s["parameters"]), s["all_algorithms_calculated"]) for s in responses if s]
    assert counts == [(1, False), (12, False), (PARAMETERS, True)]


def test_parameter_appears_when_all_sides_are_analyzed() -> None:
    with Sandbox(seed=1, analysis_reads=4) as sandbox:
        client = SandboxClient(sandbox)
        client3 = FaceMetrics3Client(client)
        batch_id = client3.upload("front", "left")
        client3.compute(batch_id)
        first = next(iter(sandbox.database.images))
        for _ in range(4):
            client.image(first)
        responses = [client3.results(batch_id).get(KEY) for _ in range(2)]
        client.close()
    assert responses[0] is None
    assert responses[1] is not None
    assert (len(responses[1]["parameters"]), responses[1]["all_algorithms_calculated"]) == (
        1,
        False,
    )


def test_complete_results_have_the_documented_shape(client3: FaceMetrics3Client) -> None:
    batch_id = client3.upload("front", "left")
    client3.compute(batch_id)
    client3.results(batch_id)
    found = client3.results(batch_id)[KEY]
    redness = found["parameters"]["redness"]
    assert list(redness) == ["score", "tag", "grade", "masks"]
    assert 0 <= redness["score"] <= 100
    assert redness["tag"] in {"Great", "Good", "Average", "Poor"}
    assert 1 <= redness["grade"] <= 5
    assert list(found["parameters"]["age"]) == ["age"]
    storage = client3.client.storage
    for side in ("front", "left"):
        urls = found["predicted_images"][side]
        assert list(urls) == ["aligned_face", "anonymised", "original"]
        assert {storage.get(url).content for url in urls.values()} == {side.encode()}
        mask = storage.get(redness["masks"][side]["aligned_face"])
        assert mask.content.startswith(b"\x89PNG")


def test_values_depend_only_on_the_photos(client3: FaceMetrics3Client) -> None:
    def scores(*sides: str) -> list[Any]:
        batch_id = client3.upload(*sides)
        client3.compute(batch_id)
        client3.results(batch_id)
        parameters = client3.results(batch_id)[KEY]["parameters"]
        return [found.get("score") for found in parameters.values()]

    assert scores("front") == scores("front")
    assert scores("front") != scores("front", "left")


def test_compute_requests_of_one_version_do_not_affect_the_other(
    client3: FaceMetrics3Client,
) -> None:
    client = client3.client
    batch_id = client3.upload("front")
    image_id = next(iter(client.sandbox.database.images))
    results = f"{client.nested({'id': image_id})}results/"
    client.compute(batch_id)
    for _ in range(3):
        assert client3.results(batch_id) == {}
    assert len(client.get(results)) == 16
    client3.compute(batch_id)
    for _ in range(2):
        assert len(client.get(results)) == 16
    assert client3.results(batch_id)[KEY]["all_algorithms_calculated"]


def test_failed_parameter_is_missing(client3: FaceMetrics3Client) -> None:
    client3.client.sandbox.fail_algorithm("pores", "Not full face")
    batch_id = client3.upload("front")
    client3.compute(batch_id)
    client3.results(batch_id)
    found = client3.results(batch_id)[KEY]
    assert found["all_algorithms_calculated"]
    assert len(found["parameters"]) == PARAMETERS - 1
    assert "pores" not in found["parameters"]


@pytest.mark.parametrize("target", ["batch", "subject", "metadata", "storage"])
def test_deletion_removes_results_and_files(client3: FaceMetrics3Client, target: str) -> None:
    client = client3.client
    batch_id = client3.upload("front")
    client3.compute(batch_id)
    client3.results(batch_id)
    client3.results(batch_id)
    assert len(client.sandbox.database.objects) == 8
    subject = f"{client.subjects}{client.sandbox.database.batches[batch_id].subject.id}/"
    records = {"batch": f"{subject}batches/{batch_id}/", "subject": subject}
    response = client.http.delete(records.get(target, f"{subject}{target}/"))
    assert response.status_code == (204 if target in records else 200)
    if target in records:
        for path in ("results/", "compute/"):
            method = "GET" if path == "results/" else "POST"
            response = client.http.request(method, f"{client3.company}batches/{batch_id}/{path}")
            assert response.status_code == 404
        assert not client.sandbox.database.objects
    elif target == "metadata":
        assert client3.results(batch_id) == {}
    else:
        urls = client3.results(batch_id)[KEY]["predicted_images"]["front"]
        assert list(urls) == ["aligned_face", "anonymised"]
