"""Each trap in tests/data/spec: the package does what the document says, or the document is refused.

A refusal names the construct and its place. The completeness check judges each package; the tests below
look at what it could miss, with values written by hand.
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
from scripts.spec.document import SpecError, faults, parse
from tests.spec.generated import CASES, Generated, generate, pulled

pytestmark = pytest.mark.slow  # every test generates a package

REFUSED = {
    "07-servers-of-an-operation.yaml": ["PUT /upload/{name}", "https://storage.example"],
    "39-token-not-bearer.yaml": ["GET /api/v1/key/", "X-API-Key", "GET /api/v1/subjects/", "Token"],
    "50-duplicate-keys.yaml": ["/api/v1/subjects/", "line 15"],
}
EXACT = sorted(path.name for path in CASES.glob("*.yaml") if path.name not in REFUSED)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_construct_and_place(name: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        generate(pulled(name), tmp_path)
    for word in REFUSED[name]:
        assert word in str(caught.value)
    assert " at 0x" not in str(caught.value)


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Generated]:
    """Generates a document of tests/data/spec, each once."""
    root = tmp_path_factory.mktemp("cases")

    @cache
    def made(name: str) -> Generated:
        folder = root / re.sub(r"\W", "_", f"case_{name}")  # a module's name
        folder.mkdir()
        return generate(pulled(f"{name}.yaml"), folder)

    return made


Package = Callable[[str], Generated]


@pytest.mark.parametrize("name", EXACT)
def test_exact(name: str, package: Package) -> None:
    assert package(name.removesuffix(".yaml")).losses() == []


def test_type_checkers_are_content(package: Package, tmp_path: Path) -> None:
    """One run of mypy checks all packages, each of them as a part of another package."""
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


def test_01_arrays_are_joined(package: Package) -> None:
    sent = package("01-array-explode-false").run(
        "from uuid import UUID; from haut_api.api.subjects import list_subjects as module\n"
        "request, _ = call(module, id_in=[UUID(int=1), UUID(int=2)], tags=['a b', 'c'])\n"
        "say(request.url.params.multi_items())"
    )
    ids = "00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-000000000002"
    assert sent == [["id__in", ids], ["tags", "a b|c"]]


def test_04_nothing_is_sent_that_is_not_given(package: Package) -> None:
    sent = package("04-patch-with-defaults").run(
        "from haut_api.api.subjects import update_subject as module\n"
        "request, _ = call(module, subject_id='x', body=models.PatchedSubject())\n"
        "say([str(request.url.params), request.content.decode()])"
    )
    assert sent == ["", "{}"]


def test_06_an_answer_is_read_as_the_class_that_it_names(package: Package) -> None:
    read = package("06-inheritance-by-discriminator").run(
        "from haut_api.api.subjects import list_subjects as module\n"
        "bodies = [{'kind': 'HairResult'}, {'kind': 'SkinResult', 'score': 1.5}, {'kind': 'new'}]\n"
        "say([type(call(module, httpx.Response(200, json=body))[1].parsed).__name__ for body in bodies])"
    )
    assert read == ["HairResult", "SkinResult", "Result"]


def test_08_read_only_is_not_sent_and_write_only_not_read(package: Package) -> None:
    sent, read = package("08-readonly-required").run(
        "from haut_api.api.subjects import create_subject as module\n"
        "answer = {'id': '9b810e76-6ec9-4286-a3ca-828dd5f4b3b2', 'name': 'n'}\n"
        "body = models.SubjectRequest(name='n', secret='s')\n"
        "request, response = call(module, httpx.Response(200, json=answer), body=body)\n"
        "say([json.loads(request.content), type(response.parsed).__name__])"
    )
    assert sent == {"name": "n", "secret": "s"}
    assert read == "Subject"


def test_09_headers_are_text(package: Package) -> None:
    sent = package("09-header-types").run(
        "from uuid import UUID; from haut_api.api.subjects import list_subjects as module\n"
        "request, _ = call(module, x_request_id=UUID(int=1), x_flag=True, x_count=3,"
        " x_mode=models.ListSubjectsXMode.FAST, x_name=None)\n"
        "say({name: value for name, value in request.headers.items() if name.startswith('x-')})"
    )
    assert sent == {
        "x-request-id": "00000000-0000-0000-0000-000000000001",
        "x-flag": "true",
        "x-count": "3",
        "x-mode": "fast",
    }


def test_11_path_values(package: Package) -> None:
    sent = package("11-path-values").run(
        "import datetime as dt; from haut_api.api.subjects import list_subjects as module\n"
        "request, _ = call(module, day=dt.date(2025, 1, 2),"
        " since=dt.datetime(2025, 1, 2, tzinfo=dt.UTC),"
        " raw=True, kind=models.ListSubjectsKind.A)\n"
        "say(request.url.raw_path.decode())"
    )
    assert sent == "/api/v1/subjects/2025-01-02/2025-01-02T00%3A00%3A00.000Z/true/a/"


def test_17_members_are_named_by_their_value(package: Package) -> None:
    members = package("17-enum-sign-ordering").run(
        "say({member.name: member.value for member in models.ListSubjectsOrderingItem})"
    )
    assert members == {
        "NAME": "name",
        "MINUS_NAME": "-name",
        "CREATED_AT": "created_at",
        "MINUS_CREATED_AT": "-created_at",
    }


def test_19_an_answer_is_read_by_its_content_type(package: Package) -> None:
    read = package("19-contents-of-an-answer").run(
        "from haut_api.api.subjects import get_photo, list_subjects\n"
        "subject = {'id': '9b810e76-6ec9-4286-a3ca-828dd5f4b3b2'}\n"
        "csv = httpx.Response(200, text='a;b', headers={'content-type': 'text/csv; charset=utf-8'})\n"
        "photo = httpx.Response(200, content=bytes([255]))\n"
        "say([type(call(list_subjects, httpx.Response(200, json=subject))[1].parsed).__name__,"
        " call(list_subjects, csv)[1].parsed, call(get_photo, photo)[1].parsed.payload.read().hex()])"
    )
    assert read == ["Subject", "a;b", "ff"]


@pytest.mark.parametrize("name", ["22-reserved-names", "45-one-reserved-name-each"])
def test_22_45_every_name_is_read_and_shown(name: str, package: Package) -> None:
    made = package(name)
    schemas: dict[str, Any] = made.document["components"]["schemas"]
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
    shown = made.run(
        f"bodies = json.loads({json.dumps(bodies)!r})\n"
        "read = {name: getattr(models, name).from_dict(body) for name, body in bodies.items()}\n"
        "say({name: [model.to_dict(), repr(model), callable(model.to_dict),"
        " len(model.additional_properties)] for name, model in read.items()})"
    )
    assert shown.keys() == schemas.keys()
    for class_name, (written, text, *others) in shown.items():
        assert written == bodies[class_name]
        assert text.startswith(f"{class_name}(")
        assert others == [True, 0]


def test_30_security_is_inherited_and_optional(package: Package) -> None:
    made = package("30-security-of-operations")
    clients = {
        name: "AuthenticatedClient | Client,"
        in made.source(f"api/subjects/{name}.py").partition("def sync_detailed")[2]
        for name in ("list_subjects", "list_open", "list_either", "list_inherited")
    }
    assert clients == {
        "list_subjects": False,
        "list_open": True,
        "list_either": True,
        "list_inherited": False,
    }


def test_31_deprecations_are_said(package: Package) -> None:
    made = package("31-deprecated")
    docs = made.run(
        "from haut_api.api.subjects import list_subjects as module\n"
        "say([module.sync_detailed.__doc__, models.Subject.__doc__])"
    )
    assert docs[0].strip().startswith("Deprecated.")
    assert "old: Deprecated." in docs[0]
    assert "Deprecated." in docs[1].partition("old (")[2]


def test_34_a_date_stays_a_date(package: Package) -> None:
    read = package("34-dates").run(
        "body = {'id': '9b810e76-6ec9-4286-a3ca-828dd5f4b3b2', 'at': '2020-01-01 00:00:00'}\n"
        "both = [models.Subject.from_dict({**body, 'any': text}) for text in"
        " ('2020-01-01', '2020-01-01T00:00:00Z')]\n"
        "say([[type(one.any_).__name__, one.to_dict()['any'], one.at.tzinfo is not None]"
        " for one in both])"
    )
    assert read == [
        ["date", "2020-01-01", True],
        ["datetime", "2020-01-01T00:00:00.000Z", True],
    ]


def test_37_one_class_for_each_enumeration(package: Package) -> None:
    made = package("37-null-among-enum-values")
    names = sorted(path.stem for path in (made.folder / "haut_api/models").glob("*.py"))
    assert names == ["__init__", "list_subjects_status", "status_enum", "subject", "subject_kind"]
    members = made.run("say({member.name: member.value for member in models.SubjectKind})")
    assert members == {"X": "x", "Y": "y", "EMPTY": ""}


def test_40_every_value_has_a_member(package: Package) -> None:
    members = package("40-enum-values-of-one-name").run(
        "say([{member.name: member.value for member in one} for one in"
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
def test_41_53_each_operation_has_its_module(
    name: str, modules: set[str], package: Package
) -> None:
    made = package(name)
    files = {path.stem for path in (made.folder / "haut_api/api/subjects").glob("*.py")}
    assert files == modules | {"__init__"}


def test_47_an_overlay_mends_a_fault_upstream(tmp_path: Path) -> None:
    document = pulled("47-invalid-upstream-and-overlay.yaml")
    [fault] = faults(document)
    assert fault.startswith("components/schemas/Subject/properties/kind")
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("actions: []")
    with pytest.raises(SpecError, match="components/schemas/Subject/properties/kind"):
        command.overlaid(overlay, document)
    target = "$.components.schemas.Subject.properties.kind.default"
    overlay.write_text(json.dumps({"actions": [{"target": target, "remove": True}]}))
    assert generate(command.overlaid(overlay, document), tmp_path).losses() == []


def test_50_a_key_twice_in_json_is_found_too() -> None:
    text = '{\n  "openapi": "3.0.3",\n  "paths": {\n    "/a": {},\n    "/a": {}\n  }\n}'
    with pytest.raises(SpecError, match=r"x\.json has the key '/a' twice \(line 5\)"):
        parse(text, "x.json")
