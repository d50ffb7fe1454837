# Derived from haut_ext/_async/uploading.py by `make sync`; change that file instead.
"""Upload and compute: photos of one subject into one batch, then one computation, paid for once.

All photos are checked before the first request. The first slot makes the batch, the others join it,
and the computation is started after the last byte of the last photo has arrived.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from attrs import evolve

from haut_api.types import UNSET, Unset
from haut_ext._sync.images import Images
from haut_ext.errors import ConfigError, HautError, ImageRejected, UploadIncomplete
from haut_ext.photo import Photo, PhotoFile
from haut_ext.results import Side, UploadedBatch, UploadedImage, UploadState

Progress = Callable[[int, int | None, Side], None]


def upload_and_compute(
    images: Images,
    subject_id: UUID,
    files: Mapping[Side, PhotoFile],
    *,
    light_id: int | Unset | None,
    name: str | Unset,
    meta: Any,
    creation_time: datetime.datetime | Unset | None,
    app_args: Any,
    progress: Progress | None,
) -> UploadedBatch:
    """Upload the given sides and start their computation; see `Haut.upload_and_compute`."""
    photos = _checked(files)
    state = UploadState(subject_id=subject_id, batch_id=None, uploaded=(), stage="slot")
    try:
        for side, photo in photos.items():
            state = evolve(state, stage="slot", side=side, image_id=None)
            slot = images.request_upload(
                subject_id,
                side=side,
                batch_id=state.batch_id or UNSET,
                light_id=light_id,
                name=name,
                meta=meta,
                creation_time=creation_time,
                app_args=app_args,
            )
            state = evolve(state, stage="bytes", image_id=slot.id, batch_id=slot.image_batch_id)
            images.send_bytes(slot, photo, progress=_of_side(progress, side))
            image = UploadedImage(image_id=slot.id, batch_id=slot.image_batch_id, side=side)
            state = evolve(state, uploaded=(*state.uploaded, image))
        state = evolve(state, stage="compute", side=None, image_id=None)
        assert state.batch_id is not None
        images.compute(state.batch_id, app_args)
    except HautError as error:
        if state.stage == "slot" and not state.uploaded:
            raise  # nothing exists yet that would have to be finished
        raise UploadIncomplete(_progress_report(state, error), state=state, cause=error) from error
    return UploadedBatch(subject_id=subject_id, batch_id=state.batch_id, images=state.uploaded)


def _checked(files: Mapping[Side, PhotoFile]) -> dict[Side, Photo]:
    if not files:
        raise ConfigError("no photo: pass at least one of front=, right= and left=")
    photos: dict[Side, Photo] = {}
    reasons: list[str] = []
    for side, file in files.items():
        try:
            photos[side] = Photo.open(file)
        except ImageRejected as refused:
            reasons += [f"{side}: {reason}" for reason in refused.reasons]
    if reasons:
        raise ImageRejected(tuple(reasons))
    return photos


def _of_side(progress: Progress | None, side: Side) -> Callable[[int, int | None], None] | None:
    if progress is None:
        return None
    return lambda sent, total: progress(sent, total, side)


def _progress_report(state: UploadState, error: HautError) -> str:
    done = ", ".join(str(image.side) for image in state.uploaded) or "none"
    doing = {
        "slot": f"asking for the slot of the {state.side} photo",
        "bytes": f"sending the {state.side} photo",
        "compute": "starting the computation",
    }[state.stage]
    return f"the upload stopped while {doing} (batch {state.batch_id}; uploaded: {done}): {error}"
