"""Keyword arguments that several methods take, each group as a TypedDict.

An argument that is not given is not sent, and the service applies its default. Type checkers reject
unknown keywords; at run time they raise ConfigError.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, TypedDict

from haut_ext.argument_checks import Id
from haut_ext.photos.checks import Photo
from haut_ext.types import Side, UploadState

if TYPE_CHECKING:
    from haut_api.models import SignedUpload, UploadSlotV3

Progress = Callable[[int, int | None], None]
"""Function that is called with the number of bytes sent so far and the total, None if unknown."""

UploadProgress = Callable[[int, int | None, Side], None]
"""Function that is called with the bytes sent so far of one side, the total, and the side."""

OnState = Callable[[UploadState], None]
"""Function that is called with the state of an upload after each change."""

SendBytes = Callable[["SignedUpload | UploadSlotV3", Photo], Any]
"""Function that sends a photo to its signed URL, as `images.send_bytes` does."""


class ListOptions(TypedDict, total=False):
    """Options of methods that list items.

    Attributes:
        ordering: Field to sort by; the valid names are not documented.
        page_size: Number of items in a page; the service's default unless given.
    """

    ordering: str | None
    page_size: int | None


class ImageListOptions(ListOptions, total=False):
    """Options of methods that list images, in addition to those of every list.

    Attributes:
        q: Search term.
        expires: Lifetime of the signed URLs, in seconds; 60 unless given.
    """

    q: str | None
    expires: int | None


class SubjectAttributes(TypedDict, total=False):
    """Attributes of a subject.

    Attributes:
        birth_date: Date of birth.
        biological_sex: The service's id of the sex; the valid ids are not documented.
        meta: Any JSON value. An update replaces the whole value.
    """

    birth_date: datetime.date | None
    biological_sex: str | None
    meta: Any


class DatasetAttributes(TypedDict, total=False):
    """Attributes of a new dataset.

    Attributes:
        image_type_id: Number of the image type of its photos, from `haut.image_types()`.
        expire_images_after_days: Days from the upload of a photo to its deletion, at most 365; None
            for no deletion. The image's record stays.
        expire_metadata_after_days: The same for metadata.
        clean_images_as_soon_as_ready: Whether each photo is deleted as soon as every application of
            the dataset has processed it (api-facts 14).
        custom_branding: Number of a branding of the service.
    """

    image_type_id: int | None
    expire_images_after_days: int | None
    expire_metadata_after_days: int | None
    clean_images_as_soon_as_ready: bool
    custom_branding: int | None


class BatchAttributes(TypedDict, total=False):
    """Attributes of a new batch.

    Attributes:
        meta: Any JSON value, for all photos of the batch.
        creation_time: Creation time of the batch, with a time zone.
    """

    meta: Any
    creation_time: datetime.datetime | None


class PhotoAttributes(BatchAttributes, total=False):
    """Attributes of a photo, or of all photos of an upload, in addition to those of the batch.

    Attributes:
        light: Light of the photo, as a name or number of the dataset's image type; 1 is regular.
        name: Name of the image, at least 1 character. In v3, the file name.
        app_args: Any JSON value, for the applications that analyze the photo.
        dataset_id: Dataset whose image type defines the names; the client's unless given.
    """

    light: str | int | None
    name: str
    app_args: Any
    dataset_id: Id | None


class UploadOptions(PhotoAttributes, total=False):
    """Options of `upload_and_compute` and `resume_upload`, in addition to the attributes of photos.

    Attributes:
        progress: Called with the bytes sent so far, the total and the side.
        on_state: Called with each new state of the upload, before and after each request that
            changes something. To survive a crash, persist the state and pass it to `resume_upload`.
        send_bytes: Function that sends the photos instead of `images.send_bytes`, for example on
            another machine: slots and photos can be pickled. It is awaited in `AsyncHaut`.
        wait: Whether to wait for the results, as `wait_for_results` does.
        wait_timeout: Maximum time to wait for the results, in seconds; 120 unless given.
        algorithms: Names of the algorithms to wait for; see `wait_for_results`.
    """

    progress: UploadProgress | None
    on_state: OnState | None
    send_bytes: SendBytes | None
    wait: bool
    wait_timeout: float
    algorithms: Collection[str]
