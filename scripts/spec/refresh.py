"""Update the project to the service's current Swagger, for review (`make refresh SPEC=...`).

The steps are pull, validate, lint, generate, diff, changelog, check and tests; nothing is committed.
If a step fails, the command stops with an error that says how to continue. The contract's files are not
written until the pulled document has passed validation. Each step keeps
its output, so that a failed step can be debugged.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from attrs import define, field, frozen

from haut_ext import __version__
from scripts.generate import OVERLAY, load_contract
from scripts.spec import diff, evidence, page
from scripts.spec.aliases import renamed
from scripts.spec.contract import contract, lacking, published, transcription
from scripts.spec.document import ROOT, SpecError, command, dump
from scripts.spec.names import NAMES, Names
from scripts.spec.pull import Pulled, pull, source_argument, token_for, write

BASE = "HEAD"
BUILD = ROOT / "build"
REPORT = BUILD / "refresh.md"
DETAILS = BUILD / "refresh-details.md"
REJECTED = BUILD / "rejected.yaml"
FRAGMENTS = ROOT / "changelog.d"
LEFT_TO_DO = f"""The change set is ready for review: git diff. Left to do:
1. Read {REPORT.relative_to(ROOT)}, and decide what is marked "to decide" above.
2. Set the proposed version, with which the checks ran, in haut_ext/_version.py, and edit the entries
   in changelog.d.
3. When the sandbox can follow the service's document, run `make retire`."""


@frozen
class Step:
    """A step of `make refresh`.

    Attributes:
        name: The name of the step.
        run: Function that runs the step and returns a short summary.
        when_failed: Message on the state of the working tree after a failure, and on how to continue.
    """

    name: str
    run: Callable[[], str]
    when_failed: str


@define
class Refresh:
    """An update of the contract from one OpenAPI document.

    Attributes:
        source: Path or URL of the OpenAPI document.
        pulled: The downloaded document, after the step "pull".
        report: The comparison with the last commit, after the step "diff".
    """

    source: str
    pulled: Pulled = field(init=False)
    report: diff.Report = field(init=False)

    def steps(self) -> list[Step]:
        """Return the steps of `make refresh` in the order in which they run."""
        report, rejected = REPORT.relative_to(ROOT), REJECTED.relative_to(ROOT)
        updated = f"haut.yaml, generated/, changelog.d and {report}"
        return [
            Step("pull", self.pull, "No file was changed."),
            Step(
                "validate",
                self.validate,
                f"The contract was not changed; the pulled document is in {rejected}.",
            ),
            Step(
                "lint",
                lambda: _run(sys.executable, "-m", "scripts.lint_spec"),
                "haut.yaml was replaced. If the service's document violates a linter rule, disable "
                "the rule in openapi/redocly.yaml, state the reason there, and run `make refresh` "
                "again.",
            ),
            Step(
                "generate",
                lambda: _run("make", "generate"),
                "haut.yaml was replaced; generated/ was not changed. Correct the document in "
                "openapi/overlay.yaml, and run `make refresh` again.",
            ),
            Step("diff", self.compare, "haut.yaml and generated/ were updated."),
            Step("changelog", self.log, f"haut.yaml, generated/ and {report} were updated."),
            Step(
                "check",
                self.check,
                f"{updated} were updated. Update haut_ext where the checks fail, and run `make check`.",
            ),
            Step(
                "tests",
                lambda: _run("make", "test"),
                f"{updated} were updated. Update haut_ext, the sandbox and the cassettes; then run "
                "`make test`.",
            ),
        ]

    def pull(self) -> str:
        self.pulled = pull(self.source, token_for(self.source))
        return f"{len(self.pulled.document['paths'])} paths"

    def validate(self) -> str:
        # Apply the overlay before validation, so that it can correct errors in the document.
        try:
            load_contract(OVERLAY, self.pulled.contract())
        except SpecError:
            BUILD.mkdir(exist_ok=True)
            REJECTED.write_text(dump(self.pulled.document), "utf-8")
            raise
        changed = write(self.pulled)
        _add_aliases()
        return "haut.yaml was replaced" if changed else "haut.yaml is up to date"

    def compare(self) -> str:
        self.report = diff.compare(BASE)
        BUILD.mkdir(exist_ok=True)
        DETAILS.write_text(f"{diff.render(self.report)}\n{evidence.render(BASE)}", "utf-8")
        labels = evidence.checked_labels(BASE)
        known = published()
        transcribed = [operation.id for operation in lacking(known, transcription() or known)]
        details = str(DETAILS.relative_to(ROOT))
        REPORT.write_text(page.render(self.report, labels, transcribed, details), "utf-8")
        return f"{self.report.severity.name.lower()}; see {REPORT.relative_to(ROOT)}"

    def log(self) -> str:
        written = write_fragments(FRAGMENTS, self.report)
        return f"{written} entries in changelog.d; proposed version: {self.report.next_version}"

    def check(self) -> str:
        # The person who reviews the change set decides on the version, so the checks assume that the
        # proposal is accepted.
        return _run("make", "check", NEXT_VERSION=self.report.next_version)


def _add_aliases() -> None:
    """Add an alias to names.yaml for each operation and model that has a new name."""
    names, now = Names.read(NAMES), contract()
    major, minor, _ = __version__.split(".")
    until = f"{major}.{int(minor) + 2}.0"
    added = {old: [new, until] for old, new in renamed(contract(BASE), now).items()}
    if added.keys() - names.aliases.keys():
        names.aliases = {**added, **names.aliases}
        names.write(NAMES)
        for old, (new, _) in added.items():
            print(f"{NAMES.relative_to(ROOT)}: {old} is a deprecated alias of {new} until {until}")


def _run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "GNUMAKEFLAGS": "--no-print-directory", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise SpecError(f"`{' '.join([Path(command[0]).name, *command[1:]])}` failed")
    return "passed"


def write_fragments(folder: Path, report: diff.Report) -> int:
    """Write a fragment of the changelog for each entry; return their number."""
    entries = list(page.entries(report))
    for kind, text in entries:
        # The same change gets the same name, so that a refresh that is repeated adds nothing.
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        (folder / f"+swagger-{digest}.{kind}.md").write_text(f"{text}\n", "utf-8")
    return len(entries)


def main() -> None:
    for step in Refresh(source_argument(__doc__)).steps():
        command(
            f"refresh: {step.name} failed",
            lambda step=step: print(f"{step.name}: {step.run()}", flush=True),  # type: ignore[misc]
            when_failed=f"\n{step.when_failed}",
        )
    print(LEFT_TO_DO)


if __name__ == "__main__":
    main()
