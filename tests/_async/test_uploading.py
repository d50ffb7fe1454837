"""Tests that a resumed upload gives the same result as an uninterrupted one."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from haut_ext import (
    Api,
    AsyncHaut,
    ConfigError,
    NotFound,
    Photo,
    RateLimited,
    Side,
    SignedUpload,
    StorageError,
    UploadIncomplete,
    UploadSlotV3,
    UploadState,
)
from haut_ext.sandbox import Request, Sandbox, faults

pytestmark = pytest.mark.anyio

PHOTOS = Path("examples/photos")
FILES: dict[str, Any] = {
    "front": PHOTOS / "portrait.jpg",
    "right": PHOTOS / "portrait.png",
    "left": PHOTOS / "portrait.webp",
}
EVERYTHING: dict[str, Any] = {
    "light": 1,
    "name": "photo",
    "meta": {"visit": 2},
    "creation_time": datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC),
    "app_args": {"a": 1},
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(analysis_reads=1) as sandbox:
        yield sandbox


@pytest.fixture
def subject_id(sandbox: Sandbox) -> str:
    [subject] = sandbox.add_subjects(1)
    return subject.id


def final_state(sandbox: Sandbox) -> dict[str, Any]:
    """Return the stored data. Leave out empty batches, because clients cannot delete them."""
    state = sandbox.snapshot(ids=False)
    for subject in state["subjects"]:
        subject["batches"] = [batch for batch in subject["batches"] if batch["images"]]
        for batch in subject["batches"]:
            batch["images"].sort(key=lambda image: str(image["side"]))
    return state


async def state_without_interruption() -> dict[str, Any]:
    with Sandbox(analysis_reads=1) as sandbox:
        [subject] = sandbox.add_subjects(1)
        async with AsyncHaut(**sandbox.credentials) as haut:
            await haut.upload_and_compute(subject.id, **FILES, **EVERYTHING)
        return final_state(sandbox)


def missing_files(state: UploadState) -> dict[str, Any]:
    return {side.side: FILES[side.side] for side in state.sides if side.status != "stored"}


BOUNDARIES = [
    ("create_signed_upload_url", 0),
    ("create_signed_upload_url", 1),
    ("create_signed_upload_url", 2),
    ("upload_image", 0),
    ("upload_image", 1),
    ("upload_image", 2),
    ("compute_batch", 0),
]


@pytest.mark.slow
@pytest.mark.parametrize("carried_out", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("operation", "number"), BOUNDARIES)
async def test_interrupted_upload_is_resumed(
    sandbox: Sandbox, subject_id: str, operation: str, number: int, carried_out: bool
) -> None:
    fault = faults.close("after" if carried_out else "before")
    sandbox.faults.add(operation, fault, skip=number)
    async with AsyncHaut(**sandbox.credentials, max_retries=0) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            await haut.upload_and_compute(subject_id, **FILES, **EVERYTHING)
        assert sandbox.faults.pending == []
        error = pickle.loads(pickle.dumps(caught.value))
        state = UploadState.from_json(error.state.to_json())
        assert state == caught.value.state
        stored = [side for side in state.sides if side.status == "stored"]

        if operation == "compute_batch" and not carried_out:
            with pytest.raises(UploadIncomplete, match="compute_again=True") as caught:
                await haut.resume_upload(state)
            assert sandbox.received("compute_batch") == 1
            state = caught.value.state
        batch = await haut.resume_upload(
            state,
            **missing_files(state),
            **EVERYTHING,
            compute_again=operation == "compute_batch" and not carried_out,
        )
        lost = operation == "create_signed_upload_url" and number == 0 and carried_out
        assert len(batch.possible_leftovers) == lost
        for image_id in batch.possible_leftovers:
            await haut.images.delete(image_id)
    assert len(batch.images) == 3
    assert sandbox.carried_out("compute_batch") == 1
    assert sandbox.carried_out("upload_image") <= 3 + (not stored) + (
        operation == "upload_image" and carried_out
    )
    assert await image_states(sandbox) == await image_states_of(state_without_interruption)


async def image_states(sandbox: Sandbox) -> Any:
    return without_results(final_state(sandbox))


async def image_states_of(run: Any) -> Any:
    return without_results(await run())


def without_results(state: dict[str, Any]) -> dict[str, Any]:
    """Remove the analysis results, which depend on how often the images were requested."""
    for subject in state["subjects"]:
        for batch in subject["batches"]:
            for image in batch["images"]:
                for result in ("quality_score", "problems", "results", "aux_sha256"):
                    image.pop(result)
    return state


async def test_stored_sides_are_not_sent_again(sandbox: Sandbox, subject_id: str) -> None:
    sandbox.faults.add("compute_batch", faults.status(403))
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            await haut.upload_and_compute(subject_id, **FILES)
        state = caught.value.state
        assert (state.stage, state.compute) == ("compute", "not sent")
        with pytest.raises(ConfigError, match="none"):
            await haut.resume_upload(state, front=FILES["front"])
        await haut.resume_upload(state)
    assert sandbox.carried_out("upload_image") == 3
    assert sandbox.carried_out("compute_batch") == 1


async def test_resuming_requires_the_missing_photos(sandbox: Sandbox, subject_id: str) -> None:
    sandbox.faults.add("upload_image", faults.status(403), times=None)
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            await haut.upload_and_compute(subject_id, front=FILES["front"], left=FILES["left"])
        assert isinstance(caught.value.cause, StorageError)
        with pytest.raises(ConfigError, match="front, left"):
            await haut.resume_upload(caught.value.state, front=FILES["front"])


async def test_expired_slot_is_replaced(subject_id: str, sandbox: Sandbox) -> None:
    expired = (
        b'<?xml version="1.0"?><Error><Code>ExpiredToken</Code><Message>late</Message></Error>'
    )
    sandbox.faults.add("upload_image", faults.status(400, expired, content_type="application/xml"))
    async with AsyncHaut(**sandbox.credentials) as haut:
        await haut.upload_and_compute(subject_id, front=FILES["front"])
    assert sandbox.carried_out("create_signed_upload_url") == 2
    assert sandbox.carried_out("delete_image") == 1
    [subject] = final_state(sandbox)["subjects"]
    [batch] = subject["batches"]
    assert len(batch["images"]) == 1


async def test_slot_that_expires_before_the_upload_is_replaced(subject_id: str) -> None:
    with Sandbox(upload_url_seconds=60) as sandbox:
        [subject] = sandbox.add_subjects(1)
        late = iter([61])
        sandbox.before_request = lambda request: (
            sandbox.clock.advance(next(late, 0)) if request.operation == "upload_image" else None
        )
        async with AsyncHaut(**sandbox.credentials) as haut:
            await haut.upload_and_compute(subject.id, front=FILES["front"])
        assert sandbox.carried_out("create_signed_upload_url") == 2


async def test_only_given_arguments_are_sent(sandbox: Sandbox, subject_id: str) -> None:
    bodies: list[bytes] = []
    sandbox.before_request = lambda request: (
        bodies.append(bytes(request.body)) if request.operation != "upload_image" else None
    )
    async with AsyncHaut(**sandbox.credentials) as haut:
        await haut.upload_and_compute(subject_id, front=FILES["front"])
        assert bodies == [b'{"side_id":1}', b"{}"]
        bodies.clear()
        await haut.upload_and_compute(subject_id, right=FILES["front"], **EVERYTHING)
        assert bodies == [
            b'{"side_id":2,"light_id":1,"meta":{"visit":2},'
            b'"creation_time":"2025-02-03T04:05:06.000Z","name":"photo","app_args":{"a":1}}',
            b'{"app_args":{"a":1}}',
        ]


async def test_upload_for_an_unknown_subject(sandbox: Sandbox) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            await haut.upload_and_compute(str(UUID(int=1)), front=FILES["front"])
    assert isinstance(caught.value.cause, NotFound)
    assert caught.value.state.batch_id is None
    assert [side.status for side in caught.value.state.sides] == ["none"]


async def test_progress_of_each_side_increases_to_the_file_size(
    sandbox: Sandbox, subject_id: str
) -> None:
    sandbox.faults.add("upload_image", faults.status(500), times=2)
    reported: dict[str, list[int]] = {side: [] for side in FILES}
    async with AsyncHaut(**sandbox.credentials) as haut:
        await haut.upload_and_compute(
            subject_id, **FILES, progress=lambda sent, total, side: reported[side].append(sent)
        )
    for side, marks in reported.items():
        assert marks[-1] == FILES[side].stat().st_size
        assert marks == sorted(set(marks))
        assert all(after - before <= 256 * 1024 for before, after in pairwise(marks))


async def test_error_of_a_callback_is_raised_and_the_last_state_can_be_resumed(
    sandbox: Sandbox, subject_id: str
) -> None:
    def progress(sent: int, total: int | None, side: Side) -> None:
        raise LookupError("raised by the callback")

    async with AsyncHaut(**sandbox.credentials) as haut:
        states: list[UploadState] = []
        with pytest.raises(LookupError, match="raised by the callback"):
            await haut.upload_and_compute(
                subject_id, front=FILES["front"], progress=progress, on_state=states.append
            )
        await haut.resume_upload(UploadState.from_json(states[-1].to_json()), front=FILES["front"])
    assert len(final_state(sandbox)["subjects"][0]["batches"]) == 1


async def test_computation_whose_response_was_lost_is_detected_in_the_images(
    sandbox: Sandbox, subject_id: str
) -> None:
    sandbox.faults.add("compute_batch", faults.reset("after"))
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            await haut.upload_and_compute(subject_id, front=FILES["front"])
        assert caught.value.state.compute == "unknown"
        batch = await haut.resume_upload(caught.value.state)
        await haut.wait_for_analysis(batch)
    assert sandbox.received("compute_batch") == 1


async def test_computation_stays_unknown_if_starting_it_again_is_rejected(
    sandbox: Sandbox, subject_id: str
) -> None:
    """Otherwise, resuming once more would start and bill the analysis twice."""
    sandbox.faults.add("compute_batch", faults.reset("before"))
    sandbox.faults.add("compute_batch", faults.rejected(429))
    async with AsyncHaut(**sandbox.credentials, max_retries=0) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            await haut.upload_and_compute(subject_id, front=FILES["front"])
        state = caught.value.state
        with pytest.raises(UploadIncomplete) as caught:
            await haut.resume_upload(state, compute_again=True)
        assert isinstance(caught.value.cause, RateLimited)
        assert caught.value.state == state
        with pytest.raises(UploadIncomplete, match="compute_again=True"):
            await haut.resume_upload(state)
    assert sandbox.received("compute_batch") == 2


async def test_error_page_of_a_proxy_does_not_prove_that_a_request_was_not_carried_out(
    sandbox: Sandbox, subject_id: str
) -> None:
    page = faults.status(404, b"<html>", content_type="text/html", when="after")
    sandbox.faults.add("create_signed_upload_url", page, skip=1)
    sandbox.faults.add("compute_batch", page)
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            await haut.upload_and_compute(subject_id, front=FILES["front"], left=FILES["left"])
        assert [side.status for side in caught.value.state.sides] == ["open", "unknown"]
        with pytest.raises(UploadIncomplete) as stopped:
            await haut.resume_upload(caught.value.state, front=FILES["front"], left=FILES["left"])
        assert stopped.value.state.compute == "unknown"
        batch = await haut.resume_upload(stopped.value.state)
        listed = {image.id async for image in haut.images.iterate(subject_id)}
    assert listed == {image.image_id for image in batch.images}
    assert sandbox.received("compute_batch") == 1


async def test_start_of_an_analysis_stays_unknown_if_an_image_was_deleted(
    sandbox: Sandbox, subject_id: str
) -> None:
    sandbox.faults.add("compute_batch", faults.reset("before"))
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            await haut.upload_and_compute(subject_id, front=FILES["front"], left=FILES["left"])
        state = caught.value.state
        image_id = state.sides[0].image_id
        assert image_id is not None
        await haut.images.delete(image_id)
        with pytest.raises(UploadIncomplete, match="compute_again=True"):
            await haut.resume_upload(state)
        await haut.resume_upload(state, compute_again=True)
    assert sandbox.carried_out("compute_batch") == 1


async def test_resuming_deletes_records_only_in_the_batch_of_the_upload(
    sandbox: Sandbox, subject_id: str
) -> None:
    """Without a batch id, nothing distinguishes a record of this upload from other records."""
    async with AsyncHaut(**sandbox.credentials) as haut:
        analyzed = await haut.upload_and_compute(subject_id, front=FILES["front"])
        await haut.wait_for_analysis(analyzed)
        await haut.subjects.clear_storage(subject_id)
        old = await haut.images.request_upload(subject_id, side="front")
        with sandbox.database.lock:
            sandbox.database.images[str(old.id)].created -= timedelta(minutes=6)
        other_side = await haut.images.request_upload(subject_id, side="left")
        concurrent = await haut.images.request_upload(subject_id, side="front")
        before = {image.id async for image in haut.images.iterate(subject_id)}
        sandbox.faults.add("create_signed_upload_url", faults.reset("after"))
        with pytest.raises(UploadIncomplete) as caught:
            await haut.upload_and_compute(subject_id, front=FILES["front"])
        assert [side.status for side in caught.value.state.sides] == ["unknown"]
        batch = await haut.resume_upload(caught.value.state, front=FILES["front"])
        after = {image.id async for image in haut.images.iterate(subject_id)}
    [lost] = after - before - {image.image_id for image in batch.images}
    assert set(batch.possible_leftovers) == {lost, concurrent.id}
    assert before == {analyzed.images[0].image_id, old.id, other_side.id, concurrent.id}
    assert before < after
    assert sandbox.carried_out("delete_image") == 0


async def test_possible_leftovers_are_kept_by_later_resumes(
    sandbox: Sandbox, subject_id: str
) -> None:
    sandbox.faults.add("create_signed_upload_url", faults.reset("after"), times=2)
    sandbox.faults.add("upload_image", faults.status(403))
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            await haut.upload_and_compute(subject_id, front=FILES["front"])
        for found in (1, 2):
            state = UploadState.from_json(caught.value.state.to_json())
            with pytest.raises(UploadIncomplete) as caught:
                await haut.resume_upload(state, front=FILES["front"])
            assert len(caught.value.state.possible_leftovers) == found
        batch = await haut.resume_upload(caught.value.state, front=FILES["front"])
        listed = {image.id async for image in haut.images.iterate(subject_id)}
    assert listed == {*batch.possible_leftovers, batch.images[0].image_id}


@pytest.mark.parametrize("hours", [-5, 5])
async def test_record_of_a_lost_response_is_found_if_the_clocks_differ(hours: int) -> None:
    with Sandbox(analysis_reads=1) as sandbox:
        sandbox.clock.advance(hours * 3600)
        [subject] = sandbox.add_subjects(1)
        [earlier] = sandbox.add_images(subject, 1)
        sandbox.clock.advance(3600)
        sandbox.faults.add("create_signed_upload_url", faults.reset("after"))
        async with AsyncHaut(**sandbox.credentials) as haut:
            with pytest.raises(UploadIncomplete) as caught:
                await haut.upload_and_compute(subject.id, front=FILES["front"])
            batch = await haut.resume_upload(caught.value.state, front=FILES["front"])
            images = {image.id async for image in haut.images.iterate(subject.id)}
    assert len(batch.possible_leftovers) == 1
    known = {UUID(earlier.id), *batch.possible_leftovers, batch.images[0].image_id}
    assert images == known


@pytest.mark.parametrize(
    "date", ["Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 0001 00:00:00 +2359", "now"]
)
async def test_resume_ignores_an_absurd_time_of_the_service(
    sandbox: Sandbox, subject_id: str, date: str
) -> None:
    sandbox.faults.add("create_signed_upload_url", faults.reset("after"))

    async def change_date(response: httpx.Response) -> None:
        response.headers["date"] = date

    hooks: Any = {"response": [change_date]}
    async with AsyncHaut(**sandbox.credentials, event_hooks=hooks) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            await haut.upload_and_compute(subject_id, front=FILES["front"])
        await haut.resume_upload(caught.value.state, front=FILES["front"])


async def test_record_of_a_lost_response_is_found_by_the_given_creation_time(
    sandbox: Sandbox, subject_id: str
) -> None:
    moment = datetime(2001, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
    sandbox.faults.add("create_signed_upload_url", faults.reset("after"))
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            await haut.upload_and_compute(subject_id, front=FILES["front"], creation_time=moment)
        batch = await haut.resume_upload(
            caught.value.state, front=FILES["front"], creation_time=moment
        )
        images = {image.id async for image in haut.images.iterate(subject_id)}
    assert images == {*batch.possible_leftovers, batch.images[0].image_id}
    assert len(batch.possible_leftovers) == 1


async def test_failures_of_two_photos_are_both_recorded(sandbox: Sandbox, subject_id: str) -> None:
    expired = (
        b'<?xml version="1.0"?><Error><Code>ExpiredToken</Code><Message>late</Message></Error>'
    )
    sandbox.faults.add("upload_image", faults.status(403))
    sandbox.faults.add("upload_image", faults.status(400, expired, content_type="application/xml"))
    sandbox.faults.add("create_signed_upload_url", faults.reset("after"), skip=2)
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            await haut.upload_and_compute(subject_id, front=FILES["front"], left=FILES["left"])
        state = caught.value.state
        assert sorted(side.status for side in state.sides) == ["open", "unknown"]
        batch = await haut.resume_upload(state, front=FILES["front"], left=FILES["left"])
        listed = {image.id async for image in haut.images.iterate(subject_id)}
    assert listed == {image.image_id for image in batch.images}
    assert batch.possible_leftovers == ()


async def test_state_of_a_cancelled_upload_can_be_resumed(
    sandbox: Sandbox, subject_id: str
) -> None:
    """Neither a cancellation nor Ctrl-C raises UploadIncomplete, so `on_state` has the state."""

    class Stopped(BaseException):
        """Stands for KeyboardInterrupt, which would stop the test run."""

    states: list[UploadState] = []

    def stop(state: UploadState) -> None:
        states.append(state)
        if any(side.status == "stored" for side in state.sides):
            raise Stopped

    async with AsyncHaut(**sandbox.credentials) as haut:
        with suppress(Stopped, BaseExceptionGroup):
            await haut.upload_and_compute(
                subject_id, front=FILES["front"], left=FILES["left"], on_state=stop
            )
        batch = await haut.resume_upload(states[-1], **missing_files(states[-1]))
        listed = {image.id async for image in haut.images.iterate(subject_id)}
    assert listed == {image.image_id for image in batch.images}
    assert sandbox.carried_out("compute_batch") == 1


async def test_state_is_reported_before_each_request(sandbox: Sandbox, subject_id: str) -> None:
    """A process that persists each reported state can resume the upload after a crash."""
    reported: list[UploadState] = []
    states: list[tuple[str, list[str], str]] = []

    def record(request: Request) -> None:
        state = reported[-1]
        states.append((request.operation, [side.status for side in state.sides], state.compute))

    sandbox.before_request = record
    async with AsyncHaut(**sandbox.credentials) as haut:
        await haut.upload_and_compute(subject_id, front=FILES["front"], on_state=reported.append)
    assert states == [
        ("create_signed_upload_url", ["unknown"], "not sent"),
        ("upload_image", ["open"], "not sent"),
        ("compute_batch", ["stored"], "unknown"),
    ]
    assert reported[-1].compute == "started"
    assert reported[-1].batch_id is not None


@pytest.mark.parametrize("api", ["v1", "v3"])
async def test_photos_are_sent_by_the_function_passed_as_send_bytes(
    api: Api, sandbox: Sandbox, subject_id: str
) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        slots: list[SignedUpload | UploadSlotV3] = []

        async def send_bytes(slot: SignedUpload | UploadSlotV3, photo: Photo) -> None:
            slots.append(slot)
            await haut.images.send_bytes(*pickle.loads(pickle.dumps((slot, photo))))

        batch = await haut.upload_and_compute(
            subject_id, front=FILES["front"], left=FILES["left"], api=api, send_bytes=send_bytes
        )
        assert len(slots) == len(batch.images) == sandbox.carried_out("upload_image") == 2


async def test_resume_stops_if_a_proxy_responds_instead_of_deleting_the_record(
    sandbox: Sandbox, subject_id: str
) -> None:
    """Otherwise the image record would stay without a photo."""
    photo = FILES["front"]
    sandbox.faults.add("upload_image", faults.status(403))
    page = faults.status(404, b"<html>no such host</html>", content_type="text/html")
    sandbox.faults.add("delete_image", page)
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(UploadIncomplete) as caught:
            await haut.upload_and_compute(subject_id, front=photo)
        state = caught.value.state
        with pytest.raises(UploadIncomplete) as caught:
            await haut.resume_upload(state, front=photo)
        assert caught.value.state == state
        await haut.resume_upload(state, front=photo)
    [subject] = sandbox.snapshot()["subjects"]
    assert [len(batch["images"]) for batch in subject["batches"]] == [1]
