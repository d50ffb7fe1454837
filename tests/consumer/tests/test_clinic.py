"""Tests of the clinic's SDK against the sandbox; they use no files of the haut_ext repository."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import random
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
    """Return a PNG of random grays; the sandbox finds no face in a picture of few colors."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    generator = random.Random(1)
    pixels = zlib.compress(b"".join(b"\0" + generator.randbytes(width) for _ in range(height)))
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture
def clinic(haut_sandbox: Sandbox) -> Iterator[Clinic]:
    with Clinic(**haut_sandbox.credentials) as client:
        yield client


def test_packages_are_imported_from_the_installed_wheel() -> None:
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
    receipt = clinic.erase("4711")
    assert receipt.verified
    assert ErasureReceipt.from_json(receipt.to_json()) == receipt
    assert haut_sandbox.snapshot()["subjects"] == []
    assert haut_sandbox.carried_out("compute_batch") == 1


def test_errors_can_be_caught_by_the_classes_of_either_package(clinic: Clinic) -> None:
    with pytest.raises(PatientUnknown) as raised:
        clinic.patient("0")
    assert isinstance(raised.value, HautError)
    unknown = "9b810e76-6ec9-4286-a3ca-828dd5f4b3b2"
    with pytest.raises(LookupError) as renamed:
        clinic.rename(clinic.scope.company_id, "1")
    assert isinstance(renamed.value.__cause__, NotFound)
    again = pickle.loads(pickle.dumps(raised.value))
    assert (type(again), again.number) == (PatientUnknown, "0")
    with pytest.raises(ConfigError):
        clinic.subjects.delete("../" + unknown)
    clinic.admit("2")
    with pytest.raises(ImageRejected):
        clinic.visit("2", photo(width=255))


def test_upload_is_resumed_from_a_serialized_state(clinic: Clinic, haut_sandbox: Sandbox) -> None:
    subject = clinic.admit("5")
    haut_sandbox.faults.add("upload_image", faults.status(403))
    with pytest.raises(UploadIncomplete) as stopped:
        clinic.upload_and_compute(subject.id, front=photo())
    state = UploadState.from_json(stopped.value.state.to_json())
    visit = Visit("5", clinic.resume_upload(state, front=photo()))
    assert len(visit.image_ids) == haut_sandbox.carried_out("compute_batch") == 1


def test_with_options_keeps_the_subclass(clinic: Clinic, haut_sandbox: Sandbox) -> None:
    impatient = clinic.with_options(timeout=Timeout(read=5), max_retries=0)
    assert isinstance(impatient, Clinic)
    haut_sandbox.faults.add("list_subjects", faults.reset())
    with pytest.raises(TransportError):
        impatient.patient("1")
    haut_sandbox.faults.add("list_subjects", faults.reset())
    assert list(clinic.patients()) == []


def admit_and_upload(clinic: Clinic, number: str) -> Visit:
    """Admit a patient and upload a photo. The executor calls this function in a worker process."""
    with clinic:
        clinic.admit(number)
        return clinic.visit(number, photo())


def test_client_can_be_passed_to_a_process_pool(
    clinic: Clinic, haut_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A pickled client contains no token, so the other processes read it from the environment.
    monkeypatch.setenv("HAUT_TOKEN", haut_sandbox.credentials["token"])
    # This call opens connections, which are not pickled.
    clinic.admit("0")
    numbers = ["1", "2", "3"]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        visits = list(pool.map(admit_and_upload, [clinic] * 3, numbers))
    assert [visit.number for visit in visits] == numbers
    assert haut_sandbox.carried_out("compute_batch") == 3
    assert sorted(subject.name for subject in clinic.patients()) == [
        f"patient-{number}" for number in ["0", *numbers]
    ]
    for visit in visits:
        assert copy.deepcopy(visit) == pickle.loads(pickle.dumps(visit)) == visit


def test_command_line_runs_without_warnings(clinic: Clinic, haut_sandbox: Sandbox) -> None:
    subject = clinic.admit("6")
    variables = {
        f"HAUT_{name.upper()}": str(value) for name, value in haut_sandbox.credentials.items()
    }
    haut = [sys.executable, "-W", "error", str(Path(sys.executable).with_name("haut"))]
    for arguments in (
        ["doctor"],
        ["subjects", "list"],
        ["images", "list", str(subject.id)],
        ["subjects", "list", "--json"],
    ):
        done = subprocess.run(
            [*haut, *arguments], env={**os.environ, **variables}, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


def test_async_client_uploads_concurrently(haut_sandbox: Sandbox) -> None:
    async def upload_five() -> list[str]:
        async with AsyncClinic(**haut_sandbox.credentials) as clinic:
            visits = await asyncio.gather(*(clinic.visit(str(n), photo()) for n in range(5)))
            found = [finding for visit in visits for finding in await clinic.findings(visit)]
            assert all(finding.score is not None for finding in found)
            return sorted([subject.name async for subject in clinic.patients()])

    assert asyncio.run(upload_five()) == [f"patient-{number}" for number in range(5)]
