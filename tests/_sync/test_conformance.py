# Derived from tests/_async/test_conformance.py by `make sync`; change that file instead.
"""Tests the generated function of every operation against every fault of the conformance table.

The sandbox injects each fault over real sockets. It counts the requests that it received and the
requests that it carried out.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from haut_api.api.batches import (
    create_batch,
    create_batch_image,
    create_subject_image,
    delete_batch,
    list_batch_images,
    list_batches,
)
from haut_api.api.datasets import (
    create_dataset,
    get_dataset,
    list_datasets,
    list_datasets_short,
)
from haut_api.api.dictionaries import list_algorithms, list_image_types
from haut_api.api.face_metrics_3 import (
    compute_batch_v3,
    create_upload_urls_v3,
    get_batch_results_v3,
)
from haut_api.api.images import (
    compute_batch,
    create_signed_upload_url,
    delete_image,
    get_image,
    list_images,
)
from haut_api.api.login import login, refresh_access_token
from haut_api.api.private_tokens import (
    create_private_token,
    delete_private_token,
    list_private_tokens,
)
from haut_api.api.results import (
    get_aux_image_url,
    list_aux_images,
    list_image_results,
    list_smoothed_results,
)
from haut_api.api.subjects import (
    clear_subject_metadata,
    clear_subject_storage,
    create_subject,
    delete_subject,
    delete_subjects,
    list_subjects,
    update_subject,
)
from haut_api.errors import DecodeError
from haut_api.models import (
    BatchRequest,
    ComputeRequest,
    DatasetRequest,
    ImageUploadRequest,
    LoginRequest,
    PatchedSubjectRequest,
    PrivateTokenRequest,
    RefreshRequest,
    SignedUploadRequest,
    SubjectRequest,
    UploadRequestV3,
)
from haut_ext import Haut, HautError, Timeout, TransportError
from haut_ext.photos.checks import Photo
from haut_ext.sandbox import Sandbox
from haut_ext.sandbox.algorithms import FACE_SKIN_METRICS_2, FACE_SKIN_METRICS_3
from tests.support.conformance import CELLS, COLUMNS, FAULTS, Cell

pytestmark = pytest.mark.anyio

PHOTO = "examples/photos/portrait.webp"


@pytest.fixture
def sandbox(short_backoff: None) -> Iterator[Sandbox]:
    with Sandbox(seed=1, analysis_reads=0) as sandbox:
        yield sandbox


@pytest.fixture
def other_host() -> Iterator[socket.socket]:
    """A listening socket that stands for a foreign host. The client must never connect to it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


class OperationCaller:
    """Calls operations on a subject that has one analyzed photo."""

    def __init__(self, sandbox: Sandbox, haut: Haut) -> None:
        self.haut = haut
        [subject] = sandbox.add_subjects(1)
        [image] = sandbox.add_images(subject, 1, photo=b"photo")
        with sandbox.database.lock:
            for application in (FACE_SKIN_METRICS_2, FACE_SKIN_METRICS_3):
                sandbox.state.analyses.start(image.batch, application)
            sandbox.state.analyses.update(image)
            refresh_token = sandbox.state.authentication.create_refresh_token()
            ends = datetime.now(UTC) + timedelta(days=1)
            private_token = sandbox.state.authentication.create_private_token("backend", ends)
        self.subject = UUID(subject.id)
        self.bodies = {
            "login": LoginRequest(**sandbox.login_credentials),
            "refresh_access_token": RefreshRequest(refresh_token),
            "create_private_token": PrivateTokenRequest("another", ends),
        }
        self.arguments: dict[str, Any] = {
            "company_id": haut.scope.company_id,
            "dataset_id": haut.scope.dataset(),
            "subject_id": self.subject,
            "subjects_ids": [self.subject],
            "image_id": UUID(image.id),
            "batch_id": UUID(image.batch.id),
            "aux_id": UUID(image.analysis.aux_images[0].id),
            "id": private_token.id,
            "client": haut.api,
        }

    def call(self, operation: str) -> None:
        """Call the generated function of an operation."""
        module, names, body = OPERATIONS[operation]
        arguments = {name: self.arguments[name] for name in (*names.split(), "client")}
        if (body := body or self.bodies.get(operation)) is not None:
            arguments["body"] = body
        response = module.sync_detailed(**arguments)
        assert 200 <= response.status_code < 300

    def prepare_upload(self, dead_url: str | None) -> Callable[[], None]:
        """Request a signed upload URL and return a function that sends a photo to this URL."""
        slot = self.haut.images.request_upload(self.subject)
        if dead_url is not None:
            path = slot.upload_url.url.split("/", 3)[3]
            slot = evolve(slot, upload_url=evolve(slot.upload_url, url=f"{dead_url}/{path}"))
        photo = Photo.open(PHOTO)
        return lambda: self.haut.images.send_bytes(slot, photo)


OF_SUBJECT = "company_id dataset_id subject_id"
OF_IMAGE = f"{OF_SUBJECT} batch_id image_id"
OPERATIONS: dict[str, tuple[Any, str, Any]] = {
    "list_subjects": (list_subjects, "company_id dataset_id", None),
    "create_subject": (create_subject, "company_id dataset_id", SubjectRequest(name="someone")),
    "update_subject": (update_subject, OF_SUBJECT, PatchedSubjectRequest(meta={"a": 1})),
    "delete_subject": (delete_subject, OF_SUBJECT, None),
    "delete_subjects": (delete_subjects, "company_id dataset_id subjects_ids", None),
    "clear_subject_storage": (clear_subject_storage, OF_SUBJECT, None),
    "clear_subject_metadata": (clear_subject_metadata, OF_SUBJECT, None),
    "create_signed_upload_url": (
        create_signed_upload_url,
        "company_id subject_id",
        SignedUploadRequest(),
    ),
    "compute_batch": (compute_batch, "company_id batch_id", ComputeRequest()),
    "list_images": (list_images, "company_id subject_id", None),
    "get_image": (get_image, "company_id image_id", None),
    "delete_image": (delete_image, "company_id image_id", None),
    "login": (login, "", None),
    "refresh_access_token": (refresh_access_token, "", None),
    "create_private_token": (create_private_token, "", None),
    "list_private_tokens": (list_private_tokens, "", None),
    "delete_private_token": (delete_private_token, "id", None),
    "create_dataset": (create_dataset, "company_id", DatasetRequest("study")),
    "list_datasets": (list_datasets, "company_id", None),
    "list_datasets_short": (list_datasets_short, "company_id", None),
    "get_dataset": (get_dataset, "company_id dataset_id", None),
    "list_image_types": (list_image_types, "", None),
    "list_algorithms": (list_algorithms, "", None),
    "create_batch": (create_batch, OF_SUBJECT, BatchRequest()),
    "list_batches": (list_batches, OF_SUBJECT, None),
    "delete_batch": (delete_batch, f"{OF_SUBJECT} batch_id", None),
    "create_batch_image": (
        create_batch_image,
        f"{OF_SUBJECT} batch_id",
        ImageUploadRequest("cGhvdG8="),
    ),
    "create_subject_image": (create_subject_image, OF_SUBJECT, ImageUploadRequest("cGhvdG8=")),
    "list_batch_images": (list_batch_images, f"{OF_SUBJECT} batch_id", None),
    "list_smoothed_results": (list_smoothed_results, OF_IMAGE, None),
    "list_image_results": (list_image_results, OF_IMAGE, None),
    "list_aux_images": (list_aux_images, OF_IMAGE, None),
    "get_aux_image_url": (get_aux_image_url, f"{OF_IMAGE} aux_id", None),
    "create_upload_urls_v3": (
        create_upload_urls_v3,
        "company_id subject_id",
        UploadRequestV3(front="front.jpg"),
    ),
    "compute_batch_v3": (compute_batch_v3, "company_id batch_id", ComputeRequest()),
    "get_batch_results_v3": (get_batch_results_v3, "company_id batch_id", None),
}


WITHOUT_BODY = {("compute_batch_v3", "dribble past deadline")}
"""Table cells in which the call succeeds, because an empty response body cannot arrive slowly."""

WITHOUT_TOKEN = (*COLUMNS["REFRESH"], *COLUMNS["LOGIN"], *COLUMNS["PUT"])


def client_for_cell(sandbox: Sandbox, cell: Cell) -> Haut:
    credentials = sandbox.credentials
    unreachable = cell.fault == "connection refused" and cell.operation != "upload_image"
    as_callable = cell.fault == "401, token as a callable"
    stalls = cell.fault.startswith("stall")
    seconds = 0.5 if cell.fault.startswith("dribble") else 20
    return Haut(
        token=sandbox.issue_token if as_callable else credentials["token"],
        company_id=credentials["company_id"],
        dataset_id=credentials["dataset_id"],
        base_url=sandbox.unreachable_url if unreachable else credentials["base_url"],
        timeout=Timeout(read=0.2) if stalls else Timeout(),
        deadline=seconds,
        max_retries=1,
        max_retry_after=5,
    )


@pytest.mark.parametrize("cell", CELLS)
def test_cell(cell: Cell, sandbox: Sandbox, other_host: socket.socket) -> None:
    with client_for_cell(sandbox, cell) as haut:
        caller = OperationCaller(sandbox, haut)
        if cell.operation == "upload_image":
            dead_url = sandbox.unreachable_url if cell.fault == "connection refused" else None
            call = caller.prepare_upload(dead_url)
        else:
            call = lambda: caller.call(cell.operation)  # noqa: E731
        fault = FAULTS[cell.fault](f"http://127.0.0.1:{other_host.getsockname()[1]}/")
        if fault is not None:
            sandbox.faults.add(cell.operation, fault, times=cell.arrived if cell.always else 1)
        if cell.outcome == "ok" or (cell.operation, cell.fault) in WITHOUT_BODY:
            call()
        else:
            with pytest.raises((HautError, DecodeError)) as caught:
                call()
            check_error(cell, caught.value)

    assert sandbox.faults.pending == [], "the fault did not happen"
    assert sandbox.received(cell.operation) == cell.arrived
    assert sandbox.carried_out(cell.operation) == cell.carried_out
    with pytest.raises(BlockingIOError):
        other_host.accept()
    for arrival in sandbox.requests:
        assert arrival.had_authorization == (arrival.operation not in WITHOUT_TOKEN)
    for never_repeated in (*COLUMNS["POST"], *COLUMNS["REFRESH"], *COLUMNS["LOGIN"]):
        assert sandbox.carried_out(never_repeated) <= 1


def check_error(cell: Cell, error: Exception) -> None:
    assert type(error).__name__ == cell.outcome, repr(error)
    maybe = getattr(error, "maybe_carried_out", getattr(error, "maybe_delivered", False))
    assert maybe == cell.maybe_carried_out
    if cell.maybe_carried_out and cell.operation in ("create_subject", "compute_batch"):
        assert "may have been carried out" in str(error)
    if isinstance(error, TransportError):
        attempts = 1 if cell.operation == "login" else 2
        assert error.attempts == (attempts if cell.fault == "connection refused" else cell.arrived)
    if cell.fault == "429, long Retry-After":
        assert "3600 s" in str(error)
