"""Types of uploads with and without a wait. mypy and pyright check this file; nothing runs it."""

from __future__ import annotations

from typing import assert_type

from haut_ext import AnalyzedBatch, AsyncHaut, BatchResults, Haut, UploadedBatch, UploadState


def check_types(haut: Haut, state: UploadState, wait: bool) -> None:
    assert_type(haut.upload_and_compute("id", front="a.jpg"), UploadedBatch)
    assert_type(haut.upload_and_compute("id", front="a.jpg", wait=wait), UploadedBatch)
    assert_type(haut.resume_upload(state, front="a.jpg"), UploadedBatch)
    batch = haut.upload_and_compute("id", front="a.jpg", wait=True, wait_for=["acne"])
    assert_type(batch, AnalyzedBatch)
    assert_type(batch.results, BatchResults)
    assert_type(haut.resume_upload(state, wait=True, settled_after=5.0).results, BatchResults)


async def check_types_async(haut: AsyncHaut, state: UploadState) -> None:
    assert_type(await haut.upload_and_compute("id", front="a.jpg"), UploadedBatch)
    batch = await haut.upload_and_compute("id", front="a.jpg", wait=True)
    assert_type(batch.results, BatchResults)
    assert_type((await haut.resume_upload(state, wait=True)).results, BatchResults)
