# Derived from haut_ext/_async/workflows/upload.py by `make sync`; change that file instead.
"""Upload and compute: photos of one subject into one batch, then one computation, paid for once.

All photos are checked before the first request. Then there are slots for them, in v1 one by one
(the first makes the batch, the others join it), in v3 all in one call; the bytes go out side by
side, and the computation is started after the last byte has arrived.

Whatever fails, the state says how far each side came, and resuming goes on from there: stored sides
are left alone, a record whose bytes are not known to have arrived is deleted and made anew, and a
computation that may have been started is not started again unless the caller says so. In v3 no
photo can be added to a batch: until all have arrived, an upload begins anew, and deletes what there
was.

To survive a crash, an interruption or an error of your own callables, persist every state passed to
`on_state`: it is called after each change, and with `unknown` before the request that makes it so.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

from attrs import define, evolve, frozen

from haut_api.models import Image, UploadSlotV3
from haut_api.types import UNSET, Unset
from haut_ext._sync.resources.images import Images, Slot
from haut_ext._sync.workflows.results_wait import Results
from haut_ext.analysis_results import Api, is_complete, read_batch_document
from haut_ext.concurrency import gather
from haut_ext.errors import (
    ConfigError,
    HautError,
    ImageRejected,
    NotFound,
    StorageError,
)
from haut_ext.photos.checks import Photo, PhotoFile
from haut_ext.types import (
    Side,
    SideState,
    SlotStatus,
    UploadedBatch,
    UploadedImage,
    UploadState,
)
from haut_ext.workflow_errors import ResultsTimeout, UploadIncomplete

Progress = Callable[[int, int | None, Side], None]
OnState = Callable[[UploadState], None]

_CLOCKS_APART = datetime.timedelta(minutes=5)
"""How far this machine's clock and the service's may differ when a lost record is looked for."""


@frozen
class Attributes:
    """What the caller says about the photos; UNSET is left out of the requests."""

    light: str | int | Unset | None = UNSET
    name: str | Unset = UNSET
    meta: Any = UNSET
    creation_time: datetime.datetime | Unset | None = UNSET
    app_args: Any = UNSET
    dataset_id: str | UUID | None = None


def new_state(subject_id: UUID, files: Mapping[Side, PhotoFile], api: Api = "v1") -> UploadState:
    """Return the state of an upload of which nothing has been done.

    Raises:
        ConfigError: If there is no photo, or no such version of the service.
    """
    if api not in ("v1", "v3"):
        raise ConfigError("api is 'v1' or 'v3'")
    if not files:
        raise ConfigError("no photo: pass at least one of front=, right= and left=")
    return UploadState(
        subject_id=subject_id,
        batch_id=None,
        sides=tuple(SideState(side) for side in files),
        compute="not sent",
        started_at=datetime.datetime.now(datetime.UTC),
        api=api,
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
    results: Results | None = None,
) -> UploadedBatch:
    """Bring an upload from any state to its end; see the client's methods of that name.

    With `results`, the end is when they are there.
    """
    if set(files) != set(state.missing):
        raise ConfigError(
            "pass the photos of exactly the sides that are missing: "
            + (", ".join(sorted(state.missing)) or "none")
        )
    if results is not None:
        results.check(state.api)
    if state.api == "v3" and attributes.light is not UNSET:
        raise ConfigError("v3 knows no lights: leave light= out")
    strategy = _SlotsAtOnce if state.api == "v3" else _SlotBySlot
    upload = strategy(images, state, check_photos(files), attributes, progress, on_state)
    try:
        upload.clear_up()
        upload.store_all()
        upload.compute(again=compute_again)
        batch = upload.batch()
        if results is not None:
            batch = evolve(batch, results=results.wait(batch))
    except ResultsTimeout:
        raise  # the upload is at its end, and this error says how to wait again
    except HautError as error:
        if isinstance(error, ConfigError) and upload.state == state:
            raise  # an argument was wrong, and nothing has been asked of the service
        raise UploadIncomplete(
            _report(upload.state, error), state=upload.state, cause=error
        ) from error
    return batch


@define
class _Upload:
    """One run towards the end of an upload; `state` is always what is known by now."""

    images: Images
    state: UploadState
    photos: dict[Side, Photo]
    attributes: Attributes
    progress: Progress | None
    on_state: OnState | None

    def batch(self) -> UploadedBatch:
        assert self.state.batch_id is not None
        return UploadedBatch(
            subject_id=self.state.subject_id,
            batch_id=self.state.batch_id,
            images=tuple(
                UploadedImage(side.image_id, self.state.batch_id, side.side, self.state.subject_id)
                for side in self.state.sides
                if side.image_id is not None
            ),
            api=self.state.api,
        )

    def _note(
        self, side: Side, status: SlotStatus, image_id: UUID | None = None, **changes: Any
    ) -> None:
        changed = SideState(side, status, image_id)
        sides = tuple(changed if known.side == side else known for known in self.state.sides)
        self._change(sides=sides, **changes)

    def _change(self, **changes: Any) -> None:
        self.state = evolve(self.state, **changes)
        if self.on_state is not None:
            self.on_state(self.state)

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

    def _send(self, side: Side, slot: Slot) -> None:
        def report(sent: int, total: int | None) -> None:
            if self.progress is not None:
                self.progress(sent, total, side)

        self.images.send_bytes(slot, self.photos[side], progress=report)

    def compute(self, *, again: bool) -> None:
        """Start the computation, unless it has been started or that is not known."""
        batch_id = self.state.batch_id
        assert batch_id is not None
        if self.state.compute == "unknown" and self._being_analysed(batch_id):
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
            self.images.compute(batch_id, self.attributes.app_args, api=self.state.api)
        except HautError as error:
            if not error.maybe_carried_out:
                self._change(compute="not sent")
            raise
        self._change(compute="started")

    def clear_up(self) -> None:
        """Delete the records of an earlier run whose bytes are not known to have arrived."""
        raise NotImplementedError

    def store_all(self) -> None:
        """Store every side that is missing; what one fails of does not stop the others."""
        raise NotImplementedError

    def _being_analysed(self, batch_id: UUID) -> bool:
        """Whether the batch shows some result, so that the computation must have run."""
        raise NotImplementedError


@define
class _SlotBySlot(_Upload):
    """v1: each side has a slot of its own, which is replaced without touching the others."""

    def clear_up(self) -> None:
        for side in self.state.sides:
            if side.status == "open" and side.image_id is not None:
                self._delete(side.image_id)
            elif side.status == "unknown":
                for image_id in self._lost_records(side.side):
                    self._delete(image_id)
            if side.status in ("open", "unknown"):
                self._note(side.side, "none")

    def store_all(self) -> None:
        slots = {side: self._slot(side) for side in self.photos}
        for failure in _failures(
            [partial(self._store, side, *slot) for side, slot in slots.items()]
        ):
            raise failure

    def _slot(self, side: Side) -> tuple[UUID, Slot]:
        self._note(side, "unknown")
        try:
            slot = self.images.request_upload(
                self.state.subject_id,
                side=side,
                batch_id=self.state.batch_id or UNSET,
                light=self.attributes.light,
                name=self.attributes.name,
                meta=self.attributes.meta,
                creation_time=self.attributes.creation_time,
                app_args=self.attributes.app_args,
                dataset_id=self.attributes.dataset_id,
            )
        except HautError as error:
            if not error.maybe_carried_out:
                self._note(side, "none")
            raise
        self._note(side, "open", slot.id, batch_id=slot.image_batch_id)
        return slot.id, slot

    def _store(self, side: Side, image_id: UUID, slot: Slot) -> None:
        try:
            self._send(side, slot)
        except StorageError as error:
            if not _expired(error) or not self.photos[side].replayable:
                raise
            self._delete(image_id)
            image_id, slot = self._slot(side)
            self._send(side, slot)
        self._note(side, "stored", image_id)

    def _being_analysed(self, batch_id: UUID) -> bool:
        for side in self.state.sides:
            assert side.image_id is not None  # all are stored
            image = self.images.get(side.image_id)
            if image.quality_score is not None or image.aux_images:
                return True
        return False


@define
class _SlotsAtOnce(_Upload):
    """v3: one call makes the batch with all its slots, so a slot is replaced by a new batch."""

    def clear_up(self) -> None:
        if not self.photos:
            return  # everything has arrived
        begun = [side for side in self.state.sides if side.status != "none"]
        if (batch_id := self.state.batch_id) is not None:
            # The batch is ours alone; ids that the service did not name are found here.
            images = self.images.iterate(self.state.subject_id)
            doomed = {image.id for image in images if image.image_batch_id == batch_id}
            doomed |= {side.image_id for side in self.state.sides if side.image_id is not None}
        else:
            doomed = {lost for side in begun for lost in self._lost_records(side.side)}
        for image_id in doomed:
            self._delete(image_id)
        if begun:
            self._note_all("none", batch_id=None)

    def store_all(self) -> None:
        if not self.photos:
            return
        failures = self._store_anew()
        if failures and all(map(_expired, failures)) and self._replayable:
            self.clear_up()
            failures = self._store_anew()
        for failure in failures:
            raise failure

    def _store_anew(self) -> list[Exception]:
        slots = self._slots()
        return _failures([partial(self._store, side, slot) for side, slot in slots.items()])

    @property
    def _replayable(self) -> bool:
        return all(photo.replayable for photo in self.photos.values())

    def _slots(self) -> dict[Side, Slot]:
        self._note_all("unknown")
        try:
            upload = self.images.request_upload_v3(
                self.state.subject_id,
                {side: self._file_name(side) for side in self.photos},
                meta=self.attributes.meta,
                creation_time=self.attributes.creation_time,
            )
        except HautError as error:
            if not error.maybe_carried_out:
                self._note_all("none")
            raise
        slots: dict[Side, UploadSlotV3] = {side: getattr(upload, side) for side in self.photos}
        ids: dict[str, UUID] = {
            side: slot.id for side, slot in slots.items() if not isinstance(slot.id, Unset)
        }
        self._note_all("open", ids, batch_id=upload.image_batch_id)
        if len(ids) < len(slots):  # not every version of the documents has them (api-facts 15.8)
            for image in self.images.iterate(self.state.subject_id):
                if image.image_batch_id == upload.image_batch_id:
                    ids.setdefault(image.side, image.id)
            self._note_all("open", ids)
        return {**slots}

    def _file_name(self, side: Side) -> str:
        if isinstance(self.attributes.name, Unset):
            return f"{side}.{self.photos[side].header.format.lower()}"
        return self.attributes.name

    def _note_all(
        self, status: SlotStatus, ids: Mapping[str, UUID] | None = None, **changes: Any
    ) -> None:
        found = ids or {}
        self._change(
            sides=tuple(
                SideState(known.side, status, found.get(known.side)) for known in self.state.sides
            ),
            **changes,
        )

    def _store(self, side: Side, slot: Slot) -> None:
        self._send(side, slot)
        [image_id] = [known.image_id for known in self.state.sides if known.side == side]
        self._note(side, "stored", image_id)

    def _being_analysed(self, batch_id: UUID) -> bool:
        document = self.images.read_results_v3(batch_id)
        return is_complete(document) or bool(read_batch_document(document))


def _failures(calls: list[Callable[[], None]]) -> list[Exception]:
    """Make the calls, and return what they raised."""
    outcomes = gather(calls)
    return [outcome for outcome in outcomes if outcome is not None]


def _expired(error: Exception) -> bool:
    return isinstance(error, StorageError) and error.code == "ExpiredToken"


def _report(state: UploadState, error: HautError) -> str:
    sides = ", ".join(f"{side.side} {side.status}" for side in state.sides)
    return (
        f"the upload to subject {state.subject_id} stopped at the stage '{state.stage}' "
        f"(batch {state.batch_id}; {sides}; computation {state.compute}): {error} "
        "Finish it with resume_upload(error.state, ...)."
    )
