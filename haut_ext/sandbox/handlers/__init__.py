"""Request handlers for the API's operations, with one module per group of operations."""

from __future__ import annotations

from .auth_handlers import AuthHandler
from .batch_handlers import BatchHandler
from .batch_image_handlers import BatchImageHandler
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
    BatchImageHandler,
    FaceMetrics3Handler,
]
"""Handler classes for all operations of the API."""
