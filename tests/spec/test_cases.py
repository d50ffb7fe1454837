"""Tests that each document in tests/data/spec results in a correct package or in an error.

An error names the unsupported construct and its location. The completeness check is run on each package;
the numbered tests use handwritten values to test details that the check could miss.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from scripts import generate as command
from scripts.spec.document import SpecError, parse, validation_errors
from tests.spec.generated import CASES, Generated, generate, load_case

pytestmark = pytest.mark.slow  # slow, because every test generates a package

REJECTED = {
    "07-servers-of-an-operation.yaml": ["PUT /upload/{name}", "https://storage.example"],
    "39-token-not-bearer.yaml": ["GET /api/v1/key/", "X-API-Key", "GET /api/v1/subjects/", "Token"],
    "50-duplicate-keys.yaml": ["/api/v1/subjects/", "line 15"],
}
EXACT = sorted(path.name for path in CASES.glob("*.yaml") if path.name not in REJECTED)


@pytest.mark.parametrize("name", REJECTED)
def test_error_names_the_unsupported_construct_and_its_location(name: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        generate(load_case(name), tmp_path)
    for part in REJECTED[name]:
        assert part in str(caught.value)
    assert " at 0x" not in str(caught.value)


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Generated]:
    """Return a function that generates the package of a document in tests/data/spec and caches it."""
    root = tmp_path_factory.mktemp("cases")

    @cache
    def generate_once(name: str) -> Generated:
        folder = root / re.sub(r"\W", "_", f"case_{name}")  # a valid Python module name
        folder.mkdir()
        return generate(load_case(f"{name}.yaml"), folder)

    return generate_once


Package = Callable[[str], Generated]


@pytest.mark.parametrize("name", EXACT)
def test_package_passes_the_completeness_check(name: str, package: Package) -> None:
    assert package(name.removesuffix(".yaml")).problems() == []


def test_packages_pass_mypy_strict(package: Package, tmp_path: Path) -> None:
    """Check all packages in one mypy run. They have the same name, so each is in its own folder."""
    folders = [package(name.removesuffix(".yaml")).folder for name in EXACT]
    options = ["--strict", "--explicit-package-bases", f"--cache-dir={tmp_path}"]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *(str(folder / "haut_api") for folder in folders)],
        cwd=folders[0].parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_01_arrays_without_explode_are_joined_by_the_separator(package: Package) -> None:
    sent = package("01-array-explode-false").run(
        "from uuid import UUID; from haut_api.api.subjects import list_subjects as module\n"
        "request, _ = call(module, id_in=[UUID(int=1), UUID(int=2)], tags=['a b', 'c'])\n"
        "report(request.url.params.multi_items())"
    )
    ids = "00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-000000000002"
    assert sent == [["id__in", ids], ["tags", "a b|c"]]


def test_04_omitted_arguments_and_fields_are_not_sent(package: Package) -> None:
    sent = package("04-patch-with-defaults").run(
        "from haut_api.api.subjects import update_subject as module\n"
        "request, _ = call(module, subject_id='x', body=models.PatchedSubject())\n"
        "report([str(request.url.params), request.content.decode()])"
    )
    assert sent == ["", "{}"]


def test_06_discriminator_selects_the_class_of_a_response(package: Package) -> None:
    classes = package("06-inheritance-by-discriminator").run(
        "from haut_api.api.subjects import list_subjects as module\n"
        "bodies = [{'kind': 'HairResult'}, {'kind': 'SkinResult', 'score': 1.5}, {'kind': 'new'}]\n"
        "report([type(call(module, httpx.Response(200, json=body))[1].parsed).__name__"
        " for body in bodies])"
    )
    assert classes == ["HairResult", "SkinResult", "Result"]


def test_08_requests_lack_read_only_and_responses_lack_write_only_fields(
    package: Package,
) -> None:
    sent, response_class = package("08-readonly-required").run(
        "from haut_api.api.subjects import create_subject as module\n"
        "served = {'id': '9b810e76-6ec9-4286-a3ca-828dd5f4b3b2', 'name': 'n'}\n"
        "body = models.SubjectRequest(name='n', secret='s')\n"
        "request, response = call(module, httpx.Response(200, json=served), body=body)\n"
        "report([json.loads(request.content), type(response.parsed).__name__])"
    )
    assert sent == {"name": "n", "secret": "s"}
    assert response_class == "Subject"


def test_09_header_values_are_converted_to_text(package: Package) -> None:
    sent = package("09-header-types").run(
        "from uuid import UUID; from haut_api.api.subjects import list_subjects as module\n"
        "request, _ = call(module, x_request_id=UUID(int=1), x_flag=True, x_count=3,"
        " x_mode=models.ListSubjectsXMode.FAST, x_name=None)\n"
        "report({name: value for name, value in request.headers.items() if name.startswith('x-')})"
    )
    assert sent == {
        "x-request-id": "00000000-0000-0000-0000-000000000001",
        "x-flag": "true",
        "x-count": "3",
        "x-mode": "fast",
    }


def test_11_path_values_are_converted_to_text(package: Package) -> None:
    sent = package("11-path-values").run(
        "import datetime as dt; from haut_api.api.subjects import list_subjects as module\n"
        "request, _ = call(module, day=dt.date(2025, 1, 2),"
        " since=dt.datetime(2025, 1, 2, tzinfo=dt.UTC),"
        " raw=True, kind=models.ListSubjectsKind.A)\n"
        "report(request.url.raw_path.decode())"
    )
    assert sent == "/api/v1/subjects/2025-01-02/2025-01-02T00%3A00%3A00.000Z/true/a/"


def test_17_enum_members_are_named_after_their_values(package: Package) -> None:
    members = package("17-enum-sign-ordering").run(
        "report({member.name: member.value for member in models.ListSubjectsOrderingItem})"
    )
    assert members == {
        "NAME": "name",
        "MINUS_NAME": "-name",
        "CREATED_AT": "created_at",
        "MINUS_CREATED_AT": "-created_at",
    }


def test_19_content_type_selects_how_a_response_is_parsed(package: Package) -> None:
    parsed = package("19-contents-of-a-response").run(
        "from haut_api.api.subjects import get_photo, list_subjects\n"
        "subject = {'id': '9b810e76-6ec9-4286-a3ca-828dd5f4b3b2'}\n"
        "csv = httpx.Response(200, text='a;b', headers={'content-type': 'text/csv; charset=utf-8'})\n"
        "photo = httpx.Response(200, content=bytes([255]))\n"
        "report([type(call(list_subjects, httpx.Response(200, json=subject))[1].parsed).__name__,"
        " call(list_subjects, csv)[1].parsed, call(get_photo, photo)[1].parsed.payload.read().hex()])"
    )
    assert parsed == ["Subject", "a;b", "ff"]


@pytest.mark.parametrize("name", ["22-reserved-names", "45-one-reserved-name-each"])
def test_22_45_fields_with_reserved_names_are_parsed_and_shown(name: str, package: Package) -> None:
    generated = package(name)
    schemas: dict[str, Any] = generated.document["components"]["schemas"]
    bodies = {}
    for class_name, schema in schemas.items():
        fields = {field: field for field in schema["properties"] if field not in ("inner",)}
        formats = {"uuid": "9b810e76-6ec9-4286-a3ca-828dd5f4b3b2", "date": "2020-01-01"}
        formats["date-time"] = "2020-01-01T00:00:00.000Z"
        bodies[class_name] = {
            field: formats.get(schema["properties"][field].get("format"), f"value of {field}")
            for field in fields
            if schema["properties"][field].get("type") == "string"
        }
    results = generated.run(
        f"bodies = json.loads({json.dumps(bodies)!r})\n"
        "parsed = {name: getattr(models, name).from_dict(body) for name, body in bodies.items()}\n"
        "report({name: [model.to_dict(), repr(model), callable(model.to_dict),"
        " len(model.additional_properties)] for name, model in parsed.items()})"
    )
    assert results.keys() == schemas.keys()
    for class_name, (serialized, text, *others) in results.items():
        assert serialized == bodies[class_name]
        assert text.startswith(f"{class_name}(")
        assert others == [True, 0]


def test_30_security_can_be_inherited_and_optional(package: Package) -> None:
    generated = package("30-security-of-operations")
    accepts_public_client = {
        name: "AuthenticatedClient | Client,"
        in generated.source(f"api/subjects/{name}.py").partition("def sync_detailed")[2]
        for name in ("list_subjects", "list_open", "list_either", "list_inherited")
    }
    assert accepts_public_client == {
        "list_subjects": False,
        "list_open": True,
        "list_either": True,
        "list_inherited": False,
    }


def test_31_docstrings_mark_deprecations(package: Package) -> None:
    docs = package("31-deprecated").run(
        "from haut_api.api.subjects import list_subjects as module\n"
        "report([module.sync_detailed.__doc__, models.Subject.__doc__])"
    )
    assert docs[0].strip().startswith("Deprecated.")
    assert "old: Deprecated." in docs[0]
    assert "Deprecated." in docs[1].partition("old (")[2]


def test_34_dates_are_distinguished_from_date_times(package: Package) -> None:
    parsed = package("34-dates").run(
        "body = {'id': '9b810e76-6ec9-4286-a3ca-828dd5f4b3b2', 'at': '2020-01-01 00:00:00'}\n"
        "both = [models.Subject.from_dict({**body, 'any': text}) for text in"
        " ('2020-01-01', '2020-01-01T00:00:00Z')]\n"
        "report([[type(one.any_).__name__, one.to_dict()['any'], one.at.tzinfo is not None]"
        " for one in both])"
    )
    assert parsed == [
        ["date", "2020-01-01", True],
        ["datetime", "2020-01-01T00:00:00.000Z", True],
    ]


def test_37_nullable_enumeration_has_one_class(package: Package) -> None:
    generated = package("37-null-among-enum-values")
    names = sorted(path.stem for path in (generated.folder / "haut_api/models").glob("*.py"))
    assert names == ["__init__", "list_subjects_status", "status_enum", "subject", "subject_kind"]
    members = generated.run("report({member.name: member.value for member in models.SubjectKind})")
    assert members == {"X": "x", "Y": "y", "EMPTY": ""}


def test_40_enum_values_with_similar_names_have_distinct_members(package: Package) -> None:
    members = package("40-enum-values-of-one-name").run(
        "report([{member.name: member.value for member in one} for one in"
        " (models.ListSubjectsSide, models.SubjectSide, models.SubjectLevel)])"
    )
    assert members == [
        {
            "FRONT_LOW_LINE_LEFT": "front_left",
            "FRONT_HYPHEN_MINUS_LEFT": "front-left",
            "BACK": "back",
        },
        {
            "LEFT_SPACE_45": "left 45",
            "LEFT_HYPHEN_MINUS_45": "left-45",
            "LEFT_FULL_STOP_45": "left.45",
        },
        {"VALUE_1": 1, "VALUE_2": 2, "VALUE_3": 3},
    ]


@pytest.mark.parametrize(
    ("name", "modules"),
    [
        (
            "41-operation-without-id",
            {"get_api_v1_subjects_by_subject_id", "get_api_v1_subjects_subject_id"},
        ),
        ("53-same-operation-id-twice", {"get_api_v1_subjects", "get_api_v3_subjects"}),
    ],
)
def test_41_53_each_operation_has_its_own_module(
    name: str, modules: set[str], package: Package
) -> None:
    generated = package(name)
    files = {path.stem for path in (generated.folder / "haut_api/api/subjects").glob("*.py")}
    assert files == modules | {"__init__"}


def test_47_overlay_corrects_an_invalid_document(tmp_path: Path) -> None:
    document = load_case("47-invalid-upstream-and-overlay.yaml")
    [error] = validation_errors(document)
    assert error.startswith("components/schemas/Subject/properties/kind")
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("actions: []")
    with pytest.raises(SpecError, match="components/schemas/Subject/properties/kind"):
        command.load_contract(overlay, document)
    target = "$.components.schemas.Subject.properties.kind.default"
    overlay.write_text(json.dumps({"actions": [{"target": target, "remove": True}]}))
    assert generate(command.load_contract(overlay, document), tmp_path).problems() == []


def test_50_duplicate_key_in_json_is_rejected() -> None:
    text = '{\n  "openapi": "3.0.3",\n  "paths": {\n    "/a": {},\n    "/a": {}\n  }\n}'
    with pytest.raises(SpecError, match=r"x\.json has the key '/a' twice \(line 5\)"):
        parse(text, "x.json")


def test_alternatives_with_different_booleans_are_told_apart(package: Package) -> None:
    parsed = package("kinds-of-other-services").run(
        "from haut_api.api.subjects import check_number as module\n"
        "bodies = [{'valid': True, 'carrier': None}, {'valid': False, 'carrier': None}]\n"
        "body = models.CheckNumberBody(payload='1')\n"
        "report([type(call(module, httpx.Response(200, json=one), body=body)[1].parsed).__name__"
        " for one in bodies])"
    )
    assert parsed == ["ValidNumber", "InvalidNumber"]
