"""Record the cassettes of the workflow tests, from an embedded sandbox or from the real service.

The cassettes are recorded into a temporary folder, searched for secrets, replayed with both clients and,
if recorded from the sandbox, validated against the contract. They replace the old ones only if all of
that succeeds. A recording of the real service is then compared with the sandbox's; a service that does
not match the contract is what the comparison and `make check` are to show, so it is kept.
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
CLEAN = "tests/test_cassettes.py::test_a_cassette_is_clean"
NEEDED = {
    "HAUT_TOKEN": "a private or access token",
    "HAUT_COMPANY_ID": "the company's UUID",
    "HAUT_DATASET_ID": "the UUID of an empty dataset, since its subjects would be recorded",
}


def check_live() -> None:
    """Exit unless the real service can be recorded."""
    missing = [f"{name} ({what})" for name, what in NEEDED.items() if not os.environ.get(name)]
    if missing:
        sys.exit("recording from the real service needs these set: " + "; ".join(missing))
    try:
        with Haut.from_env() as haut:
            total = haut.subjects.list(page_size=1).total
    except HautError as error:
        sys.exit(f"the real service cannot be recorded: {error}")
    if total:
        sys.exit(f"the dataset has {total} subjects, which would be recorded: use an empty one")
    print("recording from the real service: about a dozen photos will be computed and billed")


def run_pytest(what: str, cassettes: Path, *arguments: str) -> None:
    """Run some tests on a folder of cassettes, and exit if they fail."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    if subprocess.run([*command, "--cassettes", str(cassettes)], cwd=ROOT, check=False).returncode:
        sys.exit(f"{what} failed; the cassettes are unchanged")


def check_contract(cassettes: Path) -> None:
    """Exit if a recorded exchange does not match the contract."""
    violations = validate(sorted(cassettes.glob("*.yaml"))).violations
    if violations:
        sys.exit("\n".join([*violations, "the cassettes are unchanged"]))


def report_differences() -> None:
    """Print how the recording of the real service differs from the sandbox's, and write it to a file."""
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
        run_pytest("the search for secrets", recorded, CLEAN)
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
