"""Analysis results: skin metrics, masks and failures, in the same form for both API versions.

The parsers convert the service's JSON to immutable values. JSON with an unknown structure does not
cause an error: every value keeps its original JSON in `raw`.
"""

from haut_ext.analysis_results.batch_results import (
    AlgorithmsFailed,
    AmbiguousResult,
    Api,
    BatchResults,
    Completeness,
    ResultNotFound,
)
from haut_ext.analysis_results.masks import Mask, MaskPoint, MaskShape
from haut_ext.analysis_results.parsing import (
    is_complete,
    read_batch_document,
    read_image_results,
)
from haut_ext.analysis_results.results import (
    AlgorithmResult,
    FaceDetection,
    Feedback,
    Metric,
    Recommendation,
)
from haut_ext.analysis_results.rows import Row

__all__ = [
    "AlgorithmResult",
    "AlgorithmsFailed",
    "AmbiguousResult",
    "Api",
    "BatchResults",
    "Completeness",
    "FaceDetection",
    "Feedback",
    "Mask",
    "MaskPoint",
    "MaskShape",
    "Metric",
    "Recommendation",
    "ResultNotFound",
    "Row",
    "is_complete",
    "read_batch_document",
    "read_image_results",
]
