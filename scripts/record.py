"""Record the cassettes of the workflow tests from an embedded sandbox or from the real service.

The cassettes are recorded in a temporary folder, searched for secrets and replayed with both clients.
They replace the existing cassettes only if all steps succeed. Cassettes from the sandbox must also match
the OpenAPI contract. Cassettes from the real service do not have to: `make check` reports where they
violate the contract, and this script reports how they differ from the cassettes of the sandbox.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from haut_ext import Haut, HautError
from scripts.cassettes import CASSETTES, ROOT, compare, page, validate

REPORT = ROOT / "build" / "record-live.md"
WORKFLOWS = ("tests/_async/test_workflows.py", "tests/_sync/test_workflows.py")
SECRETS_TEST = "tests/test_cassettes.py::test_a_cassette_contains_no_secrets"
REQUIRED = {
    "HAUT_TOKEN": "a private or access token",
    "HAUT_COMPANY_ID": "the company's UUID",
    "HAUT_DATASET_ID": "the UUID of an empty dataset, because existing subjects would be recorded",
}


def check_live() -> None:
    """Exit if environment variables for the real service are missing, or if the dataset is not empty."""
    missing = [
        f"{name} ({meaning})" for name, meaning in REQUIRED.items() if not os.environ.get(name)
    ]
    if missing:
        sys.exit(
            "recording from the real service requires these environment variables: "
            + "; ".join(missing)
        )
    try:
        with Haut.from_env() as haut:
            total = haut.subjects.list(page_size=1).total
    except HautError as error:
        sys.exit(f"cannot record from the real service: {error}")
    if total:
        sys.exit(f"the dataset has {total} subjects, which would be recorded; use an empty dataset")
    print("recording from the real service, which bills the analysis of about a dozen photos")


def run_pytest(step: str, cassettes: Path, *arguments: str) -> None:
    """Run tests that use a folder of cassettes. Exit if they fail."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    if subprocess.run([*command, "--cassettes", str(cassettes)], cwd=ROOT, check=False).returncode:
        sys.exit(f"{step} failed; the cassettes were not changed")


def check_contract(cassettes: Path) -> None:
    """Exit if a recorded request or response does not match the OpenAPI contract."""
    violations = validate(sorted(cassettes.glob("*.yaml"))).violations
    if violations:
        sys.exit("\n".join([*violations, "the cassettes were not changed"]))


def report_differences() -> None:
    """Print how cassettes of the sandbox and of the real service differ, and write this to a file."""
    text = page(compare(CASSETTES / "sandbox", CASSETTES / "live"))
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(text, "utf-8")
    print(f"\n{text}\nwritten to {REPORT.relative_to(ROOT)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--live", action="store_true", help="record from the real service")
    origin = "live" if parser.parse_args().live else "sandbox"
    if origin == "live":
        check_live()
    with tempfile.TemporaryDirectory() as folder:
        recorded = Path(folder) / origin
        run_pytest("recording", recorded, WORKFLOWS[0], "--record-mode=rewrite")
        run_pytest("the search for secrets", recorded, SECRETS_TEST)
        run_pytest("replaying", recorded, *WORKFLOWS)
        if origin == "sandbox":
            check_contract(recorded)
        shutil.rmtree(CASSETTES / origin, ignore_errors=True)
        shutil.copytree(recorded, CASSETTES / origin)
    count = len(list((CASSETTES / origin).iterdir()))
    print(f"{count} cassettes in {(CASSETTES / origin).relative_to(ROOT)}/")
    if origin == "live":
        report_differences()


if __name__ == "__main__":
    main()
