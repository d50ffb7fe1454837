"""Provides example arguments and an example response for each operation.

The contract contains the documented responses of subjects and images as examples. The other
responses are written here according to sections 2, 3, 6, 7, 8 and 13 of the API facts.
"""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from uuid import UUID

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
from tests.contract import CONTRACT

SPEC = CONTRACT
EXAMPLE_ID = UUID("9b810e76-6ec9-4286-a3ca-828dd5f4b3b2")

_ID = str(EXAMPLE_ID)
_TIME = "2025-02-27 03:40:28"
_NAMED = {"id": 1, "name": "Front", "tech_name": "front"}
_IMAGE_TYPE = {
    "id": 1,
    "name": "Selfie",
    "tech_name": "selfie",
    "sides": [_NAMED],
    "lights": [_NAMED],
}
_DATASET = {
    "id": _ID,
    "company_id": _ID,
    "name": "study",
    "image_type": _IMAGE_TYPE,
    "image_type_name": "Selfie",
    "image_type_tech_name": "selfie",
    "connected_applications": [{"id": _ID}],
    "expire_images_after_days": 30,
}
_METRIC = {
    "value": 41.0,
    "widget_type": "bad_good_line",
    "name": "Acne",
    "tech_name": "acne_score",
    "widget_meta": None,
    "units": None,
}
_MASK = {
    "type": "FeatureCollection",
    "mask_type": "point_mask",
    "name": "Acne",
    "tech_name": "acne_mask",
    "view_box": "0 0 2380 2380",
    "fill": "#ff0000",
    "side": "front",
    "features": [
        {
            "type": "feature",
            "properties": {"intensity": 0.5},
            "geometry": {"type": "MultiPoint", "coordinates": [[1, 2, 3]]},
        }
    ],
}
_RESULT = {
    "id": _ID,
    "result": {
        "algorithm_tech_name": "acne",
        "area_results": [
            {"area_name": "face", "main_metric": _METRIC, "sub_metrics": [_METRIC]},
            {"area_name": "nose", "sub_metrics": {"yaw_angle": -4}, "debug_metrics": {"iso": 0.5}},
        ],
        "masks_restored": [_MASK],
        "feedback": {"overlay": "", "tooltip": {"warn": [], "negative": [], "positive": ["fine"]}},
        "detection_params": {"face_detected": True, "detection_confidence": 0.9, "yaw_angle": None},
        "transform_sequence": {"sequence": []},
    },
    "is_ok": True,
    "image_id": _ID,
    "algorithm_version_id": 1,
    "creation_time": _TIME,
    "application_id": _ID,
    "application_name": "Face Skin Metrics 2.0",
    "application_description": "",
    "application_run_id": _ID,
    "image_type": "selfie",
    "algorithm_family_tech_name": "selfie_v2.acne",
}
_BATCH_IMAGE = {
    "id": _ID,
    "image_batch_id": _ID,
    "urls": {"original": f"https://example.com/images/{_ID}.jpg"},
}
_AUXILIARY = {
    "id": _ID,
    "aux_image_type": _NAMED,
    "creation_time": _TIME,
    "application_id": _ID,
    "application_name": "Face Skin Metrics 2.0",
    "application_run_id": _ID,
    "application_description": "",
    "urls": {"original": "https://example.com/"},
}
_SLOT = {
    "url": "https://example.com/",
    "method": "PUT",
    "headers": {"Host": "example.com"},
    "content_type": "application/octet-stream",
    "id": _ID,
}
_ALGORITHM = {"id": 1, "tech_name": "acne", "version": "1", "algorithm_family": {"name": "acne"}}
_TOKEN = {"id": 1, "name": "backend", "expiration_time": _TIME}


def _page(item: Any) -> dict[str, Any]:
    return {"count": 1, "next": None, "previous": None, "results": [item]}


_WRITTEN: dict[str, Any] = {
    "login": {
        "id": 1,
        "email": "user@example.com",
        "username": "user@example.com",
        "company_id": _ID,
        "token_access": "a",
        "access_token": "a",
        "refresh_token": "b",
        "is_verified": True,
        "profile": {"full_name": "x", "feature_flags": {"beta": True}},
    },
    "refresh_access_token": {"access_token": "a"},
    "create_private_token": {**_TOKEN, "data": "a"},
    "list_private_tokens": _page(_TOKEN),
    "create_dataset": _DATASET,
    "list_datasets": _page(_DATASET),
    "get_dataset": _DATASET,
    "list_datasets_short": [{"id": _ID, "name": "study"}],
    "list_image_types": [_IMAGE_TYPE],
    "list_algorithms": [_ALGORITHM],
    "create_batch": {"id": _ID},
    "list_batches": _page({"id": _ID}),
    "create_batch_image": _BATCH_IMAGE,
    "create_subject_image": _BATCH_IMAGE,
    "list_batch_images": _page(_BATCH_IMAGE),
    "list_image_results": [_RESULT],
    "list_smoothed_results": [
        {"value": 41, "algorithm_name": "Acne", "algorithm_tech_name": "selfie_v2.acne"}
    ],
    "list_aux_images": [_AUXILIARY],
    "get_aux_image_url": {"url": "https://example.com/"},
    "create_upload_urls_v3": {"front": _SLOT, "left": _SLOT, "image_batch_id": _ID},
    "get_batch_results_v3": {
        "face_skin_metrics_3": {
            "all_algorithms_calculated": True,
            "parameters": {"pores": {"score": 81, "tag": "Great", "grade": 2}},
            "predicted_images": {"front": {"aligned_face": "https://example.com/"}},
            "predicted_labels": {},
        }
    },
}
OTHER_SHAPES: dict[str, Any] = {
    "list_image_types": _page(_IMAGE_TYPE),
    "list_algorithms": _page(_ALGORITHM),
    "list_batches": [{"id": _ID}],
    "list_batch_images": [_BATCH_IMAGE],
}
"""Alternative responses: a page if the example response is a list, and a list if it is a page."""

BODIES: dict[str, Any] = {
    "create_subject": SubjectRequest(name="x"),
    "update_subject": PatchedSubjectRequest(name="x"),
    "create_signed_upload_url": SignedUploadRequest(),
    "compute_batch": ComputeRequest(),
    "login": LoginRequest("user@example.com", "x"),
    "refresh_access_token": RefreshRequest("x"),
    "create_private_token": PrivateTokenRequest("x", datetime(2040, 1, 1, tzinfo=UTC)),
    "create_dataset": DatasetRequest("x"),
    "create_batch": BatchRequest(),
    "create_batch_image": ImageUploadRequest("cGhvdG8="),
    "create_subject_image": ImageUploadRequest("cGhvdG8="),
    "create_upload_urls_v3": UploadRequestV3(front="x"),
}


def resolve(node: Any) -> Any:
    """Return a node of the OpenAPI contract. If it is a `$ref`, return the node that it refers to."""
    while "$ref" in node:
        target: Any = SPEC
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def _operations() -> dict[str, tuple[str, str, Any]]:
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, operations in SPEC["paths"].items()
        for method, operation in operations.items()
    }


OPERATIONS = _operations()
"""Maps operation ids to the HTTP method, path and definition of the operation."""


def success_response(operation: str) -> tuple[int, Any]:
    """Return the success status of an operation, and its JSON schema or None if it returns no JSON."""
    for code, answer in OPERATIONS[operation][2]["responses"].items():
        if code.startswith("2"):
            [media] = answer.get("content", {"": {}}).values()
            return int(code), media.get("schema")
    raise AssertionError(f"{operation} has no success response")


def example_response(operation: str) -> Any:
    """Return a valid response of an operation. The caller may modify it."""
    if operation in _WRITTEN:
        return json.loads(json.dumps(_WRITTEN[operation]))
    code, _ = success_response(operation)
    [media] = OPERATIONS[operation][2]["responses"][str(code)]["content"].values()
    return resolve(media["examples"]["document"])["value"]


JSON_OPERATIONS = [
    operation for operation in OPERATIONS if success_response(operation)[1] is not None
]
"""Ids of the operations whose success response contains JSON."""


def example_call(operation: str) -> tuple[Any, dict[str, Any]]:
    """Return the generated module of an operation, and example arguments without `company_id`."""
    section = OPERATIONS[operation][2]["tags"][0].lower().replace(" ", "_")
    module = import_module(f"haut_api.api.{section}.{operation}")
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(module.sync_detailed).parameters.items():
        if name == "subjects_ids":
            arguments[name] = [EXAMPLE_ID]
        elif name == "body" and operation in BODIES:
            arguments[name] = BODIES[operation]
        elif parameter.default is parameter.empty and name not in ("company_id", "client", "body"):
            arguments[name] = 1 if name == "id" else EXAMPLE_ID
    return module, arguments
