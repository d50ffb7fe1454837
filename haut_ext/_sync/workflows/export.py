# Derived from haut_ext/_async/workflows/export.py by `make sync`; change that file instead.
"""Exports a subject: writes everything that the service returns about it to a folder or zip file.

The export makes passes over the data. Each pass reads the subject, the lists of its batches and
images, and every record and result again, and writes what differs from the files. Photos, auxiliary
images and masks are downloaded once. A pass without differences ends the export. It is the check
that the files were still up to date when the pass began.

If the service rejects a request, the manifest lists the file that is missing, and the export
continues. If a request fails with an error that may be temporary, the export stops, and the same
call continues it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, cast
from uuid import UUID

from attrs import define, evolve, field

from haut_api.api.batches import list_batches
from haut_api.api.face_metrics_3 import get_batch_results_v3
from haut_api.api.images import get_image, list_images
from haut_api.api.results import (
    get_aux_image_url,
    list_aux_images,
    list_image_results,
    list_smoothed_results,
)
from haut_ext import errors
from haut_ext._http.download_sink import DownloadSink
from haut_ext._http.redaction import without_signatures
from haut_ext._http.response_capture import ResponseInfo, capture_responses
from haut_ext._sync import storage
from haut_ext._sync.operations import Operation, Operations
from haut_ext._sync.pagination import iterate
from haut_ext._sync.resources.subjects import Subjects
from haut_ext.analysis_results.json_values import as_dict, as_list, as_uuid
from haut_ext.concurrency import gather
from haut_ext.export_folder import ExportFolder
from haut_ext.export_manifest import ExportChange, ExportedFile, ExportGap, ExportManifest
from haut_ext.export_tables import write_tables
from haut_ext.secret import Secret
from haut_ext.workflow_errors import ExportIncomplete

_MAX_PASSES = 10
_CONCURRENT = 8
"""Maximum number of images or batches that the asynchronous client reads concurrently."""

_Addresses = Mapping[str, Any]
"""URLs of downloads by path. The service should return a string or null for each."""


def export_subject(
    operations: Operations,
    subjects: Subjects,
    manifest: ExportManifest,
    to: str | os.PathLike[str],
    on_file: Callable[[ExportedFile], None] | None = None,
) -> ExportManifest:
    """Export all data of the manifest's subject. See `Haut.export_subject`."""
    with ExportFolder(to, manifest, on_file) as folder:
        export = _Export(operations, subjects, folder)
        export.observe()
        try:
            folder.start(sandbox=export.sandbox)
            export.run()
            write_tables(folder, manifest.subject_id)
            return folder.finish(export.outcome(datetime.now(UTC)))
        except errors.CallerError as error:
            raise error.error from None
        except (errors.HautError, OSError, ValueError) as error:
            stopped = export.outcome(None)
            with suppress(OSError):
                stopped = folder.finish(stopped)
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ExportIncomplete(
                f"the export of subject {manifest.subject_id} stopped: {reason} To continue it, "
                "call export_subject with the same arguments.",
                manifest=stopped,
                cause=error,
            ) from error


@define
class _Export:
    """Reads the data of a subject, and writes it to the folder of an export.

    Attributes:
        record: The subject's record, as the service returned it last.
        source: Operation that returned the record.
        sandbox: Whether the service identified itself as a sandbox of this package.
        number: Number of the current pass, starting at 0.
        differences: Number of files that were added, changed or deleted in the current pass.
        listed: Folders of all images and batches that were listed in this call.
        absent, unknown: Gaps found in the current pass, by path.
    """

    operations: Operations
    subjects: Subjects
    folder: ExportFolder
    record: tuple[Any, str] = (None, "")
    sandbox: bool = False
    number: int = 0
    differences: int = 0
    listed: set[str] = field(factory=set[str])
    absent: dict[str, ExportGap] = field(factory=dict[str, ExportGap])
    unknown: dict[str, ExportGap] = field(factory=dict[str, ExportGap])

    @property
    def _subject(self) -> dict[str, UUID]:
        manifest = self.folder.manifest
        return {"dataset_id": manifest.dataset_id, "subject_id": manifest.subject_id}

    def outcome(self, finished_at: datetime | None) -> ExportManifest:
        """Return the manifest of the export, without the files and changes."""
        return evolve(
            self.folder.manifest,
            finished_at=finished_at,
            absent=tuple(self.absent[path] for path in sorted(self.absent)),
            unknown=tuple(self.unknown[path] for path in sorted(self.unknown)),
        )

    def observe(self) -> None:
        """Read the subject's record.

        Raises:
            NotFound: If the dataset does not contain the subject.
        """
        with capture_responses() as responses:
            subject = self.subjects.observe(**self._subject)
        record = _item(responses, subject.id) or subject.to_dict()
        self.record = record, responses[-1].operation
        self.sandbox = responses[-1].is_from_sandbox

    def run(self) -> None:
        """Make passes over the data until one finds no difference."""
        for self.number in range(_MAX_PASSES):
            self.differences = 0
            self.absent.clear()
            self.unknown.clear()
            if self.number:
                self._observe_again()
            self._write("subject.json", *self.record)
            self._export_lists()
            if self.number and not self.differences:
                return
        reason = f"the data changed during each of {_MAX_PASSES} passes"
        self.unknown["."] = ExportGap(".", reason, datetime.now(UTC))

    def _observe_again(self) -> None:
        try:
            self.observe()
        except errors.NotFound as error:
            if error.confirmed:
                self._add_change("subject.json", "deleted")
            raise

    def _export_lists(self) -> None:
        batch_ids = self._export_batch_records()
        images = {
            image.id: image.image_batch_id
            for image in iterate(self.operations, list_images, **self._subject_only)
        }
        self._compare("images", images)
        units = [
            *(partial(self._export_image, *ids) for ids in images.items()),
            *(
                partial(self._export_results_v3, it)
                for it in sorted({*batch_ids, *images.values()})
            ),
        ]
        for start in range(0, len(units), _CONCURRENT):
            for outcome in gather(units[start : start + _CONCURRENT]):
                if isinstance(outcome, Exception):
                    raise outcome

    @property
    def _subject_only(self) -> dict[str, UUID]:
        return {"subject_id": self.folder.manifest.subject_id}

    def _export_batch_records(self) -> list[UUID]:
        """Export the list of batches, and return their ids."""
        try:
            with capture_responses() as responses:
                batches = [it for it in iterate(self.operations, list_batches, **self._subject)]
        except errors.HautError as error:
            # The route is undocumented. "Not found" can mean that the service does not have it.
            self._add_gap("batches", error, absent=False)
            return []
        for batch in batches:
            self._write(f"batches/{batch.id}/batch.json", batch.to_dict(), responses[-1].operation)
        self._compare("batches", [batch.id for batch in batches])
        return [batch.id for batch in batches]

    def _export_image(self, image_id: UUID, batch_id: UUID) -> None:
        base = f"images/{image_id}"
        ids = {**self._subject, "batch_id": batch_id, "image_id": image_id}
        found = self._get_json(
            f"{base}/image.json", get_image, dict, image_id=image_id, generate_signed_url=True
        )
        record = self._check_id(f"{base}/image.json", found, image_id)
        self._export_json(f"{base}/results.v1.json", list_image_results, list, **ids)
        self._export_json(f"{base}/smoothed.json", list_smoothed_results, list, **ids)
        aux_images = self._export_json(f"{base}/aux.json", list_aux_images, list, **ids)
        addresses = _image_addresses(base, record or {}, aux_images or [])
        if record is None:
            del addresses[f"{base}/photo"]
        for path, address in addresses.items():
            if address is None and path != f"{base}/photo":
                aux_id = UUID(path.rpartition("/")[2])
                found = self._get_json(path, get_aux_image_url, dict, **ids, aux_id=aux_id)
                if found is None:
                    continue
                address = found[0].get("url")
            self._download(path, address, partial(self._read_image_addresses, image_id))

    def _check_id(
        self, path: str, found: tuple[Any, str] | None, item_id: UUID
    ) -> dict[str, Any] | None:
        """Write a record and return it, unless it is the record of another item."""
        if found is None:
            return None
        if as_uuid(found[0].get("id")) != item_id:
            self.unknown[path] = ExportGap(path, "the id is of another item", datetime.now(UTC))
            return None
        self._write(path, *found)
        return cast("dict[str, Any]", found[0])

    def _read_image_addresses(self, image_id: UUID) -> _Addresses:
        record = self.operations.get_json(
            get_image, dict, image_id=image_id, generate_signed_url=True
        )
        return _image_addresses(f"images/{image_id}", record, [])

    def _export_results_v3(self, batch_id: UUID) -> None:
        base = f"batches/{batch_id}"
        document = self._export_json(
            f"{base}/results.v3.json", get_batch_results_v3, dict, batch_id=batch_id
        )
        for path, address in _document_addresses(base, document).items():
            self._download(path, address, partial(self._read_addresses_v3, batch_id))

    def _read_addresses_v3(self, batch_id: UUID) -> _Addresses:
        document = self.operations.get_json(get_batch_results_v3, dict, batch_id=batch_id)
        return _document_addresses(f"batches/{batch_id}", document)

    def _export_json(
        self, path: str, operation: Operation[Any], kind: type[Any], **parameters: Any
    ) -> Any:
        """Write the response to a file, and return it, or None if there is a gap instead."""
        found = self._get_json(path, operation, kind, **parameters)
        if found is None:
            return None
        self._write(path, *found)
        return found[0]

    def _get_json(
        self, path: str, operation: Operation[Any], kind: type[Any], **parameters: Any
    ) -> tuple[Any, str] | None:
        """Return a response and its operation, or None if there is a gap instead of the file."""
        try:
            with capture_responses() as responses:
                value = self.operations.get_json(operation, kind, **parameters)
        except errors.HautError as error:
            self._add_gap(path, error)
            return None
        return value, responses[-1].operation

    def _download(self, path: str, address: Any, read_again: Callable[[], _Addresses]) -> None:
        """Download a file, unless this was done before.

        Args:
            path: Path of the file without its extension.
            address: The signed URL, as the service returned it.
            read_again: Returns new URLs. It is called if this one has expired.
        """
        if address is None:
            self._add_absence(path, "the service returned null as the address of the file")
            return
        address = str(address)
        sha256 = hashlib.sha256(address.partition("?")[0].encode("utf-8", "replace")).hexdigest()
        earlier = self.folder.downloaded(path)
        if earlier is not None and earlier.address_sha256 == sha256:
            return
        try:
            try:
                self._transfer(path, address, sha256)
            except errors.StorageError as error:
                if error.code != "ExpiredToken":
                    raise
                self._transfer(path, str((read_again()).get(path)), sha256)
        except errors.HautError as error:
            self._add_gap(path, error)
            return
        self._count(path, changed=earlier is not None)

    def _transfer(self, path: str, address: str, sha256: str) -> None:
        with self.folder.writing(path, "GET (storage)", sha256) as file:
            http = self.operations.http
            storage.download(http, Secret(address), DownloadSink(cast(Any, file)))

    def _write(self, path: str, value: Any, source: str) -> None:
        changed = path in self.folder.files
        if self.folder.write_json(path, without_signatures(value), source):
            self._count(path, changed=changed)

    def _count(self, path: str, *, changed: bool) -> None:
        """Count a file that was written, and record the change if it replaces another one."""
        self.differences += 1
        if changed:
            self._add_change(path, "changed")

    def _compare(self, kind: str, ids: Collection[UUID]) -> None:
        """Record which images or batches were added or deleted since the previous pass or call."""
        listed = {f"{kind}/{item_id}" for item_id in ids}
        exported = {"/".join(path.split("/")[:2]) for path in self.folder.paths(rf"{kind}/.*")}
        known = exported | {path for path in self.listed if path.startswith(f"{kind}/")}
        for path in sorted(listed - self.listed if self.number else ()):
            self._add_change(path, "added")
        for path in sorted(known - listed):
            self._add_change(path, "deleted")
        self.listed |= listed

    def _add_change(self, path: str, change: Literal["added", "changed", "deleted"]) -> None:
        earlier = [it.change for it in self.folder.changes if it.path == path]
        if change != "deleted" or earlier[-1:] != ["deleted"]:
            self.differences += 1
            self.folder.add_change(ExportChange(path, change, datetime.now(UTC)))

    def _add_gap(self, path: str, error: errors.HautError, *, absent: bool = True) -> None:
        """Record that a file is missing.

        Raises:
            HautError: The error, if the request may succeed later.
        """
        if absent and _is_absence(error):
            self._add_absence(path, errors.short_reason(error))
        elif _is_temporary(error):
            raise error
        else:
            self.unknown[path] = ExportGap(path, errors.short_reason(error), datetime.now(UTC))

    def _add_absence(self, path: str, reason: str) -> None:
        self.absent[path] = ExportGap(path, reason, datetime.now(UTC))
        if path in self.folder.files or self.folder.downloaded(path):
            self._add_change(path, "deleted")


def _item(responses: list[ResponseInfo], item_id: UUID) -> dict[str, Any] | None:
    """Return the JSON object with an id from responses that are objects, or pages of a list."""
    for info in reversed(responses):
        document = info.response.json()
        page = as_list(document) or as_list(as_dict(document).get("results"))
        for item in map(as_dict, page or [document]):
            if as_uuid(item.get("id")) == item_id:
                return item
    return None


def _image_addresses(base: str, record: dict[str, Any], aux_images: list[Any]) -> dict[str, Any]:
    """Return the URLs of an image's photo and auxiliary images by path; None for unknown ones."""
    found: dict[str, Any] = {f"{base}/photo": record.get("signed_url", "")}
    for aux in [*as_list(record.get("aux_images")), *aux_images]:
        with suppress(KeyError, TypeError, ValueError, AttributeError):
            path = f"{base}/aux/{UUID(aux['id'])}"
            found[path] = found.get(path) or aux.get("signed_url")
    return found


def _document_addresses(base: str, document: Any) -> dict[str, str]:
    """Return the URLs of masks and predicted images in the results of a v3 batch, by path."""
    found: dict[str, str] = {}
    for names, address in _addresses_in(document):
        words = [re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") for name in names]
        words = [word for word in words if word not in ("", "face_skin_metrics_3", "parameters")]
        stem = path = f"{base}/files/{'-'.join(words)[:80] or 'file'}"
        taken = {other.lower() for other in found}  # file systems may ignore upper and lower case
        number = 1
        while path.lower() in taken:
            number += 1
            path = f"{stem}-{number}"
        found[path] = address
    return found


def _addresses_in(
    value: Any, names: tuple[str, ...] = (), *, inside: bool = False
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each URL in masks or predicted images, with the keys that lead to it."""
    for name, item in as_dict(value).items():
        is_file = inside or name == "masks" or name.startswith("predicted_")
        yield from _addresses_in(item, (*names, name), inside=is_file)
    for number, item in enumerate(as_list(value)):
        yield from _addresses_in(item, (*names, str(number)), inside=inside)
    if inside and isinstance(value, str) and "://" in value:
        yield names, value


def _is_absence(error: errors.HautError) -> bool:
    """Return whether the service or its storage itself stated that something does not exist."""
    if isinstance(error, errors.StorageError):
        return error.status == 404 and error.code == "NoSuchKey"
    return isinstance(error, errors.NotFound) and error.confirmed


def _is_temporary(error: errors.HautError) -> bool:
    """Return whether the same request may succeed later, or all other requests would fail, too."""
    if isinstance(error, errors.StorageError) and (error.status or 0) >= 500:
        return True
    kinds = (
        *(errors.TransportError, errors.ServerError, errors.RateLimited, errors.Unauthorized),
        errors.ListChanging,
    )
    return error.retryable or isinstance(error, kinds)
