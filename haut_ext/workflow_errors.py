"""Errors of workflows. Each error carries the data that is needed to continue the workflow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from haut_ext.analysis_results import BatchResults
from haut_ext.erasure_receipt import ErasureReceipt
from haut_ext.errors import HautError
from haut_ext.types import DeletedSubjects, UploadedBatch, UploadState

if TYPE_CHECKING:
    from haut_api.models import Image


@dataclass(eq=False, repr=False, kw_only=True)
class WorkflowStopped(HautError):
    """Base class of errors of workflows that an error of a single step stopped.

    Attributes:
        cause: The error of the step. `retryable` has the same value as that of the cause.
    """

    cause: Exception
    retryable: bool = field(default=False, init=False)

    def __post_init__(self, message: str) -> None:
        super().__post_init__(message)
        self.retryable = getattr(self.cause, "retryable", False)


@dataclass(eq=False, repr=False, kw_only=True)
class DeletionIncomplete(WorkflowStopped):
    """A deletion of several subjects stopped before its end.

    Attributes:
        outcome: The subjects that are deleted, were not found, or whose state is unknown. The
            last group can be passed to `delete_many` again.
    """

    outcome: DeletedSubjects


@dataclass(eq=False, repr=False, kw_only=True)
class UploadIncomplete(WorkflowStopped):
    """An upload stopped before its end. `resume_upload` completes it from `state`.

    Attributes:
        state: Progress of the upload. Can be stored as JSON.
    """

    state: UploadState


@dataclass(eq=False, repr=False, kw_only=True)
class ErasureIncomplete(WorkflowStopped):
    """An erasure stopped before its end. Calling `erase_subject` again completes it.

    Attributes:
        receipt: Receipt of the completed steps and of the failed one.
    """

    receipt: ErasureReceipt


@dataclass(eq=False, repr=False, kw_only=True)
class AnalysisTimeout(HautError, TimeoutError):
    """The analysis of a batch did not finish within `wait_timeout`.

    The service continues the analysis, so the call that waits can be repeated.

    Attributes:
        images: Images of the batch, as last received.
    """

    images: tuple[Image, ...]


@dataclass(eq=False, repr=False, kw_only=True)
class ResultsTimeout(HautError, TimeoutError):
    """The results of a batch were not complete within `wait_timeout`.

    The service continues the analysis, so the call that waits can be repeated.

    Attributes:
        batch: The batch, for `wait_for_results`. It does not have to be uploaded again.
        results: The results available so far.
    """

    batch: UploadedBatch
    results: BatchResults
