"""Compares the files of an export with the data in the sandbox."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from haut_ext import ExportManifest
from haut_ext.sandbox import Sandbox
from haut_ext.sandbox.algorithms import FACE_SKIN_METRICS_2, FACE_SKIN_METRICS_3
from haut_ext.sandbox.records import Batch, Image, Subject

PNG = b"\x89PNG\r\n\x1a\n"


def add_batch(sandbox: Sandbox, subject: Subject, photos: int = 2, *, api: str = "v1") -> Batch:
    """Create a batch of different photos, and start its analysis."""
    applications = {"v1": FACE_SKIN_METRICS_2, "v3": FACE_SKIN_METRICS_3}
    with sandbox.database.lock:
        images = sandbox.add_images(subject, photos, photo=PNG)
        for image in images:
            stored = sandbox.database.objects[image.key]
            stored.data = PNG + image.id.encode()
            stored.md5 = hashlib.md5(stored.data, usedforsecurity=False).digest()
        sandbox.state.analyses.start(images[0].batch, applications[api])
        return images[0].batch


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the content of all files in a folder by their paths."""
    files = [path for path in sorted(folder.rglob("*")) if not path.is_dir()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def check_manifest(manifest: ExportManifest, files: dict[str, bytes]) -> None:
    """Check that the manifest describes exactly the given files."""
    assert ExportManifest.from_json(files["manifest.json"].decode()) == manifest
    for path in manifest.files:
        content = files[path.path]
        assert (path.size, path.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert {file.path for file in manifest.files} | {"manifest.json"} == files.keys()


def missing_data(sandbox: Sandbox, subject: Subject, files: dict[str, bytes]) -> list[str]:
    """Return what the sandbox has of a subject, but the files do not contain."""
    with sandbox.database.lock:
        missing = [
            each
            for image in subject.images.values()
            for each in missing_data_of_image(sandbox, image, files)
        ]
        missing += [
            batch.id
            for batch in subject.batches.values()
            if _json(files, f"batches/{batch.id}/batch.json") != {"id": batch.id}
        ]
        if _json(files, "subject.json").get("meta") != subject.meta:
            missing.append("meta")
    return missing


def missing_data_of_image(sandbox: Sandbox, image: Image, files: dict[str, bytes]) -> list[str]:
    """Return what the sandbox has of an image, but the files do not contain."""
    base = f"images/{image.id}"
    content = {path.rpartition(".")[0]: data for path, data in files.items()}
    found = {f"{base}/photo": image.key}
    found |= {f"{base}/aux/{aux.id}": aux.key for aux in image.analysis.aux_images}
    objects = sandbox.database.objects
    missing = [
        path
        for path, key in found.items()
        if key in objects and content.get(path) != bytes(objects[key].data)
    ]
    run = image.analysis.runs.get(FACE_SKIN_METRICS_2.tech_name)
    results = {outcome.id for outcome in run.outcomes.values()} if run else set()
    exported = _json(files, f"{base}/results.v1.json")
    missing += sorted(results - {result["id"] for result in exported})
    run = image.analysis.runs.get(FACE_SKIN_METRICS_3.tech_name)
    if run and run.complete:
        document = _json(files, f"batches/{image.batch.id}/results.v3.json")
        if not document.get("face_skin_metrics_3", {}).get("all_algorithms_calculated"):
            missing.append(f"batches/{image.batch.id}/results.v3.json")
    if _json(files, f"{base}/image.json").get("quality_score") != image.analysis.quality_score:
        missing.append(f"{base}/image.json")
    return missing


def _json(files: dict[str, bytes], path: str) -> Any:
    return json.loads(files.get(path, b"{}"))
