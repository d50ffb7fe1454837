"""Errors raised by workflows. Each error contains the data needed to continue the workflow."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from haut_ext.analysis_results import BatchResults
from haut_ext.erasure_receipt import ErasureReceipt
from haut_ext.errors import HautError, error_class, parse_cause, parsed_by
from haut_ext.export_manifest import ExportManifest
from haut_ext.types import DeletedSubjects, UploadedBatch, UploadState, from_json

if TYPE_CHECKING:
    from haut_api.models import Image


@dataclass(eq=False, repr=False, kw_only=True)
class WorkflowStopped(HautError):
    """Base class of errors raised if a step of a workflow fails and stops the workflow.

    Attributes:
        cause: The error that stopped the workflow. Its `retryable` value is copied to this error.
    """

    cause: Exception = field(metadata=parsed_by(parse_cause))
    retryable: bool = field(default=False, init=False)

    def __post_init__(self, message: str) -> None:
        super().__post_init__(message)
        self.retryable = getattr(self.cause, "retryable", False)


@error_class
class DeletionIncomplete(WorkflowStopped):
    """The deletion of several subjects stopped before all were deleted.

    Attributes:
        outcome: Ids of the subjects that were deleted, were not found, or whose state is unknown.
            You can pass the ids in `outcome.unknown` to `delete_many` again.
    """

    outcome: DeletedSubjects = field(metadata=parsed_by(partial(from_json, DeletedSubjects)))


@error_class
class UploadIncomplete(WorkflowStopped):
    """An upload stopped before it was complete. To continue it, pass `state` to `resume_upload`.

    Attributes:
        state: Progress of the upload. It can be stored as JSON.
        retryable: False if a missing photo was passed as a stream that cannot seek. To continue
            the upload, open it again.
    """

    state: UploadState = field(metadata=parsed_by(UploadState.from_json))


@error_class
class ErasureIncomplete(WorkflowStopped):
    """An erasure stopped before it was complete. To continue it, call `erase_subject` again.

    Attributes:
        receipt: Receipt that lists the completed steps and the failed step.
    """

    receipt: ErasureReceipt = field(metadata=parsed_by(ErasureReceipt.from_json))


@error_class
class VerificationIncomplete(WorkflowStopped):
    """A check of an erasure could not be made. To make all checks again, call `verify_erasure` again.

    Attributes:
        receipt: Receipt with the results of the checks that were made.
    """

    receipt: ErasureReceipt = field(metadata=parsed_by(ErasureReceipt.from_json))


@error_class
class ExportIncomplete(WorkflowStopped):
    """An export stopped before its end. To continue it, make the same call again.

    Attributes:
        manifest: Manifest of the files exported so far.
    """

    manifest: ExportManifest = field(metadata=parsed_by(ExportManifest.from_json))


@error_class
class AnalysisTimeout(HautError, TimeoutError):
    """The analysis of a batch did not finish within `wait_timeout`.

    The service continues the analysis, so the call that waits can be repeated.

    Attributes:
        images: Images of the batch, as received in the latest response.
    """

    images: tuple[Image, ...]


@error_class
class ResultsTimeout(HautError, TimeoutError):
    """The results of a batch were not complete within `wait_timeout`.

    The service continues the analysis, so the call that waits can be repeated.

    Attributes:
        batch: The batch, which can be passed to `wait_for_results` again without another upload.
        results: The analysis results that are available so far.
        missing: Families in `wait_for` of which at least one image has no result.
    """

    batch: UploadedBatch = field(metadata=parsed_by(UploadedBatch.from_json))
    results: BatchResults = field(metadata=parsed_by(BatchResults.from_json))
    missing: tuple[str, ...] = ()
