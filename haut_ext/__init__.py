"""Python SDK for the Haut.AI skin-analysis API: workflows on a generated client.

`Haut` is the synchronous client and `AsyncHaut` the asynchronous one; `haut_api` is the generated
client below.
"""

import logging
import os
from typing import TYPE_CHECKING, Any

from haut_ext._version import __version__
from haut_ext.analysis_results import AlgorithmResult, AlgorithmsFailed, BatchResults, Metric
from haut_ext.erasure_receipt import ErasureReceipt, ErasureStep
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
from haut_ext.settings import Timeout
from haut_ext.types import (
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
    ResultsTimeout,
    UploadIncomplete,
)

if TYPE_CHECKING:
    from haut_ext._async.client import AsyncHaut
    from haut_ext._async.http import AsyncHTTPClient
    from haut_ext._http.redaction import httpx_log_filter, redact_url
    from haut_ext._http.response_capture import ResponseInfo, capture_responses
    from haut_ext._sync.client import Haut
    from haut_ext._sync.http import HTTPClient

__all__ = [
    "AlgorithmResult",
    "AlgorithmsFailed",
    "AnalysisTimeout",
    "ApiError",
    "AsyncHTTPClient",
    "AsyncHaut",
    "BadRequest",
    "BatchResults",
    "ConfigError",
    "Conflict",
    "DeletedSubjects",
    "DeletionIncomplete",
    "ErasureIncomplete",
    "ErasureReceipt",
    "ErasureStep",
    "ErrorItem",
    "Forbidden",
    "HTTPClient",
    "Haut",
    "HautError",
    "ImageRejected",
    "ListChanging",
    "Metric",
    "NotFound",
    "Page",
    "RateLimited",
    "ResponseInfo",
    "ResultsTimeout",
    "ServerError",
    "Side",
    "SideState",
    "StorageError",
    "Timeout",
    "TransportError",
    "TransportTimeout",
    "Unauthorized",
    "UnexpectedResponse",
    "UploadIncomplete",
    "UploadState",
    "UploadedBatch",
    "UploadedImage",
    "__version__",
    "capture_responses",
    "httpx_log_filter",
    "redact_url",
]


# Imported when they are used: they need httpx, which takes as long to import as everything else.
_LAZY = {
    "AsyncHTTPClient": "haut_ext._async.http",
    "AsyncHaut": "haut_ext._async.client",
    "HTTPClient": "haut_ext._sync.http",
    "Haut": "haut_ext._sync.client",
    "ResponseInfo": "haut_ext._http.response_capture",
    "capture_responses": "haut_ext._http.response_capture",
    "httpx_log_filter": "haut_ext._http.redaction",
    "redact_url": "haut_ext._http.redaction",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)


def _log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logger = logging.getLogger(__name__)
    logger.addHandler(handler)
    logger.setLevel(level.upper())


if os.environ.get("HAUT_LOG", "").lower() in ("debug", "info", "warning"):
    _log_to_stderr(os.environ["HAUT_LOG"])
