"""Tests of batches, analysis results that appear one by one, and auxiliary images."""

from __future__ import annotations

import base64
import uuid
from typing import Any

import httpx
import pytest

from haut_ext.sandbox import Sandbox
from tests.sandbox.http_client import PHOTO, SandboxClient, errors

RESULT_KEYS = [
    "id",
    "result",
    "is_ok",
    "image_id",
    "algorithm_version_id",
    "creation_time",
    "application_id",
    "application_name",
    "application_description",
    "application_run_id",
    "image_type",
    "algorithm_family_tech_name",
]
AUX_KEYS = [
    "id",
    "aux_image_type",
    "creation_time",
    "application_id",
    "application_name",
    "application_run_id",
    "application_description",
    "urls",
]
ALGORITHMS = 16
RESTORED_FACE = "selfie_front_face_restored_rgba"
BASE64 = base64.b64encode(PHOTO).decode()
UNKNOWN = str(uuid.UUID(int=1, version=4))


def upload_and_analyze(client: SandboxClient, photo: bytes = PHOTO) -> dict[str, Any]:
    """Upload a photo, read its results twice to complete the analysis, and return the upload slot."""
    slot = client.upload(client.create()["id"], photo)
    client.compute(slot["image_batch_id"])
    for _ in range(2):
        client.image(slot["id"])
    return slot


def results(client: SandboxClient, slot: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"{client.nested(slot)}results/", **query)
    return found


def test_batches_are_created_listed_and_deleted_with_their_images(client: SandboxClient) -> None:
    subject = client.create()
    path = f"{client.subjects}{subject['id']}/batches/"
    created = [client.http.post(path), client.http.post(path, json={})]
    assert [response.status_code for response in created] == [201, 201]
    one, other = (response.json()["id"] for response in created)
    assert client.get(path, page_size=1)["count"] == 2
    slot = client.upload(subject["id"], batch_id=one)
    assert client.http.delete(f"{path}{one}/").status_code == 204
    assert client.http.delete(f"{path}{one}/").status_code == 404
    assert [batch["id"] for batch in client.get(path)["results"]] == [other]
    assert client.image(slot["id"]).status_code == 404
    assert not client.sandbox.database.objects


def test_images_inherit_the_creation_time_of_their_batch(client: SandboxClient) -> None:
    subject = client.create()
    path = f"{client.subjects}{subject['id']}/batches/"
    body = {"creation_time": "2024-05-06T07:08:09Z"}
    batch_id = client.http.post(path, json=body).json()["id"]
    client.slot(subject["id"], batch_id=batch_id)
    [image] = client.images(subject["id"])["results"]
    assert image["created_at"] == "2024-05-06 07:08:09"
    response = client.http.post(path, json={"creation_time": "yesterday"})
    assert (response.status_code, errors(response)) == (400, [("invalid", "creation_time")])


def test_path_with_records_of_different_parents_returns_404(client: SandboxClient) -> None:
    slot, other = upload_and_analyze(client), upload_and_analyze(client)
    parts = client.nested(slot).split("/")
    other_parts = client.nested(other).split("/")
    for position in (8, 10, 12):  # positions of the subject, batch and image ids in the path
        path = [*parts[:position], other_parts[position], *parts[position + 1 :]]
        for path_end in ("results/", "aux/"):
            assert client.http.get("/".join(path) + path_end).status_code == 404
    other_dataset = client.http.post(f"{client.company}datasets/", json={"name": "other"}).json()[
        "id"
    ]
    parts[6] = other_dataset
    assert client.http.get("/".join(parts) + "results/").status_code == 404


def test_results_appear_one_after_another_with_each_read() -> None:
    with Sandbox(seed=1, analysis_reads=4) as sandbox:
        client = SandboxClient(sandbox)
        slot = client.upload(client.create()["id"])
        assert results(client, slot) == []
        client.compute(slot["image_batch_id"])
        counts = [len(results(client, slot)) for _ in range(5)]
        client.close()
    assert counts == [0, 1, 8, ALGORITHMS, ALGORITHMS]


def test_results_appear_with_time() -> None:
    with Sandbox(seed=1, analysis_seconds=60) as sandbox:
        client = SandboxClient(sandbox)
        slot = client.upload(client.create()["id"])
        client.compute(slot["image_batch_id"])
        counts: list[int] = []
        for _ in range(5):
            counts.append(len(results(client, slot)))
            sandbox.clock.advance(15)
        client.close()
    assert counts == [0, 0, 1, 8, ALGORITHMS]


def test_results_have_the_documented_keys_in_order(client: SandboxClient) -> None:
    slot = upload_and_analyze(client)
    found = results(client, slot)
    assert len({result["id"] for result in found}) == ALGORITHMS
    for result in found:
        assert list(result) == RESULT_KEYS
        assert (result["is_ok"], result["image_id"]) == (True, slot["id"])
        assert result["application_run_id"] == slot["application_run_id"]
    quality = found[0]["result"]["area_results"][0]["main_metric"]["value"]
    assert quality == client.image(slot["id"]).json()["quality_score"]


def test_values_depend_only_on_the_photo(client: SandboxClient) -> None:
    def values(photo: bytes) -> list[Any]:
        return [result["result"] for result in results(client, upload_and_analyze(client, photo))]

    assert values(b"one") == values(b"one")
    assert values(b"one") != values(b"two")


def test_results_can_be_filtered_by_application(client: SandboxClient) -> None:
    slot = upload_and_analyze(client)
    [run] = {result["application_run_id"] for result in results(client, slot)}
    assert len(results(client, slot, application_run_id=run, token="any")) == ALGORITHMS
    assert results(client, slot, application_run_id=UNKNOWN) == []
    assert results(client, slot, application_name="Face Skin Metrics 3.0") == []


def test_fail_algorithm_makes_its_results_fail(client: SandboxClient) -> None:
    before = upload_and_analyze(client)
    client.sandbox.fail_algorithm("selfie_v2.acne", "No face detected")
    failed = [
        result for result in results(client, upload_and_analyze(client)) if not result["is_ok"]
    ]
    assert [result["algorithm_family_tech_name"] for result in failed] == ["selfie_v2.acne"]
    assert failed[0]["result"] == {"error": "No face detected"}
    assert all(result["is_ok"] for result in results(client, before))
    with pytest.raises(ValueError, match=r"selfie_v2\.beauty"):
        client.sandbox.fail_algorithm("selfie_v2.beauty", "No face detected")


def test_auxiliary_images_have_the_documented_keys_and_signed_urls(client: SandboxClient) -> None:
    slot = upload_and_analyze(client)
    path = f"{client.nested(slot)}aux/"
    [aux] = client.get(path)
    assert list(aux) == AUX_KEYS
    assert aux["aux_image_type"]["tech_name"] == RESTORED_FACE
    assert client.storage.get(aux["urls"]["original"]).content == PHOTO
    url = client.get(f"{path}{aux['id']}/signed_url/", expiration_seconds=7)["url"]
    assert httpx.URL(url).params["X-Goog-Expires"] == "7"
    assert client.storage.get(url).content == PHOTO
    assert client.http.get(f"{path}{UNKNOWN}/signed_url/").status_code == 404
    response = client.http.get(f"{path}{aux['id']}/signed_url/", params={"expiration_seconds": 0})
    assert (response.status_code, errors(response)) == (400, [("min_value", "expiration_seconds")])


def test_clearing_the_storage_keeps_results_and_auxiliary_images(client: SandboxClient) -> None:
    slot = upload_and_analyze(client)
    path = client.nested(slot)
    subject_id = client.sandbox.database.images[slot["id"]].subject.id
    client.http.delete(f"{client.subjects}{subject_id}/storage/")
    assert len(results(client, slot)) == ALGORITHMS
    [aux] = client.get(f"{path}aux/")
    assert client.storage.get(aux["urls"]["original"]).content == PHOTO


def test_clearing_the_metadata_deletes_results_and_keeps_auxiliary_images(
    client: SandboxClient,
) -> None:
    slot = upload_and_analyze(client)
    subject_id = client.sandbox.database.images[slot["id"]].subject.id
    client.http.delete(f"{client.subjects}{subject_id}/metadata/")
    assert results(client, slot) == []
    assert len(client.get(f"{client.nested(slot)}aux/")) == 1
    client.compute(slot["image_batch_id"])
    assert len(results(client, slot)) == 1


@pytest.mark.parametrize("record", ["image", "batch", "subject"])
def test_deletion_removes_results_auxiliary_images_and_files(
    client: SandboxClient, record: str
) -> None:
    slot = upload_and_analyze(client)
    path = client.nested(slot)
    [aux] = client.get(f"{path}aux/")
    subject = path.partition("batches/")[0]
    batch = path.partition("images/")[0]
    image = f"{client.company}images/{slot['id']}/"
    target = {"image": image, "batch": batch, "subject": subject}[record]
    assert client.http.delete(target).status_code == 204
    for path_end in ("results/", "aux/", f"aux/{aux['id']}/signed_url/"):
        assert client.http.get(path + path_end).status_code == 404
    assert not client.sandbox.database.objects


def test_analysis_pauses_without_the_file_and_restarts_with_a_compute_request() -> None:
    with Sandbox(seed=1, analysis_reads=4) as sandbox:
        client = SandboxClient(sandbox)
        slot = client.upload(client.create()["id"])
        client.compute(slot["image_batch_id"])
        stored = sandbox.database.objects.pop(sandbox.database.images[slot["id"]].key)
        assert [len(results(client, slot)) for _ in range(5)] == [0] * 5
        sandbox.database.store(sandbox.database.images[slot["id"]].key, stored)
        client.compute(slot["image_batch_id"])
        assert [len(results(client, slot)) for _ in range(4)] == [0, 1, 8, ALGORITHMS]
        client.close()


@pytest.mark.parametrize("prefix", ["", "data:image/jpeg;base64,"])
@pytest.mark.parametrize("in_batch", [True, False])
def test_image_sent_as_base64_text_is_analyzed_without_a_compute_request(
    client: SandboxClient, in_batch: bool, prefix: str
) -> None:
    subject = f"{client.subjects}{client.create()['id']}/"
    batch_id = client.http.post(f"{subject}batches/").json()["id"] if in_batch else None
    path = f"{subject}batches/{batch_id}/images/" if batch_id else f"{subject}images/"
    body = {"b64data": prefix + BASE64, "side_id": 2, "light_id": 1, "name": ""}
    response = client.http.post(path, json=body)
    assert response.status_code == 201
    created = response.json()
    assert batch_id in (None, created["image_batch_id"])
    original = f"{client.sandbox.base_url}/images/{created['id']}.jpg"
    assert created["urls"]["original"] == original
    for _ in range(2):
        image = client.image(created["id"], generate_signed_url=True).json()
    assert (image["side"], image["name"]) == ("right", "")
    assert client.storage.get(image["signed_url"]).content == PHOTO
    assert len(results(client, created)) == ALGORITHMS
    listed = client.get(f"{subject}batches/{created['image_batch_id']}/images/")
    assert listed["results"] == [created]


def test_second_image_of_a_batch_does_not_restart_the_analysis_of_the_first() -> None:
    with Sandbox(seed=1, analysis_reads=4) as sandbox:
        client = SandboxClient(sandbox)
        subject = f"{client.subjects}{client.create()['id']}/"
        first = client.http.post(f"{subject}images/", json={"b64data": BASE64}).json()
        assert [len(results(client, first)) for _ in range(2)] == [0, 1]
        path = f"{subject}batches/{first['image_batch_id']}/images/"
        client.http.post(path, json={"b64data": BASE64})
        assert len(results(client, first)) > 1
        client.close()


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("b64data", None, "null"),
        ("b64data", "", "blank"),
        ("b64data", "not base64!", "invalid"),
        ("b64data", "data:image/jpeg;base64,", "invalid"),
        ("b64data", "data:image/jpeg,AAAA", "invalid"),
        ("side_id", 9, "does_not_exist"),
    ],
)
def test_invalid_base64_upload_returns_400_and_creates_nothing(
    client: SandboxClient, field: str, value: Any, code: str
) -> None:
    path = f"{client.subjects}{client.create()['id']}/images/"
    response = client.http.post(path, json={"b64data": BASE64, field: value})
    assert (response.status_code, errors(response)) == (400, [(code, field)])
    assert client.sandbox.snapshot()["subjects"][0]["batches"] == []


def test_smoothed_results_are_the_scores_of_the_families(client: SandboxClient) -> None:
    slot = upload_and_analyze(client)
    path = f"{client.nested(slot)}smoothed_results/"
    query = {"sample_time_window": 14, "sample_max_size": 10, "smoothing_method": "mean"}
    smoothed = client.get(path, **query)
    scores = {
        result["algorithm_family_tech_name"]: areas[0]["main_metric"]["value"]
        for result in results(client, slot)
        if (areas := result["result"]["area_results"])
        and areas[0]["main_metric"]["widget_type"] != "category"
    }
    assert {item["algorithm_tech_name"]: item["value"] for item in smoothed} == scores
    assert {item["algorithm_name"] for item in smoothed} >= {"Acne", "Eye Bags"}
    response = client.http.get(path, params={"sample_max_size": "many"})
    assert (response.status_code, errors(response)) == (400, [("invalid", "sample_max_size")])
    client.sandbox.fail_algorithm("selfie_v2.acne", "Not full face")
    other = upload_and_analyze(client)
    families = {
        item["algorithm_tech_name"]
        for item in client.get(f"{client.nested(other)}smoothed_results/")
    }
    assert families == scores.keys() - {"selfie_v2.acne"}
