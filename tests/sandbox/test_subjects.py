"""The subject operations: statuses, shapes, validation, paging, deletion (api-facts 4)."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import pytest

from haut_ext.sandbox import Sandbox
from tests.sandbox.caller import PHOTO, Caller, errors

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


def test_create_answers_201_with_the_documented_keys_in_order(caller: Caller) -> None:
    subject = caller.create("Ann", birth_date="1990-02-28", biological_sex="female", meta=[1, None])
    assert list(subject) == SUBJECT_KEYS
    assert subject["creation_time"] == "2025-01-01 00:00:01"
    assert subject["birth_date"] == "1990-02-28"
    assert subject["meta"] == [1, None]
    assert subject["biological_sex"]["name"] == "female"
    credentials = caller.sandbox.credentials
    assert subject["company"]["id"] == credentials["company_id"]
    assert subject["dataset"]["id"] == credentials["dataset_id"]


def test_explicit_nulls_and_unknown_keys_are_taken(caller: Caller) -> None:
    subject = caller.create("Ann", birth_date=None, biological_sex=None, meta=None, phenotype=None)
    assert subject["birth_date"] is subject["biological_sex"] is subject["meta"] is None


def test_biological_sex_is_taken_as_a_word_and_as_an_id(caller: Caller) -> None:
    word = caller.create(biological_sex="female")["biological_sex"]
    assert caller.create(biological_sex=word["id"])["biological_sex"] == word


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [("required", "name")]),
        ({"name": ""}, [("blank", "name")]),
        ({"name": "  "}, [("blank", "name")]),
        ({"name": None}, [("null", "name")]),
        ({"name": 5}, [("invalid", "name")]),
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
def test_create_refuses(caller: Caller, fields: Any, expected: list[tuple[str, str]]) -> None:
    answer = caller.http.post(
        caller.subjects,
        content=json.dumps(fields),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 400
    assert answer.json()["type"] == "validation_error"
    assert errors(answer) == expected
    assert caller.sandbox.carried_out("create_subject") == 0


@pytest.mark.parametrize("length", [1, 512])
def test_names_at_the_limits_are_taken(caller: Caller, length: int) -> None:
    assert caller.create("é" * length)["name"] == "é" * length


@pytest.mark.parametrize(
    "body", [b"{", b"nope", b"\xff", b'{"meta": NaN}', b'{"meta": 1e999}', b"[" * 100_000]
)
def test_broken_json_is_a_parse_error(caller: Caller, body: bytes) -> None:
    answer = caller.http.post(
        caller.subjects, content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
    assert answer.json()["type"] == "client_error"
    assert errors(answer) == [("parse_error", None)]


def test_another_content_type_is_415(caller: Caller) -> None:
    answer = caller.http.post(caller.subjects, data={"name": "Ann"})
    assert answer.status_code == 415
    assert errors(answer) == [("unsupported_media_type", None)]


def test_a_megabyte_of_meta_comes_back(caller: Caller) -> None:
    meta = {"text": "ü" * 1_000_000}
    assert caller.create(meta=meta)["meta"] == meta


def test_a_lone_surrogate_in_meta_comes_back(caller: Caller) -> None:
    body = b'{"name": "a", "meta": "\\ud800"}'
    answer = caller.http.post(
        caller.subjects, content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 201
    assert answer.json()["meta"] == "\ud800"


def test_update_changes_only_what_is_given(caller: Caller) -> None:
    subject = caller.create("Ann", birth_date="1990-01-01", meta=1)
    path = f"{caller.subjects}{subject['id']}/"
    answer = caller.http.patch(path, json={"birth_date": None, "biological_sex": "male"})
    assert answer.status_code == 200
    changed = answer.json()
    assert changed["biological_sex"]["tech_name"] == "male"
    assert changed == {
        **subject,
        "birth_date": None,
        "biological_sex": changed["biological_sex"],
    }
    assert caller.http.patch(path).json() == changed
    assert errors(caller.http.patch(path, json={"name": None})) == [("null", "name")]


def test_who_may_enter(caller: Caller) -> None:
    def attempt(authorization: str | None, path: str = caller.subjects) -> tuple[int, str]:
        headers = {} if authorization is None else {"Authorization": authorization}
        answer = caller.storage.get(f"{caller.sandbox.base_url}{path}", headers=headers)
        return answer.status_code, errors(answer)[0][0]

    token = caller.sandbox.credentials["token"]
    assert attempt(None) == (401, "not_authenticated")
    assert attempt(f"Token {token}") == (401, "not_authenticated")
    assert attempt("Bearer wrong") == (401, "authentication_failed")
    foreign = caller.subjects.replace(caller.sandbox.credentials["company_id"], UNKNOWN)
    assert attempt(f"bearer {token}", foreign) == (403, "permission_denied")
    elsewhere = caller.subjects.replace(caller.sandbox.credentials["dataset_id"], UNKNOWN)
    assert attempt(f"Bearer {token}", elsewhere) == (404, "not_found")


def test_an_expired_token_is_refused_and_a_new_one_is_not(caller: Caller) -> None:
    sandbox = caller.sandbox
    sandbox.expire_token()
    answer = caller.http.get(caller.subjects)
    assert answer.status_code == 401
    assert errors(answer) == [("authentication_failed", None)]
    assert answer.headers["www-authenticate"].startswith("Bearer")
    fresh = sandbox.issue_token()
    assert sandbox.credentials["token"] == fresh
    headers = {"Authorization": f"Bearer {fresh}"}
    assert caller.http.get(caller.subjects, headers=headers).status_code == 200


def test_routes(caller: Caller) -> None:
    get = caller.http.get(f"{caller.subjects[:-1]}?q=a", follow_redirects=False)
    assert (get.status_code, get.headers["location"]) == (301, f"{caller.subjects}?q=a")
    assert caller.http.post(caller.subjects[:-1], json={"name": "a"}).status_code == 404
    assert caller.http.get("/nowhere/").status_code == 404
    assert caller.http.patch(f"{caller.subjects}not-a-uuid/", json={}).status_code == 404
    put = caller.http.put(caller.subjects)
    assert (put.status_code, put.headers["allow"]) == (405, "GET, POST")
    assert errors(put) == [("method_not_allowed", None)]


def test_every_operation_on_an_unknown_subject_is_404(caller: Caller) -> None:
    below = f"{caller.subjects}{UNKNOWN}/"
    beside = f"{caller.company}subjects/{UNKNOWN}/"
    for method, path in [
        ("PATCH", below),
        ("DELETE", below),
        ("DELETE", f"{below}storage/"),
        ("DELETE", f"{below}metadata/"),
        ("POST", f"{beside}signed_upload_url/"),
        ("GET", f"{beside}images/"),
    ]:
        answer = caller.http.request(method, path)
        assert answer.status_code == 404, path
        assert errors(answer) == [("not_found", None)]


def walk(caller: Caller, **query: Any) -> list[list[str]]:
    """The names on each page, following `next`, and checked backwards by `previous`."""
    pages: list[list[str]] = []
    url, came_from = f"{caller.sandbox.base_url}{caller.subjects}", None
    while url:
        page = caller.http.get(url, params=query or None).json()
        query = {}
        assert list(page) == ["count", "next", "previous", "results"]
        if came_from:
            before = caller.http.get(page["previous"]).json()
            assert [item["name"] for item in before["results"]] == pages[-1]
            # As the framework has it: the first page goes without a number.
            assert ("page" in httpx.URL(page["previous"]).params) is (len(pages) > 1)
        else:
            assert page["previous"] is None
        pages.append([item["name"] for item in page["results"]])
        url, came_from = page["next"], url
    return pages


@pytest.mark.parametrize(
    ("count", "size", "lengths"),
    [(0, 5, [0]), (5, 5, [5]), (6, 5, [5, 1]), (23, None, [10, 10, 3])],
)
def test_pages(caller: Caller, count: int, size: int | None, lengths: list[int]) -> None:
    names = [subject.name for subject in caller.sandbox.add_subjects(count)]
    pages = walk(caller, **({} if size is None else {"page_size": size}))
    assert [len(page) for page in pages] == lengths
    assert [name for page in pages for name in page] == names


def test_a_search_is_kept_from_page_to_page(caller: Caller) -> None:
    caller.sandbox.add_subjects(3, "Ann & Bo")
    caller.sandbox.add_subjects(3, "Carl")
    assert [len(page) for page in walk(caller, q="aNN &", page_size=2)] == [2, 1]


@pytest.mark.parametrize("page", ["0", "-1", "4", "x", "1.5", "99999999999999999999"])
def test_a_page_that_is_not_there_is_404(caller: Caller, page: str) -> None:
    caller.sandbox.add_subjects(23)
    answer = caller.http.get(caller.subjects, params={"page": page})
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["detail"] == "Invalid page."


@pytest.mark.parametrize(
    ("asked", "given"),
    [("0", 10), ("-3", 10), ("x", 10), ("", 10), ("1001", 1000), ("1200000", 1000)],
)
def test_page_sizes_out_of_range(caller: Caller, asked: str, given: int) -> None:
    caller.sandbox.add_subjects(1001)
    page = caller.http.get(caller.subjects, params={"page_size": asked}).json()
    assert len(page["results"]) == given
    assert page["count"] == 1001


def test_delete_takes_everything_below_with_it(caller: Caller) -> None:
    subject = caller.create()
    slot = caller.upload(subject["id"])
    caller.compute(slot["image_batch_id"])
    caller.images(subject["id"])
    caller.images(subject["id"])
    path = f"{caller.subjects}{subject['id']}/"
    answer = caller.http.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers
    snapshot = caller.sandbox.snapshot()
    assert (snapshot["subjects"], snapshot["orphaned_files"]) == ([], {})
    assert caller.http.delete(path).status_code == 404
    assert caller.image(slot["id"]).status_code == 404
    assert caller.compute(slot["image_batch_id"]).status_code == 404


def test_delete_many_tells_which_existed(caller: Caller) -> None:
    first, second, third = (subject.id for subject in caller.sandbox.add_subjects(3))
    query = {"subjects_ids": [third, UNKNOWN, first, third]}
    answer = caller.http.delete(f"{caller.subjects}delete/", params=query)
    assert answer.status_code == 200
    assert answer.json() == {"deleted": [third, first]}
    assert [item["id"] for item in caller.http.get(caller.subjects).json()["results"]] == [second]


@pytest.mark.parametrize(("ids", "code"), [([], "required"), (["x"], "invalid"), ([""], "invalid")])
def test_delete_many_refuses(caller: Caller, ids: list[str], code: str) -> None:
    answer = caller.http.delete(f"{caller.subjects}delete/", params={"subjects_ids": ids})
    assert answer.status_code == 400
    assert errors(answer) == [(code, "subjects_ids")]


def test_clear_storage_removes_files_and_leaves_records(caller: Caller) -> None:
    subject = caller.create()
    slot = caller.upload(subject["id"])
    signed = caller.images(subject["id"])["results"][0]["signed_url"]
    answer = caller.http.delete(f"{caller.subjects}{subject['id']}/storage/")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert caller.storage.get(signed).status_code == 404
    [image] = caller.images(subject["id"])["results"]
    assert (image["id"], image["signed_url"]) == (slot["id"], None)


def test_clear_metadata_wipes_the_person_and_the_metrics(caller: Caller) -> None:
    subject = caller.create(birth_date="1990-01-01", biological_sex="male", meta={"a": 1})
    slot = caller.upload(subject["id"])
    caller.compute(slot["image_batch_id"])
    assert caller.images(subject["id"])["results"][0]["quality_score"] is not None
    answer = caller.http.delete(f"{caller.subjects}{subject['id']}/metadata/")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    [cleared] = caller.http.get(caller.subjects).json()["results"]
    assert cleared == {**subject, "birth_date": None, "biological_sex": None, "meta": None}
    for _ in range(3):  # the analysis that was under way does not bring the metrics back
        [image] = caller.images(subject["id"])["results"]
        assert image["quality_score"] is image["problems"] is None
    assert caller.storage.get(image["signed_url"]).content == PHOTO


def test_the_hook_changes_the_world_between_two_requests(caller: Caller, sandbox: Sandbox) -> None:
    subjects = sandbox.add_subjects(2)
    operations: list[str] = []

    def delete_one(request: Any) -> None:
        operations.append(request.operation)
        with sandbox.world.lock:
            sandbox.world.delete_subject(subjects.pop())

    sandbox.before_request = delete_one
    assert caller.http.get(caller.subjects).json()["count"] == 1
    assert caller.http.get(caller.subjects).json()["count"] == 0
    assert operations == ["list_subjects", "list_subjects"]
