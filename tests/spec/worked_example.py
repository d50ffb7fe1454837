"""Run the worked example of docs/when-the-swagger-changes.md: `python -m tests.spec.worked_example`.

The command updates the outputs shown on the page. The page's first yaml block is an overlay that changes
the published API document, and its first python block is a user's file. A sh block is run in a copy of
the project if a text or markdown block with its output follows.
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

# Replaces the project's own tests. It fails if the `search` parameter is renamed.
_TEST = """
from haut_ext import Haut
from haut_ext.sandbox import Sandbox


def test_search() -> None:
    with Sandbox() as sandbox, Haut(**sandbox.credentials) as haut:
        haut.subjects.create("someone")
        assert [found.name for found in haut.subjects.iterate(q="some")] == ["someone"]
"""


def page(project: Project, text: str) -> str:
    """Run the commands shown on a page, and return the page with their current output."""
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
    """Return the contract as the service would publish it after the changes of an overlay.

    The confidence labels and the upload path, which the service does not publish, are removed.
    """
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
