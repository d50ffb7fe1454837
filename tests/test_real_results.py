"""Results in the shapes of real answers (api-facts 19.A) are read into models, all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from haut_api.models import AreaResult, ImageResult, SkinMetric, SubMetricValues

SAMPLES = sorted((Path(__file__).parent / "data" / "results").glob("*.json"))


def parts(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value inside a model, those of fields that the contract does not name among them."""
    yield place, value
    if attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            found = getattr(value, field.name)
            extra = field.name == "additional_properties"
            for name, inner in found.items() if extra else [(field.name, found)]:
                yield from parts(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from parts(inner, f"{place}.{index}")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_no_raw_dictionary_is_left(path: Path) -> None:
    results = json.loads(path.read_text("utf-8"))
    read = [ImageResult.from_dict(result) for result in results]
    assert [place for place, value in parts(read) if isinstance(value, dict)] == []
    # Times alone are written in another form than they were read in.
    known = [{**result, "creation_time": None} for result in results]
    assert [{**result.to_dict(), "creation_time": None} for result in read] == known


@pytest.mark.parametrize(("name", "count"), [("era-2022", 22), ("era-2025", 20), ("no-face", 0)])
def test_every_metric_is_found(name: str, count: int) -> None:
    [path] = [path for path in SAMPLES if path.stem == name]
    read = [ImageResult.from_dict(result) for result in json.loads(path.read_text("utf-8"))]
    metrics = 0
    for _, value in parts(read):
        metrics += isinstance(value, SkinMetric)
        if isinstance(value, SubMetricValues):
            metrics += len(value.additional_properties)
    assert metrics == count


def test_sub_metrics_in_their_four_shapes() -> None:
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
