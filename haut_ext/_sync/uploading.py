# Derived from haut_ext/_async/uploading.py by `make sync`; change that file instead.
"""Upload and compute: photos of one subject into one batch, then one computation, paid for once.

All photos are checked before the first request. The first slot makes the batch, the others join it;
then the bytes go out side by side, and the computation is started after the last byte has arrived.

Whatever fails, the state says how far each side came, and resuming goes on from there: stored sides
are left alone, a record whose bytes are not known to have arrived is deleted and made anew, and a
computation that may have been started is not started again unless the caller says so.

Who must survive the death of this very process keeps the state itself: `on_state` is told of each
change, and a change to `unknown` before the request that makes it so.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from threading import RLock
from typing import Any
from uuid import UUID

from attrs import define, evolve, field, frozen

from haut_api.models import Image, SignedUpload
from haut_api.types import UNSET, Unset
from haut_ext._sync.images import Images
from haut_ext.concurrency import together
from haut_ext.errors import (
    ConfigError,
    HautError,
    ImageRejected,
    NotFound,
    StorageError,
    UploadIncomplete,
)
from haut_ext.photo import Photo, PhotoFile
from haut_ext.results import Side, SideState, SlotStatus, UploadedBatch, UploadedImage, UploadState
from haut_ext.wire.answers import maybe_carried_out

Progress = Callable[[int, int | None, Side], None]
OnState = Callable[[UploadState], None]

_CLOCKS_APART = datetime.timedelta(minutes=5)
"""How far this machine's clock and the service's may differ when a lost record is looked for."""


@frozen
class Attributes:
    """What the caller says about the photos; UNSET is left out of the requests."""

    light_id: int | Unset | None = UNSET
    name: str | Unset = UNSET
    meta: Any = UNSET
    creation_time: datetime.datetime | Unset | None = UNSET
    app_args: Any = UNSET


def new_state(subject_id: UUID, files: Mapping[Side, PhotoFile]) -> UploadState:
    """Return the state of an upload of which nothing has been done.

    Raises:
        ConfigError: If there is no photo.
    """
    if not files:
        raise ConfigError("no photo: pass at least one of front=, right= and left=")
    return UploadState(
        subject_id=subject_id,
        batch_id=None,
        sides=tuple(SideState(side) for side in files),
        compute="not sent",
        started_at=datetime.datetime.now(datetime.UTC),
    )


def check_photos(files: Mapping[Side, PhotoFile]) -> dict[Side, Photo]:
    """Return the photos, opened and checked.

    Raises:
        ImageRejected: With everything that is wrong with any of them.
    """
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


def upload_and_compute(
    images: Images,
    state: UploadState,
    files: Mapping[Side, PhotoFile],
    attributes: Attributes,
    progress: Progress | None,
    *,
    compute_again: bool = False,
    on_state: OnState | None = None,
) -> UploadedBatch:
    """Bring an upload from any state to its end; see the client's methods of that name."""
    missing: set[Side] = {side.side for side in state.sides if side.status != "stored"}
    if set(files) != missing:
        raise ConfigError(
            "pass the photos of exactly the sides that are not stored yet: "
            + (", ".join(sorted(missing)) or "none")
        )
    upload = _Upload(images, state, check_photos(files), attributes, progress, on_state)
    try:
        upload.clear_up()
        upload.store_all()
        upload.compute(again=compute_again)
    except HautError as error:
        if isinstance(error, ConfigError) and upload.state == state:
            raise  # an argument was wrong, and nothing has been asked of the service
        raise UploadIncomplete(
            _report(upload.state, error), state=upload.state, cause=error
        ) from error
    except BaseException as error:
        # An interruption, or an error of the caller's own code: it stays what it is.
        error.add_note(f"the upload can be resumed from this state:\n{upload.state.to_json()}")
        raise
    assert upload.state.batch_id is not None
    return UploadedBatch(
        subject_id=state.subject_id,
        batch_id=upload.state.batch_id,
        images=tuple(
            UploadedImage(side.image_id, upload.state.batch_id, side.side)
            for side in upload.state.sides
            if side.image_id is not None
        ),
    )


@define
class _Upload:
    """One run towards the end of an upload; `state` is always what is known by now."""

    images: Images
    state: UploadState
    photos: dict[Side, Photo]
    attributes: Attributes
    progress: Progress | None
    on_state: OnState | None
    # In the synchronous face the sides are stored by threads of their own.
    _lock: RLock = field(factory=RLock)

    def _note(
        self, side: Side, status: SlotStatus, image_id: UUID | None = None, **changes: Any
    ) -> None:
        changed = SideState(side, status, image_id)
        with self._lock:
            sides = tuple(changed if known.side == side else known for known in self.state.sides)
            self._change(sides=sides, **changes)

    def _change(self, **changes: Any) -> None:
        with self._lock:
            self.state = evolve(self.state, **changes)
            if self.on_state is not None:
                self.on_state(self.state)

    def clear_up(self) -> None:
        """Delete the records of an earlier run whose bytes are not known to have arrived."""
        for side in self.state.sides:
            if side.status == "open" and side.image_id is not None:
                self._delete(side.image_id)
            elif side.status == "unknown":
                for image_id in self._lost_records(side.side):
                    self._delete(image_id)
            if side.status in ("open", "unknown"):
                self._note(side.side, "none")

    def _delete(self, image_id: UUID) -> None:
        with suppress(NotFound):  # an earlier run had come that far
            self.images.delete(image_id)

    def _lost_records(self, side: Side) -> list[UUID]:
        """Return what a request for a slot may have left behind, whose answer never came.

        That is a record of the same side without a file: of this batch, or if the batch is not
        known either, made since the upload began. Only another upload of the same side of the same
        person in these minutes could be mistaken for it.
        """
        known = {state.image_id for state in self.state.sides}

        def lost(image: Image) -> bool:
            if image.id in known or image.side != side or image.signed_url is not None:
                return False
            if self.state.batch_id is not None:
                return image.image_batch_id == self.state.batch_id
            given = self.attributes.creation_time
            if isinstance(given, datetime.datetime) and image.created_at == given.replace(
                microsecond=0
            ):
                return True
            return image.created_at >= self.state.started_at - _CLOCKS_APART

        return [image.id for image in self.images.iterate(self.state.subject_id) if lost(image)]

    def store_all(self) -> None:
        """Store every side that is missing; what one fails of does not stop the others."""
        slots: dict[Side, SignedUpload] = {side: self._slot(side) for side in self.photos}
        calls = [partial(self._store, side, slot) for side, slot in slots.items()]
        if len(calls) == 1:
            calls[0]()
            return
        for outcome in together(calls) if calls else []:
            if outcome is not None:
                raise outcome

    def _slot(self, side: Side) -> SignedUpload:
        self._note(side, "unknown")
        try:
            slot = self.images.request_upload(
                self.state.subject_id,
                side=side,
                batch_id=self.state.batch_id or UNSET,
                light_id=self.attributes.light_id,
                name=self.attributes.name,
                meta=self.attributes.meta,
                creation_time=self.attributes.creation_time,
                app_args=self.attributes.app_args,
            )
        except HautError as error:
            if not maybe_carried_out(error):
                self._note(side, "none")
            raise
        self._note(side, "open", slot.id, batch_id=slot.image_batch_id)
        return slot

    def _store(self, side: Side, slot: SignedUpload) -> None:
        photo = self.photos[side]

        def report(sent: int, total: int | None) -> None:
            if self.progress is not None:
                with self._lock:
                    self.progress(sent, total, side)

        try:
            self.images.send_bytes(slot, photo, progress=report)
        except StorageError as error:
            if error.code != "ExpiredToken" or not photo.replayable:
                raise
            self._delete(slot.id)
            slot = self._slot(side)
            self.images.send_bytes(slot, photo, progress=report)
        self._note(side, "stored", slot.id)

    def compute(self, *, again: bool) -> None:
        """Start the computation, unless it has been started or that is not known."""
        batch_id = self.state.batch_id
        assert batch_id is not None
        if self.state.compute == "unknown" and self._being_analysed():
            self._change(compute="started")
        if self.state.compute == "started":
            return
        if self.state.compute == "unknown" and not again:
            raise HautError(
                "whether the computation was started is not known, and it costs money: the images "
                "show no result yet. Resume later to look again, or pass compute_again=True to send "
                "it once more"
            )
        self._change(compute="unknown")
        try:
            self.images.compute(batch_id, self.attributes.app_args)
        except HautError as error:
            if not maybe_carried_out(error):
                self._change(compute="not sent")
            raise
        self._change(compute="started")

    def _being_analysed(self) -> bool:
        """Whether some image of the batch shows a result, so that the computation must have run."""
        for side in self.state.sides:
            assert side.image_id is not None  # all are stored
            image = self.images.get(side.image_id)
            if image.quality_score is not None or image.aux_images:
                return True
        return False


def _report(state: UploadState, error: HautError) -> str:
    sides = ", ".join(f"{side.side} {side.status}" for side in state.sides)
    return (
        f"the upload to subject {state.subject_id} stopped at the stage '{state.stage}' "
        f"(batch {state.batch_id}; {sides}; computation {state.compute}): {error} "
        "Finish it with resume_upload(error.state, ...)."
    )
