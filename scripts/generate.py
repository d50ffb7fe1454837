"""Generate the package generated/haut_api from openapi/, or check that it is up to date.

The input is the contract (see `scripts.spec.contract`) with openapi/overlay.yaml applied.
The generated files replace the existing package. To make the output
reproducible, requirements.lock pins the versions of the generator and ruff, and
openapi/templates/upstream.sha256 pins the generator's original versions of the forked templates.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import openapi_python_client
import yaml
from jsonpath_ng.ext.parser import parse as parse_jsonpath
from oas_patch.overlay import apply_overlay
from openapi_python_client import Project
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.errors import GeneratorError

from haut_ext import __version__
from haut_ext.spec_check.comparison import matches
from scripts.spec.aliases import write_aliases
from scripts.spec.contract import contract
from scripts.spec.document import (
    SPEC,
    SpecError,
    command,
    operations,
    parse,
    validation_errors,
    without_addresses,
)
from scripts.spec.names import NAMES, Names
from scripts.spec.prepare import Prepared, prepare

ROOT = Path(__file__).resolve().parent.parent
OVERLAY = ROOT / "openapi" / "overlay.yaml"
SECTIONS = ROOT / "openapi" / "sections.yaml"
TEMPLATES = ROOT / "openapi" / "templates"
UPSTREAM_HASHES = TEMPLATES / "upstream.sha256"
PACKAGE = ROOT / "generated" / "haut_api"


def load_contract(path: Path, document: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the contract with an overlay applied.

    Args:
        path: Path of the overlay.
        document: The document to change; the contract in the working tree by default.

    Raises:
        SpecError: If an action of the overlay matches nothing, for example because the service has
            renamed a path, or if the result is not valid OpenAPI.
    """
    document = copy.deepcopy(document or contract())
    overlay = yaml.safe_load(path.read_text("utf-8"))
    for action in overlay.get("actions") or []:
        if not parse_jsonpath(action["target"]).find(document):
            raise SpecError(
                f"{path.name}: the target {action['target']} matches nothing in the contract"
            )
        apply_overlay(document, {"actions": [action]})
    if errors := validation_errors(document):
        raise SpecError("the document is not valid OpenAPI\n  " + "\n  ".join(errors))
    return document


def upstream_hashes() -> dict[str, str]:
    """Return the SHA-256 of each template of the installed generator that openapi/templates forks."""
    upstream = Path(openapi_python_client.__file__).parent / "templates"
    forked = sorted(path.relative_to(TEMPLATES) for path in TEMPLATES.rglob("*.jinja"))
    return {
        str(path): hashlib.sha256((upstream / path).read_bytes()).hexdigest() for path in forked
    }


def check_upstream_templates() -> None:
    """Exit if a template that openapi/templates forks has changed in the installed generator."""
    lines = UPSTREAM_HASHES.read_text("utf-8").splitlines()
    expected = {name: digest for digest, name in (line.split() for line in lines)}
    found = upstream_hashes()
    if changed := sorted({name for name, _ in expected.items() ^ found.items()}):
        sys.exit(
            f"templates of the generator changed: {', '.join(changed)}. Apply the changes to the forks "
            f"in {TEMPLATES.relative_to(ROOT)}, then write the new SHA-256 values to "
            f"{UPSTREAM_HASHES.name}: {found}"
        )


def write_package(document: dict[str, Any], target: Path) -> Prepared:
    """Generate a client package from an OpenAPI document in the folder `target`, which must not exist.

    Returns:
        The input of openapi-python-client.

    Raises:
        SpecError: If the document contains a construct that the generated client cannot support. In
            this case, the folder `target` may exist.
    """
    prepared = prepare(document)
    content = json.dumps(document, ensure_ascii=False, indent=1).encode()
    settings = ConfigFile(
        project_name_override=PACKAGE.name,
        package_name_override=PACKAGE.name,
        content_type_overrides=prepared.content_types,
        post_hooks=[],
    )
    config = Config.from_sources(settings, MetaType.NONE, "", "utf-8", False, target)
    data = GeneratorData.from_dict(copy.deepcopy(prepared.document), config=config)
    if isinstance(data, GeneratorError):
        raise _rejected([data])
    project = Project(openapi=data, config=config, custom_template_path=TEMPLATES)
    project.env.globals.update(prepared.variables(hashlib.sha256(content).hexdigest()))
    with redirect_stdout(io.StringIO()):
        errors = project.build()
    if errors:
        raise _rejected(errors)
    # The default rules of the pinned version decide the bytes, whatever is configured elsewhere.
    for options in (["check", "--select=F401,I", "--fix-only"], ["format"]):
        ruff = [sys.executable, "-m", "ruff", *options, "--isolated", "--no-cache", "--quiet"]
        subprocess.run([*ruff, str(target)], check=True)
    (target / "py.typed").touch()
    (target / "openapi.json").write_bytes(content)
    return prepared


def _rejected(errors: Sequence[GeneratorError]) -> SpecError:
    texts = [f"{error.header}: {error.detail or ''}".strip(": \n") for error in errors]
    reason = without_addresses("; ".join(texts))
    return SpecError(f"openapi-python-client cannot process the document: {reason}")


def write_swagger(target: Path) -> None:
    """Write the Swagger's selected sections, without overlay and names, to the package `target`.

    `haut spec check` compares later versions of the Swagger with this file. A comparison with the
    contract would report each correction in the overlay as a difference.
    """
    document = parse(SPEC.read_text("utf-8"), SPEC.name)
    sections = yaml.safe_load(SECTIONS.read_text("utf-8"))
    for path in sections.get("own", []):
        document["paths"].pop(path, None)
    # A section that the Swagger lacks is transcribed (see scripts.spec.contract).
    published = list(operations(document))
    for kind, key in (("tag", "tags"), ("path", "paths"), ("operation", "operations")):
        sections[key] = [
            value
            for value in sections.get(key, [])
            if any(matches(kind, value, one.path, one.definition) for one in published)
        ]
    content = {"sections": sections, "document": document}
    text = json.dumps(content, ensure_ascii=False, indent=1)
    (target / "swagger.json").write_text(text, "utf-8")


def check_completeness(document: dict[str, Any], prepared: Prepared, folder: Path) -> list[str]:
    """Return the differences between an OpenAPI document and the package generated from it.

    The check runs in a new process, because this one may have imported another version of haut_api.
    """
    arguments = {
        f"{one['method']} {one['path']}": {
            argument: [found["in"], found["name"]] for argument, found in one["parameters"].items()
        }
        for one in prepared.operations.values()
    }
    done = subprocess.run(
        [sys.executable, "-m", "scripts.spec.completeness"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"},
        input=json.dumps([document, prepared.fields, arguments]),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = without_addresses(done.stderr.strip().rpartition("\n")[2])
        return [f"the completeness check failed: {reason}"]
    problems: list[str] = json.loads(done.stdout.splitlines()[-1])
    return problems


def generate(target: Path) -> None:
    """Generate haut_api from the OpenAPI contract in the folder `target`, which must not exist.

    Raises:
        SpecError: If the generated package does not implement the contract completely.
    """
    document = load_contract(OVERLAY)
    prepared = write_package(document, target)
    write_swagger(target)
    for construct, places in prepared.unmodeled.items():
        more = f" and {len(places) - 1} other locations" if len(places) > 1 else ""
        print(f"ignored by the generated client: {construct} at {places[0]}{more}")
    if problems := check_completeness(document, prepared, target.parent):
        shown, rest = problems[:50], len(problems) - 50
        raise SpecError(
            "the generated package does not implement the document completely. Correct the document in "
            "openapi/overlay.yaml, or remove the operation from openapi/sections.yaml:\n  "
            + "\n  ".join([*shown, f"and {rest} more"] if rest > 0 else shown)
        )
    write_aliases(target, Names.read(NAMES).aliases, __version__)


def differences(left: Path, right: Path) -> list[str]:
    """Return the relative paths of the files that differ between two folders."""

    def contents(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }

    return sorted({name for name, _ in contents(left).items() ^ contents(right).items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if the package is out of date"
    )
    arguments = parser.parse_args()
    check_upstream_templates()
    command("generate", lambda: run(check=arguments.check))


def run(*, check: bool) -> None:
    """Generate generated/haut_api. With `check`, write nothing, and exit if it is out of date."""
    with tempfile.TemporaryDirectory(dir=ROOT / "generated") as work:
        fresh = Path(work) / "haut_api"
        generate(fresh)
        if check:
            if changed := differences(fresh, PACKAGE):
                sys.exit(
                    "generated/haut_api is out of date. Never edit it by hand; change openapi/ and run "
                    "`make generate`. Changed files: " + ", ".join(changed)
                )
            return
        if PACKAGE.exists():
            shutil.rmtree(PACKAGE)
        fresh.rename(PACKAGE)


if __name__ == "__main__":
    main()
