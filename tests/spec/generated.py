"""Packages of other documents than ours, generated, compared with their document and imported."""

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
    """A package in a folder of its own."""

    document: Json
    prepared: Prepared
    folder: Path

    def losses(self) -> list[str]:
        """Return what the completeness check finds."""
        with _in_forks():
            return command.losses(self.document, self.prepared, self.folder)

    def copied(self, folder: Path) -> Generated:
        """Return a copy of this package in another folder."""
        shutil.copytree(self.folder / "haut_api", folder / "haut_api")
        return evolve(self, folder=folder)

    def run(self, code: str) -> Any:
        """Run code in a process that imports this package; return the JSON that it prints last."""
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
    with _in_forks():
        return Generated(document, command.write_package(document, folder / "haut_api"), folder)


@contextmanager
def _in_forks() -> Iterator[None]:
    """Let scripts.generate run its commands in forks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "subprocess", forks)
        yield


def pulled(name: str) -> Json:
    """Return the section `Subjects` of one of the documents in tests/data/spec."""
    path = CASES / name
    return select(parse(path.read_text("utf-8"), name), Sections(tags=["Subjects"]))
