"""Tests that the models keep all data of real analysis results (section 19.A of api-facts)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from haut_api import models
from haut_api.models import ImageResult

# The service's own document may leave the results of algorithms open.
AreaResult: Any = getattr(models, "AreaResult", None)
SkinMetric: Any = getattr(models, "SkinMetric", None)
SubMetricValues: Any = getattr(models, "SubMetricValues", None)
pytestmark = pytest.mark.skipif(
    SubMetricValues is None, reason="the contract leaves the results of algorithms open"
)

SAMPLES = sorted((Path(__file__).parent / "data" / "results").glob("*.json"))


def values_in(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and value of every field within a model, including undocumented fields."""
    yield path, value
    if attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            found = getattr(value, field.name)
            extra = field.name == "additional_properties"
            for name, inner in found.items() if extra else [(field.name, found)]:
                yield from values_in(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from values_in(inner, f"{path}.{index}")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_object_is_parsed_into_a_model(path: Path) -> None:
    results = json.loads(path.read_text("utf-8"))
    parsed = [ImageResult.from_dict(result) for result in results]
    assert [place for place, value in values_in(parsed) if isinstance(value, dict)] == []
    # Exclude times, because serialization changes their format.
    expected = [{**result, "creation_time": None} for result in results]
    assert [{**result.to_dict(), "creation_time": None} for result in parsed] == expected


@pytest.mark.parametrize(("name", "count"), [("era-2022", 22), ("era-2025", 20), ("no-face", 0)])
def test_every_metric_is_parsed(name: str, count: int) -> None:
    [path] = [path for path in SAMPLES if path.stem == name]
    parsed = [ImageResult.from_dict(result) for result in json.loads(path.read_text("utf-8"))]
    metrics = 0
    for _, value in values_in(parsed):
        metrics += isinstance(value, SkinMetric)
        if isinstance(value, SubMetricValues):
            metrics += len(value.additional_properties)
    assert metrics == count


def test_sub_metrics_can_be_a_list_an_object_or_null() -> None:
    metric = {"tech_name": "acne_score", "value": 3}
    for given, kind in (
        ([metric], list),
        ([], list),
        (None, type(None)),
        ({"iso": 0.5}, SubMetricValues),
    ):
        area = AreaResult.from_dict({"area_name": "face", "sub_metrics": given})
        assert type(area.sub_metrics) is kind
        assert area.to_dict()["sub_metrics"] == given
