"""Python SDK for the Haut.AI skin-analysis API: what people want done, on the generated client.

`Haut` and `AsyncHaut` are the two faces of one client; `haut_api` is the generated contract below.
"""

from typing import TYPE_CHECKING, Any

from haut_ext.errors import (
    AlgorithmsFailed,
    AnalysisTimeout,
    ApiError,
    BadRequest,
    ConfigError,
    Conflict,
    DeletionIncomplete,
    ErasureIncomplete,
    ErrorItem,
    Forbidden,
    HautError,
    ImageRejected,
    ListChanging,
    NotFound,
    RateLimited,
    ResultsTimeout,
    ServerError,
    StorageError,
    TransportError,
    TransportTimeout,
    Unauthorized,
    UnexpectedResponse,
    UploadIncomplete,
)
from haut_ext.metrics import AlgorithmResult, BatchResults, Metric
from haut_ext.results import (
    DeletedSubjects,
    ErasureReceipt,
    ErasureStep,
    Page,
    Side,
    SideState,
    UploadedBatch,
    UploadedImage,
    UploadState,
)
from haut_ext.settings import Timeout

if TYPE_CHECKING:
    from haut_ext._async.client import AsyncHaut
    from haut_ext._sync.client import Haut

__all__ = [
    "AlgorithmResult",
    "AlgorithmsFailed",
    "AnalysisTimeout",
    "ApiError",
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
    "Haut",
    "HautError",
    "ImageRejected",
    "ListChanging",
    "Metric",
    "NotFound",
    "Page",
    "RateLimited",
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
]


def __getattr__(name: str) -> Any:
    # A program uses one of the faces, and importing a face takes as long as importing httpx.
    if name == "Haut":
        from haut_ext._sync.client import Haut

        return Haut
    if name == "AsyncHaut":
        from haut_ext._async.client import AsyncHaut

        return AsyncHaut
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
