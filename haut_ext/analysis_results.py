"""What the algorithms found, in one shape for both versions of the service: skin metrics and
failures.

A leaf, and pure: from the JSON of the service to frozen values. What the documents are firm about
is read (api-facts 6, 8.1, 9); what does not fit is not an error, and nothing is lost: every value
has what it was read from as `raw`.

v1 lists results by image, one for each algorithm: a number (2021), an object with metrics by area,
or an object with `error`. v3 has one document for a batch, with parameters by name.

Metrics are data on a person's health, and addresses of masks are signed: a repr of results tells
how many there are, and only a single metric shows its value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, cast
from uuid import UUID

from attrs import field, frozen

from haut_ext.errors import HautError

Api = Literal["v1", "v3"]
"""Face Metrics 2.0 and all before go by v1, Face Metrics 3.0 by v3."""

Value = int | float | str | None


def _counted(values: Sequence[object]) -> str:
    return f"<{len(values)}>"


@frozen
class Metric:
    """One number or category that an algorithm found.

    Attributes:
        name: The service's technical name, such as `acne_score`; in v3 the field of the parameter,
            such as `score`, `tag` or `grade`. Of an algorithm that gives one number, its own name.
        value: A number, or a category such as `Light`; None where the service gave neither.
        area: The part of the face, such as `forehead`; None for what is not said of one.
        unit: The unit, where the service names one.
        label: The name for people, which may change.
        parent: The name of the main metric, for one of its sub-metrics.
        raw: What it was read from.
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
    """What one algorithm made of one image (v1), or of a batch (v3).

    Attributes:
        algorithm: The family, such as `selfie_v2.acne`; in v3 the parameter, such as `pores`.
        is_ok: Whether the algorithm succeeded. A failure comes with HTTP 200 (api-facts 8.1).
        error: Why not, in the service's words, if it says.
        metrics: What it found; none for a failure, and for a result of a kind not known.
        image_id: The image, in v1.
        side: The image's side, in v1 and where it is known.
        masks: Addresses of the pictures of v3, by side and kind. They are signed: whoever has one
            sees the photo.
        raw: What it was read from. In v1 the masks are in it, under `result`, as shapes.
    """

    algorithm: str
    is_ok: bool = True
    error: str | None = None
    metrics: tuple[Metric, ...] = field(default=(), repr=_counted)
    image_id: UUID | None = None
    side: str | int | None = None
    masks: Mapping[str, Mapping[str, str]] = field(
        factory=dict[str, Mapping[str, str]], repr=False, hash=False
    )
    raw: Any = field(default=None, repr=False, hash=False)


@frozen
class BatchResults:
    """What the algorithms have found by now in the photos of one batch.

    Attributes:
        subject_id: Whose photos.
        batch_id: The batch.
        api: Which version of the service computed it.
        complete: Whether all results are known to be there. In v1 the service does not say, and
            only `wait_for_results` can tell.
        results: In the order of the images, and of the service.
        raw: What the service answered: the document of v3, or by image id the lists of v1.
    """

    subject_id: UUID
    batch_id: UUID
    api: Api
    complete: bool
    results: tuple[AlgorithmResult, ...] = field(default=(), repr=_counted)
    raw: Any = field(default=None, repr=False, hash=False)

    @property
    def failures(self) -> tuple[AlgorithmResult, ...]:
        """The algorithms that failed. Sometimes uploading the photo again helps (api-facts 8.1)."""
        return tuple(result for result in self.results if not result.is_ok)

    def raise_for_failures(self) -> None:
        """Raise if any algorithm failed.

        Raises:
            AlgorithmsFailed: With these results, which may hold those of other algorithms.
        """
        if failures := self.failures:
            named = sorted(f"{failed.algorithm} ({failed.error or '?'})" for failed in failures)
            raise AlgorithmsFailed(
                f"{len(failures)} of {len(self.results)} algorithms failed on batch "
                f"{self.batch_id}: {', '.join(dict.fromkeys(named))}. The error's `results` holds "
                "what the others found. A better photo may help; it is billed anew",
                results=self,
            )

    def to_rows(self) -> list[dict[str, Value]]:
        """Return one flat row for each metric, for `pandas.DataFrame` or `csv.DictWriter`.

        Returns:
            Rows with the keys `subject`, `image`, `side`, `area`, `algorithm`, `metric`, `value`
            and `unit`, always all of them; ids are texts, and what is not known is None.
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


class AlgorithmsFailed(HautError):
    """Algorithms failed on a batch; raised by `BatchResults.raise_for_failures` only.

    Attributes:
        results: All results of the batch: `failures` says which failed, the others are good.
    """

    def __init__(self, message: str, *, results: BatchResults) -> None:
        super().__init__(message)
        self.results = results


def read_image_results(
    items: Any, *, image_id: UUID | None = None, side: str | int | None = None
) -> tuple[AlgorithmResult, ...]:
    """Read the list of one image's results (v1).

    Args:
        items: The JSON of the answer.
        image_id: The image that was asked for.
        side: Its side.
    """
    return tuple(_image_result(item, image_id, side) for item in _list(items))


def read_batch_document(document: Any) -> tuple[AlgorithmResult, ...]:
    """Read the document of a batch (v3).

    Args:
        document: The JSON of the answer.
    """
    parameters = _dict(_dict(document).get("face_skin_metrics_3")).get("parameters")
    return tuple(_parameter(name, content) for name, content in _dict(parameters).items())


def is_complete(document: Any) -> bool:
    """Return whether the document of a batch (v3) says that all algorithms are done."""
    metrics = _dict(_dict(document).get("face_skin_metrics_3"))
    return metrics.get("all_algorithms_calculated") is True


# v1


def _image_result(item: Any, image_id: UUID | None, side: str | int | None) -> AlgorithmResult:
    content = _dict(item)
    result = content.get("result")
    output = _dict(result)
    # The family is spelled in one way; the algorithm's own name as `acne` and as `Acne`.
    algorithm = (
        _text(content.get("algorithm_family_tech_name"))
        or (_text(output.get("algorithm_tech_name")) or "").lower()
    )
    error = _error(output)
    failed = content.get("is_ok") is False or error is not None
    if failed and error is None:
        error = _text(_value(result))
    if _is_number(result):
        found = iter([Metric(_last_part(algorithm), result, raw=result)])
    else:
        found = _area_metrics(output.get("area_results"))
    return AlgorithmResult(
        algorithm=algorithm,
        is_ok=not failed,
        error=error,
        metrics=() if failed else tuple(found),
        image_id=image_id,
        side=side,
        raw=item,
    )


def _area_metrics(areas: Any) -> Iterator[Metric]:
    for area in _dicts(areas):
        name = _text(area.get("area_name"))
        parent = None
        for main in _dicts([area.get("main_metric")]):
            yield (metric := _metric(main, name, None))
            parent = metric.name
        for sub in _dicts(area.get("sub_metrics")):
            yield _metric(sub, name, parent)


def _metric(content: dict[str, Any], area: str | None, parent: str | None) -> Metric:
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


def _last_part(algorithm: str) -> str:
    return algorithm.rpartition(".")[2]


# v3


def _parameter(name: str, content: Any) -> AlgorithmResult:
    fields = _dict(content)
    error = _error(fields)
    failed = fields.get("is_ok") is False or error is not None
    return AlgorithmResult(
        algorithm=name,
        is_ok=not failed,
        error=error,
        metrics=() if failed else tuple(_parameter_metrics(name, content)),
        masks=_masks(fields.get("masks")),
        raw=content,
    )


def _parameter_metrics(parameter: str, content: Any) -> Iterator[Metric]:
    """Yield every number and text of a parameter: which ones there are differs by parameter."""
    fields = _dict(content) if isinstance(content, dict) else {parameter: content}
    areas: list[tuple[str | None, Any]] = [(None, fields), *_dict(fields.get("areas")).items()]
    for area, found in areas:
        for name, raw in _dict(found).items():
            if (value := _value(raw)) is not None:
                yield Metric(name, value, area=area, raw=raw)


def _masks(masks: Any) -> dict[str, dict[str, str]]:
    by_side = {
        side: {kind: address for kind, address in _dict(kinds).items() if isinstance(address, str)}
        for side, kinds in _dict(masks).items()
    }
    return {side: kinds for side, kinds in by_side.items() if kinds}


# JSON of which nothing is certain


def _dict(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [_dict(item) for item in _list(value) if isinstance(item, dict)]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _value(value: Any) -> Value:
    """Return a number or a text. An address is neither: it may be signed, and stays in `raw`."""
    if isinstance(value, str):
        return None if "://" in value else value
    return value if _is_number(value) else None


def _error(fields: dict[str, Any]) -> str | None:
    """Return why an algorithm failed, whatever stands there, or None if nothing does."""
    if not (error := fields.get("error")):
        return None
    return _text(_value(error)) or "not in words, see raw"
