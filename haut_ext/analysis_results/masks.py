"""Masks: shapes that show where an algorithm found something in a photo (API v1).

A mask is similar to GeoJSON, but its coordinates are pixels of its view box, with the origin at the
top left. Rings of polygons are not closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from attrs import field, frozen

from haut_ext.analysis_results.json_values import as_dict, as_list, as_number, as_text
from haut_ext.argument_checks import is_number

Position = tuple[float, float]
"""Coordinates x and y in pixels."""


@frozen
class MaskPoint:
    """A point of a mask, such as a pore or a landmark.

    Attributes:
        x: Distance from the left edge of the view box, in pixels.
        y: Distance from the top edge of the view box, in pixels.
        radius: Radius in pixels; 0 for landmarks. None if the service returned none.
    """

    x: float
    y: float
    radius: float | None = None


@frozen
class MaskShape:
    """Shapes of a mask that have the same intensity. Only one of the three tuples is not empty.

    Attributes:
        intensity: Intensity from 0 to 1. None if the service returned none.
        polygons: Polygons of a `heatmap_mask` or `polygon_mask`. Each polygon is a tuple of rings:
            the outline, and then its holes.
        lines: Lines of a `polyline_mask`.
        points: Points of a `point_mask`.
    """

    intensity: float | None = None
    polygons: tuple[tuple[tuple[Position, ...], ...], ...] = ()
    lines: tuple[tuple[Position, ...], ...] = ()
    points: tuple[MaskPoint, ...] = ()


@frozen
class Mask:
    """A mask of an algorithm on a photo.

    Attributes:
        target: Image to which the coordinates belong: `original` is the uploaded photo, `restored`
            the square image of the aligned face.
        kind: `heatmap_mask`, `polygon_mask`, `polyline_mask` or `point_mask`. The service may add
            other kinds.
        name: Technical name, such as `acne_mask`. The names of the two masks of a pair differ.
        label: Display name. May change between releases of the service.
        view_box: Left edge, top edge, width and height of the coordinate system, in pixels.
        fill: Color, such as `#f0a0b0`.
        side: Side of the face, such as `front`. Older results have none.
        shapes: The shapes, parsed from `features`.
        raw: JSON object of the mask, as the service returned it.
    """

    target: Literal["original", "restored"]
    kind: str = ""
    name: str = ""
    label: str | None = None
    view_box: tuple[float, float, float, float] | None = None
    fill: str | None = None
    side: str | None = None
    shapes: tuple[MaskShape, ...] = field(default=(), repr=False)
    raw: Any = field(default=None, repr=False, hash=False)


def read_masks(output: Any) -> tuple[Mask, ...]:
    """Parse the masks in the `result` object of an algorithm: the original, then the restored."""
    content = as_dict(output)
    return (
        *(_read_mask("original", mask) for mask in as_list(content.get("masks_original"))),
        *(_read_mask("restored", mask) for mask in as_list(content.get("masks_restored"))),
    )


def _read_mask(target: Literal["original", "restored"], content: Any) -> Mask:
    mask = as_dict(content)
    return Mask(
        target=target,
        kind=as_text(mask.get("mask_type")) or "",
        name=as_text(mask.get("tech_name")) or "",
        label=as_text(mask.get("name")),
        view_box=_read_view_box(mask.get("view_box")),
        fill=as_text(mask.get("fill")),
        side=as_text(mask.get("side")),
        shapes=tuple(map(_read_shape, as_list(mask.get("features")))),
        raw=content,
    )


def _read_view_box(view_box: Any) -> tuple[float, float, float, float] | None:
    try:
        left, top, width, height = map(float, (as_text(view_box) or "").split())
    except ValueError:
        return None
    return left, top, width, height


def _read_shape(feature: Any) -> MaskShape:
    content = as_dict(feature)
    geometry = as_dict(content.get("geometry"))
    parts = as_list(geometry.get("coordinates"))
    intensity = as_number(as_dict(content.get("properties")).get("intensity"))
    match geometry.get("type"):
        case "MultiPolygon":
            polygons = tuple(tuple(map(_read_path, as_list(polygon))) for polygon in parts)
            return MaskShape(intensity, polygons=polygons)
        case "MultiLineString":
            return MaskShape(intensity, lines=tuple(map(_read_path, parts)))
        case "MultiPoint":
            return MaskShape(intensity, points=tuple(MaskPoint(*xyr) for xyr in _numbers(parts)))
        case _:
            return MaskShape(intensity)


def _read_path(positions: Any) -> tuple[Position, ...]:
    return tuple((numbers[0], numbers[1]) for numbers in _numbers(as_list(positions)))


def _numbers(positions: list[Any]) -> Iterator[tuple[float, ...]]:
    """Yield the two or three numbers of each valid position."""
    for position in map(as_list, positions):
        numbers = tuple(filter(is_number, position[:3]))
        if len(numbers) == len(position[:3]) >= 2:
            yield numbers
