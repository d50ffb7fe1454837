"""Python SDK for the Haut.AI skin-analysis API: workflows on top of a generated client.

`Haut` is the synchronous client and `AsyncHaut` the asynchronous one. `haut_api` is the generated
client that both use.
"""

import logging
import os
from typing import TYPE_CHECKING, Any

from haut_ext._version import __version__
from haut_ext.errors import (
    ApiError,
    BadRequest,
    ConfigError,
    Conflict,
    ErrorItem,
    Forbidden,
    HautError,
    ImageRejected,
    ListChanging,
    NotFound,
    RateLimited,
    ServerError,
    StorageError,
    TransportError,
    TransportTimeout,
    Unauthorized,
    UnexpectedResponse,
)
from haut_ext.settings import Options, RequestOptions, Scope, Timeout

if TYPE_CHECKING:
    from haut_api.models import (
        Algorithm,
        Batch,
        CreatedPrivateToken,
        Dataset,
        DatasetReference,
        Image,
        ImageType,
        PrivateToken,
        SignedUpload,
        Subject,
        UploadSlotV3,
        UploadV3,
    )
    from haut_ext._async.client import AsyncClientOptions, AsyncHaut
    from haut_ext._async.http import AsyncHTTPClient
    from haut_ext._async.pagination import AsyncListOperation
    from haut_ext._async.resources.batches import AsyncBatches
    from haut_ext._async.resources.datasets import AsyncDatasets
    from haut_ext._async.resources.images import AsyncImages
    from haut_ext._async.resources.private_tokens import AsyncPrivateTokens
    from haut_ext._async.resources.subjects import AsyncSubjects
    from haut_ext._http.redaction import httpx_log_filter, redact_url
    from haut_ext._http.response_capture import ResponseInfo, capture_responses
    from haut_ext._http.retry_policy import parse_retry_after
    from haut_ext._http.tokens import AsyncToken, SyncToken
    from haut_ext._sync.client import ClientOptions, Haut
    from haut_ext._sync.http import HTTPClient
    from haut_ext._sync.pagination import ListOperation
    from haut_ext._sync.resources.batches import Batches
    from haut_ext._sync.resources.datasets import Datasets
    from haut_ext._sync.resources.images import Images
    from haut_ext._sync.resources.private_tokens import PrivateTokens
    from haut_ext._sync.resources.subjects import Subjects
    from haut_ext.analysis_results import (
        AlgorithmResult,
        AlgorithmsFailed,
        AmbiguousResult,
        Api,
        BatchResults,
        FaceDetection,
        Feedback,
        Mask,
        MaskPoint,
        MaskShape,
        Metric,
        Recommendation,
        ResultNotFound,
        Row,
    )
    from haut_ext.argument_checks import Id
    from haut_ext.erasure_receipt import ErasedBatch, ErasureReceipt, ErasureStep
    from haut_ext.export_manifest import ExportChange, ExportedFile, ExportGap, ExportManifest
    from haut_ext.keyword_arguments import (
        BatchAttributes,
        DatasetAttributes,
        ImageListOptions,
        ListOptions,
        OnState,
        PhotoAttributes,
        Progress,
        SendBytes,
        SubjectAttributes,
        UploadOptions,
        UploadProgress,
        WaitOptions,
    )
    from haut_ext.photos.checks import Photo
    from haut_ext.photos.sources import PhotoFile
    from haut_ext.types import (
        AnalyzedBatch,
        DeletedSubjects,
        Page,
        Side,
        SideState,
        UploadedBatch,
        UploadedImage,
        UploadState,
    )
    from haut_ext.workflow_errors import (
        AnalysisTimeout,
        DeletionIncomplete,
        ErasureIncomplete,
        ExportIncomplete,
        ResultsTimeout,
        UploadIncomplete,
        VerificationIncomplete,
    )

# fmt: off
__all__ = [  # noqa: RUF022 - sorted by topic
    "__version__",
    # Clients and settings
    "Haut", "AsyncHaut", "ClientOptions", "AsyncClientOptions", "RequestOptions",
    "Options", "Scope", "Timeout", "SyncToken", "AsyncToken", "HTTPClient", "AsyncHTTPClient",
    # Resources
    "Batches", "Datasets", "Images", "PrivateTokens", "Subjects", "ListOperation",
    "AsyncBatches", "AsyncDatasets", "AsyncImages", "AsyncPrivateTokens", "AsyncSubjects",
    "AsyncListOperation",
    # Data models of the service
    "Algorithm", "Batch", "CreatedPrivateToken", "Dataset", "DatasetReference", "Image",
    "ImageType", "PrivateToken", "SignedUpload", "Subject", "UploadSlotV3", "UploadV3",
    # Types of method arguments
    "Api", "BatchAttributes", "DatasetAttributes", "Id", "OnState", "Photo", "PhotoAttributes",
    "PhotoFile", "Progress", "Side", "SubjectAttributes", "UploadOptions", "UploadProgress",
    "ImageListOptions", "ListOptions", "SendBytes", "WaitOptions",
    # Return values
    "AlgorithmResult", "AnalyzedBatch", "BatchResults", "DeletedSubjects", "ErasedBatch",
    "ErasureReceipt", "ErasureStep", "ExportChange", "ExportGap", "ExportManifest", "ExportedFile",
    "FaceDetection", "Feedback", "Mask", "MaskPoint", "MaskShape", "Metric", "Page",
    "Recommendation", "Row", "SideState", "UploadState", "UploadedBatch", "UploadedImage",
    # Errors
    "HautError", "AlgorithmsFailed", "AmbiguousResult", "AnalysisTimeout", "ApiError", "BadRequest",
    "ConfigError", "Conflict", "DeletionIncomplete", "ErasureIncomplete", "ErrorItem",
    "ExportIncomplete", "Forbidden", "ImageRejected", "ListChanging", "NotFound", "RateLimited",
    "ResultNotFound", "ResultsTimeout",
    "ServerError", "StorageError", "TransportError", "TransportTimeout", "Unauthorized",
    "UnexpectedResponse", "UploadIncomplete", "VerificationIncomplete",
    # Inspecting requests and responses
    "ResponseInfo", "capture_responses", "httpx_log_filter", "parse_retry_after", "redact_url",
]

# These names are imported on first use, so that a client is created fast. Names that are neither here
# nor imported above are models of haut_api.
_LAZY = {
    "haut_ext._sync.client": ("ClientOptions", "Haut"),
    "haut_ext._sync.http": ("HTTPClient",),
    "haut_ext._sync.pagination": ("ListOperation",),
    "haut_ext._sync.resources.batches": ("Batches",),
    "haut_ext._sync.resources.datasets": ("Datasets",),
    "haut_ext._sync.resources.images": ("Images",),
    "haut_ext._sync.resources.private_tokens": ("PrivateTokens",),
    "haut_ext._sync.resources.subjects": ("Subjects",),
    "haut_ext._async.client": ("AsyncClientOptions", "AsyncHaut"),
    "haut_ext._async.http": ("AsyncHTTPClient",),
    "haut_ext._async.pagination": ("AsyncListOperation",),
    "haut_ext._async.resources.batches": ("AsyncBatches",),
    "haut_ext._async.resources.datasets": ("AsyncDatasets",),
    "haut_ext._async.resources.images": ("AsyncImages",),
    "haut_ext._async.resources.private_tokens": ("AsyncPrivateTokens",),
    "haut_ext._async.resources.subjects": ("AsyncSubjects",),
    "haut_ext._http.tokens": ("AsyncToken", "SyncToken"),
    "haut_ext._http.redaction": ("httpx_log_filter", "redact_url"),
    "haut_ext._http.retry_policy": ("parse_retry_after",),
    "haut_ext._http.response_capture": ("ResponseInfo", "capture_responses"),
    "haut_ext.analysis_results": (
        "AlgorithmResult", "AlgorithmsFailed", "AmbiguousResult", "Api", "BatchResults",
        "FaceDetection", "Feedback", "Mask", "MaskPoint", "MaskShape", "Metric", "Recommendation",
        "ResultNotFound", "Row",
    ),
    "haut_ext.argument_checks": ("Id",),
    "haut_ext.erasure_receipt": ("ErasedBatch", "ErasureReceipt", "ErasureStep"),
    "haut_ext.export_manifest": (
        "ExportChange", "ExportGap", "ExportManifest", "ExportedFile",
    ),
    "haut_ext.keyword_arguments": (
        "BatchAttributes", "DatasetAttributes", "ImageListOptions", "ListOptions", "OnState",
        "PhotoAttributes", "Progress", "SendBytes", "SubjectAttributes", "UploadOptions",
        "UploadProgress", "WaitOptions",
    ),
    "haut_ext.photos.checks": ("Photo",),
    "haut_ext.photos.sources": ("PhotoFile",),
    "haut_ext.types": (
        "AnalyzedBatch", "DeletedSubjects", "Page", "Side", "SideState", "UploadState", "UploadedBatch",
        "UploadedImage",
    ),
    "haut_ext.workflow_errors": (
        "AnalysisTimeout", "DeletionIncomplete", "ErasureIncomplete", "ExportIncomplete",
        "ResultsTimeout", "UploadIncomplete", "VerificationIncomplete",
    ),
}
# fmt: on


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = next((module for module, names in _LAZY.items() if name in names), "haut_api.models")
    return getattr(import_module(module), name)


def _log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logger = logging.getLogger(__name__)
    logger.addHandler(handler)
    logger.setLevel(level.upper())


if os.environ.get("HAUT_LOG", "").lower() in ("debug", "info", "warning"):
    _log_to_stderr(os.environ["HAUT_LOG"])
