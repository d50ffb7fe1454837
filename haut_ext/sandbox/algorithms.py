"""Lists the service's applications and their algorithms, with the names of the real service."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from haut_ext.algorithm_families import FAMILIES, PARAMETERS, Era

from .photo_content import PhotoContent

RESTORED_FACE = "selfie_front_face_restored_rgba"
"""Kind of the auxiliary image with the aligned face."""

FACE_DETECTOR = "selfie_v2.face_detector"

_AUX_KINDS = {
    "selfie_v2.facial_landmarks": (RESTORED_FACE,),  # the last algorithm to finish
    "lines": ("aligned_face", "anonymised", "lines_mask"),
    **{name: (f"{name}_mask",) for name in ("pores", "redness", "pigmentation", "breakouts")},
}


@dataclass(frozen=True, slots=True)
class Application:
    """An application: a set of algorithms that are started by one compute request.

    Attributes:
        id: Application id in results.
        name: Name in results and in lists of images.
        tech_name: Technical name.
        description: Description in results.
        algorithms: Algorithms in the order in which they finish; maps each one to the kinds of
            auxiliary images that it creates.
    """

    id: str
    name: str
    tech_name: str
    description: str
    algorithms: dict[str, tuple[str, ...]]


def algorithms_for(application: Application, photo: PhotoContent, era: Era) -> list[str]:
    """Return the algorithms that produce a result for a photo.

    Args:
        application: The application.
        photo: The photo.
        era: Format of the results of Face Metrics 2.0.
    """
    if application is not FACE_SKIN_METRICS_2:
        return list(application.algorithms)
    # A result of the face detector was seen only for a photo without a face.
    return [
        family.name
        for family in FAMILIES
        if era in family.eras or (family.name == FACE_DETECTOR and not photo.shows_face)
    ]


FACE_SKIN_METRICS_2 = Application(
    "8b5b3acc-480b-4412-8d2c-ebe6ab4384d7",  # copied from an example in the API documentation
    "Face Skin Metrics 2.0",
    "face_skin_metrics_2.0",
    "Metrics of a selfie:<br><ol><li>skin</li><li>“quality”</li></ol>",
    {family.name: _AUX_KINDS.get(family.name, ()) for family in FAMILIES},
)
FACE_SKIN_METRICS_3 = Application(
    str(uuid.uuid5(uuid.NAMESPACE_OID, "face_skin_metrics_3")),
    "Face Skin Metrics 3.0",
    "face_skin_metrics_3",
    "Skin metrics of a face from up to three sides",
    {parameter.name: _AUX_KINDS.get(parameter.name, ()) for parameter in PARAMETERS},
)
ALGORITHMS = [
    name
    for application in (FACE_SKIN_METRICS_2, FACE_SKIN_METRICS_3)
    for name in application.algorithms
]
VERSION_IDS = {
    family.name: 101 + index if family.version_id is None else family.version_id
    for index, family in enumerate(FAMILIES)
}
"""Maps each algorithm of API version 1 to its `algorithm_version_id`."""
AUX_KIND_IDS = {
    kind: index
    for index, kind in enumerate((kind for kinds in _AUX_KINDS.values() for kind in kinds), start=1)
}
"""Maps each kind of auxiliary image to its id."""
MASK = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c02"
    "0000000b4944415478da6364600000000600023081d02f0000000049454e44ae426082"
)
"""Transparent one-pixel PNG, used as the mask of every auxiliary image."""
