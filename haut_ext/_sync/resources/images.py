# Derived from haut_ext/_async/resources/images.py by `make sync`; change that file instead.
"""Uploads, analyzes, lists, downloads and deletes images."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, BinaryIO, Unpack, cast, overload
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
    ComputeRequestV3,
    ComputeRequestV3AppArgs,
    Image,
    SignedUpload,
    SignedUploadRequest,
    UploadRequestV3,
    UploadSlotV3,
    UploadV3,
)
from haut_api.types import UNSET, Unset
from haut_ext._http.download_sink import open_sink
from haut_ext._sync import storage
from haut_ext._sync.operations import Resource
from haut_ext._sync.pagination import iterate, read_page
from haut_ext._sync.resources.image_types import side_and_light_numbers
from haut_ext._sync.storage import PhotoBody
from haut_ext.analysis_results import Api
from haut_ext.argument_checks import Id, check_time_zone, parse_id
from haut_ext.argument_types import JsonValue, validate_arguments
from haut_ext.errors import ConfigError, HautError, StorageError
from haut_ext.keyword_arguments import BatchAttributes, ImageListOptions, PhotoAttributes, Progress
from haut_ext.photos.checks import Photo
from haut_ext.photos.sources import PhotoFile
from haut_ext.secret import Secret
from haut_ext.types import Page, Side, UploadedImage


def compute_request_v3(app_args: Any) -> ComputeRequestV3:
    """Return the body of a compute request of v3, which accepts no null.

    Raises:
        ConfigError: If `app_args` is neither a dictionary nor None.
    """
    if app_args is None or app_args is UNSET:
        return ComputeRequestV3()
    if not isinstance(app_args, dict):
        raise ConfigError(f"app_args must be a dictionary in v3, not {type(app_args).__name__}")
    arguments = cast("dict[str, Any]", app_args)
    return ComputeRequestV3(app_args=ComputeRequestV3AppArgs.from_dict(arguments))


@validate_arguments()
class Images(Resource):
    """Images of subjects, available as `haut.images`."""

    def request_upload(
        self,
        subject_id: Id,
        *,
        side: str | int | None = None,
        batch_id: Id | None = None,
        **attributes: Unpack[PhotoAttributes],
    ) -> SignedUpload:
        """Create an image record, and return a signed URL for uploading the photo.

        Args:
            subject_id: The subject's id.
            side: `front`, `right`, `left` or another side of the dataset's image type, as a name or
                number. The image type is requested once per client.
            batch_id: Batch to add the image to; a new batch unless given.
            attributes: See `PhotoAttributes`.

        Raises:
            ConfigError: If an argument is invalid. If the image type has no such side or light, the
                message lists those it has.
        """
        check_time_zone(creation_time=attributes.get("creation_time"))
        subject_id = parse_id(subject_id, "subject_id")
        fields: dict[str, Any] = {**attributes}
        side_id, light_id = side_and_light_numbers(
            self._operations,
            UNSET if side is None else side,
            fields.pop("light", UNSET),
            fields.pop("dataset_id", None),
        )
        body = SignedUploadRequest(
            batch_id=UNSET if batch_id is None else parse_id(batch_id, "batch_id"),
            side_id=side_id,
            light_id=light_id,
            **fields,
        )
        return self._operations.call(
            create_signed_upload_url, SignedUpload, subject_id=subject_id, body=body
        )

    def request_upload_v3(
        self, subject_id: Id, names: Mapping[Side, str], **attributes: Unpack[BatchAttributes]
    ) -> UploadV3:
        """Create a Face Metrics 3.0 batch, and return signed URLs for uploading its photos.

        No image can be added to the batch afterwards (api-facts 6).

        Args:
            subject_id: The subject's id.
            names: File name of each side, 1 to 255 characters.
            attributes: See `BatchAttributes`.

        Raises:
            ConfigError: If an argument is invalid.
            UnexpectedResponse: If the response lacks one of the sides.
        """
        check_time_zone(creation_time=attributes.get("creation_time"))
        body = UploadRequestV3(
            front=names.get("front", UNSET),
            left=names.get("left", UNSET),
            right=names.get("right", UNSET),
            **attributes,
        )
        success = self._operations.request(
            create_upload_urls_v3, {"subject_id": subject_id, "body": body}
        )
        upload = self._operations.unwrap(success, UploadV3)
        for side in names:
            if isinstance(getattr(upload, side), Unset):
                raise self._operations.decode_error(
                    success, side, "the side was requested, but the response does not contain it"
                )
        return upload

    def upload(
        self,
        subject_id: Id,
        file: PhotoFile,
        side: str | int = "front",
        batch_id: Id | None = None,
        *,
        progress: Progress | None = None,
        **attributes: Unpack[PhotoAttributes],
    ) -> UploadedImage:
        """Check a photo and upload it. The analysis is not started; call `compute` to start it.

        Args:
            subject_id: The subject's id.
            file: A path, a `data:` URL, bytes or a binary file: a complete JPEG, PNG or WEBP, with
                edges of at least 256 pixels and 1 to 31,457,280 bytes.
            side: As in `request_upload`.
            batch_id: As in `request_upload`.
            progress: Called with the number of bytes sent so far and the total.
            attributes: See `PhotoAttributes`.

        Raises:
            ImageRejected: Before any request, if the photo is invalid. The error lists all reasons.
            StorageError: If the storage rejects the photo. The image's record then has no file.
        """
        photo = Photo.open(file)
        try:
            slot = self.request_upload(subject_id, side=side, batch_id=batch_id, **attributes)
            self.send_bytes(slot, photo, progress=progress)
        except HautError as error:
            error.retryable &= photo.replayable
            raise
        subject_id = parse_id(subject_id, "subject_id")
        return UploadedImage(slot.id, slot.image_batch_id, side, subject_id)

    def send_bytes(
        self, slot: SignedUpload | UploadSlotV3, photo: Photo, *, progress: Progress | None = None
    ) -> None:
        """Send a photo to the signed URL of an upload slot.

        Args:
            slot: The result of `request_upload`, or one side of the result of `request_upload_v3`.
            photo: A photo opened with `Photo.open`.
            progress: Called with the number of bytes sent so far and the total.

        Raises:
            ImageRejected: Before any request, if the photo is a stream that has already been read.
            StorageError: If the storage rejects the photo, or, before any request, if the slot is
                invalid.
        """
        photo.check_unread()
        target = slot if isinstance(slot, UploadSlotV3) else slot.upload_url
        method: Any = target.method
        if method is None or isinstance(method, Unset):
            method = "PUT"
        headers: Any = target.headers
        absent = headers is None or isinstance(headers, Unset)
        headers = {} if absent else getattr(headers, "additional_properties", None)
        if not isinstance(headers, dict):
            raise storage.invalid_address("invalid headers")
        body = PhotoBody(photo, progress)
        url = Secret(target.url)
        signed_headers = cast("dict[str, Any]", headers)
        storage.upload(self._operations.http, method, url, signed_headers, body)

    def compute(
        self, batch_id: Id, app_args: JsonValue | Unset = UNSET, *, api: Api = "v1"
    ) -> None:
        """Start the analysis of a batch, which is billed for each image and algorithm.

        The request is not repeated if it may have reached the service.

        Args:
            batch_id: The batch's id. All of its photos must have been uploaded.
            app_args: JSON value passed to the applications that analyze the photos; for "v3" a
                dictionary. The v3 API does not accept null, so None is not sent to it.
            api: API version with which the batch was created.

        Raises:
            ConfigError: If `app_args` is not a dictionary and `api` is "v3".
            ApiError, TransportError: If `maybe_carried_out` is true, the analysis may have started.
        """
        run = self._operations.run
        if api == "v3":
            body = compute_request_v3(app_args)
            run(compute_batch_v3, batch_id=batch_id, body=body)
        else:
            run(compute_batch, batch_id=batch_id, body=ComputeRequest(app_args=app_args))

    def read_results(
        self, image: UploadedImage, *, dataset_id: Id | None = None
    ) -> builtins.list[Any]:
        """Return the results of one image as JSON (v1). `haut.results` returns them parsed.

        Args:
            image: The image, with its batch and subject.
            dataset_id: Dataset of the subject; the client's unless given.

        Returns:
            A list that is empty until the first result exists (api-facts 8.1).
        """
        results: builtins.list[Any] = self._operations.get_json(
            list_image_results,
            builtins.list,
            dataset_id=dataset_id,
            subject_id=image.subject_id,
            batch_id=image.batch_id,
            image_id=image.image_id,
        )
        return results

    def read_results_v3(self, batch_id: Id) -> dict[str, Any]:
        """Return the results of a batch as JSON (v3). `haut.results` returns them parsed.

        Args:
            batch_id: The batch's id.

        Returns:
            An object that is empty until the first result exists (api-facts 6).
        """
        results: dict[str, Any] = self._operations.get_json(
            get_batch_results_v3, dict, batch_id=batch_id
        )
        return results

    def iterate(self, subject_id: Id, **options: Unpack[ImageListOptions]) -> Iterator[Image]:
        """Iterate over all images of a subject, requesting pages when needed.

        Args:
            subject_id: The subject's id.
            options: See `ListOptions` and `ImageListOptions`.
        """
        return iterate(self._operations, list_images, subject_id=subject_id, **_query(options))

    def list(
        self, subject_id: Id, *, page: int = 1, **options: Unpack[ImageListOptions]
    ) -> Page[Image]:
        """Return one page of a subject's images.

        Args:
            subject_id: The subject's id.
            page: Page number, starting at 1.
            options: See `ListOptions` and `ImageListOptions`.

        Raises:
            NotFound: If the subject or the page does not exist.
        """
        query = _query(options)
        return read_page(self._operations, list_images, page, subject_id=subject_id, **query)

    def get(self, image_id: Id, signed_url: bool = False, expires: int | None = None) -> Image:
        """Return the record of an image.

        Args:
            image_id: The image's id.
            signed_url: Whether to include signed URLs for downloading the photo and its auxiliary
                images.
            expires: Lifetime of the signed URLs, in seconds; 60 unless given.

        Raises:
            UnexpectedResponse: If the response is the record of another image.
        """
        return self._operations.call_for(
            "image_id",
            get_image,
            Image,
            image_id=image_id,
            generate_signed_url=signed_url or None,
            expiration_seconds=expires,
        )

    def delete(self, image_id: Id) -> None:
        """Delete an image: its record, its file and its results.

        Raises:
            NotFound: If the image does not exist.
        """
        self._operations.run(delete_image, image_id=image_id)

    @overload
    def download(
        self,
        image_id: Id,
        to: None = None,
        *,
        aux_image_id: Id | None = None,
        progress: Progress | None = None,
    ) -> bytes: ...

    @overload
    def download(
        self,
        image_id: Id,
        to: str | os.PathLike[str] | BinaryIO,
        *,
        aux_image_id: Id | None = None,
        progress: Progress | None = None,
    ) -> int: ...

    def download(
        self,
        image_id: Id,
        to: str | os.PathLike[str] | BinaryIO | None = None,
        *,
        aux_image_id: Id | None = None,
        progress: Progress | None = None,
    ) -> int | bytes:
        """Download a photo or one of its auxiliary images.

        The length and the checksum that the storage states are compared with the received bytes.

        Args:
            image_id: The image's id.
            to: A path or a binary file. A file at the path appears only once the photo is complete.
                A binary file is written from its current position; if an attempt fails, it is
                truncated to that position before the next attempt. If the binary file cannot seek,
                there is only one attempt. Unless given, the photo is returned as bytes.
            aux_image_id: Id of an auxiliary image of the image, to download it instead of the photo.
                The ids are in `aux_images` of the image record.
            progress: Called with the number of bytes received so far and the total, or None if the
                storage does not state the total.

        Returns:
            The number of bytes written, or the photo if `to` is not given.

        Raises:
            ConfigError: If the image has no such auxiliary image.
            StorageError: If the image has no file, because it was never uploaded or was deleted, or
                if its signed URL is invalid.
            TransportError: If no attempt received the complete photo.
        """
        image_id = parse_id(image_id, "image_id")
        aux_id = None if aux_image_id is None else parse_id(aux_image_id, "aux_image_id")
        memory = io.BytesIO()
        with open_sink(memory if to is None else to) as sink:
            sink.progress = progress
            http, url = self._operations.http, self._url(image_id, aux_id)
            try:
                storage.download(http, url, sink)
            except StorageError as error:
                # The signed URL expired between two attempts, so request a new one.
                if error.code != "ExpiredToken":
                    raise
                storage.download(http, self._url(image_id, aux_id), sink)
            return memory.getvalue() if to is None else sink.written

    def stream(
        self, image_id: Id, *, aux_image_id: Id | None = None, progress: Progress | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Open a photo or one of its auxiliary images, to iterate over its bytes as they arrive.

        Unlike `download`, this method retries only until the storage responds. Length and checksum
        are compared after the last chunk, so discard the photo if the iterator raises an error.

        Args:
            image_id: The image's id.
            aux_image_id: As in `download`.
            progress: As in `download`.

        Returns:
            A context manager that yields an iterator over chunks of bytes. Leaving the block ends
            the download.

        Raises:
            ConfigError, StorageError: As in `download`.
            TransportError: If the connection is lost.
            UnexpectedResponse: If length or checksum differ from those that the storage states, or the
                photo is larger than 64 MiB.

        Example:
            with Haut() as haut, haut.images.stream(image_id) as chunks:
                for chunk in chunks:
                    upload.write(chunk)
        """
        aux_id = None if aux_image_id is None else parse_id(aux_image_id, "aux_image_id")
        return self._stream(parse_id(image_id, "image_id"), aux_id, progress)

    @contextmanager
    def _stream(
        self, image_id: UUID, aux_image_id: UUID | None, progress: Progress | None
    ) -> Generator[Iterator[bytes]]:
        url = self._url(image_id, aux_image_id)
        with storage.stream(self._operations.http, url, progress) as chunks:
            yield chunks

    def _url(self, image_id: UUID, aux_image_id: UUID | None) -> Secret:
        image = self.get(image_id, signed_url=True)
        url, what = image.signed_url, f"image {image.id}"
        if aux_image_id is not None:
            urls = {aux.id: aux.signed_url for aux in image.aux_images}
            if aux_image_id not in urls:
                raise ConfigError(f"{what} has no auxiliary image {aux_image_id}")
            url, what = urls[aux_image_id], f"auxiliary image {aux_image_id} of {what}"
        if not url:
            raise StorageError(
                f"{what} has a record but no file: it was never uploaded, or it was deleted by "
                "clear_storage or by the retention settings of the dataset",
                operation="GET (storage)",
                status=None,
                code=None,
            )
        return Secret(url)


def _query(options: ImageListOptions) -> dict[str, Any]:
    query: dict[str, Any] = {**options}
    return {"expiration_seconds": query.pop("expires", None), **query}
