"""Analysis results: skin metrics and failures, in the same form for both API versions.

The parsers convert the service's JSON to immutable values (docs/api-facts.md, sections 6, 8.1 and
9). JSON with an unknown structure does not cause an error: every value keeps its original JSON in
`raw`.

In v1, each image has a list with one result per algorithm. A result is a number (in data from
2021), an object with metrics for each facial area, or an object with `error`. In v3, a batch has a
single JSON document that maps the names of parameters to their values.

Metrics are health data, and mask URLs are signed. Therefore the repr of analysis results contains
only the number of results and metrics. The repr of a single metric contains its value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast
from uuid import UUID

from attrs import field, frozen

from haut_ext.argument_checks import is_number
from haut_ext.errors import HautError

Api = Literal["v1", "v3"]
"""API version of an analysis: v3 for Face Metrics 3.0, v1 for Face Metrics 2.0 and earlier."""

Value = int | float | str | None


def _length(values: Sequence[object]) -> str:
    return f"<{len(values)}>"


@frozen
class Metric:
    """A number or category that an analysis algorithm computed.

    Attributes:
        name: Technical name, such as `acne_score`. In v3, the field name within the parameter, such
            as `score`, `tag` or `grade`. If the result is a single number, the algorithm's name.
        value: A number, or a category such as `Light`. None if the service returned no value.
        area: Area of the face, such as `forehead`. None if the metric does not concern a single
            area.
        unit: Unit, if the service returned one.
        label: Display name. May change between releases of the service.
        parent: Name of the main metric, if this is a sub-metric.
        raw: JSON object of the metric, as the service returned it.
    """

    name: str
    value: Value
    area: str | None = None
    unit: str | None = None
    label: str | None = None
    parent: str | None = None
    raw: Any = field(default=None, repr=False, hash=False)


@frozen
class AlgorithmResult:
    """Result of one algorithm, for an image in v1 or for a batch in v3.

    Attributes:
        algorithm: Family of the algorithm, such as `selfie_v2.acne`. In v3, the parameter's name,
            such as `pores`.
        is_ok: Whether the algorithm succeeded. The HTTP status is 200 even if it failed
            (docs/api-facts.md, 8.1).
        error: Error message of a failed algorithm, if the service returned one.
        metrics: Metrics of the result. Empty if the algorithm failed or the JSON has an unknown
            structure.
        image_id: Id of the image, in v1.
        side: Side of the image, in v1, if it is known.
        masks: URLs of the mask images by side and kind, in v3. A mask shows the face, and its URL
            is signed: anyone who has the URL can open it.
        raw: JSON of the result. In v1, its key `result` contains the masks as geometric shapes.
    """

    algorithm: str
    is_ok: bool = True
    error: str | None = None
    metrics: tuple[Metric, ...] = field(default=(), repr=_length)
    image_id: UUID | None = None
    side: str | int | None = None
    masks: Mapping[str, Mapping[str, str]] = field(
        factory=dict[str, Mapping[str, str]], repr=False, hash=False
    )
    raw: Any = field(default=None, repr=False, hash=False)


@frozen
class BatchResults:
    """Analysis results that were available for a batch when it was read.

    Attributes:
        subject_id: Id of the subject.
        batch_id: Id of the batch.
        api: API version that analyzed the batch.
        complete: Whether all results are known to be available. The v1 API does not report this,
            so only `wait_for_results` can set it.
        results: Results, ordered by image and then as the service returned them.
        raw: JSON from the service. In v3, the document of the batch. In v1, a dict that maps each
            image id to a list of results.
    """

    subject_id: UUID
    batch_id: UUID
    api: Api
    complete: bool
    results: tuple[AlgorithmResult, ...] = field(default=(), repr=_length)
    raw: Any = field(default=None, repr=False, hash=False)

    @property
    def failures(self) -> tuple[AlgorithmResult, ...]:
        """Results of the algorithms that failed. Uploading a better photo can help."""
        return tuple(result for result in self.results if not result.is_ok)

    def raise_for_failures(self) -> None:
        """Raise `AlgorithmsFailed` if at least one algorithm failed.

        Raises:
            AlgorithmsFailed: If an algorithm failed. The error contains all results.
        """
        if failures := self.failures:
            names = sorted({f"{failed.algorithm} ({failed.error or '?'})" for failed in failures})
            raise AlgorithmsFailed(
                f"{len(failures)} of {len(self.results)} algorithms failed on batch "
                f"{self.batch_id}: {', '.join(names)}. The error's `results` contains the results of "
                "the other algorithms. Uploading a better photo can help, but is charged again",
                results=self,
            )

    def to_rows(self) -> list[dict[str, Value]]:
        """Return one flat dict for each metric, for `pandas.DataFrame` or `csv.DictWriter`.

        Returns:
            Rows with the keys `subject`, `image`, `side`, `area`, `algorithm`, `metric`, `value`
            and `unit`. Every row has all keys. Ids are strings; unknown values are None.
        """
        return [
            {
                "subject": str(self.subject_id),
                "image": None if result.image_id is None else str(result.image_id),
                "side": result.side,
                "area": metric.area,
                "algorithm": result.algorithm,
                "metric": metric.name,
                "value": metric.value,
                "unit": metric.unit,
            }
            for result in self.results
            for metric in result.metrics
        ]


@dataclass(eq=False, repr=False, kw_only=True)
class AlgorithmsFailed(HautError):
    """One or more algorithms failed on a batch. Raised only by `BatchResults.raise_for_failures`.

    Attributes:
        results: All results of the batch. `results.failures` contains those of failed algorithms.
    """

    results: BatchResults


def read_image_results(
    items: Any, *, image_id: UUID | None = None, side: str | int | None = None
) -> tuple[AlgorithmResult, ...]:
    """Parse the results of an image that the v1 API returned.

    Args:
        items: JSON from the service: a list with one object for each algorithm.
        image_id: Id of the image, for `AlgorithmResult.image_id`.
        side: Side of the image, for `AlgorithmResult.side`.
    """
    return tuple(_read_image_result(item, image_id, side) for item in _list(items))


def _read_image_result(item: Any, image_id: UUID | None, side: str | int | None) -> AlgorithmResult:
    content = _dict(item)
    result = content.get("result")
    output = _dict(result)
    # The names of algorithm families are spelled consistently. The names of algorithms are not:
    # both `acne` and `Acne` occur.
    algorithm = (
        _text(content.get("algorithm_family_tech_name"))
        or (_text(output.get("algorithm_tech_name")) or "").lower()
    )
    is_ok, error = _status(content, result)
    metrics = tuple(_read_areas(output.get("area_results")))
    if is_number(result):
        metrics = (Metric(algorithm.rpartition(".")[2], result, raw=result),)
    return AlgorithmResult(
        algorithm=algorithm,
        is_ok=is_ok,
        error=error,
        metrics=metrics if is_ok else (),
        image_id=image_id,
        side=side,
        raw=item,
    )


def _read_areas(areas: Any) -> Iterator[Metric]:
    for area in map(_dict, _list(areas)):
        name = _text(area.get("area_name"))
        parent = None
        if isinstance(main := area.get("main_metric"), dict):
            yield (metric := _read_metric(_dict(main), name, None))
            parent = metric.name
        for sub_metric in _list(area.get("sub_metrics")):
            if isinstance(sub_metric, dict):
                yield _read_metric(_dict(sub_metric), name, parent)


def _read_metric(content: dict[str, Any], area: str | None, parent: str | None) -> Metric:
    label = _text(content.get("name"))
    return Metric(
        name=_text(content.get("tech_name")) or label or "",
        value=_value(content.get("value")),
        area=area,
        unit=_text(content.get("units")),
        label=label,
        parent=parent,
        raw=content,
    )


def read_batch_document(document: Any) -> tuple[AlgorithmResult, ...]:
    """Parse the JSON document with the results of a v3 batch."""
    parameters = _dict(_face_skin_metrics(document).get("parameters"))
    return tuple(_read_parameter(name, content) for name, content in parameters.items())


def is_complete(document: Any) -> bool:
    """Return whether all algorithms have finished, according to the JSON document of a v3 batch."""
    return _face_skin_metrics(document).get("all_algorithms_calculated") is True


def _face_skin_metrics(document: Any) -> dict[str, Any]:
    return _dict(_dict(document).get("face_skin_metrics_3"))


def _read_parameter(name: str, content: Any) -> AlgorithmResult:
    fields = _dict(content)
    is_ok, error = _status(fields, fields)
    return AlgorithmResult(
        algorithm=name,
        is_ok=is_ok,
        error=error,
        metrics=tuple(_read_parameter_metrics(name, content)) if is_ok else (),
        masks=_read_masks(fields.get("masks")),
        raw=content,
    )


def _read_parameter_metrics(parameter: str, content: Any) -> Iterator[Metric]:
    """Yield every number and text in a v3 parameter. The field names differ between parameters."""
    fields = _dict(content) if isinstance(content, dict) else {parameter: content}
    areas: list[tuple[str | None, Any]] = [(None, fields), *_dict(fields.get("areas")).items()]
    for area, values in areas:
        for name, raw in _dict(values).items():
            if (value := _value(raw)) is not None:
                yield Metric(name, value, area=area, raw=raw)


def _read_masks(masks: Any) -> dict[str, dict[str, str]]:
    by_side = {
        side: {kind: url for kind, url in _dict(kinds).items() if isinstance(url, str)}
        for side, kinds in _dict(masks).items()
    }
    return {side: kinds for side, kinds in by_side.items() if kinds}


def _status(fields: dict[str, Any], result: Any) -> tuple[bool, str | None]:
    """Return whether an algorithm succeeded, and its error message if it failed.

    Args:
        fields: JSON object that may contain `is_ok`.
        result: JSON object that may contain `error`, or an error message as a string.
    """
    if error := _dict(result).get("error"):
        return False, _text(_value(error)) or "the algorithm's error is not text; see `raw`"
    if fields.get("is_ok") is False:
        return False, _text(_value(result))
    return True, None


def _dict(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _value(value: Any) -> Value:
    """Return a number or a text, or None for any other value, such as a (possibly signed) URL."""
    if isinstance(value, str):
        return None if "://" in value else value
    return value if is_number(value) else None
