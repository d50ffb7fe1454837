# Derived from examples/asynchronous/build_your_sdk.py by `make sync`; change that file instead.
"""SDK of a clinic: a client with its own attribute, errors and section, built on haut_ext."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Unpack
from uuid import UUID, uuid4

from haut_api.api.subjects import list_subjects, update_subject
from haut_api.models import PatchedSubjectRequest
from haut_ext import ClientOptions, Haut, HautError, NotFound, Subject, SyncToken


class ClinicError(Exception):
    """A call of the clinic's SDK failed; the cause is the error of haut_ext."""


class PatientUnknown(ClinicError):
    """The clinic has no such patient."""


@contextmanager
def clinic_errors() -> Generator[None]:
    """Raise the errors of haut_ext as errors of the clinic."""
    try:
        yield
    except NotFound as error:
        raise PatientUnknown("there is no such patient") from error
    except HautError as error:
        raise ClinicError(str(error)) from error


class Patients:
    """Patients of a clinic, available as `clinic.patients`."""

    def __init__(self, clinic: "Clinic") -> None:
        self._clinic = clinic

    def admit(self, number: str) -> Subject:
        """Return the patient with the given number, who is created if necessary."""
        with clinic_errors():
            return self._clinic.subjects.get_or_create(f"{self._clinic.site}-{number}")

    def annotate(self, patient_id: UUID, note: str) -> None:
        """Store a note by calling a function of the generated client."""
        with clinic_errors():
            update_subject.sync(
                self._clinic.scope.company_id,
                self._clinic.scope.dataset(),
                patient_id,
                client=self._clinic.api,
                body=PatchedSubjectRequest(meta={"note": note}),
            )

    def iterate(self) -> Iterator[Subject]:
        """Iterate over the patients of the site, through an operation of the generated client."""
        with clinic_errors():
            for subject in self._clinic.paginate_all(list_subjects, q=self._clinic.site):
                yield subject


class Clinic(Haut):
    """Client of a clinic; `with_options` returns copies of the same class and site."""

    def __init__(
        self,
        *,
        site: str = "main",
        token: SyncToken | None = None,
        environment: Mapping[str, str] | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        super().__init__(token=token, environment=environment, **options)
        self.site = site

    @property
    def patients(self) -> Patients:
        return Patients(self)

    def dataset_names(self) -> list[str]:
        """Call a route by its path, as for operations that haut_api does not have yet."""
        path = f"/api/v1/companies/{self.scope.company_id}/datasets/"
        with clinic_errors():
            response = self.request("GET", path)
        return [dataset["name"] for dataset in response.json()["results"]]


def main() -> None:
    with Clinic(site="berlin") as clinic:
        patient = clinic.patients.admit("4711")
        patient_clinic = clinic.with_options(deadline=600)
        patient_clinic.patients.annotate(patient.id, "first visit")
        print(patient_clinic.site, [found.name for found in clinic.patients.iterate()])
        print(clinic.dataset_names())
        try:
            clinic.patients.annotate(uuid4(), "unknown")
        except PatientUnknown as error:
            print(error, error.__cause__)


main()
