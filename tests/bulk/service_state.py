"""State of a sandbox after a run, in a form in which two runs can be compared."""

from __future__ import annotations

import json
from typing import Any

from haut_ext.sandbox import Sandbox


def service_state(sandbox: Sandbox) -> list[Any]:
    """Return subjects, batches, images and files, without ids, times, order and analysis results.

    Batches without images are left out, because a client cannot delete them.
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


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
