"""Run the worked example of docs/when-the-swagger-changes.md: `python -m tests.spec.worked_example`.

The command updates the output in the page. The first yaml block of the page is an overlay with the
changes of the Swagger, and the first python block is a user's file. Each sh block runs in a copy of the
project if a text or markdown block with its output follows it.
"""

from __future__ import annotations

import copy
import json
import re
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import yaml
from oas_patch.overlay import apply_overlay

from scripts.spec.document import ROOT, SPEC, Json, parse
from tests.spec.edits import without_labels
from tests.spec.project import Project, copy_project

PAGE = ROOT / "docs" / "when-the-swagger-changes.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# Replaces the project's tests; fails if the name of the search parameter changes.
_TEST = """
from haut_ext import Haut
from haut_ext.sandbox import Sandbox


def test_search() -> None:
    with Sandbox() as sandbox, Haut(**sandbox.credentials) as haut:
        haut.subjects.create("someone")
        assert [found.name for found in haut.subjects.iterate(q="some")] == ["someone"]
"""


def page(project: Project, text: str) -> str:
    """Return the page with the current output of its commands."""
    blocks = list(_BLOCK.finditer(text))
    overlay = next(block[2] for block in blocks if block[1] == "yaml")
    project.write("swagger.json", json.dumps(_swagger(yaml.safe_load(overlay))))
    project.write("consumer.py", next(block[2] for block in blocks if block[1] == "python"))
    project.write("tests/test_search.py", _TEST)
    project.write(".git/info/exclude", "swagger.json\nconsumer.py\ntests/test_search.py\n")
    outputs = list(_outputs(project, blocks))
    for block, output in reversed(outputs):
        text = text[: block.start(2)] + output + text[block.end(2) :]
    return text


def _outputs(project: Project, blocks: list[re.Match[str]]) -> Iterator[tuple[re.Match[str], str]]:
    for command, output in pairwise(blocks):
        if command[1] == "sh" and output[1] in ("text", "markdown"):
            done = project.run("bash", "-c", command[2])
            printed = done.stdout
            if done.returncode and "refresh:" in done.stderr:
                printed += done.stderr[done.stderr.index("refresh:") :]
            kept = [line for line in printed.splitlines() if not line.startswith("make: ")]
            yield output, "\n".join(kept).rstrip() + "\n"


def _swagger(overlay: Json) -> Json:
    """Return the contract as the service would publish it: changed, without labels and own path."""
    document = apply_overlay(copy.deepcopy(parse(SPEC.read_text("utf-8"), SPEC.name)), overlay)
    document["paths"].pop("/{bucket}/{object_name}")
    found: Json = without_labels(document)
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = page(copy_project(Path(folder) / "project"), PAGE.read_text("utf-8"))
    PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
