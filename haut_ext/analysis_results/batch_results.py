"""Results of a batch: lookup, failures, rows and JSON.

Metrics are health data, and mask URLs are signed. Therefore the repr of analysis results contains
only the number of results and metrics. The repr of a single metric contains its value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import field as dataclass_field
from html import escape as escape_html
from typing import Any, Literal, TypeVar, cast, get_args, overload
from uuid import UUID

from attrs import field, frozen

from haut_ext.algorithm_families import family_key
from haut_ext.analysis_results.json_values import as_dict, as_text
from haut_ext.analysis_results.parsing import read_batch_document, read_image_results
from haut_ext.analysis_results.results import AlgorithmResult, Metric, length_repr
from haut_ext.analysis_results.rows import Library, Row, long_rows, to_dataframe, wide_rows
from haut_ext.argument_checks import check_text
from haut_ext.errors import HautError, error_class, parsed_by

Api = Literal["v1", "v3"]
"""API version of an analysis: v3 for Face Metrics 3.0, v1 for Face Metrics 2.0 and earlier."""

Completeness = Literal["reported", "wait_for", "settled"]
"""Why results count as complete.

- reported: the service states that all algorithms have finished (v3, and the sandbox)
- wait_for: every image has a result of each family in `wait_for`
- settled: no result was added for `settled_after` seconds, so this is an assumption
"""

Default = TypeVar("Default")


@frozen
class BatchResults:
    """Analysis results that were available for a batch when it was read.

    Iterating yields the results. `results["acne"]` returns the only result of a family, and
    `"acne" in results` tells whether there is one. Names of families are accepted in any spelling:
    with or without prefix, with hyphen or underscore, in upper or lower case.

    Attributes:
        subject_id: Id of the subject.
        batch_id: Id of the batch.
        api: API version that analyzed the batch.
        completeness: Why the results count as complete; None if results may be missing. The v1 API
            does not report completeness, so for v1 only a wait sets this.
        results: Results, ordered by image and then as the service returned them.
        raw: JSON from the service. In v3, the document of the batch. In v1, a dict that maps each
            image id to a list of results.
        subject_name: Name of the subject, for the rows. None unless the caller knew it.
    """

    subject_id: UUID
    batch_id: UUID
    api: Api
    completeness: Completeness | None = None
    results: tuple[AlgorithmResult, ...] = field(default=(), repr=length_repr)
    raw: Any = field(default=None, repr=False, hash=False)
    subject_name: str | None = field(default=None, repr=False)

    @property
    def complete(self) -> bool:
        """Whether the results count as complete; `completeness` tells why."""
        return self.completeness is not None

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[AlgorithmResult]:
        return iter(self.results)

    def __contains__(self, family: object) -> bool:
        return isinstance(family, str) and bool(self._of_family(family, None))

    def __getitem__(self, family: str) -> AlgorithmResult:
        """Return the result of a family, such as `acne` or `selfie_v2.acne`.

        Raises:
            ResultNotFound: If there is no result of the family.
            AmbiguousResult: If several images have one. Pass the side to `get` then.
        """
        if (result := self.get(family)) is None:
            families = ", ".join(sorted({each.family for each in self.results})) or "none"
            raise ResultNotFound(
                f"no result of family {family!r} in batch {self.batch_id}; families: {families}"
            )
        return result

    @overload
    def get(self, family: str, *, side: str | None = None) -> AlgorithmResult | None: ...
    @overload
    def get(
        self, family: str, default: Default, *, side: str | None = None
    ) -> AlgorithmResult | Default: ...
    def get(self, family: str, default: Any = None, *, side: str | None = None) -> Any:
        """Return the result of a family, or `default` if there is none.

        Args:
            family: Family in any spelling, such as `acne` or `selfie_v2.acne`. In v3, the name of
                the parameter.
            default: Value to return if there is no result.
            side: Side of the image in v1, such as `front`. Necessary if the batch has several
                images.

        Raises:
            AmbiguousResult: If several results match.
        """
        check_text(family=family, **({} if side is None else {"side": side}))
        found = self._of_family(family, side)
        if len(found) > 1:
            sides = sorted({str(result.side) for result in found})
            advice = "pass side= to get(), or " if len(sides) > 1 else ""
            raise AmbiguousResult(
                f"batch {self.batch_id} has {len(found)} results of family {family!r} (sides: "
                f"{', '.join(sides)}): {advice}iterate over the results"
            )
        return found[0] if found else default

    def metric(
        self,
        name: str,
        *,
        area: str | None = None,
        family: str | None = None,
        side: str | None = None,
    ) -> Metric:
        """Return a single metric.

        Args:
            name: Name of the metric in any spelling, such as `acne_score`.
            area: Area of the face, such as `forehead`. If omitted, a metric without area takes
                precedence, such as the field `amount` of a v3 parameter over those in its `areas`.
            family: Family of the metric, such as `acne`.
            side: Side of the image in v1, such as `front`.

        Raises:
            ResultNotFound: If no metric matches.
            AmbiguousResult: If several metrics match. The message lists how they differ.
        """
        criteria = {"area": area, "family": family, "side": side}
        given = {key: value for key, value in criteria.items() if value is not None}
        check_text(name=name, **given)
        found = [
            (result, metric)
            for result in self._of_family(family, side)
            for metric in result.metrics
            if _same(metric.name, name) and (area is None or _same(metric.area, area))
        ]
        if area is None:
            found = [each for each in found if each[1].area is None] or found
        if len(found) == 1:
            return found[0][1]
        wanted = " ".join(
            [f"metric {name!r}", *(f"{key}={value!r}" for key, value in given.items())]
        )
        if not found:
            names = sorted({metric.name for each in self.results for metric in each.metrics})
            raise ResultNotFound(
                f"no {wanted} in batch {self.batch_id}; metrics: {', '.join(names) or 'none'}"
            )
        raise AmbiguousResult(
            f"batch {self.batch_id} has {len(found)} metrics that match {wanted}; "
            + _how_to_choose(found)
        )

    def _of_family(self, family: str | None, side: str | None) -> list[AlgorithmResult]:
        key = None if family is None else family_key(family)
        return [
            result
            for result in self.results
            if (key is None or family_key(result.family) == key)
            and (side is None or _same(str(result.side), side))
        ]

    @property
    def successes(self) -> tuple[AlgorithmResult, ...]:
        """Results of the algorithms that measured the skin.

        Empty for a photo without a face, although the algorithm `face_detector` succeeds for it.
        """
        return tuple(result for result in self.results if result.is_ok and result.measures_skin)

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
            names = sorted({f"{failed.family} ({failed.error or '?'})" for failed in failures})
            raise AlgorithmsFailed(
                f"{len(failures)} of {len(self.results)} algorithms failed on batch "
                f"{self.batch_id}: {', '.join(names)}. The error's `results` contains the results of "
                "the other algorithms. Uploading a better photo can help, but is charged again",
                results=self,
            )

    def to_rows(self, *, wide: bool = False) -> list[Row]:
        """Return flat dicts of strings, numbers and None, for example for `csv.DictWriter`.

        Args:
            wide: Whether to return one row for each image (in v3, for the batch) instead of one
                row for each metric.

        Returns:
            Rows with the keys `subject`, `name`, `batch`, `image`, `side`, `date` and, for each
            metric, `family`, `area`, `metric`, `number`, `category` and `unit`. Wide rows have a
            key for each metric instead, such as `acne.forehead.acne_score`. Ids are strings, dates
            are ISO 8601 strings in UTC, and unknown values are None.
        """
        batch: Row = {
            "subject": str(self.subject_id),
            "name": self.subject_name,
            "batch": str(self.batch_id),
        }
        return (wide_rows if wide else long_rows)(self.results, batch)

    def to_dataframe(self, library: Library | None = None, *, wide: bool = False) -> Any:
        """Return the rows as a data frame with one type for each column.

        The column `date` contains times, `number` floats, and all others texts. In wide rows, a
        column with at least one category contains texts.

        Args:
            library: `pandas` or `polars`. If omitted, the one that is installed; pandas if both are.
            wide: As in `to_rows`.

        Returns:
            A `pandas.DataFrame` or `polars.DataFrame`.

        Raises:
            ConfigError: If the library is not installed.
        """
        return to_dataframe(self.to_rows(wide=wide), library)

    def to_json(self) -> str:
        """Return the results as a JSON string, which `from_json` parses.

        The string contains everything that the service returned, including masks and, in v3,
        signed URLs of photos.
        """
        sides = {str(result.image_id): result.side for result in self.results}
        content: dict[str, Any] = {
            "subject_id": str(self.subject_id),
            "batch_id": str(self.batch_id),
            "api": self.api,
            "completeness": self.completeness,
            "subject_name": self.subject_name,
            "sides": sides if self.api == "v1" else {},
            "raw": self.raw,
        }
        return json.dumps(content)

    @classmethod
    def from_json(cls, text: str) -> BatchResults:
        """Parse a JSON string returned by `to_json`, and return the results.

        Raises:
            ValueError: If the text is not the JSON of analysis results.
        """
        try:
            content = json.loads(text)
            api, completeness, raw = content["api"], content["completeness"], content["raw"]
            if api not in get_args(Api) or completeness not in (None, *get_args(Completeness)):
                raise ValueError("invalid values")
            sides = cast("dict[str, Any]", content["sides"])
            if not all(isinstance(side, str | int | None) for side in sides.values()):
                raise ValueError("invalid sides")
            results = (
                read_batch_document(raw)
                if api == "v3"
                else tuple(
                    result
                    for image, items in as_dict(raw).items()
                    for result in read_image_results(
                        items, image_id=UUID(image), side=sides.get(image)
                    )
                )
            )
            return cls(
                UUID(content["subject_id"]),
                UUID(content["batch_id"]),
                api,
                completeness,
                results,
                raw,
                as_text(content["subject_name"]),
            )
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise ValueError("invalid BatchResults: expected JSON from to_json()") from error

    def _repr_html_(self) -> str:
        """Return a table of the results for notebooks, without values, which are health data."""
        rows = "".join(
            f"<tr><td>{escape_html(result.family)}</td><td>{escape_html(str(result.side or ''))}</td>"
            f"<td>{escape_html(_outcome(result))}</td><td>{len(result.metrics)}</td></tr>"
            for result in self.results
        )
        return (
            f"<p>{len(self.results)} results of batch {self.batch_id}, "
            f"{'complete' if self.complete else 'not known to be complete'}. "
            "<code>to_dataframe()</code> shows the values.</p><table><thead><tr><th>family</th>"
            f"<th>side</th><th>result</th><th>metrics</th></tr></thead><tbody>{rows}</tbody></table>"
        )


def _outcome(result: AlgorithmResult) -> str:
    return "ok" if result.is_ok else f"failed: {result.error or 'no reason given'}"


def _how_to_choose(found: Sequence[tuple[AlgorithmResult, Metric]]) -> str:
    """Return the part of a message that lists the arguments in which metrics differ."""
    values: dict[str, set[str]] = {
        "area": {str(metric.area) for _, metric in found},
        "family": {result.family for result, _ in found},
        "side": {str(result.side) for result, _ in found},
    }
    choices = [
        f"{argument}= ({', '.join(sorted(given))})"
        for argument, given in values.items()
        if len(given) > 1
    ]
    return f"pass {' and '.join(choices)}" if choices else "iterate over the results"


def _same(name: str | None, other: str) -> bool:
    """Return whether two names differ at most in case, hyphens and underscores."""
    return name is not None and _key(name) == _key(other)


def _key(name: str) -> str:
    return name.strip().casefold().replace("-", "_")


@error_class
class AlgorithmsFailed(HautError):
    """One or more algorithms failed on a batch. Raised only by `BatchResults.raise_for_failures`.

    Attributes:
        results: All results of the batch. `results.failures` contains those of failed algorithms.
    """

    results: BatchResults = dataclass_field(metadata=parsed_by(BatchResults.from_json))


@error_class
class ResultNotFound(HautError, KeyError):
    """No result or metric matches. Raised by `BatchResults`."""

    __str__ = Exception.__str__  # KeyError would quote the message


@error_class
class AmbiguousResult(HautError, LookupError):
    """Several results or metrics match, for example of several sides. Raised by `BatchResults`."""
