"""Generates made-up analysis results in the formats of the service.

The results depend only on the bytes of the photo, so that the results of two runs can be compared
even if their ids differ. Families, areas and metrics are those of
`haut_ext.algorithm_families`; the values are meaningless.
"""

from __future__ import annotations

import random
from functools import lru_cache
from typing import Any

from haut_ext.algorithm_families import (
    PARAMETER_BANDS,
    PARAMETERS,
    AlgorithmFamily,
    Era,
    KnownMetric,
    find_family,
)

from .algorithms import FACE_DETECTOR
from .masks import masks
from .photo_content import PhotoContent

NO_FACE = "No face detected"
"""Error of all algorithms except the face detector, if a photo shows no face."""

_PARAMETERS = {parameter.name: parameter for parameter in PARAMETERS}

_CLASSES = {"skin_type": ("Dry", "Normal", "Oily"), "skintone": ("Light", "Medium", "Dark")}
"""Tags of parameters that have no score."""


def quality_score(photo: PhotoContent) -> int | None:
    """Return the quality score of a photo; None if it shows no face."""
    if not photo.shows_face:
        return None
    quality = _family("selfie_v2.quality")
    return int(_value(quality.areas[0].main, photo, quality.name, "face"))


@lru_cache(maxsize=1000)
def family_result(name: str, photo: PhotoContent, era: Era) -> dict[str, Any]:
    """Return the `result` of a successful algorithm for a photo, as in API version 1.

    Args:
        name: Name of the family.
        photo: The photo.
        era: Format of the results.
    """
    family = _family(name)
    if family.name == FACE_DETECTOR:
        return _detection(photo)
    areas: list[dict[str, Any]] | None = [
        _area(family, area, group.main, group.sub_metrics, photo, era)
        for group in family.areas
        if era in group.eras
        for area in group.areas
    ]
    if family.short_name == "front_face_areas":
        areas = None
    restored, original = masks(family, photo, era)
    result: dict[str, Any] = {
        "image_type": "selfie",
        "algorithm_tech_name": family.algorithm,
        "area_results": areas,
    }
    if restored or era == "2022":
        result["masks_restored"] = restored or None
        result["masks_original"] = original or None
    if era == "2025":
        result["revision"] = "sandbox-1"
    if family.examines == "photo":
        if era == "2025":
            result["problems"] = []
        result["feedback"] = _feedback("positive", "The photo is fine")
    return result


def family_score(name: str, photo: PhotoContent, era: Era) -> int | None:
    """Return the main value of the family's first area; None if it is not a number."""
    areas = family_result(name, photo, era).get("area_results")
    value = areas[0]["main_metric"]["value"] if areas else None
    return value if isinstance(value, int) else None


def parameter_values(name: str, photos: tuple[PhotoContent, ...]) -> dict[str, Any]:
    """Return a parameter of Face Metrics 3.0 for the photos of a batch, without its masks."""
    parameter = _PARAMETERS[name]
    generator = random.Random(b"".join(photo.digest for photo in photos) + name.encode())
    score = generator.randint(20, 99)
    _, grade, tag = next(band for band in PARAMETER_BANDS if score >= band[0])
    areas = {
        area: {field: generator.randint(0, 12) for field in parameter.area_fields}
        for area in parameter.areas
    }
    amounts = [area["amount"] for area in areas.values() if "amount" in area]
    available: dict[str, Any] = {
        "score": score,
        "tag": generator.choice(_CLASSES.get(name, (tag,))),
        "grade": grade,
        "amount": sum(amounts) if amounts else generator.randint(0, 40),
        "density": round(generator.uniform(0, 30), 1),
        "age": generator.randint(18, 70),
        "eyes_age": generator.randint(18, 70),
    }
    values = {field: available[field] for field in parameter.fields}
    return {**values, "areas": areas} if areas else values


def display_name(tech_name: str) -> str:
    """Return a name for display, such as "Acne Score"."""
    return tech_name.replace("_", " ").replace("-", " ").title()


def _family(name: str) -> AlgorithmFamily:
    family = find_family(name)
    assert family is not None
    return family


def _area(
    family: AlgorithmFamily,
    area: str,
    main: KnownMetric,
    sub_metrics: tuple[KnownMetric, ...] | None,
    photo: PhotoContent,
    era: Era,
) -> dict[str, Any]:
    subs: Any = None
    if sub_metrics is not None:
        subs = [_metric(metric, photo, family.name, area, era) for metric in sub_metrics]
    result: dict[str, Any] = {
        "area_name": area,
        "main_metric": _metric(main, photo, family.name, area, era),
        "sub_metrics": subs,
    }
    if era == "2022" and family.examines == "photo":
        result["sub_metrics"] = {metric["tech_name"]: metric["value"] for metric in subs}
        result["debug_metrics"] = {"face_found": True, "iso": 0.5}
    return result


def _metric(
    metric: KnownMetric, photo: PhotoContent, family: str, area: str, era: Era
) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": display_name(metric.tech_name),
        "value": _value(metric, photo, family, area),
        "tech_name": metric.tech_name,
        "widget_meta": None,
        "widget_type": metric.widget_type,
    }
    if era == "2025":
        data["units"] = None
        if metric.widget_type != "category":  # real results lack the key in some metrics
            data["widget_show"] = True
    return data


def _value(metric: KnownMetric, photo: PhotoContent, family: str, area: str) -> int | str:
    names = f"{family}/{area}/{metric.tech_name}"
    generator = random.Random(photo.digest + names.encode())
    low, high, *_ = metric.values
    if isinstance(low, str) or isinstance(high, str):
        return str(generator.choice(metric.values))
    return round(generator.triangular(low, high, low + 0.75 * (high - low)))


def _feedback(kind: str, text: str) -> dict[str, Any]:
    tooltip: dict[str, list[str]] = {"warn": [], "negative": [], "positive": []}
    return {"overlay": "", "tooltip": {**tooltip, kind: [text]}}


def _detection(photo: PhotoContent) -> dict[str, Any]:
    """Return the result of the face detector, which is known only for photos without a face."""
    return {
        "bbox": None,
        "mesh": None,
        "side": "front",
        "light": "regular",
        "feedback": _feedback("negative", NO_FACE),
        "detection_params": {
            "face_detected": False,
            "detection_confidence": photo.digest[0] / 1024,
            "full_face": None,
            "yaw_angle": None,
            "roll_angle": None,
            "pitch_angle": None,
        },
        "transform_sequence": {"sequence": []},
    }
