"""Errors of workflows, which carry what is needed to continue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haut_ext.analysis_results import BatchResults
from haut_ext.erasure_receipt import ErasureReceipt
from haut_ext.errors import HautError
from haut_ext.types import DeletedSubjects, UploadedBatch, UploadState

if TYPE_CHECKING:
    from haut_api.models import Image


class DeletionIncomplete(HautError):
    """Deleting many subjects stopped half-way.

    Attributes:
        outcome: What was deleted, what was not there, and what is unknown and can be tried again.
        cause: The error that stopped it.
    """

    def __init__(self, message: str, *, outcome: DeletedSubjects, cause: Exception) -> None:
        super().__init__(message)
        self.retryable = getattr(cause, "retryable", False)
        self.outcome = outcome
        self.cause = cause


class UploadIncomplete(HautError):
    """An upload stopped half-way; `resume_upload` finishes it from `state`.

    Attributes:
        state: Batch, and for each side the image and how far it came; also as JSON.
        cause: The error that stopped it.
    """

    def __init__(self, message: str, *, state: UploadState, cause: Exception) -> None:
        super().__init__(message)
        self.retryable = getattr(cause, "retryable", False)
        self.state = state
        self.cause = cause


class AnalysisTimeout(HautError, TimeoutError):
    """A batch was not analysed in time; the analysis goes on, and can be waited for again.

    Attributes:
        images: The batch's images as they were last seen, analysed or not.
    """

    def __init__(self, message: str, *, images: tuple[Image, ...]) -> None:
        super().__init__(message)
        self.images = images


class ResultsTimeout(HautError, TimeoutError):
    """The results of a batch were not all there in time; they can be waited for again.

    Attributes:
        batch: The batch, for `wait_for_results`; nothing has to be uploaded or computed anew.
        results: What there is by now.
    """

    def __init__(self, message: str, *, batch: UploadedBatch, results: BatchResults) -> None:
        super().__init__(message)
        self.batch = batch
        self.results = results


class ErasureIncomplete(HautError):
    """An erasure stopped half-way; calling it again completes it.

    Attributes:
        receipt: The steps done so far, and the one that failed.
        cause: The error that stopped it.
    """

    def __init__(self, message: str, *, receipt: ErasureReceipt, cause: Exception) -> None:
        super().__init__(message)
        self.retryable = getattr(cause, "retryable", False)
        self.receipt = receipt
        self.cause = cause
