"""Tests that documents written by frameworks get the names of haut_api without open questions."""

from __future__ import annotations

import pytest

from haut_api import models
from scripts.spec.contract import complete, contract
from scripts.spec.document import SPEC, operations, parse, validation_errors
from scripts.spec.names import NAMES, Names, propose
from scripts.spec.pull import SECTIONS, Sections, select
from tests.release.services import SERVICES

OURS = {
    "SubjectRequest", "PatchedSubjectRequest", "Subject", "BiologicalSex", "PaginatedSubjectList",
    "DeletedSubjects", "OperationStatus", "SignedUploadRequest", "SignedUpload", "UploadUrl",
    "ComputeRequest", "ComputeResult", "PaginatedImageList", "Image", "AuxImage",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
def test_operations_models_and_path_parameters_keep_their_names(name: str) -> None:
    document = SERVICES[name]().document
    names = Names.read(NAMES)
    transcribed = parse(SPEC.read_text("utf-8"), SPEC.name)
    pulled = select(document, Sections.read(SECTIONS), names, transcribed)
    assert pulled["paths"] == document["paths"]
    proposed, questions = propose(contract(), pulled, names)
    assert proposed.operations == names.operations
    applied = proposed.applied(pulled)
    assert {operation.key for operation in operations(applied)} <= names.operations.keys()
    assert applied["components"]["schemas"].keys() >= OURS
    assert all(hasattr(models, class_name) for class_name in OURS)
    [question] = questions  # schemas that haut_ext does not use
    assert "DictionaryItem" in question or "CompanyReference or DatasetReference" in question
    completed = complete(applied, contract())
    assert {found.id for found in operations(completed)} == {
        found.id for found in operations(contract())
    }
    assert validation_errors(completed) == []
