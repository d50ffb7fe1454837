"""Packages of other documents than ours, generated, compared with their document and imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from attrs import frozen

from scripts.generate import losses, write_package
from scripts.spec.document import ROOT, Json, parse
from scripts.spec.prepare import Prepared
from scripts.spec.pull import Sections, select

CASES = ROOT / "tests" / "data" / "spec"


@frozen
class Generated:
    """A package in a folder of its own."""

    document: Json
    prepared: Prepared
    folder: Path

    def losses(self) -> list[str]:
        """Return what the completeness check finds."""
        return losses(self.document, self.prepared, self.folder)

    def run(self, code: str) -> Any:
        """Run code in a process that imports this package; return the JSON that it prints last."""
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
        """Change a file of the package, as a generator with a fault would write it."""
        text = self.source(path)
        assert old in text
        (self.folder / "haut_api" / path).write_text(text.replace(old, new), "utf-8")


_PRELUDE = """
import json
import httpx
from haut_api import models
from haut_api.client import AuthenticatedClient, Client
from haut_api.types import UNSET


def call(module, answer=None, **arguments):
    seen = []

    def handler(request):
        request.read()
        seen.append(request)
        return answer or httpx.Response(599)

    served = {"transport": httpx.MockTransport(handler)}
    client = AuthenticatedClient(base_url="https://service.example", httpx_args=served, token="a-token")
    response = module.sync_detailed(client=client, **arguments)
    return seen[0], response


def say(value):
    print(json.dumps(value))
"""


def generate(document: Json, folder: Path) -> Generated:
    """Generate a document's package.

    Raises:
        SpecError: If the document is refused.
    """
    return Generated(document, write_package(document, folder / "haut_api"), folder)


def pulled(name: str) -> Json:
    """Return the section `Subjects` of one of the documents in tests/data/spec."""
    path = CASES / name
    return select(parse(path.read_text("utf-8"), name), Sections(tags=["Subjects"]))
