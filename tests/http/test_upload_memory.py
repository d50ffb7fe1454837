"""Tests that an upload of 30 MiB in three attempts needs less than 1 MiB of memory."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from haut_ext.photos.checks import MAX_BYTES
from haut_ext.sandbox import Sandbox, faults
from tests.support import measure_upload_memory
from tests.support.sandbox_photos import PHOTO, add_photo, photo_of

LIMIT = 1024 * 1024


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(("client_kind", "photo_kind"), [("sync", "path"), ("async", "file")])
def test_memory_of_an_upload_with_two_retries(
    client_kind: str, photo_kind: str, tmp_path: Path
) -> None:
    content = photo_of(MAX_BYTES)
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with Sandbox(seed=1) as sandbox:
        subject = add_photo(sandbox).subject
        fault = faults.reset("after")
        # Skip the first upload, which sends the small photo.
        sandbox.faults.add("upload_image", fault, times=2, skip=1)
        sandbox.faults.add("upload_image", fault, times=2, skip=1)
        script = Path(measure_upload_memory.__file__)
        done = subprocess.run(
            [
                sys.executable,
                str(script),
                client_kind,
                photo_kind,
                str(subject),
                str(path),
                str(PHOTO),
            ],
            env={f"HAUT_{name.upper()}": str(value) for name, value in sandbox.credentials.items()},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert sandbox.faults.pending == []
        assert sandbox.received("upload_image") == 7
        batches = sandbox.snapshot()["subjects"][0]["batches"]
        assert batches[-1]["images"][0]["sha256"] == hashlib.sha256(content).hexdigest()
    growth = json.loads(done.stdout)
    assert 0 < growth["traced"] < LIMIT
    assert 0 <= growth["resident"] < LIMIT, growth
