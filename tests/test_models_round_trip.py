"""Tests that generated models parse each documented response and serialize it to the same JSON."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from haut_api import models
from tests import documents

# Keys: HTTP method and the end of the path, because the documentation pages shorten paths.
MODELS: dict[tuple[str, str], Any] = {
    ("POST", "/subjects/"): models.Subject,
    ("PATCH", "/subjects/{subject_id}/"): models.Subject,
    ("GET", "/subjects/"): models.PaginatedSubjectList,
    ("DELETE", "/subjects/delete/"): models.DeletedSubjects,
    ("DELETE", "/storage/"): models.OperationStatus,
    ("DELETE", "/metadata/"): models.OperationStatus,
    ("POST", "/signed_upload_url/"): models.SignedUpload,
    ("POST", "/compute/"): models.ComputeResult,
    ("GET", "/subjects/{subject_id}/images/"): models.PaginatedImageList,
    ("GET", "/images/{image_id}/"): models.Image,
}
RESPONSES = [call for call in documents.calls() if call.response is not None]


def model(call: documents.Call) -> Any:
    [found] = [
        found
        for (method, end), found in MODELS.items()
        if method == call.method and call.path.endswith(end)
    ]
    return found


@pytest.mark.parametrize("call", RESPONSES, ids=str)
def test_response_serializes_to_the_same_json(call: documents.Call) -> None:
    original = copy.deepcopy(call.response)
    parsed = model(call).from_dict(call.response)
    assert parsed.to_dict() == original
    assert parsed.additional_properties == {}
    assert call.response == original, "parsing changed its input"


@pytest.mark.parametrize("call", RESPONSES, ids=str)
def test_parsed_response_can_be_pickled_and_copied(call: documents.Call) -> None:
    parsed = model(call).from_dict(call.response)
    for copied in (pickle.loads(pickle.dumps(parsed)), copy.deepcopy(parsed)):
        assert copied == parsed
        assert copied.to_dict() == call.response


@pytest.mark.parametrize("call", RESPONSES, ids=str)
def test_unknown_fields_of_a_response_are_preserved(call: documents.Call) -> None:
    extended = {**call.response, "a_new_field": {"nested": [1]}}
    assert model(call).from_dict(extended).to_dict() == extended


def test_error_body_serializes_to_the_same_json() -> None:
    body = documents.facts_error_example()
    assert models.ErrorResponse.from_dict(body).to_dict() == body
