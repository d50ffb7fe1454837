"""Write generated/haut_api from openapi/haut.yaml, or check that it is what would be written.

The generator's input is the contract with openapi/overlay.yaml applied; its output replaces the
package as a whole, so nothing stale survives. Everything that decides the bytes is pinned: the
generator and ruff by requirements.lock, the originals of the forked templates by their SHA-256
in openapi/templates/upstream.sha256.
"""

from __future__ import annotations

import argparse
import copy
import filecmp
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import openapi_python_client
import yaml
from jsonpath_ng.ext.parser import parse as parse_jsonpath
from oas_patch.overlay import apply_overlay

from scripts.spec.document import SpecError, command, dump, faults, parse
from scripts.spec.names import NAMES, Names
from scripts.spec.prepare import Prepared, prepare

ROOT = Path(__file__).resolve().parent.parent
SPEC = ROOT / "openapi" / "haut.yaml"
OVERLAY = ROOT / "openapi" / "overlay.yaml"
CONFIG = ROOT / "openapi" / "generator.yaml"
TEMPLATES = ROOT / "openapi" / "templates"
UPSTREAM_HASHES = TEMPLATES / "upstream.sha256"
PACKAGE = ROOT / "generated" / "haut_api"


def overlaid(path: Path, contract: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the contract with an overlay and our names applied, as the generator will see it.

    Args:
        path: The overlay.
        contract: The contract; haut.yaml if it is left out.

    Raises:
        SpecError: If an action matches nothing, since a renamed path upstream would drop a correction
            without a word, or if the result is not valid.
    """
    document = copy.deepcopy(contract or parse(SPEC.read_text("utf-8"), SPEC.name))
    overlay = yaml.safe_load(path.read_text("utf-8"))
    for action in overlay.get("actions") or []:
        if not parse_jsonpath(action["target"]).find(document):
            raise SpecError(
                f"{path.name}: the action on {action['target']} matches nothing in {SPEC.name}"
            )
        apply_overlay(document, {"actions": [action]})
    document = Names.read(NAMES).applied(document)
    if found := faults(document):
        raise SpecError("the document is not valid OpenAPI\n  " + "\n  ".join(found))
    return document


def template_originals() -> dict[str, str]:
    """Return the SHA-256 of the installed generator's own copy of each forked template."""
    upstream = Path(openapi_python_client.__file__).parent / "templates"
    forked = sorted(path.relative_to(TEMPLATES) for path in TEMPLATES.rglob("*.jinja"))
    return {
        str(path): hashlib.sha256((upstream / path).read_bytes()).hexdigest() for path in forked
    }


def check_template_originals() -> None:
    """Refuse to go on when the original of a forked template is not the one the fork was made from."""
    lines = UPSTREAM_HASHES.read_text("utf-8").splitlines()
    expected = {name: digest for digest, name in (line.split() for line in lines)}
    found = template_originals()
    if changed := sorted({name for name, _ in expected.items() ^ found.items()}):
        sys.exit(
            f"the originals of forked templates changed: {', '.join(changed)}. Compare the new ones "
            f"with the forks in {TEMPLATES.relative_to(ROOT)}, carry over what is new, then write "
            f"their SHA-256 to {UPSTREAM_HASHES.name}: " + str(found)
        )


def write_package(document: dict[str, Any], target: Path) -> Prepared:
    """Write the package of a document into the folder `target`, which must not exist.

    Returns what the generator was given.

    Raises:
        SpecError: If the document has a construct that the package could not honour. The package may
            be there all the same.
    """
    prepared = prepare(document)
    tools = Path(sys.executable).parent  # the pinned ruff, whatever else is on PATH
    if not (tools / "ruff").exists():
        raise SpecError("ruff is not beside this Python; run `make setup`")
    with tempfile.TemporaryDirectory() as work:
        path, config, templates = (
            Path(work) / name for name in ("openapi.json", "config.yaml", "templates")
        )
        # JSON, since readers of YAML do not agree on which texts are numbers.
        path.write_text(json.dumps(prepared.document), "utf-8")
        settings = yaml.safe_load(CONFIG.read_text("utf-8"))
        settings["content_type_overrides"] = prepared.content_types
        config.write_text(yaml.safe_dump(settings), "utf-8")
        shutil.copytree(TEMPLATES, templates)
        whole = json.dumps(document, ensure_ascii=False, indent=1).encode()
        digest = hashlib.sha256(whole).hexdigest()
        (templates / "document.jinja").write_text(prepared.templates(digest), "utf-8")
        done = subprocess.run(
            [
                str(tools / "openapi-python-client"),
                "generate",
                f"--path={path}",
                f"--config={config}",
                f"--custom-template-path={templates}",
                f"--output-path={target}",
                "--meta=none",
                "--fail-on-warning",
            ],
            check=False,
            env={
                **os.environ,
                "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}",
                "NO_COLOR": "1",
                "COLUMNS": "200",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    if done.returncode:
        raise SpecError(f"the generator cannot express the document: {complaint(done.stdout)}")
    shutil.rmtree(target / ".ruff_cache", ignore_errors=True)
    (target / "py.typed").touch()
    (target / "openapi.json").write_bytes(whole)
    return prepared


def losses(document: dict[str, Any], prepared: Prepared, folder: Path) -> list[str]:
    """Return what the package in a folder does not do as the document says, each with its place.

    The package is used in a process of its own, since another one of its name may be imported here.
    """
    with tempfile.TemporaryDirectory() as work:
        paths = [Path(work) / name for name in ("document.json", "names.json")]
        for path, content in zip(paths, (document, prepared.fields), strict=True):
            path.write_text(json.dumps(content), "utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "scripts.spec.completeness", *map(str, paths), str(folder)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        return [f"the completeness check fails: {complaint(done.stderr)}"]
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def refuse_losses(document: dict[str, Any], prepared: Prepared, folder: Path) -> None:
    """Refuse a package that is not what its document says.

    Raises:
        SpecError: If something is missing, merged or sent otherwise.
    """
    if found := losses(document, prepared, folder):
        shown = found[:50] + ([f"and {len(found) - 50} more"] if len(found) > 50 else [])
        raise SpecError(
            "the package is not what the document says. Correct the document in openapi/overlay.yaml, "
            "or leave the operation out of openapi/sections.yaml:\n  " + "\n  ".join(shown)
        )


def complaint(output: str) -> str:
    """Return what the generator's output says is wrong, without data dumps, tracebacks and addresses."""
    lines = [line.strip(" │╭╮╰╯─\n") for line in re.sub(r"\x1b\[[0-9;]*m", "", output).splitlines()]
    if any("Traceback" in line for line in lines):
        kept = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)][-1:]
    else:
        kept = [
            line
            for line in lines
            if line
            and not line.startswith(
                ("{", "}", "[", "]", '"', "Generating", "Warning(s)", "Error(s)", "If you believe")
            )
        ]
    return re.sub(r"<?\S* at 0x[0-9a-f]+>?", "(object)", "; ".join(kept)) or "no reason given"


def generate(target: Path) -> None:
    """Write the package into the folder `target`, which must not exist.

    Raises:
        SpecError: If the package would not be what the contract says.
    """
    document = overlaid(OVERLAY)
    prepared = write_package(document, target)
    for construct, places in prepared.unmodelled.items():
        more = f" and {len(places) - 1} other places" if len(places) > 1 else ""
        print(f"not modelled, left to the service: {construct} at {places[0]}{more}")
    refuse_losses(document, prepared, target.parent)


def differences(left: Path, right: Path) -> list[str]:
    """Return the relative paths of files that are not the same, byte for byte, in both folders."""

    def files(folder: Path) -> set[str]:
        return {
            str(path.relative_to(folder))
            for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }

    common = files(left) & files(right)
    _, changed, unreadable = filecmp.cmpfiles(left, right, common, shallow=False)
    return sorted({*changed, *unreadable, *(files(left) ^ files(right))})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if it would change"
    )
    parser.add_argument(
        "--contract", type=Path, help="write only the document that the generator is given, as YAML"
    )
    arguments = parser.parse_args()
    if arguments.contract:
        command("contract", lambda: _write_contract(arguments.contract))
        return

    check_template_originals()
    command("generate", lambda: run(check=arguments.check))


def _write_contract(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(dump(overlaid(OVERLAY)), "utf-8")


def run(*, check: bool) -> None:
    """Write generated/haut_api, or fail if that would change it."""
    with tempfile.TemporaryDirectory(dir=ROOT / "generated") as work:
        fresh = Path(work) / "haut_api"
        generate(fresh)
        if check:
            if changed := differences(fresh, PACKAGE):
                sys.exit(
                    "generated/haut_api is not what `make generate` writes. Never edit it by hand; "
                    "change openapi/ and run `make generate`. Differing: " + ", ".join(changed)
                )
            return
        if PACKAGE.exists():
            shutil.rmtree(PACKAGE)
        fresh.rename(PACKAGE)


if __name__ == "__main__":
    main()
