"""Example of a company's internal SDK, which analyzes photos of a clinic's patients with Haut.AI."""

from skin_clinic.client import AsyncClinic, Clinic
from skin_clinic.errors import ClinicError, PatientUnknown
from skin_clinic.visits import Finding, Visit

__all__ = ["AsyncClinic", "Clinic", "ClinicError", "Finding", "PatientUnknown", "Visit"]
