"""Tests of the sandbox's subject operations: statuses, fields, validation, pages, tokens, deletion."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import pytest

from haut_ext.sandbox import Sandbox
from tests.sandbox.http_client import PHOTO, SandboxClient, errors

SUBJECT_KEYS = [
    "name",
    "birth_date",
    "biological_sex",
    "meta",
    "id",
    "author_id",
    "creation_time",
    "company",
    "dataset",
    "promote_image_id",
]
UNKNOWN = str(uuid.UUID(int=1, version=4))


def test_create_returns_201_with_the_documented_keys_in_order(client: SandboxClient) -> None:
    subject = client.create("Ann", birth_date="1990-02-28", biological_sex="female", meta=[1, None])
    assert list(subject) == SUBJECT_KEYS
    assert subject["creation_time"] == "2025-01-01 00:00:01"
    assert subject["birth_date"] == "1990-02-28"
    assert subject["meta"] == [1, None]
    assert subject["biological_sex"]["name"] == "female"
    credentials = client.sandbox.credentials
    assert subject["company"]["id"] == credentials["company_id"]
    assert subject["dataset"]["id"] == credentials["dataset_id"]


def test_nulls_and_unknown_keys_are_accepted(client: SandboxClient) -> None:
    subject = client.create("Ann", birth_date=None, biological_sex=None, meta=None, phenotype=None)
    assert subject["birth_date"] is subject["biological_sex"] is subject["meta"] is None


@pytest.mark.parametrize(("given", "stored"), [(1234, "1234"), (1.5, "1.5"), (-1, "-1")])
def test_number_is_accepted_as_a_name_and_returned_as_text(
    client: SandboxClient, given: float, stored: str
) -> None:
    response = client.http.post(client.subjects, json={"name": given})
    assert (response.status_code, response.json()["name"]) == (201, stored)
    response = client.http.patch(f"{client.subjects}{response.json()['id']}/", json={"name": given})
    assert (response.status_code, response.json()["name"]) == (200, stored)


def test_biological_sex_is_accepted_as_a_name_and_as_an_id(client: SandboxClient) -> None:
    sex = client.create(biological_sex="female")["biological_sex"]
    assert client.create(biological_sex=sex["id"])["biological_sex"] == sex


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [("required", "name")]),
        ({"name": ""}, [("blank", "name")]),
        ({"name": "  "}, [("blank", "name")]),
        ({"name": None}, [("null", "name")]),
        ({"name": True}, [("invalid", "name")]),
        ({"name": "x" * 513}, [("max_length", "name")]),
        ({"name": "a\0b"}, [("null_characters_not_allowed", "name")]),
        ({"name": "a\ud800"}, [("surrogate_characters_not_allowed", "name")]),
        ({"name": "a", "birth_date": "2025-02-30"}, [("invalid", "birth_date")]),
        ({"name": "a", "birth_date": "20250201"}, [("invalid", "birth_date")]),
        ({"name": "a", "birth_date": 20250201}, [("invalid", "birth_date")]),
        ({"name": "a", "biological_sex": ""}, [("blank", "biological_sex")]),
        ({"birth_date": "x"}, [("required", "name"), ("invalid", "birth_date")]),
        ([], [("invalid", "non_field_errors")]),
    ],
)
def test_invalid_subject_returns_400(
    client: SandboxClient, fields: Any, expected: list[tuple[str, str]]
) -> None:
    response = client.http.post(
        client.subjects,
        content=json.dumps(fields),
        headers={"Content-Type": "application/json"},
    )
    assert response.status_code == 400
    assert response.json()["type"] == "validation_error"
    assert errors(response) == expected
    assert client.sandbox.carried_out("create_subject") == 0


@pytest.mark.parametrize("length", [1, 512])
def test_names_of_minimum_and_maximum_length_are_accepted(
    client: SandboxClient, length: int
) -> None:
    assert client.create("é" * length)["name"] == "é" * length


@pytest.mark.parametrize(
    "body", [b"{", b"no JSON", b"\xff", b'{"meta": NaN}', b'{"meta": 1e999}', b"[" * 100_000]
)
def test_invalid_json_is_a_parse_error(client: SandboxClient, body: bytes) -> None:
    response = client.http.post(
        client.subjects, content=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 400
    assert response.json()["type"] == "client_error"
    assert errors(response) == [("parse_error", None)]


def test_other_content_types_return_415(client: SandboxClient) -> None:
    response = client.http.post(client.subjects, data={"name": "Ann"})
    assert response.status_code == 415
    assert errors(response) == [("unsupported_media_type", None)]


def test_meta_of_one_megabyte_is_returned(client: SandboxClient) -> None:
    meta = {"text": "ü" * 1_000_000}
    assert client.create(meta=meta)["meta"] == meta


def test_lone_surrogate_in_meta_is_returned(client: SandboxClient) -> None:
    body = b'{"name": "a", "meta": "\\ud800"}'
    response = client.http.post(
        client.subjects, content=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 201
    assert response.json()["meta"] == "\ud800"


def test_update_changes_only_the_given_fields(client: SandboxClient) -> None:
    subject = client.create("Ann", birth_date="1990-01-01", meta=1)
    path = f"{client.subjects}{subject['id']}/"
    response = client.http.patch(path, json={"birth_date": None, "biological_sex": "male"})
    assert response.status_code == 200
    changed = response.json()
    assert changed["biological_sex"]["tech_name"] == "male"
    assert changed == {
        **subject,
        "birth_date": None,
        "biological_sex": changed["biological_sex"],
    }
    assert client.http.patch(path).json() == changed
    assert errors(client.http.patch(path, json={"name": None})) == [("null", "name")]


def test_requests_without_a_valid_token_or_with_other_ids_are_rejected(
    client: SandboxClient,
) -> None:
    def attempt(authorization: str | None, path: str = client.subjects) -> tuple[int, str]:
        headers = {} if authorization is None else {"Authorization": authorization}
        response = client.storage.get(f"{client.sandbox.base_url}{path}", headers=headers)
        return response.status_code, errors(response)[0][0]

    token = client.sandbox.credentials["token"]
    assert attempt(None) == (401, "not_authenticated")
    assert attempt(f"Token {token}") == (401, "not_authenticated")
    assert attempt("Bearer wrong") == (401, "authentication_failed")
    other_company = client.subjects.replace(client.sandbox.credentials["company_id"], UNKNOWN)
    assert attempt(f"bearer {token}", other_company) == (403, "permission_denied")
    other_dataset = client.subjects.replace(client.sandbox.credentials["dataset_id"], UNKNOWN)
    assert attempt(f"Bearer {token}", other_dataset) == (404, "not_found")


def test_expired_token_is_rejected_and_a_new_one_accepted(client: SandboxClient) -> None:
    sandbox = client.sandbox
    sandbox.expire_tokens()
    response = client.http.get(client.subjects)
    assert response.status_code == 401
    assert errors(response) == [("authentication_failed", None)]
    assert response.headers["www-authenticate"].startswith("Bearer")
    fresh = sandbox.issue_token()
    assert sandbox.credentials["token"] == fresh
    headers = {"Authorization": f"Bearer {fresh}"}
    assert client.http.get(client.subjects, headers=headers).status_code == 200


def test_unknown_paths_and_methods(client: SandboxClient) -> None:
    get = client.http.get(f"{client.subjects[:-1]}?q=a", follow_redirects=False)
    assert (get.status_code, get.headers["location"]) == (301, f"{client.subjects}?q=a")
    assert client.http.post(client.subjects[:-1], json={"name": "a"}).status_code == 404
    assert client.http.get("/unknown/").status_code == 404
    assert client.http.patch(f"{client.subjects}not-a-uuid/", json={}).status_code == 404
    put = client.http.put(client.subjects)
    assert (put.status_code, put.headers["allow"]) == (405, "GET, POST")
    assert errors(put) == [("method_not_allowed", None)]


def test_operations_on_an_unknown_subject_return_404(client: SandboxClient) -> None:
    below = f"{client.subjects}{UNKNOWN}/"
    beside = f"{client.company}subjects/{UNKNOWN}/"
    for method, path in [
        ("PATCH", below),
        ("DELETE", below),
        ("DELETE", f"{below}storage/"),
        ("DELETE", f"{below}metadata/"),
        ("POST", f"{beside}signed_upload_url/"),
        ("GET", f"{beside}images/"),
    ]:
        response = client.http.request(method, path)
        assert response.status_code == 404, path
        assert errors(response) == [("not_found", None)]


def names_by_page(client: SandboxClient, **query: Any) -> list[list[str]]:
    """Follow the `next` links and return the names on each page; check the `previous` links."""
    pages: list[list[str]] = []
    url, previous_url = f"{client.sandbox.base_url}{client.subjects}", None
    while url:
        page = client.http.get(url, params=query or None).json()
        query = {}
        assert list(page) == ["count", "next", "previous", "results"]
        if previous_url:
            before = client.http.get(page["previous"]).json()
            assert [item["name"] for item in before["results"]] == pages[-1]
            # Django REST framework omits the page number in links to the first page.
            assert ("page" in httpx.URL(page["previous"]).params) is (len(pages) > 1)
        else:
            assert page["previous"] is None
        pages.append([item["name"] for item in page["results"]])
        url, previous_url = page["next"], url
    return pages


@pytest.mark.parametrize(
    ("count", "size", "lengths"),
    [(0, 5, [0]), (5, 5, [5]), (6, 5, [5, 1]), (23, None, [10, 10, 3])],
)
def test_all_items_appear_on_the_pages(
    client: SandboxClient, count: int, size: int | None, lengths: list[int]
) -> None:
    names = [subject.name for subject in client.sandbox.add_subjects(count)]
    pages = names_by_page(client, **({} if size is None else {"page_size": size}))
    assert [len(page) for page in pages] == lengths
    assert [name for page in pages for name in page] == names


def test_page_links_keep_the_search_term(client: SandboxClient) -> None:
    client.sandbox.add_subjects(3, "Ann & Bo")
    client.sandbox.add_subjects(3, "Carl")
    assert [len(page) for page in names_by_page(client, q="aNN &", page_size=2)] == [2, 1]


@pytest.mark.parametrize("page", ["0", "-1", "4", "x", "1.5", "99999999999999999999"])
def test_invalid_page_returns_404(client: SandboxClient, page: str) -> None:
    client.sandbox.add_subjects(23)
    response = client.http.get(client.subjects, params={"page": page})
    assert response.status_code == 404
    assert response.json()["errors"][0]["detail"] == "Invalid page."


@pytest.mark.parametrize(
    ("requested", "actual"),
    [("0", 10), ("-3", 10), ("x", 10), ("", 10), ("1001", 1000), ("1200000", 1000)],
)
def test_page_size_out_of_range_is_replaced(
    client: SandboxClient, requested: str, actual: int
) -> None:
    client.sandbox.add_subjects(1001)
    page = client.http.get(client.subjects, params={"page_size": requested}).json()
    assert len(page["results"]) == actual
    assert page["count"] == 1001


def test_delete_removes_all_data_of_the_subject(client: SandboxClient) -> None:
    subject = client.create()
    slot = client.upload(subject["id"])
    client.compute(slot["image_batch_id"])
    client.images(subject["id"])
    client.images(subject["id"])
    path = f"{client.subjects}{subject['id']}/"
    response = client.http.delete(path)
    assert (response.status_code, response.content) == (204, b"")
    assert "content-length" not in response.headers
    snapshot = client.sandbox.snapshot()
    assert (snapshot["subjects"], snapshot["orphaned_files"]) == ([], {})
    assert client.http.delete(path).status_code == 404
    assert client.image(slot["id"]).status_code == 404
    assert client.compute(slot["image_batch_id"]).status_code == 404


def test_delete_many_returns_the_ids_that_existed(client: SandboxClient) -> None:
    first, second, third = (subject.id for subject in client.sandbox.add_subjects(3))
    query = {"subjects_ids": [third, UNKNOWN, first, third]}
    response = client.http.delete(f"{client.subjects}delete/", params=query)
    assert response.status_code == 200
    assert response.json() == {"deleted": [third, first]}
    assert [item["id"] for item in client.http.get(client.subjects).json()["results"]] == [second]


@pytest.mark.parametrize(("ids", "code"), [([], "required"), (["x"], "invalid"), ([""], "invalid")])
def test_delete_many_with_invalid_ids_returns_400(
    client: SandboxClient, ids: list[str], code: str
) -> None:
    response = client.http.delete(f"{client.subjects}delete/", params={"subjects_ids": ids})
    assert response.status_code == 400
    assert errors(response) == [(code, "subjects_ids")]


def test_clear_storage_removes_files_and_leaves_records(client: SandboxClient) -> None:
    subject = client.create()
    slot = client.upload(subject["id"])
    signed = client.images(subject["id"])["results"][0]["signed_url"]
    response = client.http.delete(f"{client.subjects}{subject['id']}/storage/")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert client.storage.get(signed).status_code == 404
    [image] = client.images(subject["id"])["results"]
    assert (image["id"], image["signed_url"]) == (slot["id"], None)


def test_clear_metadata_deletes_personal_data_and_metrics(client: SandboxClient) -> None:
    subject = client.create(birth_date="1990-01-01", biological_sex="male", meta={"a": 1})
    slot = client.upload(subject["id"])
    client.compute(slot["image_batch_id"])
    assert client.images(subject["id"])["results"][0]["quality_score"] is not None
    response = client.http.delete(f"{client.subjects}{subject['id']}/metadata/")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    [cleared] = client.http.get(client.subjects).json()["results"]
    assert cleared == {**subject, "birth_date": None, "biological_sex": None, "meta": None}
    for _ in range(3):  # a canceled analysis must not set metrics after they were cleared
        [image] = client.images(subject["id"])["results"]
        assert image["quality_score"] is image["problems"] is None
    assert client.storage.get(image["signed_url"]).content == PHOTO


def test_before_request_hook_can_change_the_database(
    client: SandboxClient, sandbox: Sandbox
) -> None:
    subjects = sandbox.add_subjects(2)
    operations: list[str] = []

    def delete_one(request: Any) -> None:
        operations.append(request.operation)
        with sandbox.database.lock:
            sandbox.database.delete_subject(subjects.pop())

    sandbox.before_request = delete_one
    assert client.http.get(client.subjects).json()["count"] == 1
    assert client.http.get(client.subjects).json()["count"] == 0
    assert operations == ["list_subjects", "list_subjects"]
