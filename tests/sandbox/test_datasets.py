"""Tests of the sandbox's datasets, image types and dictionaries (lists of allowed values)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from haut_ext.algorithm_families import FAMILIES
from tests.sandbox.http_client import SandboxClient, errors

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


def create(client: SandboxClient, **fields: Any) -> httpx.Response:
    return client.http.post(f"{client.company}datasets/", json=fields)


def test_datasets_have_the_documented_keys_in_order(client: SandboxClient) -> None:
    response = create(client, name="study", expire_images_after_days=30, image_type_id=None)
    assert response.status_code == 201
    created = response.json()
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
    assert client.get(f"{client.company}datasets/{created['id']}/") == created
    assert client.http.get(f"{client.company}datasets/{UNKNOWN}/").status_code == 404


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
def test_invalid_dataset_returns_400(
    client: SandboxClient, field: str, value: Any, code: str
) -> None:
    response = create(client, **{"name": "study", field: value})
    assert (response.status_code, errors(response)) == (400, [(code, field)])
    assert len(client.sandbox.snapshot()["datasets"]) == 1


def test_datasets_can_be_sorted_searched_and_paged(client: SandboxClient) -> None:
    for name in ("beta", "Alpha"):
        create(client, name=name)

    def names(**query: Any) -> list[str]:
        page = client.get(f"{client.company}datasets/", **query)
        return [dataset["name"] for dataset in page["results"]]

    assert names() == ["Sandbox dataset", "beta", "Alpha"]
    assert names(ordering="-name") == ["beta", "Sandbox dataset", "Alpha"]
    assert names(q="BET") == ["beta"]
    assert names(page=2, page_size=2) == ["Alpha"]
    short = client.get(f"{client.company}datasets/short_list/", q="alp")
    assert [list(item) for item in short] == [["id", "name"]]
    assert [item["name"] for item in short] == ["Alpha"]


def test_each_dataset_has_its_own_subjects(client: SandboxClient) -> None:
    other = create(client, name="other").json()
    path = f"{client.company}datasets/{other['id']}/subjects/"
    ann = client.create("Ann")
    bob = client.http.post(path, json={"name": "Bob"}).json()
    assert bob["dataset"] == {"id": other["id"], "name": "other"}
    assert [item["name"] for item in client.get(client.subjects)["results"]] == ["Ann"]
    assert [item["name"] for item in client.get(path)["results"]] == ["Bob"]
    assert client.http.delete(f"{path}{ann['id']}/").status_code == 404
    query = {"subjects_ids": [ann["id"], bob["id"]]}
    assert client.http.delete(f"{path}delete/", params=query).json() == {"deleted": [bob["id"]]}


def test_image_type_of_the_dataset_determines_sides_and_lights(client: SandboxClient) -> None:
    hands = create(client, name="hands", image_type_id=2).json()
    path = f"{client.company}datasets/{hands['id']}/subjects/"
    subject_id = client.http.post(path, json={"name": "Ann"}).json()["id"]
    slot = client.slot(subject_id)
    assert (slot["side_tech_name"], slot["image_type_tech_name"]) == ("palm", "hand")
    slot = client.slot(subject_id, side_id=5, light_id=2)
    assert (slot["side_tech_name"], slot["light_tech_name"]) == ("back", "polarized")
    [_, image] = client.images(subject_id)["results"]
    assert image["side"] == "back"
    path = f"{client.company}subjects/{subject_id}/signed_upload_url/"
    response = client.http.post(path, json={"side_id": 1})
    assert (response.status_code, errors(response)) == (400, [("does_not_exist", "side_id")])


def test_dictionaries_are_arrays_without_pages(client: SandboxClient) -> None:
    image_types = client.get("/api/v1/dicts/image_types/")
    assert [item["tech_name"] for item in image_types] == ["selfie", "hand"]
    assert list(image_types[0]) == ["id", "name", "tech_name", "sides", "lights"]
    algorithms = client.get("/api/v1/dicts/algorithms/")
    assert len({item["id"] for item in algorithms}) == len(algorithms) == len(FAMILIES)
    assert algorithms[0] == {
        "id": 43,
        "tech_name": "quality",
        "version": "2.0",
        "algorithm_family": {"name": "selfie_v2.quality"},
    }
