"""TypedDicts for groups of keyword arguments that several methods accept.

Arguments that are not given are not sent, so the service uses its defaults. Unknown keyword
arguments are rejected by type checkers and raise ConfigError at run time.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, TypedDict

from haut_ext.argument_checks import Id
from haut_ext.argument_types import JsonValue
from haut_ext.photos.checks import Photo
from haut_ext.types import Side, UploadState

if TYPE_CHECKING:
    from haut_api.models import SignedUpload, UploadSlotV3

Progress = Callable[[int, int | None], None]
"""Function called with the number of bytes sent so far and the total size (None if unknown)."""

UploadProgress = Callable[[int, int | None, Side], None]
"""Function called with the number of bytes sent so far, the total size and the photo's side."""

OnState = Callable[[UploadState], None]
"""Function that is called with the new state of an upload after each change."""

SendBytes = Callable[["SignedUpload | UploadSlotV3", Photo], Any]
"""Function that sends a photo to its signed URL and replaces `images.send_bytes`."""


class ListOptions(TypedDict, total=False):
    """Options of methods that list items.

    Attributes:
        ordering: Name of the field to sort by. The service does not document the valid names.
        page_size: Number of items per page. If not given, the service uses its default.
    """

    ordering: str | None
    page_size: int | None


class ImageListOptions(ListOptions, total=False):
    """Options of methods that list images, in addition to `ListOptions`.

    Attributes:
        q: Search term for images.
        expires: Lifetime of the signed URLs, in seconds. The default is 60.
    """

    q: str | None
    expires: int | None


class SubjectAttributes(TypedDict, total=False):
    """Optional attributes of a subject.

    Attributes:
        birth_date: Date of birth.
        biological_sex: Numeric id of the biological sex. The service does not document the valid
            ids.
        meta: Any JSON value. An update replaces the whole value.
    """

    birth_date: datetime.date | None
    biological_sex: str | None
    meta: JsonValue


class DatasetAttributes(TypedDict, total=False):
    """Optional attributes of a new dataset.

    Attributes:
        image_type_id: Id of the image type for the dataset's photos, as listed by
            `haut.image_types()`.
        expire_images_after_days: Number of days after which an uploaded photo is deleted, at most
            365; None to keep photos. The image record is not deleted.
        expire_metadata_after_days: Number of days after which metadata is deleted, at most 365;
            None to keep metadata.
        clean_images_as_soon_as_ready: Whether to delete each photo as soon as all applications of
            the dataset have processed it.
        custom_branding: Id of a custom branding.
    """

    image_type_id: int | None
    expire_images_after_days: int | None
    expire_metadata_after_days: int | None
    clean_images_as_soon_as_ready: bool
    custom_branding: int | None


class BatchAttributes(TypedDict, total=False):
    """Optional attributes of a new batch.

    Attributes:
        meta: Any JSON value, which applies to all photos of the batch.
        creation_time: Creation time of the batch, with a time zone.
    """

    meta: JsonValue
    creation_time: datetime.datetime | None


class PhotoAttributes(BatchAttributes, total=False):
    """Optional attributes of photos, in addition to `BatchAttributes`.

    Attributes:
        light: Lighting of the photo, as a name or number that the dataset's image type defines; 1
            means regular.
        name: Name of the image, with at least 1 character. In v3, it is used as the file name.
        app_args: Any JSON value, or a dictionary in v3, which is passed to the applications that
            analyze the photo.
        dataset_id: Id of the dataset whose image type defines the valid names. The default is the
            client's dataset.
    """

    light: str | int | None
    name: str
    app_args: JsonValue
    dataset_id: Id | None


class WaitOptions(TypedDict, total=False):
    """Options of a wait for analysis results.

    Attributes:
        wait_timeout: Maximum time to wait, in seconds. The default is 120.
        wait_for: Algorithm families, such as `acne`, of which every image needs a result; v1 only.
            Case, hyphens and the prefix `selfie_v2.` do not matter. The full name of a family that
            this version does not know, such as `hair_v1.volume`, must contain a dot.
        settled_after: If `wait_for` is not given, v1 results count as complete when every image has
            a result, and no result was added for this many seconds. The default is 10.
        poll_interval: Longest time, in seconds, between two requests for the results of an image,
            unless many batches are being waited for. The default is 5. The first interval is a
            tenth of it.
    """

    wait_timeout: float
    wait_for: Collection[str]
    settled_after: float
    poll_interval: float


class UploadOptions(PhotoAttributes, WaitOptions, total=False):
    """Options of `upload_and_compute` and `resume_upload`, in addition to `PhotoAttributes`.

    `WaitOptions` are accepted, too, but only together with `wait=True`.

    Attributes:
        progress: Function called with the number of bytes sent so far, the total size and the side
            of a photo.
        on_state: Function called with each new state of the upload, before and after each request
            that changes data. To survive a crash, persist the state and pass it to `resume_upload`.
        send_bytes: Function that sends the photos instead of `images.send_bytes`. It can run on
            another machine, because its arguments can be pickled. `AsyncHaut` awaits its result
            if it is awaitable.
    """

    progress: UploadProgress | None
    on_state: OnState | None
    send_bytes: SendBytes | None
