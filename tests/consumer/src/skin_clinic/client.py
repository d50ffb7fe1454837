"""Clients of the clinic: subclasses of Haut and AsyncHaut with methods for patients and visits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

from haut_api.api.images import list_images
from haut_api.api.subjects import list_subjects, update_subject
from haut_api.models import Image, PatchedSubjectRequest, Subject
from haut_ext import AsyncHaut, ErasureReceipt, Haut, NotFound
from skin_clinic.errors import ClinicError, PatientUnknown
from skin_clinic.visits import Finding, Visit


class Clinic(Haut):
    """Client for a clinic that identifies patients by number and stores each patient as a subject."""

    PREFIX = "patient-"

    def patient(self, number: str) -> Subject:
        for subject in self.subjects.iterate(self.PREFIX + number):
            if subject.name == self.PREFIX + number:
                return subject
        raise PatientUnknown(number)

    def admit(self, number: str) -> Subject:
        return self.subjects.get_or_create(self.PREFIX + number, meta={"by": "clinic"})

    def patients(self) -> Iterator[Subject]:
        return self.paginate_all(list_subjects, dataset_id=self.scope.dataset(), q=self.PREFIX)

    def photos(self, number: str) -> Iterator[Image]:
        return self.paginate_all(list_images, subject_id=self.patient(number).id)

    def annotate(self, number: str, note: str) -> Subject:
        """Store a note in the patient's subject metadata by calling the generated API function."""
        updated = update_subject.sync(
            self.scope.company_id,
            self.scope.dataset(),
            self.patient(number).id,
            client=self.api,
            body=PatchedSubjectRequest(meta={"note": note}),
        )
        if not isinstance(updated, Subject):
            raise ClinicError("the service did not return the updated subject")
        return updated

    def visit(self, number: str, front: Path | bytes) -> Visit:
        return Visit(number, self.upload_and_compute(self.patient(number).id, front=front))

    def findings(self, visit: Visit) -> list[Finding]:
        return [
            Finding.from_image(image)
            for image in self.wait_for_analysis(visit.batch, wait_timeout=30)
        ]

    def erase(self, number: str) -> ErasureReceipt:
        return self.erase_subject(self.patient(number).id)

    def rename(self, subject_id: UUID, number: str) -> Subject:
        try:
            return self.subjects.update(subject_id, name=self.PREFIX + number)
        except NotFound as error:
            raise PatientUnknown.from_service(number, error) from error


class AsyncClinic(AsyncHaut):
    """Asynchronous version of `Clinic`, with the same methods."""

    async def admit(self, number: str) -> Subject:
        return await self.subjects.get_or_create(Clinic.PREFIX + number)

    def patients(self) -> AsyncIterator[Subject]:
        return self.paginate_all(list_subjects, dataset_id=self.scope.dataset(), q=Clinic.PREFIX)

    async def visit(self, number: str, front: Path | bytes) -> Visit:
        subject = await self.admit(number)
        return Visit(number, await self.upload_and_compute(subject.id, front=front))

    async def findings(self, visit: Visit) -> list[Finding]:
        return [Finding.from_image(image) for image in await self.wait_for_analysis(visit.batch)]
