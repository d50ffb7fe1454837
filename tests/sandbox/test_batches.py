"""Nested batches, results that come algorithm by algorithm, auxiliary images (api-facts 8)."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from haut_ext.sandbox import Sandbox
from tests.sandbox.caller import PHOTO, Caller, errors

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
METRIC_KEYS = ["value", "widget_type", "name", "tech_name", "widget_meta", "units"]
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
ALL = 8
UNKNOWN = str(uuid.UUID(int=1, version=4))


def analysed(caller: Caller, photo: bytes = PHOTO) -> dict[str, Any]:
    """Return a slot whose photo is completely analysed, in a sandbox with two reads."""
    slot = caller.upload(caller.create()["id"], photo)
    caller.compute(slot["image_batch_id"])
    for _ in range(2):
        caller.image(slot["id"])
    return slot


def results(caller: Caller, slot: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = caller.get(f"{caller.nested(slot)}results/", **query)
    return found


def test_batches_are_made_listed_and_deleted_with_their_images(caller: Caller) -> None:
    subject = caller.create()
    path = f"{caller.subjects}{subject['id']}/batches/"
    made = [caller.http.post(path), caller.http.post(path, json={})]
    assert [answer.status_code for answer in made] == [201, 201]
    one, other = (answer.json()["id"] for answer in made)
    assert caller.get(path, page_size=1)["count"] == 2
    slot = caller.upload(subject["id"], batch_id=one)
    assert caller.http.delete(f"{path}{one}/").status_code == 204
    assert caller.http.delete(f"{path}{one}/").status_code == 404
    assert [batch["id"] for batch in caller.get(path)["results"]] == [other]
    assert caller.image(slot["id"]).status_code == 404
    assert not caller.sandbox.world.objects


def test_images_take_their_batchs_creation_time_over(caller: Caller) -> None:
    subject = caller.create()
    path = f"{caller.subjects}{subject['id']}/batches/"
    body = {"creation_time": "2024-05-06T07:08:09Z"}
    batch_id = caller.http.post(path, json=body).json()["id"]
    caller.slot(subject["id"], batch_id=batch_id)
    [image] = caller.images(subject["id"])["results"]
    assert image["created_at"] == "2024-05-06 07:08:09"
    answer = caller.http.post(path, json={"creation_time": "yesterday"})
    assert (answer.status_code, errors(answer)) == (400, [("invalid", "creation_time")])


def test_a_path_leads_only_through_what_belongs_together(caller: Caller) -> None:
    slot, other = analysed(caller), analysed(caller)
    parts = caller.nested(slot).split("/")
    strange = caller.nested(other).split("/")
    for place in (8, 10, 12):  # subject, batch, image
        mixed = [*parts[:place], strange[place], *parts[place + 1 :]]
        for leaf in ("results/", "aux/"):
            assert caller.http.get("/".join(mixed) + leaf).status_code == 404
    elsewhere = caller.http.post(f"{caller.company}datasets/", json={"name": "other"}).json()["id"]
    parts[6] = elsewhere
    assert caller.http.get("/".join(parts) + "results/").status_code == 404


def test_results_are_empty_then_come_one_by_one() -> None:
    with Sandbox(seed=1, analysis_reads=4) as sandbox:
        caller = Caller(sandbox)
        slot = caller.upload(caller.create()["id"])
        assert results(caller, slot) == []
        caller.compute(slot["image_batch_id"])
        seen = [len(results(caller, slot)) for _ in range(5)]
        caller.close()
    assert seen == [0, 1, 4, ALL, ALL]


def test_results_come_by_time() -> None:
    with Sandbox(seed=1, analysis_seconds=60) as sandbox:
        caller = Caller(sandbox)
        slot = caller.upload(caller.create()["id"])
        caller.compute(slot["image_batch_id"])
        seen: list[int] = []
        for _ in range(5):
            seen.append(len(results(caller, slot)))
            sandbox.clock.advance(15)
        caller.close()
    assert seen == [0, 0, 1, 4, ALL]


def test_a_result_has_the_documented_keys_in_order(caller: Caller) -> None:
    slot = analysed(caller)
    found = results(caller, slot)
    assert len({result["id"] for result in found}) == ALL
    for result in found:
        assert list(result) == RESULT_KEYS
        assert (result["is_ok"], result["image_id"]) == (True, slot["id"])
        assert result["application_run_id"] == slot["application_run_id"]
        family = result["algorithm_family_tech_name"]
        assert family == f"selfie_v2.{result['result']['algorithm_tech_name']}"
        for area in result["result"]["area_results"]:
            for metric in (area["main_metric"], *area["sub_metrics"]):
                assert list(metric) == METRIC_KEYS
    values = {
        result["result"]["algorithm_tech_name"]: result["result"]["area_results"][0]["main_metric"][
            "value"
        ]
        for result in found
    }
    assert values["quality"] == caller.image(slot["id"]).json()["quality_score"]
    assert values["skin_tone"] in {"Light", "Medium", "Dark"}


def test_values_depend_on_the_photo_alone(caller: Caller) -> None:
    def values(photo: bytes) -> list[Any]:
        return [result["result"] for result in results(caller, analysed(caller, photo))]

    assert values(b"one") == values(b"one")
    assert values(b"one") != values(b"two")


def test_results_are_filtered_by_application(caller: Caller) -> None:
    slot = analysed(caller)
    [run] = {result["application_run_id"] for result in results(caller, slot)}
    assert len(results(caller, slot, application_run_id=run, token="any")) == ALL
    assert results(caller, slot, application_run_id=UNKNOWN) == []
    assert results(caller, slot, application_name="Face Skin Metrics 3.0") == []


def test_an_algorithm_fails_when_asked_to(caller: Caller) -> None:
    before = analysed(caller)
    caller.sandbox.fail_algorithm("selfie_v2.acne", "No face detected")
    failed = [result for result in results(caller, analysed(caller)) if not result["is_ok"]]
    assert [result["algorithm_family_tech_name"] for result in failed] == ["selfie_v2.acne"]
    assert failed[0]["result"] == {"error": "No face detected"}
    assert all(result["is_ok"] for result in results(caller, before))
    with pytest.raises(ValueError, match=r"selfie_v2\.beauty"):
        caller.sandbox.fail_algorithm("selfie_v2.beauty", "No face detected")


def test_auxiliary_images_and_their_urls(caller: Caller) -> None:
    slot = analysed(caller)
    path = f"{caller.nested(slot)}aux/"
    [aux] = caller.get(path)
    assert list(aux) == AUX_KEYS
    assert aux["aux_image_type"] == {"id": 1, "name": "Restored", "tech_name": "restored"}
    assert caller.storage.get(aux["urls"]["original"]).content == PHOTO
    url = caller.get(f"{path}{aux['id']}/signed_url/", expiration_seconds=7)["url"]
    assert httpx.URL(url).params["X-Goog-Expires"] == "7"
    assert caller.storage.get(url).content == PHOTO
    assert caller.http.get(f"{path}{UNKNOWN}/signed_url/").status_code == 404
    answer = caller.http.get(f"{path}{aux['id']}/signed_url/", params={"expiration_seconds": 0})
    assert (answer.status_code, errors(answer)) == (400, [("min_value", "expiration_seconds")])


def test_files_go_but_results_and_auxiliary_images_stay(caller: Caller) -> None:
    slot = analysed(caller)
    path = caller.nested(slot)
    subject_id = caller.sandbox.world.images[slot["id"]].subject.id
    caller.http.delete(f"{caller.subjects}{subject_id}/storage/")
    assert len(results(caller, slot)) == ALL
    [aux] = caller.get(f"{path}aux/")
    assert caller.storage.get(aux["urls"]["original"]).content == PHOTO


def test_results_go_with_the_metadata_and_auxiliary_images_stay(caller: Caller) -> None:
    slot = analysed(caller)
    subject_id = caller.sandbox.world.images[slot["id"]].subject.id
    caller.http.delete(f"{caller.subjects}{subject_id}/metadata/")
    assert results(caller, slot) == []
    assert len(caller.get(f"{caller.nested(slot)}aux/")) == 1
    caller.compute(slot["image_batch_id"])
    assert len(results(caller, slot)) == 1


@pytest.mark.parametrize("what", ["image", "batch", "subject"])
def test_nothing_is_left_to_read_after_a_deletion(caller: Caller, what: str) -> None:
    slot = analysed(caller)
    path = caller.nested(slot)
    [aux] = caller.get(f"{path}aux/")
    subject = path.partition("batches/")[0]
    batch = path.partition("images/")[0]
    image = f"{caller.company}images/{slot['id']}/"
    target = {"image": image, "batch": batch, "subject": subject}[what]
    assert caller.http.delete(target).status_code == 204
    for leaf in ("results/", "aux/", f"aux/{aux['id']}/signed_url/"):
        assert caller.http.get(path + leaf).status_code == 404
    assert not caller.sandbox.world.objects


def test_an_analysis_stands_still_without_its_file_and_starts_anew_with_a_compute() -> None:
    with Sandbox(seed=1, analysis_reads=4) as sandbox:
        caller = Caller(sandbox)
        slot = caller.upload(caller.create()["id"])
        caller.compute(slot["image_batch_id"])
        stored = sandbox.world.objects.pop(sandbox.world.images[slot["id"]].key)
        assert [len(results(caller, slot)) for _ in range(5)] == [0] * 5
        sandbox.world.store(sandbox.world.images[slot["id"]].key, stored)
        caller.compute(slot["image_batch_id"])
        assert [len(results(caller, slot)) for _ in range(4)] == [0, 1, 4, ALL]
        caller.close()
