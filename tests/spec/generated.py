"""Generate packages from test documents, check their completeness and run code with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from attrs import frozen

from scripts.generate import check_completeness, write_package
from scripts.spec.document import ROOT, Json, parse
from scripts.spec.prepare import Prepared
from scripts.spec.pull import Sections, select

CASES = ROOT / "tests" / "data" / "spec"


@frozen
class Generated:
    """A generated package in its own folder."""

    document: Json
    prepared: Prepared
    folder: Path

    def problems(self) -> list[str]:
        """Return the problems that the completeness check reports."""
        return check_completeness(self.document, self.prepared, self.folder)

    def run(self, code: str) -> Any:
        """Run code in a process that imports this package; return what it passes to `report`."""
        done = subprocess.run(
            [sys.executable, "-c", _PRELUDE + code],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def source(self, path: str) -> str:
        return (self.folder / "haut_api" / path).read_text("utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        """Edit a file of the package to imitate a defect of the generator."""
        text = self.source(path)
        assert old in text
        (self.folder / "haut_api" / path).write_text(text.replace(old, new), "utf-8")


_PRELUDE = """
import json
import httpx
from haut_api import models
from haut_api.client import AuthenticatedClient, Client
from haut_api.types import UNSET


def call(module, served=None, **arguments):
    requests = []

    def handler(request):
        request.read()
        requests.append(request)
        return served or httpx.Response(599)

    options = {"transport": httpx.MockTransport(handler)}
    client = AuthenticatedClient(base_url="https://service.example", httpx_args=options, token="a-token")
    response = module.sync_detailed(client=client, **arguments)
    return requests[0], response


def report(value):
    print(json.dumps(value))
"""


def generate(document: Json, folder: Path) -> Generated:
    """Generate the package of a document.

    Raises:
        SpecError: If the document has an unsupported construct.
    """
    return Generated(document, write_package(document, folder / "haut_api"), folder)


def load_case(name: str) -> Json:
    """Return the section `Subjects` of a document in tests/data/spec."""
    path = CASES / name
    return select(parse(path.read_text("utf-8"), name), Sections(tags=["Subjects"]))
