"""Face Metrics 3.0: slots by side, compute without an answer, results that grow (api-facts 6)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from haut_ext.sandbox import Sandbox
from tests.sandbox.caller import PHOTO, Caller, errors

KEY = "face_skin_metrics_3"
ALL = 9


class Caller3:
    """The calls of version 3."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.company = caller.company.replace("/v1/", "/v3/")

    def slots(self, subject_id: str, **fields: Any) -> httpx.Response:
        return self.caller.http.post(f"{self.company}subjects/{subject_id}/upload/", json=fields)

    def upload(self, *sides: str) -> str:
        """A new subject's photos, one for each side; return their batch."""
        slots = self.slots(self.caller.create()["id"], **{side: side for side in sides}).json()
        for side in sides:
            answer = self.caller.put({"upload_url": slots[side]}, side.encode())
            assert answer.status_code == 200
        batch_id: str = slots["image_batch_id"]
        return batch_id

    def compute(self, batch_id: str) -> None:
        answer = self.caller.http.post(f"{self.company}batches/{batch_id}/compute/")
        assert (answer.status_code, answer.content) == (204, b"")

    def results(self, batch_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.caller.get(f"{self.company}batches/{batch_id}/results/")
        return found


@pytest.fixture
def three(caller: Caller) -> Caller3:
    return Caller3(caller)


def test_one_call_makes_a_batch_and_its_slots(three: Caller3) -> None:
    caller = three.caller
    subject = caller.create()
    answer = three.slots(
        subject["id"],
        right="r.jpg",
        front="f.jpg",
        creation_time="2024-05-06T07:08:09Z",
        meta={"source": "app"},
    )
    assert answer.status_code == 200
    made = answer.json()
    assert list(made) == ["front", "right", "image_batch_id"]
    slot = made["front"]
    assert list(slot) == ["url", "method", "headers", "content_type", "id"]
    assert slot["headers"]["Host"] == httpx.URL(caller.sandbox.storage_url).netloc.decode()
    assert caller.put({"upload_url": slot}).status_code == 200
    images = caller.images(subject["id"])["results"]
    assert [(image["name"], image["side"]) for image in images] == [
        ("f.jpg", "front"),
        ("r.jpg", "right"),
    ]
    assert {image["image_batch_id"] for image in images} == {made["image_batch_id"]}
    assert [image["meta"] for image in images] == [{"source": "app"}] * 2
    assert {image["created_at"] for image in images} == {"2024-05-06 07:08:09"}
    assert caller.storage.get(images[0]["signed_url"]).content == PHOTO


@pytest.mark.parametrize(
    ("fields", "code", "attr"),
    [
        ({"front": ""}, "blank", "front"),
        ({"front": None}, "null", "front"),
        ({"left": "x" * 256}, "max_length", "left"),
        ({"front": "x", "creation_time": "yesterday"}, "invalid", "creation_time"),
    ],
)
def test_slots_are_refused(three: Caller3, fields: dict[str, Any], code: str, attr: str) -> None:
    subject = three.caller.create()
    answer = three.slots(subject["id"], **fields)
    assert (answer.status_code, errors(answer)) == (400, [(code, attr)])
    assert three.caller.sandbox.snapshot()["subjects"][0]["batches"] == []


def test_a_dataset_of_other_images_has_no_slots_for_a_face(three: Caller3) -> None:
    sandbox = three.caller.sandbox
    with sandbox.world.lock:
        subject = sandbox.world.create_subject(
            "Ann", dataset=sandbox.world.create_dataset("hands", image_type_id=2)
        )
    answer = three.slots(subject.id, front="f.jpg")
    assert (answer.status_code, errors(answer)) == (400, [("does_not_exist", "front")])


def test_results_are_absent_then_partial_then_complete() -> None:
    with Sandbox(seed=1, analysis_reads=4) as sandbox:
        caller = Caller(sandbox)
        three = Caller3(caller)
        batch_id = three.upload("front", "left")
        assert three.results(batch_id) == {}
        three.compute(batch_id)
        seen = [three.results(batch_id).get(KEY) for _ in range(4)]
        caller.close()
    assert seen[0] is None
    counts = [(len(s["parameters"]), s["all_algorithms_calculated"]) for s in seen if s]
    assert counts == [(1, False), (5, False), (ALL, True)]


def test_a_parameter_waits_for_all_sides() -> None:
    with Sandbox(seed=1, analysis_reads=4) as sandbox:
        caller = Caller(sandbox)
        three = Caller3(caller)
        batch_id = three.upload("front", "left")
        three.compute(batch_id)
        first = next(iter(sandbox.world.images))
        for _ in range(4):
            caller.image(first)
        seen = [three.results(batch_id).get(KEY) for _ in range(2)]
        caller.close()
    assert seen[0] is None
    assert seen[1] is not None
    assert (len(seen[1]["parameters"]), seen[1]["all_algorithms_calculated"]) == (1, False)


def test_a_complete_result(three: Caller3) -> None:
    batch_id = three.upload("front", "left")
    three.compute(batch_id)
    three.results(batch_id)
    found = three.results(batch_id)[KEY]
    redness = found["parameters"]["redness"]
    assert list(redness) == ["score", "tag", "grade", "masks"]
    assert 0 <= redness["score"] <= 100
    assert redness["tag"] in {"Great", "Good", "Average", "Poor"}
    assert 1 <= redness["grade"] <= 5
    assert list(found["parameters"]["age"]) == ["age"]
    storage = three.caller.storage
    for side in ("front", "left"):
        urls = found["predicted_images"][side]
        assert list(urls) == ["aligned_face", "anonymised", "original"]
        assert {storage.get(url).content for url in urls.values()} == {side.encode()}
        mask = storage.get(redness["masks"][side]["aligned_face"])
        assert mask.content.startswith(b"\x89PNG")


def test_values_depend_on_the_photos_alone(three: Caller3) -> None:
    def scores(*sides: str) -> list[Any]:
        batch_id = three.upload(*sides)
        three.compute(batch_id)
        three.results(batch_id)
        parameters = three.results(batch_id)[KEY]["parameters"]
        return [found.get("score") for found in parameters.values()]

    assert scores("front") == scores("front")
    assert scores("front") != scores("front", "left")


def test_a_computation_of_one_version_is_no_result_of_the_other(three: Caller3) -> None:
    caller = three.caller
    batch_id = three.upload("front")
    image_id = next(iter(caller.sandbox.world.images))
    results = f"{caller.nested({'id': image_id})}results/"
    caller.compute(batch_id)
    for _ in range(3):
        assert three.results(batch_id) == {}
    assert len(caller.get(results)) == 8
    three.compute(batch_id)
    for _ in range(2):
        assert len(caller.get(results)) == 8
    assert three.results(batch_id)[KEY]["all_algorithms_calculated"]


def test_a_failed_parameter_is_left_out(three: Caller3) -> None:
    three.caller.sandbox.fail_algorithm("pores", "Not full face")
    batch_id = three.upload("front")
    three.compute(batch_id)
    three.results(batch_id)
    found = three.results(batch_id)[KEY]
    assert found["all_algorithms_calculated"]
    assert len(found["parameters"]) == ALL - 1
    assert "pores" not in found["parameters"]


@pytest.mark.parametrize("what", ["batch", "subject", "metadata", "storage"])
def test_what_is_left_after_a_deletion(three: Caller3, what: str) -> None:
    caller = three.caller
    batch_id = three.upload("front")
    three.compute(batch_id)
    three.results(batch_id)
    three.results(batch_id)
    assert len(caller.sandbox.world.objects) == 8
    subject = f"{caller.subjects}{caller.sandbox.world.batches[batch_id].subject.id}/"
    target = {"batch": f"{subject}batches/{batch_id}/", "subject": subject}
    answer = caller.http.delete(target.get(what, f"{subject}{what}/"))
    assert answer.status_code == (204 if what in target else 200)
    if what in target:
        for path in ("results/", "compute/"):
            method = "GET" if path == "results/" else "POST"
            answer = caller.http.request(method, f"{three.company}batches/{batch_id}/{path}")
            assert answer.status_code == 404
        assert not caller.sandbox.world.objects
    elif what == "metadata":
        assert three.results(batch_id) == {}
    else:
        urls = three.results(batch_id)[KEY]["predicted_images"]["front"]
        assert list(urls) == ["aligned_face", "anonymised"]
