"""Celery tasks that upload photos and read their results."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from celery import Celery, Task

from haut_ext import Haut, HautError, UploadedBatch, UploadState

app = Celery("clinic", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_BACKEND"])
STATES = Path(os.environ["UPLOAD_STATES"])  # a folder, table or bucket that all workers share


@cache
def get_haut() -> Haut:
    return Haut()  # one client for each worker process


@app.task(bind=True, acks_late=True, max_retries=8)
def upload(self: Task[..., str], subject_id: str, photos: dict[str, Any]) -> str:
    """Upload photos, given as a path for each side, and return the batch as JSON."""
    saved = STATES / f"{self.request.id}.json"  # retries and redeliveries keep the id of the task

    def save(state: UploadState) -> None:
        new = saved.with_suffix(".new")
        new.write_text(state.to_json())
        new.replace(saved)

    batch: UploadedBatch
    try:
        if saved.exists():
            state = UploadState.from_json(saved.read_text())
            missing = {side: photos[side] for side in state.missing}
            batch = get_haut().resume_upload(state, **missing, on_state=save)
        else:
            batch = get_haut().upload_and_compute(subject_id, **photos, on_state=save)
    except HautError as error:
        if error.retryable:
            raise self.retry(exc=error, countdown=2**self.request.retries) from error
        raise
    return batch.to_json()


@app.task(bind=True, max_retries=8)
def read_results(self: Task[..., str], batch: str) -> str:
    """Wait for the results of a batch, and return them as JSON."""
    try:
        return get_haut().wait_for_results(UploadedBatch.from_json(batch)).to_json()
    except HautError as error:
        if error.retryable or isinstance(error, TimeoutError):
            raise self.retry(exc=error, countdown=30) from error
        raise
