# Derived from tests/_async/test_results.py by `make sync`; change that file instead.
"""Tests that both API versions return analysis results in the same format."""

from __future__ import annotations

import json
import math
import pickle
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from haut_ext import (
    AlgorithmsFailed,
    AnalysisTimeout,
    AnalyzedBatch,
    BatchResults,
    ConfigError,
    Haut,
    NotFound,
    ResultsTimeout,
    Row,
    ServerError,
    TransportError,
    Unauthorized,
    UnexpectedResponse,
    UploadedBatch,
    UploadedImage,
    UploadIncomplete,
    UploadState,
)
from haut_ext._http import poll_schedule, retry_policy
from haut_ext._sync.workflows import wait
from haut_ext.algorithm_families import FAMILIES as KNOWN_FAMILIES
from haut_ext.analysis_results.rows import COLUMNS
from haut_ext.sandbox import Fault, Sandbox, faults, response_delivery
from haut_ext.sandbox.algorithms import FACE_SKIN_METRICS_3
from haut_ext.sandbox.http_messages import Response, json_response

pytestmark = pytest.mark.anyio

PHOTOS = Path("examples/photos")
FRONT, LEFT = PHOTOS / "portrait.jpg", PHOTOS / "portrait.webp"
FAMILIES = [family.name for family in KNOWN_FAMILIES if "2025" in family.eras]
PARAMETERS = list(FACE_SKIN_METRICS_3.algorithms)
READS = {"v1": "list_image_results", "v3": "get_batch_results_v3"}
BOTH = pytest.mark.parametrize("api", ["v1", "v3"])


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poll_schedule, "FIRST_INTERVAL", 0.0002)
    monkeypatch.setattr(poll_schedule, "SHARED_REQUESTS", 1_000_000)
    monkeypatch.setattr(retry_policy, "INITIAL_BACKOFF", 0.001)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose analyses take 100 s of its own clock, which only tests advance."""
    with Sandbox(seed=1, analysis_seconds=100) as sandbox:
        yield sandbox


def uploaded(sandbox: Sandbox, haut: Haut, api: Any = "v1") -> UploadedBatch:
    [subject] = sandbox.add_subjects(1)
    return haut.upload_and_compute(subject.id, front=FRONT, left=LEFT, api=api)


def changed(change: Any, **headers: str) -> Fault:
    """Return a fault that applies `change` to the JSON body of a successful response.

    The headers replace those of the response.
    """

    def answer(true: Response) -> Response:
        if true.status != 200:
            return true
        response = json_response(200, change(json.loads(bytes(true.body))))
        return replace(response, headers=(*response.headers, *headers.items()))

    return Fault("changed body", "after", change=answer)


def test_empty_partial_and_complete_results_of_v1(sandbox: Sandbox, haut: Haut) -> None:
    batch = uploaded(sandbox, haut)
    assert (haut.results(batch)).results == ()
    sandbox.clock.advance(75)
    partial = haut.results(batch)
    assert 0 < len(partial.results) < 2 * len(FAMILIES)
    sandbox.clock.advance(25)
    found = haut.results(batch)
    assert (found.subject_id, found.batch_id, found.api) == (
        batch.subject_id,
        batch.batch_id,
        "v1",
    )
    assert not found.complete, "v1 does not report completion"
    assert [(result.image_id, result.side, result.family) for result in found.results] == [
        (image.image_id, image.side, family) for image in batch.images for family in FAMILIES
    ]
    assert {tuple(row) for row in found.to_rows()} == {tuple(COLUMNS)}
    age = found.get("age", side="left")
    assert age is not None
    assert (age.image_id, age.metrics[0].area) == (batch.images[1].image_id, "face")
    assert BatchResults.from_json(found.to_json()) == found
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize("api", ["v1", "v3"])
def test_history_of_a_subject_has_the_rows_of_all_images_by_time(
    sandbox: Sandbox, haut: Haut, api: Any
) -> None:
    [subject] = sandbox.add_subjects(1)
    rows: list[Row] = []
    for _ in range(2):
        sandbox.clock.advance(86_400)
        batch = haut.upload_and_compute(subject.id, front=FRONT, left=LEFT, api=api)
        sandbox.clock.advance(100)
        rows += (haut.results(batch)).to_rows()
    history = haut.history(subject.id, api=api)
    dates = [str(row["date"]) for row in history]
    assert dates == sorted(dates)
    days = {datetime.fromisoformat(date).date() for date in dates}
    assert len(days) == 2
    ignored = {"date": None} if api == "v3" else {}
    assert sorted(str({**row, **ignored}) for row in history) == sorted(map(str, rows))
    with pytest.raises(NotFound):
        haut.history(UUID(int=1), api=api)


def test_empty_partial_and_complete_results_of_v3(sandbox: Sandbox, haut: Haut) -> None:
    batch = uploaded(sandbox, haut, "v3")
    empty = haut.results(batch)
    assert (empty.results, empty.complete) == ((), False)
    sandbox.clock.advance(75)
    partial = haut.results(batch)
    assert 0 < len(partial.results) < len(PARAMETERS)
    assert not partial.complete
    sandbox.clock.advance(25)
    found = haut.results(batch)
    assert (found.api, found.complete) == ("v3", True)
    assert [result.family for result in found.results] == PARAMETERS
    redness = next(result for result in found.results if result.family == "redness")
    assert {metric.name for metric in redness.metrics} == {"score", "tag", "grade"}
    assert set(redness.mask_urls) == {"front", "left"}
    assert "http" not in repr(found) + repr(redness)
    assert "predicted_images" in found.raw["face_skin_metrics_3"]
    assert sandbox.received("list_image_results") == 0


def test_batch_can_be_identified_by_its_ids(sandbox: Sandbox, haut: Haut) -> None:
    batch = uploaded(sandbox, haut)
    haut.upload_and_compute(batch.subject_id, front=FRONT)
    sandbox.clock.advance(100)
    known = UploadedBatch(batch.subject_id, batch.batch_id)
    assert haut.results(known) == haut.results(batch)
    assert len((haut.wait_for_results(known, 0, wait_for=FAMILIES)).results) == 2 * len(FAMILIES)
    texts: Any = UploadedBatch(str(batch.subject_id), str(batch.batch_id))  # type: ignore[arg-type]
    assert haut.results(texts) == haut.results(batch)


@pytest.mark.parametrize("api", ["v1", "v3"])
def test_analysis_of_a_batch_known_by_its_ids_is_awaited(
    sandbox: Sandbox, haut: Haut, api: Any
) -> None:
    batch = uploaded(sandbox, haut, api)
    haut.upload_and_compute(batch.subject_id, front=FRONT)
    known: Any = UploadedBatch(str(batch.subject_id), str(batch.batch_id))  # type: ignore[arg-type]
    with pytest.raises(AnalysisTimeout, match="0 of 2 images"):
        haut.wait_for_analysis(known, 0)
    sandbox.clock.advance(100)
    images = haut.wait_for_analysis(known, 0)
    assert {image.id for image in images} == {image.image_id for image in batch.images}


@BOTH
def test_batch_that_does_not_exist_is_not_found(sandbox: Sandbox, haut: Haut, api: Any) -> None:
    batch = uploaded(sandbox, haut, api)
    missing = UploadedBatch(batch.subject_id, batch.subject_id, api=api)
    for call in (haut.results, haut.wait_for_results, haut.wait_for_analysis):
        with pytest.raises(NotFound) as caught:
            call(missing)
        assert caught.value.confirmed


@BOTH
@pytest.mark.parametrize("photos", [0, 1])
def test_batch_that_was_never_computed_is_described_as_such(
    sandbox: Sandbox, haut: Haut, api: Any, photos: int
) -> None:
    batch = uploaded(sandbox, haut)
    if photos:
        image = haut.images.upload(batch.subject_id, FRONT)
        new = UploadedBatch(batch.subject_id, image.batch_id, api=api)
    else:
        slot = haut.images.request_upload(batch.subject_id)
        new = UploadedBatch(batch.subject_id, slot.image_batch_id, api=api)
    assert (haut.results(new)).results == ()
    expected = "1 of 1 images have no photo" if api == "v1" and not photos else "was never started"
    with pytest.raises(ResultsTimeout, match=expected):
        haut.wait_for_results(new, 0)
    with pytest.raises(AnalysisTimeout, match="0 of 1 images"):
        haut.wait_for_analysis(new, 0)


def test_empty_batch_is_described_as_such(sandbox: Sandbox, haut: Haut) -> None:
    batch = uploaded(sandbox, haut)
    for image in batch.images:
        haut.images.delete(image.image_id)
    known = UploadedBatch(batch.subject_id, batch.batch_id)
    with pytest.raises(ResultsTimeout, match="the batch has no images"):
        haut.wait_for_results(known, 0)
    with pytest.raises(AnalysisTimeout, match="0 of 0 images"):
        haut.wait_for_analysis(known, 0)
    with pytest.raises(NotFound):
        haut.wait_for_results(batch, 0)


def test_absence_of_a_batch_is_not_concluded_from_a_list_alone(
    sandbox: Sandbox, haut: Haut
) -> None:
    batch = uploaded(sandbox, haut)
    for image in batch.images:
        haut.images.delete(image.image_id)
    sandbox.faults.add("list_batches", changed(lambda page: {**page, "results": []}))
    assert (haut.results(UploadedBatch(batch.subject_id, batch.batch_id))).results == ()


@pytest.mark.parametrize("latency", [0.2, 3.0])
def test_wait_ends_within_its_timeout_even_if_the_service_is_slow(
    sandbox: Sandbox, haut: Haut, latency: float
) -> None:
    batch = uploaded(sandbox, haut)
    sandbox.latency = latency
    for wait_for, error in (
        (haut.wait_for_analysis, AnalysisTimeout),
        (haut.wait_for_results, ResultsTimeout),
    ):
        started = time.monotonic()
        with pytest.raises(error):
            wait_for(batch, wait_timeout=0.5)
        assert time.monotonic() - started < 1
        sandbox.faults.add("*", faults.reset(), times=None)
        with pytest.raises(TransportError):
            wait_for(batch, wait_timeout=0)
        sandbox.faults.clear()


def test_results_of_one_image(sandbox: Sandbox, haut: Haut) -> None:
    batch = uploaded(sandbox, haut)
    sandbox.clock.advance(100)
    found = haut.results(batch.images[1])
    assert {result.image_id for result in found.results} == {batch.images[1].image_id}
    assert haut.wait_for_results(batch.images[1], wait_for=["selfie_v2.age"])


def test_batch_is_not_found_in_another_dataset(sandbox: Sandbox, haut: Haut) -> None:
    batch = uploaded(sandbox, haut)
    unknown_dataset = UUID(int=1)
    with pytest.raises(NotFound):
        haut.results(batch, dataset_id=unknown_dataset)
    with pytest.raises(NotFound):
        haut.wait_for_results(batch, dataset_id=unknown_dataset)


# Waiting


def test_waits_for_the_expected_algorithms_of_every_image() -> None:
    with Sandbox(seed=1, analysis_reads=20) as sandbox:
        with Haut(**sandbox.credentials) as haut:
            batch = uploaded(sandbox, haut)
            expected = ["Acne", "selfie_v2.redness"]  # both spellings are valid
            found = haut.wait_for_results(batch, wait_for=expected)
            assert found.completeness == "wait_for"
            families = {result.family for result in found.results}
            assert set(FAMILIES[:3]) <= families < set(FAMILIES)
            reads = sandbox.received("list_image_results")
            assert (haut.wait_for_results(batch, wait_for=FAMILIES[:1])).complete
            assert sandbox.received("list_image_results") == reads + 2, "one request for each image"


def test_algorithm_family_is_matched_without_regard_to_case(sandbox: Sandbox, haut: Haut) -> None:
    batch = uploaded(sandbox, haut)
    sandbox.clock.advance(100)
    capital = changed(
        lambda items: [{**items[1], "algorithm_family_tech_name": "Selfie_v2.Acne"}, *items[2:]]
    )
    sandbox.faults.add("list_image_results", capital, times=None)
    found = haut.wait_for_results(batch, 0, wait_for=["selfie_v2.acne"])
    assert found.results[0].family == "Selfie_v2.Acne", "keeps the spelling of the service"


def test_image_with_all_results_is_not_requested_again(sandbox: Sandbox, haut: Haut) -> None:
    batch = uploaded(sandbox, haut)
    sandbox.clock.advance(100)
    late = str(batch.images[1].image_id)
    times = iter([True, True])
    withheld = changed(
        lambda items: [] if items[0]["image_id"] == late and next(times, False) else items
    )
    sandbox.faults.add("list_image_results", withheld, times=None)
    assert (haut.wait_for_results(batch, wait_for=FAMILIES)).complete
    requests = [a for a in sandbox.requests if a.operation == "list_image_results"]
    assert len(requests) == 1 + 3


@pytest.mark.parametrize(("settled_after", "count"), [(0, 1), (0.05, 8)])
def test_without_expected_algorithms_results_are_complete_once_they_stop_growing(
    sandbox: Sandbox, haut: Haut, settled_after: float, count: int
) -> None:
    batch = uploaded(sandbox, haut)
    sandbox.clock.advance(100)
    lengths = iter(range(8))  # the number of results in each response: 0, 1, ..., 7, 8, 8, ...
    growing = changed(lambda items: items[: next(lengths, 8)])
    sandbox.faults.add("list_image_results", growing, times=None)
    found = haut.wait_for_results(batch.images[0], settled_after=settled_after)
    assert (found.completeness, len(found.results)) == ("settled", count)


@pytest.mark.parametrize(
    ("seconds", "date", "completeness"),
    [
        (60, None, None),
        (100, None, "settled"),
        (10, "Fri, 01 Jan 2100 00:00:00 GMT", None),
        (100, "Thu, 01 Jan 1970 00:00:00 GMT", None),
        (50 * 365 * 86400, None, None),  # a placeholder
    ],
)
def test_old_results_have_settled_by_the_times_of_the_service_and_of_this_machine(
    sandbox: Sandbox, haut: Haut, seconds: int, date: str | None, completeness: str | None
) -> None:
    batch = uploaded(sandbox, haut)
    sandbox.clock.advance(100)
    now = datetime.now(UTC)
    created = f"{now - timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"
    older = changed(
        lambda items: [{**item, "creation_time": created} for item in items],
        Date=date or f"{now:%a, %d %b %Y %H:%M:%S} GMT",
    )
    sandbox.faults.add("list_image_results", older, times=None)
    try:
        found = haut.wait_for_results(batch, 0, settled_after=30)
    except ResultsTimeout as error:
        found = error.results
    assert found.completeness == completeness


@pytest.mark.parametrize("change", ["fewer", "others"])
def test_results_that_change_have_not_settled(sandbox: Sandbox, haut: Haut, change: str) -> None:
    batch = uploaded(sandbox, haut)
    sandbox.clock.advance(100)
    counts = iter(range(len(FAMILIES) * 4))

    def changing(items: list[Any]) -> list[Any]:
        start = next(counts) % len(items)
        return items[start:] if change == "fewer" else [items[start]]

    sandbox.faults.add("list_image_results", changed(changing), times=None)
    with pytest.raises(ResultsTimeout):
        haut.wait_for_results(batch.images[0], 0.3, settled_after=0.25, poll_interval=0.1)


def test_wait_in_the_sandbox_ends_as_soon_as_the_analysis_is_complete(
    sandbox: Sandbox, haut: Haut
) -> None:
    batch = uploaded(sandbox, haut)
    sandbox.clock.advance(99)
    with pytest.raises(ResultsTimeout):
        haut.wait_for_results(batch, 0)
    sandbox.clock.advance(1)
    assert (haut.wait_for_results(batch, 0)).completeness == "reported"
    assert not (haut.results(batch)).complete


def test_header_of_the_sandbox_is_ignored_if_another_service_sends_it(
    sandbox: Sandbox, haut: Haut, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = uploaded(sandbox, haut)
    sandbox.clock.advance(100)
    monkeypatch.setattr(response_delivery, "SERVER", "nginx")
    with pytest.raises(ResultsTimeout):
        haut.wait_for_results(batch, 0)


def test_wait_for_a_photo_without_a_face_ends_with_its_failures(
    sandbox: Sandbox, haut: Haut
) -> None:
    for family in FAMILIES:
        sandbox.fail_algorithm(family, "No face detected")
    batch = uploaded(sandbox, haut)
    sandbox.clock.advance(100)
    found = haut.wait_for_results(batch, 0, wait_for=FAMILIES)
    assert (found.complete, len(found.failures)) == (True, 2 * len(FAMILIES))


@BOTH
def test_wait_for_the_analysis_of_a_photo_without_a_face_ends(
    sandbox: Sandbox, haut: Haut, api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "NO_FACE_AFTER", 0.0)
    sandbox.detects_faces = False
    batch = uploaded(sandbox, haut, api)
    with pytest.raises(AnalysisTimeout, match="may have found no face"):
        haut.wait_for_analysis(batch, 0)
    sandbox.clock.advance(100)
    images = haut.wait_for_analysis(batch, 0)
    assert [image.quality_score for image in images] == [None, None]
    if api == "v1":
        with pytest.raises(AnalysisTimeout):
            haut.wait_for_analysis(batch, 0, dataset_id=UUID(int=1))


@pytest.mark.parametrize(("side", "cell"), [("\ud800", "\ud800"), (None, None), ("", None)])
def test_side_that_is_not_valid_text_does_not_prevent_reading(
    sandbox: Sandbox, haut: Haut, side: Any, cell: Any
) -> None:
    batch = uploaded(sandbox, haut)
    sandbox.clock.advance(100)
    invalid = changed(
        lambda page: {**page, "results": [{**it, "side": side} for it in page["results"]]}
    )
    sandbox.faults.add("list_images", invalid, times=None)
    known = UploadedBatch(batch.subject_id, batch.batch_id)
    for rows in (haut.history(batch.subject_id), (haut.results(known)).to_rows()):
        assert {row["side"] for row in rows} == {cell}
    assert len(haut.wait_for_results(known, 0)) == 2 * len(FAMILIES)


def test_ids_of_results_are_parsed(sandbox: Sandbox, haut: Haut) -> None:
    batch = uploaded(sandbox, haut)
    sandbox.clock.advance(100)
    image = batch.images[0]
    texts: Any = UploadedImage(
        *map(str, (image.image_id, image.batch_id, image.side, image.subject_id))  # type: ignore[arg-type]
    )
    assert haut.results(texts) == haut.results(image)


def test_wait_with_a_long_interval_does_not_delay_other_waits(
    sandbox: Sandbox, haut: Haut, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll_schedule, "SHARED_REQUESTS", 50)
    batch = uploaded(sandbox, haut)
    for interval in (3600, math.inf):
        with pytest.raises(ResultsTimeout):
            haut.wait_for_results(batch, 0.3, poll_interval=interval)
    requests = sandbox.received("list_image_results")
    with pytest.raises(ResultsTimeout):
        haut.wait_for_results(batch.images[0], 0.5, poll_interval=0.1)
    assert sandbox.received("list_image_results") - requests > 3


def test_results_are_incomplete_while_an_image_has_none(sandbox: Sandbox, haut: Haut) -> None:
    batch = uploaded(sandbox, haut)
    sandbox.clock.advance(100)
    late = str(batch.images[1].image_id)
    withheld = changed(lambda items: [] if items[0]["image_id"] == late else items)
    sandbox.faults.add("list_image_results", withheld, times=None)
    with pytest.raises(ResultsTimeout) as caught:
        haut.wait_for_results(batch, 0.02, settled_after=0)
    assert len(caught.value.results.results) == len(FAMILIES)
    assert f"by side: front {len(FAMILIES)}, left 0" in str(caught.value)
    with pytest.raises(ResultsTimeout, match=r"missing are selfie_v2\.acne of left;") as caught:
        haut.wait_for_results(batch, 0.02, wait_for=["Acne"])
    assert pickle.loads(pickle.dumps(caught.value)).missing == ("selfie_v2.acne",)


@pytest.mark.slow
def test_v3_reports_completion() -> None:
    with Sandbox(seed=1, analysis_reads=16) as sandbox:
        with Haut(**sandbox.credentials) as haut:
            batch = uploaded(sandbox, haut, "v3")
            found = haut.wait_for_results(batch)
            assert (found.complete, len(found.results)) == (True, len(PARAMETERS))


@BOTH
@pytest.mark.parametrize("passed", [0, 75])
def test_timeout_error_contains_partial_results(
    sandbox: Sandbox, haut: Haut, api: str, passed: int
) -> None:
    batch = uploaded(sandbox, haut, api)
    sandbox.clock.advance(passed)
    with pytest.raises(ResultsTimeout, match=r"after 0\.01 s") as caught:
        haut.wait_for_results(batch, 0.01)
    assert isinstance(caught.value, TimeoutError)
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.batch, error.results) == (batch, caught.value.results)
    assert (error.results.complete, error.missing) == (False, ())
    assert bool(error.results.results) == (passed > 0)
    sandbox.clock.advance(100)
    found = haut.wait_for_results(error.batch, settled_after=0)
    assert found.complete
    assert len(found.results) == (len(PARAMETERS) if api == "v3" else 2 * len(FAMILIES))


@pytest.mark.parametrize(
    ("api", "families"), [("v1", "selfie_v2.acne"), ("v1", ["beard"]), ("v3", ["selfie_v2.acne"])]
)
def test_invalid_wait_for_argument_is_rejected(
    sandbox: Sandbox, haut: Haut, api: Any, families: Any
) -> None:
    with pytest.raises(ConfigError, match="wait_for"):
        haut.wait_for_results(UploadedBatch(UUID(int=1), UUID(int=2), api=api), wait_for=families)
    with pytest.raises(ConfigError, match="wait_for"):
        haut.upload_and_compute(UUID(int=1), front=FRONT, api=api, wait=True, wait_for=families)
    assert sandbox.requests == []


# Errors


@BOTH
def test_status_500_while_waiting_is_retried(sandbox: Sandbox, haut: Haut, api: str) -> None:
    batch = uploaded(sandbox, haut, api)
    sandbox.clock.advance(100)
    sandbox.faults.add(READS[api], changed(lambda body: type(body)()), times=4)  # empty results
    sandbox.faults.add(READS[api], faults.status(500), times=2)
    assert (haut.wait_for_results(batch, settled_after=0.01)).complete
    assert sandbox.faults.pending == []
    sandbox.faults.add(READS[api], faults.status(500), times=None)
    with pytest.raises(ServerError):
        haut.with_options(max_retries=1).wait_for_results(batch)


@BOTH
def test_token_that_expires_while_waiting_is_renewed(
    sandbox: Sandbox, haut: Haut, api: str
) -> None:
    batch = uploaded(sandbox, haut, api)
    sandbox.clock.advance(100)
    sandbox.faults.add(READS[api], changed(lambda body: type(body)()), times=2)

    def expire_once(request: Any) -> None:
        if request.operation == READS[api] and not sandbox.faults.pending:
            sandbox.before_request = None
            sandbox.expire_tokens()

    sandbox.before_request = expire_once
    issued: list[str] = []

    def token() -> str:
        issued.append(sandbox.issue_token())
        return issued[-1]

    with Haut(**{**sandbox.credentials, "token": token}) as renewing:  # type: ignore[arg-type]
        assert (renewing.wait_for_results(batch, settled_after=0.01)).complete
    assert len(issued) == 2
    with pytest.raises(Unauthorized):
        haut.wait_for_results(batch)


@BOTH
def test_results_of_an_unknown_batch_are_not_found(haut: Haut, sandbox: Sandbox, api: str) -> None:
    batch = uploaded(sandbox, haut, api)
    haut.subjects.delete(batch.subject_id)
    with pytest.raises(NotFound):
        haut.results(batch)


def test_failed_algorithms_are_reported(sandbox: Sandbox, haut: Haut) -> None:
    sandbox.fail_algorithm("selfie_v2.acne", "No face detected")
    batch = uploaded(sandbox, haut)
    sandbox.clock.advance(100)
    found = haut.wait_for_results(batch, wait_for=FAMILIES)
    assert [(f.family, f.error, f.side, f.metrics) for f in found.failures] == [
        ("selfie_v2.acne", "No face detected", side, ()) for side in ("front", "left")
    ]
    with pytest.raises(AlgorithmsFailed, match="No face detected") as caught:
        found.raise_for_failures()
    assert caught.value.results == found
    assert {row["family"] for row in found.to_rows()} == set(FAMILIES) - {
        "selfie_v2.acne",
        "selfie_v2.front_face_areas",  # only masks
        "selfie_v2.facial_landmarks",
    }


UNEXPECTED_SHAPES = [
    ("v1", lambda items: [{**item, "application_id": None} for item in items], 2 * len(FAMILIES)),
    ("v1", lambda items: [{"result": item["result"]} for item in items], 2 * len(FAMILIES)),
    ("v1", lambda items: [None, 7, {"result": [3]}], 6),
    ("v3", lambda _: {"face_skin_metrics_3": None}, 0),
    ("v3", lambda _: {"face_skin_metrics_3": {"parameters": None, "predicted_images": 3}}, 0),
    ("v3", lambda _: {"face_skin_metrics_3": {"parameters": {"age": 41, "ita": None}}}, 2),
]


@pytest.mark.parametrize(("api", "change", "count"), UNEXPECTED_SHAPES)
def test_results_of_an_unexpected_shape_do_not_hide_other_results(
    sandbox: Sandbox, haut: Haut, api: str, change: Any, count: int
) -> None:
    batch = uploaded(sandbox, haut, api)
    sandbox.clock.advance(100)
    sandbox.faults.add(READS[api], changed(change), times=None)
    assert len((haut.results(batch)).results) == count


@pytest.mark.parametrize(("api", "body"), [("v1", {"results": []}), ("v1", None), ("v3", [{}])])
def test_body_of_another_type_is_not_taken_for_missing_results(
    sandbox: Sandbox, haut: Haut, api: str, body: Any
) -> None:
    batch = uploaded(sandbox, haut, api)
    sandbox.faults.add(READS[api], changed(lambda _: body), times=None)
    with pytest.raises(UnexpectedResponse, match=r"/results/ .*returned 200, but"):
        haut.results(batch)


# Upload and results in one call


@BOTH
def test_upload_with_wait_returns_images_and_results(api: Any) -> None:
    with Sandbox(analysis_reads=4) as sandbox:
        [subject] = sandbox.add_subjects(1)
        with Haut(**sandbox.credentials) as haut:
            batch = haut.upload_and_compute(
                subject.id,
                front=FRONT,
                left=LEFT,
                api=api,
                wait=True,
                wait_for=FAMILIES if api == "v1" else (),
            )
        assert [image.side for image in batch.images] == ["front", "left"]
        assert isinstance(batch, AnalyzedBatch)
        assert pickle.loads(pickle.dumps(batch)) == batch
        assert (batch.results.api, batch.results.complete) == (api, True)
        assert len(batch.results.results) == (2 * len(FAMILIES) if api == "v1" else len(PARAMETERS))
        [snapshot] = sandbox.snapshot()["subjects"][0]["batches"]
        assert snapshot["computes"] == 1


@BOTH
def test_error_while_waiting_for_results_does_not_repeat_the_upload(
    sandbox: Sandbox, haut: Haut, api: Any
) -> None:
    [subject] = sandbox.add_subjects(1)
    sandbox.faults.add(READS[api], faults.status(403))
    with pytest.raises(UploadIncomplete, match="stage 'results'") as caught:
        haut.upload_and_compute(subject.id, front=FRONT, api=api, wait=True)
    state = UploadState.from_json(caught.value.state.to_json())
    assert (state.stage, state.missing, state.api) == ("results", (), api)
    with pytest.raises(ResultsTimeout) as late:
        haut.resume_upload(state, wait=True, wait_timeout=0)
    sandbox.clock.advance(100)
    expected = FAMILIES if api == "v1" else ()
    batch = haut.resume_upload(state, wait=True, wait_for=expected)
    assert batch.results == haut.wait_for_results(late.value.batch, wait_for=expected)
    assert sandbox.carried_out("upload_image") == 1
    assert sandbox.carried_out("compute_batch") + sandbox.carried_out("compute_batch_v3") == 1


def test_missing_dataset_is_reported_before_any_billed_request(
    sandbox: Sandbox,
) -> None:
    credentials: Any = {**sandbox.credentials, "dataset_id": None}
    [subject] = sandbox.add_subjects(1)
    with Haut(**credentials) as haut:
        with pytest.raises(ConfigError, match="dataset"):
            haut.upload_and_compute(subject.id, front=FRONT, wait=True)
        assert sandbox.requests == []
        sandbox.clock.advance(100)
        batch = haut.upload_and_compute(subject.id, front=FRONT, api="v3")
        sandbox.clock.advance(100)
        assert (haut.wait_for_results(batch)).complete, "v3 needs no dataset"
