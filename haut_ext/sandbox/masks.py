"""Draws the made-up masks of a photo.

The sandbox does not see the face. It assumes that every face is where it is in
examples/photos/portrait.jpg.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import cache
from typing import Any

from haut_ext.algorithm_families import AlgorithmFamily, Era, KnownMask

from .photo_content import PhotoContent

Point = tuple[float, float]
"""A point of the face: (0, 0) is its upper left corner in the photo, and (1, 1) the lower right."""

_FACE_BOX = (0.37, 0.16, 0.67, 0.46)
"""Left, top, right and bottom of the face, as fractions of the width and height of the photo."""
_MARGIN = 0.1
"""Margin around the face in the restored picture, as a fraction of the picture's edge."""

_FACE = ("forehead", "nose", "right_cheek", "left_cheek", "chin")
# Center and radii of each area. The right side of the face is on the left in the photo.
_ELLIPSES: dict[str, tuple[float, float, float, float]] = {
    "forehead": (0.47, 0.2, 0.28, 0.06),
    "forehead_n_bridge": (0.46, 0.25, 0.25, 0.1),
    "nose_bridge": (0.46, 0.4, 0.05, 0.07),
    "nose": (0.46, 0.5, 0.09, 0.1),
    "right_cheek": (0.2, 0.56, 0.12, 0.1),
    "right_cheek_large": (0.2, 0.58, 0.15, 0.15),
    "left_cheek": (0.76, 0.56, 0.12, 0.1),
    "left_cheek_large": (0.76, 0.58, 0.15, 0.15),
    "right_eye_area": (0.23, 0.38, 0.13, 0.04),
    "left_eye_area": (0.71, 0.39, 0.13, 0.04),
    "right_eye_corner": (0.07, 0.33, 0.04, 0.05),
    "left_eye_corner": (0.87, 0.34, 0.04, 0.05),
    "chin": (0.48, 0.9, 0.13, 0.05),
    "chin_wide": (0.48, 0.9, 0.2, 0.07),
}
_LANDMARKS = (
    *((0.23, 0.31, 0.1, 0.04), (0.71, 0.32, 0.1, 0.04)),  # eyes
    *((0.46, 0.5, 0.09, 0.06), (0.47, 0.68, 0.2, 0.06)),  # nose and mouth
    (0.48, 0.5, 0.48, 0.48),  # outline
)


def masks(
    family: AlgorithmFamily, photo: PhotoContent, era: Era
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the masks of a family: on the aligned face, and on the uploaded photo."""
    restored: list[dict[str, Any]] = []
    original: list[dict[str, Any]] = []
    for mask in family.masks:
        for name, found, (width, height), place in (
            (mask.restored, restored, *_restored(photo)),
            (mask.original, original, *_original(photo)),
        ):
            if name is None:
                continue
            # The seed is the same for both, so that they show the same.
            generator = random.Random(photo.digest + mask.original.encode())
            data = {
                "type": "FeatureCollection",
                "mask_type": mask.kind,
                "name": name.replace("_", " ").title(),
                "tech_name": name,
                "view_box": f"0 0 {width} {height}",
                "fill": None if mask.kind == "point_mask" else "#f0a0b0",
                "features": _features(family, mask, era, generator, place),
            }
            if era == "2025":
                data["side"] = None if mask.kind == "polyline_mask" else "front"
            found.append(data)
    return restored, original


def _restored(photo: PhotoContent) -> tuple[tuple[int, int], Callable[[Point], list[int]]]:
    """Return the size of the square with the aligned face, and the function that draws in it."""
    edge = max(round(photo.height * (_FACE_BOX[3] - _FACE_BOX[1]) * (1 + 2 * _MARGIN)), 2)
    inner = edge * (1 - 2 * _MARGIN)
    return (edge, edge), lambda point: [
        round(_MARGIN * edge + coordinate * inner) for coordinate in point
    ]


def _original(photo: PhotoContent) -> tuple[tuple[int, int], Callable[[Point], list[int]]]:
    left, top, right, bottom = _FACE_BOX
    return (photo.width, photo.height), lambda point: [
        round(photo.width * (left + point[0] * (right - left))),
        round(photo.height * (top + point[1] * (bottom - top))),
    ]


def _features(
    family: AlgorithmFamily,
    mask: KnownMask,
    era: Era,
    generator: random.Random,
    place: Callable[[Point], list[int]],
) -> list[dict[str, Any]]:
    if family.examines == "face" and mask.kind == "point_mask":
        points = [place(point) for ellipse in _LANDMARKS for point in _ring(ellipse, 8)]
        return [_feature("MultiPoint", [[*point, 0] for point in points], 1)]
    return [
        _shape(mask.kind, _ELLIPSES[area], generator, place) for area in _areas(family, mask, era)
    ]


def _areas(family: AlgorithmFamily, mask: KnownMask, era: Era) -> list[str]:
    part = mask.original.removesuffix("_mask_original")
    if part in _ELLIPSES:  # the mask is the outline of an area
        return [part]
    areas = [area for group in family.areas if era in group.eras for area in group.areas]
    return [part for area in areas for part in (_FACE if area == "face" else (area,))]


def _shape(
    kind: str,
    ellipse: tuple[float, float, float, float],
    generator: random.Random,
    place: Callable[[Point], list[int]],
) -> dict[str, Any]:
    """Return an outline, spots, lines or points in an area."""
    intensity = generator.choice((0.25, 0.5, 0.75, 1))
    if kind == "polygon_mask":
        ring = [place(point) for point in _ring(ellipse, 8)]
        return _feature("MultiPolygon", [[ring]], intensity)
    x, y, width, height = ellipse

    def inside() -> Point:
        angle, distance = generator.uniform(0, math.tau), math.sqrt(generator.random())
        return (
            x + 0.8 * width * distance * math.cos(angle),
            y + 0.8 * height * distance * math.sin(angle),
        )

    if kind == "heatmap_mask":
        spots = [_ring((*inside(), 0.03, 0.025), 5) for _ in range(2)]
        rings = [[[place(point) for point in spot]] for spot in spots]
        return _feature("MultiPolygon", rings, intensity)
    if kind == "polyline_mask":
        rows = (y - height / 2, y + height / 2)
        lines = [
            [
                place((x + step * width / 2, row + generator.uniform(-0.01, 0.01)))
                for step in (-2, -1, 0, 1, 2)
            ]
            for row in rows
        ]
        return _feature("MultiLineString", lines, intensity)
    points = [[*place(inside()), generator.randint(2, 5)] for _ in range(6)]
    return _feature("MultiPoint", points, intensity)


def _ring(ellipse: tuple[float, float, float, float], points: int) -> list[Point]:
    """Return points of an ellipse. As in the service, the first point is not repeated at the end."""
    x, y, width, height = ellipse
    return [(x + width * cosine, y + height * sine) for cosine, sine in _circle(points)]


@cache
def _circle(points: int) -> list[Point]:
    angles = [math.tau * index / points for index in range(points)]
    return [(math.cos(angle), math.sin(angle)) for angle in angles]


def _feature(kind: str, coordinates: list[Any], intensity: float) -> dict[str, Any]:
    return {
        "type": "feature",
        "properties": {"intensity": intensity},
        "geometry": {"type": kind, "coordinates": coordinates},
    }
