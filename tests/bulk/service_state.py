"""Returns the data stored in a sandbox in a form that can be compared between two bulk runs."""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from haut_ext import Haut, NotFound, UploadState
from haut_ext.sandbox import Sandbox


def service_state(sandbox: Sandbox) -> list[Any]:
    """Return all stored subjects, batches, images and files, without ids, times and analysis results.

    Records are sorted, so that their order does not matter. Empty batches are left out, because a client
    cannot delete them.
    """
    subjects = sandbox.snapshot(ids=False)["subjects"]
    for subject in subjects:
        subject["batches"] = [batch for batch in subject["batches"] if batch["images"]]
        for batch in subject["batches"]:
            for image in batch["images"]:
                for result in ("quality_score", "problems", "results", "aux_sha256"):
                    image.pop(result)
            batch["images"].sort(key=_text)
        subject["batches"].sort(key=_text)
    return sorted(subjects, key=_text)


def delete_leftovers(haut: Haut, journal: Path) -> None:
    """Delete the image records that the uploads of a run have reported as possible leftovers."""
    with sqlite3.connect(journal) as database:
        for (state,) in database.execute("SELECT state FROM rows").fetchall():
            for image_id in UploadState.from_json(state).possible_leftovers:
                with suppress(NotFound):  # it belonged to another row, which has deleted it
                    haut.images.delete(image_id)
    database.close()


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
