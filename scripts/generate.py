"""Write generated/haut_api from openapi/haut.yaml, or check that it is what would be written.

The generator's input is the contract with openapi/overlay.yaml applied; its output replaces the
package as a whole, so nothing stale survives. Everything that decides the bytes is pinned: the
generator and ruff by requirements-dev.txt, the originals of the forked templates by their SHA-256
in openapi/templates/upstream.sha256.
"""

from __future__ import annotations

import argparse
import filecmp
import hashlib
import json
import os
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

ROOT = Path(__file__).resolve().parent.parent
SPEC = ROOT / "openapi" / "haut.yaml"
OVERLAY = ROOT / "openapi" / "overlay.yaml"
CONFIG = ROOT / "openapi" / "generator.yaml"
TEMPLATES = ROOT / "openapi" / "templates"
UPSTREAM_HASHES = TEMPLATES / "upstream.sha256"
PACKAGE = ROOT / "generated" / "haut_api"


def overlaid(path: Path) -> dict[str, Any]:
    """Return the contract with an overlay applied.

    Raises:
        SystemExit: If an action matches nothing: a renamed path upstream would drop a correction
            without a word.
    """
    document: dict[str, Any] = yaml.safe_load(SPEC.read_text("utf-8"))
    overlay = yaml.safe_load(path.read_text("utf-8"))
    for action in overlay["actions"]:
        if not parse_jsonpath(action["target"]).find(document):
            sys.exit(
                f"{path.name}: the action on {action['target']} matches nothing in {SPEC.name}"
            )
        apply_overlay(document, {"actions": [action]})
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


def write_package(document: dict[str, Any], target: Path, **options: Any) -> None:
    """Write the package of a document into the folder `target`, which must not exist.

    Args:
        document: The generator's input, whole.
        target: Becomes the package.
        options: How the generator is run, as `subprocess.run` takes them.

    Raises:
        CalledProcessError: If the generator warns of anything; the package may be there all the same.
    """
    tools = Path(sys.executable).parent  # the pinned ruff, whatever else is on PATH
    if not (tools / "ruff").exists():
        sys.exit("ruff is not beside this Python; run `make setup`")
    with tempfile.TemporaryDirectory() as work:
        # JSON, since readers of YAML do not agree on which texts are numbers.
        path = Path(work) / "openapi.json"
        path.write_text(json.dumps(document), "utf-8")
        subprocess.run(
            [
                str(tools / "openapi-python-client"),
                "generate",
                f"--path={path}",
                f"--config={CONFIG}",
                f"--custom-template-path={TEMPLATES}",
                f"--output-path={target}",
                "--meta=none",
                "--fail-on-warning",
            ],
            check=True,
            env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}"},
            **options,
        )
    shutil.rmtree(target / ".ruff_cache", ignore_errors=True)
    (target / "py.typed").touch()


def generate(target: Path) -> None:
    """Write the package into the folder `target`, which must not exist."""
    write_package(overlaid(OVERLAY), target, stdout=subprocess.DEVNULL)


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
    arguments = parser.parse_args()

    check_template_originals()
    with tempfile.TemporaryDirectory(dir=ROOT / "generated") as work:
        fresh = Path(work) / "haut_api"
        generate(fresh)
        if arguments.check:
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
