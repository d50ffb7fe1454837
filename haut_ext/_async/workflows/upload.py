"""Uploads photos of one subject as one batch, and starts the analysis.

    1. All photos are checked before the first request.
    2. Slots are requested: an image record and a signed URL for each side. In v1, there is one
       request for each side, and the first one creates the batch. In v3, a single request creates
       the batch with all slots.
    3. The photos are sent, concurrently in the asynchronous client.
    4. The analysis, which is billed, is started once.

The upload state records the progress of each side. A resumed upload sends only the photos that are
not stored yet. It first deletes image records that earlier calls of this upload created and whose
photos may be missing. Records that another program may have created are not deleted but reported.
An analysis that may already have been started is not started again unless the caller requests it.
In v3, no image can be added to an existing batch, so unless all sides are stored, the upload starts
over with a new batch.

The state is passed to `on_state` after each change. A status is set to `unknown` before the request
that changes it is sent, so that a process that persists the state can resume the upload after a
crash.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

from attrs import asdict, define, evolve

from haut_api.models import Image, SignedUpload, UploadSlotV3
from haut_api.types import UNSET, Unset
from haut_ext._async.resources.images import AsyncImages, compute_request_v3
from haut_ext._async.workflows.wait import AsyncResults, analysis_progress
from haut_ext._http.response_capture import capture_responses
from haut_ext._http.retry_policy import parse_http_date
from haut_ext.analysis_results import Api, is_complete, read_batch_document
from haut_ext.argument_checks import check_names, check_time_zone
from haut_ext.concurrency import gather_async, run_async
from haut_ext.errors import (
    ConfigError,
    HautError,
    StorageError,
    ignore_confirmed_not_found,
)
from haut_ext.keyword_arguments import BatchAttributes, PhotoAttributes, UploadOptions
from haut_ext.photos.checks import Photo, check_photos
from haut_ext.photos.sources import PhotoFile
from haut_ext.settings import Scope
from haut_ext.types import (
    AnalyzedBatch,
    Side,
    SideState,
    SlotStatus,
    UploadedBatch,
    UploadedImage,
    UploadState,
)
from haut_ext.workflow_errors import ResultsTimeout, UploadIncomplete

logger = logging.getLogger("haut_ext")

_CLOCK_TOLERANCE = datetime.timedelta(minutes=5)
"""Tolerance of a comparison of two durations that different clocks have measured."""


def new_state(
    scope: Scope, subject_id: UUID, files: Collection[Side], api: Api = "v1"
) -> UploadState:
    """Return the initial state of an upload, before the first request.

    Raises:
        ConfigError: If no photo is given, or the API version is unknown.
    """
    if api not in ("v1", "v3"):
        raise ConfigError("api must be 'v1' or 'v3'")
    if not files:
        raise ConfigError("no photo given: pass at least one of front=, right= and left=")
    return UploadState(
        subject_id=subject_id,
        batch_id=None,
        sides=tuple(SideState(side) for side in files),
        compute="not sent",
        started_at=datetime.datetime.now(datetime.UTC),
        api=api,
        service=scope.base_url,
        company_id=scope.company_id,
        dataset_id=scope.dataset_id,
    )


def check_state(state: object, scope: Scope) -> None:
    """Raise ConfigError if a state is not one that an upload in the scope can have."""
    if not isinstance(state, UploadState):
        raise ConfigError("state must be an UploadState, as in UploadIncomplete.state")
    check_time_zone(started_at=state.started_at)
    names = {side.side for side in state.sides}
    with_record = [side for side in state.sides if side.status in ("open", "stored")]
    if not names or len(names) < len(state.sides):
        raise ConfigError("the state is damaged: it has no side, or a side occurs twice")
    if with_record and state.batch_id is None:
        raise ConfigError("the state is damaged: a side has an image record, but no batch")
    if state.api == "v1" and any(side.image_id is None for side in with_record):
        raise ConfigError("the state is damaged: a side has an image record without an id")
    if state.missing and state.compute != "not sent":
        raise ConfigError("the state is damaged: the analysis was requested before all photos")
    scope.check(state, "the state")


async def upload_and_compute(
    images: AsyncImages,
    state: UploadState,
    files: Mapping[Side, PhotoFile],
    options: UploadOptions,
    *,
    compute_again: bool = False,
    results: AsyncResults | None = None,
) -> UploadedBatch:
    """Complete an upload from any state; see the client's methods `upload_and_compute` and
    `resume_upload`.

    Args:
        images: The client's `images` resource.
        state: The state to start from.
        files: One photo for each side in `state.missing`.
        options: Options of the upload. `WaitOptions` are ignored.
        compute_again: Whether to start the analysis even if it may already have been started.
        results: If given, used to wait for the analysis results.
    """
    check_names(options, UploadOptions.__annotations__)
    if set(files) != set(state.missing):
        raise ConfigError(
            "pass exactly one photo for each missing side. Missing sides: "
            + (", ".join(sorted(state.missing)) or "none")
        )
    if results is not None:
        results.check(state.api)
    if state.api == "v3" and options.get("light", UNSET) is not UNSET:
        raise ConfigError("light= is for v1 only")
    if state.api == "v3":
        compute_request_v3(options.get("app_args"))
    kind = _UploadV3 if state.api == "v3" else _UploadV1
    upload = kind(images, state, check_photos(files), options)
    try:
        await upload.delete_unfinished()
        await upload.store()
        await upload.compute(again=compute_again)
        batch = upload.batch
        if results is not None:
            fields = asdict(batch, recurse=False)
            batch = AnalyzedBatch(**fields, results=await results.wait(batch))
    except ResultsTimeout:
        raise  # the photos are uploaded; only results are missing
    except HautError as error:
        if isinstance(error, ConfigError) and upload.state == state:
            raise  # invalid argument; no request has been sent
        description = _describe(upload.state, error)
        incomplete = UploadIncomplete(description, state=upload.state, cause=error)
        missing = upload.state.missing
        incomplete.retryable &= all(upload.photos[side].replayable for side in missing)
        raise incomplete from error
    return batch


@define
class _Upload:
    """Base class of uploads in v1 and v3: one run of the upload workflow.

    Attributes:
        images: The client's `images` resource.
        state: The current state.
        photos: The photos still to be sent, by side.
        options: Options of the upload.
    """

    images: AsyncImages
    state: UploadState
    photos: dict[Side, Photo]
    options: UploadOptions

    @property
    def batch(self) -> UploadedBatch:
        """The uploaded batch. Available only after all photos have been stored."""
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
            possible_leftovers=self.state.possible_leftovers,
        )

    async def delete_unfinished(self) -> None:
        """Delete image records that earlier calls created and whose photos may be missing.

        Records that earlier calls may have created become `state.possible_leftovers`.
        """
        raise NotImplementedError

    async def store(self) -> None:
        """Request upload slots and send all photos, even if sending one of them fails."""
        raise NotImplementedError

    async def compute(self, *, again: bool) -> None:
        """Start the analysis once; if it may have been started before, only if `again` is True."""
        batch_id = self.batch.batch_id
        if self.state.compute == "unknown" and await self._has_results(batch_id):
            self._change(compute="started")
        if self.state.compute == "started":
            return
        if self.state.compute == "unknown" and not again:
            raise HautError(
                "it is unknown whether the analysis, which is billed, was started: the images have "
                "no result yet. Resume the upload later to check again, or pass compute_again=True "
                "to start it once more"
            )
        before = self.state.compute
        self._change(compute="unknown")
        try:
            app_args = self.options.get("app_args", UNSET)
            await self.images.compute(batch_id, app_args, api=self.state.api)
        except HautError as error:
            if not error.maybe_carried_out:
                # An earlier request whose outcome is unknown may still have started the analysis.
                self._change(compute=before)
            raise
        self._change(compute="started")

    async def _has_results(self, batch_id: UUID) -> bool:
        """Return True if the batch has any result, which proves that the analysis was started."""
        raise NotImplementedError

    def _sides(self, *statuses: SlotStatus) -> list[Side]:
        return [side.side for side in self.state.sides if side.status in statuses]

    def _change(self, **changes: Any) -> None:
        self.state = evolve(self.state, **changes)
        if on_state := self.options.get("on_state"):
            on_state(self.state)

    def _set_sides(
        self,
        status: SlotStatus,
        sides: Collection[Side],
        image_ids: Mapping[str, UUID] | None = None,
        **changes: Any,
    ) -> None:
        changed: dict[Side, SideState] = {
            side: SideState(side, status, (image_ids or {}).get(side)) for side in sides
        }
        all_sides = tuple(changed.get(side.side, side) for side in self.state.sides)
        self._change(sides=all_sides, **changes)

    @contextmanager
    def _requesting_slots(self, sides: Collection[Side]) -> Generator[None]:
        self._set_sides("unknown", sides)
        try:
            yield
        except HautError as error:
            if not error.maybe_carried_out:
                self._set_sides("none", sides)
            raise

    def _selected_options(self, group: type[Any]) -> dict[str, Any]:
        return {name: it for name, it in self.options.items() if name in group.__annotations__}

    async def _send(self, side: Side, slot: SignedUpload | UploadSlotV3) -> None:
        if send_bytes := self.options.get("send_bytes"):
            await run_async(send_bytes, slot, self.photos[side])
            return
        progress = self.options.get("progress")

        def report(sent: int, total: int | None) -> None:
            if progress is not None:
                progress(sent, total, side)

        await self.images.send_bytes(slot, self.photos[side], progress=report)

    async def _delete(self, image_ids: Iterable[UUID | None]) -> None:
        for image_id in image_ids:
            if image_id is not None:
                with ignore_confirmed_not_found():  # an earlier call deleted the image
                    await self.images.delete(image_id)

    async def _clean_up_lost(self, sides: Collection[Side]) -> None:
        """Delete the image records of slot requests whose responses were lost.

        Without a batch id, a record of another program cannot be distinguished from a record of
        this upload. Such records are added to the state as possible leftovers and not deleted.
        """
        lost = await self._lost_records(sides) if sides else ()
        if self.state.batch_id is not None:
            await self._delete(lost)
        elif lost:
            logger.warning(
                "subject %s has image records without a photo that the interrupted upload or another "
                "program has created; they are not deleted: %s",
                self.state.subject_id,
                ", ".join(map(str, lost)),
            )
            self._change(possible_leftovers=(*self.state.possible_leftovers, *lost))

    async def _lost_records(self, sides: Collection[Side]) -> list[UUID]:
        """Return ids of images that slot requests may have created whose responses were lost.

        Such an image has one of the given sides, neither a file nor an analysis, and an id that is
        not in the upload state. It belongs to the batch in the state or, if the state has no batch
        id, was created after the upload started.
        """
        known_ids = {*self.state.possible_leftovers, *(side.image_id for side in self.state.sides)}
        with capture_responses() as responses:
            images = [image async for image in self.images.iterate(self.state.subject_id)]
        now = datetime.datetime.now(datetime.UTC)
        service_now = parse_http_date(responses[-1].headers.get("date")) or now
        # Each clock measures its own duration, because the clocks may differ.
        longest = now - self.state.started_at + _CLOCK_TOLERANCE
        creation_time = self.options.get("creation_time")
        if isinstance(creation_time, datetime.datetime):
            creation_time = creation_time.replace(microsecond=0)

        def is_lost(image: Image) -> bool:
            if image.side not in sides or image.signed_url or image.id in known_ids:
                return False
            if analysis_progress(image) != "none":
                return False
            if self.state.batch_id is not None:
                return image.image_batch_id == self.state.batch_id
            is_recent = service_now - image.created_at <= longest
            return is_recent or image.created_at == creation_time

        return [image.id for image in images if is_lost(image)]


@define
class _UploadV1(_Upload):
    """Upload in v1, where each slot is requested separately and can be replaced separately."""

    async def delete_unfinished(self) -> None:
        unfinished = self._sides("open", "unknown")
        await self._delete(side.image_id for side in self.state.sides if side.status == "open")
        await self._clean_up_lost(self._sides("unknown"))
        if unfinished:
            self._set_sides("none", unfinished)

    async def store(self) -> None:
        slots: dict[Side, SignedUpload] = {
            side: await self._request_slot(side) for side in self.photos
        }
        for outcome in await gather_async(
            [partial(self._store, side, slot) for side, slot in slots.items()]
        ):
            if outcome is not None:
                raise outcome

    async def _request_slot(self, side: Side) -> SignedUpload:
        with self._requesting_slots([side]):
            slot = await self.images.request_upload(
                self.state.subject_id,
                side=side,
                batch_id=self.state.batch_id,
                **self._selected_options(PhotoAttributes),
            )
        self._set_sides("open", [side], {side: slot.id}, batch_id=slot.image_batch_id)
        return slot

    async def _store(self, side: Side, slot: SignedUpload) -> None:
        try:
            await self._send(side, slot)
        except StorageError as error:
            if not _is_expired(error) or not self.photos[side].replayable:
                raise
            await self._delete([slot.id])
            slot = await self._request_slot(side)
            await self._send(side, slot)
        self._set_sides("stored", [side], {side: slot.id})

    async def _has_results(self, batch_id: UUID) -> bool:
        for uploaded in self.batch.images:
            with ignore_confirmed_not_found():  # another program has deleted the image
                image = await self.images.get(uploaded.image_id)
                if analysis_progress(image) != "none":
                    return True
        return False


@define
class _UploadV3(_Upload):
    """Upload in v3, where one request creates a batch and all upload slots.

    New slots require a new batch.
    """

    async def delete_unfinished(self) -> None:
        if not self.photos:
            return  # nothing to replace: all photos are stored
        begun = self._sides("unknown", "open", "stored")
        batch_id = self.state.batch_id
        if batch_id is None:
            await self._clean_up_lost(begun)
        else:
            # The batch was created by this upload, so all images in it can be deleted.
            images = self.images.iterate(self.state.subject_id)
            image_ids = {image.id async for image in images if image.image_batch_id == batch_id}
            await self._delete(image_ids | {side.image_id for side in self.state.sides})
        if begun:
            self._set_sides("none", begun, batch_id=None)

    async def store(self) -> None:
        if not self.photos:
            return
        failures = await self._store_batch()
        replayable = all(photo.replayable for photo in self.photos.values())
        if failures and replayable and all(map(_is_expired, failures)):
            await self.delete_unfinished()
            failures = await self._store_batch()
        for failure in failures:
            raise failure

    async def _store_batch(self) -> list[Exception]:
        name = self.options.get("name", UNSET)
        names: dict[Side, str] = {
            side: f"{side}.{photo.header.format.lower()}" if isinstance(name, Unset) else name
            for side, photo in self.photos.items()
        }
        with self._requesting_slots(self.photos):
            upload = await self.images.request_upload_v3(
                self.state.subject_id, names, **self._selected_options(BatchAttributes)
            )
        slots: dict[Side, UploadSlotV3] = {side: getattr(upload, side) for side in self.photos}
        ids: dict[str, UUID] = {
            side: slot.id for side, slot in slots.items() if not isinstance(slot.id, Unset)
        }
        self._set_sides("open", self.photos, ids, batch_id=upload.image_batch_id)
        if len(ids) < len(slots):  # older API versions return no ids (api-facts 15.8)
            async for image in self.images.iterate(self.state.subject_id):
                if image.image_batch_id == upload.image_batch_id:
                    ids.setdefault(str(image.side), image.id)
            self._set_sides("open", self.photos, ids)

        async def store(side: Side) -> None:
            await self._send(side, slots[side])
            self._set_sides("stored", [side], ids)

        outcomes = await gather_async([partial(store, side) for side in slots])
        return [outcome for outcome in outcomes if outcome is not None]

    async def _has_results(self, batch_id: UUID) -> bool:
        document = await self.images.read_results_v3(batch_id)
        return is_complete(document) or bool(read_batch_document(document))


def _is_expired(error: Exception) -> bool:
    return isinstance(error, StorageError) and error.code == "ExpiredToken"


def _describe(state: UploadState, error: HautError) -> str:
    sides = ", ".join(f"{side.side} {side.status}" for side in state.sides)
    return (
        f"the upload to subject {state.subject_id} stopped at the stage '{state.stage}' "
        f"(batch {state.batch_id}; {sides}; computation {state.compute}): {error} "
        "To complete it, call resume_upload(error.state, ...)."
    )
