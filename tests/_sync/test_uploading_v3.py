# Derived from tests/_async/test_uploading_v3.py by `make sync`; change that file instead.
"""Tests that a resumed Face Metrics 3.0 upload leaves exactly one batch and one computation.

A single request creates a batch with the upload slots of all photos. Slots cannot be added later.
Therefore an upload with missing photos is resumed by uploading all photos to a new batch.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from haut_ext import (
    ConfigError,
    Haut,
    NotFound,
    StorageError,
    UploadedBatch,
    UploadIncomplete,
    UploadState,
)
from haut_ext.sandbox import Fault, Sandbox, faults
from haut_ext.sandbox.http_messages import Response, json_response

pytestmark = pytest.mark.anyio

PHOTOS = Path("examples/photos")
FILES: dict[str, Any] = {
    "front": PHOTOS / "portrait.jpg",
    "right": PHOTOS / "portrait.png",
    "left": PHOTOS / "portrait.webp",
}
EXPIRED = faults.status(
    400,
    b'<?xml version="1.0"?><Error><Code>ExpiredToken</Code><Message>late</Message></Error>',
    content_type="application/xml",
)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(analysis_reads=1) as sandbox:
        yield sandbox


@pytest.fixture
def subject_id(sandbox: Sandbox) -> str:
    [subject] = sandbox.add_subjects(1)
    return subject.id


def final_state(sandbox: Sandbox) -> Any:
    """Return the batches that contain images, without ids, timestamps and results, in a fixed order."""
    [subject] = sandbox.snapshot(ids=False)["subjects"]
    batches = [batch for batch in subject["batches"] if batch["images"]]
    for batch in batches:
        for image in batch["images"]:
            for result in ("quality_score", "problems", "results", "aux_sha256"):
                image.pop(result)
        batch["images"].sort(key=lambda image: str(image["side"]))
    return batches


def assert_uploaded_once(sandbox: Sandbox) -> None:
    """Check that there is one batch with three photos, and that it was analyzed exactly once."""
    [batch] = final_state(sandbox)
    assert batch["computes"] == 1
    assert {(image["side"], image["name"]) for image in batch["images"]} == {
        ("front", "front.jpeg"),
        ("left", "left.webp"),
        ("right", "right.png"),
    }
    assert all(image["sha256"] for image in batch["images"])
    assert sandbox.carried_out("compute_batch_v3") == 1
    assert sandbox.received("create_signed_upload_url") == sandbox.received("compute_batch") == 0


def delete_possible_leftovers(haut: Haut, batch: UploadedBatch, expected: int) -> None:
    """Delete the records that the upload reported because another program may have created them."""
    assert len(batch.possible_leftovers) == expected
    for image_id in batch.possible_leftovers:
        haut.images.delete(image_id)


def without_ids(answer: Response) -> Response:
    body = json.loads(bytes(answer.body))
    for side in FILES:
        body.get(side, {}).pop("id", None)
    return json_response(200, body)


WITHOUT_IDS = Fault("no ids", "after", change=without_ids)
"""Simulates an older API version, whose responses lack image ids (section 15.8 of api-facts)."""

BOUNDARIES = [
    ("create_upload_urls_v3", 0),
    ("upload_image", 0),
    ("upload_image", 1),
    ("upload_image", 2),
    ("compute_batch_v3", 0),
]


@pytest.mark.slow
@pytest.mark.parametrize("ids", [True, False], ids=["ids", "no ids"])
@pytest.mark.parametrize("carried_out", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("operation", "number"), BOUNDARIES)
def test_interrupted_upload_is_resumed(
    sandbox: Sandbox,
    subject_id: str,
    operation: str,
    number: int,
    carried_out: bool,
    ids: bool,
) -> None:
    if not ids and operation != "create_upload_urls_v3":
        sandbox.faults.add("create_upload_urls_v3", WITHOUT_IDS, times=None)
    sandbox.faults.add(operation, faults.close("after" if carried_out else "before"), skip=number)
    with Haut(**sandbox.credentials, max_retries=0) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            haut.upload_and_compute(subject_id, **FILES, api="v3", meta={"visit": 2})
        state = UploadState.from_json(pickle.loads(pickle.dumps(caught.value)).state.to_json())
        assert state == caught.value.state
        assert state.api == "v3"
        uncomputed = operation == "compute_batch_v3" and not carried_out
        if uncomputed:
            with pytest.raises(UploadIncomplete, match="compute_again=True") as caught:
                haut.resume_upload(state)
            assert sandbox.received("compute_batch_v3") == 1
            state = caught.value.state
        computed = operation == "compute_batch_v3"
        assert state.missing == (() if computed else ("front", "right", "left"))
        batch = haut.resume_upload(
            state,
            **{side: FILES[side] for side in state.missing},
            meta={"visit": 2},
            compute_again=uncomputed,
        )
        lost = operation == "create_upload_urls_v3" and carried_out
        delete_possible_leftovers(haut, batch, 3 * lost)
    assert [image.side for image in batch.images] == ["front", "right", "left"]
    assert batch.api == "v3"
    assert_uploaded_once(sandbox)


def test_all_slots_are_requested_in_one_call(sandbox: Sandbox, subject_id: str) -> None:
    with Haut(**sandbox.credentials) as haut:
        batch = haut.upload_and_compute(subject_id, **FILES, api="v3")
        images = {str(image.id): image.side for image in haut.images.iterate(subject_id)}
    assert_uploaded_once(sandbox)
    assert {str(image.image_id): image.side for image in batch.images} == images
    calls = [arrival.operation for arrival in sandbox.requests]
    assert calls[0] == "create_upload_urls_v3"
    assert sorted(calls[1:4]) == ["upload_image"] * 3
    assert calls[4] == "compute_batch_v3"
    assert not any(
        arrival.had_authorization
        for arrival in sandbox.requests
        if arrival.operation == "upload_image"
    )


def test_image_ids_missing_in_the_response_are_looked_up(sandbox: Sandbox, subject_id: str) -> None:
    with Haut(**sandbox.credentials) as haut:
        # Create a batch whose images must not be returned for the next one.
        haut.upload_and_compute(subject_id, front=FILES["left"], api="v3")
        sandbox.faults.add("create_upload_urls_v3", WITHOUT_IDS)
        batch = haut.upload_and_compute(subject_id, **FILES, api="v3")
        for uploaded in batch.images:
            image = haut.images.get(uploaded.image_id)
            assert (image.side, image.image_batch_id) == (uploaded.side, batch.batch_id)
    assert len(batch.images) == 3


def test_records_without_known_ids_are_deleted(sandbox: Sandbox, subject_id: str) -> None:
    sandbox.faults.add("create_upload_urls_v3", WITHOUT_IDS)
    sandbox.faults.add("list_images", faults.status(403))
    with Haut(**sandbox.credentials) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            haut.upload_and_compute(subject_id, **FILES, api="v3")
        assert {side.image_id for side in caught.value.state.sides} == {None}
        haut.resume_upload(caught.value.state, **FILES)
    assert_uploaded_once(sandbox)
    assert sandbox.carried_out("delete_image") == 3


def test_second_batch_whose_response_was_lost_is_reported(
    sandbox: Sandbox, subject_id: str
) -> None:
    sandbox.faults.add("upload_image", faults.status(403))
    sandbox.faults.add("create_upload_urls_v3", faults.close("after"), skip=1)
    with Haut(**sandbox.credentials, max_retries=0) as haut:
        with pytest.raises(UploadIncomplete) as first:
            haut.upload_and_compute(subject_id, **FILES, api="v3")
        with pytest.raises(UploadIncomplete) as second:
            haut.resume_upload(first.value.state, **FILES)
        assert second.value.state.batch_id is None
        assert {side.status for side in second.value.state.sides} == {"unknown"}
        batch = haut.resume_upload(second.value.state, **FILES)
        assert sandbox.carried_out("delete_image") == 3
        delete_possible_leftovers(haut, batch, 3)
    assert_uploaded_once(sandbox)


def test_complete_batch_is_not_uploaded_again(sandbox: Sandbox, subject_id: str) -> None:
    sandbox.faults.add("compute_batch_v3", faults.status(403))
    with Haut(**sandbox.credentials) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            haut.upload_and_compute(subject_id, **FILES, api="v3")
        state = caught.value.state
        assert (state.stage, state.compute, state.missing) == ("compute", "not sent", ())
        with pytest.raises(ConfigError, match="none"):
            haut.resume_upload(state, front=FILES["front"])
        haut.resume_upload(state)
    assert_uploaded_once(sandbox)
    assert sandbox.carried_out("upload_image") == 3


def test_resuming_requires_all_photos(sandbox: Sandbox, subject_id: str) -> None:
    sandbox.faults.add("upload_image", faults.status(403))
    with Haut(**sandbox.credentials) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            haut.upload_and_compute(subject_id, **FILES, api="v3")
        state = caught.value.state
        assert sorted(side.status for side in state.sides) == ["open", "stored", "stored"]
        [missing] = [side.side for side in state.sides if side.status == "open"]
        before = len(sandbox.requests)
        with pytest.raises(ConfigError, match="front, left, right"):
            haut.resume_upload(state, **{missing: FILES[missing]})
        assert len(sandbox.requests) == before


def test_expired_slots_are_replaced_by_a_new_batch_once(sandbox: Sandbox, subject_id: str) -> None:
    sandbox.faults.add("upload_image", EXPIRED, skip=1)
    with Haut(**sandbox.credentials) as haut:
        haut.upload_and_compute(subject_id, **FILES, api="v3")
    assert_uploaded_once(sandbox)
    assert sandbox.carried_out("create_upload_urls_v3") == 2
    assert sandbox.carried_out("delete_image") == 3


@pytest.mark.parametrize("problem", ["expires again", "another photo is rejected", "stream"])
def test_storage_error_that_a_new_batch_does_not_fix_is_raised(
    sandbox: Sandbox, subject_id: str, problem: str
) -> None:
    files = dict(FILES)
    if problem == "expires again":
        sandbox.faults.add("upload_image", EXPIRED, times=None)
    elif problem == "another photo is rejected":
        sandbox.faults.add("upload_image", EXPIRED)
        sandbox.faults.add("upload_image", faults.status(403))
    else:
        sandbox.faults.add("upload_image", EXPIRED)
        files["front"] = Stream(FILES["front"].read_bytes())
    with Haut(**sandbox.credentials) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            haut.upload_and_compute(subject_id, **files, api="v3")
        assert isinstance(caught.value.cause, StorageError)
        assert sandbox.carried_out("create_upload_urls_v3") == 1 + (problem == "expires again")
        sandbox.faults.clear()
        haut.resume_upload(caught.value.state, **FILES)
    assert_uploaded_once(sandbox)


class Stream(io.BytesIO):
    """A stream that cannot be rewound."""

    def seekable(self) -> bool:
        return False


@pytest.mark.parametrize("app_args", [None, {}, {"a": None}])
def test_null_is_not_sent_as_app_args(sandbox: Sandbox, subject_id: str, app_args: Any) -> None:
    sent: list[Any] = []
    sandbox.before_request = lambda request: (
        sent.append(json.loads(request.body)) if request.operation == "compute_batch_v3" else None
    )
    with Haut(**sandbox.credentials) as haut:
        batch = haut.upload_and_compute(
            subject_id, front=FILES["front"], api="v3", app_args=app_args
        )
        haut.images.compute(batch.batch_id, app_args, api="v3")
    assert sent == [{} if app_args is None else {"app_args": app_args}] * 2


@pytest.mark.parametrize("app_args", [[], "text", 1, False])
def test_app_args_must_be_a_dictionary(sandbox: Sandbox, subject_id: str, app_args: Any) -> None:
    before = len(sandbox.requests)
    with Haut(**sandbox.credentials) as haut:
        with pytest.raises(ConfigError, match="app_args must be a dictionary in v3"):
            haut.upload_and_compute(subject_id, front=FILES["front"], api="v3", app_args=app_args)
        with pytest.raises(ConfigError, match="app_args must be a dictionary in v3"):
            haut.images.compute(subject_id, app_args, api="v3")
    assert len(sandbox.requests) == before


def test_only_given_arguments_are_sent(sandbox: Sandbox, subject_id: str) -> None:
    bodies: list[bytes] = []
    sandbox.before_request = lambda request: (
        bodies.append(bytes(request.body)) if request.operation != "upload_image" else None
    )
    with Haut(**sandbox.credentials) as haut:
        haut.upload_and_compute(
            subject_id, front=FILES["front"], left=FILES["left"], api="v3", app_args={"a": 1}
        )
        assert [json.loads(body) for body in bodies] == [
            {"front": "front.jpeg", "left": "left.webp"},
            {"app_args": {"a": 1}},
        ]
        bodies.clear()
        haut.upload_and_compute(
            subject_id, right=FILES["front"], api="v3", name="visit-2.jpg", meta={"visit": 2}
        )
        assert [json.loads(body) for body in bodies] == [
            {"right": "visit-2.jpg", "meta": {"visit": 2}},
            {},
        ]


@pytest.mark.parametrize(
    "arguments",
    [{"api": "v3", "light": 1}, {"api": "v3", "light": None}, {"api": "v2"}, {"api": 3}],
)
def test_invalid_arguments_are_rejected(
    sandbox: Sandbox, subject_id: str, arguments: dict[str, Any]
) -> None:
    with Haut(**sandbox.credentials) as haut:
        with pytest.raises(ConfigError, match=next(reversed(arguments))):
            haut.upload_and_compute(subject_id, front=FILES["front"], **arguments)
    assert sandbox.requests == []


def test_upload_for_an_unknown_subject(sandbox: Sandbox) -> None:
    with Haut(**sandbox.credentials) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            haut.upload_and_compute(UUID(int=1), **FILES, api="v3")
    assert isinstance(caught.value.cause, NotFound)
    assert caught.value.state.batch_id is None
    assert {side.status for side in caught.value.state.sides} == {"none"}


def test_slot_missing_in_the_response_is_an_error(sandbox: Sandbox, subject_id: str) -> None:
    def without_left(answer: Response) -> Response:
        body = json.loads(bytes(answer.body))
        del body["left"]
        return json_response(200, body)

    sandbox.faults.add(
        "create_upload_urls_v3", Fault("no slot for left", "after", change=without_left)
    )
    with Haut(**sandbox.credentials) as haut:
        with pytest.raises(UploadIncomplete, match="left does not fit the spec") as caught:
            haut.upload_and_compute(subject_id, **FILES, api="v3")
        batch = haut.resume_upload(caught.value.state, **FILES)
        delete_possible_leftovers(haut, batch, 3)
    assert_uploaded_once(sandbox)


def test_computation_whose_response_was_lost_is_detected_in_the_results(
    sandbox: Sandbox, subject_id: str
) -> None:
    sandbox.faults.add("compute_batch_v3", faults.reset("after"))
    with Haut(**sandbox.credentials) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            haut.upload_and_compute(subject_id, **FILES, api="v3")
        assert caught.value.state.compute == "unknown"
        haut.resume_upload(caught.value.state)
    assert_uploaded_once(sandbox)
    assert sandbox.received("compute_batch_v3") == 1
