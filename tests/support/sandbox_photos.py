"""Creates photos for uploads, and adds stored photos to a sandbox."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from attrs import evolve, frozen

from haut_api.models import SignedUpload
from haut_ext.sandbox import Sandbox

PHOTO = Path(__file__).parents[2] / "examples" / "photos" / "portrait.jpg"


@frozen
class StoredPhoto:
    """Ids of a stored photo: subject, image and batch."""

    subject: UUID
    image: UUID
    batch: UUID


def add_photo(
    sandbox: Sandbox, photo: bytes = b"photo", subject_name: str = "subject"
) -> StoredPhoto:
    """Add a subject with one stored photo to the sandbox."""
    [subject] = sandbox.add_subjects(1, subject_name)
    [image] = sandbox.add_images(subject, 1, photo)
    return StoredPhoto(UUID(subject.id), UUID(image.id), UUID(image.batch.id))


def photo_of(size: int) -> bytes:
    """Return a JPEG of `size` bytes: a small image, followed by padding that readers ignore."""
    head = PHOTO.read_bytes()
    pattern = bytes(range(251))
    return head + (pattern * (size // len(pattern) + 1))[: size - len(head)]


def slot_at(slot: SignedUpload, origin: str) -> SignedUpload:
    """Return a copy of an upload slot, with the origin of its URL replaced."""
    path = slot.upload_url.url.split("/", 3)[3]
    return evolve(slot, upload_url=evolve(slot.upload_url, url=f"{origin}/{path}"))
