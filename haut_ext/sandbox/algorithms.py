"""Lists the service's algorithms, and generates made-up results for photos.

The results depend only on the bytes of the photo, so that the results of two runs can be compared
even if their ids differ. Applications, algorithms and metrics have the same names as in the real
service; the values are meaningless.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Application:
    """An application: a set of algorithms that are started by one compute request.

    Attributes:
        id: Application id in results.
        name: Name in results. tech_name: Technical name in lists of images.
        description: Description in results.
        algorithms: Algorithms in the order in which they finish; maps each one to the kinds of
            auxiliary images that it creates.
    """

    id: str
    name: str
    tech_name: str
    description: str
    algorithms: dict[str, tuple[str, ...]]


FACE_SKIN_METRICS_2 = Application(
    "8b5b3acc-480b-4412-8d2c-ebe6ab4384d7",  # copied from an example in the API documentation
    "Face Skin Metrics 2.0",
    "face_skin_metrics_2.0",
    "Skin metrics of a selfie",
    {
        "selfie_v2.quality": (),
        "selfie_v2.acne": (),
        "selfie_v2.redness": (),
        "selfie_v2.pores": (),
        "selfie_v2.lines": (),
        "selfie_v2.eye_bags": (),
        "selfie_v2.skin_tone": (),
        "selfie_v2.age": ("restored",),
    },
)
FACE_SKIN_METRICS_3 = Application(
    str(uuid.uuid5(uuid.NAMESPACE_OID, "face_skin_metrics_3")),
    "Face Skin Metrics 3.0",
    "face_skin_metrics_3",
    "Skin metrics of a face from up to three sides",
    {
        "redness": ("aligned_face", "anonymised", "redness_mask"),
        "pores": ("pores_mask",),
        "lines": ("lines_mask",),
        "pigmentation": ("pigmentation_mask",),
        "breakouts": ("breakouts_mask",),
        "dark_circles": (),
        "sagging": (),
        "age": (),
        "eyes_age": (),
    },
)
ALGORITHMS = [
    name
    for application in (FACE_SKIN_METRICS_2, FACE_SKIN_METRICS_3)
    for name in application.algorithms
]
VERSION_IDS = {name: 101 + index for index, name in enumerate(FACE_SKIN_METRICS_2.algorithms)}
"""Maps each algorithm of API version 1 to its `algorithm_version_id`."""
AUX_KIND_IDS = {
    kind: index
    for index, kind in enumerate(
        (
            kind
            for application in (FACE_SKIN_METRICS_2, FACE_SKIN_METRICS_3)
            for kinds in application.algorithms.values()
            for kind in kinds
        ),
        start=1,
    )
}
"""Maps each kind of auxiliary image to its id."""
MASK = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c02"
    "0000000b4944415478da6364600000000600023081d02f0000000049454e44ae426082"
)
"""Transparent one-pixel PNG, used as the mask of every auxiliary image."""

_FACE = ("face",)
_CHEEKS = ("face", "right_cheek", "left_cheek")
_EYES = ("right_eye_area", "left_eye_area")
_TAGS = ((80, "Great"), (70, "Good"), (50, "Average"), (0, "Poor"))


@dataclass(frozen=True, slots=True)
class _Metric:
    tech_name: str
    widget_type: str
    values: tuple[float, float] | tuple[str, ...]
    units: str | None = None

    def measure(self, photo: bytes, area: str) -> dict[str, Any]:
        low, high, *_ = self.values
        value: float | str
        if isinstance(low, str) or isinstance(high, str):
            value = str(_generator(photo, self.tech_name).choice(self.values))
        else:
            value = round(_generator(photo, self.tech_name, area).uniform(low, high), 2)
        return self.with_value(value)

    def with_value(self, value: float | str) -> dict[str, Any]:
        return {
            "value": value,
            "widget_type": self.widget_type,
            "name": self.tech_name.replace("_", " ").capitalize(),
            "tech_name": self.tech_name,
            "widget_meta": None,
            "units": self.units,
        }


def _score(tech_name: str) -> _Metric:
    return _Metric(tech_name, "bad_good_line", (30, 99))


_QUALITY = _Metric("image_quality_score", "numeric", (60, 99))
_OUTPUTS: dict[str, tuple[tuple[str, ...], _Metric, tuple[_Metric, ...]]] = {
    "quality": (
        _FACE,
        _QUALITY,
        (
            _Metric("full_face_score", "numeric", (50, 100)),
            _Metric("angles_yaw_angle_degree", "numeric", (-45, 45)),
        ),
    ),
    "acne": (
        _CHEEKS,
        _score("acne_score"),
        (_Metric("acne_density", "density", (0, 9), "%"),),
    ),
    "redness": (
        _CHEEKS,
        _score("redness_score"),
        (_Metric("redness_density", "density", (0, 30), "%"),),
    ),
    "pores": (_CHEEKS, _score("pores_score"), (_Metric("pores_amount", "numeric", (0, 400)),)),
    "lines": (("face", "forehead"), _score("lines_score"), ()),
    "eye_bags": (_EYES, _score("eye_bags_score"), ()),
    "skin_tone": (_FACE, _Metric("skin_tone", "category", ("Light", "Medium", "Dark")), ()),
    "age": (_FACE, _Metric("age", "numeric", (18, 70), "years"), ()),
}
"""Maps each algorithm of API version 1 to its face areas, main metric and sub-metrics."""


def quality_score(photo: bytes) -> float:
    """Return the quality score of a photo.

    Args:
        photo: MD5 digest of the photo's bytes.
    """
    return round(random.Random(photo).uniform(60, 99), 2)


def algorithm_output(algorithm: str, photo: bytes) -> dict[str, Any]:
    """Return an algorithm's made-up `result` object for a photo, as in API version 1."""
    tech_name = algorithm.partition(".")[2]
    areas, main, subs = _OUTPUTS[tech_name]
    return {
        "algorithm_tech_name": tech_name,
        "area_results": [
            {
                "area_name": area,
                "main_metric": main.with_value(quality_score(photo))
                if main is _QUALITY
                else main.measure(photo, area),
                "sub_metrics": [sub.measure(photo, area) for sub in subs],
            }
            for area in areas
        ],
    }


def algorithm_score(algorithm: str, photo: bytes) -> float | None:
    """Return the main value of an algorithm's first area; None if it is not a number."""
    value = algorithm_output(algorithm, photo)["area_results"][0]["main_metric"]["value"]
    return None if isinstance(value, str) else value


def algorithm_name(algorithm: str) -> str:
    """Return the name of an algorithm for display."""
    return algorithm.partition(".")[2].replace("_", " ").capitalize()


def face_metrics_parameter(name: str, photos: bytes) -> dict[str, Any]:
    """Return a made-up Face Metrics 3.0 parameter for the photos of a batch, without masks."""
    generator = _generator(photos, name)
    if name in ("age", "eyes_age"):
        return {name: generator.randint(18, 70)}
    score = generator.randint(35, 98)
    tag = next(tag for least, tag in _TAGS if score >= least)
    values: dict[str, Any] = {"score": score, "tag": tag, "grade": 1 + min(score // 20, 4)}
    if name == "lines":
        values["areas"] = {
            area: {"amount": generator.randint(0, 12), "length": round(generator.uniform(0, 90), 1)}
            for area in ("forehead", "right_eye_area", "left_eye_area")
        }
    if name == "breakouts":
        amounts = {area: {"amount": generator.randint(0, 6)} for area in ("forehead", *_CHEEKS[1:])}
        values["amount"] = sum(area["amount"] for area in amounts.values())
        values["areas"] = amounts
    if name == "pores":
        values["density"] = round(generator.uniform(0, 30), 1)
    return values


def _generator(photo: bytes, *names: str) -> random.Random:
    return random.Random(photo + "/".join(names).encode())
