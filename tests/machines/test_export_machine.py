"""State machine of exports that are disturbed, stopped and continued."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from haut_ext import ConfigError, ExportIncomplete, ExportManifest, Haut, HautError, NotFound
from haut_ext.sandbox.records import Subject
from tests.machines.harness import FAULTS, Action, Plan, SandboxMachine, plans, run_machine
from tests.support.exported_files import add_batch, check_manifest, files_in, missing_data

# After an interruption, the client leaves its open connections to the garbage collector.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")]

MAX_REQUESTS = 2000
SILENT = {"200 without a body", "false 204", "false 200", "truncated JSON"}
"""Faults whose responses a client cannot always tell from those of the service."""


def add(machine: ExportMachine) -> None:
    if machine.exists:
        api = "v3" if len(machine.target.batches) % 2 else "v1"
        batch = add_batch(machine.sandbox, machine.target, 1, api=api)
        machine.note(batch.id, *batch.images)


def delete_image(machine: ExportMachine) -> None:
    with machine.sandbox.database.lock:
        for image in list(machine.target.images.values())[:1]:
            machine.sandbox.database.delete_image(image)


def delete_photos(machine: ExportMachine) -> None:
    with machine.sandbox.database.lock:
        if machine.exists:
            machine.sandbox.database.clear_storage(machine.target)


def set_meta(machine: ExportMachine) -> None:
    with machine.sandbox.database.lock:
        machine.target.meta = {"number": len(machine.sandbox.requests)}
    machine.note("meta")


def delete_subject(machine: ExportMachine) -> None:
    with machine.sandbox.database.lock:
        if machine.exists:
            machine.sandbox.database.delete_subject(machine.target)


CHANGES: dict[str, Action] = {
    "add a batch": add,
    "delete an image": delete_image,
    "delete the photos": delete_photos,
    "set meta": set_meta,
    "delete the subject": delete_subject,
}


class ExportMachine(SandboxMachine):
    """Exports one subject again and again to the same path.

    Attributes:
        target: The subject to export.
        number: Number of the current folder. A complete export is continued in a new folder.
        late: Index of the request before which another client has added an item, by its id.
    """

    actions: ClassVar[dict[str, Action]] = CHANGES
    target: Subject

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.number = 0
        self.late: dict[str, int] = {}

    @initialize(api=st.sampled_from(["v1", "v3"]))
    def create(self, api: str) -> None:
        self.target, other = self.sandbox.add_subjects(2)
        add_batch(self.sandbox, other, 1)
        add_batch(self.sandbox, self.target, 1, api=api)

    @property
    def exists(self) -> bool:
        return self.target.id in self.sandbox.database.subjects

    @property
    def path(self) -> Path:
        return self.folder / str(self.number)

    def note(self, *ids: str) -> None:
        self.late |= dict.fromkeys(ids, len(self.sandbox.requests))

    @rule(change=st.sampled_from(list(CHANGES)))
    def change(self, change: str) -> None:
        CHANGES[change](self)

    @rule(data=st.data())
    def damage_a_file(self, data: st.DataObject) -> None:
        paths = [path for path in self.path.rglob("*.*") if len(path.parts) > 5]
        files = sorted(path for path in paths if path.is_file())
        if files:
            path = data.draw(st.sampled_from(files))
            path.write_bytes(b"damaged") if data.draw(st.booleans()) else path.unlink()

    @rule(
        plan=plans(
            list(CHANGES),
            names=[name for name in FAULTS if name not in SILENT],
            operations=("*", "download_image", "get_image", "list_batches"),
            requests=60,
        ),
        asynchronous=st.booleans(),
    )
    def export(self, plan: Plan, asynchronous: bool) -> None:
        first = len(self.sandbox.requests)
        existed = self.path.exists()
        with self.disturbed(plan) as haut:
            try:
                manifest = self.call_export(haut, asynchronous=asynchronous)
            except ExportIncomplete as error:
                manifest = error.manifest
                assert not manifest.complete
            except NotFound as error:
                self.check_not_found(error, existed=existed)
                return
            except ConfigError:
                raise  # the folder could not be continued
            except (KeyboardInterrupt, asyncio.CancelledError, HautError):
                return
        assert len(self.sandbox.requests) - first < MAX_REQUESTS
        self.check(manifest)

    def call_export(self, haut: Haut, *, asynchronous: bool) -> ExportManifest:
        if not asynchronous:
            return haut.export_subject(self.target.id, to=self.path)
        return self.call_async(
            haut, lambda client: client.export_subject(self.target.id, to=self.path)
        )

    def check_not_found(self, error: NotFound, *, existed: bool) -> None:
        assert not (error.confirmed and self.exists)
        assert self.path.exists() == existed

    def check(self, manifest: ExportManifest) -> None:
        files = files_in(self.path)
        check_manifest(manifest, files)
        assert b"X-Goog" not in b"".join(files.values()), "a signed URL was stored"
        if not manifest.complete:
            return
        self.number += 1
        # What was added after the beginning of the last pass may be missing.
        operations = [request.operation for request in self.sandbox.requests]
        start = len(operations) - 1 - operations[::-1].index("update_subject")
        late = {item for item, number in self.late.items() if number >= start}
        missing = missing_data(self.sandbox, self.target, files) if self.exists else []
        assert [it for it in missing if not any(item in it for item in late)] == []

    @rule(plan=plans(requests=4))
    def export_an_unknown_subject(self, plan: Plan) -> None:
        path = self.folder / "unknown"
        with self.disturbed(plan) as haut:
            try:
                haut.export_subject(uuid4(), to=path)
                raise AssertionError("an unknown subject was exported")
            except (HautError, KeyboardInterrupt):
                assert not path.exists()

    def teardown(self) -> None:
        """Without faults, the export can be completed."""
        if hasattr(self, "target") and self.exists:
            with self.disturbed(Plan()) as haut:
                manifest = self.call_export(haut, asynchronous=False)
            assert manifest.complete, str(manifest)
            files = files_in(self.path)
            check_manifest(manifest, files)
            assert missing_data(self.sandbox, self.target, files) == []
        shutil.rmtree(self.folder)


def test_export_machine() -> None:
    run_machine(ExportMachine, examples=15, steps=6)
