"""Parses the results of both API versions (docs/api-facts.md, sections 6, 8.1, 9 and 19).

JSON with an unknown structure does not cause an error: every result keeps its JSON in `raw`.

In v1, each image has a list with one result per algorithm. A result is a number (in data from
2021), an object with metrics for each facial area, or an object with `error`. In v3, a batch has a
single JSON document that maps the names of parameters to their values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from haut_ext.algorithm_families import known_unit
from haut_ext.analysis_results.json_values import (
    as_dict,
    as_list,
    as_text,
    as_uuid,
    as_value,
)
from haut_ext.analysis_results.results import AlgorithmResult, Metric
from haut_ext.argument_checks import is_number


def read_image_results(
    items: Any, *, image_id: UUID | None = None, side: str | int | None = None
) -> tuple[AlgorithmResult, ...]:
    """Parse the results of an image that the v1 API returned.

    Args:
        items: JSON from the service: a list with one object for each algorithm.
        image_id: Id of the image, for `AlgorithmResult.image_id`. If omitted, the id in the JSON.
        side: Side of the image, for `AlgorithmResult.side`.
    """
    return tuple(_read_image_result(item, image_id, side) for item in as_list(items))


def _read_image_result(item: Any, image_id: UUID | None, side: str | int | None) -> AlgorithmResult:
    content = as_dict(item)
    result = content.get("result")
    output = as_dict(result)
    # The names of algorithm families are spelled consistently. The names of algorithms are not:
    # both `acne` and `Acne` occur.
    family = (
        as_text(content.get("algorithm_family_tech_name"))
        or (as_text(output.get("algorithm_tech_name")) or "").lower()
    )
    is_ok, error = _status(content, result)
    metrics = tuple(_read_areas(family, output.get("area_results")))
    if is_number(result):
        metrics = (Metric(family.rpartition(".")[2], result, raw=result),)
    return AlgorithmResult(
        family=family,
        is_ok=is_ok,
        error=error,
        metrics=metrics if is_ok else (),
        image_id=as_uuid(content.get("image_id")) if image_id is None else image_id,
        side=side,
        raw=item,
    )


def _read_areas(family: str, areas: Any) -> Iterator[Metric]:
    for area in map(as_dict, as_list(areas)):
        name = as_text(area.get("area_name"))
        parent = None
        if isinstance(main := area.get("main_metric"), dict):
            yield (metric := _read_metric(family, as_dict(main), name, None))
            parent = metric.name
        sub_metrics = area.get("sub_metrics")
        for sub_metric in as_list(sub_metrics):
            if isinstance(sub_metric, dict):
                yield _read_metric(family, as_dict(sub_metric), name, parent)
        # In 2022, `quality` had an object that maps names to values.
        for sub_name, raw in as_dict(sub_metrics).items():
            if (value := as_value(raw)) is not None:
                unit = known_unit(family, sub_name)
                yield Metric(sub_name, value, name, unit, parent=parent, raw=raw)


def _read_metric(
    family: str, content: dict[str, Any], area: str | None, parent: str | None
) -> Metric:
    label = as_text(content.get("name"))
    name = as_text(content.get("tech_name")) or label or ""
    return Metric(
        name=name,
        value=as_value(content.get("value")),
        area=area,
        unit=as_text(content.get("units")) or known_unit(family, name),
        label=label,
        parent=parent,
        raw=content,
    )


def read_batch_document(document: Any) -> tuple[AlgorithmResult, ...]:
    """Parse the JSON document with the results of a v3 batch."""
    parameters = as_dict(_face_skin_metrics(document).get("parameters"))
    return tuple(_read_parameter(name, content) for name, content in parameters.items())


def is_complete(document: Any) -> bool:
    """Return whether all algorithms have finished, according to the JSON document of a v3 batch."""
    return _face_skin_metrics(document).get("all_algorithms_calculated") is True


def _face_skin_metrics(document: Any) -> dict[str, Any]:
    return as_dict(as_dict(document).get("face_skin_metrics_3"))


def _read_parameter(name: str, content: Any) -> AlgorithmResult:
    fields = as_dict(content)
    is_ok, error = _status(fields, fields)
    return AlgorithmResult(
        family=name,
        is_ok=is_ok,
        error=error,
        metrics=tuple(_read_parameter_metrics(name, content)) if is_ok else (),
        mask_urls=_read_mask_urls(fields.get("masks")),
        raw=content,
    )


def _read_parameter_metrics(parameter: str, content: Any) -> Iterator[Metric]:
    """Yield every number and text in a v3 parameter. The field names differ between parameters."""
    fields = as_dict(content) if isinstance(content, dict) else {parameter: content}
    areas: list[tuple[str | None, Any]] = [(None, fields), *as_dict(fields.get("areas")).items()]
    for area, values in areas:
        for name, raw in as_dict(values).items():
            if (value := as_value(raw)) is not None:
                yield Metric(name, value, area, known_unit(parameter, name), raw=raw)


def _read_mask_urls(masks: Any) -> dict[str, dict[str, str]]:
    by_side = {
        side: {kind: url for kind, url in as_dict(kinds).items() if isinstance(url, str)}
        for side, kinds in as_dict(masks).items()
    }
    return {side: kinds for side, kinds in by_side.items() if kinds}


def _status(fields: dict[str, Any], result: Any) -> tuple[bool, str | None]:
    """Return whether an algorithm succeeded, and its error message if it failed.

    Args:
        fields: JSON object that may contain `is_ok`.
        result: JSON object that may contain `error`, or an error message as a string.
    """
    if error := as_dict(result).get("error"):
        return False, as_text(as_value(error)) or "the algorithm's error is not text; see `raw`"
    if fields.get("is_ok") is False:
        return False, as_text(as_value(result))
    return True, None
