"""State of the two services of the simulated refresh: subjects, images and results in memory.

The services differ in what the public documents leave open. What they document is here, and the same for
both: the names and meaning of the fields, and the rules of uploads, computation and erasure.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from attrs import define, field

TOKEN = "token-of-the-simulated-service"
COMPANY, DATASET = UUID(int=1), UUID(int=2)
FRONT = {"id": 1, "name": "Front", "tech_name": "front"}
SIDES = {
    1: FRONT,
    2: {"id": 2, "name": "Right", "tech_name": "right"},
    3: {"id": 3, "name": "Left", "tech_name": "left"},
}
LIGHT = {"id": 1, "name": "Regular", "tech_name": "regular"}
IMAGE_TYPE = {"id": 1, "name": "Selfie", "tech_name": "selfie"}
UPLOAD_HEADERS = {
    "Content-Type": "application/octet-stream",
    "X-Goog-Content-Length-Range": "1,31457280",
}

Record = dict[str, Any]


class Missing(Exception):
    """The record does not exist."""


@define
class Store:
    """Subjects, images and uploaded photos of one dataset.

    Attributes:
        storage_url: Origin of the storage, which receives the photos.
        subjects: Subjects by id, oldest first.
        images: Images by id, oldest first.
        photos: Uploaded photos by image id.
        computed: Ids of the batches whose analysis was started.
    """

    storage_url: str = ""
    subjects: dict[UUID, Record] = field(factory=dict)
    images: dict[UUID, Record] = field(factory=dict)
    photos: dict[UUID, bytes] = field(factory=dict)
    computed: set[UUID] = field(factory=set)
    _seconds: count[int] = field(factory=count)

    def _now(self) -> datetime.datetime:
        start = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        return start + datetime.timedelta(seconds=next(self._seconds) % 2)

    # --- subjects

    def create_subject(self, attributes: Record) -> Record:
        subject: Record = {
            "name": attributes["name"],
            "birth_date": attributes.get("birth_date"),
            "biological_sex": None,
            "meta": attributes.get("meta"),
            "id": uuid4(),
            "author_id": 1,
            "creation_time": self._now(),
            "company": {"id": COMPANY, "name": "Company"},
            "dataset": {"id": DATASET, "name": "Dataset"},
            "promote_image_id": None,
        }
        return self.subjects.setdefault(subject["id"], subject)

    def subject(self, subject_id: UUID) -> Record:
        if subject_id not in self.subjects:
            raise Missing
        return self.subjects[subject_id]

    def update_subject(self, subject_id: UUID, attributes: Record) -> Record:
        subject = self.subject(subject_id)
        subject.update(
            {name: value for name, value in attributes.items() if name != "biological_sex"}
        )
        return subject

    def search_subjects(self, term: str | None) -> list[Record]:
        return [subject for subject in self.subjects.values() if (term or "") in subject["name"]]

    def delete_subjects(self, subject_ids: Iterable[UUID]) -> list[UUID]:
        deleted = [subject_id for subject_id in subject_ids if subject_id in self.subjects]
        for subject_id in deleted:
            del self.subjects[subject_id]
        return deleted

    def clear_storage(self, subject_id: UUID) -> Record:
        for image in self.images_of(subject_id):
            self.photos.pop(image["id"], None)
        return {"status": "ok"}

    def clear_metadata(self, subject_id: UUID) -> Record:
        self.subject(subject_id).update(meta=None, birth_date=None, biological_sex=None)
        return {"status": "ok"}

    # --- images

    def request_upload(self, subject_id: UUID, attributes: Record) -> Record:
        self.subject(subject_id)
        image: Record = {
            "id": uuid4(),
            "subject_id": subject_id,
            "name": attributes.get("name") or "photo",
            "side": SIDES[attributes.get("side_id") or 1],
            "created_at": self._now(),
            "image_batch_id": attributes.get("batch_id") or uuid4(),
            "meta": attributes.get("meta"),
        }
        self.images[image["id"]] = image
        url = f"{self.storage_url}/photos/{image['id']}?X-Goog-Signature=00"
        return {
            **image,
            "light": LIGHT if attributes.get("light_id") else None,
            "image_type": IMAGE_TYPE,
            "side_name": image["side"]["name"],
            "side_tech_name": image["side"]["tech_name"],
            "light_name": LIGHT["name"],
            "light_tech_name": LIGHT["tech_name"],
            "image_type_name": IMAGE_TYPE["name"],
            "image_type_tech_name": IMAGE_TYPE["tech_name"],
            "creation_time": image["created_at"],
            **dict.fromkeys(("quality_score", "quality_feedback", "quality_result")),
            "quality_issues": [],
            "problems": [],
            "urls": {},
            **dict.fromkeys(("stage_step_number", "stage_number", "signed_url")),
            "original_image_id": None,
            "application_run_id": uuid4(),
            "upload_url": {
                "url": url,
                "method": "PUT",
                "headers": UPLOAD_HEADERS,
                "content_type": UPLOAD_HEADERS["Content-Type"],
            },
        }

    def store_photo(self, image_id: UUID, photo: bytes) -> None:
        self.image(image_id)
        self.photos[image_id] = photo

    def compute(self, batch_id: UUID) -> Record:
        if batch_id not in {image["image_batch_id"] for image in self.images.values()}:
            raise Missing
        self.computed.add(batch_id)
        return {"ok": True}

    def images_of(self, subject_id: UUID) -> list[Record]:
        self.subject(subject_id)
        return [
            self.image(image["id"], signed=True)
            for image in self.images.values()
            if image["subject_id"] == subject_id
        ]

    def image(self, image_id: UUID, *, signed: bool = False) -> Record:
        if image_id not in self.images:
            raise Missing
        image = self.images[image_id]
        stored = signed and image_id in self.photos
        analyzed = image["image_batch_id"] in self.computed
        url = f"{self.storage_url}/photos/{image_id}?X-Goog-Signature=00"
        auxiliary = {
            "id": UUID(int=image_id.int ^ 1),
            "aux_image_type": "selfie_front_face_restored_rgba",
            "creation_time": image["created_at"],
            "algo_app": "Face Skin Metrics 2.0",
            "signed_url": url if stored else None,
            "meta": None,
        }
        return {
            **image,
            "side": image["side"]["tech_name"],
            "quality_score": 90.0 if analyzed else None,
            "problems": [] if analyzed else None,
            "signed_url": url if stored else None,
            "aux_images": [auxiliary] if analyzed else [],
        }

    def delete_image(self, image_id: UUID) -> None:
        self.image(image_id)
        del self.images[image_id]
        self.photos.pop(image_id, None)

    def results(self, batch_id: UUID, image_id: UUID) -> list[Record]:
        self.image(image_id)
        if batch_id not in self.computed:
            return []
        metric = {
            "value": 87.5,
            "widget_type": "bad_good_line",
            "name": "Acne",
            "tech_name": "acne_score",
            "widget_meta": None,
            "units": None,
        }
        area = {"area_name": "face", "main_metric": metric, "sub_metrics": []}
        return [
            {
                "id": UUID(int=image_id.int ^ 2),
                "result": {"algorithm_tech_name": "acne", "area_results": [area]},
                "is_ok": True,
                "image_id": image_id,
                "algorithm_version_id": 1,
                "creation_time": self.images[image_id]["created_at"],
                "application_id": UUID(int=3),
                "application_name": "Face Skin Metrics 2.0",
                "application_description": "",
                "application_run_id": UUID(int=4),
                "image_type": "selfie",
                "algorithm_family_tech_name": "selfie_v2.acne",
            }
        ]
