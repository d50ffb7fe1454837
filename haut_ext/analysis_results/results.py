"""Immutable values that represent analysis results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from attrs import field, frozen

from haut_ext.algorithm_families import find_family
from haut_ext.analysis_results.json_values import (
    Value,
    as_bool,
    as_dict,
    as_number,
    as_text,
    as_texts,
    as_time,
)
from haut_ext.analysis_results.masks import Mask, read_masks
from haut_ext.argument_checks import is_number


def length_repr(values: Sequence[object]) -> str:
    """Return the number of values, for a repr that does not show health data."""
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
        unit: Unit that the service returned or, because it returns none today, the known unit of
            the metric (docs/results.md).
        label: Display name. May change between releases of the service.
        parent: Name of the main metric, if this is a sub-metric.
        raw: JSON of the metric, as the service returned it.
    """

    name: str
    value: Value
    area: str | None = None
    unit: str | None = None
    label: str | None = None
    parent: str | None = None
    raw: Any = field(default=None, repr=False, hash=False)

    @property
    def number(self) -> int | float | None:
        """The value if it is a number, otherwise None."""
        return self.value if is_number(self.value) else None

    @property
    def category(self) -> str | None:
        """The value if it is a text, otherwise None."""
        return self.value if isinstance(self.value, str) else None


@frozen
class Feedback:
    """Messages of the algorithms `quality` and `face_detector` to the person in the photo.

    Attributes:
        overlay: Message to show over the photo. Can be empty.
        warn: Warnings.
        negative: What is wrong with the photo.
        positive: What is right about the photo.
    """

    overlay: str | None
    warn: tuple[str, ...]
    negative: tuple[str, ...]
    positive: tuple[str, ...]


@frozen
class FaceDetection:
    """Result of the algorithm `face_detector`, which succeeds even if it finds no face.

    Attributes:
        face_detected: Whether the photo shows a face.
        confidence: Confidence of the detection.
        yaw_angle: Rotation of the head to the side. None without a face.
        roll_angle: Inclination of the head to the shoulder. None without a face.
        pitch_angle: Inclination of the head to the front or back. None without a face.
        side: Side of the photo, such as `front`.
        light: Light of the photo, such as `regular`.
    """

    face_detected: bool | None
    confidence: float | None
    yaw_angle: float | None
    roll_angle: float | None
    pitch_angle: float | None
    side: str | None
    light: str | None


@frozen
class Recommendation:
    """Result of the Recommendation Engine.

    Attributes:
        products: Recommended products by step of the care routine, such as `serum`.
        care_groups: Groups of care by kind, such as `basic_care`.
    """

    products: Mapping[str, tuple[str, ...]] = field(hash=False)
    care_groups: Mapping[str, tuple[str, ...]] = field(hash=False)


@frozen
class AlgorithmResult:
    """Result of one algorithm, for an image in v1 or for a batch in v3.

    Attributes:
        family: Family of the algorithm, such as `selfie_v2.acne`. In v3, the parameter's name, such
            as `pores`.
        is_ok: Whether the algorithm succeeded. The HTTP status is 200 even if it failed
            (docs/api-facts.md, 8.1).
        error: Error message of a failed algorithm, if the service returned one.
        metrics: Metrics of the result. Empty if the algorithm failed or the JSON has an unknown
            structure.
        image_id: Id of the image, in v1.
        side: Side of the image, in v1, if it is known.
        mask_urls: URLs of the mask images by side and kind, in v3. A mask shows the face, and its
            URL is signed: anyone who has the URL can open it.
        raw: JSON of the result, as the service returned it. The properties below are parsed from
            it on each access.
    """

    family: str
    is_ok: bool = True
    error: str | None = None
    metrics: tuple[Metric, ...] = field(default=(), repr=length_repr)
    image_id: UUID | None = None
    side: str | int | None = None
    mask_urls: Mapping[str, Mapping[str, str]] = field(
        factory=dict[str, Mapping[str, str]], repr=False, hash=False
    )
    raw: Any = field(default=None, repr=False, hash=False)

    @property
    def measures_skin(self) -> bool:
        """Whether the algorithm measures the skin, and not the photo or the position of the face.

        A family that this version does not know measures the skin if its result has metrics.
        """
        family = find_family(self.family)
        return bool(self.metrics) if family is None else family.examines == "skin"

    @property
    def created_at(self) -> datetime | None:
        """Time when the result was created, in v1."""
        return as_time(as_dict(self.raw).get("creation_time"))

    @property
    def revision(self) -> str | None:
        """Build of the algorithm, in v1 results since 2025."""
        return as_text(self._output.get("revision"))

    @property
    def masks(self) -> tuple[Mask, ...]:
        """Masks of v1 as shapes, first those of the uploaded photo, then those of the aligned face."""
        return read_masks(self._output)

    @property
    def problems(self) -> tuple[str, ...]:
        """Codes of the photo's problems, in results of `quality` since 2025."""
        return as_texts(self._output.get("problems"))

    @property
    def feedback(self) -> Feedback | None:
        """Messages to the person in the photo, in results of `quality` and `face_detector`."""
        if not (feedback := as_dict(self._output.get("feedback"))):
            return None
        tooltip = as_dict(feedback.get("tooltip"))
        overlay = feedback.get("overlay")
        return Feedback(
            overlay=overlay if isinstance(overlay, str) else None,
            warn=as_texts(tooltip.get("warn")),
            negative=as_texts(tooltip.get("negative")),
            positive=as_texts(tooltip.get("positive")),
        )

    @property
    def detection(self) -> FaceDetection | None:
        """Whether a face was found and how it is turned, in results of `face_detector`."""
        if not (found := as_dict(self._output.get("detection_params"))):
            return None
        return FaceDetection(
            face_detected=as_bool(found.get("face_detected")),
            confidence=as_number(found.get("detection_confidence")),
            yaw_angle=as_number(found.get("yaw_angle")),
            roll_angle=as_number(found.get("roll_angle")),
            pitch_angle=as_number(found.get("pitch_angle")),
            side=as_text(self._output.get("side")),
            light=as_text(self._output.get("light")),
        )

    @property
    def recommendation(self) -> Recommendation | None:
        """Recommended products and care, in results of the Recommendation Engine."""
        products = as_dict(self._output.get("products"))
        care_groups = as_dict(self._output.get("care_group"))
        if not products and not care_groups:
            return None
        return Recommendation(
            {step: as_texts(names) for step, names in products.items()},
            {
                kind: (names,) if isinstance(names, str) else as_texts(names)
                for kind, names in care_groups.items()
            },
        )

    @property
    def _output(self) -> dict[str, Any]:
        return as_dict(as_dict(self.raw).get("result"))
