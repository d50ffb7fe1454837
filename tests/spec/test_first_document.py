"""Our contract as the service's own framework would write it gives the same package.

What makes it so is the overlay's, as docs/when-the-swagger-changes.md says it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from openapi_python_client.strings import snake_case

from scripts import generate
from scripts.spec import surface
from scripts.spec.document import SPEC, Json, dump, operations, parse
from scripts.spec.pull import SECTIONS, Sections, arrange, select
from tests.spec.edits import edited
from tests.spec.worked_example import PAGE

HAUT = parse(SPEC.read_text("utf-8"), SPEC.name)
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def frameworks_words(document: Json) -> None:
    """Rewrite a document as drf-spectacular writes: long operation ids, bodies in three forms."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            words = re.sub(r"{\w+}|\W", "_", path)
            operation["operationId"] = re.sub("_+", "_", f"{words}_{method}").strip("_")
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                content.update(dict.fromkeys(FORMS, content["application/json"]))
    for schema in document["components"]["schemas"].values():
        for definition in schema.get("properties", {}).values():
            match definition.get("oneOf"):
                case [{"$ref": reference}, {"$ref": "#/components/schemas/NullValue"}]:
                    definition.pop("oneOf")
                    definition |= {"nullable": True, "allOf": [{"$ref": reference}]}


def advice() -> list[Json]:
    """The overlay's actions on the page, the example of a name for every operation."""
    snippets = re.findall(
        r"^```yaml\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    actions: list[Json] = yaml.safe_load(snippets[-1])
    name, *others = actions
    names = [
        {
            **name,
            "target": f"$.paths['{operation.path}'].{operation.method}",
            "update": {"operationId": operation.id},
        }
        for operation in operations(HAUT)
    ]
    assert name in names
    return [*names, *others]


def test_the_same_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = edited(frameworks_words, document=HAUT)
    pulled = arrange(select(upstream, Sections.read(SECTIONS)), HAUT)
    overlay = yaml.safe_load(generate.OVERLAY.read_text("utf-8"))
    overlay["actions"] = [*advice(), *overlay["actions"]]
    spec, corrections = tmp_path / "haut.yaml", tmp_path / "overlay.yaml"
    spec.write_text(dump(pulled), "utf-8")
    corrections.write_text(yaml.safe_dump(overlay), "utf-8")
    monkeypatch.setattr(generate, "SPEC", spec)
    package = tmp_path / "haut_api"
    document = generate.overlaid(corrections)
    generate.write_package(document, package)
    assert surface.compare(generate.PACKAGE.parent, tmp_path) == []
    # Byte by byte, but for the code that reads what another word for "or null" is written for.
    schemas, known = (side["components"]["schemas"] for side in (upstream, HAUT))
    reworded = {f"models/{snake_case(name)}.py" for name in known if schemas[name] != known[name]}
    document_itself = {"openapi.json", "__init__.py"}  # and its hash
    assert set(generate.differences(package, generate.PACKAGE)) <= reworded | document_itself
