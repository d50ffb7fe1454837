"""Compares the results of the sandbox with real results, key by key and type by type."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from haut_ext.algorithm_families import FAMILIES, Era
from haut_ext.sandbox import Sandbox
from tests.photo_files import encode, jpeg
from tests.sandbox.http_client import SandboxClient

SAMPLES = Path(__file__).parents[1] / "data" / "results"
OPEN_OBJECTS = (".debug_metrics", ".sub_metrics")
"""Objects whose keys are names of metrics."""
KINDS = {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}


def sample(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    return found


def analyze(sandbox: Sandbox, photo: bytes) -> list[dict[str, Any]]:
    """Upload a photo as base64 text, and return its results."""
    client = SandboxClient(sandbox)
    subject = f"{client.subjects}{client.create()['id']}/"
    body = {"b64data": base64.b64encode(photo).decode()}
    image = client.http.post(f"{subject}images/", json=body).json()
    found: list[dict[str, Any]] = client.get(f"{client.nested(image)}results/")
    client.close()
    return found


def structure(items: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Return the types of the values at each path, and "missing" for keys that some objects lack."""
    kinds: dict[str, set[str]] = defaultdict(set)
    objects: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def visit(value: Any, path: str) -> None:
        if isinstance(value, dict):
            kinds[path].add("object")
            is_open = path.endswith(OPEN_OBJECTS)
            objects[path].append({} if is_open else value)
            for name, inner in value.items():
                visit(inner, f"{path}.{'*' if is_open else name}")
        elif isinstance(value, list):
            kinds[path].add("array")
            for inner in value:
                visit(inner, f"{path}[]")
        else:
            kinds[path].add(KINDS[type(value)])

    visit(items, "")
    for path, found in objects.items():
        for name in {name for each in found for name in each}:
            if not all(name in each for each in found):
                kinds[f"{path}.{name}"].add("missing")
    return kinds


@pytest.mark.parametrize("era", ["2022", "2025"])
def test_results_have_the_structure_of_real_results(era: Era) -> None:
    with Sandbox(analysis_reads=0, results_era=era) as sandbox:
        results = analyze(sandbox, jpeg())
    assert structure(results) == structure(sample(f"era-{era}"))
    families = {result["algorithm_family_tech_name"] for result in results}
    assert families == {family.name for family in FAMILIES if era in family.eras}
    assert len(families) == {"2022": 17, "2025": 16}[era]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_results_of_a_photo_without_a_face_have_the_structure_of_real_results(kind: str) -> None:
    with Sandbox(analysis_reads=8, results_era="2022") as sandbox:
        client = SandboxClient(sandbox)
        wall = encode(Image.new("RGB", (300, 400), "beige"), kind)
        slot = client.upload(client.create()["id"], wall)
        client.compute(slot["image_batch_id"])
        path = f"{client.nested(slot)}results/"
        found = [client.get(path) for _ in range(4)]
        smoothed = client.get(path.replace("/results/", "/smoothed_results/"))
        image = client.image(slot["id"]).json()
        client.close()
    assert [len(results) for results in found] == [0, 0, 0, 18]  # all at the same time
    results = found[-1]
    assert structure(results) == structure(sample("no-face"))
    assert {result["creation_time"] for result in results} == {results[0]["creation_time"]}
    succeeded = [item["algorithm_family_tech_name"] for item in results if item["is_ok"]]
    assert succeeded == ["selfie_v2.face_detector"]
    errors = {item["result"]["error"] for item in results if not item["is_ok"]}
    assert errors == {"No face detected"}
    assert smoothed == []
    assert (image["quality_score"], image["aux_images"]) == (None, [])


def test_detects_faces_can_be_switched_off_and_on() -> None:
    photo = jpeg()
    with Sandbox(analysis_reads=0) as sandbox:
        assert sandbox.detects_faces
        before = analyze(sandbox, photo)
        sandbox.detects_faces = False
        assert not any("area_results" in item["result"] for item in analyze(sandbox, photo))
        sandbox.reset()
        assert sandbox.detects_faces
        after = analyze(sandbox, photo)
    assert [item["result"] for item in after] == [item["result"] for item in before]


@pytest.mark.parametrize("quality", [1, 30])
def test_photo_with_a_face_is_recognized_however_small_the_file_is(quality: int) -> None:
    portrait = Image.open(Path(__file__).parents[2] / "examples/photos/portrait.jpg").convert("RGB")
    with Sandbox(analysis_reads=0) as sandbox:
        for kind in ("JPEG", "WEBP"):
            for size in ((256, 320), (960, 1200)):
                photo = encode(portrait.resize(size), kind, quality=quality)
                assert len(analyze(sandbox, photo)) == 16


def test_masks_are_in_pixels_of_the_photo_and_of_a_square() -> None:
    width, height = 400, 500
    with Sandbox(analysis_reads=0) as sandbox:
        results = analyze(sandbox, jpeg((width, height)))
    geometries: set[tuple[str, str]] = set()
    for result in results:
        for place in ("masks_original", "masks_restored"):
            for mask in result["result"].get(place) or []:
                zero, nothing, right, bottom = map(int, mask["view_box"].split())
                assert (zero, nothing) == (0, 0)
                expected = (width, height) if place == "masks_original" else (right, right)
                assert (right, bottom) == expected
                for feature in mask["features"]:
                    geometry = feature["geometry"]
                    geometries.add((mask["mask_type"], geometry["type"]))
                    points = positions(geometry["coordinates"])
                    assert points
                    size = 3 if geometry["type"] == "MultiPoint" else 2
                    for point in points:
                        assert len(point) == size
                        assert all(type(number) is int for number in point)
                        assert 0 <= point[0] <= right
                        assert 0 <= point[1] <= bottom
    assert geometries == {
        ("heatmap_mask", "MultiPolygon"),
        ("polygon_mask", "MultiPolygon"),
        ("polyline_mask", "MultiLineString"),
        ("point_mask", "MultiPoint"),
    }


def positions(coordinates: list[Any]) -> list[list[int]]:
    """Return the innermost lists of coordinates."""
    if not isinstance(coordinates[0], list):
        return [coordinates]
    return [point for inner in coordinates for point in positions(inner)]


def test_unknown_era_is_rejected() -> None:
    with pytest.raises(ValueError, match="'2022', '2025'"):
        Sandbox(results_era="2021")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
