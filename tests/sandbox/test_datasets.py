"""Datasets with their image types, and the dictionaries (api-facts 7 and 13)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.sandbox.caller import Caller, errors

KEYS = [
    "id",
    "company_id",
    "name",
    "image_type",
    "image_type_name",
    "image_type_tech_name",
    "connected_applications",
    "expire_images_after_days",
    "expire_metadata_after_days",
    "clean_images_as_soon_as_ready",
    "custom_branding",
]
UNKNOWN = "00000000-0000-4000-8000-000000000001"


def create(caller: Caller, **fields: Any) -> httpx.Response:
    return caller.http.post(f"{caller.company}datasets/", json=fields)


def test_a_dataset_has_the_documented_keys_in_order(caller: Caller) -> None:
    answer = create(caller, name="study", expire_images_after_days=30, image_type_id=None)
    assert answer.status_code == 201
    created = answer.json()
    assert list(created) == KEYS
    assert (created["name"], created["expire_images_after_days"]) == ("study", 30)
    assert created["image_type"] == {
        "id": 1,
        "name": "Selfie",
        "tech_name": "selfie",
        "sides": [
            {"id": 1, "name": "Front", "tech_name": "front"},
            {"id": 2, "name": "Right", "tech_name": "right"},
            {"id": 3, "name": "Left", "tech_name": "left"},
        ],
        "lights": [{"id": 1, "name": "Regular", "tech_name": "regular"}],
    }
    assert caller.get(f"{caller.company}datasets/{created['id']}/") == created
    assert caller.http.get(f"{caller.company}datasets/{UNKNOWN}/").status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "", "blank"),
        ("name", "x" * 513, "max_length"),
        ("image_type_id", 3, "does_not_exist"),
        ("expire_images_after_days", 366, "max_value"),
        ("expire_metadata_after_days", "1", "invalid"),
        ("clean_images_as_soon_as_ready", None, "null"),
        ("clean_images_as_soon_as_ready", 1, "invalid"),
        ("custom_branding", True, "invalid"),
    ],
)
def test_a_dataset_is_refused(caller: Caller, field: str, value: Any, code: str) -> None:
    answer = create(caller, **{"name": "study", field: value})
    assert (answer.status_code, errors(answer)) == (400, [(code, field)])
    assert len(caller.sandbox.snapshot()["datasets"]) == 1


def test_datasets_are_listed_in_order_searched_and_paged(caller: Caller) -> None:
    for name in ("beta", "Alpha"):
        create(caller, name=name)

    def names(**query: Any) -> list[str]:
        page = caller.get(f"{caller.company}datasets/", **query)
        return [dataset["name"] for dataset in page["results"]]

    assert names() == ["Sandbox dataset", "beta", "Alpha"]
    assert names(ordering="-name") == ["beta", "Sandbox dataset", "Alpha"]
    assert names(q="BET") == ["beta"]
    assert names(page=2, page_size=2) == ["Alpha"]
    short = caller.get(f"{caller.company}datasets/short_list/", q="alp")
    assert [list(found) for found in short] == [["id", "name"]]
    assert [found["name"] for found in short] == ["Alpha"]


def test_each_dataset_has_its_own_subjects(caller: Caller) -> None:
    other = create(caller, name="other").json()
    path = f"{caller.company}datasets/{other['id']}/subjects/"
    ann = caller.create("Ann")
    bob = caller.http.post(path, json={"name": "Bob"}).json()
    assert bob["dataset"] == {"id": other["id"], "name": "other"}
    assert [found["name"] for found in caller.get(caller.subjects)["results"]] == ["Ann"]
    assert [found["name"] for found in caller.get(path)["results"]] == ["Bob"]
    assert caller.http.delete(f"{path}{ann['id']}/").status_code == 404
    query = {"subjects_ids": [ann["id"], bob["id"]]}
    assert caller.http.delete(f"{path}delete/", params=query).json() == {"deleted": [bob["id"]]}


def test_sides_and_lights_are_those_of_the_datasets_image_type(caller: Caller) -> None:
    hands = create(caller, name="hands", image_type_id=2).json()
    path = f"{caller.company}datasets/{hands['id']}/subjects/"
    subject_id = caller.http.post(path, json={"name": "Ann"}).json()["id"]
    slot = caller.slot(subject_id)
    assert (slot["side_tech_name"], slot["image_type_tech_name"]) == ("palm", "hand")
    slot = caller.slot(subject_id, side_id=5, light_id=2)
    assert (slot["side_tech_name"], slot["light_tech_name"]) == ("back", "polarized")
    [_, image] = caller.images(subject_id)["results"]
    assert image["side"] == "back"
    path = f"{caller.company}subjects/{subject_id}/signed_upload_url/"
    answer = caller.http.post(path, json={"side_id": 1})
    assert (answer.status_code, errors(answer)) == (400, [("does_not_exist", "side_id")])


def test_dictionaries_are_bare_arrays(caller: Caller) -> None:
    image_types = caller.get("/api/v1/dicts/image_types/")
    assert [found["tech_name"] for found in image_types] == ["selfie", "hand"]
    assert list(image_types[0]) == ["id", "name", "tech_name", "sides", "lights"]
    algorithms = caller.get("/api/v1/dicts/algorithms/")
    assert len({found["id"] for found in algorithms}) == len(algorithms) == 8
    assert algorithms[0] == {
        "id": 101,
        "tech_name": "quality",
        "version": "2.0",
        "algorithm_family": {"name": "selfie_v2.quality"},
    }
