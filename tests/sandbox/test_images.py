"""The image operations: slots, compute, analysis in stages, reading and deletion (api-facts 5)."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from haut_ext.sandbox import Sandbox
from tests.sandbox.caller import PHOTO, Caller, errors

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


def test_a_slot_has_the_documented_keys_in_order(caller: Caller) -> None:
    slot = caller.slot(caller.create()["id"])
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
    assert target["url"].startswith(caller.sandbox.storage_url)
    assert caller.sandbox.storage_url != caller.sandbox.base_url


def test_a_slot_needs_no_body(caller: Caller) -> None:
    subject = caller.create()
    answer = caller.http.post(f"{caller.company}subjects/{subject['id']}/signed_upload_url/")
    assert answer.status_code == 201


def test_a_slot_keeps_what_is_given(caller: Caller) -> None:
    subject = caller.create()
    slot = caller.slot(
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
    [image] = caller.images(subject["id"])["results"]
    assert (image["side"], image["created_at"]) == ("left", "2024-05-06 05:08:09")


def test_sides_share_a_batch_that_is_the_subjects_own(caller: Caller) -> None:
    ann, bob = caller.create("Ann"), caller.create("Bob")
    batch_id = caller.slot(ann["id"])["image_batch_id"]
    assert caller.slot(ann["id"], side_id=2.0, batch_id=batch_id)["image_batch_id"] == batch_id
    path = f"{caller.company}subjects/{bob['id']}/signed_upload_url/"
    answer = caller.http.post(path, json={"batch_id": batch_id})
    assert answer.status_code == 404
    assert errors(answer) == [("not_found", None)]


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
def test_a_slot_is_refused(caller: Caller, field: str, value: Any, code: str) -> None:
    subject = caller.create()
    path = f"{caller.company}subjects/{subject['id']}/signed_upload_url/"
    answer = caller.http.post(path, json={field: value})
    assert answer.status_code == 400
    assert errors(answer) == [(code, field)]
    assert caller.images(subject["id"])["count"] == 0


def test_the_record_is_there_before_the_file(caller: Caller) -> None:
    subject = caller.create()
    slot = caller.slot(subject["id"])
    [image] = caller.images(subject["id"])["results"]
    assert list(image) == IMAGE_KEYS
    assert (image["id"], image["signed_url"], image["problems"]) == (slot["id"], None, None)
    caller.put(slot)
    [image] = caller.images(subject["id"])["results"]
    assert caller.storage.get(image["signed_url"]).content == PHOTO


def test_analysis_shows_the_score_first_and_the_auxiliary_image_at_the_end(caller: Caller) -> None:
    subject = caller.create()
    slot = caller.upload(subject["id"])
    assert caller.images(subject["id"])["results"][0]["quality_score"] is None
    answer = caller.compute(slot["image_batch_id"])
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    partial = caller.images(subject["id"])["results"][0]
    assert 60 <= partial["quality_score"] <= 99
    assert (partial["problems"], partial["aux_images"]) == ([], [])
    [aux] = caller.images(subject["id"])["results"][0]["aux_images"]
    assert list(aux) == AUX_KEYS
    assert aux["aux_image_type"] == "restored"
    assert caller.storage.get(aux["signed_url"]).content == PHOTO


@pytest.mark.parametrize(
    ("reads", "stages"), [(0, ["done"]), (1, ["done"]), (4, ["", "partial", "partial", "done"])]
)
def test_analysis_by_reads(reads: int, stages: list[str]) -> None:
    with Sandbox(seed=1, analysis_reads=reads) as sandbox:
        assert watch(sandbox, len(stages)) == stages


def test_analysis_by_time() -> None:
    with Sandbox(seed=1, analysis_seconds=60) as sandbox:
        moments = watch(sandbox, 3, between=lambda: sandbox.clock.advance(30))
    assert moments == ["", "partial", "done"]


def watch(sandbox: Sandbox, reads: int, between: Any = lambda: None) -> list[str]:
    caller = Caller(sandbox)
    slot = caller.upload(caller.create()["id"])
    caller.compute(slot["image_batch_id"])
    stages: list[str] = []
    for _ in range(reads):
        image = caller.image(slot["id"]).json()
        stages.append(
            "done" if image["aux_images"] else "partial" if image["quality_score"] else ""
        )
        between()
    caller.close()
    return stages


def test_compute_is_counted_and_starts_only_what_has_a_file(caller: Caller) -> None:
    subject = caller.create()
    slot = caller.slot(subject["id"])
    for _ in range(2):
        assert caller.compute(slot["image_batch_id"]).status_code == 200
    caller.put(slot)  # too late for the computes before it
    for _ in range(3):
        assert caller.image(slot["id"]).json()["quality_score"] is None
    [batch] = caller.sandbox.snapshot()["subjects"][0]["batches"]
    assert batch["computes"] == caller.sandbox.carried_out("compute_batch") == 2
    assert caller.compute(UNKNOWN).status_code == 404


def test_an_analysed_photo_can_be_computed_again_but_has_one_auxiliary_image(
    caller: Caller,
) -> None:
    subject = caller.create()
    slot = caller.upload(subject["id"])
    for _ in range(2):
        caller.http.delete(f"{caller.subjects}{subject['id']}/metadata/")
        caller.compute(slot["image_batch_id"])
        for _ in range(2):
            caller.image(slot["id"])
        image = caller.image(slot["id"]).json()
        assert image["quality_score"] is not None
        assert len(image["aux_images"]) == 1


def test_one_image_is_signed_only_on_request(caller: Caller) -> None:
    slot = caller.upload(caller.create()["id"])
    assert caller.image(slot["id"]).json()["signed_url"] is None
    answer = caller.image(slot["id"], generate_signed_url="true", expiration_seconds=5)
    url = httpx.URL(answer.json()["signed_url"])
    assert url.params["X-Goog-Expires"] == "5"
    listed = httpx.URL(caller.images(answer_subject(caller))["results"][0]["signed_url"])
    assert listed.params["X-Goog-Expires"] == "60"


def answer_subject(caller: Caller) -> str:
    subject_id: str = caller.sandbox.snapshot()["subjects"][0]["id"]
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
def test_odd_signing_parameters(
    caller: Caller, query: dict[str, str], code: str, attr: str
) -> None:
    slot = caller.slot(caller.create()["id"])
    answer = caller.image(slot["id"], **query)
    assert answer.status_code == 400
    assert errors(answer) == [(code, attr)]


def test_order_and_search(caller: Caller) -> None:
    subject = caller.create()
    for name in ("b", "A", "c", "b"):
        caller.slot(subject["id"], name=name)

    def names(**query: Any) -> str:
        return "".join(image["name"] for image in caller.images(subject["id"], **query)["results"])

    assert names() == "bAcb"
    assert names(ordering="-created_at") == "bcAb"
    assert names(ordering="name") == "Abbc"
    assert names(ordering="-name") == "cbbA"
    assert names(ordering="size") == "bAcb"
    assert names(q="a") == "A"
    assert names(page=2, page_size=3) == "b"
    newest_first = caller.images(subject["id"], ordering="-name,-created_at")["results"]
    assert [image["created_at"][-2:] for image in newest_first] == ["04", "05", "02", "03"]


def test_delete_takes_record_and_files(caller: Caller) -> None:
    subject = caller.create()
    slot = caller.upload(subject["id"])
    caller.compute(slot["image_batch_id"])
    caller.images(subject["id"])
    [image] = caller.images(subject["id"])["results"]
    assert image["aux_images"]
    path = f"{caller.company}images/{slot['id']}/"
    assert caller.http.delete(path).status_code == 204
    assert caller.http.delete(path).status_code == 404
    for url in (image["signed_url"], image["aux_images"][0]["signed_url"]):
        assert "<Code>NoSuchKey</Code>" in caller.storage.get(url).text
    assert caller.images(subject["id"])["count"] == 0


def test_a_late_upload_to_a_deleted_slot_leaves_an_orphaned_file(caller: Caller) -> None:
    slot = caller.slot(caller.create()["id"])
    caller.http.delete(f"{caller.company}images/{slot['id']}/")
    assert caller.put(slot).status_code == 200  # a bucket knows nothing of records
    assert len(caller.sandbox.snapshot()["orphaned_files"]) == 1
