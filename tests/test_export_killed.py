"""An export that is killed at any access to a file is continued by the same call."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import zipfile
from pathlib import Path

import pytest

from haut_ext import ExportManifest, Haut
from haut_ext.sandbox import Credentials, Sandbox
from tests.support.exported_files import add_batch, check_manifest, missing_data

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["haut_ext._sync.workflows.export"])
_EVENTS = {"open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.chmod"}
STEP = 20


def export(credentials: Credentials, subject_id: str, to: Path, accesses: int) -> None:
    """Export a subject. Kill this process at the given number of accesses to the files."""
    count = 0

    def on_event(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        if event in _EVENTS and str(arguments[0]).startswith(str(to.parent)):
            count += 1
            if count == accesses:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(on_event)
    with Haut(**credentials) as haut:
        haut.export_subject(subject_id, to=to)


@pytest.mark.slow
def test_killed_export_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with Sandbox(analysis_reads=0) as sandbox:
        [subject] = sandbox.add_subjects(1)
        add_batch(sandbox, subject, 1)
        add_batch(sandbox, subject, 1, api="v3")
        for number in itertools.count(1):
            arguments = (sandbox.credentials, subject.id, path, 1 + STEP * number)
            process = _processes.Process(target=export, args=arguments)
            process.start()
            process.join()
            if path.exists():
                break
            assert process.exitcode == -signal.SIGKILL
        assert number > 4
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        manifest = ExportManifest.from_json(files["manifest.json"].decode())
        check_manifest(manifest, files)
        assert manifest.complete
        assert missing_data(sandbox, subject, files) == []
        downloads = [file for file in manifest.files if file.source == "GET (storage)"]
        assert sandbox.received("download_image") < len(downloads) + number
    assert {entry.name for entry in tmp_path.iterdir()} <= {path.name, f"{path.name}.partial"}
