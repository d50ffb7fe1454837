"""The clinic's errors: its own root, and children of the SDK's, so that either can be caught."""

from __future__ import annotations

from haut_ext import HautError, NotFound


class ClinicError(HautError):
    """Something that only the clinic knows went wrong."""


class PatientUnknown(ClinicError, LookupError):
    """The patient has no subject."""

    def __init__(self, number: str) -> None:
        super().__init__(f"patient {number} has no subject")
        self.number = number

    @classmethod
    def from_service(cls, number: str, error: NotFound) -> PatientUnknown:
        unknown = cls(number)
        unknown.__cause__ = error
        return unknown
