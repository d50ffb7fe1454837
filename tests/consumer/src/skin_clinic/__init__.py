"""Example of a company's internal SDK: the skin analysis of Haut.AI for the patients of a clinic."""

from skin_clinic.client import AsyncClinic, Clinic
from skin_clinic.errors import ClinicError, PatientUnknown
from skin_clinic.visits import Finding, Visit

__all__ = ["AsyncClinic", "Clinic", "ClinicError", "Finding", "PatientUnknown", "Visit"]
