"""Tests that analysis results are parsed from any JSON, and that `raw` contains the original JSON."""

from __future__ import annotations

import csv
import io
import json
import pickle
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas
import polars
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haut_ext import (
    AlgorithmsFailed,
    AmbiguousResult,
    ConfigError,
    FaceDetection,
    Feedback,
    HautError,
    Recommendation,
    ResultNotFound,
)
from haut_ext.analysis_results import (
    AlgorithmResult,
    BatchResults,
    Metric,
    is_complete,
    read_batch_document,
    read_image_results,
)
from haut_ext.analysis_results.rows import COLUMNS

SAMPLES = sorted((Path(__file__).parent / "data" / "results").glob("*.json"))
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

TONE = {"area_results": [{"area_name": "face", "main_metric": metric("tone", "Light")}]}

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
    return BatchResults(SUBJECT, BATCH, "v1", "settled", results, **more)


def metric_values(results: tuple[AlgorithmResult, ...]) -> list[tuple[object, ...]]:
    """Return the algorithm, area, name and value of every metric in the results."""
    return [(each.family, m.area, m.name, m.value) for each in results for m in each.metrics]


def test_metrics_of_v1_are_listed_by_area_with_main_and_sub_metrics() -> None:
    [acne] = read_image_results([v1_result(ACNE)], image_id=IMAGE, side="front")
    assert (acne.family, acne.is_ok, acne.error) == ("selfie_v2.acne", True, None)
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
    assert [each.family for each in results] == ["acne", "acne"]


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
    assert pores.mask_urls == MASKS
    assert pores.raw["new"] == {"unknown": [URL]}
    assert (moles.is_ok, moles.error) == (False, "Not full face")
    assert [each.is_ok for each in results[:-1]] == [True] * 4


def test_masks_of_v3_are_urls_by_side_and_kind() -> None:
    mixed = {"front": {"original": URL, "anonymised": None}, "left": {}, "right": "none"}
    [results] = read_batch_document(
        {"face_skin_metrics_3": {"parameters": {"pores": {"masks": mixed}}}}
    )
    assert results.mask_urls == {"front": {"original": URL}}
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
    batch = batch_results(
        read_image_results([v1_result(ACNE)], image_id=IMAGE, side="front"), subject_name="4711"
    )
    rows = batch.to_rows()
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    head, first, second, third, *_ = file.getvalue().splitlines()
    assert head == "subject,name,batch,image,side,date,family,area,metric,number,category,unit"
    image = f"{SUBJECT},4711,{BATCH},{IMAGE},front,2024-10-03T13:52:19+00:00"
    assert first == f"{image},selfie_v2.acne,forehead,acne_score,71.5,,"
    assert second == f"{image},selfie_v2.acne,forehead,pustules,3,,count"
    assert third == f"{image},selfie_v2.acne,forehead,tone,,Light,"
    assert len(rows) == 4
    assert {
        tuple(row) for row in [*rows, *batch_results(read_batch_document(DOCUMENT)).to_rows()]
    } == {tuple(head.split(","))}


def test_wide_rows_have_a_column_for_each_metric() -> None:
    results = [
        *read_image_results([v1_result(ACNE)], image_id=IMAGE, side="front"),
        *read_image_results([v1_result(41.0, algorithm_family_tech_name="selfie_v2.age")]),
    ]
    front, other = batch_results(tuple(results)).to_rows(wide=True)
    assert (front["side"], front["acne.forehead.acne_score"], front["acne.forehead.tone"]) == (
        "front",
        71.5,
        "Light",
    )
    assert (front["age.age"], other["age.age"], other["acne.forehead.tone"]) == (None, 41.0, None)
    assert list(front) == list(other)
    [batch] = batch_results(read_batch_document(DOCUMENT)).to_rows(wide=True)
    assert (batch["pores.score"], batch["pores.nose.amount"], batch["image"]) == (81, 12, None)
    assert batch_results(()).to_rows(wide=True) == []


def test_results_are_looked_up_by_family_and_metric() -> None:
    front = read_image_results([v1_result(ACNE)], image_id=IMAGE, side="front")
    batch = batch_results(front)
    assert batch["selfie_v2.acne"] is batch["Acne"] is batch.get("SELFIE-V2.acne".replace("-", "_"))
    assert ("acne" in batch, "age" in batch, None in batch) == (True, False, False)
    assert (len(batch), list(batch), batch.get("age"), batch.get("age", 1)) == (
        1,
        [*front],
        None,
        1,
    )
    assert batch.metric("acne_score", area="forehead").number == 71.5
    assert batch.metric("ACNE-score", area="Forehead", family="acne", side="FRONT").number == 71.5
    assert (batch.metric("tone").category, batch.metric("tone").number) == ("Light", None)
    assert batch_results(read_batch_document(DOCUMENT)).metric("amount", family="pores").value == 12


def test_a_missing_result_or_metric_is_a_key_error_that_lists_what_exists() -> None:
    batch = batch_results(read_image_results([v1_result(ACNE)]))
    with pytest.raises(ResultNotFound, match=r"^no result of family 'age'.*: selfie_v2.acne$"):
        batch["age"]
    with pytest.raises(
        KeyError, match=r"no metric 'acne_score' area='nose' in .*: acne_score, pus"
    ):
        batch.metric("acne_score", area="nose")
    with pytest.raises(ConfigError, match="name must be a string"):
        batch.metric(None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="family must be a string"):
        batch[0]  # type: ignore[index]


def test_an_ambiguous_result_or_metric_is_an_error_that_names_the_choices() -> None:
    sides = [read_image_results([v1_result(ACNE)], side=side) for side in ("front", "left")]
    batch = batch_results((*sides[0], *sides[1]))
    with pytest.raises(AmbiguousResult, match=r"2 results .* \(sides: front, left\): pass side="):
        batch["acne"]
    assert batch.get("acne", side="left") is sides[1][0]
    with pytest.raises(
        AmbiguousResult, match=r"pass area= \(face, forehead\) and side= \(front, left\)$"
    ):
        batch.metric("acne_score")
    same = batch_results((*sides[0], *sides[0]))
    with pytest.raises(AmbiguousResult, match="iterate over the results"):
        same.metric("tone")
    with pytest.raises(AmbiguousResult, match=r"\(sides: front\): iterate over the results$"):
        same.get("acne", side="front")


def test_notebooks_show_a_table_without_values() -> None:
    results = read_image_results(
        [v1_result(ACNE), v1_result({"error": "<b>No face"})], side="front"
    )
    table = batch_results(results)._repr_html_()
    assert "<tr><td>selfie_v2.acne</td><td>front</td><td>ok</td><td>4</td></tr>" in table
    assert "failed: &lt;b&gt;No face" in table
    assert "71.5" not in table
    assert "Light" not in table


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_have_typed_columns_and_survive_parquet(
    library: Any, wide: bool, tmp_path: Path
) -> None:
    hostile = {"area_results": [{"area_name": "\ud800", "main_metric": metric("big", 2**2000)}]}
    batch = batch_results(
        (
            *read_image_results([v1_result(ACNE), v1_result(hostile)], image_id=IMAGE, side=1),
            *read_image_results(
                [v1_result(TONE, creation_time="9999-12-31 23:59:59")], image_id=SUBJECT
            ),
            *read_image_results([v1_result(TONE, creation_time="yesterday")], image_id=BATCH),
        )
    )
    frame = batch.to_dataframe(library, wide=wide)
    path = tmp_path / "results.parquet"
    if library == "pandas":
        frame.to_parquet(path)
        assert pandas.read_parquet(path).equals(frame)
    else:
        frame.write_parquet(path)
        assert polars.read_parquet(path).equals(frame)
    types = {column.name: str(column.type) for column in pyarrow.parquet.read_schema(path)}
    numbers = ["acne.forehead.acne_score"] if wide else ["number"]
    assert {types[column] for column in numbers} == {"double"}
    assert types["date"] == "timestamp[us, tz=UTC]"
    assert {types[column] for column in ("subject", "name", "side")} == {"large_string"}


def test_data_frames_of_empty_results_have_all_columns() -> None:
    frames = [batch_results(()).to_dataframe(library) for library in ("pandas", "polars")]
    assert [list(frame.columns) for frame in frames] == [list(COLUMNS)] * 2
    assert type(batch_results(()).to_dataframe()) is pandas.DataFrame


@pytest.mark.parametrize("library", ["pandas", "polars", None])
def test_a_library_that_is_not_installed_is_a_config_error(
    library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=rf"pip install 'haut-ext\[{library or 'pandas'}\]'"):
        batch_results(()).to_dataframe(library)
    with pytest.raises(ConfigError, match="not 'arrow'"):
        batch_results(()).to_dataframe("arrow")  # type: ignore[arg-type]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_real_results_are_read_and_survive_json(path: Path) -> None:
    items = json.loads(path.read_text("utf-8"))
    results = read_image_results(items, image_id=IMAGE, side="front")
    batch = BatchResults(SUBJECT, BATCH, "v1", "settled", results, {str(IMAGE): items}, "4711")
    assert BatchResults.from_json(batch.to_json()) == batch
    quality, metrics, successes = {
        "era-2022": (4, 22, 10),
        "era-2025": (3, 20, 9),
        "no-face": (0, 0, 0),
    }[path.stem]
    assert sum(len(result.metrics) for result in batch) == metrics
    assert len(batch["quality"].metrics) == quality
    assert len(batch.successes) == successes
    kinds = {mask.kind: mask for result in batch for mask in result.masks}
    assert len(kinds) == (0 if path.stem == "no-face" else 4)
    for mask in kinds.values():
        assert mask.view_box is not None
        assert all(shape.polygons or shape.lines or shape.points for shape in mask.shapes)


def test_details_of_real_results() -> None:
    by_era = {
        path.stem: batch_results(read_image_results(json.loads(path.read_text("utf-8"))))
        for path in SAMPLES
    }
    old, new, no_face = by_era["era-2022"], by_era["era-2025"], by_era["no-face"]
    sharpness = old.metric("raw_sharpness")
    assert (sharpness.value, sharpness.area, sharpness.parent) == (
        535,
        "face",
        "image_quality_score",
    )
    assert old.metric("perceived_age").unit == new.metric("perceived_age").unit == "years"
    feedback = old["quality"].feedback
    assert feedback == Feedback(overlay="", warn=(), negative=(), positive=("fine",))
    assert (old["quality"].revision, new["quality"].revision) == (None, "build-1")
    detection = no_face["face_detector"].detection
    assert detection == FaceDetection(False, 0.1, None, None, None, "front", "regular")
    assert len(no_face.failures) == len(no_face) - 1
    [original, restored] = new["pores"].masks
    assert (original.target, original.name, original.view_box) == (
        "original",
        "pores_mask_origin",
        (0, 0, 2316, 3088),
    )
    assert (restored.target, restored.side, restored.label) == ("restored", None, "Pores Mask")
    assert (
        original.shapes[0].points[0].radius
        == original.raw["features"][0]["geometry"]["coordinates"][0][2]
    )


def test_other_results_of_v1() -> None:
    products = {"serum": ["a", "b"], "spf": []}
    care = {"basic_care": "x", "additional_care": ["y", "z"]}
    [engine, hair] = read_image_results(
        [
            v1_result({"products": products, "care_group": care}, algorithm_family_tech_name="re"),
            v1_result(TONE, algorithm_family_tech_name="hair.volume"),
        ]
    )
    assert engine.recommendation == Recommendation(
        {"serum": ("a", "b"), "spf": ()}, {"basic_care": ("x",), "additional_care": ("y", "z")}
    )
    assert (engine.measures_skin, hair.measures_skin) == (False, True)
    assert (hair.recommendation, hair.detection, hair.feedback) == (None, None, None)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "[" * 100_000, '{"api": "v2"}']
    + [
        batch_results(()).to_json().replace('"sides": {}', f'"sides": {sides}')
        for sides in ('{"a": {}}', '{"a": [1]}', '{"a": 1.5}', "[1]", "null")
    ],
)
def test_json_of_anything_else_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="invalid BatchResults"):
        BatchResults.from_json(text)


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
    assert [each.family for each in copy.results.failures] == ["selfie_v2.acne"]


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
GEOMETRY = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["MultiPolygon", "MultiLineString", "MultiPoint"]),
        "coordinates": JSON,
    }
)
MASK = st.fixed_dictionaries(
    {
        "features": st.lists(st.fixed_dictionaries({"geometry": GEOMETRY}), max_size=2),
        "view_box": JSON,
    }
)
RESULT = (
    st.fixed_dictionaries({"area_results": st.lists(AREA, max_size=2) | JSON})
    | st.fixed_dictionaries({"masks_restored": st.lists(MASK, max_size=2) | JSON})
    | objects_with("error", "algorithm_tech_name", "feedback", "detection_params", "products")
)
ITEM = st.fixed_dictionaries(
    {"result": RESULT}, optional={"is_ok": JSON, "algorithm_family_tech_name": JSON}
)
PARAMETER = objects_with("score", "tag", "error", "is_ok", "masks", "areas")
PARAMETERS = st.dictionaries(st.text(max_size=5), PARAMETER, max_size=3)


PROPERTIES = [name for name, value in vars(AlgorithmResult).items() if isinstance(value, property)]


def check_invariants(results: tuple[AlgorithmResult, ...]) -> None:
    """Check that any results can be pickled and shown by repr, and that their rows have valid types."""
    batch = batch_results(results)
    repr(results)
    assert pickle.loads(pickle.dumps(batch)) == batch
    rows = [*batch.to_rows(), *batch.to_rows(wide=True)]
    assert all(
        isinstance(value, int | float | str | None) for row in rows for value in row.values()
    )
    for each in results:
        assert isinstance(each.family, str)
        for name in PROPERTIES:
            getattr(each, name)
        assert pickle.loads(pickle.dumps(each.masks)) == each.masks
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
    assert {each.family: each.raw for each in results} == parameters
