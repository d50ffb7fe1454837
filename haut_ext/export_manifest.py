"""Manifest of an export: the exported files, and what the service did not return."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from attrs import evolve, frozen

from haut_ext.errors import ConfigError
from haut_ext.text import escape
from haut_ext.types import from_json, to_json

_FORMAT = "haut-subject-export/1"


@frozen
class ExportedFile:
    """One file of an export.

    Attributes:
        path: Path of the file in the export, with slashes.
        sha256: SHA-256 of the file in hexadecimal.
        size: Size of the file in bytes.
        source: HTTP method and route of the request that returned the content, `GET (storage)` for
            a download, or `computed` for a table, which is computed from other files.
        at: Time at which the content was received.
        address_sha256: SHA-256 of the address of a download without its signature. If the service
            later returns another address, a continued export downloads the file again.
    """

    path: str
    sha256: str
    size: int
    source: str
    at: datetime
    address_sha256: str | None = None


@frozen
class ExportGap:
    """Something that the export does not contain.

    Attributes:
        path: Path that the file would have, without the extension of a download.
        reason: Statement of the service, or class of the error, with the HTTP status and error codes
            if there are any.
        at: Time of the last request for it.
    """

    path: str
    reason: str
    at: datetime


@frozen
class ExportChange:
    """A change of the subject's data that the export has noticed.

    Attributes:
        path: Path of the file with the changed data, or folder of a deleted image or batch.
        change: `added` or `changed`: the export contains the new state. `deleted`: the export
            contains what it received before, if anything.
        at: Time at which the change was noticed.
    """

    path: str
    change: Literal["added", "changed", "deleted"]
    at: datetime


@frozen
class ExportManifest:
    """Record of an export: where the data comes from, and what was and was not exported.

    Attributes:
        service: Origin of the service, such as `https://saas.haut.ai`.
        sandbox: Whether the service identified itself as a sandbox of this package.
        client: Name and version of the program that wrote the export.
        reference: The caller's reference of the case, such as a file number.
        company_id: Id of the company that owns the dataset.
        dataset_id: Id of the dataset that contains the subject.
        subject_id: Id of the subject.
        started_at: Start of the export.
        finished_at: Time at which the last pass over the data found no more differences. None if the
            export stopped before.
        files: All files of the export except the manifest, ordered by path.
        absent: What the service itself stated not to have, such as a photo that was deleted.
        unknown: What could not be read, so that it is unknown whether the service has it.
        changes: Changes of the data that were noticed during the export.
    """

    service: str
    sandbox: bool
    client: str
    reference: str | None
    company_id: UUID
    dataset_id: UUID
    subject_id: UUID
    started_at: datetime
    finished_at: datetime | None = None
    files: tuple[ExportedFile, ...] = ()
    absent: tuple[ExportGap, ...] = ()
    unknown: tuple[ExportGap, ...] = ()
    changes: tuple[ExportChange, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the last pass read everything that the service listed, and found no difference.

        Data that the service itself stated not to have (`absent`) does not count as missing.
        """
        return self.finished_at is not None and not self.unknown

    def resume(self, earlier: ExportManifest) -> ExportManifest:
        """Return this manifest, which has no files, with the contents of an earlier one.

        Raises:
            ConfigError: If the earlier manifest belongs to another subject or has another reference.
        """
        if self.subject_key != earlier.subject_key:
            raise ConfigError(
                "to= contains the export of another subject, dataset, company or service"
            )
        if self.reference not in (None, earlier.reference):
            raise ConfigError("to= contains an export with another reference")
        return evolve(
            self,
            reference=earlier.reference,
            started_at=earlier.started_at,
            files=earlier.files,
            changes=earlier.changes,
        )

    @property
    def subject_key(self) -> tuple[str, UUID, UUID, UUID]:
        """Service, company, dataset and subject, which together identify the subject."""
        return self.service, self.company_id, self.dataset_id, self.subject_id

    def to_json(self) -> str:
        """Return the manifest as a JSON string, which `from_json` parses."""
        document = {"format": _FORMAT, "complete": self.complete, **json.loads(to_json(self))}
        return json.dumps(document, indent=2)

    @classmethod
    def from_json(cls, text: str) -> ExportManifest:
        """Parse a JSON string returned by `to_json`, and return the manifest.

        Raises:
            ValueError: If the text is not the JSON of a manifest.
        """
        manifest = from_json(cls, text)
        if json.loads(text).get("format") != _FORMAT:
            raise ValueError("invalid ExportManifest: its format is of another version of haut-ext")
        return manifest

    def __str__(self) -> str:
        sandbox = "  (a sandbox: no real data was exported)" if self.sandbox else ""
        size = sum(file.size for file in self.files)
        lines = [
            "Export of a subject",
            f"  reference  {escape(self.reference or '-')}",
            f"  service    {escape(self.service)}{sandbox}",
            f"  company    {self.company_id}",
            f"  dataset    {self.dataset_id}",
            f"  subject    {self.subject_id}",
            f"  started    {_time(self.started_at)}",
            f"  finished   {_time(self.finished_at) if self.finished_at else 'no'}",
            f"  files      {len(self.files)} with {size:,} bytes",
            f"  client     {escape(self.client)}",
        ]
        for title, gaps in (("absent", self.absent), ("unknown", self.unknown)):
            lines += [f"  {title:<9}  {escape(f'{gap.path}: {gap.reason}')}" for gap in gaps]
        lines += [
            f"  change     {_time(it.at)}  {escape(it.path)}: {it.change}" for it in self.changes
        ]
        return "\n".join([*lines, f"  complete: {self._conclusion}"])

    @property
    def _conclusion(self) -> str:
        if self.complete:
            return "yes, everything that the service listed at the end was exported"
        if self.unknown:
            return f"no, {len(self.unknown)} items could not be read"
        return "no, the export stopped before the end"


def _time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S UTC}"
