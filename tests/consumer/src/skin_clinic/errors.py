"""Exceptions of the clinic's SDK. They derive from HautError, so `except HautError` catches them too."""

from __future__ import annotations

from haut_ext import HautError, NotFound


class ClinicError(HautError):
    """Base class of the exceptions that are defined by the clinic's SDK."""


class PatientUnknown(ClinicError, LookupError):
    """Raised if no Haut.AI subject is stored for the patient."""

    def __init__(self, number: str) -> None:
        super().__init__(f"patient {number} has no subject")
        self.number = number

    @classmethod
    def from_service(cls, number: str, error: NotFound) -> PatientUnknown:
        unknown = cls(number)
        unknown.__cause__ = error
        return unknown
