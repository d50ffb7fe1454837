"""A clinic's own SDK: what its teams may do with Haut.AI, in the clinic's words."""

from skin_clinic.client import AsyncClinic, Clinic
from skin_clinic.errors import ClinicError, PatientUnknown
from skin_clinic.visits import Finding, Visit

__all__ = ["AsyncClinic", "Clinic", "ClinicError", "Finding", "PatientUnknown", "Visit"]
