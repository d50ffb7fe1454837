"""Errors of the clinic's SDK. They derive from HautError, so callers can catch either class."""

from __future__ import annotations

from haut_ext import HautError, NotFound


class ClinicError(HautError):
    """Base class of the errors that the clinic's SDK raises itself."""


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
