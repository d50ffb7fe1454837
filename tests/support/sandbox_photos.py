"""A sandbox with one stored photo in it, and photos of any length to send."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from attrs import evolve, frozen

from haut_api.models import SignedUpload
from haut_ext.sandbox import Sandbox

PHOTO = Path(__file__).parents[2] / "examples" / "photos" / "portrait.jpg"


@frozen
class Stored:
    """The ids of a subject and of its one image."""

    subject: UUID
    image: UUID
    batch: UUID


def store(sandbox: Sandbox, photo: bytes = b"photo", name: str = "subject") -> Stored:
    """Put a subject with one photo into the sandbox."""
    [subject] = sandbox.add_subjects(1, name)
    [image] = sandbox.add_images(subject, 1, photo)
    return Stored(UUID(subject.id), UUID(image.id), UUID(image.batch.id))


def photo_of(size: int) -> bytes:
    """Return a photo of so many bytes: what follows the pixels of a JPEG is nobody's business."""
    head = PHOTO.read_bytes()
    pattern = bytes(range(251))
    return head + (pattern * (size // len(pattern) + 1))[: size - len(head)]


def elsewhere(slot: SignedUpload, origin: str) -> SignedUpload:
    """Return the same slot at another origin."""
    path = slot.upload_url.url.split("/", 3)[3]
    return evolve(slot, upload_url=evolve(slot.upload_url, url=f"{origin}/{path}"))
