"""Tests of the sandbox's image operations: upload, computation, analysis stages, lists, deletion."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from haut_ext.sandbox import Sandbox
from tests.sandbox.http_client import PHOTO, SandboxClient, errors

UPLOAD_KEYS = [
    "id",
    "name",
    "side",
    "light",
    "image_type",
    "side_name",
    "side_tech_name",
    "light_name",
    "light_tech_name",
    "image_type_name",
    "image_type_tech_name",
    "creation_time",
    "quality_score",
    "quality_feedback",
    "quality_result",
    "quality_issues",
    "problems",
    "stage_step_number",
    "stage_number",
    "urls",
    "signed_url",
    "original_image_id",
    "image_batch_id",
    "meta",
    "application_run_id",
    "upload_url",
]
IMAGE_KEYS = [
    "id",
    "name",
    "side",
    "quality_score",
    "problems",
    "created_at",
    "signed_url",
    "image_batch_id",
    "meta",
    "aux_images",
]
AUX_KEYS = ["id", "aux_image_type", "creation_time", "algo_app", "signed_url", "meta"]
UNKNOWN = str(uuid.UUID(int=1, version=4))


def test_slots_have_the_documented_keys_in_order(client: SandboxClient) -> None:
    slot = client.slot(client.create()["id"])
    assert list(slot) == UPLOAD_KEYS
    assert slot["side"] == {"id": 1, "name": "Front", "tech_name": "front"}
    assert slot["meta"] == {}
    target = slot["upload_url"]
    assert list(target) == ["url", "method", "headers", "content_type"]
    assert target["method"] == "PUT"
    assert target["headers"] == {
        "Content-Type": "application/octet-stream",
        "X-Goog-Content-Length-Range": "1,31457280",
    }
    assert target["url"].startswith(client.sandbox.storage_url)
    assert client.sandbox.storage_url != client.sandbox.base_url


def test_slot_can_be_requested_without_a_body(client: SandboxClient) -> None:
    subject = client.create()
    response = client.http.post(f"{client.company}subjects/{subject['id']}/signed_upload_url/")
    assert response.status_code == 201


def test_slot_has_the_requested_values(client: SandboxClient) -> None:
    subject = client.create()
    slot = client.slot(
        subject["id"],
        side_id=3,
        light_id=None,
        meta=None,
        name="a.jpg",
        creation_time="2024-05-06T07:08:09+02:00",
        app_args={"x": 1},
    )
    assert (slot["side_tech_name"], slot["light_tech_name"]) == ("left", "regular")
    assert (slot["name"], slot["meta"]) == ("a.jpg", None)
    assert slot["creation_time"] == "2024-05-06 05:08:09"
    [image] = client.images(subject["id"])["results"]
    assert (image["side"], image["created_at"]) == ("left", "2024-05-06 05:08:09")


def test_batch_of_a_slot_must_belong_to_the_subject(client: SandboxClient) -> None:
    ann, bob = client.create("Ann"), client.create("Bob")
    batch_id = client.slot(ann["id"])["image_batch_id"]
    assert client.slot(ann["id"], side_id=2.0, batch_id=batch_id)["image_batch_id"] == batch_id
    path = f"{client.company}subjects/{bob['id']}/signed_upload_url/"
    response = client.http.post(path, json={"batch_id": batch_id})
    assert response.status_code == 404
    assert errors(response) == [("not_found", None)]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("batch_id", None, "null"),
        ("batch_id", "x", "invalid"),
        ("side_id", None, "null"),
        ("side_id", 9, "does_not_exist"),
        ("side_id", "1", "invalid"),
        ("side_id", True, "invalid"),
        ("light_id", 2, "does_not_exist"),
        ("name", None, "null"),
        ("name", "", "blank"),
        ("creation_time", "yesterday", "invalid"),
        ("creation_time", "0001-01-01T00:00:00+05:00", "invalid"),
    ],
)
def test_invalid_slot_request_returns_400(
    client: SandboxClient, field: str, value: Any, code: str
) -> None:
    subject = client.create()
    path = f"{client.company}subjects/{subject['id']}/signed_upload_url/"
    response = client.http.post(path, json={field: value})
    assert response.status_code == 400
    assert errors(response) == [(code, field)]
    assert client.images(subject["id"])["count"] == 0


def test_record_exists_before_the_file(client: SandboxClient) -> None:
    subject = client.create()
    slot = client.slot(subject["id"])
    [image] = client.images(subject["id"])["results"]
    assert list(image) == IMAGE_KEYS
    assert (image["id"], image["signed_url"], image["problems"]) == (slot["id"], None, None)
    client.put(slot)
    [image] = client.images(subject["id"])["results"]
    assert client.storage.get(image["signed_url"]).content == PHOTO


def test_analysis_returns_the_score_first_and_the_auxiliary_image_last(
    client: SandboxClient,
) -> None:
    subject = client.create()
    slot = client.upload(subject["id"])
    assert client.images(subject["id"])["results"][0]["quality_score"] is None
    response = client.compute(slot["image_batch_id"])
    assert (response.status_code, response.json()) == (200, {"ok": True})
    partial = client.images(subject["id"])["results"][0]
    assert 0 <= partial["quality_score"] <= 100
    assert (partial["problems"], partial["aux_images"]) == ([], [])
    [aux] = client.images(subject["id"])["results"][0]["aux_images"]
    assert list(aux) == AUX_KEYS
    assert aux["aux_image_type"] == "selfie_front_face_restored_rgba"
    assert aux["algo_app"] == "Face Skin Metrics 2.0"
    assert client.storage.get(aux["signed_url"]).content == PHOTO


@pytest.mark.parametrize(
    ("reads", "stages"), [(0, ["done"]), (1, ["done"]), (4, ["", "partial", "partial", "done"])]
)
def test_analysis_progresses_with_reads(reads: int, stages: list[str]) -> None:
    with Sandbox(seed=1, analysis_reads=reads) as sandbox:
        assert stages_of_analysis(sandbox, len(stages)) == stages


def test_analysis_progresses_with_time() -> None:
    with Sandbox(seed=1, analysis_seconds=60) as sandbox:
        stages = stages_of_analysis(sandbox, 3, between=lambda: sandbox.clock.advance(30))
    assert stages == ["", "partial", "done"]


def stages_of_analysis(sandbox: Sandbox, reads: int, between: Any = lambda: None) -> list[str]:
    client = SandboxClient(sandbox)
    slot = client.upload(client.create()["id"])
    client.compute(slot["image_batch_id"])
    stages: list[str] = []
    for _ in range(reads):
        image = client.image(slot["id"]).json()
        stages.append(
            "done" if image["aux_images"] else "partial" if image["quality_score"] else ""
        )
        between()
    client.close()
    return stages


def test_compute_requests_are_counted_and_analyze_only_images_with_files(
    client: SandboxClient,
) -> None:
    subject = client.create()
    slot = client.slot(subject["id"])
    for _ in range(2):
        assert client.compute(slot["image_batch_id"]).status_code == 200
    client.put(slot)  # too late: a computation that was requested before the upload has no effect
    for _ in range(3):
        assert client.image(slot["id"]).json()["quality_score"] is None
    [batch] = client.sandbox.snapshot()["subjects"][0]["batches"]
    assert batch["computes"] == client.sandbox.carried_out("compute_batch") == 2
    assert client.compute(UNKNOWN).status_code == 404


def test_repeated_analysis_does_not_create_a_second_auxiliary_image(
    client: SandboxClient,
) -> None:
    subject = client.create()
    slot = client.upload(subject["id"])
    for _ in range(2):
        client.http.delete(f"{client.subjects}{subject['id']}/metadata/")
        client.compute(slot["image_batch_id"])
        for _ in range(2):
            client.image(slot["id"])
        image = client.image(slot["id"]).json()
        assert image["quality_score"] is not None
        assert len(image["aux_images"]) == 1


def test_single_image_has_a_signed_url_only_on_request(client: SandboxClient) -> None:
    slot = client.upload(client.create()["id"])
    assert client.image(slot["id"]).json()["signed_url"] is None
    response = client.image(slot["id"], generate_signed_url="true", expiration_seconds=5)
    url = httpx.URL(response.json()["signed_url"])
    assert url.params["X-Goog-Expires"] == "5"
    listed = httpx.URL(client.images(first_subject_id(client))["results"][0]["signed_url"])
    assert listed.params["X-Goog-Expires"] == "60"


def first_subject_id(client: SandboxClient) -> str:
    subject_id: str = client.sandbox.snapshot()["subjects"][0]["id"]
    return subject_id


@pytest.mark.parametrize(
    ("query", "code", "attr"),
    [
        ({"expiration_seconds": "x"}, "invalid", "expiration_seconds"),
        ({"expiration_seconds": "0"}, "min_value", "expiration_seconds"),
        ({"expiration_seconds": "604801"}, "max_value", "expiration_seconds"),
        ({"generate_signed_url": "maybe"}, "invalid", "generate_signed_url"),
    ],
)
def test_invalid_signing_parameters_return_400(
    client: SandboxClient, query: dict[str, str], code: str, attr: str
) -> None:
    slot = client.slot(client.create()["id"])
    response = client.image(slot["id"], **query)
    assert response.status_code == 400
    assert errors(response) == [(code, attr)]


def test_images_can_be_sorted_searched_and_paged(client: SandboxClient) -> None:
    subject = client.create()
    for name in ("b", "A", "c", "b"):
        client.slot(subject["id"], name=name)

    def names(**query: Any) -> str:
        return "".join(image["name"] for image in client.images(subject["id"], **query)["results"])

    assert names() == "bAcb"
    assert names(ordering="-created_at") == "bcAb"
    assert names(ordering="name") == "Abbc"
    assert names(ordering="-name") == "cbbA"
    assert names(ordering="size") == "bAcb"
    assert names(q="a") == "A"
    assert names(page=2, page_size=3) == "b"
    newest_first = client.images(subject["id"], ordering="-name,-created_at")["results"]
    assert [image["created_at"][-2:] for image in newest_first] == ["04", "05", "02", "03"]


def test_deletion_removes_the_record_and_its_files(client: SandboxClient) -> None:
    subject = client.create()
    slot = client.upload(subject["id"])
    client.compute(slot["image_batch_id"])
    client.images(subject["id"])
    [image] = client.images(subject["id"])["results"]
    assert image["aux_images"]
    path = f"{client.company}images/{slot['id']}/"
    assert client.http.delete(path).status_code == 204
    assert client.http.delete(path).status_code == 404
    for url in (image["signed_url"], image["aux_images"][0]["signed_url"]):
        assert "<Code>NoSuchKey</Code>" in client.storage.get(url).text
    assert client.images(subject["id"])["count"] == 0


def test_upload_to_a_deleted_slot_leaves_an_orphaned_file(client: SandboxClient) -> None:
    slot = client.slot(client.create()["id"])
    client.http.delete(f"{client.company}images/{slot['id']}/")
    assert client.put(slot).status_code == 200  # the storage does not check the record
    assert len(client.sandbox.snapshot()["orphaned_files"]) == 1
