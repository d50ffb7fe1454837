# Derived from haut_ext/_async/images.py by `make sync`; change that file instead.
"""The photos of subjects: slots, bytes, computation, records, downloads."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from typing import Any, BinaryIO
from uuid import UUID

from haut_api.api.images import (
    compute_batch,
    create_signed_upload_url,
    delete_image,
    get_image,
    list_images,
)
from haut_api.models import ComputeRequest, Image, SignedUpload, SignedUploadRequest
from haut_api.types import UNSET, Unset
from haut_ext._sync.body import PhotoBody, Progress
from haut_ext._sync.paging import iterate, read_page
from haut_ext._sync.session import Session
from haut_ext.errors import ConfigError, StorageError
from haut_ext.photo import Photo, PhotoFile
from haut_ext.results import SIDE_IDS, Page, Side, UploadedImage
from haut_ext.settings import parse_id
from haut_ext.wire.saving import Target, open_target


class Images:
    """The photos of subjects (seed: API for Images). Reached as `haut.images`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def request_upload(
        self,
        subject_id: str | UUID,
        *,
        side: Side | int | Unset = UNSET,
        batch_id: str | UUID | Unset = UNSET,
        light_id: int | Unset | None = UNSET,
        name: str | Unset = UNSET,
        meta: Any = UNSET,
        creation_time: datetime.datetime | Unset | None = UNSET,
        app_args: Any = UNSET,
    ) -> SignedUpload:
        """Ask for a signed slot: makes the image's record and says where its bytes are to go.

        What is not given is left out of the request, and the service takes its default.

        Args:
            subject_id: Whose photo it will be.
            side: `front`, `right`, `left`, or the number of a side of the dataset's image type.
            batch_id: The batch to put the photo into; a new one is made unless given.
            light_id: The number of a light; 1 is regular.
            name: A name for the photo, at least 1 character.
            meta: Free JSON.
            creation_time: The batch's time, with its zone.
            app_args: Free JSON for the applications.

        Raises:
            ConfigError: If an id or the side cannot be right, or the time has no zone.
        """
        body = SignedUploadRequest(
            batch_id=UNSET if isinstance(batch_id, Unset) else parse_id(batch_id, "batch_id"),
            side_id=_side_id(side),
            light_id=light_id,
            meta=meta,
            creation_time=_zoned(creation_time),
            name=name,
            app_args=app_args,
        )
        return self._session.call(
            create_signed_upload_url,
            SignedUpload,
            subject_id=parse_id(subject_id, "subject_id"),
            body=body,
        )

    def upload(
        self,
        subject_id: str | UUID,
        file: PhotoFile,
        side: Side | int = "front",
        batch_id: str | UUID | Unset = UNSET,
        *,
        light_id: int | Unset | None = UNSET,
        name: str | Unset = UNSET,
        meta: Any = UNSET,
        creation_time: datetime.datetime | Unset | None = UNSET,
        app_args: Any = UNSET,
        progress: Progress | None = None,
    ) -> UploadedImage:
        """Check a photo, ask for a slot and send the bytes. Nothing is computed before `compute`.

        Args:
            subject_id: Whose photo it is.
            file: A path, bytes or a binary file: JPEG, PNG or WEBP, edges of at least 256 px, 1 to
                31,457,280 bytes.
            side: As in `request_upload`.
            batch_id: As in `request_upload`.
            light_id: As in `request_upload`.
            name: As in `request_upload`.
            meta: As in `request_upload`.
            creation_time: As in `request_upload`.
            app_args: As in `request_upload`.
            progress: Called with the bytes sent and the total.

        Raises:
            ImageRejected: Before any request, with everything that is wrong with the photo.
            StorageError: If the storage refuses; the slot's image record then has no file.
        """
        photo = Photo.open(file)
        slot = self.request_upload(
            subject_id,
            side=side,
            batch_id=batch_id,
            light_id=light_id,
            name=name,
            meta=meta,
            creation_time=creation_time,
            app_args=app_args,
        )
        self.send_bytes(slot, photo, progress=progress)
        return UploadedImage(image_id=slot.id, batch_id=slot.image_batch_id, side=side)

    def send_bytes(
        self, slot: SignedUpload, photo: Photo, *, progress: Progress | None = None
    ) -> None:
        """Send a checked photo into a slot, with exactly the method, address and headers it names.

        Args:
            slot: What `request_upload` returned.
            photo: A photo opened with `Photo.open`.
            progress: Called with the bytes sent and the total.
        """
        target = slot.upload_url
        headers = dict(target.headers.additional_properties) if target.headers else {}
        if photo.size is not None:
            headers["Content-Length"] = str(photo.size)
        self._session.transport.transfer(
            target.method, target.url, headers=headers, body=PhotoBody(photo, progress)
        )

    def compute(self, batch_id: str | UUID, app_args: Any = UNSET) -> None:
        """Send a batch to the algorithms. It costs money for each image and algorithm.

        Therefore it is never sent again once it may have arrived.

        Args:
            batch_id: The batch, whose photos have all been uploaded.
            app_args: Free JSON for the applications.

        Raises:
            ApiError, TransportError: With `maybe_carried_out` or `maybe_delivered` set when the
                computation may have been started all the same.
        """
        self._session.call_for_nothing(
            compute_batch,
            batch_id=parse_id(batch_id, "batch_id"),
            body=ComputeRequest(app_args=app_args),
        )

    def iterate(
        self,
        subject_id: str | UUID,
        *,
        q: str | None = None,
        ordering: str | None = None,
        expires: int | None = None,
    ) -> Iterator[Image]:
        """Iterate over all images of a subject, lazily, a page at a time.

        Args:
            subject_id: Whose images.
            q: The service's search term.
            ordering: The field to sort by; which ones there are is not documented.
            expires: Seconds that the signed addresses are to live; 60 unless given.
        """
        return iterate(
            self._session,
            list_images,
            subject_id=parse_id(subject_id, "subject_id"),
            q=q or UNSET,
            ordering=ordering or UNSET,
            expiration_seconds=expires or UNSET,
        )

    def list(
        self,
        subject_id: str | UUID,
        *,
        q: str | None = None,
        ordering: str | None = None,
        page: int = 1,
        page_size: int | None = None,
        expires: int | None = None,
    ) -> Page[Image]:
        """Return one page of a subject's images.

        Args:
            subject_id: Whose images.
            q: The service's search term.
            ordering: The field to sort by; which ones there are is not documented.
            page: From 1.
            page_size: Images a page; the service's own default unless given.
            expires: Seconds that the signed addresses are to live; 60 unless given.

        Raises:
            NotFound: If there is no such page or no such subject.
        """
        return read_page(
            self._session,
            list_images,
            page,
            subject_id=parse_id(subject_id, "subject_id"),
            q=q or UNSET,
            ordering=ordering or UNSET,
            page_size=page_size or UNSET,
            expiration_seconds=expires or UNSET,
        )

    def get(
        self, image_id: str | UUID, signed_url: bool = False, expires: int | None = None
    ) -> Image:
        """Return an image's record.

        Args:
            image_id: The image's UUID.
            signed_url: Whether to sign addresses for downloading the photo and auxiliary images.
            expires: Seconds that they are to live; 60 unless given.
        """
        return self._session.call(
            get_image,
            Image,
            image_id=parse_id(image_id, "image_id"),
            generate_signed_url=signed_url or UNSET,
            expiration_seconds=expires or UNSET,
        )

    def delete(self, image_id: str | UUID) -> None:
        """Delete an image: its record, its file and its results.

        Raises:
            NotFound: If there is no such image.
        """
        self._session.call_for_nothing(delete_image, image_id=parse_id(image_id, "image_id"))

    def download(self, image_id: str | UUID, to: str | os.PathLike[str] | BinaryIO) -> int:
        """Stream a photo from the storage, through an address signed for this.

        Args:
            image_id: The image's UUID.
            to: A path, which appears only when the photo is complete, or a binary file, which is
                written from where it stands and, when a download broke off, truncated there to
                begin anew; one that cannot seek gets one attempt.

        Returns:
            The number of bytes written.

        Raises:
            StorageError: If the record has no file: not uploaded, or deleted since.
            TransportError: If it broke off and could not be had whole in the end.
        """
        image_id = parse_id(image_id, "image_id")
        with open_target(to) as target:
            try:
                self._receive(image_id, target)
            except StorageError as error:
                # A photo that broke off late may outlive its address; one new one must do.
                if error.code != "ExpiredToken":
                    raise
                self._receive(image_id, target)
            return target.written

    def _receive(self, image_id: UUID, target: Target) -> None:
        address = self._address(image_id)
        self._session.transport.transfer("GET", address, into=target)

    def _address(self, image_id: UUID) -> str:
        """Return an address signed for downloading the photo."""
        image = self.get(image_id, signed_url=True)
        if image.signed_url is None:
            raise StorageError(
                f"image {image.id} has a record but no file: it was never uploaded, or has been "
                "deleted from the storage (clear_storage, or the dataset's retention)",
                operation="GET (storage)",
                status=None,
                code=None,
            )
        return image.signed_url


def _side_id(side: Side | int | Unset) -> int | Unset:
    if isinstance(side, int | Unset) and not isinstance(side, bool):
        return side
    if side not in SIDE_IDS:
        raise ConfigError(f"side is one of {', '.join(SIDE_IDS)}, or the number of a side")
    return SIDE_IDS[side]


def _zoned(moment: datetime.datetime | Unset | None) -> datetime.datetime | Unset | None:
    if isinstance(moment, datetime.datetime) and moment.utcoffset() is None:
        raise ConfigError("creation_time has no time zone: say which one, for example tzinfo=UTC")
    return moment
