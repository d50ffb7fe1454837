"""The clinic's own tests, on the SDK's sandbox: nothing of the SDK's repository is at hand."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from skin_clinic import AsyncClinic, Clinic, PatientUnknown, Visit

import haut_api
import haut_ext
from haut_ext import (
    ConfigError,
    ErasureReceipt,
    HautError,
    ImageRejected,
    NotFound,
    Timeout,
    TransportError,
    UploadIncomplete,
    UploadState,
)
from haut_ext.sandbox import Sandbox, faults


def photo(width: int = 300, height: int = 400) -> bytes:
    """A grey PNG."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\x80" * width) * height)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture
def clinic(haut_sandbox: Sandbox) -> Iterator[Clinic]:
    with Clinic(**haut_sandbox.credentials) as client:
        yield client


def test_the_installed_packages_are_used() -> None:
    for package in (haut_ext, haut_api):
        assert "site-packages" in Path(str(package.__file__)).parts


def test_a_visit_from_admission_to_erasure(clinic: Clinic, haut_sandbox: Sandbox) -> None:
    admitted = clinic.admit("4711")
    assert clinic.patient("4711") == admitted
    assert clinic.annotate("4711", "spring").meta == {"note": "spring"}
    visit = clinic.visit("4711", photo())
    [finding] = clinic.findings(visit)
    assert (finding.side, finding.taken.utcoffset() is not None) == ("front", True)
    assert finding.score is not None
    assert visit.image_id("front") in visit.image_ids
    assert visit.image_id("left") is None
    assert [image.id for image in clinic.photos("4711")] == visit.image_ids
    receipt = clinic.forget("4711")
    assert receipt.verified
    assert ErasureReceipt.from_json(receipt.to_json()) == receipt
    assert haut_sandbox.snapshot()["subjects"] == []
    assert haut_sandbox.carried_out("compute_batch") == 1


def test_errors_are_caught_by_either_name(clinic: Clinic) -> None:
    with pytest.raises(PatientUnknown) as raised:
        clinic.patient("0")
    assert isinstance(raised.value, HautError)
    nobody = "9b810e76-6ec9-4286-a3ca-828dd5f4b3b2"
    with pytest.raises(LookupError) as renamed:
        clinic.rename(clinic.scope.company_id, "1")
    assert isinstance(renamed.value.__cause__, NotFound)
    again = pickle.loads(pickle.dumps(raised.value))
    assert (type(again), again.number) == (PatientUnknown, "0")
    with pytest.raises(ConfigError):
        clinic.subjects.delete("../" + nobody)
    clinic.admit("2")
    with pytest.raises(ImageRejected):
        clinic.visit("2", photo(width=255))


def test_an_upload_is_resumed_from_what_was_kept(clinic: Clinic, haut_sandbox: Sandbox) -> None:
    subject = clinic.admit("5")
    haut_sandbox.faults.add("upload_image", faults.status(403))
    with pytest.raises(UploadIncomplete) as stopped:
        clinic.upload_and_compute(subject.id, front=photo())
    state = UploadState.from_json(stopped.value.state.to_json())
    visit = Visit("5", clinic.resume_upload(state, front=photo()))
    assert len(visit.image_ids) == haut_sandbox.carried_out("compute_batch") == 1


def test_options_and_subclasses_stay_together(clinic: Clinic, haut_sandbox: Sandbox) -> None:
    patient = clinic.with_options(timeout=Timeout(read=5), max_retries=0)
    assert isinstance(patient, Clinic)
    haut_sandbox.faults.add("list_subjects", faults.reset())
    with pytest.raises(TransportError):
        patient.patient("1")
    haut_sandbox.faults.add("list_subjects", faults.reset())
    assert list(clinic.patients()) == []


def admitted(clinic: Clinic, number: str) -> Visit:
    """In another process."""
    with clinic:
        clinic.admit(number)
        return clinic.visit(number, photo())


def test_a_client_goes_into_a_process_pool(
    clinic: Clinic, haut_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAUT_TOKEN", haut_sandbox.credentials["token"])  # a pickle has no token
    clinic.admit("0")  # connections are open, and stay behind
    numbers = ["1", "2", "3"]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        visits = list(pool.map(admitted, [clinic] * 3, numbers))
    assert [visit.number for visit in visits] == numbers
    assert haut_sandbox.carried_out("compute_batch") == 3
    assert sorted(subject.name for subject in clinic.patients()) == [
        f"patient-{number}" for number in ["0", *numbers]
    ]
    for visit in visits:
        assert copy.deepcopy(visit) == pickle.loads(pickle.dumps(visit)) == visit


def test_the_command_line_is_there_too(clinic: Clinic, haut_sandbox: Sandbox) -> None:
    subject = clinic.admit("6")
    variables = {
        f"HAUT_{name.upper()}": str(value) for name, value in haut_sandbox.credentials.items()
    }
    haut = [sys.executable, "-W", "error", str(Path(sys.executable).with_name("haut"))]
    for arguments in (
        ["doctor"],
        ["subjects"],
        ["images", str(subject.id)],
        ["subjects", "--json"],
    ):
        done = subprocess.run(
            [*haut, *arguments], env={**os.environ, **variables}, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


def test_the_asynchronous_client(haut_sandbox: Sandbox) -> None:
    async def day() -> list[str]:
        async with AsyncClinic(**haut_sandbox.credentials) as clinic:
            visits = await asyncio.gather(*(clinic.visit(str(n), photo()) for n in range(5)))
            found = [finding for visit in visits for finding in await clinic.findings(visit)]
            assert all(finding.score is not None for finding in found)
            return sorted([subject.name async for subject in clinic.patients()])

    assert asyncio.run(day()) == [f"patient-{number}" for number in range(5)]
