# Derived from haut_ext/_async/resources/images.py by `make sync`; change that file instead.
"""The photos of subjects: slots, bytes, computation, records, downloads."""

from __future__ import annotations

import builtins
import datetime
import os
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO
from uuid import UUID

from haut_api.api.face_metrics_3 import (
    compute_batch_v3,
    create_upload_urls_v3,
    get_batch_results_v3,
)
from haut_api.api.images import (
    compute_batch,
    create_signed_upload_url,
    delete_image,
    get_image,
    list_images,
)
from haut_api.api.results import list_image_results
from haut_api.models import (
    ComputeRequest,
    Image,
    SignedUpload,
    SignedUploadRequest,
    UploadRequestV3,
    UploadSlotV3,
    UploadV3,
)
from haut_api.types import UNSET, Unset
from haut_ext._http.download_sink import DownloadSink, open_sink
from haut_ext._sync import storage
from haut_ext._sync.operations import Operations
from haut_ext._sync.pagination import iterate, read_page
from haut_ext._sync.resources.sides_and_lights import side_and_light
from haut_ext._sync.storage import PhotoBody, Progress
from haut_ext.analysis_results import Api
from haut_ext.errors import ConfigError, StorageError
from haut_ext.photos.checks import Photo, PhotoFile
from haut_ext.settings import parse_id
from haut_ext.types import (
    Page,
    Side,
    UploadedImage,
)

Slot = SignedUpload | UploadSlotV3
"""Where the bytes of a photo are to go, in either version of the service."""


class Images:
    """The photos of subjects (seed: API for Images). Reached as `haut.images`."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def request_upload(
        self,
        subject_id: str | UUID,
        *,
        side: str | int | Unset = UNSET,
        batch_id: str | UUID | Unset = UNSET,
        light: str | int | Unset | None = UNSET,
        name: str | Unset = UNSET,
        meta: Any = UNSET,
        creation_time: datetime.datetime | Unset | None = UNSET,
        app_args: Any = UNSET,
        dataset_id: str | UUID | None = None,
    ) -> SignedUpload:
        """Ask for a signed slot: makes the image's record and says where its bytes are to go.

        What is not given is left out of the request, and the service takes its default.

        Args:
            subject_id: Whose photo it will be.
            side: `front`, `right`, `left`, or another side of the dataset's image type, by its
                name, which is looked up once for a client, or by its number.
            batch_id: The batch to put the photo into; a new one is made unless given.
            light: A light of the image type, by its name, likewise looked up, or number; 1 is
            regular.
            name: A name for the photo, at least 1 character.
            meta: Free JSON.
            creation_time: The batch's time, with its zone.
            app_args: Free JSON for the applications.
            dataset_id: Another dataset than the client's, where names are looked up.

        Raises:
            ConfigError: If an id cannot be right, the time has no zone, or the image type has no
                such side or light; names those it has.
        """
        subject = parse_id(subject_id, "subject_id")
        zoned = _zoned(creation_time)
        side_id, light_id = side_and_light(self._operations, side, light, dataset_id)
        body = SignedUploadRequest(
            batch_id=UNSET if isinstance(batch_id, Unset) else parse_id(batch_id, "batch_id"),
            side_id=side_id,
            light_id=light_id,
            meta=meta,
            creation_time=zoned,
            name=name,
            app_args=app_args,
        )
        return self._operations.call(
            create_signed_upload_url, SignedUpload, subject_id=subject, body=body
        )

    def request_upload_v3(
        self,
        subject_id: str | UUID,
        names: Mapping[Side, str],
        *,
        meta: Any = UNSET,
        creation_time: datetime.datetime | Unset | None = UNSET,
    ) -> UploadV3:
        """Ask for the signed slots of a batch for Face Metrics 3.0, all in one call (api-facts 6).

        A slot cannot be added to the batch afterwards.

        Args:
            subject_id: Whose photos they will be.
            names: A file name for each side, of 1 to 255 characters.
            meta: Free JSON.
            creation_time: The batch's time, with its zone.

        Raises:
            ConfigError: If the id or the time cannot be right.
            UnexpectedResponse: If a side's slot is missing in the answer.
        """
        body = UploadRequestV3(
            front=names.get("front", UNSET),
            left=names.get("left", UNSET),
            right=names.get("right", UNSET),
            creation_time=_zoned(creation_time),
            meta=meta,
        )
        response = self._operations.request(
            create_upload_urls_v3,
            {"subject_id": parse_id(subject_id, "subject_id"), "body": body},
        )
        upload = self._operations.unwrap(response, UploadV3)
        for side in names:
            if isinstance(getattr(upload, side), Unset):
                raise self._operations.decode_error(
                    response, side, "it was asked for, and is missing"
                )
        return upload

    def upload(
        self,
        subject_id: str | UUID,
        file: PhotoFile,
        side: str | int = "front",
        batch_id: str | UUID | Unset = UNSET,
        *,
        light: str | int | Unset | None = UNSET,
        name: str | Unset = UNSET,
        meta: Any = UNSET,
        creation_time: datetime.datetime | Unset | None = UNSET,
        app_args: Any = UNSET,
        dataset_id: str | UUID | None = None,
        progress: Progress | None = None,
    ) -> UploadedImage:
        """Check a photo, ask for a slot and send the bytes. Nothing is computed before `compute`.

        Args:
            subject_id: Whose photo it is.
            file: A path, bytes or a binary file: JPEG, PNG or WEBP, edges of at least 256 px, 1 to
                31,457,280 bytes.
            side: As in `request_upload`.
            batch_id: As in `request_upload`.
            light: As in `request_upload`.
            name: As in `request_upload`.
            meta: As in `request_upload`.
            creation_time: As in `request_upload`.
            app_args: As in `request_upload`.
            dataset_id: As in `request_upload`.
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
            light=light,
            name=name,
            meta=meta,
            creation_time=creation_time,
            app_args=app_args,
            dataset_id=dataset_id,
        )
        self.send_bytes(slot, photo, progress=progress)
        return UploadedImage(
            image_id=slot.id,
            batch_id=slot.image_batch_id,
            side=side,
            subject_id=parse_id(subject_id, "subject_id"),
        )

    def send_bytes(self, slot: Slot, photo: Photo, *, progress: Progress | None = None) -> None:
        """Send a checked photo into a slot, with exactly the method, address and headers it names.

        Args:
            slot: What `request_upload` returned, or one of what `request_upload_v3` did.
            photo: A photo opened with `Photo.open`.
            progress: Called with the bytes sent and the total.
        """
        target = slot if isinstance(slot, UploadSlotV3) else slot.upload_url
        headers = dict(target.headers.additional_properties) if target.headers else {}
        if photo.size is not None:
            headers["Content-Length"] = str(photo.size)
        body = PhotoBody(photo, progress)
        storage.upload(self._operations.http, target.method, target.url, headers, body)

    def compute(self, batch_id: str | UUID, app_args: Any = UNSET, *, api: Api = "v1") -> None:
        """Send a batch to the algorithms. It costs money for each image and algorithm.

        Therefore it is never sent again once it may have arrived.

        Args:
            batch_id: The batch, whose photos have all been uploaded.
            app_args: Free JSON for the applications.
            api: The version of the service that made the batch.

        Raises:
            ApiError, TransportError: With `maybe_carried_out` or `maybe_delivered` set when the
                computation may have been started all the same.
        """
        self._operations.call_without_content(
            compute_batch_v3 if api == "v3" else compute_batch,
            batch_id=parse_id(batch_id, "batch_id"),
            body=ComputeRequest(app_args=app_args),
        )

    def read_results(
        self, image: UploadedImage, *, dataset_id: str | UUID | None = None
    ) -> builtins.list[Any]:
        """Return the results of one image as the service lists them (v1); see `haut.results`.

        Args:
            image: The image, with its batch and subject.
            dataset_id: Another dataset than the client's.

        Returns:
            The JSON as it came: an empty list while nothing is ready (api-facts 8.1).
        """
        items: builtins.list[Any] = self._operations.get_json(
            list_image_results,
            builtins.list,
            dataset_id=self._operations.scope.dataset(dataset_id),
            subject_id=parse_id(image.subject_id, "subject_id"),
            batch_id=parse_id(image.batch_id, "batch_id"),
            image_id=parse_id(image.image_id, "image_id"),
        )
        return items

    def read_results_v3(self, batch_id: str | UUID) -> dict[str, Any]:
        """Return the results of a batch as the service shows them (v3); see `haut.results`.

        Args:
            batch_id: The batch.

        Returns:
            The JSON as it came: an empty object while nothing is ready (api-facts 6).
        """
        document: dict[str, Any] = self._operations.get_json(
            get_batch_results_v3, dict, batch_id=parse_id(batch_id, "batch_id")
        )
        return document

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
            self._operations,
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
            self._operations,
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
        return self._operations.call(
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
        self._operations.call_without_content(delete_image, image_id=parse_id(image_id, "image_id"))

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
        with open_sink(to) as sink:
            try:
                self._receive(image_id, sink)
            except StorageError as error:
                # A photo that broke off late may outlive its address; one new one must do.
                if error.code != "ExpiredToken":
                    raise
                self._receive(image_id, sink)
            return sink.written

    def _receive(self, image_id: UUID, sink: DownloadSink) -> None:
        address = self._address(image_id)
        storage.download(self._operations.http, address, sink)

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


def _zoned(moment: datetime.datetime | Unset | None) -> datetime.datetime | Unset | None:
    if isinstance(moment, datetime.datetime) and moment.utcoffset() is None:
        raise ConfigError("creation_time has no time zone: say which one, for example tzinfo=UTC")
    return moment
