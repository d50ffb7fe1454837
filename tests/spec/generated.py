"""Generates packages from test documents, checks their completeness, and runs code that uses them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen

from scripts import generate as command
from scripts.spec.document import ROOT, Json, parse
from scripts.spec.prepare import Prepared
from scripts.spec.pull import Sections, select
from tests.spec import forks

CASES = ROOT / "tests" / "data" / "spec"


@frozen
class Generated:
    """A generated Python package in a separate folder."""

    document: Json
    prepared: Prepared
    folder: Path

    def problems(self) -> list[str]:
        """Run the completeness check on the package and return the problems that it reports."""
        with _in_forks():
            return command.check_completeness(self.document, self.prepared, self.folder)

    def copied(self, folder: Path) -> Generated:
        """Return a copy of this package in another folder."""
        shutil.copytree(self.folder / "haut_api", folder / "haut_api")
        return evolve(self, folder=folder)

    def run(self, code: str) -> Any:
        """Run code in another process, where it can import this package; return what it reports."""
        done = forks.run(
            [sys.executable, "-c", _PRELUDE + code],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder)},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def source(self, path: str) -> str:
        return (self.folder / "haut_api" / path).read_text("utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        """Edit a file of the generated package to simulate a defect in the generator."""
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
    """Generate a Python package from an OpenAPI document.

    Raises:
        SpecError: If the document has an unsupported construct.
    """
    with _in_forks():
        return Generated(document, command.write_package(document, folder / "haut_api"), folder)


@contextmanager
def _in_forks() -> Iterator[None]:
    """Make scripts.generate run its commands in forks of a prepared process, which start quickly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "subprocess", forks)
        yield


def load_case(name: str) -> Json:
    """Load a document of tests/data/spec and keep only the operations tagged `Subjects`."""
    path = CASES / name
    return select(parse(path.read_text("utf-8"), name), Sections(tags=["Subjects"]))
