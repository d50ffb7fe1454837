"""The handlers of the API's operations, one module for each group of operations."""

from __future__ import annotations

from .auth_handlers import AuthHandler
from .batch_handlers import BatchHandler
from .dataset_handlers import DatasetHandler
from .face_metrics_3_handlers import FaceMetrics3Handler
from .handler_base import Handler
from .image_handlers import ImageHandler
from .subject_handlers import SubjectHandler

HANDLERS: list[type[Handler]] = [
    AuthHandler,
    DatasetHandler,
    SubjectHandler,
    ImageHandler,
    BatchHandler,
    FaceMetrics3Handler,
]
"""All handlers."""
