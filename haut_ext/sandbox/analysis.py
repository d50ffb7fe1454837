"""What the algorithms find: the applications, their algorithms, and values made of a photo's bytes.

Pure: the same photo gets the same values, whatever its ids, so that runs can be compared. The names
are those that are seen (api-facts 6, 8.1, 9); the values mean nothing.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Application:
    """What is computed on a photo.

    Args:
        id: As in results.
        name: As in results.
        tech_name: As in lists of images.
        description: As in results.
        algorithms: In the order in which they finish, each with the kinds of auxiliary images that
            come with its result.
    """

    id: str
    name: str
    tech_name: str
    description: str
    algorithms: dict[str, tuple[str, ...]]


FACE_SKIN_METRICS_2 = Application(
    "8b5b3acc-480b-4412-8d2c-ebe6ab4384d7",  # in the documents' own example (api-facts 8.1)
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
"""The algorithm_version_id of each algorithm of version 1."""
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
"""The id of each kind of auxiliary image."""
MASK = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c02"
    "0000000b4944415478da6364600000000600023081d02f0000000049454e44ae426082"
)
"""A transparent PNG of one pixel, which stands for every mask."""

_FACE = ("face",)
_CHEEKS = ("face", "right_cheek", "left_cheek")
_EYES = ("right_eye_area", "left_eye_area")
_TAGS = ((80, "Great"), (70, "Good"), (50, "Average"), (0, "Poor"))


@dataclass(frozen=True, slots=True)
class _Measure:
    tech_name: str
    widget_type: str
    values: tuple[float, float] | tuple[str, ...]
    units: str | None = None

    def of(self, photo: bytes, area: str) -> dict[str, Any]:
        low, high, *_ = self.values
        value: float | str
        if isinstance(low, str) or isinstance(high, str):
            value = str(_random(photo, self.tech_name).choice(self.values))
        else:
            value = round(_random(photo, self.tech_name, area).uniform(low, high), 2)
        return self.valued(value)

    def valued(self, value: float | str) -> dict[str, Any]:
        return {
            "value": value,
            "widget_type": self.widget_type,
            "name": self.tech_name.replace("_", " ").capitalize(),
            "tech_name": self.tech_name,
            "widget_meta": None,
            "units": self.units,
        }


def _score(tech_name: str) -> _Measure:
    return _Measure(tech_name, "bad_good_line", (30, 99))


_QUALITY = _Measure("image_quality_score", "numeric", (60, 99))
_FOUND: dict[str, tuple[tuple[str, ...], _Measure, tuple[_Measure, ...]]] = {
    "quality": (
        _FACE,
        _QUALITY,
        (
            _Measure("full_face_score", "numeric", (50, 100)),
            _Measure("angles_yaw_angle_degree", "numeric", (-45, 45)),
        ),
    ),
    "acne": (
        _CHEEKS,
        _score("acne_score"),
        (_Measure("acne_density", "density", (0, 9), "%"),),
    ),
    "redness": (
        _CHEEKS,
        _score("redness_score"),
        (_Measure("redness_density", "density", (0, 30), "%"),),
    ),
    "pores": (_CHEEKS, _score("pores_score"), (_Measure("pores_amount", "numeric", (0, 400)),)),
    "lines": (("face", "forehead"), _score("lines_score"), ()),
    "eye_bags": (_EYES, _score("eye_bags_score"), ()),
    "skin_tone": (_FACE, _Measure("skin_tone", "category", ("Light", "Medium", "Dark")), ()),
    "age": (_FACE, _Measure("age", "numeric", (18, 70), "years"), ()),
}
"""Areas, main metric and sub metrics of each algorithm of version 1."""


def quality_score(photo: bytes) -> float:
    """The quality of a photo.

    Args:
        photo: Its digest, as everywhere here.
    """
    return round(random.Random(photo).uniform(60, 99), 2)


def output(algorithm: str, photo: bytes) -> dict[str, Any]:
    """What an algorithm of version 1 found in a photo (api-facts 8.1)."""
    tech_name = algorithm.partition(".")[2]
    areas, main, subs = _FOUND[tech_name]
    return {
        "algorithm_tech_name": tech_name,
        "area_results": [
            {
                "area_name": area,
                "main_metric": main.valued(quality_score(photo))
                if main is _QUALITY
                else main.of(photo, area),
                "sub_metrics": [sub.of(photo, area) for sub in subs],
            }
            for area in areas
        ],
    }


def parameter(name: str, photos: bytes) -> dict[str, Any]:
    """What Face Metrics 3.0 found in the photos of a batch, but for the masks (api-facts 6)."""
    chance = _random(photos, name)
    if name in ("age", "eyes_age"):
        return {name: chance.randint(18, 70)}
    score = chance.randint(35, 98)
    tag = next(tag for least, tag in _TAGS if score >= least)
    found: dict[str, Any] = {"score": score, "tag": tag, "grade": 1 + min(score // 20, 4)}
    if name == "lines":
        found["areas"] = {
            area: {"amount": chance.randint(0, 12), "length": round(chance.uniform(0, 90), 1)}
            for area in ("forehead", "right_eye_area", "left_eye_area")
        }
    if name == "breakouts":
        amounts = {area: {"amount": chance.randint(0, 6)} for area in ("forehead", *_CHEEKS[1:])}
        found["amount"] = sum(area["amount"] for area in amounts.values())
        found["areas"] = amounts
    if name == "pores":
        found["density"] = round(chance.uniform(0, 30), 1)
    return found


def _random(photo: bytes, *names: str) -> random.Random:
    return random.Random(photo + "/".join(names).encode())
