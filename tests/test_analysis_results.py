"""Tests that analysis results are parsed from any JSON, and that `raw` contains the original JSON."""

from __future__ import annotations

import csv
import io
import pickle
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haut_ext import AlgorithmsFailed, HautError
from haut_ext.analysis_results import (
    AlgorithmResult,
    BatchResults,
    Metric,
    is_complete,
    read_batch_document,
    read_image_results,
)

SUBJECT, BATCH, IMAGE = UUID(int=1), UUID(int=2), UUID(int=3)
URL = "https://storage.example/front.png?X-Goog-Signature=0f0f0f"
MASKS = {"front": {"aligned_face": URL, "original": URL}}


def v1_result(result: Any, **changes: Any) -> dict[str, Any]:
    """Return an analysis result of API v1 in the shape documented in section 8.1 of api-facts."""
    return {
        "id": "4a1f9c52-0a2e-4a7d-8f07-0e6b6a6f2a11",
        "result": result,
        "is_ok": True,
        "image_id": str(IMAGE),
        "algorithm_version_id": 7,
        "creation_time": "2024-10-03 13:52:19",
        "application_id": "8b5b3acc-480b-4412-8d2c-ebe6ab4384d7",
        "application_name": "Face Skin Metrics 2.0",
        "application_description": "text",
        "application_run_id": "0f7f24b4-3a53-4a6c-9a56-04ac0a7d0a53",
        "image_type": "selfie",
        "algorithm_family_tech_name": "selfie_v2.acne",
        **changes,
    }


def metric(tech_name: str, value: Any, units: str | None = None) -> dict[str, Any]:
    return {
        "value": value,
        "widget_type": "bad_good_line",
        "name": tech_name.capitalize(),
        "tech_name": tech_name,
        "widget_meta": None,
        "units": units,
    }


ACNE = {
    "algorithm_tech_name": "Acne",
    "area_results": [
        {
            "area_name": "forehead",
            "main_metric": metric("acne_score", 71.5),
            "sub_metrics": [metric("pustules", 3, "count"), metric("tone", "Light")],
        },
        {"area_name": "face", "main_metric": metric("acne_score", None), "sub_metrics": []},
    ],
    "masks_restored": {"features": [{"mask_type": "polygon_mask"}]},
}

DOCUMENT = {
    "face_skin_metrics_3": {
        "all_algorithms_calculated": True,
        "parameters": {
            "pores": {
                "score": 81,
                "tag": "Great",
                "grade": 2,
                "areas": {"nose": {"amount": 12, "length": 1.5}, "chin": None},
                "masks": MASKS,
                "new": {"unknown": [URL]},
                "preview": URL,
            },
            "age": {"age": 41},
            "ita": 33.5,
            "skin_type": None,
            "moles": {"error": "Not full face"},
        },
        "predicted_images": {"front": {"original": URL}},
    }
}


def batch_results(results: tuple[AlgorithmResult, ...], **more: Any) -> BatchResults:
    return BatchResults(SUBJECT, BATCH, "v1", True, results, **more)


def metric_values(results: tuple[AlgorithmResult, ...]) -> list[tuple[object, ...]]:
    """Return the algorithm, area, name and value of every metric in the results."""
    return [(each.algorithm, m.area, m.name, m.value) for each in results for m in each.metrics]


def test_metrics_of_v1_are_listed_by_area_with_main_and_sub_metrics() -> None:
    [acne] = read_image_results([v1_result(ACNE)], image_id=IMAGE, side="front")
    assert (acne.algorithm, acne.is_ok, acne.error) == ("selfie_v2.acne", True, None)
    assert (acne.image_id, acne.side) == (IMAGE, "front")
    [main, pustules, tone, face] = acne.metrics
    assert main == Metric(
        "acne_score", 71.5, "forehead", None, "Acne_score", None, metric("acne_score", 71.5)
    )
    assert (pustules.name, pustules.value, pustules.unit, pustules.parent) == (
        "pustules",
        3,
        "count",
        "acne_score",
    )
    assert (tone.value, tone.area) == ("Light", "forehead")
    assert (face.area, face.value) == ("face", None)
    assert acne.raw["result"]["masks_restored"] == ACNE["masks_restored"]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (41.0, [("selfie_v2.acne", None, "acne", 41.0)]),
        ({"algorithm_tech_name": "acne", "area_results": []}, []),
        ({"algorithm_tech_name": "acne"}, []),
        ({"area_results": [None, 3, {"main_metric": 1, "sub_metrics": [None]}]}, []),
        ("Light", []),
        (None, []),
        ([], []),
        (True, []),
    ],
)
def test_v1_results_of_other_shapes(result: Any, expected: list[Any]) -> None:
    results = read_image_results([v1_result(result)])
    assert metric_values(results) == expected
    assert [(each.is_ok, each.raw["result"]) for each in results] == [(True, result)]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"result": {"error": "No face detected"}}, "No face detected"),
        ({"result": {"error": "Not full face"}, "is_ok": False}, "Not full face"),
        ({"result": {"error": {"code": URL}}}, "the algorithm's error is not text; see `raw`"),
        ({"result": "too dark", "is_ok": False}, "too dark"),
        ({"result": 41.0, "is_ok": False}, None),
        ({"result": ACNE, "is_ok": False}, None),
    ],
)
def test_failed_results_of_v1(changes: dict[str, Any], error: str | None) -> None:
    document = {**v1_result(None), **changes}
    [failed] = read_image_results([document])
    assert (failed.is_ok, failed.error, failed.metrics) == (False, error, ())
    assert failed.raw == document


def test_algorithm_name_replaces_a_missing_family_name_in_lower_case() -> None:
    results = read_image_results(
        [
            v1_result({"algorithm_tech_name": name}, algorithm_family_tech_name=None)
            for name in ("acne", "Acne")
        ]
    )
    assert [each.algorithm for each in results] == ["acne", "acne"]


def test_metrics_of_v3() -> None:
    results = read_batch_document(DOCUMENT)
    assert metric_values(results) == [
        ("pores", None, "score", 81),
        ("pores", None, "tag", "Great"),
        ("pores", None, "grade", 2),
        ("pores", "nose", "amount", 12),
        ("pores", "nose", "length", 1.5),
        ("age", None, "age", 41),
        ("ita", None, "ita", 33.5),
    ]
    pores, moles = results[0], results[-1]
    assert pores.masks == MASKS
    assert pores.raw["new"] == {"unknown": [URL]}
    assert (moles.is_ok, moles.error) == (False, "Not full face")
    assert [each.is_ok for each in results[:-1]] == [True] * 4


def test_masks_of_v3_are_urls_by_side_and_kind() -> None:
    mixed = {"front": {"original": URL, "anonymised": None}, "left": {}, "right": "none"}
    [results] = read_batch_document(
        {"face_skin_metrics_3": {"parameters": {"pores": {"masks": mixed}}}}
    )
    assert results.masks == {"front": {"original": URL}}
    assert results.raw == {"masks": mixed}


@pytest.mark.parametrize(
    ("document", "complete", "count"),
    [
        ({}, False, 0),
        ({"face_skin_metrics_3": None}, False, 0),
        ({"face_skin_metrics_3": {"parameters": {"age": {"age": 41}}}}, False, 1),
        ({"face_skin_metrics_3": {"all_algorithms_calculated": False}}, False, 0),
        ({"face_skin_metrics_3": {"all_algorithms_calculated": True}}, True, 0),
        ([], False, 0),
    ],
)
def test_v3_document_is_complete_when_it_is_flagged_so(
    document: Any, complete: bool, count: int
) -> None:
    assert (is_complete(document), len(read_batch_document(document))) == (complete, count)


def test_rows_can_be_written_as_csv() -> None:
    batch = batch_results(read_image_results([v1_result(ACNE)], image_id=IMAGE, side="front"))
    rows = batch.to_rows()
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    head, first, second, *_ = file.getvalue().splitlines()
    assert head == "subject,image,side,area,algorithm,metric,value,unit"
    assert first == f"{SUBJECT},{IMAGE},front,forehead,selfie_v2.acne,acne_score,71.5,"
    assert second == f"{SUBJECT},{IMAGE},front,forehead,selfie_v2.acne,pustules,3,count"
    assert len(rows) == 4
    assert {
        tuple(row) for row in [*rows, *batch_results(read_batch_document(DOCUMENT)).to_rows()]
    } == {tuple(head.split(","))}


def test_failed_algorithms_are_listed_and_raised_on_request() -> None:
    good = batch_results(read_image_results([v1_result(ACNE)]))
    good.raise_for_failures()
    assert good.failures == ()
    bad = batch_results(
        read_image_results([v1_result(ACNE), v1_result({"error": "No face detected"})])
    )
    with pytest.raises(AlgorithmsFailed, match=r"1 of 2 .*acne \(No face detected\)") as caught:
        bad.raise_for_failures()
    assert isinstance(caught.value, HautError)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.results, str(copy)) == (bad, str(caught.value))
    assert [each.algorithm for each in copy.results.failures] == ["selfie_v2.acne"]


def test_results_can_be_compared_pickled_and_hashed() -> None:
    batch = batch_results(read_batch_document(DOCUMENT), raw=DOCUMENT)
    copy = pickle.loads(pickle.dumps(batch))
    assert copy == batch
    assert hash(copy) == hash(batch)
    assert copy != batch_results((), raw=DOCUMENT)


def test_repr_contains_no_url_and_no_value() -> None:
    batch = batch_results(read_batch_document(DOCUMENT), raw=DOCUMENT)
    metrics = [metric for result in batch.results for metric in result.metrics]
    assert not any("Great" in repr(each) for each in (batch, *batch.results))
    assert not any("://" in repr(each) for each in (batch, *batch.results, *metrics))
    assert URL not in str(batch.to_rows())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def objects_with(*names: str, values: st.SearchStrategy[Any] = JSON) -> st.SearchStrategy[Any]:
    """Return a strategy for JSON values, mostly objects whose keys include some of the given names."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, values)) | JSON


METRIC = objects_with("tech_name", "name", "value", "units")
AREA = objects_with("area_name") | st.fixed_dictionaries(
    {"main_metric": METRIC, "sub_metrics": st.lists(METRIC, max_size=2) | JSON}
)
RESULT = st.fixed_dictionaries({"area_results": st.lists(AREA, max_size=2) | JSON}) | objects_with(
    "error", "algorithm_tech_name"
)
ITEM = st.fixed_dictionaries(
    {"result": RESULT}, optional={"is_ok": JSON, "algorithm_family_tech_name": JSON}
)
PARAMETER = objects_with("score", "tag", "error", "is_ok", "masks", "areas")
PARAMETERS = st.dictionaries(st.text(max_size=5), PARAMETER, max_size=3)


def check_invariants(results: tuple[AlgorithmResult, ...]) -> None:
    """Check that any results can be pickled and shown by repr, and that their rows have valid types."""
    batch = batch_results(results)
    repr(results)
    assert pickle.loads(pickle.dumps(batch)) == batch
    assert all(isinstance(row["value"], int | float | str | None) for row in batch.to_rows())
    assert all(isinstance(each.algorithm, str) for each in results)
    assert batch.failures == tuple(each for each in results if not each.is_ok)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(ITEM | JSON, max_size=3) | JSON)
def test_any_json_of_v1_is_parsed_and_kept_in_raw(items: Any) -> None:
    results = read_image_results(items)
    check_invariants(results)
    assert [each.raw for each in results] == (items if isinstance(items, list) else [])


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "face_skin_metrics_3": st.fixed_dictionaries(
                {"parameters": PARAMETERS | JSON}, optional={"all_algorithms_calculated": JSON}
            )
            | JSON
        }
    )
    | JSON
)
def test_any_json_of_v3_is_parsed_and_kept_in_raw(document: Any) -> None:
    results = read_batch_document(document)
    check_invariants(results)
    assert is_complete(document) in (True, False)
    try:
        parameters = document["face_skin_metrics_3"]["parameters"]
    except (TypeError, KeyError, IndexError):
        parameters = {}
    if not isinstance(parameters, dict):
        parameters = {}
    assert {each.algorithm: each.raw for each in results} == parameters
